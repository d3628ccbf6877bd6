package secret

import (
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// Mask is what a secret prints as.
const Mask = "<secret>"

// Secret is a text that never prints. The zero value is "not set".
//
// The text is behind a pointer because fmt calls no method of what stands in an unexported
// field: there it prints an address, and not the text.
type Secret struct{ text *string }

// New makes a Secret of a text.
func New(text string) Secret { return Secret{text: &text} }

// Reveal gives the text. Call it on the line that needs it and keep the result nowhere.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsSet tells whether there is a text.
func (s Secret) IsSet() bool { return s.Reveal() != "" }

// String implements fmt.Stringer.
func (s Secret) String() string {
	if !s.IsSet() {
		return ""
	}
	return Mask
}

// Format implements fmt.Formatter, so that no verb reaches the field by reflection.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue implements slog.LogValuer.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText implements encoding.TextMarshaler and with it JSON and YAML.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Secret) UnmarshalText(b []byte) error {
	*s = New(string(b))
	return nil
}

// shortest is the length in bytes below which a secret is not searched for in text: a
// replacement of "a" everywhere would hide nothing and destroy the message.
const shortest = 4

// Redactor takes known secrets out of text. It is safe for concurrent use; the zero value
// knows no secrets.
type Redactor struct {
	mu       sync.RWMutex
	known    map[string]bool
	replacer *strings.Replacer
}

// Learn adds secrets, each also in the forms in which libraries print them: escaped for a
// URL's path and query.
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
		quoted := fmt.Sprintf("%q", t)
		for _, form := range []string{t, url.QueryEscape(t), url.PathEscape(t), quoted[1 : len(quoted)-1]} {
			r.known[form] = true
		}
		// A webhook address is secret as a whole, and so is what of it libraries quote: path and query.
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
	// Longest first: a secret that contains another one must go as a whole.
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

// Redact gives the text with every known secret replaced by Mask.
func (r *Redactor) Redact(text string) string {
	if r == nil {
		return text
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.replacer == nil {
		return text
	}
	return r.replacer.Replace(text)
}

// Error gives an error whose text is redacted and which errors.Is and errors.As still see through.
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
