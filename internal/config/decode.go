package config

import (
	"encoding"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"

	"guardian/internal/secret"
	"guardian/watch"
)

// mostNodes bounds what aliases may expand to: a file of a few lines can stand for more
// values than fit into memory.
const mostNodes = 250_000

// mostMistakes bounds what is told of one file: nobody reads further.
const mostMistakes = 100

// decoder turns the nodes of one file into structs and remembers every mistake.
type decoder struct {
	file     string
	options  Options
	kinds    kinds
	source   source
	redactor *secret.Redactor

	root     *yaml.Node
	visited  int
	meant    map[string]bool     // paths of keys that a mistyped key was surely meant to be
	inside   map[*yaml.Node]bool // anchors that are being expanded
	mistakes Mistakes
	full     bool
}

// parse reads one YAML document. It gives nil after a mistake and for an empty file.
func (d *decoder) parse(content []byte) *yaml.Node {
	in := yaml.NewDecoder(strings.NewReader(string(content)))
	var doc, second yaml.Node
	switch err := in.Decode(&doc); {
	case errors.Is(err, io.EOF):
		d.mistakes = append(d.mistakes, Mistake{File: d.file, Problem: "is empty", Hint: "start from configs/minimal.yaml"})
		return nil
	case err != nil:
		d.mistakes = append(d.mistakes, syntaxMistake(d.file, err))
		return nil
	}
	switch err := in.Decode(&second); {
	case err == nil:
		d.add(&second, "", "is a second document", "a configuration is one YAML document: remove the ---")
	case !errors.Is(err, io.EOF):
		d.mistakes = append(d.mistakes, syntaxMistake(d.file, err))
		return nil
	}
	if doc.Kind == yaml.DocumentNode && len(doc.Content) == 1 {
		d.root = doc.Content[0]
	}
	return d.root
}

var yamlLine = regexp.MustCompile(`^(?:yaml: )?line (\d+): `)

// syntaxMistake takes the line out of the YAML library's error.
func syntaxMistake(file string, err error) Mistake {
	m := Mistake{File: file, Problem: "is not YAML: " + strings.TrimPrefix(err.Error(), "yaml: ")}
	if found := yamlLine.FindStringSubmatch(err.Error()); found != nil {
		m.Line, _ = strconv.Atoi(found[1])
		m.Problem = "is not YAML: " + strings.TrimPrefix(err.Error(), found[0])
	}
	return m
}

func (d *decoder) add(n *yaml.Node, path, problem, hint string) {
	if len(d.mistakes) >= mostMistakes {
		if !d.full {
			d.full = true
			d.mistakes = append(d.mistakes, Mistake{File: d.file, Line: math.MaxInt32, Problem: "has more mistakes", Hint: "mend these first"})
		}
		return
	}
	m := Mistake{File: d.file, Path: path, Problem: problem, Hint: hint}
	if n != nil {
		m.Line, m.Column = n.Line, n.Column
	}
	d.mistakes = append(d.mistakes, m)
}

// enter follows an alias and counts. It gives nil when the node must not be expanded.
func (d *decoder) enter(n *yaml.Node, path string) (_ *yaml.Node, leave func()) {
	d.visited++
	if d.visited > mostNodes {
		if d.visited == mostNodes+1 {
			d.add(n, path, "expands to more than 250,000 values", "use fewer aliases")
		}
		return nil, nil
	}
	if n.Kind != yaml.AliasNode {
		return n, func() {}
	}
	target := n.Alias
	if d.inside[target] {
		d.add(n, path, "contains itself through the alias *"+n.Value, "")
		return nil, nil
	}
	d.inside[target] = true
	return target, func() { delete(d.inside, target) }
}

// decode fills v from n. What v held stays where n says nothing.
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

// is tells whether a node has a shape; nothing at all is an empty one.
func (d *decoder) is(n *yaml.Node, shape yaml.Kind, path, expected string) bool {
	if n.Kind == shape {
		return true
	}
	if !isNull(n) {
		d.add(n, path, "expected "+expected+", got "+d.got(n, false), "")
	}
	return false
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// got says what stands where something else was expected.
func (d *decoder) got(n *yaml.Node, hide bool) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case isNull(n):
		return "nothing"
	case hide:
		return "something else"
	default:
		// What was interpolated stands in the file as ${…}: this never prints a secret.
		return strconv.Quote(shorten(n.Value, 60))
	}
}

func shorten(text string, most int) string {
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	return string(runes[:most]) + "…"
}

// pair is a key of a mapping with its value.
type pair struct{ key, value *yaml.Node }

// pairs gives the entries of a mapping, those that it merges (<<) last, and tells of keys
// that stand twice.
func (d *decoder) pairs(n *yaml.Node, path string) []pair {
	var own, merged []pair
	first := make(map[string]*yaml.Node, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind == yaml.ScalarNode && key.Tag == "!!merge" {
			merged = append(merged, d.merge(value, path)...)
			continue
		}
		if key.Kind != yaml.ScalarNode {
			d.add(key, path, "has a key that is not text", "")
			continue
		}
		if before, twice := first[key.Value]; twice {
			d.add(key, join(path, key.Value), fmt.Sprintf("stands here again: it is on line %d already", before.Line), "keep one of them")
			continue
		}
		first[key.Value] = key
		own = append(own, pair{key, value})
	}
	for _, p := range merged {
		if first[p.key.Value] == nil {
			first[p.key.Value] = p.key
			own = append(own, p)
		}
	}
	return own
}

