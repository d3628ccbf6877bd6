package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// maxNodes bounds the expansion of aliases: a few lines could expand to more values than fit
// into memory.
const maxNodes = 250_000

// parse reads one YAML document. It returns nil after a mistake and for an empty file.
func (d *decoder) parse(content []byte) *yaml.Node {
	in := yaml.NewDecoder(bytes.NewReader(content))
	var doc, second yaml.Node
	switch err := in.Decode(&doc); {
	case errors.Is(err, io.EOF), err == nil && len(doc.Content) == 1 && isNull(doc.Content[0]):
		d.add(nil, "", "is empty", "start with configs/minimal.yaml")
		return nil
	case err != nil:
		d.mistakes = append(d.mistakes, syntaxMistake(d.file, content, err))
		return nil
	}
	switch err := in.Decode(&second); {
	case err == nil:
		d.add(&second, "", "is a second document", "a configuration is one YAML document: remove the ---")
	case !errors.Is(err, io.EOF):
		d.mistakes = append(d.mistakes, syntaxMistake(d.file, content, err))
		return nil
	}
	if doc.Kind == yaml.DocumentNode && len(doc.Content) == 1 {
		d.root = doc.Content[0]
	}
	return d.root
}

var yamlLine = regexp.MustCompile(`^(?:yaml: )?line (\d+): `)

// syntaxMistake converts an error of the YAML library: it finds the line, and adds a hint for
// the most common causes.
func syntaxMistake(file string, content []byte, err error) Mistake {
	m := Mistake{File: file, Problem: "is not YAML: " + strings.TrimPrefix(err.Error(), "yaml: ")}
	if found := yamlLine.FindStringSubmatch(err.Error()); found != nil {
		m.Line, _ = strconv.Atoi(found[1])
		m.Problem = "is not YAML: " + strings.TrimPrefix(err.Error(), found[0])
	}
	lines := bytes.Split(content, []byte("\n"))
	if i := slices.IndexFunc(lines, func(l []byte) bool { return !utf8.Valid(l) }); m.Line == 0 && i >= 0 {
		m.Line, m.Hint = i+1, "save the file as UTF-8"
	}
	if m.Line > 0 && m.Line <= len(lines) && indentedByTab.Match(lines[m.Line-1]) {
		m.Hint = "indent with spaces: YAML does not allow tabs there"
	}
	return m
}

var indentedByTab = regexp.MustCompile(`^ *\t`)

// enter follows an alias and counts nodes. It returns nil when the node must not be expanded.
func (d *decoder) enter(n *yaml.Node, path string) (_ *yaml.Node, leave func()) {
	d.visited++
	if d.visited > maxNodes {
		if d.visited == maxNodes+1 {
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

// is reports whether a node has a shape; null counts as an empty value of any shape.
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

// got describes a node that is not what was expected.
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
		// Interpolated values are still ${…} in the node: this never prints a secret.
		return strconv.Quote(shorten(n.Value, 60))
	}
}

func shorten(text string, limit int) string {
	runes := []rune(text)
	if len(runes) <= limit {
		return text
	}
	return string(runes[:limit]) + "…"
}

// pair is a key of a mapping with its value.
type pair struct{ key, value *yaml.Node }

// pairs returns the entries of a mapping, merged ones (<<) last, and finds duplicate keys.
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
			d.add(key, path, "has a key that is not a string", "")
			continue
		}
		if before, twice := first[key.Value]; twice {
			d.add(key, join(path, key.Value), fmt.Sprintf("duplicate key: it is on line %d already", before.Line), "keep one of them")
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

// merge returns the entries of "<<: *a" or "<<: [*a, *b]".
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
