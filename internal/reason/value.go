package reason

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"
)

// Value is one value of a reason. In JSON a text is a string, a number a number, a time
// {"time": RFC 3339}, a duration {"seconds": n}, a list an array, and a reason an object
// with its code.
type Value struct {
	kind   kind
	text   string
	number float64
	at     time.Time
	took   time.Duration
	list   []Value
	reason *Reason
}

type kind uint8

const (
	none kind = iota
	text
	number
	instant
	duration
	list
	nested
)

func valueOf(v any) Value {
	switch v := v.(type) {
	case Value:
		return v
	case string:
		return Value{kind: text, text: v}
	case bool:
		return Value{kind: text, text: strconv.FormatBool(v)}
	case int:
		return Value{kind: number, number: float64(v)}
	case int64:
		return Value{kind: number, number: float64(v)}
	case uint64:
		return Value{kind: number, number: float64(v)}
	case float64:
		return numberOf(v)
	case time.Time:
		return Value{kind: instant, at: v.UTC()}
	case time.Duration:
		return Value{kind: duration, took: v}
	case Reason:
		return reasonOf(v)
	case []string:
		return listOf(v)
	case []Reason:
		return listOf(v)
	case nil:
		return Value{}
	case error:
		return Value{kind: text, text: v.Error()}
	case fmt.Stringer:
		return Value{kind: text, text: v.String()}
	default:
		return Value{kind: text, text: fmt.Sprint(v)}
	}
}

// reasonOf keeps somebody's text as a text, as it comes back from JSON.
func reasonOf(v Reason) Value {
	switch v.Code {
	case "":
		return Value{}
	case plain:
		return v.Values["text"]
	default:
		return Value{kind: nested, reason: &v}
	}
}

// numberOf keeps what JSON has no number for as a text.
func numberOf(v float64) Value {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return Value{kind: text, text: strconv.FormatFloat(v, 'g', -1, 64)}
	}
	return Value{kind: number, number: v}
}

func listOf[T any](all []T) Value {
	v := Value{kind: list, list: make([]Value, len(all))}
	for i, one := range all {
		v.list[i] = valueOf(one)
	}
	return v
}

// empty: a part of a text in brackets is left out for it.
func (v Value) empty() bool {
	switch v.kind {
	case text:
		return v.text == ""
	case number:
		return v.number == 0
	case instant:
		return v.at.IsZero()
	case duration:
		return v.took == 0
	case list:
		return len(v.list) == 0
	case nested:
		return v.reason.IsZero()
	case none:
		return true
	default:
		return true
	}
}

// Text gives a text; "" for what is none.
func (v Value) Text() string { return v.text }

// Texts gives the texts of a list; nothing for what is none.
func (v Value) Texts() (all []string) {
	for _, one := range v.list {
		all = append(all, one.text)
	}
	return all
}

// Number gives a number; 0 for what is none.
func (v Value) Number() float64 { return v.number }

// Time gives a time; zero for what is none.
func (v Value) Time() time.Time { return v.at }

// Equal tells whether both are the same.
func (v Value) Equal(o Value) bool {
	if v.kind != o.kind {
		return false
	}
	switch v.kind {
	case list:
		return slices.EqualFunc(v.list, o.list, Value.Equal)
	case nested:
		return v.reason.Equal(*o.reason)
	case instant:
		return v.at.Equal(o.at)
	default:
		return v.text == o.text && v.number == o.number && v.took == o.took
	}
}

func (v Value) redact(clean func(string) string) Value {
	switch v.kind {
	case text:
		v.text = clean(v.text)
	case list:
		all := make([]Value, len(v.list))
		for i, one := range v.list {
			all[i] = one.redact(clean)
		}
		v.list = all
	case nested:
		r := v.reason.Redact(clean)
		v.reason = &r
	default:
	}
	return v
}

// MarshalJSON implements json.Marshaler.
func (v Value) MarshalJSON() ([]byte, error) {
	switch v.kind {
	case text:
		return json.Marshal(v.text)
	case number:
		return json.Marshal(v.number)
	case instant:
		return json.Marshal(map[string]time.Time{"time": v.at})
	case duration:
		return json.Marshal(map[string]float64{"seconds": v.took.Seconds()})
	case list:
		return json.Marshal(v.list)
	case nested:
		return json.Marshal(v.reason)
	case none:
		return []byte("null"), nil
	default:
		return []byte("null"), nil
	}
}

// UnmarshalJSON implements json.Unmarshaler.
func (v *Value) UnmarshalJSON(b []byte) error {
	var raw any
	if err := json.Unmarshal(b, &raw); err != nil {
		return err
	}
	switch raw := raw.(type) {
	case nil:
		*v = Value{}
	case string:
		*v = valueOf(raw)
	case float64:
		*v = valueOf(raw)
	case bool:
		*v = valueOf(raw)
	case []any:
		v.kind = list
		return json.Unmarshal(b, &v.list)
	case map[string]any:
		return v.unmarshalObject(raw, b)
	}
	return nil
}

func (v *Value) unmarshalObject(raw map[string]any, b []byte) error {
	if at, ok := raw["time"].(string); ok {
		t, err := time.Parse(time.RFC3339Nano, at)
		*v = Value{kind: instant, at: t}
		return err
	}
	if s, ok := raw["seconds"].(float64); ok {
		*v = Value{kind: duration, took: time.Duration(math.Round(s * float64(time.Second)))}
		return nil
	}
	var r Reason
	if err := json.Unmarshal(b, &r); err != nil {
		return err
	}
	*v = Value{kind: nested, reason: &r}
	return nil
}
