package reason

import "reflect"

// Translate gives a copy of v in which every Reason is a Text in the reader's words; what
// holds none is shared with v. API answers and pages are translated whole, so that no field
// of them can be forgotten.
func Translate[T any](r Reader, v T) T {
	translator{reader: r, holds: map[reflect.Type]bool{}}.replace(reflect.ValueOf(&v).Elem())
	return v
}

type translator struct {
	reader Reader
	holds  map[reflect.Type]bool // whether a value of the type may hold a Reason
}

func (t translator) mayHold(of reflect.Type) bool {
	if of == reflect.TypeFor[Reason]() {
		return true
	}
	if known, ok := t.holds[of]; ok {
		return known
	}
	t.holds[of] = true // while it is looked at: for types that hold themselves
	holds := false
	switch of.Kind() {
	case reflect.Interface:
		holds = true
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		holds = t.mayHold(of.Elem())
	case reflect.Struct:
		for f := range of.Fields() {
			holds = holds || (reachable(f) && t.mayHold(f.Type))
		}
	default:
	}
	t.holds[of] = holds
	return holds
}

// reachable tells whether a field, or the fields promoted from it, can be set.
func reachable(f reflect.StructField) bool {
	return f.IsExported() || (f.Anonymous && f.Type.Kind() == reflect.Struct)
}

// replace changes v, and copies of what v refers to.
func (t translator) replace(v reflect.Value) {
	if !t.mayHold(v.Type()) {
		return
	}
	if v.Type() == reflect.TypeFor[Reason]() {
		why, _ := v.Interface().(Reason)
		v.Set(reflect.ValueOf(Text(t.reader.Read(why))))
		return
	}
	switch v.Kind() {
	case reflect.Interface:
		if !v.IsNil() {
			v.Set(t.copyOf(v.Elem()))
		}
	case reflect.Pointer:
		if !v.IsNil() {
			v.Set(t.copyOf(v.Elem()).Addr())
		}
	case reflect.Slice:
		all := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(all, v)
		for i := range all.Len() {
			t.replace(all.Index(i))
		}
		if !v.IsNil() {
			v.Set(all)
		}
	case reflect.Array:
		for i := range v.Len() {
			t.replace(v.Index(i))
		}
	case reflect.Map:
		all := reflect.MakeMapWithSize(v.Type(), v.Len())
		for it := v.MapRange(); it.Next(); {
			all.SetMapIndex(it.Key(), t.copyOf(it.Value()))
		}
		if !v.IsNil() {
			v.Set(all)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if reachable(v.Type().Field(i)) {
				t.replace(v.Field(i))
			}
		}
	default:
	}
}

// copyOf gives a copy that can be changed, translated.
func (t translator) copyOf(v reflect.Value) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	out.Set(v)
	t.replace(out)
	return out
}
