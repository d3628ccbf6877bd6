package rules

import "go.yaml.in/yaml/v3"

// linePositions are the lines of a rule file's groups and rules. rulefmt keeps them only for
// the mistakes that it finds itself.
type linePositions struct {
	groups []groupLines
	root   *yaml.Node
}

type groupLines struct {
	name  string
	line  int
	rules []int
}

// locate finds the lines of groups and rules. What is not as expected has no line: mistakes are
// found elsewhere.
func locate(content []byte) linePositions {
	var ps linePositions
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
		p := groupLines{line: g.Line}
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

// group gives the line of a group; 0 when it is not known.
func (ps linePositions) group(i int) int {
	if i >= len(ps.groups) {
		return 0
	}
	return ps.groups[i].line
}

// rule gives the line of rule j of group i, else that of the group.
func (ps linePositions) rule(i, j int) int {
	if i >= len(ps.groups) || j < 0 || j >= len(ps.groups[i].rules) {
		return ps.group(i)
	}
	return ps.groups[i].rules[j]
}

// named gives the line of rule j of the group of that name; 0 when it is not known.
func (ps linePositions) named(group string, j int) int {
	for i, p := range ps.groups {
		if p.name == group {
			return ps.rule(i, j)
		}
	}
	return 0
}

// scalar gives the last line that has a text as its value, which is where a repeated name is.
func (ps linePositions) scalar(text string) int {
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
