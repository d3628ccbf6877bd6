package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"

	"guardian/notifiers"
)

// Commands does what people write to the guardian in a chat.
type Commands interface {
	// ReadSlack reads a slash command as Slack sends it: one of the errors of notifiers.SlackClicks, or
	// ErrNotFound where no receiver takes any.
	ReadSlack(header http.Header, body []byte) (Written, error)
	// ReadSlackSocket reads a slash command that came by a connection to Slack.
	ReadSlackSocket(envelope string, payload []byte) (Written, error)
	// Do does what somebody wrote, once, and gives the answer; ErrReplayed when it was done before.
	Do(ctx context.Context, w Written) (Reply, error)
}

// Written is a command in the chat of a receiver.
type Written struct {
	notifiers.ChatCommand
	Receiver  string // "": it was written elsewhere
	Messenger string // slack or dingtalk
	How       string // of one from elsewhere: how that place is named in the configuration
}

// Reply is the answer to a command. All in the chat see one that is Public, who wrote it any.
type Reply struct {
	Text   string
	Public bool
}

// slackCommands takes the slash commands that Slack sends. Slack's signature is the login.
func (s *Server) slackCommands(commands Commands) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		result, err := s.slackCommand(w, r, commands)
		if result != "" {
			s.metrics.commands.WithLabelValues("slack", result).Inc()
		}
		if err != nil {
			s.refuse(w, r, writes, err)
		}
	}
}

func (s *Server) slackCommand(w http.ResponseWriter, r *http.Request, commands Commands) (result string, err error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxClick))
	if err != nil {
		return clickFailed, &statusError{http.StatusRequestEntityTooLarge, "the call is too large, or it ended early"}
	}
	written, err := commands.ReadSlack(r.Header, body)
	switch {
	case errors.Is(err, notifiers.ErrSlackSignature):
		return clickForged, Refuse(ErrUnauthenticated, "%s", err)
	case errors.Is(err, notifiers.ErrSlackTime):
		return clickOld, Refuse(ErrUnauthenticated, "%s", err)
	case errors.Is(err, notifiers.ErrSlackCall):
		return clickFailed, Refuse(ErrConflict, "%s", err)
	case err != nil:
		return clickFailed, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body)) // as it was signed
	if done, err := s.forward(w, r, Caller{}); done || err != nil {
		return "", err // the guardian that leads counts it
	}
	reply, result, err := s.command(r.Context(), commands, written)
	switch {
	case errors.Is(err, ErrReplayed):
		return result, Refuse(ErrConflict, "%s", err)
	case err != nil:
		return result, err
	}
	return result, writeJSON(w, http.StatusOK, notifiers.SlackAnswer(reply.Text, reply.Public))
}

// command does a command, and gives the answer and the result that is counted.
func (*Server) command(ctx context.Context, commands Commands, written Written) (reply Reply, result string, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	reply, err = commands.Do(ctx, written)
	switch {
	case errors.Is(err, ErrReplayed):
		return reply, clickReplayed, err
	case err != nil:
		return reply, clickFailed, err
	case written.Receiver == "":
		return reply, clickRefused, nil
	}
	return reply, clickDone, nil
}

// SlackSocketCommand does a slash command that came by a connection to Slack, and gives the answer.
func (s *Server) SlackSocketCommand(ctx context.Context, envelope string, payload []byte) (answer any) {
	written, err := s.options.Backend.Commands.ReadSlackSocket(envelope, payload)
	if err != nil {
		s.metrics.commands.WithLabelValues("slack", clickFailed).Inc()
		s.log.WarnContext(ctx, "a command in Slack was not understood", "error", s.redactor.Redact(err.Error()))
		return nil
	}
	reply, err := s.ChatCommand(ctx, written)
	if err != nil {
		return nil
	}
	return notifiers.SlackAnswer(reply.Text, reply.Public)
}

// ChatCommand does a command that came by a connection to a messenger. After an error other than
// ErrReplayed it may be sent again.
func (s *Server) ChatCommand(ctx context.Context, written Written) (Reply, error) {
	reply, result, err := s.command(ctx, s.options.Backend.Commands, written)
	s.metrics.commands.WithLabelValues(written.Messenger, result).Inc()
	if err != nil && !errors.Is(err, ErrReplayed) {
		s.log.WarnContext(ctx, "a command in a chat was not followed", "messenger", written.Messenger, "error", s.redactor.Redact(err.Error()))
	}
	return reply, err
}
