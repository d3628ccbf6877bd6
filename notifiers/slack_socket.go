package notifiers

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"

	"guardian/internal/secret"
)

// SlackSocket receives the clicks of an app through a connection that is opened to Slack (Socket
// Mode), for guardians that Slack cannot reach.
type SlackSocket struct {
	Token  secret.Secret // of the app: xapp-…
	APIURL string
	// Clicked takes a click. Slack sends it again, with the same envelope, if it heard no answer.
	Clicked func(ctx context.Context, envelope string, payload []byte)
	// Commanded does a slash command and gives the answer.
	Commanded func(ctx context.Context, envelope string, payload []byte) (answer any)

	Log      *slog.Logger
	Redactor *secret.Redactor
}

// socketPause is the time until a connection is tried anew that Slack refused for good.
const socketPause = time.Minute

// Run keeps a connection open until ctx ends.
func (s SlackSocket) Run(ctx context.Context) {
	for ctx.Err() == nil {
		err := s.connect(ctx)
		if ctx.Err() != nil {
			return
		}
		s.Log.Error("Slack refuses the connection for clicks on buttons; it is tried again in a minute",
			"error", s.Redactor.Redact(err.Error()), "hint", "app_token must be an app-level token (xapp-…) with the scope connections:write, and Socket Mode switched on")
		select {
		case <-ctx.Done():
		case <-time.After(socketPause):
		}
	}
}

// connect handles what arrives until Slack refuses the connection for good: socketmode makes it anew
// after other errors.
func (s SlackSocket) connect(ctx context.Context) error {
	client := socketmode.New(slack.New("", slack.OptionAppLevelToken(s.Token.Reveal()), slack.OptionAPIURL(strings.TrimSuffix(s.APIURL, "/")+"/")),
		socketmode.OptionLog(slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)), socketmode.OptionReadLimit(1<<20))
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	failed := errors.New("the connection was closed")
	running.Go(func() {
		defer cancel()
		if err := client.RunContext(ctx); err != nil {
			failed = err
		}
	})
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case e := <-client.Events:
			s.take(ctx, client, e)
		}
	}
	running.Wait()
	return failed
}

func (s SlackSocket) take(ctx context.Context, client *socketmode.Client, e socketmode.Event) {
	switch e.Type {
	case socketmode.EventTypeHello:
		s.Log.Info("Slack sends clicks on buttons through a connection")
	case socketmode.EventTypeConnectionError:
		s.Log.Warn("no connection to Slack for clicks on buttons; it is tried again")
	case socketmode.EventTypeInteractive:
		if e.Request == nil {
			return
		}
		// Slack waits for three seconds.
		if err := client.AckCtx(ctx, e.Request.EnvelopeID, nil); err != nil {
			s.Log.Warn("a click in Slack was not answered; Slack sends it again", "error", s.Redactor.Redact(err.Error()))
		}
		s.Clicked(ctx, e.Request.EnvelopeID, e.Request.Payload)
	case socketmode.EventTypeSlashCommand:
		if e.Request == nil {
			return
		}
		if err := client.AckCtx(ctx, e.Request.EnvelopeID, s.Commanded(ctx, e.Request.EnvelopeID, e.Request.Payload)); err != nil {
			s.Log.Warn("a command in Slack was not answered", "error", s.Redactor.Redact(err.Error()))
		}
	default: // other news of the connection
	}
}
