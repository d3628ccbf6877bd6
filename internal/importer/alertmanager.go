package importer

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"

	"guardian/notifiers/route"
)

// Note is something that a person should know about a conversion.
type Note struct {
	Line    int    `json:"line"` // in the file that was converted
	Path    string `json:"path,omitempty"`
	Problem string `json:"problem"`
	Hint    string `json:"hint,omitempty"`
}

// String gives the note as a line.
func (n Note) String() string {
	text := n.Problem
	if n.Path != "" {
		text = n.Path + ": " + text
	}
	if n.Hint != "" {
		text += "; " + n.Hint
	}
	return text
}

// Result is a configuration that was converted.
type Result struct {
	Config []byte // YAML: receivers, routes, inhibit_rules, time_intervals
	Notes  []Note
	// Receivers are the names here of each receiver there.
	Receivers map[string][]string
}

// Alertmanager converts an Alertmanager configuration.
func Alertmanager(content []byte) (Result, error) {
	var file yaml.Node
	if err := yaml.Unmarshal(content, &file); err != nil {
		return Result{}, err
	}
	if len(file.Content) != 1 || file.Content[0].Kind != yaml.MappingNode {
		return Result{}, errors.New("it is not a configuration of Alertmanager: there is no mapping at the top")
	}
	root := file.Content[0]
	tree, found := value(root, "route")
	if !found {
		return Result{}, errors.New("it is not a configuration of Alertmanager: there is no route")
	}
	c := &converter{global: map[string]string{}, names: map[string][]string{}}
	c.globals(root)
	receivers := c.receivers(root)
	out := mapping()
	out.HeadComment = "Converted from a configuration of Alertmanager by guardian import."
	set(out, "receivers", receivers)
	set(out, "routes", c.root(tree))
	c.lists(root, out)
	c.rest(root, "", "global", "route", "receivers", "inhibit_rules", "time_intervals", "mute_time_intervals")
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := errors.Join(e.Encode(out), e.Close()); err != nil {
		return Result{}, err
	}
	if err := c.slow(b.Bytes(), tree); err != nil {
		return Result{}, err
	}
	slices.SortStableFunc(c.notes, func(a, b Note) int { return a.Line - b.Line })
	return Result{Config: b.Bytes(), Notes: c.notes, Receivers: c.names}, nil
}

type converter struct {
	global map[string]string   // scalars of the section global
	names  map[string][]string // receivers here, by their name there
	notes  []Note
}

func (c *converter) note(n *yaml.Node, path, problem, hint string) {
	c.notes = append(c.notes, Note{Line: n.Line, Path: path, Problem: problem, Hint: hint})
}

// rest notes the keys of a mapping that nothing is made of.
func (c *converter) rest(n *yaml.Node, path string, known ...string) {
	for key := range pairs(n) {
		if !slices.Contains(known, key.Value) {
			c.note(key, join(path, key.Value), "is not carried over", hintFor(key.Value))
		}
	}
}

func hintFor(key string) string {
	switch key {
	case "templates":
		return "messages have the guardian's own texts"
	case "labels":
		return "routes and receivers have no labels of their own"
	default:
		return ""
	}
}

// globals reads the section that receivers inherit from.
func (c *converter) globals(root *yaml.Node) {
	global, ok := value(root, "global")
	if !ok {
		return
	}
	for key, v := range pairs(global) {
		switch {
		case v.Kind == yaml.ScalarNode:
			c.global[key.Value] = v.Value
			if key.Value == "resolve_timeout" {
				c.note(key, "global.resolve_timeout", "is not carried over", "alerts that others send without an end resolve 5m after they were sent last")
			}
		default:
			c.note(key, "global."+key.Value, "is not carried over", "")
		}
	}
}

// lists converts what has the same words here.
func (c *converter) lists(root, out *yaml.Node) {
	if rules, ok := value(root, "inhibit_rules"); ok && len(rules.Content) > 0 {
		set(out, "inhibit_rules", copied(rules))
		for i, r := range rules.Content {
			c.rest(r, fmt.Sprintf("inhibit_rules[%d]", i), "name", "source_matchers", "source_match", "source_match_re", "target_matchers", "target_match", "target_match_re", "equal")
		}
	}
	all := &yaml.Node{Kind: yaml.SequenceNode}
	// mute_time_intervals is the name that time_intervals had until 0.24.
	for _, key := range []string{"time_intervals", "mute_time_intervals"} {
		if list, ok := value(root, key); ok {
			all.Content = append(all.Content, copied(list).Content...)
		}
	}
	if len(all.Content) > 0 {
		set(out, "time_intervals", all)
	}
}

