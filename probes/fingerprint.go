package probes

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"reflect"
	"slices"
	"strings"
	"time"

	"guardian/internal/secret"
)

// Fingerprint gives one text for everything that parts are made of: two checks are the same
// exactly when kind, service, labels, schedule and settings have the same fingerprint. It
// looks into structs, pointers, slices and maps, and a changed secret changes it; the text is
// a SHA-256 in hex, so that no secret can be read off it. Parts must not contain cycles.
func Fingerprint(parts ...any) string {
	h := sha256.New()
	for _, p := range parts {
		fingerprint(h, reflect.ValueOf(p))
	}
	return hex.EncodeToString(h.Sum(nil))
}

func fingerprint(h hash.Hash, v reflect.Value) {
	if !v.IsValid() {
		fmt.Fprint(h, "nil;")
		return
	}
	// Every value is written with its type and length, so that ("ab", "c") is not ("a", "bc").
	fmt.Fprintf(h, "%s:", v.Type())
	if v.CanInterface() {
		switch x := v.Interface().(type) {
		case secret.Secret:
			fmt.Fprintf(h, "%q;", x.Reveal())
			return
		case *time.Location: // caches the zone that it looked up last
			fmt.Fprintf(h, "%q;", x)
			return
		}
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		fingerprint(h, v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			fingerprint(h, v.Field(i))
		}
	case reflect.Slice, reflect.Array:
		fmt.Fprintf(h, "%d:", v.Len())
		for i := range v.Len() {
			fingerprint(h, v.Index(i))
		}
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int {
			return strings.Compare(fmt.Sprint(a), fmt.Sprint(b))
		})
		fmt.Fprintf(h, "%d:", len(keys))
		for _, k := range keys {
			fingerprint(h, k)
			fingerprint(h, v.MapIndex(k))
		}
	case reflect.Func, reflect.Chan, reflect.UnsafePointer:
		fmt.Fprintf(h, "%t;", v.IsNil())
	default:
		fmt.Fprintf(h, "%#v;", v)
	}
}
