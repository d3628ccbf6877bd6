package notifiers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"

	"guardian/internal/secret"
)

// DingTalkApp is an app of the organisation (企业内部应用) whose robot is in the group, too: people write
// commands to it.
type DingTalkApp struct {
	ClientID       string        `yaml:"client_id" required:"true" doc:"The app's Client ID (formerly AppKey)."`
	ClientSecret   secret.Secret `yaml:"client_secret" required:"true" doc:"The app's Client Secret (formerly AppSecret)."`
	ConversationID string        `yaml:"conversation_id" doc:"The group's ID, cid…, where commands are taken. The robot answers with it in a group that is not configured."`
	APIURL         string        `yaml:"api_url" doc:"Address of DingTalk's API; default: https://api.dingtalk.com."`
}

// dingtalkAPI is where DingTalk's API is, and dingtalkDomain where answers to messages are sent.
const (
	dingtalkAPI    = "https://api.dingtalk.com"
	dingtalkDomain = ".dingtalk.com"
)

// mistakes lists what is wrong with the settings.
func (a *DingTalkApp) mistakes() []error {
	if a.APIURL == "" {
		return nil
	}
	return []error{checkURL("app.api_url", secret.New(a.APIURL))}
}

// DingTalkMessage is what somebody wrote to the robot of an app.
type DingTalkMessage struct {
	ChatCommand
	Conversation string // the group's ID
}

// DingTalkStream receives what people write to the robot of an app, through a connection that is opened to
// DingTalk (Stream mode).
type DingTalkStream struct {
	App DingTalkApp
	// Take does what a message says and gives the answer; "": there is none. After an error DingTalk sends it
	// again.
	Take      func(ctx context.Context, m DingTalkMessage) (answer string, err error)
	Log       *slog.Logger
	Redactor  *secret.Redactor
	UserAgent string
}

const (
	// robotTopic is that of messages to the robot; see https://open-dingtalk.github.io/developerpedia/docs/learn/stream/protocol.
	robotTopic = "/v1.0/im/bot/messages/get"

	streamOpens   = 15 * time.Second // at most, until there is a connection
	streamPings   = 30 * time.Second
	streamSilence = 90 * time.Second // without a sign of life a connection is lost
	streamPause   = time.Second      // until the next connection, doubled with each that fails
	streamRest    = time.Minute      // the longest pause
	streamFrame   = 1 << 20          // bytes
	streamAtOnce  = 8                // messages that are handled at the same time
	streamAnswers = 10 * time.Second // at most, for the answer to a message
)

// errStreamRefused is the error for credentials that DingTalk refuses.
var errStreamRefused = errors.New("refused")

// Run keeps a connection open until ctx ends.
func (s DingTalkStream) Run(ctx context.Context) {
	s.Redactor.Learn(s.App.ClientSecret)
	for pause := streamPause; ctx.Err() == nil; {
		opened, err := s.connect(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, errStreamRefused):
			pause = streamRest
			s.Log.Error("DingTalk refuses the connection for commands; it is tried again in a minute", "error", s.Redactor.Redact(err.Error()),
				"hint", "app.client_id and app.client_secret must be those of the app, with a robot in Stream mode that is published")
		case opened:
			pause = streamPause
			s.Log.Info("DingTalk closed the connection for commands; another one is opened", "why", s.Redactor.Redact(err.Error()))
		default:
			s.Log.Warn("no connection to DingTalk for commands; it is tried again", "error", s.Redactor.Redact(err.Error()))
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, streamRest)
	}
}

