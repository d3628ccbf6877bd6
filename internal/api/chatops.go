package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"guardian/internal/chatops"
	"guardian/internal/reason"
	"guardian/internal/server"
	"guardian/internal/store"
	"guardian/notifiers"
	"guardian/notifiers/route"
	"guardian/rules"
)

// chatActions implements server.ChatActions.
type chatActions struct {
	journal interface {
		Alerts(ctx context.Context, f store.AlertFilter) ([]rules.Alert, error)
		Deliveries(ctx context.Context, f store.DeliveryFilter) ([]notifiers.Delivery, error)
		Idempotent(ctx context.Context, key string) (store.Idempotent, bool, error)
		Acks(ctx context.Context) ([]rules.Ack, error)
	}
	notifier interface{ Refresh(ctx context.Context) }
	running  func() Running
	leader   leader
	now      func() time.Time
	played   *played
}

// ReadLink implements server.ChatActions.
func (c chatActions) ReadLink(action chatops.Action, text string) (chatops.Request, error) {
	if !c.running().Config.Server.HasActionLinks() {
		return chatops.Request{}, server.ErrNoLinks
	}
	return c.running().LinkKey.Read(action, text)
}

// Standing implements server.ChatActions.
func (c chatActions) Standing(ctx context.Context, r chatops.Request) (server.ChatStanding, error) {
	f, n, err := c.facts(ctx, r)
	if err != nil {
		return server.ChatStanding{}, err
	}
	return server.ChatStanding{Decision: chatops.Decide(r, f, c.now()), Alerts: f.Alerts, Title: n.Title, Language: n.Lang}, nil
}

// Act implements server.ChatActions.
func (c chatActions) Act(ctx context.Context, r chatops.Request, who string) (chatops.Decision, error) {
	leading, err := c.leader.required()
	if err != nil {
		return chatops.Decision{}, err
	}
	f, n, err := c.facts(ctx, r)
	if err != nil {
		return chatops.Decision{}, err
	}
	now := c.now().UTC()
	d := chatops.Decide(r, f, now)
	if d.Outcome != chatops.May {
		return d, nil
	}
	done := chatops.Done{Action: r.Action, By: who, At: now}
	var b store.Batch
	if r.Action == chatops.Silence {
		done.Until = now.Add(chatops.SilenceFor)
		err = silenceAll(&b, d.Alerts, done, n.Lang)
	} else {
		acknowledgeAll(&b, d.Alerts, done, "")
	}
	if err != nil {
		return chatops.Decision{}, err
	}
	answer, err := json.Marshal(done)
	if err != nil {
		return chatops.Decision{}, err
	}
	// The key of a request is used once, whoever else sends it at the same time.
	b.Idempotent = []store.Idempotent{{Key: useKey(r), Answer: answer, At: now}}
	switch err := leading.Leadership.Commit(b); {
	case errors.Is(err, store.ErrIdempotent):
		if f, _, err = c.facts(ctx, r); err != nil {
			return chatops.Decision{}, err
		}
		return chatops.Decide(r, f, now), nil
	case err != nil:
		return chatops.Decision{}, apiError(err)
	}
	c.notifier.Refresh(ctx)
	d.Done = &done
	return d, nil
}

func acknowledgeAll(b *store.Batch, alerts []rules.Alert, done chatops.Done, note string) {
	for _, a := range alerts {
		b.Acks = append(b.Acks, rules.Ack{Alert: a.ID, By: done.By, At: done.At, Note: note})
		b.Audit = append(b.Audit, acknowledged(a, done.By, note, done.At))
	}
}

func silenceAll(b *store.Batch, alerts []rules.Alert, done chatops.Done, language string) error {
	comment := reason.Reader{Language: language}.Read(reason.New("silenced_from_message"))
	for _, a := range alerts {
		s := route.Silence{
			ID: store.NewID("s_"), Matchers: chatops.Matchers(a), From: done.At, Until: done.Until, By: done.By, Comment: comment, Created: done.At,
		}
		if err := s.Validate(); err != nil {
			return invalid("", fmt.Errorf("alert %s: %w", a.Rule, err))
		}
		b.Silences = append(b.Silences, s)
		b.Audit = append(b.Audit, made(s, server.Caller{Name: done.By}))
	}
	return nil
}

// useKey names a request among the idempotency keys. No header can have a line break, so that nobody
// else can use it.
func useKey(r chatops.Request) string { return "message\n" + string(r.Action) + "\n" + r.Delivery }

