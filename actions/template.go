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

// text is a template of the configuration. It sees the names of templateNames and, where a target has
// answered, Answer; its functions are those of templateFuncs and text/template's own.
type text struct {
	source string
	t      *template.Template
}

func parseText(key, source string) (text, error) {
	funcs := template.FuncMap{}
	for _, f := range templateFuncs() {
		if f.fn != nil {
			funcs[f.name] = f.fn
		}
	}
	t, err := template.New(key).Option("missingkey=error").Funcs(funcs).Parse(source)
	if err != nil {
		return text{}, fmt.Errorf("%s: %w", key, err)
	}
	return text{source: source, t: t}, nil
}

func asJSON(v any) (string, error) {
	b, err := json.Marshal(v)
	return string(b), err
}

// render fills the template in.
func (t text) render(data map[string]any) (string, error) {
	if !strings.Contains(t.source, "{{") {
		return t.source, nil
	}
	var w limited
	if err := t.t.Execute(&w, data); err != nil {
		return "", failed(reason.New("template", "template", t.t.Name(), "error", err), err)
	}
	return w.b.String(), nil
}

// usesAnswer tells whether the template needs a target's answer, and cannot be tried without.
func (t text) usesAnswer() bool { return strings.Contains(t.source, ".Answer") }

// usesHeader tells whether the template needs a header of a target's answer.
func (t text) usesHeader() bool { return strings.Contains(t.source, ".Answer.header.") }

type limited struct{ b strings.Builder }

func (l *limited) Write(p []byte) (int, error) {
	if l.b.Len()+len(p) > maxRendered {
		return 0, fmt.Errorf("the text is longer than %d bytes", maxRendered)
	}
	return l.b.Write(p)
}

// data gives the values that a template can use.
func (c Call) data() (map[string]any, error) {
	for _, v := range []string{c.Run.To, c.Run.From} {
		if v != "" && !ValidVersion(v) {
			return nil, failed(reason.New("template_version", "version", v))
		}
	}
	d := map[string]any{}
	for k, v := range c.Vars {
		d[k] = v
	}
	for k, v := range c.names() {
		d[k] = v
	}
	return d, nil
}

// names are the built-in names of templates and, in capitals, of environment variables.
func (c Call) names() map[string]string {
	names := map[string]string{}
	for _, n := range templateNames() {
		names[n.name] = n.of(c)
	}
	return names
}

// sampleCall is a call that templates are tried with when they are loaded, so that a mistake
// is found then and not during a rollback. Its reason has the characters that break templates.
func sampleCall() Call {
	return Call{Intent: "r_sample-1", Run: Run{
		ID: "r_sample", Service: "order-sync", Environment: "production", Kind: "code", From: "v2", To: "v1",
		Trigger: Trigger{Deploy: "d_sample", Reason: reason.Text("a \"quoted\" \\ reason\nof two lines")},
	}}
}

// texts parses templates and tries them, joining the mistakes.
type texts struct {
	errs    []error
	answers bool // a target has answered before: {{.Answer}} is known
}

func (p *texts) parse(key, source string) text {
	t, err := parseText(key, source)
	if err != nil {
		p.errs = append(p.errs, err)
		return text{}
	}
	names := templates.Keys(sampleCall().names())
	if p.answers {
		names = names.With("Answer", templates.Any())
	}
	if err := templates.Check(source, names); err != nil {
		p.errs = append(p.errs, fmt.Errorf("%s: %w", key, err))
		return t
	}
	if t.usesAnswer() {
		return t
	}
	d, err := sampleCall().data()
	if err == nil {
		_, err = t.render(d)
	}
	if err != nil {
		p.errs = append(p.errs, err)
	}
	return t
}

func (p *texts) err() error { return errors.Join(p.errs...) }
