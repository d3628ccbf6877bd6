package templates

import (
	"maps"
	"reflect"
	"slices"
)

// Value is what is known of a value that a template reads. The zero Value is text.
type Value struct {
	fields map[string]Value // its names, and no others; nil: it has none
	of     reflect.Type     // of which its names are; nil: fields count
	any    bool             // nothing is known of it: every name may be right
}

// Any is a value that may be anything, such as an answer of another system.
func Any() Value { return Value{any: true} }

// Text is a value without names in it.
func Text() Value { return Value{} }

// Fields is a value with names in it, and no others.
func Fields(names map[string]Value) Value {
	if names == nil {
		names = map[string]Value{}
	}
	return Value{fields: names}
}

// Texts is a value with names in it, all of them texts.
func Texts(names ...string) Value {
	fields := make(map[string]Value, len(names))
	for _, n := range names {
		fields[n] = Text()
	}
	return Fields(fields)
}

// Keys is a value with the keys of a map as names, all of them texts.
func Keys[V any](m map[string]V) Value { return Texts(slices.Collect(maps.Keys(m))...) }

// Of is a value of the type of v: of a struct its fields and methods are the names, in a map of
// texts each name may be right.
func Of(v any) Value { return typed(reflect.TypeOf(v)) }

// With returns the value with one name more, or with another value for it.
func (v Value) With(name string, value Value) Value {
	fields := maps.Clone(v.fields)
	if fields == nil {
		fields = map[string]Value{}
	}
	fields[name] = value
	return Value{fields: fields}
}

// Has reports whether the value has a name.
func (v Value) Has(name string) bool {
	_, ok := v.get(name)
	return ok
}

func typed(t reflect.Type) Value {
	if t == nil || t.Kind() == reflect.Interface && t.NumMethod() == 0 {
		return Any()
	}
	return Value{of: t}
}

// get returns what a name stands for, and whether there is that name.
func (v Value) get(name string) (Value, bool) {
	switch {
	case v.any:
		return Any(), true
	case v.of == nil:
		found, ok := v.fields[name]
		return found, ok
	}
	if m, ok := reflect.PointerTo(v.of).MethodByName(name); ok {
		if m.Type.NumOut() == 0 {
			return Value{}, false
		}
		return typed(m.Type.Out(0)), true
	}
	t := v.of
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Struct:
		if f, ok := t.FieldByName(name); ok && f.IsExported() {
			return typed(f.Type), true
		}
	case reflect.Map:
		if t.Key().Kind() == reflect.String {
			return typed(t.Elem()), true
		}
	default:
	}
	return Value{}, false
}

// element is what {{range}} gives of a value.
func (v Value) element() Value {
	if v.of == nil {
		return Any()
	}
	switch t := v.of; t.Kind() {
	case reflect.Slice, reflect.Array, reflect.Map:
		return typed(t.Elem())
	default:
		return Any()
	}
}

// names lists the names of a value, sorted; nil if it has none or cannot be told.
func (v Value) names() []string {
	if v.of == nil {
		return slices.Sorted(maps.Keys(v.fields))
	}
	t := v.of
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	var all []string
	if t.Kind() == reflect.Struct {
		for _, f := range reflect.VisibleFields(t) {
			if f.IsExported() && !f.Anonymous {
				all = append(all, f.Name)
			}
		}
	}
	for m := range reflect.PointerTo(t).Methods() {
		all = append(all, m.Name)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
