package config

import (
	"reflect"
	"slices"
	"strings"

	"guardian/internal/spelling"
	"guardian/watch"
)

// field is one key of a struct, with the fields of inlined structs among them.
type field struct {
	key      string
	index    []int
	typ      reflect.Type
	doc      string
	enum     []string
	required bool
	path     bool // names a file that must exist, relative to the configuration's folder
}

// fieldsOf lists the keys of a struct type in the order of its declaration. The decoder, the
// schema and the reference all use it, so that they agree.
func fieldsOf(t reflect.Type) []field {
	var out []field
	for f := range t.Fields() {
		if !f.IsExported() {
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if name == "-" {
			continue
		}
		if options == "inline" || (f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct) {
			for _, inner := range fieldsOf(f.Type) {
				inner.index = slices.Concat(f.Index, inner.index)
				out = append(out, inner)
			}
			continue
		}
		if name == "" {
			name = strings.ToLower(f.Name)
		}
		// Settings of kinds mark files by the key's name: ca_file, key_file.
		path := f.Tag.Get("path") == "true" || strings.HasSuffix(name, "_file")
		one := field{path: path, key: name, index: f.Index, typ: f.Type, doc: f.Tag.Get("doc"), required: f.Tag.Get("required") == "true"}
		if enum := f.Tag.Get("enum"); enum != "" {
			one.enum = strings.Split(enum, ",")
		} else if f.Type == reflect.TypeFor[watch.Mode]() {
			one.enum = []string{string(watch.Auto), string(watch.Approve), string(watch.Observe)}
		}
		out = append(out, one)
	}
	return out
}

// keysOf lists the keys of a struct: its fields and its kinds.
func keysOf(fields []field, kinds []string) []string {
	keys := make([]string, 0, len(fields)+len(kinds))
	for _, f := range fields {
		keys = append(keys, f.key)
	}
	return append(keys, kinds...)
}

// choices returns a hint for an unknown word: the nearest candidate, else all of them.
func choices(word string, candidates []string) string {
	if len(candidates) == 0 {
		return ""
	}
	if n := spelling.Meant(word, candidates); n != "" {
		return "did you mean " + n + "?"
	}
	const limit = 24
	sorted := slices.Sorted(slices.Values(candidates))
	if len(sorted) > limit {
		return "the choices are " + strings.Join(sorted[:limit], ", ") + ", …"
	}
	return "the choices are " + strings.Join(sorted, ", ")
}
