package rules

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// document is one rule file of a YAML file: the whole of it, one of its documents, or the spec of a
// PrometheusRule, which is how Kubernetes keeps a rule file.
type document struct {
	File
	lines map[int]int // the file's line of each line of Content; nil: they are the same
}

// separator is a line between two documents. In column 1 it cannot be anything else.
var separator = regexp.MustCompile(`(?m)^---(?:[ \t].*)?\r?$`)

// IsRuleFile reports whether a YAML file is meant to hold rules: in one of its documents are groups,
// or a PrometheusRule.
func IsRuleFile(content []byte) bool {
	for _, part := range split(content) {
		m, _ := readManifest(part)
		if m.rules() || m.Groups.Kind == yaml.SequenceNode {
			return true
		}
	}
	return false
}

// documents returns the rule files in a YAML file. Manifests of other kinds may stand beside them.
func documents(f File) ([]document, error) {
	var all []document
	others := 0
	var other manifest
	parts := split(f.Content)
	for _, part := range parts {
		m, ok := readManifest(part)
		one := f
		one.Content = part
		switch {
		case ok && m.rules():
			found, err := m.specs(f)
			if err != nil {
				return nil, err
			}
			all = append(all, found...)
			continue
		case ok && m.APIVersion != "" && m.Kind != "":
			if others++; others == 1 {
				other = m
			}
			continue
		case ok && m.empty && len(parts) > 1:
			continue // a comment above the first separator, or a separator at the end
		}
		if len(all) > 0 {
			one.ID = fmt.Sprintf("%s#%d", f.ID, len(all)+1)
		}
		all = append(all, document{File: one})
	}
	if len(all) == 0 && others > 0 {
		return nil, &Error{
			File: f.Name, Line: other.line, Err: fmt.Errorf("a manifest of kind %s has no rules", other.Kind),
			Hint: "rules are in a Prometheus rule file, with the key groups, or in a manifest of kind PrometheusRule",
		}
	}
	return all, nil
}

// split returns the documents of a YAML file, each with empty lines in place of what is before it, so
// that lines keep their numbers.
func split(content []byte) [][]byte {
	marks := separator.FindAllIndex(content, -1)
	if len(marks) == 0 {
		return [][]byte{content}
	}
	var parts [][]byte
	from := 0
	add := func(to int) {
		if part := content[from:to]; len(bytes.TrimSpace(part)) > 0 || len(parts) > 0 {
			above := bytes.Count(content[:from], []byte("\n"))
			parts = append(parts, append(bytes.Repeat([]byte("\n"), above), part...))
		}
	}
	for _, m := range marks {
		add(m[0])
		from = m[1]
	}
	add(len(content))
	return parts
}

// manifest is what a document says of itself.
type manifest struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string `yaml:"kind"`
	Metadata   struct {
		Name      string `yaml:"name"`
		Namespace string `yaml:"namespace"`
	} `yaml:"metadata"`
	Spec   yaml.Node   `yaml:"spec"`
	Items  []yaml.Node `yaml:"items"`
	Groups yaml.Node   `yaml:"groups"`

	line  int
	empty bool
}

// readManifest reads a document; false: it is no mapping, and mistakes in it are found elsewhere.
func readManifest(part []byte) (manifest, bool) {
	var m manifest
	var root yaml.Node
	if yaml.Unmarshal(part, &root) != nil {
		return m, false
	}
	if len(root.Content) == 0 || root.Content[0].Tag == "!!null" {
		m.empty = true
		return m, true
	}
	if root.Decode(&m) != nil {
		return manifest{}, false
	}
	m.line = root.Content[0].Line
	return m, true
}

// rules reports whether it is a PrometheusRule, or a list with one, as kubectl get prints it.
func (m manifest) rules() bool {
	switch m.Kind {
	case "PrometheusRule", "PrometheusRuleList":
		return true
	case "List":
		for i := range m.Items {
			var one manifest
			if m.Items[i].Decode(&one) == nil && one.Kind == "PrometheusRule" {
				return true
			}
		}
	}
	return false
}

