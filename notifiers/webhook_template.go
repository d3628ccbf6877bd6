package notifiers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"text/template"
	"unicode/utf8"

	"guardian/internal/templates"
)

// templateData is what a template sees: the fields of the notice, and what is derived of it.
type templateData struct {
	Notice
	Status string // firing or resolved
	Link   string // address of the first link; ""
}

// parseTemplate parses the template of a webhook.
func parseTemplate(s *WebhookSettings) (*template.Template, error) {
	funcs := templateFuncs()
	// value is one of the configured values.
	funcs["value"] = func(name string) (string, error) {
		v, ok := s.Values[name]
		if !ok {
			return "", fmt.Errorf("values has no %q", name)
		}
		return v.Reveal(), nil
	}
	t := template.New("body").Option("missingkey=zero").Funcs(funcs)
	t, err := t.Parse(s.Template)
	if err != nil {
		return nil, errors.New(templateProblem(err))
	}
	if err := templates.Check(s.Template, templates.Of(templateData{})); err != nil {
		return nil, err
	}
	return t, nil
}

// templateFuncs are the functions of all templates.
func templateFuncs() template.FuncMap {
	return template.FuncMap{
		// json writes a value as JSON: a text with its quotes.
		"json": func(v any) (string, error) {
			b, err := encode(v)
			return string(b), err
		},
		// shorten cuts a text to at most so many characters.
		"shorten": func(limit int, text string) string { return shorten(text, limit, "…", one) },
		// bytes cuts a text to at most so many bytes of UTF-8.
		"bytes": func(limit int, text string) string { return Shorten(text, limit, "…") },
		// line puts a text into one line.
		"line": oneLine,
		// plain is the whole notice as plain text.
		"plain": func(d templateData) string { return plainText(d.Notice) },
		// emoji is the sign of the notice's tone.
		"emoji": func(d templateData) string { return d.Tone.Emoji() },
		"lower": strings.ToLower, "upper": strings.ToUpper, "join": func(sep string, all []string) string { return strings.Join(all, sep) },
	}
}

// templateProblem is the error of a template without the name that is the same for all.
func templateProblem(err error) string { return strings.TrimPrefix(err.Error(), "template: ") }

// runTemplate makes the body for a notice.
func runTemplate(t *template.Template, n Notice) ([]byte, error) {
	var out bytes.Buffer
	if err := t.Execute(&out, dataOf(n)); err != nil {
		return nil, errors.New(templateProblem(err))
	}
	return out.Bytes(), nil
}

// dataOf is a notice as templates see it.
func dataOf(n Notice) templateData {
	d := templateData{Notice: n, Status: firing}
	if n.Tone == Good {
		d.Status = resolved
	}
	if len(n.Links) > 0 {
		d.Link = n.Links[0].URL
	}
	return d
}

// tryTemplate runs a template with examples: it must make what the content type says of each.
func tryTemplate(s *WebhookSettings) error {
	t, err := parseTemplate(s)
	if err != nil {
		return err
	}
	for _, n := range append(Examples("en"), oddExamples()...) {
		body, err := runTemplate(t, n)
		if err != nil {
			return err
		}
		if len(bytes.TrimSpace(body)) == 0 {
			return fmt.Errorf("makes nothing of %s", exampleName(n))
		}
		if !utf8.Valid(body) {
			return fmt.Errorf("makes something of %s that is not UTF-8", exampleName(n))
		}
		if strings.Contains(s.ContentType, "json") {
			var anything any
			if err := json.Unmarshal(body, &anything); err != nil {
				return fmt.Errorf("makes no JSON of %s (write texts with the function json, as {{.Title | json}}): %w", exampleName(n), err)
			}
		}
	}
	return nil
}
