package slack

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"guardian/test/fake/chat"
)

// responsePath begins the addresses at which a click may be answered.
const responsePath = "/actions/T0FAKE/"

// User is somebody in the workspace.
type User struct{ ID, Name string }

// Click is how a person clicks a button.
type Click struct {
	To     string // the app's Request URL
	Secret string // the app's signing secret
	TS     string // of the message
	Action string // the button's action_id
	By     User
	At     time.Time // as Slack's clock says; zero: now
}

// Press clicks a button of a message as it is shown now, and returns the app's status.
func (s *Server) Press(ctx context.Context, c Click) (status int, err error) {
	r, err := s.Call(ctx, c)
	if err != nil {
		return 0, err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	defer func() { _ = answer.Body.Close() }()
	_, err = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, err
}

// Call is the signed request that Slack sends for a click; see
// https://docs.slack.dev/reference/interaction-payloads/block_actions-payload.
func (s *Server) Call(ctx context.Context, c Click) (*http.Request, error) {
	payload, err := s.payload(c)
	if err != nil {
		return nil, err
	}
	body := url.Values{"payload": {payload}}.Encode()
	at := c.At
	if at.IsZero() {
		at = s.now()
	}
	seconds := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(c.Secret))
	_, _ = io.WriteString(mac, "v0:"+seconds+":"+body)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.To, bytes.NewReader([]byte(body)))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-Slack-Request-Timestamp", seconds)
	r.Header.Set("X-Slack-Signature", "v0="+hex.EncodeToString(mac.Sum(nil)))
	return r, nil
}

func (s *Server) payload(c Click) (string, error) {
	for _, m := range s.Shown() {
		if m.TS != c.TS {
			continue
		}
		var p struct {
			Text   string            `json:"text"`
			Blocks []json.RawMessage `json:"blocks"`
		}
		if err := json.Unmarshal([]byte(m.Body), &p); err != nil {
			return "", err
		}
		for _, raw := range p.Blocks {
			var b block
			if err := json.Unmarshal(raw, &b); err != nil {
				return "", err
			}
			for _, e := range b.Elements {
				var element struct {
					Type     string `json:"type"`
					ActionID string `json:"action_id"`
					Value    string `json:"value"`
				}
				if json.Unmarshal(e, &element) != nil || element.Type != "button" || element.ActionID != c.Action {
					continue
				}
				payload, err := json.Marshal(map[string]any{
					"type": "block_actions", "api_app_id": "A0FAKE", "trigger_id": "1.2.3", "response_url": s.Base() + responsePath + c.TS,
					"team":      map[string]any{"id": "T0FAKE", "domain": "fake"},
					"user":      map[string]any{"id": c.By.ID, "username": c.By.Name, "name": c.By.Name, "team_id": "T0FAKE"},
					"container": map[string]any{"type": "message", "message_ts": m.TS, "channel_id": m.Channel, "is_ephemeral": false},
					"channel":   map[string]any{"id": m.Channel, "name": "alerts"},
					"message":   map[string]any{"type": "message", "ts": m.TS, "text": p.Text, "bot_id": "B0FAKE", "blocks": p.Blocks},
					"actions":   []any{map[string]any{"type": "button", "block_id": "b1", "action_id": element.ActionID, "value": element.Value, "action_ts": m.TS}},
				})
				return string(payload), err
			}
		}
	}
	return "", fmt.Errorf("no message %s has a button %s", c.TS, c.Action)
}

// takeReply handles an answer to a click, which one person alone is shown.
func (s *Server) takeReply(r *http.Request, body []byte) (*Message, chat.Answer) {
	var p struct {
		Type string `json:"response_type"`
		Text string `json:"text"`
	}
	if err := json.Unmarshal(body, &p); err != nil || p.Type != "ephemeral" || p.Text == "" {
		return nil, plain(http.StatusBadRequest, "invalid_payload")
	}
	return &Message{At: s.now(), Text: p.Text, Parts: []string{p.Text}, TS: "reply " + strings.TrimPrefix(r.URL.Path, responsePath), Private: true, Body: string(body)}, plain(http.StatusOK, "ok")
}
