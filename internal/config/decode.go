package config

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"

	"guardian/internal/secret"
	"guardian/internal/spelling"
)

// maxMistakes bounds the mistakes that are reported per file.
const maxMistakes = 100

const tooMany = "has more mistakes than are listed here"

// decoder decodes the nodes of one file into structs and collects all mistakes.
type decoder struct {
	file     string
	options  Options
	kinds    kindTables
	source   source
	redactor *secret.Redactor

	root     *yaml.Node
	visited  int
	meant    map[string]bool     // paths of keys that unknown keys were probably meant to be
	inside   map[*yaml.Node]bool // anchors being expanded
	mistakes Mistakes
	full     bool
	warnings Mistakes // of what is no mistake and cannot work all the same
}

// add adds a mistake at a node; nil: about the whole file.
func (d *decoder) add(n *yaml.Node, path, problem, hint string) {
	if len(d.mistakes) >= maxMistakes {
		if !d.full {
			d.full = true
			d.mistakes = append(d.mistakes, Mistake{File: d.file, Problem: tooMany, Hint: "fix these first"})
		}
		return
	}
	m := Mistake{File: d.file, Path: path, Problem: problem, Hint: hint}
	if n != nil {
		m.Line, m.Column = n.Line, n.Column
	}
	d.mistakes = append(d.mistakes, m)
}

// warn adds a warning at the key of a path, or the nearest one above it.
func (d *decoder) warn(path, problem, hint string) {
	if len(d.warnings) >= maxMistakes {
		return
	}
	d.warnings = append(d.warnings, d.placed(path, problem, hint))
}

// placed is a mistake at the key of a path, or the nearest one above it.
func (d *decoder) placed(path, problem, hint string) Mistake {
	m := Mistake{File: d.file, Path: path, Problem: problem, Hint: hint}
	if n := d.locate(path); n != nil {
		m.Line, m.Column = n.Line, n.Column
	}
	return m
}

// decode decodes n into v. Fields that n does not set keep their values.
func (d *decoder) decode(n *yaml.Node, v reflect.Value, path string, f field) {
	n, leave := d.enter(n, path)
	if n == nil {
		return
	}
	defer leave()
	if v.Kind() == reflect.Pointer {
		if isNull(n) {
			return
		}
		if v.IsNil() {
			v.Set(fresh(v.Type().Elem()))
		}
		v = v.Elem()
	}
	if _, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		d.scalar(n, v, path, f)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		if d.is(n, yaml.MappingNode, path, "a mapping") {
			d.structure(n, v, path)
		}
	case reflect.Slice:
		if d.is(n, yaml.SequenceNode, path, "a list") {
			d.slice(n, v, path, f)
		}
	case reflect.Map:
		if d.is(n, yaml.MappingNode, path, "a mapping") {
			d.mapping(n, v, path, f)
		}
	case reflect.Interface:
		if value := d.anything(n, path); value != nil {
			v.Set(reflect.ValueOf(value))
		}
	default:
		d.scalar(n, v, path, f)
	}
}

// structure decodes a mapping into a struct: the keys of its fields and, if the struct has
// kinds, the one section whose key is its kind.
func (d *decoder) structure(n *yaml.Node, v reflect.Value, path string) {
	fields := fieldsOf(v.Type())
	byKey := make(map[string]field, len(fields))
	for _, f := range fields {
		byKey[f.key] = f
	}
	table, sectioned := d.kinds[v.Type()]
	seen := map[string]bool{}
	var sections []pair
	for _, p := range d.pairs(n, path) {
		key := p.key.Value
		seen[key] = true
		if f, ok := byKey[key]; ok {
			d.decode(p.value, v.FieldByIndex(f.index), join(path, key), f)
			continue
		}
		if _, ok := table.settings[key]; ok {
			sections = append(sections, p)
			continue
		}
		// Top-level keys that start with x- are free for anchors.
		if path == "" && strings.HasPrefix(key, "x-") {
			continue
		}
		if d.renamed(p, path) {
			continue
		}
		keys := keysOf(fields, table.names())
		if meant := spelling.Meant(key, keys); meant != "" {
			d.meant[join(path, meant)] = true
		}
		d.add(p.key, join(path, printable(key)), "unknown key", choices(key, keys))
	}
	for _, f := range fields {
		if at := join(path, f.key); f.required && !seen[f.key] && !d.meant[at] {
			d.add(n, at, "is missing", hintOf(f))
		}
	}
	if sectioned {
		d.section(n, v, sections, path)
	}
}

