package rules

import "go.yaml.in/yaml/v3"

// places are the lines of a rule file's groups and rules. rulefmt keeps the places of
// mistakes only, and a rule that is wrong for other reasons has to be found again too.
type places []groupPlace

type groupPlace struct {
	name  string
	line  int
	rules []int
}

// locate finds the lines of groups and rules; what is not as expected has no line, because
// whether the file is good is not decided here.
func locate(content []byte) places {
	var file struct {
		Groups []yaml.Node `yaml:"groups"`
	}
	if err := yaml.Unmarshal(content, &file); err != nil {
		return nil
	}
	var ps places
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
		ps = append(ps, p)
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
	if i >= len(ps) {
		return 0
	}
	return ps[i].line
}

func (ps places) rule(i, j int) int {
	if i >= len(ps) || j < 0 || j >= len(ps[i].rules) {
		return ps.group(i)
	}
	return ps[i].rules[j]
}

func (ps places) named(group string, j int) int {
	for i, p := range ps {
		if p.name == group {
			return ps.rule(i, j)
		}
	}
	return 0
}
