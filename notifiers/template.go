package notifiers

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/template"

	"guardian/internal/secret"
	"guardian/internal/templates"
)

// TemplateSettings are templates of the messages of a receiver that people read, in place of the guardian's own
// words.
type TemplateSettings struct {
	Title   string   `yaml:"title" doc:"Template of the title, one line; default: the guardian's own."`
	Text    string   `yaml:"text" doc:"Template of the text below the title; default: the guardian's own."`
	Without []string `yaml:"without" enum:"facts,steps" doc:"What messages do not list: facts (value, condition, deploy, …), steps (what the reader can do)."`
}

// IsZero reports whether the messages are the guardian's own.
func (s TemplateSettings) IsZero() bool {
	return s.Title == "" && s.Text == "" && len(s.Without) == 0
}

// Template writes the messages of a receiver. nil leaves them as they are.
type Template struct {
	title, text *template.Template // nil: the guardian's own
	without     []string
	redactor    *secret.Redactor
}

// NewTemplate makes a template of its settings; nil of none. What it writes is redacted. Its error joins all
// mistakes, each with its key.
func NewTemplate(s TemplateSettings, r *secret.Redactor) (*Template, error) {
	if s.IsZero() {
		return nil, nil //nolint:nilnil // a template that changes nothing
	}
	t := &Template{without: s.Without, redactor: r}
	var errs []error
	for _, one := range []struct {
		key, source string
		parsed      **template.Template
	}{{"title", s.Title, &t.title}, {"text", s.Text, &t.text}} {
		if one.source == "" {
			continue
		}
		parsed, err := template.New(one.key).Option("missingkey=zero").Funcs(templateFuncs()).Parse(one.source)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %s", one.key, strings.TrimPrefix(templateProblem(err), one.key+":")))
			continue
		}
		if err := templates.Check(one.source, templates.Of(templateData{})); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", one.key, err))
		}
		*one.parsed = parsed
	}
	return t, errors.Join(errs...)
}

// TryTemplate makes a template and runs it with the examples of a language. Its error joins all mistakes.
func TryTemplate(s TemplateSettings, language string) error {
	t, err := NewTemplate(s, nil)
	if err != nil {
		return err
	}
	for _, n := range Examples(language) {
		if _, err := t.Render(n); err != nil {
			return fmt.Errorf("%w (with %s)", err, exampleName(n))
		}
	}
	return nil
}

// Render writes a notice by the template. After an error it is as it was.
func (t *Template) Render(n Notice) (Notice, error) {
	if t == nil {
		return n, nil
	}
	d := dataOf(tamed(n))
	title, err := t.write(t.title, n.Title, d)
	if err != nil {
		return n, fmt.Errorf("title: %w", err)
	}
	text, err := t.write(t.text, n.Text, d)
	if err != nil {
		return n, fmt.Errorf("text: %w", err)
	}
	n.Text = text
	if title = oneLine(title); title != "" { // every message needs one
		n.Title = title
	}
	if slices.Contains(t.without, "facts") {
		n.Facts = nil
	}
	if slices.Contains(t.without, "steps") {
		n.Steps = nil
	}
	return n, nil
}

// write runs a part of the template; without one the text is the guardian's own.
func (t *Template) write(part *template.Template, own string, d templateData) (string, error) {
	if part == nil {
		return own, nil
	}
	var out bytes.Buffer
	if err := part.Execute(&out, d); err != nil {
		return "", errors.New(strings.TrimPrefix(templateProblem(err), part.Name()+":"))
	}
	return t.redactor.Redact(strings.TrimSpace(out.String())), nil
}

// tamed gives a notice whose labels and facts are as harmless in a text as they are as facts: others may
// choose the values of labels, which are no lines, links or marks of their own.
func tamed(n Notice) Notice {
	n.Labels = tamedLabels(n.Labels)
	n.Facts = slices.Clone(n.Facts)
	for i, f := range n.Facts {
		n.Facts[i] = Fact{Name: tame(f.Name), Value: tame(f.Value)}
	}
	if n.Group != nil {
		g := *n.Group
		g.Labels, g.Alerts = tamedLabels(g.Labels), slices.Clone(g.Alerts)
		for i := range g.Alerts {
			g.Alerts[i].Labels = tamedLabels(g.Alerts[i].Labels)
		}
		n.Group = &g
	}
	return n
}

func tamedLabels(labels map[string]string) map[string]string {
	out := make(map[string]string, len(labels))
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		out[tame(name)] = tame(labels[name])
	}
	return out
}

func tame(s string) string { return strings.ReplaceAll(unlinked(oneLine(s)), "*", "∗") }