// facts reads what is known of a message and its alerts. Whether the request was made is read last, so
// that one that was made meanwhile is not taken for another's.
func (c chatActions) facts(ctx context.Context, r chatops.Request) (chatops.Facts, notifiers.Notice, error) {
	f, n, err := c.told(ctx, r)
	if err != nil {
		return f, n, err
	}
	used, ok, err := c.journal.Idempotent(ctx, useKey(r))
	if err != nil {
		return f, n, apiError(err)
	}
	if ok {
		f.Done = &chatops.Done{}
		if err := json.Unmarshal(used.Answer, f.Done); err != nil {
			return f, n, fmt.Errorf("read what was done by a message: %w", err)
		}
	}
	return f, n, nil
}

// told reads a message and its alerts.
func (c chatActions) told(ctx context.Context, r chatops.Request) (chatops.Facts, notifiers.Notice, error) {
	f := chatops.Facts{Acks: map[string]rules.Ack{}}
	sent, err := c.journal.Deliveries(ctx, store.DeliveryFilter{ID: r.Delivery, Limit: 1})
	if err != nil || len(sent) == 0 {
		return f, notifiers.Notice{}, apiError(err)
	}
	n := sent[0].Notice
	f.Known, f.Sent = true, n.Created
	for _, id := range n.Alerts {
		found, err := c.journal.Alerts(ctx, store.AlertFilter{ID: id, Limit: 1})
		if err != nil {
			return f, n, apiError(err)
		}
		f.Alerts = append(f.Alerts, found...)
	}
	acks, err := c.journal.Acks(ctx)
	if err != nil {
		return f, n, apiError(err)
	}
	for _, k := range acks {
		if slices.Contains(n.Alerts, k.Alert) {
			f.Acks[k.Alert] = k
		}
	}
	return f, n, nil
}

// ReadClick implements server.ChatActions.
func (c chatActions) ReadClick(header http.Header, body []byte) (server.Click, error) {
	running := c.running()
	if len(running.Clicks) == 0 {
		return server.Click{}, server.Refuse(server.ErrNotFound, "no receiver has buttons: set slack.signing_secret of one with a token")
	}
	// Receivers may be channels of one app: its signature is right for all of them.
	why := notifiers.ErrSlackSignature
	for _, name := range slices.Sorted(maps.Keys(running.Clicks)) {
		click, err := running.Clicks[name].Read(header, body, c.now())
		switch {
		case err == nil:
			return c.click(running, name, click)
		case !errors.Is(err, notifiers.ErrSlackSignature):
			why = err
		}
	}
	return server.Click{}, why
}

// ReadSocketClick implements server.ChatActions.
func (c chatActions) ReadSocketClick(envelope string, payload []byte) (server.Click, error) {
	running := c.running()
	for _, name := range slices.Sorted(maps.Keys(running.Clicks)) {
		if click, err := running.Clicks[name].Parse(envelope, payload); err == nil {
			return c.click(running, name, click)
		}
	}
	return server.Click{}, notifiers.ErrSlackCall
}

// click says who clicked, and what for.
func (c chatActions) click(running Running, receiver string, from notifiers.SlackClick) (server.Click, error) {
	if !c.played.first(from.Once, c.now()) {
		return server.Click{}, server.ErrReplayed
	}
	v := server.Click{Receiver: receiver, SlackClick: from, Name: from.UserName}
	v.Who = chatops.InSlack(from.UserName)
	for _, p := range running.Config.People {
		if p.Slack == from.UserID {
			v.Name, v.Who = p.Shown(), chatops.InSlack(p.Name)
		}
	}
	v.Request, v.Wrong = running.LinkKey.Read(chatops.Action(from.Button.ID), from.Button.Value)
	return v, nil
}

// AnswerClick implements server.ChatActions.
func (c chatActions) AnswerClick(ctx context.Context, click server.Click, text string, done bool) error {
	clicks, ok := c.running().Clicks[click.Receiver]
	switch {
	case !ok:
		return nil // its receiver was removed meanwhile
	case done:
		return clicks.Done(ctx, click.SlackClick, text)
	default:
		return clicks.Reply(ctx, click.SlackClick, text)
	}
}

// played remembers the signatures of calls, so that none is taken twice.
type played struct {
	mu   sync.Mutex
	seen map[string]time.Time
}

// playedFor is longer than the time in which a call is taken at all, on both sides of the clock.
const playedFor = 11 * time.Minute

// forget lets a call be taken again.
func (p *played) forget(signature string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.seen, signature)
}

// first tells whether a call was not seen before.
func (p *played) first(signature string, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.DeleteFunc(p.seen, func(_ string, at time.Time) bool { return now.Sub(at) > playedFor })
	if _, again := p.seen[signature]; again {
		return false
	}
	if p.seen == nil {
		p.seen = map[string]time.Time{}
	}
	p.seen[signature] = now
	return true
}
