package demo

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Message is a message as it would be shown in a channel.
type Message struct {
	Channel string   `json:"channel"` // slack or dingtalk
	Title   string   `json:"title"`
	Text    string   `json:"text"`
	Buttons []string `json:"buttons,omitempty"` // "text → URL"
	// Payload is the message as the guardian sent it.
	Payload json.RawMessage `json:"payload"`
}

// Messengers is a fake of Slack and DingTalk. It checks the address and the signature, answers
// like the real ones, and reports each message that it accepts.
type Messengers struct {
	Secret   string // of the DingTalk robot
	Received func(Message)

	mu     sync.Mutex
	counts map[string]int
}

// Count returns how many messages a channel has accepted.
func (m *Messengers) Count(channel string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.counts[channel]
}

func (m *Messengers) accept(msg Message) {
	m.mu.Lock()
	if m.counts == nil {
		m.counts = map[string]int{}
	}
	m.counts[msg.Channel]++
	m.mu.Unlock()
	if m.Received != nil {
		m.Received(msg)
	}
}

// Handler serves POST /services/… (Slack) and POST /robot/send (DingTalk).
func (m *Messengers) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /services/{rest...}", m.slack)
	mux.HandleFunc("POST /robot/send", m.dingtalk)
	return mux
}

func (m *Messengers) slack(w http.ResponseWriter, r *http.Request) {
	type text struct {
		Text string `json:"text"`
	}
	var body struct {
		Text   string `json:"text"`
		Blocks []struct {
			Type     string            `json:"type"`
			Text     *text             `json:"text"`
			Fields   []text            `json:"fields"`
			Elements []json.RawMessage `json:"elements"`
		} `json:"blocks"`
		Attachments []struct {
			Blocks json.RawMessage `json:"blocks"`
		} `json:"attachments"`
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil || json.Unmarshal(raw, &body) != nil {
		http.Error(w, "invalid_payload", http.StatusBadRequest)
		return
	}
	if len(body.Attachments) > 0 && len(body.Blocks) == 0 {
		_ = json.Unmarshal(body.Attachments[0].Blocks, &body.Blocks)
	}
	msg := Message{Channel: "slack", Title: body.Text, Payload: raw}
	var lines []string
	for _, b := range body.Blocks {
		if b.Text != nil {
			if b.Type == "header" {
				msg.Title = b.Text.Text
			} else {
				lines = append(lines, msg.slackText(b.Text.Text))
			}
		}
		for _, f := range b.Fields {
			lines = append(lines, strings.Replace(msg.slackText(f.Text), "\n", ": ", 1))
		}
		for _, e := range b.Elements {
			var el struct {
				Type string          `json:"type"`
				Text json.RawMessage `json:"text"`
				URL  string          `json:"url"`
			}
			if json.Unmarshal(e, &el) != nil {
				continue
			}
			var label text
			if json.Unmarshal(el.Text, &label) != nil {
				_ = json.Unmarshal(el.Text, &label.Text)
			}
			if el.Type == "button" {
				msg.Buttons = append(msg.Buttons, label.Text+" → "+el.URL)
			} else if label.Text != "" {
				lines = append(lines, msg.slackText(label.Text))
			}
		}
	}
	msg.Text = strings.Join(slices.DeleteFunc(lines, func(l string) bool { return strings.Trim(l, " ·") == "" }), "\n")
	m.accept(msg)
	_, _ = io.WriteString(w, "ok")
}

// slackText returns what Slack shows of mrkdwn: links become buttons of the message.
func (msg *Message) slackText(text string) string {
	text = regexp.MustCompile(`<(https?://[^|>]+)\|([^>]+)>`).ReplaceAllStringFunc(text, func(link string) string {
		url, label, _ := strings.Cut(strings.Trim(link, "<>"), "|")
		msg.Buttons = append(msg.Buttons, html.UnescapeString(label)+" → "+html.UnescapeString(url))
		return ""
	})
	text = regexp.MustCompile(`<!(here|channel|everyone)>`).ReplaceAllString(text, "@$1")
	text = regexp.MustCompile(`(?m)^\*([^*\n]+)\*$`).ReplaceAllString(text, "$1")
	return html.UnescapeString(text)
}

// dingtalkText returns what DingTalk shows of markdown, without the heading: it is the title.
func dingtalkText(text string) string {
	text = regexp.MustCompile(`^#### .*\n+`).ReplaceAllString(text, "")
	text = regexp.MustCompile(`(?m)^> `).ReplaceAllString(text, "")
	text = regexp.MustCompile(`\*\*([^*\n]+)\*\*`).ReplaceAllString(text, "$1")
	return regexp.MustCompile(`(?m) +$|\n\n`).ReplaceAllStringFunc(text, func(s string) string { return strings.Repeat("\n", len(strings.Trim(s, " "))/2) })
}

func (m *Messengers) dingtalk(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	mac := hmac.New(sha256.New, []byte(m.Secret))
	_, _ = io.WriteString(mac, r.URL.Query().Get("timestamp")+"\n"+m.Secret)
	want := base64.StdEncoding.EncodeToString(mac.Sum(nil))
	if !hmac.Equal([]byte(want), []byte(r.URL.Query().Get("sign"))) {
		_, _ = io.WriteString(w, `{"errcode":310000,"errmsg":"sign not match"}`)
		return
	}
	var body struct {
		Markdown struct {
			Title string `json:"title"`
			Text  string `json:"text"`
		} `json:"markdown"`
		ActionCard struct {
			Title       string `json:"title"`
			Text        string `json:"text"`
			SingleTitle string `json:"singleTitle"`
			SingleURL   string `json:"singleURL"`
			Btns        []struct {
				Title     string `json:"title"`
				ActionURL string `json:"actionURL"`
			} `json:"btns"`
		} `json:"actionCard"`
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil || json.Unmarshal(raw, &body) != nil {
		_, _ = io.WriteString(w, `{"errcode":40035,"errmsg":"invalid json"}`)
		return
	}
	msg := Message{Channel: "dingtalk", Payload: raw, Title: body.Markdown.Title + body.ActionCard.Title, Text: dingtalkText(body.Markdown.Text + body.ActionCard.Text)}
	if body.ActionCard.SingleURL != "" {
		msg.Buttons = append(msg.Buttons, body.ActionCard.SingleTitle+" → "+body.ActionCard.SingleURL)
	}
	for _, b := range body.ActionCard.Btns {
		msg.Buttons = append(msg.Buttons, b.Title+" → "+b.ActionURL)
	}
	m.accept(msg)
	_, _ = io.WriteString(w, `{"errcode":0,"errmsg":"ok"}`)
}