// connect opens a connection and takes what comes until it ends. It always returns an error.
func (s DingTalkStream) connect(ctx context.Context) (opened bool, err error) {
	opening, cancel := context.WithTimeout(ctx, streamOpens)
	defer cancel()
	address, err := s.ticket(opening)
	if err != nil {
		return false, err
	}
	ws, answer, err := websocket.DefaultDialer.DialContext(opening, address.Reveal(), nil)
	if answer != nil {
		_ = answer.Body.Close()
	}
	if err != nil {
		own := &secret.Redactor{}
		own.Learn(append(secretParts(address), address)...)
		return false, fmt.Errorf("open the connection: %s", own.Redact(err.Error()))
	}
	s.Log.Info("DingTalk sends commands through a connection")
	c := &streamConn{ws: ws}
	open, end := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { c.keep(open) })
	defer running.Wait()
	slots := make(chan struct{}, streamAtOnce)
	defer end()
	ws.SetReadLimit(streamFrame)
	alive := func(string) error { return ws.SetReadDeadline(time.Now().Add(streamSilence)) }
	ws.SetPongHandler(alive)
	for {
		if err := alive(""); err != nil {
			return true, err
		}
		var f streamFrameIn
		if err := ws.ReadJSON(&f); err != nil {
			return true, fmt.Errorf("the connection ended: %w", err)
		}
		if f.Type == "SYSTEM" && f.Headers["topic"] == "disconnect" {
			return true, errors.New("DingTalk asks for another one")
		}
		slots <- struct{}{} // DingTalk sends the next before it has the answer
		running.Go(func() {
			defer func() { <-slots }()
			s.answer(ctx, c, f)
		})
	}
}

// ticket asks for an address with a ticket, which is good for one connection.
func (s DingTalkStream) ticket(ctx context.Context) (address secret.Secret, err error) {
	p := newPoster(Env{Redactor: s.Redactor, UserAgent: s.UserAgent}, s.App.ClientSecret)
	body, err := encode(map[string]any{
		"clientId": s.App.ClientID, "clientSecret": s.App.ClientSecret.Reveal(), "ua": s.UserAgent,
		"subscriptions": []map[string]string{{"type": "CALLBACK", "topic": robotTopic}},
	})
	if err != nil {
		return address, err
	}
	a, err := p.post(ctx, s.api()+"/v1.0/gateway/connections/open", body, nil)
	var refused *Permanent
	if errors.As(err, &refused) {
		return address, fmt.Errorf("%w: %w", errStreamRefused, err)
	} else if err != nil {
		return address, err
	}
	var said struct{ Endpoint, Ticket string }
	if err := json.Unmarshal(a.body, &said); err != nil || said.Endpoint == "" || said.Ticket == "" {
		return address, fmt.Errorf("the answer has no endpoint and ticket but is %q", p.excerpt(a.body))
	}
	return secret.New(said.Endpoint + "?ticket=" + url.QueryEscape(said.Ticket)), nil
}

func (s DingTalkStream) api() string {
	if s.App.APIURL == "" {
		return dingtalkAPI
	}
	return strings.TrimRight(s.App.APIURL, "/")
}

// streamFrameIn is what DingTalk sends, and streamFrameOut what it is answered with.
type streamFrameIn struct {
	Type    string            `json:"type"` // SYSTEM or CALLBACK
	Headers map[string]string `json:"headers"`
	Data    string            `json:"data"`
}

type streamFrameOut struct {
	Code    int               `json:"code"`
	Headers map[string]string `json:"headers"`
	Message string            `json:"message"`
	Data    string            `json:"data"`
}

// streamConn is a connection that several goroutines write to.
type streamConn struct {
	ws *websocket.Conn
	mu sync.Mutex
}

// keep says that the connection is alive, and closes it when ctx ends.
func (c *streamConn) keep(ctx context.Context) {
	tick := time.NewTicker(streamPings)
	defer tick.Stop()
	defer func() { _ = c.ws.Close() }()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := c.ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(streamOpens)); err != nil {
				return
			}
		}
	}
}

func (c *streamConn) write(v any) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.ws.SetWriteDeadline(time.Now().Add(streamOpens)); err != nil {
		return err
	}
	return c.ws.WriteJSON(v)
}

