package probes

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"guardian/internal/secret"
)

// Fingerprint returns a hash of all parts: two checks are the same exactly if the fingerprints of
// their kind, service, labels, schedule and settings are equal. It includes the contents of
// structs, pointers, slices and maps, secrets too; it is a SHA-256 in hex, which reveals no
// secret. Parts must not contain cycles.
func Fingerprint(parts ...any) string {
	var b bytes.Buffer
	for _, p := range parts {
		fingerprint(&b, reflect.ValueOf(p))
	}
	sum := sha256.Sum256(b.Bytes())
	return hex.EncodeToString(sum[:])
}

func fingerprint(b *bytes.Buffer, v reflect.Value) {
	if !v.IsValid() {
		fmt.Fprint(b, "nil;")
		return
	}
	// Every value is written with its type and length, so that ("ab", "c") is not ("a", "bc").
	fmt.Fprintf(b, "%s:", v.Type())
	if v.CanInterface() {
		switch x := v.Interface().(type) {
		case secret.Secret:
			fmt.Fprintf(b, "%q;", x.Reveal())
			return
		case *time.Location: // caches the zone that it looked up last
			fmt.Fprintf(b, "%q;", x)
			return
		}
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		fingerprint(b, v.Elem())
	case reflect.Struct:
		for _, field := range v.Fields() {
			fingerprint(b, field)
		}
	case reflect.Slice, reflect.Array:
		fmt.Fprintf(b, "%d:", v.Len())
		for i := range v.Len() {
			fingerprint(b, v.Index(i))
		}
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int {
			return strings.Compare(fmt.Sprint(a), fmt.Sprint(b))
		})
		fmt.Fprintf(b, "%d:", len(keys))
		for _, k := range keys {
			fingerprint(b, k)
			fingerprint(b, v.MapIndex(k))
		}
	case reflect.Func, reflect.Chan, reflect.UnsafePointer:
		fmt.Fprintf(b, "%t;", v.IsNil())
	default:
		fmt.Fprintf(b, "%#v;", v)
	}
}