// specs returns the rule files in a manifest. Each PrometheusRule is a file of its own: two may have
// groups of the same name.
func (m manifest) specs(f File) ([]document, error) {
	if m.Kind == "PrometheusRule" {
		one, err := m.spec(f)
		return []document{one}, err
	}
	var all []document
	for i := range m.Items {
		var one manifest
		if err := m.Items[i].Decode(&one); err != nil || one.Kind != "PrometheusRule" && m.Kind == "List" {
			continue
		}
		one.line = m.Items[i].Line
		d, err := one.spec(f)
		if err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	return all, nil
}

// spec returns the spec of a PrometheusRule as a rule file.
func (m manifest) spec(f File) (document, error) {
	if m.Spec.Kind != yaml.MappingNode {
		return document{}, &Error{
			File: f.Name, Line: m.line, Err: fmt.Errorf("the PrometheusRule %q has no spec", m.Metadata.Name),
			Hint: "its groups are in spec.groups",
		}
	}
	left := maxNodes
	spec, ok := plainCopy(&m.Spec, &left)
	if !ok {
		return document{}, &Error{File: f.Name, Line: m.line, Err: errors.New("too many YAML aliases")}
	}
	leaveOut(spec, "groups", "partial_response_strategy") // which only Thanos reads
	content, err := yaml.Marshal(spec)
	if err != nil {
		return document{}, &Error{File: f.Name, Line: m.line, Err: err}
	}
	var again yaml.Node
	if err := yaml.Unmarshal(content, &again); err != nil || len(again.Content) == 0 {
		return document{}, &Error{File: f.Name, Line: m.line, Err: fmt.Errorf("the spec of %q cannot be read: %w", m.Metadata.Name, err)}
	}
	d := document{File: f, lines: map[int]int{}}
	d.Content = content
	d.ID = strings.Join([]string{f.ID, m.Metadata.Namespace, m.Metadata.Name}, "#")
	d.match(again.Content[0], spec)
	return d, nil
}

// maxNodes is how many YAML nodes a manifest may have, with its aliases resolved.
const maxNodes = 200_000

// plainCopy returns a copy of a node without anchors and comments, aliases resolved, in block style, so
// that each node is written on its own line. It gives up when too many nodes would come of it.
func plainCopy(n *yaml.Node, left *int) (*yaml.Node, bool) {
	if *left--; *left < 0 {
		return nil, false
	}
	if n.Kind == yaml.AliasNode {
		return plainCopy(n.Alias, left)
	}
	c := &yaml.Node{Kind: n.Kind, Style: n.Style &^ yaml.FlowStyle, Tag: n.Tag, Value: n.Value, Line: n.Line, Column: n.Column}
	for _, child := range n.Content {
		one, ok := plainCopy(child, left)
		if !ok {
			return nil, false
		}
		c.Content = append(c.Content, one)
	}
	return c, true
}

// leaveOut removes a key from each mapping of the list that a mapping has as a key.
func leaveOut(mapping *yaml.Node, list, key string) {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value != list {
			continue
		}
		for _, one := range mapping.Content[i+1].Content {
			for j := 0; one.Kind == yaml.MappingNode && j+1 < len(one.Content); j += 2 {
				if one.Content[j].Value == key {
					one.Content = append(one.Content[:j:j], one.Content[j+2:]...)
					break
				}
			}
		}
	}
}

// match notes the original line of each node of the written copy.
func (d *document) match(written, original *yaml.Node) {
	if _, known := d.lines[written.Line]; !known {
		d.lines[written.Line] = original.Line
	}
	for i := range min(len(written.Content), len(original.Content)) {
		d.match(written.Content[i], original.Content[i])
	}
}

// restore gives groups and mistakes the lines of the file that they are in.
func (d *document) restore(groups []*Group, mistakes []error) {
	if d.lines == nil {
		return
	}
	for _, g := range groups {
		g.Line = d.lines[g.Line]
		for _, r := range g.Rules {
			r.Line = d.lines[r.Line]
		}
	}
	for _, err := range mistakes {
		var e *Error
		if errors.As(err, &e) {
			e.Line, e.Column = d.lines[e.Line], 0
		}
	}
}
