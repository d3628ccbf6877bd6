package config

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"guardian/internal/secret"
)

// ShownSetting is a setting without secrets.
type ShownSetting struct{ Key, Value string }

// Shown lists the settings that are set, defaults included: secrets as <secret>, URLs without
// user and query. Values may still hold text from the environment: redact them with the
// redactor that Load filled.
func Shown(settings any) []ShownSetting {
	var out []ShownSetting
	shown(&out, "", reflect.ValueOf(settings))
	return out
}

func shown(out *[]ShownSetting, path string, v reflect.Value) {
	for v.IsValid() && (v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface) {
		v = v.Elem()
	}
	if !v.IsValid() || v.IsZero() {
		return
	}
	add := func(text string) { *out = append(*out, ShownSetting{path, text}) }
	if s, ok := v.Interface().(secret.Secret); ok {
		switch {
		case openHeader(path, s.Reveal()):
			add(s.Reveal())
		case s.IsSet():
			add(secret.Mask)
		}
		return
	}
	if t, ok := v.Interface().(encoding.TextMarshaler); ok {
		if b, err := t.MarshalText(); err == nil {
			add(string(b))
		}
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for _, f := range fieldsOf(v.Type()) {
			shown(out, join(path, f.key), v.FieldByIndex(f.index))
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			shown(out, fmt.Sprintf("%s[%d]", path, i), v.Index(i))
		}
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for _, k := range keys {
			shown(out, join(path, k.String()), v.MapIndex(k))
		}
	case reflect.String:
		add(withoutQuery(v.String()))
	default:
		add(fmt.Sprint(v.Interface()))
	}
}

// openHeader reports whether the setting at a path is the value of a header that is no secret, such as
// Accept. What of it comes from the environment or a file is redacted by the Redactor all the same.
func openHeader(path, value string) bool {
	for _, of := range []string{"headers.", "metadata."} {
		if i := strings.LastIndex(path, of); i == 0 || i > 0 && path[i-1] == '.' {
			return value != "" && !secret.HeaderValue(path[i+len(of):], value)
		}
	}
	return false
}

// withoutQuery removes user and query, which may be secrets, from a URL.
func withoutQuery(text string) string {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok || strings.ContainsAny(scheme, " \n\"'{") {
		return text
	}
	// Not parsed: a template is no address yet, and would come back escaped.
	rest, _, _ = strings.Cut(rest, "?")
	host, more, slash := strings.Cut(rest, "/")
	if i := strings.LastIndex(host, "@"); i >= 0 {
		host = host[i+1:]
	}
	if slash {
		more = "/" + more
	}
	return scheme + "://" + host + more
}
