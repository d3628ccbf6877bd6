package slack

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"guardian/test/fake/chat"
)

// sockets are the connections of Socket Mode, see https://docs.slack.dev/apis/events-api/using-socket-mode.
type sockets struct {
	http *httptest.Server

	mu      sync.Mutex
	open    []*websocket.Conn
	answers chan socketAnswer
}

// socketAnswer is the answer to an envelope, with what is to be shown to who wrote a command.
type socketAnswer struct {
	Envelope string          `json:"envelope_id"`
	Payload  json.RawMessage `json:"payload"`
}

func newSockets() *sockets {
	s := &sockets{answers: make(chan socketAnswer, 100)}
	s.http = httptest.NewServer(http.HandlerFunc(s.serve))
	return s
}

// AppToken is the app-level token, with the scope connections:write.
func (*Server) AppToken() string { return "xapp-1-A0FAKE-fakefakefake" }

// takeOpen handles apps.connections.open.
func (s *Server) takeOpen(r *http.Request) chat.Answer {
	if r.Header.Get("Authorization") != "Bearer "+s.AppToken() {
		return refused("invalid_auth")
	}
	return chat.JSON(http.StatusOK, map[string]any{"ok": true, "url": "ws" + strings.TrimPrefix(s.sockets.http.URL, "http") + "/link/?ticket=fake"})
}

func (s *sockets) serve(w http.ResponseWriter, r *http.Request) {
	up := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	c, err := up.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer func() { _ = c.Close() }()
	s.mu.Lock()
	s.open = append(s.open, c)
	err = c.WriteJSON(map[string]any{"type": "hello", "num_connections": len(s.open), "connection_info": map[string]any{"app_id": "A0FAKE"}})
	s.mu.Unlock()
	if err != nil {
		return
	}
	for {
		var answer socketAnswer
		if err := c.ReadJSON(&answer); err != nil {
			return
		}
		s.answers <- answer
	}
}

// Connected counts the connections that were opened.
func (s *Server) Connected() int {
	s.sockets.mu.Lock()
	defer s.sockets.mu.Unlock()
	return len(s.sockets.open)
}

// Disconnect asks the app to open another connection, as Slack does every few hours.
func (s *Server) Disconnect() error {
	return s.sockets.write(map[string]any{"type": "disconnect", "reason": "refresh_requested"})
}

// PressBySocket clicks a button of a message as it is shown now, and waits until the app answers.
func (s *Server) PressBySocket(ctx context.Context, envelope string, c Click) error {
	payload, err := s.payload(c)
	if err != nil {
		return err
	}
	_, err = s.sockets.send(ctx, "interactive", envelope, payload)
	return err
}

// Command is a slash command that a person writes.
type Command struct {
	Text, Channel string
	By            User
}

// CommandBySocket sends a command, and gives what the app answers.
func (s *Server) CommandBySocket(ctx context.Context, envelope string, c Command) (text string, public bool, err error) {
	payload, err := json.Marshal(map[string]string{
		"command": "/guardian", "text": c.Text, "channel_id": c.Channel, "user_id": c.By.ID, "user_name": c.By.Name,
		"team_id": "T0FAKE", "api_app_id": "A0FAKE", "trigger_id": "1.2.3", "response_url": s.Base() + responsePath + "command",
	})
	if err != nil {
		return "", false, err
	}
	answer, err := s.sockets.send(ctx, "slash_commands", envelope, string(payload))
	if err != nil {
		return "", false, err
	}
	var shown struct {
		Type string `json:"response_type"`
		Text string `json:"text"`
	}
	if len(answer) > 0 {
		err = json.Unmarshal(answer, &shown)
	}
	return shown.Text, shown.Type == "in_channel", err
}

// send sends an envelope and waits for its answer.
func (s *sockets) send(ctx context.Context, kind, envelope, payload string) (json.RawMessage, error) {
	if err := s.write(map[string]any{"type": kind, "envelope_id": envelope, "accepts_response_payload": kind == "slash_commands", "payload": json.RawMessage(payload)}); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		select {
		case got := <-s.answers:
			if got.Envelope == envelope {
				return got.Payload, nil
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (s *sockets) write(v any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.open) == 0 {
		return errors.New("no app is connected")
	}
	return s.open[len(s.open)-1].WriteJSON(v)
}

// Close stops the server.
func (s *Server) Close() {
	s.sockets.mu.Lock()
	for _, c := range s.sockets.open {
		_ = c.Close()
	}
	s.sockets.mu.Unlock()
	s.sockets.http.Close()
	s.Server.Close()
}
