package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"guardian/actions"
	"guardian/internal/spelling"
	"guardian/notifiers"
	"guardian/notifiers/route"
)

func nameOfRunbook(b actions.RunbookSettings) string { return b.Name }

// roles returns the roles of tokens, each including the one before it.
func roles() []string { return []string{"viewer", "deployer", "approver", "admin"} }

func (d *decoder) checkRouting(c *Config, receivers []string) {
	fallback := map[string]string{}
	for i, r := range c.Receivers {
		d.known(at("receivers", i)+".fallback", "receiver", r.Fallback, receivers)
		if r.MaxPerMinute < 0 {
			d.blame(at("receivers", i)+".max_per_minute", "must not be less than 0", "leave it out for the kind's own limit")
		}
		if w, ok := r.Settings.(*notifiers.WebhookSettings); ok && r.MaxPerMinute == 0 && (w.Aliyun != nil || w.Tencent != nil) {
			d.warn(at("receivers", i), "sends each notice as a message or call of its own: a storm of alerts is as many", "set max_per_minute, such as 3")
		}
		if r.MonthlyQuota < 0 {
			d.blame(at("receivers", i)+".monthly_quota", "must not be less than 0", "leave it out if there is none")
		}
		fallback[r.Name] = r.Fallback
	}
	for i, r := range c.Receivers {
		if circular(r.Name, fallback) {
			d.blame(at("receivers", i)+".fallback", "leads back to "+r.Name, "the last receiver of a chain must have no fallback")
		}
	}
	_, err := route.NewInhibitions(c.InhibitRules)
	for _, l := range leaves(err, "") {
		place, problem := d.place(l, "", reflect.TypeFor[Config]())
		d.blame(place, problem, "")
	}
	// A first configuration may have no receivers.
	if len(receivers) == 0 && reflect.DeepEqual(c.Routes, route.Node{}) && len(c.TimeIntervals) == 0 {
		return
	}
	for _, l := range leaves(c.Routes.Validate(receivers, c.TimeIntervals), "") {
		path := "routes"
		text := strings.TrimPrefix(l.text, "the root: ")
		if strings.HasPrefix(text, "time_intervals[") {
			path = ""
		}
		place, problem := d.place(leaf{err: l.err, text: text}, path, reflect.TypeFor[route.Node]())
		d.blame(place, problem, "")
	}
}

func circular(start string, next map[string]string) bool {
	at := next[start]
	for range next {
		if at == start && start != "" {
			return true
		}
		at = next[at]
	}
	return false
}

func (d *decoder) checkRunbook(c *Config, i int) {
	b, path := &c.Runbooks[i], at("runbooks", i)
	checks := names(c.Checks, func(c Check) string { return c.Name })
	sources := names(c.RuleSources, func(s RuleSource) string { return s.Name })
	d.validate(b, path)
	for j, q := range b.Require {
		d.known(fmt.Sprintf("%s.require[%d].check", path, j), "check", q.Check, checks)
		d.known(fmt.Sprintf("%s.require[%d].source", path, j), "rule source", q.Source, sources)
	}
	for j, s := range b.Verify.Success {
		d.known(fmt.Sprintf("%s.verify.success[%d].source", path, j), "rule source", s.Source, sources)
	}
	d.checkGroups(b, path)
	for i, check := range b.Verify.Checks {
		d.known(fmt.Sprintf("%s.verify.checks[%d]", path, i), "check", check, checks)
	}
	if b.Approval.OnTimeout == actions.OnTimeoutEscalate && len(c.Escalations) == 0 {
		d.blame(path+".approval.on_timeout", "there is no escalation, so that nobody could be asked next", "add escalations, or set expire or approve")
	}
	for i, role := range b.Approval.Roles {
		d.known(fmt.Sprintf("%s.approval.roles[%d]", path, i), "role", role, roles())
	}
}

// checkGroups finds keys of a group that only its steps can have.
func (d *decoder) checkGroups(b *actions.RunbookSettings, path string) {
	for list, steps := range map[string][]actions.StepSettings{"steps": b.Steps, "fallback": b.Fallback} {
		for i := range steps {
			timeout := fmt.Sprintf("%s.%s[%d].timeout", path, list, i)
			if _, written := d.find(timeout); written && steps[i].IsGroup() {
				d.blame(timeout, "is of steps, and this is a group", "set it at the steps of the group")
			}
		}
	}
}

func (d *decoder) checkOnAlert(c *Config, o *OnAlert, path string, runbooks []string) {
	d.known(path+".runbook", "runbook", o.Runbook, runbooks)
	if len(o.Match) == 0 {
		d.blame(path+".match", "is empty: every alert would start the runbook", "set labels that an alert must have")
	}
	// A name that is nearly that of a rule is a slip; any other may be that of an alert that another
	// program sends. Rule files without rules have a mistake, which must not be reported twice.
	if alerts := alertNames(c); spelling.Meant(o.Match["alertname"], alerts) != "" {
		d.known(path+".match.alertname", "alerting rule", o.Match["alertname"], alerts)
	}
	if tier, ok := o.Match["tier"]; ok {
		d.known(path+".match.tier", "tier", tier, []string{"critical", "warning", "info"})
	}
}

// alertNames lists the alerts of the rules.
func alertNames(c *Config) (names []string) {
	for _, g := range c.Groups {
		for _, r := range g.Rules {
			if r.Alert != "" {
				names = append(names, r.Alert)
			}
		}
	}
	return names
}

func (d *decoder) checkCalendar(c *Config, services []string) {
	if c.Brake.MaxFailingServices < 0 {
		d.blame("brake.max_failing_services", "must not be negative", "")
	}
	d.above("brake.within", c.Brake.Within)
	d.above("evaluation_interval", c.EvaluationInterval)
	d.labels("external_labels", c.ExternalLabels)
	for i, m := range c.Maintenance {
		d.checkMaintenance(m, at("maintenance", i))
		d.known(at("maintenance", i)+".service", "service", m.Service, services)
	}
	for i, f := range c.Freezes {
		path := at("freezes", i)
		d.order(path, f.From, f.To)
		for j, s := range f.Services {
			d.known(fmt.Sprintf("%s.services[%d]", path, j), "service", s, services)
		}
	}
}

func (d *decoder) checkMaintenance(m Maintenance, path string) {
	single := !m.From.IsZero() || !m.To.IsZero()
	switch {
	case m.Cron.IsSet() && single:
		d.blame(path+".cron", "a window is either single or recurring", "keep from and to, or cron and for")
	case m.Cron.IsSet() && (m.For <= 0 || m.For > 7*day):
		d.blame(path+".for", "must be more than 0s and at most 7d", "it is the length of each window")
	case m.Cron.IsSet():
	case m.From.IsZero() || m.To.IsZero():
		d.blame(path, "has no time", "set from and to, or cron and for")
	case m.For != 0:
		d.blame(path+".for", "is for recurring windows (cron)", "remove it: the window ends at to")
	default:
		d.order(path, m.From, m.To)
	}
}

func (d *decoder) order(path string, from, to time.Time) {
	if !from.Before(to) && !from.IsZero() && !to.IsZero() {
		d.blame(path+".to", fmt.Sprintf("%s is not after %s", to.Format(time.RFC3339), from.Format(time.RFC3339)), "")
	}
}

// sortedUnique sorts texts and removes duplicates.
func sortedUnique(texts []string) []string {
	slices.Sort(texts)
	return slices.Compact(texts)
}
