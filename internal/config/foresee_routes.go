package config

import (
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/common/model"

	"guardian/notifiers/route"
)

// criticalWithin is how long a critical alert may wait for its group before a warning says so.
const criticalWithin = 5 * time.Second

// foreseeRoutes warns of routes that let critical alerts wait, and of matchers that are probably
// not read as they were meant.
func (d *decoder) foreseeRoutes(c *Config) {
	d.foreseeMatchers("routes", c.Routes)
	for i, r := range c.InhibitRules {
		d.classic(at("inhibit_rules", i)+".source_matchers", r.SourceMatchers)
		d.classic(at("inhibit_rules", i)+".target_matchers", r.TargetMatchers)
	}
	tree, err := route.New(c.Routes, names(c.Receivers, func(r Receiver) string { return r.Name }), c.TimeIntervals)
	if err != nil {
		return // there are no receivers
	}
	for _, slow := range tree.SlowForCritical(criticalWithin) {
		if slices.ContainsFunc(c.Receivers, func(r Receiver) bool { return r.Name == slow.Receivers && r.Kind == "discard" }) {
			continue // nobody waits for it
		}
		path, waits := "routes", fmt.Sprintf("group_wait %s", model.Duration(slow.GroupWait))
		if slow.Place != "" {
			path += "." + slow.Place
		}
		if slow.GroupInterval > criticalWithin {
			waits += fmt.Sprintf(", group_interval %s", model.Duration(slow.GroupInterval))
		}
		d.warn(path, fmt.Sprintf("critical alerts that this route sends to %s wait: %s", slow.Receivers, waits),
			"set group_wait: 0s and group_interval: 5s or less here, or give critical alerts a route of their own that does")
	}
}

func (d *decoder) foreseeMatchers(path string, n route.Node) {
	d.classic(path+".matchers", n.Matchers)
	for i, child := range n.Routes {
		d.foreseeMatchers(at(path+".routes", i), child)
	}
}

// classic warns of matchers that only Alertmanager's older parser accepts: tier==critical is
// tier="=critical" to it.
func (d *decoder) classic(path string, matchers []string) {
	for i, text := range matchers {
		if instead, ok := route.Classic(text); ok {
			d.warn(at(path, i), fmt.Sprintf("is read as %s, by Alertmanager's older parser of matchers", instead), "write it so if it is meant")
		}
	}
}

// foreseeSent warns of runbooks for alerts that no rule here makes.
func (d *decoder) foreseeSent(c *Config) {
	alerts := alertNames(c)
	for i, o := range c.OnAlert {
		if name := o.Match["alertname"]; name != "" && !slices.Contains(alerts, name) {
			d.warn(at("on_alert", i)+".match.alertname", fmt.Sprintf("no rule here makes alert %s", shorten(name, 60)), "it starts the runbook only when another program sends it to /api/v2/alerts")
		}
	}
}
