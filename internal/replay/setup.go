package replay

import (
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/common/model"

	"guardian/actions"
	"guardian/decide"
	"guardian/internal/announce"
	"guardian/internal/config"
	"guardian/probes"
)

// setup is what a replay needs of a configuration. Nothing of it looks, tells or acts.
type setup struct {
	config    *config.Config
	decisions *decide.Settings
	checks    []check
	languages map[string]string
	teller    announce.Renderer
}

// check is what a replay needs to know of one.
type check struct {
	*config.Check
	labels map[string]string // of its series
	names  map[string]bool   // of the series that blindness hides
	every  time.Duration
}

func newSetup(c *config.Config, kinds map[string]probes.Kind) (*setup, error) {
	s := &setup{
		config: c, languages: map[string]string{},
		teller: announce.Renderer{Language: c.Server.Language, ExternalURL: c.Server.ExternalURL, Location: c.Location()},
	}
	for i := range c.Checks {
		ch := check{
			Check: &c.Checks[i], labels: map[string]string{}, names: c.Checks[i].HiddenSeries(kinds[c.Checks[i].Kind]), every: time.Duration(c.Checks[i].Every),
		}
		maps.Copy(ch.labels, ch.Labels)
		ch.labels["check"], ch.labels["service"], ch.labels["kind"] = ch.Name, ch.Service, ch.Kind
		s.checks = append(s.checks, ch)
	}
	for _, r := range c.Receivers {
		s.languages[r.Name] = r.Language
	}
	var err error
	if s.decisions, err = c.Decisions(); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *setup) checksOf(service string) []check {
	var found []check
	for _, c := range s.checks {
		if c.Service == service {
			found = append(found, c)
		}
	}
	return found
}

// tellerFor speaks a receiver's language.
func (s *setup) tellerFor(receiver string) announce.Renderer {
	t := s.teller
	if l := s.languages[receiver]; l != "" {
		t.Language = l
	}
	return t
}

// runbook gives what a run needs of a runbook that is not run.
func (s *setup) runbook(name string) *actions.Runbook {
	book := &actions.Runbook{Name: name}
	if b, ok := s.config.Runbook(name); ok {
		book.Approval = actions.Approval{
			Timeout: time.Duration(b.Approval.Timeout), OnTimeout: b.Approval.OnTimeout, Quorum: b.Approval.Quorum, Roles: b.Approval.Roles, AuthorExcluded: !b.Approval.AuthorMayApprove,
		}
	}
	return book
}

// ParseTime reads a time of the command line: RFC 3339, a day, or how long ago, as 7d.
func ParseTime(text string, now time.Time, location *time.Location) (time.Time, error) {
	if text == "now" {
		return now, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, location); err == nil {
			return t, nil
		}
	}
	if d, err := model.ParseDuration(text); err == nil && d > 0 {
		return now.Add(-time.Duration(d)), nil
	}
	return time.Time{}, errors.New("expected a time such as 2026-11-22T10:00:00Z, a day such as 2026-11-22, or how long ago, such as 7d")
}

func sortedBy[T any](s []T, at func(T) time.Time) []T {
	slices.SortStableFunc(s, func(x, y T) int { return at(x).Compare(at(y)) })
	return s
}
