package notifiers

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"html/template"
	"net/mail"
	"strings"
	"unicode/utf8"

	gomail "github.com/wneessen/go-mail"
)

// emailMessage renders a notice as a mail in plain text and HTML. It is a function of the notice:
// sent again it has the same Message-ID, by which servers and readers know that it is the same.
// Mails about the same subject refer to one common ID, so that readers show them as one thread.
func emailMessage(n Notice, sender string, to []string) ([]byte, error) {
	n = fit(n, utf8.RuneLen, func(Notice) bool { return true })
	from, err := mail.ParseAddress(sender)
	if err != nil {
		return nil, fmt.Errorf("render notice: %w", err)
	}
	_, domain, _ := strings.Cut(from.Address, "@")
	id := func(text string) string {
		sum := sha256.Sum256([]byte(text))
		return hex.EncodeToString(sum[:12]) + ".guardian@" + domain
	}
	m := gomail.NewMsg(gomail.WithNoDefaultUserAgent(), gomail.WithBoundary("guardian_"+id(n.ID)[:24]))
	if err := m.From(sender); err != nil {
		return nil, fmt.Errorf("render notice: %w", err)
	}
	if err := m.To(to...); err != nil {
		return nil, fmt.Errorf("render notice: %w", err)
	}
	m.Subject(n.Tone.Emoji() + " " + oneLine(n.title()))
	m.SetMessageIDWithValue(id("notice " + n.ID))
	if n.thread() != "" {
		thread := "<" + id("thread "+n.thread()) + ">"
		m.SetGenHeader(gomail.HeaderInReplyTo, thread)
		m.SetGenHeader(gomail.HeaderReferences, thread)
	}
	if !n.Created.IsZero() {
		m.SetDateWithValue(n.Created)
	}
	if severity(n.Tier) == 0 && n.Tone == Bad {
		m.SetImportance(gomail.ImportanceHigh)
	}
	m.SetGenHeader("Auto-Submitted", "auto-generated")
	m.SetGenHeader(gomail.HeaderXAutoResponseSuppress, "All")
	m.SetBodyString(gomail.TypeTextPlain, plainText(n))
	html, err := emailHTML(n)
	if err != nil {
		return nil, err
	}
	m.AddAlternativeString(gomail.TypeTextHTML, html)
	var out bytes.Buffer
	if _, err := m.WriteTo(&out); err != nil {
		return nil, fmt.Errorf("render notice: %w", err)
	}
	return out.Bytes(), nil
}

const emailPage = `<!DOCTYPE html>
<html lang="{{.Lang}}"><head><meta charset="utf-8"><title>{{.Title}}</title></head>
<body style="margin:0;padding:16px;font-family:-apple-system,'Segoe UI','PingFang SC','Microsoft YaHei',sans-serif;color:#1f2329;font-size:15px;line-height:1.5">
<div style="max-width:640px;border-left:4px solid {{.Color}};padding-left:16px">
<h2 style="margin:0 0 12px;font-size:18px">{{.Title}}</h2>
{{range .Lines}}{{.}}<br>
{{end}}{{if .Facts}}<table style="margin:12px 0;border-collapse:collapse">
{{range .Facts}}<tr><th style="text-align:left;vertical-align:top;padding:2px 16px 2px 0;font-weight:600;white-space:nowrap">{{.Name}}</th><td style="padding:2px 0">{{.Value}}</td></tr>
{{end}}</table>
{{end}}{{if .Steps}}<p style="margin:12px 0 0;font-weight:600">{{.StepsTitle}}</p>
<ol style="margin:4px 0 12px;padding-left:24px">{{range .Steps}}<li>{{.}}</li>{{end}}</ol>
{{end}}{{if .Links}}<p style="margin:16px 0 0">{{range .Links}}<a href="{{.URL}}" style="display:inline-block;margin:0 8px 8px 0;padding:6px 14px;border-radius:4px;background:#3370ff;color:#fff;text-decoration:none">{{.Text}}</a>{{end}}</p>
{{end}}</div></body></html>
`

// emailHTML renders a notice as a page. html/template escapes all of it.
func emailHTML(n Notice) (string, error) {
	page, err := template.New("mail").Parse(emailPage)
	if err != nil {
		return "", fmt.Errorf("render notice: %w", err)
	}
	lang := n.Lang
	if lang == "" {
		lang = "en"
	}
	var lines []string
	if n.Text != "" {
		lines = strings.Split(n.Text, "\n")
	}
	var out strings.Builder
	err = page.Execute(&out, map[string]any{
		"Lang": lang, "Title": n.Tone.Emoji() + " " + oneLine(n.title()), "Color": template.CSS(n.Tone.color()), "Lines": lines,
		"Facts": n.Facts, "StepsTitle": wordsOf(n.Lang).steps, "Steps": n.Steps, "Links": n.Links,
	})
	if err != nil {
		return "", fmt.Errorf("render notice: %w", err)
	}
	return out.String(), nil
}

// color returns a tone's colour for HTML.
func (t Tone) color() string {
	switch t {
	case Bad:
		return "#d83931"
	case Warn:
		return "#de7802"
	case Good:
		return "#2ea121"
	case Neutral:
		return "#3370ff"
	default:
		return "#3370ff"
	}
}
