package config

import (
	"errors"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// fielder is an error that names its key, as a path within the section: "lookup.within" or
// "headers[2].name".
type fielder interface{ Field() string }

// leadingPath matches the key at the start of an error: "url: …", "lookup.within must …",
// "headers.X-Shop has …".
var leadingPath = regexp.MustCompile(`^([a-z][a-z0-9_]*(?:\[\d+\]|\.[A-Za-z0-9_-]+)*)(: | )`)

// validate calls Validate of settings and locates each error. Errors that follow from a known
// mistake are left out.
func (d *decoder) validate(settings any, path string) {
	with, ok := settings.(interface{ Validate() error })
	if !ok {
		return
	}
	for _, l := range leaves(with.Validate(), "") {
		at, problem := d.place(l, path, reflect.TypeOf(settings))
		d.blame(at, problem, "")
	}
}

// blame adds a mistake about a path, unless it follows from a known one.
func (d *decoder) blame(at, problem, hint string) {
	if d.meant[at] {
		return
	}
	for _, m := range d.mistakes {
		if under(m.Path, at) || under(at, m.Path) {
			return
		}
	}
	d.add(d.locate(at), at, problem, hint)
}

// under reports whether a path equals another one or is below it.
func under(path, above string) bool {
	rest, ok := strings.CutPrefix(path, above)
	return ok && above != "" && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// place finds the key that an error of Validate is about: the one named by Field, or those at
// the start of its text.
func (d *decoder) place(l leaf, path string, settings reflect.Type) (at, problem string) {
	var f fielder
	if errors.As(l.err, &f) && f.Field() != "" {
		at = below(path, f.Field())
		return at, strings.TrimPrefix(strings.TrimPrefix(l.text, f.Field()), ": ")
	}
	at, problem = path, l.text
	for {
		found := leadingPath.FindStringSubmatch(problem)
		if found == nil {
			return at, problem
		}
		next := below(at, found[1])
		_, there := d.find(next)
		// A first word is a key if it is in the file or in the struct.
		if !there && !hasKey(settings, strings.TrimPrefix(next[len(path):], ".")) {
			return at, problem
		}
		at = next
		rest := strings.TrimPrefix(problem, found[0])
		if found[2] == " " {
			// "url is missing" reads well without its first word, "receiver x is …" does not.
			if verb, _, _ := strings.Cut(rest, " "); verb == "is" || verb == "has" || verb == "must" {
				problem = rest
			}
			return at, problem
		}
		problem = rest
	}
}

// hasKey reports whether a section of a type can have a key, given as a path.
func hasKey(t reflect.Type, path string) bool {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if path == "" {
		return true
	}
	if t.Kind() != reflect.Struct { // of a mapping, the file alone knows the keys
		return false
	}
	key, rest := path, ""
	if end := strings.IndexAny(path, ".["); end >= 0 {
		key, rest = path[:end], path[end:]
		if rest[0] == '[' {
			_, rest, _ = strings.Cut(rest, "]")
		}
		rest = strings.TrimPrefix(rest, ".")
	}
	for _, f := range fieldsOf(t) {
		if f.key == key {
			return hasKey(f.typ, rest)
		}
	}
	return false
}

// below appends a path to another one.
func below(path, field string) string {
	if strings.HasPrefix(field, "[") {
		return path + field
	}
	return join(path, field)
}

// leaf is one of several joined errors, with the text that wraps them all.
type leaf struct {
	err  error
	text string
}

// joined splits joined errors, and leaves errors that are wrapped otherwise as they are.
func joined(err error) []error {
	if err == nil {
		return nil
	}
	tree, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	for _, one := range tree.Unwrap() {
		all = append(all, joined(one)...)
	}
	return all
}

// leaves splits joined errors, also those that were wrapped together.
func leaves(err error, around string) []leaf {
	if err == nil {
		return nil
	}
	//nolint:errorlint // the tree itself is walked here
	switch e := err.(type) {
	case interface{ Unwrap() []error }:
		var all []leaf
		for _, one := range e.Unwrap() {
			all = append(all, leaves(one, around)...)
		}
		return all
	case interface{ Unwrap() error }:
		inner := e.Unwrap()
		if inner == nil {
			break
		}
		// "steps[0]: %w" around joined errors applies to each of them.
		if before, ok := strings.CutSuffix(err.Error(), inner.Error()); ok && strings.HasSuffix(before, ": ") {
			return leaves(inner, around+before)
		}
	}
	return []leaf{{err: err, text: around + err.Error()}}
}

// locate returns the node at a path, or the nearest one above it.
func (d *decoder) locate(path string) *yaml.Node {
	n, _ := d.find(path)
	return n
}

// find returns the node at a path, or the nearest one above it and exact false.
func (d *decoder) find(path string) (_ *yaml.Node, exact bool) {
	n := d.root
	if n == nil {
		return nil, false
	}
	for path != "" {
		for n.Kind == yaml.AliasNode {
			n = n.Alias
		}
		var next *yaml.Node
		next, path = child(n, path, 0)
		if next == nil {
			return n, false
		}
		n = next
	}
	return n, true
}

// child follows the first element of a path and returns the rest of the path.
func child(n *yaml.Node, path string, depth int) (*yaml.Node, string) {
	if rest, ok := strings.CutPrefix(path, "["); ok {
		number, rest, _ := strings.Cut(rest, "]")
		i, err := strconv.Atoi(number)
		if err != nil || n.Kind != yaml.SequenceNode || i < 0 || i >= len(n.Content) {
			return nil, ""
		}
		return n.Content[i], strings.TrimPrefix(rest, ".")
	}
	// A file can merge a mapping into itself.
	const deepest = 100
	if n.Kind != yaml.MappingNode || depth > deepest {
		return nil, ""
	}
	// Keys may contain dots: take the key that the path starts with.
	for i := 0; i+1 < len(n.Content); i += 2 {
		rest, ok := strings.CutPrefix(path, n.Content[i].Value)
		if !ok || n.Content[i].Kind != yaml.ScalarNode {
			continue
		}
		switch {
		case rest == "" || rest[0] == '[':
			return n.Content[i+1], rest
		case rest[0] == '.':
			return n.Content[i+1], rest[1:]
		}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Tag != "!!merge" {
			continue
		}
		merged := []*yaml.Node{n.Content[i+1]}
		if merged[0].Kind == yaml.SequenceNode {
			merged = merged[0].Content
		}
		for _, m := range merged {
			if m.Kind == yaml.AliasNode {
				m = m.Alias
			}
			if m.Kind == yaml.MappingNode {
				if found, rest := child(m, path, depth+1); found != nil {
					return found, rest
				}
			}
		}
	}
	return nil, ""
}