// merge gives the entries that "<<: *a" or "<<: [*a, *b]" brings in.
func (d *decoder) merge(n *yaml.Node, path string) []pair {
	n, leave := d.enter(n, path)
	if n == nil {
		return nil
	}
	defer leave()
	switch n.Kind {
	case yaml.MappingNode:
		return d.pairs(n, path)
	case yaml.SequenceNode:
		var all []pair
		for _, one := range n.Content {
			all = append(all, d.merge(one, path)...)
		}
		return all
	default:
		d.add(n, path, "expected a mapping after <<, got "+d.got(n, false), "")
		return nil
	}
}

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
		// Top-level keys that start with x- hold anchors.
		if path == "" && strings.HasPrefix(key, "x-") {
			continue
		}
		keys := keysOf(fields, table.names())
		if meant := nearest(key, keys); meant != "" {
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
		d.section(n, v, table, sections, path)
	}
}

// hintOf says what a key is for.
func hintOf(f field) string {
	doc := strings.TrimSuffix(f.doc, ".")
	if len(doc) > 1 && !unicode.IsUpper(rune(doc[1])) {
		doc = strings.ToLower(doc[:1]) + doc[1:]
	}
	return doc
}

// section decodes the one key of a check, step or receiver that is named by its kind.
func (d *decoder) section(n *yaml.Node, v reflect.Value, table kindTable, found []pair, path string) {
	kind := v.FieldByName("Kind")
	said := kind.String() // by the key "kind", where there is one
	if len(found) > 1 {
		d.add(found[1].key, path, fmt.Sprintf("is %s and %s at once", found[0].key.Value, found[1].key.Value),
			"a "+table.noun+" has one kind: make two of it")
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
		d.add(found[0].key, join(path, name), "the kind is said to be "+said, "make the two the same, or leave kind out")
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

// anything decodes where a kind's settings take any value.
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

// scalar fills a text, number, bool or encoding.TextUnmarshaler.
func (d *decoder) scalar(n *yaml.Node, v reflect.Value, path string, f field) {
	_, hidden := v.Addr().Interface().(*secret.Secret)
	expected := expectation(v.Addr().Interface())
	if n.Kind != yaml.ScalarNode || isNull(n) {
		d.add(n, path, "expected "+expected+", got "+d.got(n, hidden), "")
		return
	}
	text, interpolated, ok := d.interpolate(n, path, hidden)
	if !ok {
		return
	}
	wrong := func(problem string) {
		got := d.got(n, hidden)
		if interpolated {
			got = "what " + shorten(n.Value, 60) + " holds"
		}
		d.add(n, path, problem+", got "+got, "")
	}
	if _, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		// A copy, so that what does not parse leaves the default.
		value := reflect.New(v.Type())
		into, _ := value.Interface().(encoding.TextUnmarshaler)
		if err := into.UnmarshalText([]byte(text)); err != nil {
			if problem, ours := problemOf(err, expected); ours {
				d.add(n, path, problem, "")
			} else {
				wrong(problem)
			}
			return
		}
		v.Set(value.Elem())
		if hidden {
			d.redactor.Learn(secret.New(text))
		}
		return
	}
	switch v.Kind() {
	case reflect.String:
		if len(f.enum) > 0 && !slices.Contains(f.enum, text) {
			d.add(n, path, "expected one of "+strings.Join(f.enum, ", ")+", got "+d.got(n, hidden), "")
			return
		}
		if f.path && !strings.Contains(text, "{{") {
			text = d.absolute(text)
		}
		v.SetString(text)
	case reflect.Bool:
		if text != "true" && text != "false" {
			wrong("expected " + expected)
			return
		}
		v.SetBool(text == "true")
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		i, err := strconv.ParseInt(text, 0, v.Type().Bits())
		if err != nil {
			wrong("expected " + expected)
			return
		}
		v.SetInt(i)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		u, err := strconv.ParseUint(text, 0, v.Type().Bits())
		if err != nil {
			wrong("expected a whole number from 0 on")
			return
		}
		v.SetUint(u)
	case reflect.Float32, reflect.Float64:
		x, err := strconv.ParseFloat(text, v.Type().Bits())
		if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
			wrong("expected " + expected)
			return
		}
		v.SetFloat(x)
	default:
		d.add(n, path, "cannot be configured: "+v.Type().String(), "")
	}
}

// expectation says in words what a scalar's type takes.
func expectation(pointer any) string {
	switch pointer.(type) {
	case *model.Duration:
		return "a duration such as 30m"
	case *time.Time:
		return "a time such as 2026-11-27T00:00:00+08:00"
	case *watch.Share:
		return "a percentage such as 99.9%"
	case *Timezone:
		return "a time zone such as Asia/Shanghai"
	case *Cron:
		return `a schedule such as "*/5 * * * *"`
	case *secret.Secret:
		return "a secret such as ${env:NAME} or ${file:/run/secrets/name}"
	}
	switch reflect.TypeOf(pointer).Elem().Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number"
	case reflect.Float32, reflect.Float64:
		return "a number"
	default:
		return "text"
	}
}

// problemOf keeps what a type of ours says of a text, complete or as what it expected, and
// replaces what a library says, because that quotes the text.
func problemOf(err error, expected string) (problem string, complete bool) {
	text := err.Error()
	if strings.HasPrefix(text, "expected ") {
		before, _, _ := strings.Cut(text, ", got ")
		return before, false
	}
	if expected == "text" {
		return text, true
	}
	return "expected " + expected, false
}

// printable gives a key as it may stand in a path of a message.
func printable(key string) string {
	if strings.ContainsFunc(key, func(r rune) bool { return !unicode.IsPrint(r) }) {
		key = strconv.Quote(key)
	}
	return shorten(key, 60)
}

// join makes a path of a path and a key.
func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
