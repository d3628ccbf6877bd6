package secret

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Mask is printed in place of a secret.
const Mask = "<secret>"

// Secret is a text that is never printed. The zero value is "not set".
//
// The text is behind a pointer because fmt calls no methods on values in unexported fields:
// it then prints the pointer's address instead of the text.
type Secret struct{ text *string }

// New makes a Secret from a text.
func New(text string) Secret { return Secret{text: &text} }

// Reveal returns the text. Call it only where the text is used, and do not store the result.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsSet reports whether the text is not empty.
func (s Secret) IsSet() bool { return s.Reveal() != "" }

// String implements fmt.Stringer.
func (s Secret) String() string {
	if !s.IsSet() {
		return ""
	}
	return Mask
}

// Format implements fmt.Formatter: every verb prints the mask.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue implements slog.LogValuer.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText implements encoding.TextMarshaler, which JSON and YAML use too.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Secret) UnmarshalText(b []byte) error {
	*s = New(string(b))
	return nil
}

// shortest is the length in bytes below which a secret is not redacted: replacing every "a"
// would hide nothing and make the message unreadable.
const shortest = 4

// longestWord is the length in characters up to which a secret of letters alone, or of digits alone,
// is taken for a common word.
const longestWord = 8

// Redactor replaces known secrets in text. It is safe for concurrent use; the zero value
// knows no secrets, and a nil one changes nothing.
//
// A password such as "order" or "2026" is in many texts that have nothing to do with it. To replace
// it everywhere would make them unreadable, and would even tell the password: it is what is missing.
// Such a short word is replaced only where it stands as a credential: after a name such as
// password, token or Authorization, in the user's part of an address, and as a value of a query.
// Everything longer, or of letters mixed with digits or signs, is replaced wherever it is.
type Redactor struct {
	mu       sync.RWMutex
	known    map[string]bool
	words    map[string]bool
	replacer *strings.Replacer
	credible *regexp.Regexp // a word where it stands as a credential; nil: there are no words
}

// Learn adds secrets, each also in the forms in which libraries print them: escaped for a
// URL's path and query, and quoted.
func (r *Redactor) Learn(secrets ...Secret) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known == nil {
		r.known = map[string]bool{}
	}
	for _, s := range secrets {
		t := strings.TrimSpace(s.Reveal())
		if len(t) < shortest {
			continue
		}
		if IsWord(t) {
			r.learnWord(t)
			continue
		}
		quoted := fmt.Sprintf("%q", t)
		for _, form := range []string{t, url.QueryEscape(t), url.PathEscape(t), quoted[1 : len(quoted)-1]} {
			r.known[form] = true
		}
		// Of a webhook's address, libraries also print the path with the query alone.
		if u, err := url.Parse(t); err == nil && u.Host != "" {
			if rest := u.RequestURI(); len(rest) > shortest {
				r.known[rest] = true
			}
		}
	}
	forms := make([]string, 0, len(r.known))
	for f := range r.known {
		forms = append(forms, f)
	}
	// Longest first, so that a secret that contains another one is replaced as a whole.
	slices.SortFunc(forms, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	pairs := make([]string, 0, 2*len(forms))
	for _, f := range forms {
		pairs = append(pairs, f, Mask)
	}
	r.replacer = strings.NewReplacer(pairs...)
}

// Longest is the length in bytes of the longest text that is taken for a secret, 0 when none is known:
// so much of a text's edge may be a part of one.
func (r *Redactor) Longest() int {
	if r == nil {
		return 0
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	longest := 0
	for form := range r.known {
		longest = max(longest, len(form), base64.StdEncoding.EncodedLen(len(form)+longestContext))
	}
	if len(r.words) > 0 {
		longest = max(longest, longestContext)
	}
	return longest
}

// longestContext is more than the length of a name and the common word after it that is a secret.
const longestContext = 64

// IsWord reports whether a secret is so short and plain that it is also found in texts that have nothing
// to do with it.
func IsWord(text string) bool {
	if utf8.RuneCountInString(text) > longestWord {
		return false
	}
	other := func(is func(rune) bool) bool { return strings.ContainsFunc(text, func(c rune) bool { return !is(c) }) }
	return !other(unicode.IsLetter) || !other(unicode.IsDigit)
}

// beforeCredential is what stands before a credential.
const beforeCredential = `(?i:pass[a-z]*|pwd|secret|token|key|basic|bearer|auth[a-z]*|credentials?|cookie|session|密码|口令|令牌|密钥)` +
	`["'”’\s]{0,2}(?:[:=：＝]|(?i:is|was)\b)?\s?["'“‘]?|://[^\s/@:]*:|[?&][^\s=&]*=`

// learnWord adds a secret that is replaced only where it stands as a credential.
func (r *Redactor) learnWord(word string) {
	if r.words == nil {
		r.words = map[string]bool{}
	}
	r.words[regexp.QuoteMeta(word)] = true
	words := slices.SortedFunc(maps.Keys(r.words), func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	r.credible = regexp.MustCompile(`(` + beforeCredential + `)(?:` + strings.Join(words, "|") + `)([^\pL\pN]|$)`)
}

// Redact returns the text with every known secret replaced by Mask.
func (r *Redactor) Redact(text string) string {
	if r == nil {
		return text
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.replacer != nil {
		text = r.replacer.Replace(text)
	}
	text = r.redactEncoded(text)
	if r.credible != nil {
		text = r.credible.ReplaceAllString(text, "${1}"+Mask+"${2}")
	}
	return text
}

// Error returns an error with a redacted text that wraps err.
func (r *Redactor) Error(err error) error {
	if err == nil {
		return nil
	}
	return &redacted{text: r.Redact(err.Error()), cause: err}
}

type redacted struct {
	text  string
	cause error
}

func (e *redacted) Error() string { return e.text }
func (e *redacted) Unwrap() error { return e.cause }
