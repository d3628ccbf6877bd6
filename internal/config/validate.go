package config

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"guardian/actions"
)

// check finds what no single key can tell: names that nothing has, names that two have,
// times that do not fit each other.
func (d *decoder) check(c *Config) {
	d.checkServer(c)
	d.checkStorage(c.Storage)
	d.checkTokens(c)

	services := names(c.Services, func(s Service) string { return s.Name })
	runbooks := names(c.Runbooks, nameOfRunbook)
	receivers := names(c.Receivers, func(r Receiver) string { return r.Name })
	checks := names(c.Checks, func(c Check) string { return c.Name })
	d.unique("services", services)
	d.unique("checks", checks)
	d.unique("receivers", receivers)
	d.unique("runbooks", runbooks)
	sources := names(c.RuleSources, func(s RuleSource) string { return s.Name })
	d.unique("rule_sources", sources)
	d.unique("maintenance", names(c.Maintenance, func(m Maintenance) string { return m.Name }))
	d.unique("freezes", names(c.Freezes, func(f Freeze) string { return f.Name }))

	for i := range c.Services {
		d.checkService(&c.Services[i], at("services", i), runbooks, sources)
	}
	d.checkDefaults(c.Defaults)
	for i := range c.Checks {
		d.checkCheck(&c.Checks[i], at("checks", i), services)
	}
	d.checkRouting(c, receivers)
	for i := range c.Runbooks {
		d.checkRunbook(&c.Runbooks[i], at("runbooks", i), checks)
	}
	d.checkCalendar(c, services)
	d.checkRules(c)
	d.checkMarketplaces(c)
	// Last, because it reads the rules.
	for i := range c.OnAlert {
		d.checkOnAlert(c, &c.OnAlert[i], at("on_alert", i), runbooks)
	}
	d.build(c)
}

func at(list string, i int) string { return list + "[" + strconv.Itoa(i) + "]" }

func names[T any](list []T, name func(T) string) []string {
	out := make([]string, len(list))
	for i, one := range list {
		out[i] = name(one)
	}
	return out
}

// name is what can stand in an address, a label and a command line without quotes.
var name = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

// unique tells of names of a list that are taken, or that cannot be names.
func (d *decoder) unique(list string, names []string) {
	first := make(map[string]int, len(names))
	for i, n := range names {
		path := at(list, i) + ".name"
		if n == "" {
			d.blame(path, "is empty", "")
			continue
		}
		if !name.MatchString(n) {
			d.blame(path, fmt.Sprintf("%q cannot be a name", shorten(n, 60)), "use letters, digits, dots, dashes and underscores, at most 100")
		}
		before, twice := first[n]
		if !twice {
			first[n] = i
			continue
		}
		line := 0
		if node := d.locate(at(list, before) + ".name"); node != nil {
			line = node.Line
		}
		d.blame(path, fmt.Sprintf("%q is taken: it is on line %d already", n, line), "give each a name of its own")
	}
}

// known tells of a name that nothing has.
func (d *decoder) known(path, noun, word string, candidates []string) {
	if word == "" || slices.Contains(candidates, word) {
		return
	}
	if len(candidates) == 0 && d.meant[noun+"s"] {
		return // their list is under a mistyped key, which is told
	}
	hint := choices(word, candidates)
	if hint == "" {
		hint = "there is none in this configuration"
	}
	d.blame(path, fmt.Sprintf("there is no %s %q", noun, shorten(word, 60)), hint)
}

// above tells of a duration that is not more than zero.
func (d *decoder) above(path string, value model.Duration) {
	if value <= 0 {
		d.blame(path, "must be more than 0s", "")
	}
}

func (d *decoder) checkServer(c *Config) {
	s := c.Server
	host, port, err := net.SplitHostPort(s.Listen)
	number, portErr := strconv.Atoi(port)
	switch {
	case err != nil || portErr != nil || number < 0 || number > 65535:
		d.blame("server.listen", "expected an address and a port such as 127.0.0.1:9440, got "+strconv.Quote(shorten(s.Listen, 60)), "")
	case len(c.Tokens) == 0 && !isLoopback(host):
		d.blame("server.listen", "everybody who reaches "+s.Listen+" could roll back: there are no tokens", "add tokens, or listen on 127.0.0.1")
	}
	d.checkURL("server.external_url", s.ExternalURL)
	d.checkURL("server.advertise_url", s.AdvertiseURL)
	if s.TLS != nil && s.TLS.Cert != "" && s.TLS.Key != "" {
		if _, err := tls.LoadX509KeyPair(s.TLS.Cert, s.TLS.Key); err != nil {
			d.blame("server.tls", "is not a certificate with its key: "+strings.TrimPrefix(err.Error(), "tls: "), "")
		}
	}
	if s.Limits.Series < 1000 {
		d.blame("server.limits.series", "must be at least 1000", "")
	}
	d.above("server.limits.query_timeout", s.Limits.QueryTimeout)
	if s.Limits.QuerySamples < 1000 {
		d.blame("server.limits.query_samples", "must be at least 1000", "")
	}
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

func (d *decoder) checkURL(path, text string) {
	// The text of url.Parse's error is the address, which may hold a secret.
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		d.blame(path, "expected an address such as https://guardian.example.com", "")
	}
}

