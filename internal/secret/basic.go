package secret

import (
	"encoding/base64"
	"net/url"
	"regexp"
	"strings"
)

// encoded finds what may be base64, in either alphabet, also with its signs escaped for a URL. The
// scheme before it, if there is one, is a group.
var encoded = regexp.MustCompile(`((?i:\bbasic(?:\s|:|=|%20|\+)+))?(?:[A-Za-z0-9+/_-]|%2[BbFf]){6,}(?:=|%3[Dd]){0,2}`)

// mostParts bounds how many parts of a path are looked at.
const mostParts = 16

// redactEncoded masks credentials in base64: what follows Basic, and what has a known secret in it, such
// as a user and a password together. A part of it would tell a part of the secret.
func (r *Redactor) redactEncoded(text string) string {
	return encoded.ReplaceAllStringFunc(text, func(found string) string {
		scheme := encoded.FindStringSubmatch(found)[1]
		value := found[len(scheme):]
		plain, ok := decode(value)
		if ok && (scheme != "" && strings.Contains(plain, ":") || r.holds(plain)) {
			return scheme + Mask
		}
		// In a path, it stands after a slash, which base64 has, too.
		for at, tries := strings.IndexByte(value, '/'), 0; at >= 0 && at+1 < len(value) && tries < mostParts; tries++ {
			if plain, ok := decode(value[at+1:]); ok && r.holds(plain) {
				return scheme + value[:at+1] + Mask
			}
			next := strings.IndexByte(value[at+1:], '/')
			if next < 0 {
				break
			}
			at += 1 + next
		}
		return found
	})
}

// holds tells whether a decoded text has a secret in it. A common word must be all of its user's or
// password's part.
func (r *Redactor) holds(plain string) bool {
	user, password, both := strings.Cut(plain, ":")
	if both && (r.words[user] || r.words[password]) || r.words[plain] {
		return true
	}
	for known := range r.known {
		if strings.Contains(plain, known) {
			return true
		}
	}
	return false
}

func decode(text string) (string, bool) {
	if unescaped, err := url.PathUnescape(text); err == nil {
		text = unescaped
	}
	text = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(strings.TrimLeft(text, "="), "="))
	plain, err := base64.RawStdEncoding.DecodeString(text)
	return string(plain), err == nil
}