// root converts the tree. What it leaves to Alertmanager's defaults is written down, because the
// guardian's are others.
func (c *converter) root(n *yaml.Node) *yaml.Node {
	out := c.route(n, "route", "")
	for _, d := range []struct {
		key   string
		value *yaml.Node
	}{
		{"group_by", &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}},
		{"group_wait", scalar("30s")},
		{"group_interval", scalar("5m")},
		{"repeat_interval", scalar("4h")},
	} {
		if _, stated := value(n, d.key); stated {
			continue
		}
		d.value.LineComment = "Alertmanager's default"
		set(out, d.key, d.value)
	}
	// The children last, as people write it.
	if children, ok := value(out, "routes"); ok {
		remove(out, "routes")
		set(out, "routes", children)
	}
	return out
}

// route converts one route. inherited is the receiver that it has unless it names one.
func (c *converter) route(n *yaml.Node, path, inherited string) *yaml.Node {
	out := mapping()
	receiver := inherited
	if named, ok := value(n, "receiver"); ok && named.Value != "" {
		receiver = named.Value
	}
	names := c.names[receiver]
	if len(names) == 0 {
		c.note(n, path, fmt.Sprintf("receiver %q is not configured", receiver), "")
		names = []string{receiver}
	}
	switch {
	case receiver == inherited:
	case len(names) == 1:
		set(out, "receiver", scalar(names[0]))
	default:
		set(out, "receivers", flow(names))
	}
	for _, key := range []string{
		"matchers", "match", "match_re", "continue", "group_by", "group_wait", "group_interval", "repeat_interval", "mute_time_intervals", "active_time_intervals",
	} {
		if v, ok := value(n, key); ok && v.Tag != "!!null" {
			set(out, key, copied(v))
		}
	}
	children := &yaml.Node{Kind: yaml.SequenceNode}
	if list, ok := value(n, "routes"); ok && strings.Count(path, "routes[") < deepest { // a file can put a route into itself
		for i, child := range list.Content {
			children.Content = append(children.Content, c.route(child, fmt.Sprintf("%s.routes[%d]", path, i), receiver))
		}
	}
	if len(children.Content) > 0 {
		set(out, "routes", children)
	}
	c.rest(n, path, "receiver", "matchers", "match", "match_re", "continue", "group_by", "group_wait", "group_interval", "repeat_interval",
		"mute_time_intervals", "active_time_intervals", "routes")
	return out
}

// criticalWithin is how long a critical alert may wait for its group before a note says so.
const criticalWithin = 5 * time.Second

// slow notes the routes that let critical alerts wait.
func (c *converter) slow(converted []byte, tree *yaml.Node) error {
	var out struct {
		Receivers []struct {
			Name    string    `yaml:"name"`
			Discard *struct{} `yaml:"discard"`
		} `yaml:"receivers"`
		Routes    route.Node       `yaml:"routes"`
		Intervals []route.Interval `yaml:"time_intervals"`
	}
	if err := yaml.Unmarshal(converted, &out); err != nil {
		return fmt.Errorf("what was converted cannot be read: %w", err)
	}
	var names []string
	silent := map[string]bool{}
	for _, r := range out.Receivers {
		names = append(names, r.Name)
		silent[r.Name] = r.Discard != nil
	}
	made, err := route.New(out.Routes, names, out.Intervals)
	if err != nil {
		c.note(tree, "", "what was converted has mistakes, which guardian check explains", "")
		return nil //nolint:nilerr // the mistakes are in the file that was converted
	}
	for _, s := range made.SlowForCritical(criticalWithin) {
		if silent[s.Receivers] {
			continue
		}
		waits := "group_wait " + model.Duration(s.GroupWait).String()
		if s.GroupInterval > criticalWithin {
			waits += ", group_interval " + model.Duration(s.GroupInterval).String()
		}
		path := "routes"
		if s.Place != "" {
			path += "." + s.Place
		}
		c.note(tree, path, fmt.Sprintf("critical alerts that this route sends to %s wait: %s", s.Receivers, waits),
			"set group_wait: 0s and group_interval: 5s or less here, or give critical alerts a route of their own that does")
	}
	return nil
}
