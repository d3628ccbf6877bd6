package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"os"
	"regexp"
	"strings"
)

// message is a message that the demo's messengers received.
type message struct {
	Channel string
	Payload json.RawMessage // as it was sent
}

//go:embed message.html.tmpl
var page string

// part is a part of a message as it is drawn.
type part struct {
	Kind   string // title, text, facts or buttons
	HTML   template.HTML
	Pieces []template.HTML // facts, buttons
}

// write writes a page with the messages that one messenger received, and returns its address.
func write(file, messenger string, all []message) (string, error) {
	var drawn [][]part
	for _, m := range all {
		var parts []part
		var err error
		switch {
		case m.Channel != messenger:
			continue
		case messenger == "slack":
			parts, err = blocks(m.Payload)
		default:
			parts, err = markdown(m.Payload)
		}
		if err != nil {
			return "", err
		}
		drawn = append(drawn, parts)
	}
	if len(drawn) == 0 {
		return "", fmt.Errorf("the demo sent nothing to %s", messenger)
	}
	t, err := template.New("message").Parse(page)
	if err != nil {
		return "", err
	}
	f, err := os.Create(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return "file://" + file, t.Execute(f, map[string]any{"Messenger": messenger, "Messages": drawn})
}

// blocks are the parts of a message of Slack's Block Kit: those kinds that the guardian sends.
func blocks(payload []byte) (parts []part, err error) {
	type text struct{ Type, Text string }
	var m struct {
		Blocks []struct {
			Type     string
			Text     *text
			Fields   []text
			Elements []struct{ Text text }
		}
	}
	if err := json.Unmarshal(payload, &m); err != nil {
		return nil, err
	}
	for _, b := range m.Blocks {
		p := part{Kind: map[string]string{"header": "title", "section": "text", "actions": "buttons"}[b.Type]}
		if p.Kind == "" {
			return nil, fmt.Errorf("nobody knows how to draw a block of type %s", b.Type)
		}
		if b.Text != nil {
			p.HTML = mrkdwn(b.Text.Text)
		}
		for _, f := range b.Fields {
			p.Kind = "facts"
			p.Pieces = append(p.Pieces, mrkdwn(f.Text))
		}
		for _, e := range b.Elements {
			p.Pieces = append(p.Pieces, mrkdwn(e.Text.Text))
		}
		parts = append(parts, p)
	}
	return parts, nil
}

// mrkdwn draws Slack's markup: links and bold text. Its text is escaped as HTML is, already.
func mrkdwn(s string) template.HTML {
	s = regexp.MustCompile(`<https?://[^|>]+\|([^>]+)>`).ReplaceAllString(s, "<a>$1</a>")
	s = regexp.MustCompile(`<!(here|channel|everyone)>`).ReplaceAllString(s, "<b>@$1</b>")
	s = regexp.MustCompile(`(?m)^\*([^*\n]+)\*$`).ReplaceAllString(s, "<b>$1</b>")
	return template.HTML(strings.ReplaceAll(s, "\n", "<br>")) //nolint:gosec // made by the demo
}

// markdown are the parts of a message of a DingTalk robot.
func markdown(payload []byte) (parts []part, err error) {
	var m struct {
		Markdown struct{ Text string }
		Card     struct {
			Text, SingleTitle string
			Btns              []struct{ Title string }
		} `json:"actionCard"`
	}
	if err := json.Unmarshal(payload, &m); err != nil {
		return nil, err
	}
	for paragraph := range strings.SplitSeq(m.Markdown.Text+m.Card.Text, "\n\n") {
		s := template.HTMLEscapeString(strings.TrimSpace(paragraph))
		p := part{Kind: "text"}
		if rest, ok := strings.CutPrefix(s, "#### "); ok {
			p.Kind, s = "title", rest
		}
		s = regexp.MustCompile(`\*\*([^*\n]+)\*\*`).ReplaceAllString(s, "<b>$1</b>")
		s = regexp.MustCompile(`\[([^]]+)\]\([^)]+\)`).ReplaceAllString(s, "<a>$1</a>")
		s = regexp.MustCompile(`(?m)^(&gt;|-) `).ReplaceAllString(s, "")
		p.HTML = template.HTML(strings.ReplaceAll(s, "\n", "<br>")) //nolint:gosec // escaped above
		parts = append(parts, p)
	}
	buttons := part{Kind: "buttons"}
	for _, b := range m.Card.Btns {
		buttons.Pieces = append(buttons.Pieces, template.HTML(template.HTMLEscapeString(b.Title))) //nolint:gosec // escaped
	}
	if m.Card.SingleTitle != "" {
		buttons.Pieces = append(buttons.Pieces, template.HTML(template.HTMLEscapeString(m.Card.SingleTitle))) //nolint:gosec // escaped
	}
	if len(buttons.Pieces) > 0 {
		parts = append(parts, buttons)
	}
	return parts, nil
}
