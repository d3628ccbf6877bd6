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
	patience    = 20 * time.Second // for an answer
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

	confirmed []string // frames that were answered
	answers   chan frameAnswer
	refused   int
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
		a.mu.Lock()
		a.confirmed = append(a.confirmed, answer.Headers["messageId"])
		a.mu.Unlock()
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

// Confirmed are the frames that were answered: that of the nth sending of a message is its ID, _ and n.
func (a *App) Confirmed() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]string(nil), a.confirmed...)
}

// Replies are the answers to messages.
func (a *App) Replies() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]string(nil), a.replies...)
}

// Say sends a message to the robot, and once more each time that again says so, as DingTalk does after a while,
// until it is answered.
func (a *App) Say(ctx context.Context, m Said, again <-chan struct{}) error {
	data, err := json.Marshal(map[string]any{
		"conversationId": m.Conversation, "conversationType": "2", "msgId": m.ID, "senderNick": m.Nick, "senderStaffId": m.StaffID, "senderId": "$:LWCP_v1:$" + m.StaffID,
		"isInAtList": true, "msgtype": "text", "text": map[string]string{"content": " " + m.Text},
		"sessionWebhook": a.http.URL + sessionPath + "?session=" + rand.Text(), "sessionWebhookExpiredTime": time.Now().Add(time.Hour).UnixMilli(),
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for n := 1; ; n++ {
		id := fmt.Sprintf("%s_%d", m.ID, n)
		if err := a.send("CALLBACK", robotTopic, id, string(data)); err != nil {
			return err
		}
		code, err := a.answered(ctx, id, again)
		switch {
		case errors.Is(err, errAgain):
			continue
		case err == nil && code != http.StatusOK:
			err = fmt.Errorf("answered %d", code)
		}
		return err
	}
}

// Ping asks whether the app is there, and gives what it answers.
func (a *App) Ping(ctx context.Context) error {
	if err := a.send("SYSTEM", "ping", "ping-1", `{"opaque":"0c0ffee"}`); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	code, err := a.answered(ctx, "ping-1", nil)
	if err == nil && code != http.StatusOK {
		err = fmt.Errorf("answered %d", code)
	}
	return err
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

// errAgain says that a message is sent again.
var errAgain = errors.New("it is sent again")

// answered waits for the answer to a frame.
func (a *App) answered(ctx context.Context, id string, again <-chan struct{}) (code int, err error) {
	for {
		select {
		case got := <-a.answers:
			if got.Headers["messageId"] == id && got.Headers["contentType"] == "application/json" {
				return got.Code, nil
			}
		case <-again:
			return 0, errAgain
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}
