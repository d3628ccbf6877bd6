package templates

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"text/template/parse"

	"guardian/internal/spelling"
)

// Check returns the names in a template that there are not, each as an *UnknownNameError; root is what the
// template is run with. A template that cannot be parsed is the parser's own to report.
func Check(text string, root Value) error {
	if !strings.Contains(text, "{{") {
		return nil
	}
	defined := map[string]*parse.Tree{}
	tree := parse.New("template")
	tree.Mode = parse.SkipFuncCheck
	tree, err := tree.Parse(text, "", "", defined)
	if err != nil || tree == nil {
		return nil //nolint:nilerr // who runs the template parses it with its functions, and reports this
	}
	w := walker{defined: defined, seen: map[string]bool{}}
	w.list(tree.Root, root, map[string]Value{"$": root})
	return errors.Join(w.errs...)
}

// UnknownNameError is a name that there is not.
type UnknownNameError struct {
	Name  string   // as it is written, such as .Order.SKUU
	Meant string   // the one that is probably meant; "" if none is like it
	Known []string // what may be written instead
}

// Problem says which name is wrong.
func (e *UnknownNameError) Problem() string {
	return fmt.Sprintf("{{%s}}: there is no %q here", e.Name, e.Name[strings.LastIndexByte(e.Name, '.')+1:])
}

// Error implements error.
func (e *UnknownNameError) Error() string { return e.Problem() + ": " + e.Hint() }

// Hint says what may be written instead.
func (e *UnknownNameError) Hint() string {
	meant := ""
	if e.Meant != "" {
		meant = fmt.Sprintf("did you mean %s? ", e.Meant)
	}
	switch {
	case len(e.Known) == 0:
		return fmt.Sprintf("%s has no names in it", e.Name[:max(strings.LastIndexByte(e.Name, '.'), 0)])
	case len(e.Known) == 1:
		return meant + "known is " + e.Known[0]
	case len(e.Known) > mostShown:
		return meant + "known are " + strings.Join(e.Known[:mostShown], ", ") + " and others"
	default:
		return meant + "known are " + strings.Join(e.Known, ", ")
	}
}

type walker struct {
	defined map[string]*parse.Tree
	seen    map[string]bool
	errs    []error
	depth   int
}

// mostShown is how many known names a hint lists.
const mostShown = 24

// mostCalls is how deep templates are followed that run each other.
const mostCalls = 10

func (w *walker) unknown(name string, in Value, prefix string) {
	if w.seen[name] {
		return
	}
	w.seen[name] = true
	wrong := name[strings.LastIndexByte(name, '.')+1:]
	e := &UnknownNameError{Name: name}
	if meant := spelling.Meant(wrong, in.names()); meant != "" {
		e.Meant = prefix + "." + meant
	}
	for _, known := range in.names() {
		e.Known = append(e.Known, prefix+"."+known)
	}
	w.errs = append(w.errs, e)
}

func (w *walker) list(l *parse.ListNode, dot Value, vars map[string]Value) {
	if l == nil {
		return
	}
	for _, n := range l.Nodes {
		w.node(n, dot, vars)
	}
}

func (w *walker) node(n parse.Node, dot Value, vars map[string]Value) {
	switch n := n.(type) {
	case *parse.ActionNode:
		w.pipe(n.Pipe, dot, vars)
	case *parse.IfNode:
		inner := copied(vars)
		w.pipe(n.Pipe, dot, inner)
		w.list(n.List, dot, copied(inner))
		w.list(n.ElseList, dot, copied(inner))
	case *parse.WithNode:
		inner := copied(vars)
		w.list(n.List, w.pipe(n.Pipe, dot, inner), copied(inner))
		w.list(n.ElseList, dot, copied(inner))
	case *parse.RangeNode:
		inner := copied(vars)
		element := w.pipe(n.Pipe, dot, inner).element()
		for i, v := range n.Pipe.Decl {
			inner[v.Ident[0]] = Any()
			if i == len(n.Pipe.Decl)-1 {
				inner[v.Ident[0]] = element
			}
		}
		w.list(n.List, element, copied(inner))
		w.list(n.ElseList, dot, copied(inner))
	case *parse.TemplateNode:
		w.call(n, dot, vars)
	}
}

// call follows {{template "name" value}}.
func (w *walker) call(n *parse.TemplateNode, dot Value, vars map[string]Value) {
	with := Any()
	if n.Pipe != nil {
		with = w.pipe(n.Pipe, dot, vars)
	}
	t, ok := w.defined[n.Name]
	if !ok || t.Root == nil || w.depth >= mostCalls {
		return
	}
	w.depth++
	w.list(t.Root, with, map[string]Value{"$": with})
	w.depth--
}

func copied(vars map[string]Value) map[string]Value {
	return maps.Clone(vars)
}

// pipe checks a pipeline and returns what is known of its value.
func (w *walker) pipe(p *parse.PipeNode, dot Value, vars map[string]Value) Value {
	value := Any()
	for _, c := range p.Cmds {
		value = w.command(c, dot, vars)
	}
	for _, v := range p.Decl {
		vars[v.Ident[0]] = value
	}
	return value
}

func (w *walker) command(c *parse.CommandNode, dot Value, vars map[string]Value) Value {
	var values []Value
	for _, a := range c.Args {
		values = append(values, w.argument(a, dot, vars))
	}
	if _, ok := c.Args[0].(*parse.IdentifierNode); ok {
		// Of a function. That includes index, with which a name may be read that is not always there.
		return Any()
	}
	return values[0]
}

func (w *walker) argument(n parse.Node, dot Value, vars map[string]Value) Value {
	switch n := n.(type) {
	case *parse.DotNode:
		return dot
	case *parse.FieldNode:
		return w.fields(dot, "", n.Ident)
	case *parse.VariableNode:
		v, ok := vars[n.Ident[0]]
		if !ok {
			v = Any()
		}
		return w.fields(v, n.Ident[0], n.Ident[1:])
	case *parse.PipeNode:
		return w.pipe(n, dot, vars)
	case *parse.ChainNode:
		return w.fields(w.argument(n.Node, dot, vars), n.Node.String(), n.Field)
	case *parse.StringNode, *parse.NumberNode, *parse.BoolNode:
		return Text()
	default:
		return Any()
	}
}

// fields follows names from a value on; prefix is how the value is written.
func (w *walker) fields(v Value, prefix string, names []string) Value {
	for _, name := range names {
		next, ok := v.get(name)
		if !ok {
			w.unknown(prefix+"."+name, v, prefix)
			return Any()
		}
		v, prefix = next, prefix+"."+name
	}
	return v
}