func (d *decoder) checkStorage(s Storage) {
	if s.Path == "" {
		d.blame("storage.path", "is empty", "")
	}
	d.above("storage.retention.samples", s.Retention.Samples)
	if s.Retention.Journal < 32*day {
		d.blame("storage.retention.journal", "is shorter than a month's report needs", "keep at least 32d")
	}
	if s.Lease < 2*second || s.Lease > 10*minute {
		d.blame("storage.lease", "must be between 2s and 10m", "")
	}
}

// shortestToken is the length in characters below which a token could be guessed.
const shortestToken = 16

func (d *decoder) checkTokens(c *Config) {
	d.unique("tokens", names(c.Tokens, func(t Token) string { return t.Name }))
	holder := map[string]string{} // by token
	for i, t := range c.Tokens {
		path := at("tokens", i) + ".token"
		if len(t.Token.Reveal()) < shortestToken {
			d.blame(path, fmt.Sprintf("is shorter than %d characters", shortestToken), "make one with: openssl rand -hex 24")
		}
		if other, twice := holder[t.Token.Reveal()]; twice {
			d.blame(path, "is the token of "+other+" too", "give each holder a token of its own")
		}
		holder[t.Token.Reveal()] = t.Name
	}
}

func (d *decoder) checkService(s *Service, path string, runbooks, sources []string) {
	if !name.MatchString(s.Environment) {
		d.blame(path+".environment", fmt.Sprintf("%q cannot be a name", shorten(s.Environment, 60)), "use letters, digits, dots, dashes and underscores")
	}
	if o := s.Objective; o != nil && o.Availability <= 0 {
		d.blame(path+".objective.availability", "must be more than 0%", "")
	}
	d.validate(s.Watch, path+".watch")
	for i, m := range s.Watch.Metrics {
		d.known(fmt.Sprintf("%s.watch.metrics[%d].source", path, i), "rule source", m.Source, sources)
	}
	d.known(path+".rollback", "runbook", s.Rollback, runbooks)
	if s.Rollback == "" && s.Watch.Mode == "auto" {
		d.blame(path+".watch.mode", "is auto, but there is no runbook to run", "name one as rollback of the service")
	}
	for i, version := range s.KnownGood {
		if version == "" || slices.Contains(s.KnownGood[:i], version) {
			d.blame(fmt.Sprintf("%s.known_good[%d]", path, i), "is empty or stands here twice", "")
		} else if !actions.ValidVersion(version) {
			d.blame(fmt.Sprintf("%s.known_good[%d]", path, i), "is no version that can be put back: expected "+actions.VersionRule, "")
		}
	}
}

func (d *decoder) checkDefaults(defaults Defaults) {
	d.above("defaults.every", defaults.Every)
	d.above("defaults.blind_after", defaults.BlindAfter)
	d.share("defaults.failure_rate", float64(defaults.FailureRate))
	d.labels("defaults.labels", defaults.Labels)
	d.validate(&defaults.Retry, "defaults.retry")
	d.validate(&defaults.Burst, "defaults.burst")
}

// share tells of a failure rate that the judge cannot work with.
func (d *decoder) share(path string, rate float64) {
	if !(rate > 0 && rate <= 0.5) {
		d.blame(path, "must be more than 0% and at most 50%", "")
	}
}

func (d *decoder) checkCheck(c *Check, path string, services []string) {
	d.known(path+".service", "service", c.Service, services)
	if c.Cron.IsSet() {
		if _, every := d.find(path + ".every"); every {
			d.blame(path+".cron", "every and cron are two schedules", "keep one of them")
		}
	}
	if c.Every < model.Duration(100*time.Millisecond) {
		d.blame(path+".every", "must be at least 100ms", "")
	}
	if c.Timeout <= 0 || c.Timeout >= c.gap() {
		d.blame(path+".timeout", fmt.Sprintf("%s is not under the %s between two looks", c.Timeout, c.gap()), "two looks of a check are never under way at once")
	}
	d.share(path+".failure_rate", float64(c.FailureRate))
	if !(c.Weight > 0 && c.Weight <= 1000) {
		d.blame(path+".weight", "must be more than 0 and at most 1000", "")
	}
	if c.BlindAfter < c.Every {
		d.blame(path+".blind_after", fmt.Sprintf("%s is shorter than the %s between two looks", c.BlindAfter, c.Every), "")
	}
	d.checkPace(c, path)
	own := ownLabels(d, path+".labels", c.Labels)
	d.labels(path+".labels", own)
}

// ownLabels keeps of a check's labels those that stand at the check itself: a mistake of
// the defaults is told once.
func ownLabels(d *decoder, path string, labels map[string]string) map[string]string {
	own := map[string]string{}
	for key, value := range labels {
		if _, there := d.find(path + "." + key); there {
			own[key] = value
		}
	}
	return own
}

// reserved are the labels that the guardian and Prometheus set themselves.
func reserved(label string) bool {
	return slices.Contains([]string{"check", "kind", "service", "alertname", "tier", "le", "quantile"}, label) ||
		strings.HasPrefix(label, "__")
}

func (d *decoder) labels(path string, labels map[string]string) {
	for key, value := range labels {
		switch {
		case !model.LegacyValidation.IsValidLabelName(key):
			d.blame(path+"."+key, fmt.Sprintf("%q is not a label name", shorten(key, 60)), "use letters, digits and underscores, not beginning with a digit")
		case reserved(key):
			d.blame(path+"."+key, "is set by the guardian itself", "choose another name")
		case value == "":
			d.blame(path+"."+key, "is empty, which is the same as no label", "remove it")
		}
	}
}
