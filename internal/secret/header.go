package secret

import (
	"strings"
	"unicode"
)

// InHeader reports whether a header usually holds a credential, by its name.
func InHeader(name string) bool {
	name = strings.ToLower(name)
	switch name {
	case "idempotency-key", "surrogate-key":
		return false
	}
	for _, word := range []string{
		"cookie", "token", "secret", "auth", "api-key", "apikey", "signature", "hmac", "pass", "pwd", "credential", "session",
	} {
		// X-Current-Token-Count is a number and no secret.
		if strings.Contains(name, word) && !strings.HasSuffix(name, "-count") {
			return true
		}
	}
	return strings.HasSuffix(name, "-key")
}

// HeaderValue reports whether the value of a configured header is to be kept secret: by the header's
// name, or because it looks like a credential. Values from the environment or a file are secret
// whatever this says; the loader of the configuration sees to that.
func HeaderValue(name, value string) bool {
	return InHeader(name) || looksRandom(value)
}

// looksRandom reports whether a text is one long word of letters and digits, as tokens are and words
// are not.
func looksRandom(text string) bool {
	const shortestToken = 16
	letters, digits := 0, 0
	for _, r := range text {
		switch {
		case unicode.IsLetter(r):
			letters++
		case unicode.IsDigit(r):
			digits++
		case !strings.ContainsRune("_-.=+", r):
			return false
		}
	}
	return len(text) >= shortestToken && letters > 2 && digits > 2
}
