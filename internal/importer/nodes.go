package importer

import (
	"iter"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

func mapping() *yaml.Node { return &yaml.Node{Kind: yaml.MappingNode} }

func scalar(text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
}

func flow(texts []string) *yaml.Node {
	list := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
	for _, t := range texts {
		list.Content = append(list.Content, scalar(t))
	}
	return list
}

func set(m *yaml.Node, key string, v *yaml.Node) {
	m.Content = append(m.Content, scalar(key), v)
}

func remove(m *yaml.Node, key string) {
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == key {
			m.Content = slices.Delete(m.Content, i, i+2)
			return
		}
	}
}

// pairs yields the keys and values of a mapping, with merges and aliases followed.
func pairs(n *yaml.Node) iter.Seq2[*yaml.Node, *yaml.Node] {
	return func(yield func(k, v *yaml.Node) bool) { walk(n, yield, map[string]bool{}, 0) }
}

// deepest bounds how far merges are followed: a file can merge a mapping into itself.
const deepest = 100

func walk(n *yaml.Node, yield func(k, v *yaml.Node) bool, seen map[string]bool, depth int) bool {
	n = target(n)
	if n == nil || n.Kind != yaml.MappingNode || depth > deepest {
		return true
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], target(n.Content[i+1])
		if k.Tag == "!!merge" || v == nil || seen[k.Value] {
			continue
		}
		seen[k.Value] = true
		if !yield(k, v) {
			return false
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
			if !walk(m, yield, seen, depth+1) {
				return false
			}
		}
	}
	return true
}

// target follows an alias to what it stands for; nil for one that leads nowhere.
func target(n *yaml.Node) *yaml.Node {
	for range deepest {
		if n == nil || n.Kind != yaml.AliasNode {
			return n
		}
		n = n.Alias
	}
	return nil
}

// value finds the value of a key.
func value(n *yaml.Node, key string) (*yaml.Node, bool) {
	for k, v := range pairs(n) {
		if k.Value == key {
			return v, true
		}
	}
	return nil, false
}

// text gives the text of a key that holds a scalar; "" when there is none.
func text(n *yaml.Node, key string) string {
	if v, ok := value(n, key); ok && v.Kind == yaml.ScalarNode && v.Tag != "!!null" {
		return v.Value
	}
	return ""
}

// copied copies a value with aliases and merges written out, and without comments. ${ has a
// meaning in guardian.yaml that it has not elsewhere.
func copied(n *yaml.Node) *yaml.Node { return copiedTo(n, 0) }

func copiedTo(n *yaml.Node, depth int) *yaml.Node {
	n = target(n)
	if n == nil || depth > deepest {
		return scalar("")
	}
	out := &yaml.Node{Kind: n.Kind, Tag: n.Tag, Value: strings.ReplaceAll(n.Value, "${", "$${"), Style: n.Style &^ yaml.TaggedStyle}
	if n.Kind == yaml.MappingNode {
		for k, v := range pairs(n) {
			out.Content = append(out.Content, &yaml.Node{Kind: k.Kind, Tag: k.Tag, Value: k.Value, Style: k.Style}, copiedTo(v, depth+1))
		}
		return out
	}
	for _, one := range n.Content {
		out.Content = append(out.Content, copiedTo(one, depth+1))
	}
	return out
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
