package marketplace

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"time"
)

// largest is the most of a body, in bytes, that is read for codes and numbers.
const largest = 4 << 20

// decode unmarshals a body that is a JSON object into v and reports whether it is one. Values that
// do not fit their field are skipped, and so are byte order marks before it.
func decode(body []byte, v any) bool {
	body = bytes.TrimLeft(bytes.TrimSpace(body), "\ufeff \t\r\n")
	if len(body) == 0 || len(body) > largest || body[0] != '{' || !json.Valid(body) {
		return false
	}
	_ = json.Unmarshal(body, v)
	return true
}

// word is a JSON string, number or boolean as text; everything else is "". Platforms write the
// same code sometimes with quotes and sometimes without.
type word string

// UnmarshalJSON implements json.Unmarshaler.
func (w *word) UnmarshalJSON(b []byte) error {
	*w = ""
	if len(b) == 0 || b[0] == '{' || b[0] == '[' || string(b) == "null" {
		return nil
	}
	if b[0] != '"' {
		*w = word(b)
		return nil
	}
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	*w = word(s)
	return nil
}

// count returns a word that is a number, not negative.
func (w word) count() *float64 {
	v, ok := number(string(w))
	if !ok {
		return nil
	}
	return &v
}

// signed returns a word that is a number, which may be negative.
func (w word) signed() *float64 {
	text, negative := strings.CutPrefix(string(w), "-")
	v, ok := number(text)
	if !ok {
		return nil
	}
	if negative {
		v = -v
	}
	return &v
}

// left returns a word that is what remains of a quota: of one that is overdrawn, nothing does.
func (w word) left() *float64 {
	v := w.signed()
	if v != nil {
		*v = max(*v, 0)
	}
	return v
}

// epoch returns a word that is a time in seconds since 1970, from 2001 to 2100.
func (w word) epoch() (time.Time, bool) {
	v, ok := number(string(w))
	if !ok || v < firstEpochSeconds || v > 4102444800 {
		return time.Time{}, false
	}
	return time.Unix(int64(v), 0).UTC(), true
}

// oneOrMany is a JSON value or a list of them; values that do not fit are skipped.
type oneOrMany[T any] []T

// UnmarshalJSON implements json.Unmarshaler.
func (l *oneOrMany[T]) UnmarshalJSON(b []byte) error {
	var parts []json.RawMessage
	if json.Unmarshal(b, &parts) != nil {
		parts = []json.RawMessage{b}
	}
	*l = nil
	for _, part := range parts {
		var v T
		if json.Unmarshal(part, &v) == nil {
			*l = append(*l, v)
		}
	}
	return nil
}

// oauthError is how most platforms refuse a token (RFC 6749, 5.2).
type oauthError struct {
	Error       word `json:"error"`
	Description word `json:"error_description"`
}

// refusedTokens are the errors of OAuth 2, the same on all platforms.
func refusedTokens() []known {
	return []known{
		{code: "invalid_grant", class: CredentialBad, why: "market_refresh_token_spent"},
		{code: "invalid_client", class: CredentialBad, why: "market_client_refused"},
		{code: "unauthorized_client", class: CredentialBad, why: "market_grant_not_allowed"},
		{code: "invalid_token", class: CredentialBad, why: "market_token_refused"},
		{code: "expired_token", class: CredentialBad, why: "market_token_expired"},
		{code: "invalid_scope", class: Permission, why: "market_scope_not_granted"},
		{code: "insufficient_scope", class: Permission, why: "market_token_scopes"},
		{code: "unsupported_grant_type", class: OurFault, why: "market_grant_type"},
	}
}

// asNumber writes digits as a JSON number and anything else as a string, so that numeric IDs stay
// numbers.
func asNumber(id string) json.RawMessage {
	if id != "" && len(id) <= 18 && strings.Trim(id, "0123456789") == "" && (id[0] != '0' || id == "0") {
		return json.RawMessage(id)
	}
	text, _ := json.Marshal(id) // a string can always be marshalled
	return text
}

// nextMidnight returns the time until the next day begins in a zone with an offset from UTC.
func nextMidnight(now time.Time, offset time.Duration) time.Duration {
	local := now.UTC().Add(offset)
	return local.Truncate(24 * time.Hour).Add(24 * time.Hour).Sub(local)
}

// span converts seconds to a wait, with the same bounds as headers.
func span(s float64) (time.Duration, bool) {
	if math.IsNaN(s) {
		return 0, false
	}
	return seconds(s)
}