// hintOf returns the meaning of a key.
func hintOf(f field) string {
	doc := strings.TrimSuffix(f.doc, ".")
	if len(doc) > 1 && !unicode.IsUpper(rune(doc[1])) {
		doc = strings.ToLower(doc[:1]) + doc[1:]
	}
	return doc
}

// section decodes the section of a check, step or receiver whose key is its kind.
func (d *decoder) section(n *yaml.Node, v reflect.Value, found []pair, path string) {
	table := d.kinds[v.Type()]
	kind := v.FieldByName("Kind")
	said := kind.String() // by the key "kind", if set
	if len(found) > 1 {
		d.add(found[1].key, path, fmt.Sprintf("is both %s and %s", found[0].key.Value, found[1].key.Value),
			"a "+table.noun+" has one kind: make two of it")
		return
	}
	if group, ok := v.Addr().Interface().(grouped); ok && len(found) == 0 && said == "" && group.IsGroup() {
		return
	}
	if len(found) == 0 && said == "" {
		for _, name := range table.names() {
			if d.meant[join(path, name)] {
				return
			}
		}
		d.add(n, path, "has no kind", "add one of "+strings.Join(table.names(), ", "))
		return
	}
	name := said
	if len(found) == 1 {
		name = found[0].key.Value
	}
	build, ok := table.settings[name]
	switch {
	case said != "" && said != name:
		d.add(found[0].key, join(path, name), "kind is "+said, "make the two the same, or remove kind")
		return
	case !ok:
		at := join(path, "kind")
		d.add(d.locate(at), at, "unknown kind "+strconv.Quote(shorten(name, 60)), choices(name, table.names()))
		return
	}
	settings := build()
	if len(found) == 1 {
		d.decode(found[0].value, reflect.ValueOf(settings).Elem(), join(path, name), field{})
	}
	d.validate(settings, join(path, name))
	kind.SetString(name)
	v.FieldByName("Settings").Set(reflect.ValueOf(settings))
}

func (d *decoder) slice(n *yaml.Node, v reflect.Value, path string, f field) {
	out := reflect.MakeSlice(v.Type(), 0, len(n.Content))
	for i, one := range n.Content {
		item := fresh(v.Type().Elem()).Elem()
		d.decode(one, item, fmt.Sprintf("%s[%d]", path, i), field{enum: f.enum})
		out = reflect.Append(out, item)
	}
	v.Set(out)
}

func (d *decoder) mapping(n *yaml.Node, v reflect.Value, path string, f field) {
	out := reflect.MakeMapWithSize(v.Type(), len(n.Content)/2)
	for _, p := range d.pairs(n, path) {
		key := reflect.New(v.Type().Key()).Elem()
		if text, ok := key.Addr().Interface().(encoding.TextUnmarshaler); ok {
			if err := text.UnmarshalText([]byte(p.key.Value)); err != nil {
				d.add(p.key, path, err.Error(), "")
				continue
			}
		} else {
			key.SetString(p.key.Value)
		}
		item := fresh(v.Type().Elem()).Elem()
		d.decode(p.value, item, join(path, p.key.Value), field{enum: f.enum})
		out.SetMapIndex(key, item)
	}
	v.Set(out)
}

// anything decodes a value of any type.
func (d *decoder) anything(n *yaml.Node, path string) any {
	switch n.Kind {
	case yaml.MappingNode:
		out := map[string]any{}
		d.mapping(n, reflect.ValueOf(&out).Elem(), path, field{})
		return out
	case yaml.SequenceNode:
		out := []any{}
		d.slice(n, reflect.ValueOf(&out).Elem(), path, field{})
		return out
	case yaml.ScalarNode:
		if n.Tag == "!!null" {
			return nil
		}
		text, _, ok := d.interpolate(n, path, false)
		if !ok {
			return nil
		}
		switch n.Tag {
		case "!!bool":
			if b, err := strconv.ParseBool(text); err == nil {
				return b
			}
		case "!!int":
			if i, err := strconv.ParseInt(text, 0, 64); err == nil {
				return i
			}
		case "!!float":
			if x, err := strconv.ParseFloat(text, 64); err == nil {
				return x
			}
		}
		return text
	default:
		return nil
	}
}

// printable quotes and shortens a key for messages.
func printable(key string) string {
	if strings.ContainsFunc(key, func(r rune) bool { return !unicode.IsPrint(r) }) {
		key = strconv.Quote(key)
	}
	return shorten(key, 60)
}

// join appends a key to a path.
func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
