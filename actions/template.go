package actions

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"text/template"

	"guardian/internal/reason"
	"guardian/internal/templates"
)

// maxRendered is the most that a template may give, in bytes.
const maxRendered = 64 << 10

// versionShape is what a version may look like, because it goes into commands, addresses and
// names of images: the first character is such that no command takes it for an option.
var versionShape = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._:/@+~-]{0,254}$`)

// VersionRule is what ValidVersion accepts, in words.
const VersionRule = "letters, digits and ._:/@+~-, beginning with a letter, a digit or _"

// ValidVersion tells whether a version may be used in a runbook's templates. Others are
// refused when they are announced, which is better than when they must be put back.
func ValidVersion(v string) bool { return versionShape.MatchString(v) }

// Template is a text of the configuration with names in it. It sees the names of templateNames and, where a target has
// answered, Answer; its functions are those of templateFuncs and text/template's own.
type Template struct {
	source string
	t      *template.Template
}

// ParseTemplate parses one template, without trying it; Templates tries them, too.
func ParseTemplate(key, source string) (Template, error) {
	funcs := template.FuncMap{}
	for _, f := range templateFuncs() {
		if f.fn != nil {
			funcs[f.name] = f.fn
		}
	}
	t, err := template.New(key).Option("missingkey=error").Funcs(funcs).Parse(source)
	if err != nil {
		return Template{}, fmt.Errorf("%s: %w", key, err)
	}
	return Template{source: source, t: t}, nil
}

func asJSON(v any) (string, error) {
	b, err := json.Marshal(v)
	return string(b), err
}

// Render fills the template in, with values as Call.Data gives them.
func (t Template) Render(data map[string]any) (string, error) {
	if !strings.Contains(t.source, "{{") {
		return t.source, nil
	}
	var w limited
	if err := t.t.Execute(&w, data); err != nil {
		return "", Failure(reason.New("template", "template", t.t.Name(), "error", err), err)
	}
	return w.b.String(), nil
}

// IsZero tells whether it is no template: it could not be parsed.
func (t Template) IsZero() bool { return t.t == nil }

// Source gives the template as it was written.
func (t Template) Source() string { return t.source }

// UsesAnswer tells whether the template needs a target's answer, and cannot be tried without.
func (t Template) UsesAnswer() bool { return strings.Contains(t.source, ".Answer") }

// UsesHeader tells whether the template needs a header of a target's answer.
func (t Template) UsesHeader() bool { return strings.Contains(t.source, ".Answer.header.") }

type limited struct{ b strings.Builder }

func (l *limited) Write(p []byte) (int, error) {
	if l.b.Len()+len(p) > maxRendered {
		return 0, fmt.Errorf("the text is longer than %d bytes", maxRendered)
	}
	return l.b.Write(p)
}

// Data gives the values that a template can use. A version that could be taken for something else is
// an error.
func (c Call) Data() (map[string]any, error) {
	for _, v := range []string{c.Run.To, c.Run.From} {
		if v != "" && !ValidVersion(v) {
			return nil, Failure(reason.New("template_version", "version", v))
		}
	}
	d := map[string]any{}
	for k, v := range c.Vars {
		d[k] = v
	}
	for k, v := range c.Names() {
		d[k] = v
	}
	return d, nil
}

// Names are the built-in names of templates and, in capitals, of environment variables.
func (c Call) Names() map[string]string {
	names := map[string]string{}
	for _, n := range templateNames() {
		names[n.name] = n.of(c)
	}
	return names
}

// SampleCall is a call that templates are tried with when they are loaded, so that a mistake
// is found then and not during a rollback. Its reason has the characters that break templates.
func SampleCall() Call {
	return Call{Intent: "r_sample-1", Step: StepRun{Shop: "shop-1"}, Run: Run{
		ID: "r_sample", Service: "order-sync", Environment: "production", Kind: "code", From: "v2", To: "v1",
		Trigger: Trigger{Deploy: "d_sample", Reason: reason.Text("a \"quoted\" \\ reason\nof two lines")},
	}}
}

// Templates parses the templates of a step's settings and collects the mistakes of all settings.
type Templates struct {
	Answers bool // a target has answered before: {{.Answer}} is known

	errs []error
}

// Parse parses one template and tries it; key is where it stands in the settings.
func (p *Templates) Parse(key, source string) Template {
	t, err := ParseTemplate(key, source)
	if err != nil {
		p.errs = append(p.errs, err)
		return Template{}
	}
	names := templates.Keys(SampleCall().Names())
	if p.Answers {
		names = names.With("Answer", templates.Any())
	}
	if err := templates.Check(source, names); err != nil {
		p.errs = append(p.errs, fmt.Errorf("%s: %w", key, err))
		return t
	}
	if t.UsesAnswer() {
		return t
	}
	d, err := SampleCall().Data()
	if err == nil {
		_, err = t.Render(d)
	}
	if err != nil {
		p.errs = append(p.errs, err)
	}
	return t
}

// Fail adds a mistake, which begins with the key that it is about.
func (p *Templates) Fail(format string, args ...any) { p.Add(fmt.Errorf(format, args...)) }

// Add adds a mistake, unless it is nil.
func (p *Templates) Add(err error) {
	if err != nil {
		p.errs = append(p.errs, err)
	}
}

// Err joins the mistakes; nil: there is none.
func (p *Templates) Err() error { return errors.Join(p.errs...) }
