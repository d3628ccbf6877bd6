package config

import (
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// RenamedKey is a configuration key that had another name in earlier builds.
type RenamedKey struct {
	Old  string // its path without list positions, such as services[].watch.soak
	New  string // its name now, beside where it stood; fast_phase.min_duration moved a level down
	Keys string // for a section whose keys have other names too: those names
}

// RenamedKeys lists the keys that had another name in earlier builds. A configuration that
// still uses one is refused, and the mistake says what to write.
func RenamedKeys() []RenamedKey {
	return []RenamedKey{
		{Old: "brake.services", New: "max_failing_services"},
		{Old: "checks[].burst", New: "recheck", Keys: "{interval, for}"},
		{Old: "checks[].heartbeat.within", New: "period"},
		{Old: "checks[].http.expect.body_not", New: "body_not_contains"},
		{Old: "checks[].journey.steps[].expect.body_not", New: "body_not_contains"},
		{Old: "checks[].order_push.cleanup.http.expect.body_not", New: "body_not_contains"},
		{Old: "checks[].order_push.daily_max", New: "max_orders_per_day"},
		{Old: "checks[].order_push.lookup.http.expect.body_not", New: "body_not_contains"},
		{Old: "checks[].order_push.push.expect.body_not", New: "body_not_contains"},
		{Old: "checks[].order_push.see", New: "lookup"},
		{Old: "checks[].page.settle", New: "wait_after_load"},
		{Old: "checks[].path", New: "network_path"},
		{Old: "defaults.burst", New: "recheck", Keys: "{interval, for}"},
		{Old: "marketplaces.share", New: "max_quota_share"},
		{Old: "runbooks[].approval.within", New: "timeout"},
		{Old: "runbooks[].daily", New: "max_runs_per_day"},
		{Old: "runbooks[].steps[].docker.settle", New: "min_healthy_time"},
		{Old: "runbooks[].steps[].docker.stop", New: "stop_timeout"},
		{Old: "runbooks[].steps[].docker.within", New: "healthy_deadline"},
		{Old: "runbooks[].steps[].exec.ask", New: "status_command"},
		{Old: "runbooks[].steps[].repeatable", New: "idempotent"},
		{Old: "runbooks[].steps[].webhook.ask", New: "status_request"},
		{Old: "runbooks[].steps[].webhook.poll.within", New: "timeout"},
		{Old: "services[].watch.bad", New: "fast_phase.failure_rate"},
		{Old: "services[].watch.missed", New: "fast_phase.miss_rate"},
		{Old: "services[].watch.soak", New: "fast_phase.min_duration"},
	}
}

var listPosition = regexp.MustCompile(`\[\d+\]`)

// renamed adds a mistake when an unknown key is the old name of another one, and reports
// whether it is.
func (d *decoder) renamed(p pair, path string) bool {
	at := join(path, p.key.Value)
	old := listPosition.ReplaceAllString(at, "[]")
	for _, r := range RenamedKeys() {
		if r.Old != old {
			continue
		}
		d.meant[join(path, strings.Split(r.New, ".")[0])] = true
		d.add(p.key, at, "this key is now called "+r.New, r.hint(p.value))
		return true
	}
	return false
}

// hint says what to write: the new name with the value that stands in the file, or, where
// the value is longer, with the names of its keys. What environment variables and files hold
// stands in the file as ${…} and so is never part of it.
func (r RenamedKey) hint(value *yaml.Node) string {
	above, name, moved := strings.Cut(r.New, ".")
	switch {
	case r.Keys != "":
		return "write " + r.New + ": " + r.Keys
	case value.Kind != yaml.ScalarNode || isNull(value):
		return ""
	case moved:
		return "write " + above + ": {" + name + ": " + shorten(value.Value, 60) + "}"
	default:
		return "write " + r.New + ": " + shorten(value.Value, 60)
	}
}
