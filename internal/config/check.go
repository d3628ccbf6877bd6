package config

import (
	"cmp"
	"maps"
	"time"

	"github.com/prometheus/common/model"

	"guardian/decide"
	"guardian/probes"
	"guardian/watch"
)

// Check is a configured look at a target. After Load every field is filled in: Every and
// Timeout are above zero, Labels hold the defaults' too, and Kind and Settings are set.
type Check struct {
	Name         string            `yaml:"name" required:"true" doc:"The check's name, and the label check of its series."`
	Service      string            `yaml:"service" required:"true" doc:"The service that it checks."`
	Kind         string            `yaml:"kind" doc:"The kind of check; optional, because the section's key is the kind."`
	Every        model.Duration    `yaml:"every" doc:"Time between two looks; or use cron."`
	Cron         Cron              `yaml:"cron" doc:"Cron schedule in the server's time zone; or use every."`
	Timeout      model.Duration    `yaml:"timeout" doc:"Timeout of one look; less than the time between two looks."`
	Labels       map[string]string `yaml:"labels" doc:"Labels of its series, such as marketplace, shop and site."`
	FailureRate  watch.Share       `yaml:"failure_rate" doc:"Share of looks that may fail while the service is healthy; at most 50%. Left out: what a long and quiet history shows, and at most the default."`
	Weight       float64           `yaml:"weight" doc:"Weight among the service's checks when a deploy is judged."`
	Watch        bool              `yaml:"watch" doc:"Whether deploys are judged by this check."`
	CountsForSLA bool              `yaml:"counts_for_sla" doc:"Whether the check counts in the SLA report."`
	Measure      bool              `yaml:"measure" doc:"Whether the check only measures, so that rules judge: it is Up whenever it got values, whatever they are (kinds sql and promql), judges no deploys and does not count in the SLA report."`
	BlindAfter   model.Duration    `yaml:"blind_after" doc:"How long the check may be unknown before people are notified."`
	Retry        probes.Retry      `yaml:"retry" doc:"Retries within a look, so that one lost packet is no failure; for checks that only read."`
	Recheck      probes.Recheck    `yaml:"recheck" doc:"How often the check is looked at after it failed, until it is up again or a watch has its verdict."`
	NetworkPath  string            `yaml:"network_path" doc:"The network path it uses: checks with the same path lose connectivity together; default: default."`
	Control      bool              `yaml:"control" doc:"Whether it is a control: while no control of a network path answers, checks of that path that are down count as unknown. Controls judge no deploys and do not count in the SLA report."`

	// FailureRateSet reports whether the file sets its failure rate, here or among the defaults.
	FailureRateSet bool `yaml:"-"`
	// Settings are the decoded and validated settings of the kind.
	Settings any `yaml:"-"`
}

// DefaultPath is the network path of checks that set none.
const DefaultPath = "default"

// Policy converts the check for package watch.
func (c *Check) Policy() watch.CheckPolicy {
	return watch.CheckPolicy{
		Check:       c.Name,
		Kind:        c.Kind,
		Labels:      c.Labels,
		Path:        c.NetworkPath,
		FailureRate: float64(c.FailureRate),
		Weight:      c.Weight,
		Every:       time.Duration(c.Every),

		FailureRateSet: c.FailureRateSet,
	}
}

// Schedule returns the check's schedule, in the server's time zone.
func (c *Check) Schedule(location *time.Location) probes.Schedule {
	if c.Cron.IsSet() {
		return c.Cron.In(location)
	}
	return probes.Interval(c.Every)
}

// Series lists the series that looks at the check can make; kind is what the table of kinds says of its kind.
func (c *Check) Series(kind probes.Kind) []string {
	names := probes.CommonSeries()
	if c.Retry.Times > 0 {
		names = append(names, probes.RetriesSeries)
	}
	if kind.Produces != nil {
		names = append(names, kind.Produces(c.Settings)...)
	}
	if len(c.Uses()) > 0 {
		names = append(names, probes.BudgetSeries()...)
	}
	return names
}

// HiddenSeries are those of its series that nothing is known of while the check is blind.
func (c *Check) HiddenSeries(kind probes.Kind) map[string]bool {
	hidden := map[string]bool{}
	for _, name := range c.Series(kind) {
		hidden[name] = true
	}
	delete(hidden, "probe_unknown") // a blind check still says that it is blind
	return hidden
}

// fill sets what the check leaves to the defaults or what follows from its schedule. repeats
// reports whether looks only read and use no quota: other checks must not take over defaults
// that make them look more often.
func (c *Check) fill(defaults Defaults, repeats func(*Check) bool) {
	labels := maps.Clone(defaults.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	maps.Copy(labels, c.Labels)
	c.Labels = labels
	switch {
	case c.Cron.IsSet() && c.Every == 0:
		mean, _ := c.Cron.gaps()
		c.Every = model.Duration(mean)
	case c.Every == 0:
		c.Every = defaults.Every
	}
	if c.Timeout == 0 {
		c.Timeout = min(cmp.Or(defaults.Timeout, 10*second), c.gap()*4/5)
	}
	if c.FailureRate == 0 {
		c.FailureRate = defaults.FailureRate
	}
	if c.BlindAfter == 0 {
		c.BlindAfter = max(defaults.BlindAfter, 2*c.Every+30*second)
	}
	mayRepeat := repeats(c)
	if c.Retry == (probes.Retry{}) && mayRepeat {
		c.Retry = defaults.Retry
	}
	if c.Recheck == (probes.Recheck{}) && mayRepeat && defaults.Recheck.Interval <= c.gap()/2 {
		c.Recheck = defaults.Recheck
	}
	c.Retry.Fill()
	c.Recheck.Fill()
	c.NetworkPath = cmp.Or(c.NetworkPath, DefaultPath)
	if c.Kind == decide.DriftKind { // what runs is no sign of whether it runs well
		c.Measure = true
	}
	if c.Control || c.Measure {
		c.Watch, c.CountsForSLA = false, false
	}
	if s, ok := c.Settings.(probes.Measurer); ok && c.Measure {
		s.MeasureOnly()
	}
}

// gap is the shortest time between two looks.
func (c *Check) gap() model.Duration {
	if c.Cron.IsSet() {
		_, shortest := c.Cron.gaps()
		return model.Duration(shortest)
	}
	return c.Every
}
