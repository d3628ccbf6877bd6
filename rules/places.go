package rules

import "go.yaml.in/yaml/v3"

// places are the lines of a rule file's groups and rules. rulefmt keeps the places of
// mistakes only, and a rule that is wrong for other reasons has to be found again too.
type places struct {
	groups []groupPlace
	root   *yaml.Node
}

type groupPlace struct {
	name  string
	line  int
	rules []int
}

// locate finds the lines of groups and rules; what is not as expected has no line, because
// whether the file is good is not decided here.
func locate(content []byte) places {
	var ps places
	var root yaml.Node
	if err := yaml.Unmarshal(content, &root); err != nil {
		return ps
	}
	ps.root = &root
	var file struct {
		Groups []yaml.Node `yaml:"groups"`
	}
	if err := root.Decode(&file); err != nil {
		return ps
	}
	for _, g := range file.Groups {
		p := groupPlace{line: g.Line}
		var body struct {
			Name  string      `yaml:"name"`
			Rules []yaml.Node `yaml:"rules"`
		}
		if err := g.Decode(&body); err == nil {
			p.name = body.Name
			for _, r := range body.Rules {
				p.rules = append(p.rules, ruleLine(r))
			}
		}
		ps.groups = append(ps.groups, p)
	}
	return ps
}

// ruleLine gives the line of the rule's expression, else of its beginning.
func ruleLine(r yaml.Node) int {
	for i := 0; i+1 < len(r.Content); i += 2 {
		if r.Content[i].Value == "expr" {
			return r.Content[i].Line
		}
	}
	return r.Line
}

func (ps places) group(i int) int {
	if i >= len(ps.groups) {
		return 0
	}
	return ps.groups[i].line
}

func (ps places) rule(i, j int) int {
	if i >= len(ps.groups) || j < 0 || j >= len(ps.groups[i].rules) {
		return ps.group(i)
	}
	return ps.groups[i].rules[j]
}

func (ps places) named(group string, j int) int {
	for i, p := range ps.groups {
		if p.name == group {
			return ps.rule(i, j)
		}
	}
	return 0
}

// scalar gives the last line that holds a text as a value: that of a repetition.
func (ps places) scalar(text string) int {
	line := 0
	var walk func(n *yaml.Node, depth int)
	walk = func(n *yaml.Node, depth int) {
		if n == nil || depth > 20 {
			return
		}
		if n.Kind == yaml.ScalarNode && n.Value == text {
			line = n.Line
		}
		for _, c := range n.Content {
			walk(c, depth+1)
		}
	}
	walk(ps.root, 0)
	return line
}
