package notifiers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"text/template"
	"time"
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
	t := template.New("body").Option("missingkey=zero").Funcs(template.FuncMap{
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
		// value is one of the configured values.
		"value": func(name string) (string, error) {
			v, ok := s.Values[name]
			if !ok {
				return "", fmt.Errorf("values has no %q", name)
			}
			return v.Reveal(), nil
		},
		"lower": strings.ToLower, "upper": strings.ToUpper, "join": func(sep string, all []string) string { return strings.Join(all, sep) },
	})
	t, err := t.Parse(s.Template)
	if err != nil {
		return nil, errors.New(templateProblem(err))
	}
	if err := templates.Check(s.Template, templates.Of(templateData{})); err != nil {
		return nil, err
	}
	return t, nil
}

// templateProblem is the error of a template without the name that is the same for all.
func templateProblem(err error) string { return strings.TrimPrefix(err.Error(), "template: ") }

// runTemplate makes the body for a notice.
func runTemplate(t *template.Template, n Notice) ([]byte, error) {
	d := templateData{Notice: n, Status: firing}
	if n.Tone == Good {
		d.Status = resolved
	}
	if len(n.Links) > 0 {
		d.Link = n.Links[0].URL
	}
	var out bytes.Buffer
	if err := t.Execute(&out, d); err != nil {
		return nil, errors.New(templateProblem(err))
	}
	return out.Bytes(), nil
}

// tryTemplate runs a template with examples: it must make what the content type says of each.
func tryTemplate(s *WebhookSettings) error {
	t, err := parseTemplate(s)
	if err != nil {
		return err
	}
	for _, n := range exampleNotices() {
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

func exampleName(n Notice) string {
	return "the example " + fmt.Sprintf("%q", shorten(oneLine(n.title()), 40, "…", one))
}

// exampleNotices are notices with which templates are tried: a usual one, a resolved one, one that
// has only what every notice has, and one whose texts have what JSON must escape.
func exampleNotices() []Notice {
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	usual := Notice{
		ID: "n_example", Key: "alert/1/order-sync", Tier: "critical", Tone: Bad, Lang: "en",
		Labels:  map[string]string{"alertname": "OrderPushesFail", "service": "order-sync", "environment": "production", "tier": "critical"},
		Title:   "[critical] order-sync: order pushes fail",
		Text:    "Active since 18:02:10.\n11 of 20 pushes failed",
		Facts:   []Fact{{Name: "Value", Value: "0.45"}},
		Steps:   []string{"Look at the marketplace's status page"},
		Links:   []Link{{Text: "Details", URL: "https://guardian.example.com/alerts"}},
		Mention: true, Created: at,
	}
	good := usual
	good.ID, good.Tone, good.Title, good.Mention = "n_example_2", Good, "Resolved: order pushes fail", false
	hostile := usual
	hostile.ID, hostile.Lang = "n_example_3", "zh"
	hostile.Title = `引号 " 反斜杠 \ 尖括号 <b> & 花括号 {{}} 换行`
	hostile.Text = "第一行 \"\\\n第二行\t<tag>\u2028"
	hostile.Labels = map[string]string{"service": `a"b\c`}
	return []Notice{usual, good, {ID: "n_example_4", Key: "test/oncall", Tier: "info", Tone: Neutral, Title: "Only a title", Created: at}, hostile}
}
