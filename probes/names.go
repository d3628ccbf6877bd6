package probes

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"guardian/internal/secret"
	"guardian/internal/templates"
)

// Template is a setting that is a template, with the names that it may use.
type Template struct {
	At    string // its path in the settings, such as push.body
	Text  string
	Names templates.Value
}

// namesOf are the names that every template may use; see templateData.
func namesOf(labels, vars map[string]string, secrets map[string]secret.Secret) templates.Value {
	v := templates.Keys(vars)
	for name, value := range map[string]templates.Value{
		"Check": templates.Text(), "Service": templates.Text(), "Labels": templates.Keys(labels),
		"Now": templates.Of(time.Time{}), "Secrets": templates.Keys(secrets),
	} {
		v = v.With(name, value)
	}
	return v
}

// templateList collects the templates of settings.
type templateList []Template

func (l *templateList) add(at, text string, names templates.Value) {
	*l = append(*l, Template{At: at, Text: text, Names: names})
}

func (l *templateList) request(at string, r *Request, names templates.Value) {
	l.add(at+"url", r.URL, names)
	for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
		l.add(at+"headers."+name, r.Headers[name].Reveal(), names)
	}
	l.add(at+"body", r.Body, names)
}

func (l *templateList) expect(at string, e *Expect, names templates.Value) {
	for i, a := range e.JSON {
		l.add(fmt.Sprintf("%sjson[%d].path", at, i), a.Path, names)
		if a.Equals != nil {
			l.add(fmt.Sprintf("%sjson[%d].equals", at, i), *a.Equals, names)
		}
	}
}

func (l *templateList) args(at string, s *SQL, names templates.Value) {
	for i, a := range s.Args {
		l.add(fmt.Sprintf("%sargs[%d]", at, i), a, names)
	}
}

// oneRequest is the Templates of kinds that make one request, whose answer is judged by expect; nil:
// without templates.
func oneRequest(r *Request, e *Expect, secrets map[string]secret.Secret, labels map[string]string) []Template {
	var l templateList
	names := namesOf(labels, nil, secrets)
	l.request("", r, names)
	if e != nil {
		l.expect("expect.", e, names)
	}
	return l
}

// steps adds the templates of steps: each may use what those before it extracted. It returns the names
// that are known after them.
func (l *templateList) steps(at string, steps []JourneyStep, names templates.Value) templates.Value {
	for i := range steps {
		at := fmt.Sprintf("%ssteps[%d].", at, i)
		l.request(at, &steps[i].Request, names)
		l.expect(at+"expect.", &steps[i].Expect, names)
		for _, e := range steps[i].Extract {
			names = names.With(e.Name, templates.Text())
		}
	}
	return names
}

func (s *JourneySettings) templates(labels map[string]string) []Template {
	var l templateList
	l.steps("", s.Steps, namesOf(labels, s.Vars, s.Secrets))
	return l
}

func (s *ExecSettings) templates(labels map[string]string) []Template {
	var l templateList
	for i, a := range s.Command {
		l.add(fmt.Sprintf("command[%d]", i), a, namesOf(labels, nil, nil))
	}
	return l
}

func (s *TCPSettings) templates(labels map[string]string) []Template {
	var l templateList
	for i, t := range s.Talk {
		l.add(fmt.Sprintf("talk[%d].send", i), t.Send, namesOf(labels, nil, s.Secrets))
	}
	return l
}

func (s *SQLSettings) templates(labels map[string]string) []Template {
	var l templateList
	l.args("", &s.SQL, namesOf(labels, nil, s.Secrets))
	return l
}

// templates lists the templates of a synthetic order. The target's ID of the order, {{.Ref}}, is known
// once an answer has given it.
func (s *OrderPushSettings) templates(labels map[string]string) []Template {
	var l templateList
	names := namesOf(labels, s.Vars, s.Secrets).With("ID", templates.Text())
	if s.Platform != "" {
		names = names.With("Order", templates.Keys((&platformPush{settings: s}).content()))
	}
	l.request("push.", &s.Push.Request, names)
	for _, path := range slices.Sorted(maps.Keys(s.Push.Fields)) {
		l.add("push.fields."+path, s.Push.Fields[path], names)
	}
	names = l.steps("push.", s.Push.Steps, names)
	if s.Push.Sign != nil {
		signed := names
		for _, name := range []string{"Body", "URL", "Path"} {
			signed = signed.With(name, templates.Text())
		}
		l.add("push.sign.content", s.Push.Sign.Content, signed)
	}
	l.expect("push.expect.", &s.Push.Expect, names)
	if s.answersRef() {
		names = names.With("Ref", templates.Text())
	}
	if s.Lookup.HTTP != nil {
		l.request("lookup.http.", &s.Lookup.HTTP.Request, names)
		l.expect("lookup.http.expect.", &s.Lookup.HTTP.Expect, names)
		if s.Lookup.HTTP.Ref != "" {
			names = names.With("Ref", templates.Text())
		}
	} else if s.Lookup.SQL != nil {
		l.args("lookup.sql.", s.Lookup.SQL, names)
	}
	for i, f := range s.Verify {
		l.add(fmt.Sprintf("verify[%d].json", i), f.JSON, names)
		l.add(fmt.Sprintf("verify[%d].equals", i), f.Equals, names)
	}
	if s.Cleanup.HTTP != nil {
		l.request("cleanup.http.", &s.Cleanup.HTTP.Request, names)
		l.expect("cleanup.http.expect.", &s.Cleanup.HTTP.Expect, names)
	} else if s.Cleanup.SQL != nil {
		l.args("cleanup.sql.", s.Cleanup.SQL, names)
	}
	return l
}

// Mistakable reports whether the lookup may show another order than the one that was pushed: neither it
// nor verify reads the order's own ID, and what the target answered may name an older one.
func (s *OrderPushSettings) Mistakable() bool {
	for _, t := range s.templates(nil) {
		if (strings.HasPrefix(t.At, "lookup.") || strings.HasPrefix(t.At, "verify[")) && ownID.MatchString(t.Text) {
			return false
		}
	}
	return true
}

// ownID finds the use of the order's ID in a template.
var ownID = regexp.MustCompile(`\{\{[^}]*\.ID\b`)

// answersRef reports whether the answer to the push gives the target's ID of the order.
func (s *OrderPushSettings) answersRef() bool {
	if s.Push.Ref != "" {
		return true
	}
	p := &platformPush{settings: s}
	return s.Platform != "" && p.sandbox() && p.find() && p.platform.Sandbox.Create != nil && p.platform.Sandbox.Create.ID != ""
}
