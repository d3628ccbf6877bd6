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
	"guardian/internal/versions"
)

// check finds mistakes that involve several keys: unknown and duplicate names, durations that
// do not fit each other.
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
	d.unique("alertmanagers", names(c.Alertmanagers, func(a Alertmanager) string { return a.Name }))
	for i := range c.Alertmanagers {
		d.checkAlertmanager(&c.Alertmanagers[i], at("alertmanagers", i))
	}
	d.unique("maintenance", names(c.Maintenance, func(m Maintenance) string { return m.Name }))
	d.unique("freezes", names(c.Freezes, func(f Freeze) string { return f.Name }))

	for i := range c.Services {
		d.checkService(&c.Services[i], at("services", i), c.Runbooks, sources)
	}
	d.checkDefaults(c.Defaults)
	for i := range c.Checks {
		d.checkCheck(&c.Checks[i], at("checks", i), services)
	}
	d.checkRouting(c, receivers)
	d.checkOnCall(c, receivers)
	d.checkFlags(c, services)
	d.checkGates(c)
	d.checkDrift(c)
	for i := range c.Runbooks {
		d.checkRunbook(c, i)
		d.checkFlagSteps(c, i)
		d.checkWindowSteps(c, i, services)
	}
	d.checkDrills(c, services)
	d.checkCalendar(c, services)
	d.checkRules(c)
	d.checkMarketplaces(c)
	// Last, because it needs the rules.
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

// name matches names that need no quotes in URLs, labels and shells.
var name = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

// unique finds invalid and duplicate names in a list.
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
		d.blame(path, fmt.Sprintf("%q is taken: it is on line %d already", n, line), "names must be unique")
	}
}

// known finds references to unknown names.
func (d *decoder) known(path, noun, word string, candidates []string) {
	if word == "" || slices.Contains(candidates, word) {
		return
	}
	if len(candidates) == 0 && d.meant[noun+"s"] {
		return // their list has a mistyped key, which is reported
	}
	hint := choices(word, candidates)
	if hint == "" {
		hint = "this configuration has none"
	}
	d.blame(path, fmt.Sprintf("there is no %s %q", noun, shorten(word, 60)), hint)
}

// above finds durations that are not more than zero.
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
		d.blame("server.listen", "without tokens anybody who can connect to "+s.Listen+" could roll back", `name one under tokens: [{name: admin, role: admin, token: "${env:GUARDIAN_TOKEN}"}], or listen on 127.0.0.1`)
	}
	d.checkURL("server.external_url", s.ExternalURL)
	d.checkURL("server.advertise_url", s.AdvertiseURL)
	if s.TLS != nil && s.TLS.Cert != "" && s.TLS.Key != "" {
		if _, err := tls.LoadX509KeyPair(s.TLS.Cert, s.TLS.Key); err != nil {
			d.blame("server.tls", "is not a certificate with its key: "+strings.TrimPrefix(err.Error(), "tls: "), "")
		}
	}
	for i, text := range s.TrustedProxies {
		if _, err := readNetwork(text); err != nil {
			d.blame(at("server.trusted_proxies", i), "expected an address or a network, got "+strconv.Quote(shorten(text, 60)), "write it like 10.0.0.7 or 10.0.0.0/8")
		}
	}
	d.checkActionLinks(s.ActionLinks)
	if s.Limits.Series < 1000 {
		d.blame("server.limits.series", "must be at least 1000", "")
	}
	for key, n := range map[string]int{"scraped_series": s.Limits.Scraped, "computed_series": s.Limits.Computed, "ingested_series": s.Limits.Ingested} {
		if n < 0 {
			d.blame("server.limits."+key, "must be at least 0", "leave it out for as many as series says")
		}
	}
	d.above("server.limits.query_timeout", s.Limits.QueryTimeout)
	if s.Limits.QuerySamples < 1000 {
		d.blame("server.limits.query_samples", "must be at least 1000", "")
	}
}

// minLinkKey is the minimum length of the key of links, in characters.
const minLinkKey = 32

func (d *decoder) checkActionLinks(l ActionLinks) {
	if l.ValidFor != 0 && (l.ValidFor < 5*minute || l.ValidFor > 7*day) {
		d.blame("server.action_links.valid_for", "must be between 5m and 7d, or 0s for no links", "")
	}
	if l.Key.IsSet() && len(l.Key.Reveal()) < minLinkKey {
		d.blame("server.action_links.key", fmt.Sprintf("is shorter than %d characters", minLinkKey), "create one with: openssl rand -hex 32")
	}
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

func (d *decoder) checkURL(path, text string) {
	// url.Parse quotes the URL, which may hold a secret, in its error.
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		d.blame(path, "expected an address such as https://guardian.example.com", "")
	}
}

// mostExemplars bounds the memory of exemplars.
const mostExemplars = 5_000_000

func (d *decoder) checkStorage(s Storage) {
	if s.Path == "" {
		d.blame("storage.path", "is empty", "")
	}
	d.above("storage.retention.samples", s.Retention.Samples)
	if s.Retention.Journal < 32*day {
		d.blame("storage.retention.journal", "is too short for a monthly SLA report", "keep at least 32d")
	}
	if s.Exemplars < 0 || s.Exemplars > mostExemplars {
		d.blame("storage.exemplars", fmt.Sprintf("must be between 0 and %d", mostExemplars), "each takes about 200 bytes of memory")
	}
	if s.Lease < 2*second || s.Lease > 10*minute {
		d.blame("storage.lease", "must be between 2s and 10m", "")
	}
}

