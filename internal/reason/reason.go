package reason

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// Reason is a code with the values that its words need. The zero value is no reason at all.
type Reason struct {
	Code   string           `json:"code"`
	Values map[string]Value `json:"values,omitempty"`
}

// The codes that are not in a list of texts.
const (
	plain  = "text"      // what somebody else said, or a journal of before: one value, text
	joined = "sentences" // several reasons one after the other: one value, of
)

// New makes a reason; pairs are name, value, name, value. A value is a string, a number, a
// bool, a time.Time, a time.Duration, an error, a fmt.Stringer, a Reason, or a slice of
// strings, Reasons or fmt.Stringers.
func New(code string, pairs ...any) Reason {
	r := Reason{Code: code}
	if len(pairs) > 0 {
		r.Values = make(map[string]Value, len(pairs)/2)
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		r.Values[fmt.Sprint(pairs[i])] = valueOf(pairs[i+1])
	}
	return r
}

// Text is a reason in the words of somebody else: a person's note, an error of another
// program. It reads the same in every language.
func Text(text string) Reason {
	if text == "" {
		return Reason{}
	}
	return New(plain, "text", text)
}

// Join makes one reason of several sentences. Those that are zero are left out.
func Join(all ...Reason) Reason {
	all = slices.DeleteFunc(slices.Clone(all), Reason.IsZero)
	switch len(all) {
	case 0:
		return Reason{}
	case 1:
		return all[0]
	default:
		return New(joined, "of", all)
	}
}

// IsZero tells that there is no reason.
func (r Reason) IsZero() bool { return r.Code == "" }

// With gives the reason with one more value.
func (r Reason) With(name string, value any) Reason {
	r.Values = maps.Clone(r.Values)
	if r.Values == nil {
		r.Values = map[string]Value{}
	}
	r.Values[name] = valueOf(value)
	return r
}

// Value gives a value by its name; the zero Value when there is none.
func (r Reason) Value(name string) Value { return r.Values[name] }

// Equal tells whether both say the same.
func (r Reason) Equal(o Reason) bool {
	return r.Code == o.Code && maps.EqualFunc(r.Values, o.Values, Value.Equal)
}

// String gives the English words, times in UTC: for logs and for programs.
func (r Reason) String() string { return Reader{}.Read(r) }

// Redact gives the reason with every text in it passed through clean.
func (r Reason) Redact(clean func(string) string) Reason {
	if len(r.Values) == 0 {
		return r
	}
	out := Reason{Code: r.Code, Values: make(map[string]Value, len(r.Values))}
	for name, v := range r.Values {
		out.Values[name] = v.redact(clean)
	}
	return out
}

// MarshalJSON writes a reason that is somebody else's text as a string, and none at all as
// the empty one.
func (r Reason) MarshalJSON() ([]byte, error) {
	if text := r.Values["text"]; r.IsZero() || (r.Code == plain && len(r.Values) == 1) {
		return json.Marshal(text.text)
	}
	type bare Reason
	return json.Marshal(bare(r))
}

// UnmarshalJSON reads a reason; a text, as journals of before have it, is taken as it stands.
func (r *Reason) UnmarshalJSON(b []byte) error {
	if b = bytes.TrimSpace(b); len(b) > 0 && b[0] == '"' {
		var text string
		if err := json.Unmarshal(b, &text); err != nil {
			return err
		}
		*r = Text(text)
		return nil
	}
	type bare Reason
	return json.Unmarshal(b, (*bare)(r))
}
