package probes

import (
	"fmt"
	"maps"
	"strings"
	"text/template"
	"time"

	"guardian/internal/secret"
)

// templateData holds the names that templates may use: .Check, .Service, .Labels, .Now (a
// time.Time in UTC), .Secrets, the names of vars, and for synthetic orders .ID and .Ref. An unknown
// name is an error and not an empty text: DELETE /orders/{{.Ref}} must not become DELETE /orders/.
type templateData map[string]any

func newTemplateData(env Env, vars map[string]string, secrets map[string]secret.Secret, now time.Time) templateData {
	revealed := make(map[string]string, len(secrets))
	for name, s := range secrets {
		revealed[name] = s.Reveal()
	}
	d := templateData{}
	for name, v := range vars {
		d[name] = v
	}
	d["Check"], d["Service"], d["Labels"] = env.Check, env.Service, env.Labels
	d["Now"], d["Secrets"] = now.UTC(), revealed
	return d
}

func (d templateData) with(name string, value any) templateData {
	c := maps.Clone(d)
	c[name] = value
	return c
}

// text is a configured value that may be a template.
type text struct {
	plain    string
	template *template.Template // nil: plain as it is
}

func compileText(name, source string) (text, error) {
	if !strings.Contains(source, "{{") {
		return text{plain: source}, nil
	}
	t, err := template.New(name).Option("missingkey=error").Parse(source)
	if err != nil {
		return text{}, fmt.Errorf("%s is not a template: %w", name, err)
	}
	return text{template: t}, nil
}

func (t text) render(d templateData) (string, error) {
	if t.template == nil {
		return t.plain, nil
	}
	var b strings.Builder
	if err := t.template.Execute(&b, map[string]any(d)); err != nil {
		return "", fmt.Errorf("fill in the template: %w", err)
	}
	return b.String(), nil
}

// compiledRequest is a Request with parsed templates.
type compiledRequest struct {
	method    string
	url, body text
	headers   map[string]text
}

func (r *Request) compile() (compiledRequest, error) {
	c := compiledRequest{method: r.Method, headers: make(map[string]text, len(r.Headers))}
	if c.method == "" {
		c.method = "GET"
	}
	var err error
	if c.url, err = compileText("url", r.URL); err != nil {
		return c, err
	}
	if c.body, err = compileText("body", r.Body); err != nil {
		return c, err
	}
	for name, value := range r.Headers {
		if c.headers[name], err = compileText("headers."+name, value.Reveal()); err != nil {
			// The parser's error quotes the text, which may be a secret.
			return c, fmt.Errorf("headers.%s is not a template", name)
		}
	}
	return c, nil
}
