package config

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"reflect"
	"strings"
	"time"

	"guardian/actions"
	"guardian/internal/templates"
	"guardian/notifiers"
	"guardian/probes"
)

// build builds every check, step and receiver once and discards it, because some mistakes
// show only then. By the contract of kinds building has no side effects: it opens no
// connection and no file and starts no goroutine.
func (d *decoder) build(c *Config) {
	log := slog.New(slog.DiscardHandler)
	never := func() time.Time { return time.Time{} }
	for i := range c.Checks {
		check := &c.Checks[i]
		kind, ok := d.options.Probes[check.Kind]
		if !ok || check.Settings == nil || kind.Build == nil {
			continue
		}
		if kind.Templates != nil {
			for _, t := range kind.Templates(check.Settings, check.Labels) {
				d.names(templates.Check(t.Text, t.Names), at("checks", i)+"."+check.Kind+"."+t.At)
			}
		}
		probe, err := kind.Build(check.Settings, probes.Env{
			Check: check.Name, Service: check.Service, Labels: check.Labels,
			Every: time.Duration(check.Every), Timeout: time.Duration(check.Timeout),
			Log: log, Redactor: d.redactor, Now: never, Orders: noOrders{}, Heartbeats: noHeartbeats, Compare: noComparison,
		})
		d.built(err, at("checks", i)+"."+check.Kind, check.Settings)
		if closer, ok := probe.(io.Closer); ok && err == nil {
			d.built(closer.Close(), at("checks", i)+"."+check.Kind, check.Settings)
		}
	}
	build := func(path string, step *actions.StepSettings) {
		if kind, ok := d.options.Actions[step.Kind]; ok && step.Settings != nil && kind.Build != nil {
			_, err := kind.Build(step.Settings, actions.Env{Log: log, Redactor: d.redactor, Now: never})
			d.built(err, path+"."+step.Kind, step.Settings)
		}
	}
	for i := range c.Runbooks {
		for key, step := range c.Runbooks[i].All() {
			build(at("runbooks", i)+"."+key, step)
		}
	}
	for i, x := range c.Drills {
		for j := range x.Inject {
			build(at(at("drills", i)+".inject", j), &x.Inject[j])
		}
		for j := range x.Restore {
			build(at(at("drills", i)+".restore", j), &x.Restore[j])
		}
	}
	for i, receiver := range c.Receivers {
		if kind, ok := d.options.Notifiers[receiver.Kind]; ok && receiver.Settings != nil && kind.Build != nil {
			_, err := kind.Build(receiver.Settings, notifiers.Env{Log: log, Redactor: d.redactor, Now: never})
			d.built(err, at("receivers", i)+"."+receiver.Kind, receiver.Settings)
			d.tryTemplates(c, &c.Receivers[i], at("receivers", i)+".templates")
		}
	}
}

// tryTemplates runs the templates of a receiver with examples.
func (d *decoder) tryTemplates(c *Config, r *Receiver, path string) {
	if !r.Templates.IsZero() && !d.options.Notifiers[r.Kind].Links {
		d.blame(path, "are for messages that people read, and "+r.Kind+" sends none", "a webhook has a template of its own: webhook.template")
		return
	}
	d.built(notifiers.TryTemplate(r.Templates, cmp.Or(r.Language, c.Server.Language)), path, &r.Templates)
}

// names adds the names in a template that there are not.
func (d *decoder) names(err error, path string) {
	for _, one := range joined(err) {
		if unknown := new(templates.UnknownNameError); errors.As(one, &unknown) {
			d.blame(path, unknown.Problem(), unknown.Hint())
		}
	}
}

// built adds the errors of building a kind, unless Validate found them already.
func (d *decoder) built(err error, path string, settings any) {
	for _, l := range leaves(err, "") {
		// The path already names the kind.
		l.text = strings.TrimPrefix(l.text, path[strings.LastIndex(path, ".")+1:]+": ")
		place, problem := d.place(l, path, reflect.TypeOf(settings))
		hint := ""
		if unknown := new(templates.UnknownNameError); errors.As(l.err, &unknown) {
			problem, hint = unknown.Problem(), unknown.Hint()
		}
		d.blame(place, problem, hint)
	}
}

// noOrders is a journal for probes that are only built, never run.
type noOrders struct{}

var errNotRunning = errors.New("no check runs while a configuration is loaded")

func (noOrders) Save(context.Context, probes.Order) error { return errNotRunning }

func (noOrders) Open(context.Context, string) ([]probes.Order, error) { return nil, errNotRunning }

func noComparison(context.Context, string) (probes.Comparison, error) {
	return probes.Comparison{}, nil
}

func noHeartbeats(context.Context, string) (probes.Heartbeat, bool, error) {
	return probes.Heartbeat{}, false, errNotRunning
}
