package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// jsonFault says in words why a JSON text cannot be read: where, which field, and what was expected there.
func jsonFault(raw []byte, err error) string {
	var kind *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	var moment *time.ParseError
	where := func(offset int64) string {
		line, column := place(raw, offset)
		return fmt.Sprintf("line %d, column %d", line, column)
	}
	switch {
	case errors.As(err, &kind):
		what := fmt.Sprintf("expected %s, got %s", wanted(kind.Type), gotten(kind.Value))
		if kind.Field != "" {
			what = kind.Field + ": " + what
		}
		return where(kind.Offset-1) + ": " + what
	case errors.As(err, &syntax) && strings.Contains(err.Error(), "unexpected end"):
		return where(int64(len(raw))) + ": it ends too early"
	case errors.As(err, &syntax):
		return where(syntax.Offset-1) + ": " + err.Error()
	case errors.As(err, &moment):
		return fmt.Sprintf("expected a time such as 2026-11-22T10:00:00Z, got %s", moment.Value)
	case strings.HasPrefix(err.Error(), "Time.UnmarshalJSON"):
		return "expected a time such as 2026-11-22T10:00:00Z, got what is no text"
	default:
		return "it cannot be read"
	}
}

// wanted names what a type is in JSON.
func wanted(t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.String:
		return "a text"
	case reflect.Bool:
		return "true or false"
	case reflect.Map, reflect.Struct:
		return "an object"
	case reflect.Slice, reflect.Array:
		return "a list"
	default:
		return "a number"
	}
}

// gotten names what encoding/json says it found: "string", "number 1.5", "array" and so on.
func gotten(value string) string {
	kind, _, _ := strings.Cut(value, " ")
	if word, ok := map[string]string{"string": "a text", "bool": "true or false", "object": "an object", "array": "a list", "number": "a number"}[kind]; ok {
		return word
	}
	return "something else"
}
