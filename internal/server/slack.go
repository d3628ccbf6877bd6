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
	clickDone    = "done"
	clickRefused = "refused"
	clickForged  = "forged"
	clickOld     = "expired"
	clickPlayed  = "replayed"
	clickFailed  = "failed"
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
	case errors.Is(err, ErrPlayed):
		return clickPlayed, Refuse(ErrConflict, "%s", err)
	case errors.Is(err, notifiers.ErrSlackCall):
		return clickFailed, Refuse(ErrConflict, "%s", err)
	case err != nil:
		return clickFailed, err
	}
	if seen, ok := w.(*recorder); ok {
		seen.caller = click.Who
	}
	r.Body = io.NopCloser(bytes.NewReader(body)) // as it was signed
	if done, err := s.forward(w, r); done || err != nil {
		return "", err // the guardian that leads counts it
	}
	return s.click(w, r, chat, click)
}

// click does what a button says, answers Slack, which waits for three seconds, and then says in Slack
// what was done.
func (s *Server) click(w http.ResponseWriter, r *http.Request, chat ChatActions, click Click) (result string, err error) {
	at, d := ChatStanding{}, chatops.Decision{}
	if click.Wrong == nil {
		if d, err = chat.Act(r.Context(), click.Request, click.Who); err != nil {
			return clickFailed, err
		}
		if at, err = chat.Standing(r.Context(), click.Request); err != nil {
			return clickFailed, err
		}
	}
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusOK)
	_ = http.NewResponseController(w).Flush()

	words, ok := s.pages.words[at.Language]
	if !ok {
		words = s.pages.words[s.pages.fallback]
	}
	done := click.Wrong == nil && d.Outcome == chatops.May
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), answerWithin)
	defer cancel()
	if err := chat.AnswerClick(ctx, click, words.clicked(click, d, done), done); err != nil {
		s.log.WarnContext(ctx, "a click in Slack was not answered in Slack", "receiver", click.Receiver, "error", s.redactor.Redact(err.Error()))
	}
	if done {
		return clickDone, nil
	}
	return clickRefused, nil
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
