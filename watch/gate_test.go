package watch_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guardian/probes/sample"
	"guardian/rules"
	"guardian/watch"
)

func TestGate(t *testing.T) {
	now := t0()
	frozen := watch.Freeze{Name: "black-friday", From: now.Add(-time.Hour), To: now.Add(time.Hour), Allow: []watch.Act{watch.ActRollback}}
	back := watch.Rollback{Run: "r_1", Service: "order-sync", From: "v3", To: "v2", Created: now.Add(-20 * time.Minute), Ended: now.Add(-10 * time.Minute), Acted: true, PutBack: true}
	failed, undo := back, back
	failed.PutBack, undo.To = false, ""
	firing := rules.Alert{Rule: "StockCount", State: rules.Firing, Tier: rules.Critical, ActiveAt: now, Labels: map[string]string{"service": "order-sync", "blocks_deploy": "true"}}
	label := func(a rules.Alert, key, value string) rules.Alert {
		labels := map[string]string{}
		maps.Copy(labels, a.Labels)
		labels[key] = value
		a.Labels = labels
		return a
	}
	for name, c := range map[string]struct {
		facts watch.GateFacts
		codes []string
		until time.Time
	}{
		"nothing stands against it":                {watch.GateFacts{}, nil, time.Time{}},
		"a freeze":                                 {watch.GateFacts{Freezes: []watch.Freeze{frozen}}, []string{"freeze"}, frozen.To},
		"a freeze that allows it":                  {watch.GateFacts{Act: watch.ActRollback, Freezes: []watch.Freeze{frozen}}, nil, time.Time{}},
		"a freeze that is over at this time":       {watch.GateFacts{Freezes: []watch.Freeze{{Name: "x", From: now.Add(-time.Hour), To: now}}}, nil, time.Time{}},
		"a freeze that begins at this time":        {watch.GateFacts{Freezes: []watch.Freeze{{Name: "x", From: now, To: now.Add(1)}}}, []string{"freeze"}, now.Add(1)},
		"a freeze of another service":              {watch.GateFacts{Freezes: []watch.Freeze{{Name: "x", From: now, To: now.Add(1), Services: []string{"price-sync"}}}}, nil, time.Time{}},
		"the cool-down after a rollback":           {watch.GateFacts{CoolDown: 15 * time.Minute, Rollbacks: []watch.Rollback{back}}, []string{"cool_down"}, back.Ended.Add(15 * time.Minute)},
		"a cool-down does not stop the way back":   {watch.GateFacts{Act: watch.ActRollback, CoolDown: 15 * time.Minute, Rollbacks: []watch.Rollback{back}}, nil, time.Time{}},
		"a cool-down that is over":                 {watch.GateFacts{CoolDown: 10 * time.Minute, Rollbacks: []watch.Rollback{back}}, nil, time.Time{}},
		"a rollback of another environment":        {watch.GateFacts{CoolDown: time.Hour, Environment: "staging", Rollbacks: []watch.Rollback{back}}, nil, time.Time{}},
		"a rollback that was refused":              {watch.GateFacts{CoolDown: time.Hour, Rollbacks: []watch.Rollback{{Run: "r", Service: "order-sync", Ended: now}}}, nil, time.Time{}},
		"a rollback in progress":                   {watch.GateFacts{Rollbacks: []watch.Rollback{{Run: "r", Service: "order-sync", Environment: "production", To: "v2", Acted: true}}}, []string{"run_in_progress"}, time.Time{}},
		"a rollback that is about to begin":        {watch.GateFacts{Rollbacks: []watch.Rollback{{Run: "r", Service: "order-sync", To: "v2"}}}, []string{"run_in_progress"}, time.Time{}},
		"a rollback that waits for a person":       {watch.GateFacts{Rollbacks: []watch.Rollback{{Run: "r", Service: "order-sync", To: "v2", Asks: true}}}, []string{"rollback_waits"}, time.Time{}},
		"a rollback that waits for another run":    {watch.GateFacts{Rollbacks: []watch.Rollback{{Run: "r", Service: "order-sync", To: "v2", Queued: true}}}, []string{"rollback_waits"}, time.Time{}},
		"one that waits in another service":        {watch.GateFacts{Rollbacks: []watch.Rollback{{Run: "r", Service: "price-sync", Asks: true}}}, nil, time.Time{}},
		"a rollback that failed put nothing back":  {watch.GateFacts{CoolDown: time.Hour, Rollbacks: []watch.Rollback{failed}}, nil, time.Time{}},
		"an operation that was undone":             {watch.GateFacts{CoolDown: time.Hour, Rollbacks: []watch.Rollback{undo}}, []string{"cool_down"}, back.Ended.Add(time.Hour)},
		"a second rollback beside the first":       {watch.GateFacts{Act: watch.ActRollback, Rollbacks: []watch.Rollback{{Run: "r", Service: "order-sync", To: "v2", Acted: true}}}, []string{"run_in_progress"}, time.Time{}},
		"an alert whose rule blocks deploys":       {watch.GateFacts{Alerts: []rules.Alert{firing}}, []string{"alert"}, time.Time{}},
		"such an alert does not stop the way back": {watch.GateFacts{Act: watch.ActRollback, Alerts: []rules.Alert{firing}}, nil, time.Time{}},
		"such an alert of another service":         {watch.GateFacts{Alerts: []rules.Alert{label(firing, "service", "price-sync")}}, nil, time.Time{}},
		"such an alert of no service":              {watch.GateFacts{Alerts: []rules.Alert{label(firing, "service", "")}}, []string{"alert"}, time.Time{}},
		"a red service receives its fix":           {watch.GateFacts{Alerts: []rules.Alert{label(firing, "blocks_deploy", "")}}, nil, time.Time{}},
		"a backup that is good":                    {watch.GateFacts{Backup: watch.Backup{Check: "dump", Health: sample.Up}}, nil, time.Time{}},
		"a backup that is old":                     {watch.GateFacts{Backup: watch.Backup{Check: "dump", Health: sample.Down}}, []string{"backup"}, time.Time{}},
		"a backup that nobody could see":           {watch.GateFacts{Backup: watch.Backup{Check: "dump"}}, []string{"backup"}, time.Time{}},
		"the way back needs no backup":             {watch.GateFacts{Act: watch.ActRollback, Backup: watch.Backup{Check: "dump", Health: sample.Down}}, nil, time.Time{}},
		"two reasons at once":                      {watch.GateFacts{Freezes: []watch.Freeze{frozen}, Alerts: []rules.Alert{firing}}, []string{"freeze", "alert"}, frozen.To},
	} {
		t.Run(name, func(t *testing.T) {
			c.facts.Service = "order-sync"
			var codes []string
			reasons := watch.Gate(c.facts, now)
			for _, r := range reasons {
				codes = append(codes, r.Code)
				if !strings.HasSuffix(r.Detail.String(), ".") || len(r.Detail.String()) < 30 || strings.Contains(r.Detail.String(), "  ") {
					t.Errorf("detail %q", r.Detail)
				}
			}
			if diff := cmp.Diff(c.codes, codes); diff != "" {
				t.Fatalf("codes (-want +got):\n%s", diff)
			}
			if len(reasons) > 0 && !reasons[0].Until.Equal(c.until) {
				t.Errorf("until %s, want %s", reasons[0].Until, c.until)
			}
		})
	}
}

