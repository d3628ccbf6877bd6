package rules

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql"
)

// SentTimeout is how long an alert fires that another program sent without saying when it ends,
// unless it is sent again: Alertmanager's default of resolve_timeout.
const SentTimeout = 5 * time.Minute

// Sent is an alert as another program, such as a Prometheus, sends it in Alertmanager's words.
type Sent struct {
	Labels, Annotations map[string]string
	StartsAt, EndsAt    time.Time // zero: not said
	GeneratorURL        string
}

// Origin is what is kept of how an alert was sent. It does not depend on rules here.
type Origin struct {
	EndsAt  time.Time `json:"ends_at"`           // it resolves then, unless it is sent again
	Timeout bool      `json:"timeout,omitempty"` // the sender did not say when it ends
	URL     string    `json:"url,omitempty"`     // what made it
}

// StepSent takes the alerts that others sent from one moment to the next, as Alertmanager does:
// what is sent begins, goes on or ends, and what was not sent again in time resolves. errs has
// an error for each alert that is refused; the others count all the same.
func StepSent(alerts []Alert, sent []Sent, now time.Time) (next []Alert, changes []Change, errs []error) {
	now = now.UTC()
	known := make(map[string]Alert, len(alerts))
	for _, a := range alerts {
		known[a.ID] = a
	}
	for i, s := range sent {
		s, timeout := s.withTimes(now)
		s.Labels = withoutEmpty(s.Labels)
		if err := s.validate(); err != nil {
			errs = append(errs, fmt.Errorf("alert %d: %w", i, err))
			continue
		}
		if change, moved := s.take(known, timeout, now); moved {
			changes = append(changes, change)
		}
	}
	for _, id := range sortedKeys(known) {
		a := known[id]
		switch {
		case a.State == Firing && !a.Origin.EndsAt.After(now):
			a = a.endedBy(a.Origin.EndsAt, now)
			changes = append(changes, Change{From: Firing, To: Resolved, Alert: a})
		case a.State == Resolved && now.Sub(a.ResolvedAt) > resolvedRetention:
			continue
		}
		next = append(next, a)
	}
	return next, changes, errs
}

// withTimes fills in the times that were not said.
func (s Sent) withTimes(now time.Time) (_ Sent, timeout bool) {
	if s.StartsAt.IsZero() {
		s.StartsAt = now
		if !s.EndsAt.IsZero() {
			s.StartsAt = s.EndsAt
		}
	}
	if s.EndsAt.IsZero() {
		s.EndsAt, timeout = now.Add(SentTimeout), true
	}
	s.StartsAt, s.EndsAt = s.StartsAt.UTC(), s.EndsAt.UTC()
	return s, timeout
}

func withoutEmpty(labels map[string]string) map[string]string {
	out := maps.Clone(labels)
	maps.DeleteFunc(out, func(_, value string) bool { return value == "" })
	return out
}

func (s Sent) validate() error {
	var errs []error
	if s.EndsAt.Before(s.StartsAt) {
		errs = append(errs, errors.New("start time must be before end time"))
	}
	if len(s.Labels) == 0 {
		errs = append(errs, errors.New("at least one label pair required"))
	}
	for kind, set := range map[string]map[string]string{"label": s.Labels, "annotation": s.Annotations} {
		for _, name := range sortedKeys(set) {
			if !model.UTF8Validation.IsValidLabelName(name) {
				errs = append(errs, fmt.Errorf("invalid %s name %q", kind, name))
			}
			if !utf8.ValidString(set[name]) {
				errs = append(errs, fmt.Errorf("invalid value of %s %q", kind, name))
			}
		}
	}
	return errors.Join(errs...)
}

// take takes one alert. One that resolved before anybody here knew of it is left out.
func (s Sent) take(known map[string]Alert, timeout bool, now time.Time) (c Change, moved bool) {
	id := s.ID()
	a, ok := known[id]
	open := ok && a.State == Firing
	if !s.EndsAt.After(now) {
		if !open {
			return Change{}, false
		}
		a = a.endedBy(s.EndsAt, now)
		a.Annotations = s.Annotations
		known[id] = a
		return Change{From: Firing, To: Resolved, Alert: a}, true
	}
	origin := Origin{EndsAt: s.EndsAt, Timeout: timeout, URL: s.GeneratorURL}
	if !open {
		a = Alert{
			ID: id, Rule: s.name(), State: Firing, Labels: s.Labels, ActiveAt: s.StartsAt, FiredAt: s.StartsAt,
			Tier: tierOf(func(name string) string { return s.Labels[name] }),
		}
		if a.FiredAt.After(now) {
			a.ActiveAt, a.FiredAt = now, now
		}
	} else if was := a.Origin; was.EndsAt.After(origin.EndsAt) && !was.Timeout {
		origin.EndsAt, origin.Timeout = was.EndsAt, false // of two ends that were said the later one counts
	}
	a.Annotations, a.LastEval, a.Origin = s.Annotations, now, &origin
	known[id] = a
	return Change{To: Firing, Alert: a}, !open
}

// endedBy gives the alert resolved, not before it fired.
func (a Alert) endedBy(at, now time.Time) Alert {
	a.State, a.ResolvedAt, a.LastEval = Resolved, at, now
	if at.Before(a.FiredAt) {
		a.ResolvedAt = a.FiredAt
	}
	return a
}

// name is what people call the alert: its alertname or, when it has none, all its labels.
func (s Sent) name() string {
	if name := s.Labels[model.AlertNameLabel]; name != "" {
		return name
	}
	set := make(model.LabelSet, len(s.Labels))
	for name, value := range s.Labels {
		set[model.LabelName(name)] = model.LabelValue(value)
	}
	return set.String()
}

// ID is the fingerprint of the labels, the same across senders and restarts.
func (s Sent) ID() string {
	h := sha256.New()
	for _, name := range sortedKeys(s.Labels) {
		if s.Labels[name] == "" {
			continue
		}
		h.Write([]byte(name + "\xff" + s.Labels[name] + "\xff"))
	}
	return "e_" + hex.EncodeToString(h.Sum(nil)[:12])
}

// RestoreSent gives the alerts of the journal that others sent, and that fire. Nobody could send
// them again while no guardian was here to take them: each gets the time to.
func RestoreSent(stored []Alert, now time.Time) []Alert {
	var open []Alert
	for _, a := range stored {
		if a.Origin == nil || a.State != Firing {
			continue
		}
		origin := *a.Origin
		if soonest := now.UTC().Add(SentTimeout); origin.EndsAt.Before(soonest) {
			origin.EndsAt = soonest
		}
		a.Origin = &origin
		open = append(open, a)
	}
	slices.SortFunc(open, func(a, b Alert) int { return strings.Compare(a.ID, b.ID) })
	return open
}

// SentSamples gives ALERTS and ALERTS_FOR_STATE for alerts that others sent, so that rules can
// read them, and stale markers for those that are gone.
func SentSamples(before, alerts []Alert, at time.Time) []promql.Sample {
	return (&Rule{}).alertSamples(before, alerts, at)
}
