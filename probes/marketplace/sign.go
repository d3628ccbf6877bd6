package marketplace

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"maps"
	"net/http"
	"slices"
	"strings"

	"guardian/internal/secret"
)

// Kind is a kind of message that is signed.
type Kind string

// The kinds.
const (
	KindRequest   Kind = "request"   // an API call, to the platform
	KindPush      Kind = "push"      // what the platform sends to the seller
	KindChallenge Kind = "challenge" // an endpoint's proof that it belongs to the seller
)

// Call is a request or a push as it is sent. Nothing is added to it: everything that the signature
// covers, such as a timestamp, must be there.
type Call struct {
	Method string
	Path   string            // without the query
	Query  map[string]string // decoded
	Header http.Header
	Body   []byte
	URL    string // the registered address of the seller's endpoint
}

// Keys are what a call is signed or verified with.
type Keys struct {
	Secret    secret.Secret // app secret, partner key, access token or verification token
	AppKey    string        // app key, partner ID or key ID; not secret
	PublicKey string        // PEM, its line breaks may be gone
}

// Signed is the result of signing.
type Signed struct {
	Signature string            // "" if the platform has none
	Headers   map[string]string // to be sent along, in the platform's spelling; they may hold the secret
	Reason    string            // why there is no signature
}

// Verification is the result of verifying a call's signature.
type Verification struct {
	Valid  bool
	Reason string // what was verified, or why it is not valid
}

// scheme is how one kind of call is signed and verified. Both return an error if keys are missing or
// unusable, and an unlikeError if the call lacks a field that the platform signs.
type scheme struct {
	sign   func(Call, Keys) (Signed, error)
	verify func(Call, Keys) (Verification, error)
}

// Sign signs a call. Its error names the missing field.
func (p Platform) Sign(kind Kind, c Call, k Keys) (Signed, error) {
	s, err := p.scheme(kind)
	if err != nil {
		return Signed{}, err
	}
	signed, err := s.sign(c, k)
	if err != nil {
		return Signed{}, fmt.Errorf("sign a %s of %s: %w", kind, p.Name, err)
	}
	return signed, nil
}

// Verify checks the signature of a call, in constant time. It returns an error only if a key is
// missing: a call that lacks a field that the platform signs is not valid.
func (p Platform) Verify(kind Kind, c Call, k Keys) (Verification, error) {
	s, err := p.scheme(kind)
	if err != nil {
		return Verification{}, err
	}
	v, err := s.verify(c, k)
	var u unlikeError
	if errors.As(err, &u) {
		return invalid("%s", strings.ReplaceAll(u.Error(), "\n", "; "))
	}
	if err != nil {
		return Verification{}, fmt.Errorf("verify a %s of %s: %w", kind, p.Name, err)
	}
	return v, nil
}

func (p Platform) scheme(kind Kind) (scheme, error) {
	all := map[Kind]scheme{KindRequest: p.request, KindPush: p.push, KindChallenge: p.challenge}
	var kinds []string
	for _, k := range slices.Sorted(maps.Keys(all)) {
		if all[k].sign != nil {
			kinds = append(kinds, string(k))
		}
	}
	choices := strings.Join(kinds, ", ")
	s, known := all[kind]
	switch {
	case kind == "":
		return s, fmt.Errorf("kind is missing: for %s it is one of %s", p.Name, choices)
	case !known:
		return s, fmt.Errorf("kind %q is not one of request, push, challenge", kind)
	case s.sign == nil:
		return s, fmt.Errorf("%s has no %s: kind is one of %s", p.Name, kind, choices)
	}
	return s, nil
}

func missing(field, what string) error { return fmt.Errorf("%s is missing: %s", field, what) }

// needs joins what is missing; triples are field, value, what it is.
func needs(triples ...string) error {
	var errs []error
	for i := 0; i+2 < len(triples); i += 3 {
		if triples[i+1] == "" {
			errs = append(errs, missing(triples[i], triples[i+2]))
		}
	}
	return errors.Join(errs...)
}

// unlikeError is why a call cannot be from the platform.
type unlikeError struct{ error }

// unusable joins what is wrong with keys and call.
func unusable(keys, call error) error {
	if keys == nil && call != nil {
		return unlikeError{call}
	}
	return errors.Join(keys, call)
}

// needsPath requires a path without a query, which would be signed as a part of it.
func needsPath(c Call, such string) error {
	if c.Path == "" {
		return missing("path", "of the call, such as "+such)
	}
	if !strings.HasPrefix(c.Path, "/") || strings.ContainsAny(c.Path, "?#") {
		return errors.New("path must start with / and hold no query: put that into query")
	}
	return nil
}

func needsSecret(k Keys, what string) error { return needs("secret", k.Secret.Reveal(), what) }