// answer answers a frame: DingTalk sends one that is not answered again.
func (s DingTalkStream) answer(ctx context.Context, c *streamConn, f streamFrameIn) {
	out := streamFrameOut{Code: http.StatusOK, Message: "OK", Headers: map[string]string{"messageId": f.Headers["messageId"], "contentType": "application/json"}}
	var reply func()
	switch {
	case f.Type == "SYSTEM":
		out.Data = f.Data // a ping
	case f.Type == "CALLBACK" && f.Headers["topic"] == robotTopic:
		var err error
		if reply, err = s.take(ctx, f); err != nil {
			return // it is sent again
		}
		out.Data = `{"response":null}`
	default:
		out.Code, out.Message = http.StatusNotFound, "not subscribed"
	}
	if err := c.write(out); err != nil {
		s.Log.Warn("a message in DingTalk was not confirmed; DingTalk sends it again", "error", s.Redactor.Redact(err.Error()))
	}
	if reply != nil {
		reply()
	}
}

// take does what a message says. reply tells who wrote it, which may take a while.
func (s DingTalkStream) take(ctx context.Context, f streamFrameIn) (reply func(), err error) {
	var in struct {
		MsgID          string `json:"msgId"`
		Conversation   string `json:"conversationId"`
		SenderStaffID  string `json:"senderStaffId"`
		SenderID       string `json:"senderId"`
		SenderNick     string `json:"senderNick"`
		SessionWebhook string `json:"sessionWebhook"`
		Text           struct {
			Content string `json:"content"`
		} `json:"text"`
	}
	if err := json.Unmarshal([]byte(f.Data), &in); err != nil || in.Conversation == "" {
		s.Log.Warn("a message in DingTalk could not be read")
		return nil, nil //nolint:nilnil,nilerr // nothing is answered, and it is not sent again
	}
	m := DingTalkMessage{Conversation: in.Conversation, ChatCommand: ChatCommand{
		UserID: in.SenderStaffID, UserName: userName(in.SenderNick, in.SenderID), Text: in.Text.Content, Once: in.MsgID,
	}}
	if m.Once == "" {
		m.Once = f.Headers["messageId"]
	}
	text, err := s.Take(ctx, m)
	if err != nil || text == "" {
		return nil, err
	}
	return func() {
		if err := s.reply(ctx, in.SessionWebhook, text); err != nil {
			s.Log.Warn("a command in DingTalk was not answered", "error", s.Redactor.Redact(err.Error()))
		}
	}, nil
}

// reply answers in the conversation of a message.
func (s DingTalkStream) reply(ctx context.Context, to, text string) error {
	if !s.MayReply(to) {
		return errors.New("the address for the answer is not DingTalk's")
	}
	ctx, cancel := context.WithTimeout(ctx, streamAnswers)
	defer cancel()
	body, err := encode(map[string]any{"msgtype": "text", "text": map[string]string{"content": shortenText(undirected(text), dingtalkBytes/2, utf8.RuneLen)}})
	if err != nil {
		return err
	}
	p := newPoster(Env{UserAgent: s.UserAgent}, secret.New(to)) // each message has an address of its own
	a, err := p.post(ctx, to, body, nil)
	if err != nil {
		return err
	}
	var said struct {
		ErrCode *int   `json:"errcode"`
		ErrMsg  string `json:"errmsg"`
	}
	if err := json.Unmarshal(a.body, &said); err != nil || said.ErrCode == nil || *said.ErrCode != 0 {
		return fmt.Errorf("dingtalk answered %q", p.excerpt(a.body))
	}
	return nil
}

// MayReply tells whether an address for answers is DingTalk's, or the configured one's.
func (s DingTalkStream) MayReply(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	if api, err := url.Parse(s.App.APIURL); err == nil && s.App.APIURL != "" && u.Host == api.Host {
		return true
	}
	return u.Scheme == "https" && strings.HasSuffix(u.Hostname(), dingtalkDomain)
}
