package dingtalk

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

const (
	openPath    = "/v1.0/gateway/connections/open"
	robotTopic  = "/v1.0/im/bot/messages/get"
	sessionPath = "/robot/sendBySession"
	ticketFor   = 90 * time.Second
)

// App is an app of the organisation with a robot in Stream mode, as far as messages to the robot go; see
// https://open-dingtalk.github.io/developerpedia/docs/learn/stream/protocol. A ticket is good for one
// connection, a frame without an answer is sent again, and answers to a message go to an address of its own.
type App struct {
	ClientID, ClientSecret string

	http *httptest.Server

	mu      sync.Mutex
	tickets map[string]time.Time
	open    []*websocket.Conn
	replies []string
	answers chan frameAnswer
	refused int
}

type frameAnswer struct {
	Code    int               `json:"code"`
	Headers map[string]string `json:"headers"`
	Data    string            `json:"data"`
}

// Said is what somebody writes to the robot.
type Said struct {
	Conversation string
	StaffID      string // of who writes
	Nick         string
	Text         string
	ID           string // of the message
}

// NewApp starts one.
func NewApp() *App {
	a := &App{ClientID: "dingfakeclient", ClientSecret: "fake-client-secret-0c0ffee", tickets: map[string]time.Time{}, answers: make(chan frameAnswer, 100)}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+openPath, a.takeOpen)
	mux.HandleFunc("GET /connect", a.connect)
	mux.HandleFunc("POST "+sessionPath, a.takeReply)
	a.http = httptest.NewServer(mux)
	return a
}

// URL is the address of the API.
func (a *App) URL() string { return a.http.URL }

// Close stops the server.
func (a *App) Close() {
	a.mu.Lock()
	for _, c := range a.open {
		_ = c.Close()
	}
	a.mu.Unlock()
	a.http.Close()
}

func (a *App) takeOpen(w http.ResponseWriter, r *http.Request) {
	var body struct {
		ClientID      string `json:"clientId"`
		ClientSecret  string `json:"clientSecret"`
		Subscriptions []struct{ Type, Topic string }
	}
	err := json.NewDecoder(r.Body).Decode(&body)
	subscribed := false
	for _, s := range body.Subscriptions {
		subscribed = subscribed || s.Type == "CALLBACK" && s.Topic == robotTopic
	}
	w.Header().Set("Content-Type", "application/json")
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case err != nil || !subscribed:
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"code":"invalidParameter","message":"subscriptions"}`)
	case body.ClientID != a.ClientID || body.ClientSecret != a.ClientSecret:
		a.refused++
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = fmt.Fprintf(w, `{"code":"authFailed","message":"clientId or clientSecret %s is wrong"}`, body.ClientSecret)
	default:
		ticket := rand.Text()
		a.tickets[ticket] = time.Now()
		_ = json.NewEncoder(w).Encode(map[string]string{"endpoint": "ws" + strings.TrimPrefix(a.http.URL, "http") + "/connect", "ticket": ticket})
	}
}

func (a *App) connect(w http.ResponseWriter, r *http.Request) {
	ticket := r.URL.Query().Get("ticket")
	a.mu.Lock()
	issued, ok := a.tickets[ticket]
	delete(a.tickets, ticket)
	a.mu.Unlock()
	if !ok || time.Since(issued) > ticketFor {
		http.Error(w, "ticket", http.StatusUnauthorized)
		return
	}
	up := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	c, err := up.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer func() { _ = c.Close() }()
	a.mu.Lock()
	a.open = append(a.open, c)
	a.mu.Unlock()
	for {
		var answer frameAnswer
		if err := c.ReadJSON(&answer); err != nil {
			return
		}
		a.answers <- answer
	}
}

// takeReply takes an answer to a message.
func (a *App) takeReply(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Type string `json:"msgtype"`
		Text struct{ Content string }
	}
	err := json.NewDecoder(r.Body).Decode(&body)
	w.Header().Set("Content-Type", "application/json")
	if err != nil || body.Type != "text" || body.Text.Content == "" || r.URL.Query().Get("session") == "" {
		_, _ = io.WriteString(w, `{"errcode":40035,"errmsg":"缺少参数 json"}`)
		return
	}
	a.mu.Lock()
	a.replies = append(a.replies, body.Text.Content)
	a.mu.Unlock()
	_, _ = io.WriteString(w, `{"errcode":0,"errmsg":"ok"}`)
}

// Connected counts the connections that were opened, and Refused those that were refused.
func (a *App) Connected() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.open)
}

// Refused counts the calls with wrong credentials.
func (a *App) Refused() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.refused
}

// Replies are the answers to messages.
func (a *App) Replies() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]string(nil), a.replies...)
}

// Say sends a message to the robot, each time that it is not answered within a time once more, until
// it is.
func (a *App) Say(ctx context.Context, m Said, patience time.Duration) error {
	data, err := json.Marshal(map[string]any{
		"conversationId": m.Conversation, "conversationType": "2", "msgId": m.ID, "senderNick": m.Nick, "senderStaffId": m.StaffID, "senderId": "$:LWCP_v1:$" + m.StaffID,
		"isInAtList": true, "msgtype": "text", "text": map[string]string{"content": " " + m.Text},
		"sessionWebhook": a.http.URL + sessionPath + "?session=" + rand.Text(), "sessionWebhookExpiredTime": time.Now().Add(time.Hour).UnixMilli(),
	})
	if err != nil {
		return err
	}
	for n := 1; n <= 5; n++ {
		id := fmt.Sprintf("%s_%d", m.ID, n)
		if err := a.send("CALLBACK", robotTopic, id, string(data)); err != nil {
			return err
		}
		if code, answered := a.answered(ctx, id, patience); answered {
			if code != http.StatusOK {
				return fmt.Errorf("answered %d", code)
			}
			return nil
		}
	}
	return errors.New("not answered after five times")
}

// Ping asks whether the app is there, and gives what it answers.
func (a *App) Ping(ctx context.Context) error {
	if err := a.send("SYSTEM", "ping", "ping-1", `{"opaque":"0c0ffee"}`); err != nil {
		return err
	}
	if code, ok := a.answered(ctx, "ping-1", 20*time.Second); !ok || code != http.StatusOK {
		return fmt.Errorf("answered %d", code)
	}
	return nil
}

// Disconnect asks the app to open another connection.
func (a *App) Disconnect() error {
	return a.send("SYSTEM", "disconnect", "bye-1", `{"reason":"persistent connection is timeout"}`)
}

func (a *App) send(kind, topic, id, data string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.open) == 0 {
		return errors.New("no app is connected")
	}
	return a.open[len(a.open)-1].WriteJSON(map[string]any{
		"specVersion": "1.0", "type": kind, "data": data,
		"headers": map[string]string{"topic": topic, "messageId": id, "contentType": "application/json", "time": fmt.Sprint(time.Now().UnixMilli())},
	})
}

// answered waits for the answer to a frame.
func (a *App) answered(ctx context.Context, id string, patience time.Duration) (code int, ok bool) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		select {
		case got := <-a.answers:
			if got.Headers["messageId"] == id && got.Headers["contentType"] == "application/json" {
				return got.Code, true
			}
		case <-timer.C:
			return 0, false
		case <-ctx.Done():
			return 0, false
		}
	}
}