// mac is an HMAC as lower-case hex.
func mac(h func() hash.Hash, key secret.Secret, parts ...string) string {
	m := hmac.New(h, []byte(key.Reveal()))
	for _, p := range parts {
		_, _ = m.Write([]byte(p))
	}
	return hex.EncodeToString(m.Sum(nil))
}

// sorted concatenates names and values in the order of the names' bytes.
func sorted(params map[string]string, leaveOut ...string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(params)) {
		if !slices.Contains(leaveOut, name) {
			b.WriteString(name)
			b.WriteString(params[name])
		}
	}
	return b.String()
}

// equal compares in constant time; it may reveal the lengths, which are not secret.
func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

func valid(format string, args ...any) (Verification, error) {
	return Verification{Valid: true, Reason: fmt.Sprintf(format, args...)}, nil
}

func invalid(format string, args ...any) (Verification, error) {
	return Verification{Reason: fmt.Sprintf(format, args...)}, nil
}

// inQuery is a request's signature in its query.
func inQuery(parameter string, sign func(Call, Keys) (string, error)) scheme {
	return scheme{
		sign: func(c Call, k Keys) (Signed, error) {
			s, err := sign(c, k)
			return Signed{Signature: s}, err
		},
		verify: func(c Call, k Keys) (Verification, error) {
			want, err := sign(c, k)
			if err != nil {
				return Verification{}, err
			}
			return compare("query."+parameter, c.Query[parameter], want)
		},
	}
}

// compare reports whether the received signature is the expected one.
func compare(where, got, want string) (Verification, error) {
	switch {
	case got == "":
		return invalid("%s is missing", where)
	case equal(got, want):
		return valid("%s is the signature of this call", where)
	case equal(strings.ToUpper(got), strings.ToUpper(want)): // EqualFold would reveal by its time how much is right
		return invalid("%s is right but in the wrong case", where)
	default:
		return invalid("%s is not the signature of this call: another secret, or the call was changed", where)
	}
}

// inHeader is a push's signature in a header as bare hex.
func inHeader(header string, sign func(Call, Keys) (string, error)) scheme {
	return scheme{
		sign: func(c Call, k Keys) (Signed, error) {
			s, err := sign(c, k)
			return Signed{Signature: s, Headers: map[string]string{header: s}}, err
		},
		verify: func(c Call, k Keys) (Verification, error) {
			want, err := sign(c, k)
			if err != nil {
				return Verification{}, err
			}
			got, v := oneHeader(c.Header, header)
			if v != nil {
				return *v, nil
			}
			if prefix, _, spaced := strings.Cut(got, " "); spaced {
				return invalid("%s has a prefix, %.20q: it must be the signature alone", header, prefix)
			}
			sum, err := hex.DecodeString(got)
			if err != nil || len(sum) != sha256.Size {
				return invalid("%s is malformed: it must be the %d hex digits of an HMAC-SHA256, and has %d characters", header, 2*sha256.Size, len(got))
			}
			return compare("header "+header, strings.ToLower(got), want)
		},
	}
}

// oneHeader returns a header's only value, or why the call is not valid.
func oneHeader(h http.Header, name string) (string, *Verification) {
	values := h.Values(name)
	switch {
	case len(values) == 0 || strings.TrimSpace(values[0]) == "":
		return "", &Verification{Reason: "header " + name + " is missing"}
	case len(values) > 1:
		return "", &Verification{Reason: "header " + name + " is there more than once"}
	}
	return strings.TrimSpace(values[0]), nil
}

// bearer is the scheme of requests that are authorised by a token in a header and not signed.
func bearer(header, prefix string, others map[string]string) scheme {
	return scheme{
		sign: func(_ Call, k Keys) (Signed, error) {
			headers := map[string]string{header: prefix + k.Secret.Reveal()}
			maps.Copy(headers, others)
			return Signed{
				Headers: headers,
				Reason:  fmt.Sprintf("requests are not signed: the access token in header %s authorises them", header),
			}, needsSecret(k, "the access token")
		},
		verify: func(c Call, k Keys) (Verification, error) {
			if err := needsSecret(k, "the access token"); err != nil {
				return Verification{}, err
			}
			got, v := oneHeader(c.Header, header)
			if v != nil {
				return *v, nil
			}
			if len(got) < len(prefix) || !strings.EqualFold(got[:len(prefix)], prefix) {
				return invalid("header %s must start with %q", header, strings.TrimSpace(prefix))
			}
			if !equal(strings.TrimSpace(got[len(prefix):]), k.Secret.Reveal()) {
				return invalid("header %s holds another token", header)
			}
			return valid("header %s holds the token; requests are not signed", header)
		},
	}
}

// unsigned is the scheme of pushes without a signature.
func unsigned(reason string, headers map[string]string) scheme {
	return scheme{
		sign:   func(Call, Keys) (Signed, error) { return Signed{Headers: headers, Reason: reason}, nil },
		verify: func(Call, Keys) (Verification, error) { return invalid("%s", reason) },
	}
}