// minToken is the minimum length of a token, in characters: a shorter one could be guessed.
const minToken = 16

func (d *decoder) checkTokens(c *Config) {
	d.unique("tokens", names(c.Tokens, func(t Token) string { return t.Name }))
	holder := map[string]string{} // by token
	for i, t := range c.Tokens {
		path := at("tokens", i) + ".token"
		if len(t.Token.Reveal()) < minToken {
			d.blame(path, fmt.Sprintf("is shorter than %d characters", minToken), "create one with: openssl rand -hex 24")
		}
		if other, twice := holder[t.Token.Reveal()]; twice {
			d.blame(path, "is also the token of "+other, "use a different token for each")
		}
		holder[t.Token.Reveal()] = t.Name
	}
}

// runbookOf finds a runbook; nil when there is none of that name.
func runbookOf(books []actions.RunbookSettings, name string) *actions.RunbookSettings {
	if i := slices.IndexFunc(books, func(b actions.RunbookSettings) bool { return b.Name == name }); i >= 0 {
		return &books[i]
	}
	return nil
}

func (d *decoder) checkService(s *Service, path string, books []actions.RunbookSettings, sources []string) {
	runbooks := names(books, nameOfRunbook)
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
	d.known(path+".undo", "runbook", s.Undo, runbooks)
	if b := runbookOf(books, s.Undo); b != nil && b.UsesVersion() != "" {
		d.blame(path+".undo", fmt.Sprintf("runbook %s uses %s, and an operation has no version to go back to", s.Undo, shorten(b.UsesVersion(), 60)), "name a runbook that needs no version")
	}
	if s.Rollback == "" && s.Undo == "" && s.Watch.Mode == "auto" {
		d.blame(path+".watch.mode", "is auto, but the service has no rollback runbook", "set rollback")
	}
	for i, version := range s.KnownGood {
		if version == "" || versions.Contains(s.KnownGood[:i], version) {
			d.blame(fmt.Sprintf("%s.known_good[%d]", path, i), "is empty or a duplicate", "")
		} else if !actions.ValidVersion(version) {
			d.blame(fmt.Sprintf("%s.known_good[%d]", path, i), "is not a version: expected "+actions.VersionRule, "")
		} else if b := runbookOf(books, s.Rollback); b != nil {
			if why := b.Misfit(version); !why.IsZero() {
				d.blame(fmt.Sprintf("%s.known_good[%d]", path, i), "does not fit: "+why.String(), "")
			}
		}
	}
}

// checkGates refuses a gate that asks for a proof that nobody gives.
func (d *decoder) checkGates(c *Config) {
	for i, s := range c.Services {
		var backups []string
		for _, ch := range c.Checks {
			if ch.Kind == "backup" && ch.Service == s.Name {
				backups = append(backups, ch.Name)
			}
		}
		d.known(at("services", i)+".gate.backup", "check of kind backup of this service", s.Gate.Backup, backups)
	}
}

func (d *decoder) checkDefaults(defaults Defaults) {
	d.above("defaults.every", defaults.Every)
	d.above("defaults.blind_after", defaults.BlindAfter)
	d.share("defaults.failure_rate", float64(defaults.FailureRate))
	d.labels("defaults.labels", defaults.Labels)
	d.validate(&defaults.Retry, "defaults.retry")
	d.validate(&defaults.Recheck, "defaults.recheck")
}

// share finds failure rates that the judge cannot work with.
func (d *decoder) share(path string, rate float64) {
	if !(rate > 0 && rate <= 0.5) {
		d.blame(path, "must be more than 0% and at most 50%", "")
	}
}

func (d *decoder) checkCheck(c *Check, path string, services []string) {
	d.known(path+".service", "service", c.Service, services)
	if c.Cron.IsSet() {
		if _, every := d.find(path + ".every"); every {
			d.blame(path+".cron", "every and cron exclude each other", "keep one of them")
		}
	}
	if c.Every < model.Duration(100*time.Millisecond) {
		d.blame(path+".every", "must be at least 100ms", "")
	}
	if c.Timeout <= 0 || c.Timeout >= c.gap() {
		d.blame(path+".timeout", fmt.Sprintf("%s is not less than the %s between two looks", c.Timeout, c.gap()), "looks of a check must not overlap")
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

// ownLabels returns the labels that are set at the check itself, so that a mistake in the
// defaults is reported once.
func ownLabels(d *decoder, path string, labels map[string]string) map[string]string {
	own := map[string]string{}
	for key, value := range labels {
		if _, there := d.find(path + "." + key); there {
			own[key] = value
		}
	}
	return own
}

// reserved reports whether the guardian or Prometheus set a label themselves.
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
			d.blame(path+"."+key, "is set by the guardian", "choose another name")
		case value == "":
			d.blame(path+"."+key, "is empty, which is the same as no label", "remove it")
		}
	}
}

// checkAlertmanager validates where alerts are sent.
func (d *decoder) checkAlertmanager(a *Alertmanager, path string) {
	if u, err := url.Parse(a.URL.Reveal()); a.URL.IsSet() && (err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https")) {
		d.blame(path+".url", "is not an address that begins with http:// or https://", "")
	}
	d.above(path+".timeout", a.Timeout)
	d.above(path+".resend_delay", a.ResendDelay)
}
