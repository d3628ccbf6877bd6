package receivers

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"guardian/internal/chatops"
	"guardian/internal/config"
	"guardian/internal/secret"
	"guardian/notifiers"
	"guardian/probes"
)

// Options is what receivers are built with. All fields are needed.
type Options struct {
	Config      *config.Config
	Kinds       map[string]notifiers.Kind
	Key         chatops.Key // signs links and buttons
	ExternalURL string      // the guardian's address, which links begin with
	UserAgent   string
	Now         func() time.Time
	Log         *slog.Logger
	Redactor    *secret.Redactor
}

// Receivers are those of one configuration.
type Receivers struct {
	Queued    map[string]notifiers.Receiver // for what goes through the outbox
	Direct    map[string]notifiers.Receiver // the same, for what is sent past it
	Clicks    map[string]notifiers.SlackClicks
	Languages map[string]string // by receiver; "" is the server's
	Fallbacks map[string]string

	o Options
}

// Build builds the receivers of a configuration: nothing is dialled or sent. It joins every mistake.
func Build(o Options) (*Receivers, error) {
	r := &Receivers{o: o, Clicks: clicks(o), Languages: map[string]string{}, Fallbacks: map[string]string{}}
	transport := notifiers.NewTransport()
	var err error
	if r.Queued, err = o.build(transport); err != nil {
		return nil, err
	}
	if r.Direct, err = o.build(transport); err != nil {
		return nil, err
	}
	for _, one := range o.Config.Receivers {
		r.Languages[one.Name], r.Fallbacks[one.Name] = one.Language, one.Fallback
	}
	return r, nil
}

func (o Options) build(transport http.RoundTripper) (map[string]notifiers.Receiver, error) {
	all := map[string]notifiers.Receiver{}
	var errs []error
	for _, r := range o.Config.Receivers {
		ch, err := notifiers.Build(o.Kinds, r.Kind, r.Settings, notifiers.Env{
			Log: o.Log, Redactor: o.Redactor, UserAgent: o.UserAgent, Receiver: r.Name, ExternalURL: o.ExternalURL,
			Transport: transport,
		})
		if err != nil {
			errs = append(errs, fmt.Errorf("receiver %s: %w", r.Name, err))
			continue
		}
		words, err := notifiers.NewTemplate(r.Templates, o.Redactor)
		if err != nil {
			errs = append(errs, fmt.Errorf("receiver %s: templates: %w", r.Name, err))
			continue
		}
		all[r.Name] = notifiers.Receiver{
			Template: words, Channel: ch, Budget: o.Kinds[r.Kind].Budget.AtMost(r.MaxPerMinute), Fallback: r.Fallback, MonthlyQuota: r.MonthlyQuota,
			Fingerprint: probes.Fingerprint(r.Kind, r.Settings, r.Fallback), Actions: o.actions(r), AsWritten: r.Kind == "webhook",
		}
	}
	return all, errors.Join(errs...)
}

// clicks take the clicks on the buttons of Slack's receivers.
func clicks(o Options) map[string]notifiers.SlackClicks {
	all := map[string]notifiers.SlackClicks{}
	for _, r := range o.Config.Receivers {
		if s, ok := r.Settings.(*notifiers.SlackSettings); ok {
			if clicks, ok := notifiers.NewSlackClicks(s, notifiers.Env{Log: o.Log, Redactor: o.Redactor, UserAgent: o.UserAgent, Now: o.Now}); ok {
				all[r.Name] = clicks
			}
		}
	}
	return all
}