func TestAccept(t *testing.T) {
	open := func(id, version string, shops ...string) *watch.Watch {
		d := deploy()
		d.Version, d.Shops = version, shops
		w := watch.Open(d, policy(), nil, watch.Snapshot{}, t0())
		w.ID = id
		return w
	}
	over := open("w_over", "v1.4.3")
	over.Cancel("lin", t0())
	elsewhere := open("w_staging", "v1.4.2")
	elsewhere.Environment = "staging"
	back := watch.Rollback{Run: "r_1", Service: "order-sync", Environment: "production", From: "v1.4.4", To: "v1.4.3", Created: t0().Add(-5 * time.Minute), Ended: t0().Add(-time.Minute), Acted: true}
	with := func(r watch.Rollback, change func(*watch.Rollback)) []watch.Rollback {
		change(&r)
		return []watch.Rollback{r}
	}
	for name, c := range map[string]struct {
		shops  []string
		open   []*watch.Watch
		recent []watch.Rollback
		want   watch.Acceptance
	}{
		"the first deploy opens a watch":               {want: watch.Acceptance{Decision: watch.Opens}},
		"watches that are over do not matter":          {open: []*watch.Watch{over}, want: watch.Acceptance{Decision: watch.Opens}},
		"watches of another environment do not":        {open: []*watch.Watch{elsewhere}, want: watch.Acceptance{Decision: watch.Opens}},
		"another version supersedes":                   {open: []*watch.Watch{open("w_1", "v1.4.2")}, want: watch.Acceptance{Decision: watch.Opens, Supersedes: []string{"w_1"}}},
		"the same version again is answered":           {open: []*watch.Watch{open("w_1", "v1.4.3")}, want: watch.Acceptance{Decision: watch.Repeats, Watch: "w_1"}},
		"one shop of a deploy to all is nothing new":   {shops: []string{"sg-1"}, open: []*watch.Watch{open("w_1", "v1.4.3")}, want: watch.Acceptance{Decision: watch.Repeats, Watch: "w_1"}},
		"the same shops again are nothing new":         {shops: []string{"sg-1"}, open: []*watch.Watch{open("w_1", "v1.4.3", "my-1", "sg-1")}, want: watch.Acceptance{Decision: watch.Repeats, Watch: "w_1"}},
		"more shops extend":                            {shops: []string{"sg-1", "my-1"}, open: []*watch.Watch{open("w_1", "v1.4.3", "sg-1")}, want: watch.Acceptance{Decision: watch.Extends, Watch: "w_1", Shops: []string{"my-1"}}},
		"all shops extend":                             {open: []*watch.Watch{open("w_1", "v1.4.3", "sg-1")}, want: watch.Acceptance{Decision: watch.Extends, Watch: "w_1"}},
		"what the guardian put back is recognised":     {recent: []watch.Rollback{back}, want: watch.Acceptance{Decision: watch.Opens, RollbackRun: "r_1"}},
		"while it is being put back too":               {recent: with(back, func(r *watch.Rollback) { r.Ended, r.Acted = time.Time{}, false }), want: watch.Acceptance{Decision: watch.Opens, RollbackRun: "r_1"}},
		"a rollback of long ago is forgotten":          {recent: with(back, func(r *watch.Rollback) { r.Ended = t0().Add(-2 * time.Hour) }), want: watch.Acceptance{Decision: watch.Opens}},
		"a rollback to another version does not count": {recent: with(back, func(r *watch.Rollback) { r.To = "v1" }), want: watch.Acceptance{Decision: watch.Opens}},
		"a rollback that was refused does not count":   {recent: with(back, func(r *watch.Rollback) { r.Acted = false }), want: watch.Acceptance{Decision: watch.Opens}},
	} {
		t.Run(name, func(t *testing.T) {
			d := deploy()
			d.Shops = c.shops
			if diff := cmp.Diff(c.want, watch.Accept(d, c.open, c.recent, t0())); diff != "" {
				t.Errorf("acceptance (-want +got):\n%s", diff)
			}
		})
	}
}
