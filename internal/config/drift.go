package config

import (
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/prometheus/common/model"

	"guardian/actions"
	"guardian/decide"
)

// driftSuffix ends the names of the checks that addDrift adds.
const driftSuffix = "-drift"

// driftTimeout bounds a look, which asks the targets of a whole runbook.
const driftTimeout = 30 * second

// addDrift adds the checks that compare what runs with what should: one for each service whose rollback
// has a step that can tell, unless the file has one or switches it off.
func (d *decoder) addDrift(c *Config) {
	for i := range c.Services {
		s := &c.Services[i]
		own := slices.ContainsFunc(c.Checks, func(k Check) bool {
			return k.Name == s.Name+driftSuffix || k.Kind == decide.DriftKind && k.Service == s.Name
		})
		kind, ok := d.options.Probes[decide.DriftKind]
		if own || !ok || s.Drift <= 0 || !d.sees(c, s) {
			continue
		}
		k := Check{
			Name: s.Name + driftSuffix, Service: s.Name, Kind: decide.DriftKind, Every: s.Drift, Timeout: min(driftTimeout, s.Drift*4/5),
			Weight: 1, Measure: true, Settings: kind.Settings(),
		}
		k.fill(c.Defaults, func(*Check) bool { return false })
		c.Checks = append(c.Checks, k)
	}
}

// sees tells whether a step of a service's rollback can tell what runs.
func (d *decoder) sees(c *Config, s *Service) bool {
	b := runbookOf(c.Runbooks, s.Rollback)
	if b == nil {
		return false
	}
	env := actions.Env{Log: slog.New(slog.DiscardHandler), Redactor: d.redactor, Now: func() time.Time { return time.Time{} }}
	for _, st := range b.All() {
		kind, ok := d.options.Actions[st.Kind]
		if !ok || st.Settings == nil || kind.Build == nil {
			continue
		}
		step, err := kind.Build(st.Settings, env)
		if err != nil {
			continue // which is told elsewhere
		}
		if _, can := actions.Sees(step); can {
			return true
		}
	}
	return false
}

// checkDrift finds checks of kind drift that have nothing to compare, and records that nobody would make.
func (d *decoder) checkDrift(c *Config) {
	for i := range c.Services {
		s := &c.Services[i]
		path := at("services", i) + ".drift"
		if s.Drift != 0 && s.Drift < model.Duration(10*time.Second) {
			d.blame(path, "must be at least 10s, or 0s", "0s compares nothing")
		}
		b := runbookOf(c.Runbooks, s.Rollback)
		if b == nil || slices.ContainsFunc(c.Checks, func(k Check) bool { return k.Kind == decide.DriftKind && k.Service == s.Name }) {
			continue
		}
		for _, st := range b.All() {
			v, ok := st.Settings.(actions.Versioned)
			if !ok {
				continue
			}
			if what := v.NeedsVersion(); what != "" && s.Drift == 0 {
				d.blame(path, fmt.Sprintf("is 0s, and step %s of runbook %s needs %s", st.Title(), b.Name, what), "set it, such as 5m: what runs is recorded when it is compared")
			}
		}
	}
	for i := range c.Checks {
		k := &c.Checks[i]
		s, ok := c.Service(k.Service)
		if k.Kind == decide.DriftKind && ok && !d.sees(c, s) {
			d.blame(at("checks", i)+".drift", "the rollback of "+k.Service+" has no step that can tell what runs", "steps of kind docker, compose, git and traffic can")
		}
	}
}
