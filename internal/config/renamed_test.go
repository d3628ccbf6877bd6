package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"guardian/internal/config"
)

// oldKeys holds, for each renamed key, a configuration with its old name on the last line
// and the mistake that its author reads.
func oldKeys() map[string][2]string {
	const (
		service = "services:\n  - name: shop\n    watch: "
		check   = "services: [{name: shop}]\nchecks:\n  - name: c\n    service: shop\n    "
		order   = check + "order_push:\n      push: {url: \"http://127.0.0.1:1/\"}\n      "
		runbook = "services: [{name: shop}]\nrunbooks:\n  - name: back\n    "
		docker  = runbook + "steps: [{docker: {container: shop, image: \"shop:{{.To}}\", "
		webhook = runbook + "steps: [{webhook: {url: \"http://127.0.0.1:1/\", "
		http    = "http: {url: \"http://127.0.0.1:1/\"}"
		notBody = `{url: "http://127.0.0.1:1/", expect: {body_not: [error]}}`
	)
	return map[string][2]string{
		"checks[].heartbeat.within":                        {check + "heartbeat: {within: 1h}", "checks[0].heartbeat.within: this key is now called period; write period: 1h"},
		"checks[].http.expect.body_not":                    {check + "http: " + notBody, "checks[0].http.expect.body_not: this key is now called body_not_contains"},
		"checks[].journey.steps[].expect.body_not":         {check + "journey: {steps: [{name: one, url: \"http://127.0.0.1:1/\", expect: {body_not: [error]}}]}", "checks[0].journey.steps[0].expect.body_not: this key is now called body_not_contains"},
		"checks[].order_push.cleanup.http.expect.body_not": {order + "cleanup: {http: " + notBody + "}", "checks[0].order_push.cleanup.http.expect.body_not: this key is now called body_not_contains"},
		"checks[].order_push.daily_max":                    {order + "daily_max: 10", "checks[0].order_push.daily_max: this key is now called max_orders_per_day; write max_orders_per_day: 10"},
		"checks[].order_push.push.expect.body_not":         {check + "order_push: {push: " + notBody + "}", "checks[0].order_push.push.expect.body_not: this key is now called body_not_contains"},
		"checks[].burst":                                   {check + http + "\n    burst: {every: 1s, for: 30s}", "checks[0].burst: this key is now called recheck; write recheck: {interval, for}"},
		"defaults.burst":                                   {"services: [{name: shop}]\ndefaults: {burst: {every: 1s}}", "defaults.burst: this key is now called recheck; write recheck: {interval, for}"},
		"checks[].order_push.see":                          {order + "see: {http: {url: \"http://127.0.0.1:1/\"}}", "checks[0].order_push.see: this key is now called lookup"},
		"checks[].order_push.lookup.http.expect.body_not":  {order + "lookup: {http: " + notBody + "}", "checks[0].order_push.lookup.http.expect.body_not: this key is now called body_not_contains"},
		"checks[].page.settle":                             {check + "page: {url: \"http://127.0.0.1:1/\", settle: 1s}", "checks[0].page.settle: this key is now called wait_after_load; write wait_after_load: 1s"},
		"checks[].path":                                    {check + http + "\n    path: office", "checks[0].path: this key is now called network_path; write network_path: office"},
		"marketplaces.share":                               {"services: [{name: shop}]\nmarketplaces: {share: 7%}", "marketplaces.share: this key is now called max_quota_share; write max_quota_share: 7%"},
		"services[].watch.bad":                             {service + "{bad: 30%}", "services[0].watch.bad: this key is now called fast_phase.failure_rate; write fast_phase: {failure_rate: 30%}"},
		"services[].watch.missed":                          {service + "{missed: 2%}", "services[0].watch.missed: this key is now called fast_phase.miss_rate; write fast_phase: {miss_rate: 2%}"},
		"services[].watch.soak":                            {service + "{soak: 2s}", "services[0].watch.soak: this key is now called fast_phase.min_duration; write fast_phase: {min_duration: 2s}"},
		"runbooks[].approval.within":                       {runbook + "steps: [{exec: {command: [\"true\"]}}]\n    approval: {within: 1h}", "runbooks[0].approval.within: this key is now called timeout; write timeout: 1h"},
		"runbooks[].daily":                                 {runbook + "daily: 5", "runbooks[0].daily: this key is now called max_runs_per_day; write max_runs_per_day: 5"},
		"brake.services":                                   {"services: [{name: shop}]\nbrake: {services: 5}", "brake.services: this key is now called max_failing_services; write max_failing_services: 5"},
		"runbooks[].steps[].docker.settle":                 {docker + "settle: 1s}}]", "runbooks[0].steps[0].docker.settle: this key is now called min_healthy_time; write min_healthy_time: 1s"},
		"runbooks[].steps[].docker.stop":                   {docker + "stop: 1s}}]", "runbooks[0].steps[0].docker.stop: this key is now called stop_timeout; write stop_timeout: 1s"},
		"runbooks[].steps[].docker.within":                 {docker + "within: 1m}}]", "runbooks[0].steps[0].docker.within: this key is now called healthy_deadline; write healthy_deadline: 1m"},
		"runbooks[].steps[].exec.ask":                      {runbook + "steps: [{exec: {command: [\"true\"], ask: [\"true\"]}}]", "runbooks[0].steps[0].exec.ask: this key is now called status_command"},
		"runbooks[].steps[].repeatable":                    {runbook + "steps: [{repeatable: true, exec: {command: [\"true\"]}}]", "runbooks[0].steps[0].repeatable: this key is now called idempotent; write idempotent: true"},
		"runbooks[].steps[].webhook.ask":                   {webhook + "ask: {url: \"http://127.0.0.1:1/\"}}}]", "runbooks[0].steps[0].webhook.ask: this key is now called status_request"},
		"runbooks[].steps[].webhook.poll.within":           {webhook + "poll: {url: \"http://127.0.0.1:1/\", within: 1m, done: {path: state, equals: done}}}}]", "runbooks[0].steps[0].webhook.poll.within: this key is now called timeout; write timeout: 1m"},
	}
}

func TestAnOldKeyIsAnsweredWithItsNewName(t *testing.T) {
	position := regexp.MustCompile(`^(\d+):\d+: `)
	for old, c := range oldKeys() {
		t.Run(old, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "guardian.yaml")
			if err := os.WriteFile(file, []byte(c[0]+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := config.Load(file, config.Options{})
			if err == nil {
				t.Fatal("was accepted")
			}
			want := fmt.Sprintf("line %d: %s", strings.Count(c[0], "\n")+1, c[1])
			var got []string
			for line := range strings.Lines(err.Error()) {
				line = strings.TrimPrefix(strings.TrimSpace(line), file+":")
				got = append(got, position.ReplaceAllString(line, "line $1: "))
			}
			if !slices.Contains(got, want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), want)
			}
		})
	}
}

func TestEachRenamedKeyHasAnExample(t *testing.T) {
	examples := oldKeys()
	for _, r := range config.RenamedKeys() {
		if _, ok := examples[r.Old]; !ok {
			t.Errorf("no configuration with %s: add one to oldKeys", r.Old)
		}
	}
	if len(examples) != len(config.RenamedKeys()) {
		t.Errorf("%d examples for %d keys", len(examples), len(config.RenamedKeys()))
	}
}
