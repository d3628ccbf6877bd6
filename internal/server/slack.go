package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"guardian/internal/chatops"
	"guardian/notifiers"
)

// maxClick bounds a call of Slack, which has the whole message in it.
const maxClick = 512 << 10

// answerWithin bounds what is done after a click was answered.
const answerWithin = 10 * time.Second

// The results of a click.
const (
	clickDone     = "done"
	clickRefused  = "refused"
	clickForged   = "forged"
	clickOld      = "expired"
	clickReplayed = "replayed"
	clickFailed   = "failed"
)

// slackActions takes the clicks on buttons that Slack sends. Slack's signature is the login.
func (s *Server) slackActions(chat ChatActions) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		result, err := s.slackAction(w, r, chat)
		if result != "" {
			s.metrics.clicks.WithLabelValues(result).Inc()
		}
		if err != nil {
			s.refuse(w, r, writes, err)
		}
	}
}

func (s *Server) slackAction(w http.ResponseWriter, r *http.Request, chat ChatActions) (result string, err error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxClick))
	if err != nil {
		return clickFailed, &statusError{http.StatusRequestEntityTooLarge, "the call is too large, or it ended early"}
	}
	click, err := chat.ReadClick(r.Header, body)
	switch {
	case errors.Is(err, notifiers.ErrSlackSignature):
		return clickForged, Refuse(ErrUnauthenticated, "%s", err)
	case errors.Is(err, notifiers.ErrSlackTime):
		return clickOld, Refuse(ErrUnauthenticated, "%s", err)
	case errors.Is(err, ErrReplayed):
		return clickReplayed, Refuse(ErrConflict, "%s", err)
	case errors.Is(err, notifiers.ErrSlackCall):
		return clickFailed, Refuse(ErrConflict, "%s", err)
	case err != nil:
		return clickFailed, err
	}
	if seen, ok := w.(*recorder); ok {
		seen.caller = click.Who
	}
	r.Body = io.NopCloser(bytes.NewReader(body)) // as it was signed
	if done, err := s.forward(w, r, Caller{}); done || err != nil {
		return "", err // the guardian that leads counts it
	}
	return s.click(w, r, chat, click)
}

// click does what a button says, answers Slack, which waits for three seconds, and then says in Slack
// what was done.
func (s *Server) click(w http.ResponseWriter, r *http.Request, chat ChatActions, click Click) (result string, err error) {
	at, d, err := act(r.Context(), chat, click)
	if err != nil {
		return clickFailed, err
	}
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusOK)
	_ = http.NewResponseController(w).Flush()
	return s.say(context.WithoutCancel(r.Context()), chat, click, at, d), nil
}

// SocketClick takes a click that came by a connection to Slack, to which it is answered already.
func (s *Server) SocketClick(ctx context.Context, envelope string, payload []byte) {
	chat, result := s.options.Backend.Chat, clickFailed
	click, err := chat.ReadSocketClick(envelope, payload)
	if err == nil {
		var at ChatStanding
		var d chatops.Decision
		if at, d, err = act(ctx, chat, click); err == nil {
			result = s.say(ctx, chat, click, at, d)
		}
	}
	if errors.Is(err, ErrReplayed) {
		result = clickReplayed
	} else if err != nil {
		s.log.WarnContext(ctx, "a click in Slack was not followed", "error", s.redactor.Redact(err.Error()))
	}
	s.metrics.clicks.WithLabelValues(result).Inc()
}

// act does what a button says, if it may.
func act(ctx context.Context, chat ChatActions, click Click) (at ChatStanding, d chatops.Decision, err error) {
	if click.Wrong != nil {
		return at, d, nil //nolint:nilerr // what is wrong with the click is answered, and no failure
	}
	if d, err = chat.Act(ctx, click.Request, click.Who); err != nil {
		return at, d, err
	}
	at, err = chat.Standing(ctx, click.Request)
	return at, d, err
}

// say tells in Slack what came of a click.
func (s *Server) say(ctx context.Context, chat ChatActions, click Click, at ChatStanding, d chatops.Decision) (result string) {
	words, ok := s.pages.words[at.Language]
	if !ok {
		words = s.pages.words[s.pages.fallback]
	}
	done := click.Wrong == nil && d.Outcome == chatops.May
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	if err := chat.AnswerClick(ctx, click, words.clicked(click, d, done), done); err != nil {
		s.log.WarnContext(ctx, "a click in Slack was not answered in Slack", "receiver", click.Receiver, "error", s.redactor.Redact(err.Error()))
	}
	if done {
		return clickDone
	}
	return clickRefused
}

// clicked says what came of a click.
func (w locale) clicked(click Click, d chatops.Decision, done bool) string {
	switch {
	case errors.Is(click.Wrong, chatops.ErrOtherAction):
		return w.Word("act", linkOtherAction)
	case click.Wrong != nil:
		return w.Word("act", linkForged)
	case done && d.Done.Action == chatops.Silence:
		return w.T("act_slack.silence", click.Name, w.clock(d.Done.Until))
	case done:
		return w.T("act_slack.ack", click.Name, w.clock(d.Done.At))
	case d.Outcome == chatops.Used && d.Done.Action == chatops.Silence:
		return w.T("act_used.silence", chatops.Shown(d.Done.By, w.lang), w.clock(d.Done.At), w.clock(d.Done.Until))
	case d.Outcome == chatops.Used:
		return w.T("act_used.ack", chatops.Shown(d.Done.By, w.lang), w.clock(d.Done.At))
	default:
		return w.Word("act", d.Outcome) + " " + w.Word("act_help", d.Outcome)
	}
}
