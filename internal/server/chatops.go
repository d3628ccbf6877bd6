package server

import (
	"context"
	"errors"
	"net/http"
	"time"

	"guardian/internal/chatops"
	"guardian/notifiers"
	"guardian/notifiers/route"
	"guardian/rules"
)

// ChatActions does what people ask for from a message about alerts.
type ChatActions interface {
	// ReadLink gives the request of a signed link; chatops.ErrForged, chatops.ErrOtherAction, or
	// ErrNoLinks.
	ReadLink(action chatops.Action, text string) (chatops.Request, error)
	// Standing tells what the message is about and what a request may do now. It changes nothing.
	Standing(ctx context.Context, r chatops.Request) (ChatStanding, error)
	// Act does what the request asks for, once, in the name of who. It decides anew whether it may; Done
	// is what was done.
	Act(ctx context.Context, r chatops.Request, who string) (chatops.Decision, error)
	// ReadClick reads a click on a button as Slack sends it: one of the errors of notifiers.SlackClicks,
	// ErrReplayed when it was read before, ErrNotFound where no message has buttons.
	ReadClick(header http.Header, body []byte) (Click, error)
	// ReadSocketClick reads a click that came by a connection to Slack; ErrReplayed when one of the same
	// envelope was read before, notifiers.ErrSlackCall when it is none of ours.
	ReadSocketClick(envelope string, payload []byte) (Click, error)
	// AnswerClick shows in the message what was done or, if nothing was, tells who clicked why not.
	AnswerClick(ctx context.Context, click Click, text string, done bool) error
}

// Click is a click on a button of a message.
type Click struct {
	Receiver string
	notifiers.SlackClick
	Name    string // of who clicked, as people read it
	Who     string // as it is recorded
	Request chatops.Request
	Wrong   error // what is wrong with the button's request; nil: nothing
}

// ChatStanding is a message with what may be done.
type ChatStanding struct {
	chatops.Decision
	Title    string        // of the message
	Language string        // of the message
	Alerts   []rules.Alert // that the message is about, as they are now
}

// linkView is the page of a link. State is a chatops.Outcome, or forged or other_action.
type linkView struct {
	State    string
	Action   chatops.Action
	Token    string // the link's text, for the form
	By       string // as whose it is recorded
	Title    string
	Alerts   []rules.Alert
	Acts     int // on how many of them
	Matchers []route.Matchers
	Until    time.Time
	Done     *chatops.Done
	Acks     []rules.Ack
}

const (
	linkShown       = "shown" // the page asks for confirmation
	linkDone        = "done"
	linkForged      = "forged"
	linkOtherAction = "other_action"
)

// linkResults are the values of the label result.
func linkResults() []string {
	results := []string{linkShown, linkDone, linkForged, linkOtherAction}
	for _, o := range []chatops.Outcome{chatops.Used, chatops.Expired, chatops.Over, chatops.Anew, chatops.Acked, chatops.TooMany, chatops.Unknown} {
		results = append(results, string(o))
	}
	return results
}

// linkPage shows what a link would do, and changes nothing: messengers fetch the links of a message
// to show a preview.
func (s *Server) linkPage(chat ChatActions) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		text := r.URL.Query().Get("t")
		q, v, err := s.readLink(r, chat, text)
		if err == nil && v.State == "" {
			err = s.stand(r, chat, q, &v)
		}
		s.answerLink(w, r, v, err)
	}
}

// linkForm does what a link permits, after the second click. The link's text in the form is what
// permits it: no page of another site knows it.
func (s *Server) linkForm(chat ChatActions) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		text := r.PostFormValue("t")
		q, v, err := s.readLink(r, chat, text)
		if err != nil || v.State != "" {
			s.answerLink(w, r, v, err)
			return
		}
		who := chatops.ByLink(q.Receiver)
		if seen, ok := w.(*recorder); ok {
			seen.caller = who
		}
		if done, err := s.forward(w, r, Caller{}); done || err != nil {
			if err != nil {
				s.refusePage(w, r, err)
			}
			return
		}
		d, err := chat.Act(r.Context(), q, who)
		if err == nil && d.Outcome == chatops.May {
			s.metrics.links.WithLabelValues(string(q.Action), linkDone).Inc()
			// So that a reload does not send the form again.
			http.Redirect(w, r, r.URL.Path+"?t="+text, http.StatusSeeOther)
			return
		}
		if err == nil {
			err = s.stand(r, chat, q, &v)
		}
		s.answerLink(w, r, v, err)
	}
}

// readLink gives the request of a link, or a page that says why there is none.
func (*Server) readLink(r *http.Request, chat ChatActions, text string) (chatops.Request, linkView, error) {
	v := linkView{Action: chatops.Action(r.PathValue("action"))}
	if v.Action != chatops.Acknowledge && v.Action != chatops.Silence {
		return chatops.Request{}, v, Refuse(ErrNotFound, "there is nothing at this address")
	}
	q, err := chat.ReadLink(v.Action, text)
	switch {
	case errors.Is(err, chatops.ErrForged):
		v.State = linkForged
	case errors.Is(err, chatops.ErrOtherAction):
		v.State = linkOtherAction
	case errors.Is(err, ErrNoLinks):
		return q, v, Refuse(ErrNotFound, "%s: set server.external_url in the configuration", ErrNoLinks)
	case err != nil:
		return q, v, err
	default:
		v.Token, v.By = text, chatops.ByLink(q.Receiver)
	}
	return q, v, nil
}

// stand fills in what a request may do now.
func (s *Server) stand(r *http.Request, chat ChatActions, q chatops.Request, v *linkView) error {
	at, err := chat.Standing(r.Context(), q)
	if err != nil {
		return err
	}
	v.State, v.Title, v.Alerts, v.Done, v.Acks = string(at.Outcome), at.Title, at.Alerts, at.Done, at.Acks
	v.Acts = len(at.Decision.Alerts)
	if q.Action == chatops.Silence {
		v.Until = s.now().Add(chatops.SilenceFor)
		for _, a := range at.Decision.Alerts {
			v.Matchers = append(v.Matchers, chatops.Matchers(a))
		}
	}
	return nil
}

// answerLink writes the page of a link and counts it.
func (s *Server) answerLink(w http.ResponseWriter, r *http.Request, v linkView, err error) {
	if err != nil {
		s.refusePage(w, r, err)
		return
	}
	result, status := v.State, http.StatusOK
	switch v.State {
	case string(chatops.May):
		result = linkShown
	case linkForged, linkOtherAction:
		status = http.StatusForbidden
	case string(chatops.Expired), string(chatops.Unknown):
		status = http.StatusGone
	default:
		if r.Method == http.MethodPost {
			status = http.StatusConflict
		}
	}
	s.metrics.links.WithLabelValues(string(v.Action), result).Inc()
	title := s.pages.language(r).Word("act", v.Action)
	if err := s.render(w, r, status, "act", title, 0, Caller{}, v); err != nil {
		s.refusePage(w, r, err)
	}
}
