package decide_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"pgregory.net/rapid"

	"guardian/decide"
	"guardian/notifiers/route"
	"guardian/rules"
)

// send lets what waits arrive, in order.
func (d *desk) send() {
	for _, q := range d.waiting {
		d.heard = append(d.heard, q.heard)
	}
	d.waiting = nil
}

// supersede lets a telling take the place of notices that wait, as a guardian does.
func (d *desk) supersede(t decide.Telling) decide.Telling {
	var unsent []decide.Unsent
	for _, q := range d.waiting {
		if q.Group != t.Group {
			continue
		}
		u := decide.Unsent{Notice: q.id, Repeat: q.Repeat}
		for _, id := range slices.Concat(q.Firing, q.Resolved) {
			u.Alerts = append(u.Alerts, d.alerts[id])
		}
		unsent = append(unsent, u)
	}
	t, gone := d.board.Supersede(t, unsent, d.now)
	d.waiting = slices.DeleteFunc(d.waiting, func(q queued) bool { return slices.Contains(gone, q.id) })
	return t
}

func TestWhatWaitsGivesWayToTheNewest(t *testing.T) {
	down, errors, slow := alertOf("Down", "orders", rules.Critical), alertOf("Errors", "orders", rules.Critical), alertOf("Slow", "orders", rules.Critical)
	const supersedes = "notice_supersedes"
	for name, c := range map[string]struct {
		do   func(d *desk) // nothing reaches anybody meanwhile
		want []heard       // when something does
	}{
		"an alert that fires, resolves and fires again is one message": {
			do: func(d *desk) {
				d.fire(down)
				d.pass(time.Minute)
				d.resolve(down.ID)
				d.pass(time.Minute)
				d.fire(down)
				d.pass(time.Minute)
			},
			want: []heard{{At: 2 * time.Minute, Firing: []string{"Down/orders"}, Why: supersedes}},
		},
		"of what is over its end is told": {
			do:   func(d *desk) { d.fire(down); d.pass(time.Minute); d.resolve(down.ID); d.pass(time.Minute) },
			want: []heard{{At: time.Minute, Resolved: []string{"Down/orders"}, Why: supersedes}},
		},
		"the end of one alert is not lost with the notice that told of it": {
			do: func(d *desk) {
				d.fire(down)
				d.fire(errors)
				d.pass(time.Minute)
				d.resolve(down.ID)
				d.pass(time.Minute)
				d.resolve(errors.ID)
				d.pass(time.Minute)
			},
			want: []heard{{At: 2 * time.Minute, Resolved: []string{"Down/orders", "Errors/orders"}, Why: supersedes}},
		},
		"what is silenced meanwhile is told as it was": {
			do: func(d *desk) {
				d.fire(down)
				d.pass(time.Minute)
				d.silence(time.Hour, `alertname="Down"`)
				d.fire(errors)
				d.pass(time.Minute)
				d.fire(slow)
				d.pass(time.Minute)
			},
			want: []heard{
				{Firing: []string{"Down/orders"}, Why: "notice_first"},
				{At: 2 * time.Minute, Firing: []string{"Errors/orders", "Slow/orders"}, Why: supersedes},
			},
		},
		"what is repeated before it was sent is told for the first time": {
			do:   func(d *desk) { d.fire(down); d.pass(5 * time.Hour) },
			want: []heard{{At: 4 * time.Hour, Firing: []string{"Down/orders"}, Why: supersedes}},
		},
		"another group has its own notice": {
			do: func(d *desk) {
				d.fire(down)
				d.fire(alertOf("Down", "prices", rules.Critical))
				d.pass(time.Minute)
			},
			want: []heard{{Firing: []string{"Down/orders"}, Why: "notice_first"}, {Firing: []string{"Down/prices"}, Why: "notice_first"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, restarts := range []bool{false, true} {
				d := newDesk(t, deskSettings(t, route.Node{Receiver: "phone"}))
				d.down = true
				c.do(d)
				if restarts {
					d.restart()
				}
				d.send()
				for i := range d.heard {
					d.heard[i].Group = ""
				}
				for i := range c.want {
					c.want[i].Receiver = "phone"
				}
				if diff := cmp.Diff(d.heard, c.want); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

// Whatever happens while nothing can be sent, also when another guardian takes over: what arrives at last is of every alert that was to be
// told, the last of each alert is what the log says, and few notices wait.
func TestWhatWaitsIsToldAsItIsAtLast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hour := model.Duration(time.Hour)
		d := newDesk(t, deskSettings(t, route.Node{Receiver: "digest", RepeatInterval: &hour, Routes: []route.Node{
			{Receiver: "phone", Matchers: []string{`tier="critical"`}, Continue: true},
			{Receiver: "group", Matchers: []string{`tier="critical"`}, MuteTimeIntervals: []string{"quiet"}},
		}}))
		var all []rules.Alert
		for _, service := range []string{"orders", "prices"} {
			all = append(all, alertOf("Down", service, rules.Critical), alertOf("Errors", service, rules.Critical), alertOf("Slow", service, rules.Warning))
		}
		for range rapid.IntRange(1, 40).Draw(t, "events") {
			a := rapid.SampledFrom(all).Draw(t, "alert")
			fires := d.alerts[a.ID].State == rules.Firing
			switch rapid.SampledFrom([]string{"change", "change", "change", "change", "silence", "maintenance", "ack", "restart", "takeover", "reach"}).Draw(t, "event") {
			case "change":
				if fires {
					d.resolve(a.ID)
				} else {
					d.fire(a)
				}
			case "silence":
				d.silence(time.Duration(rapid.IntRange(1, 1800).Draw(t, "silence"))*time.Second, "alertname="+a.Rule)
			case "maintenance":
				d.maintain(time.Duration(rapid.IntRange(1, 1800).Draw(t, "maintenance"))*time.Second, rapid.SampledFrom([]string{"", a.Labels["service"]}).Draw(t, "of"))
			case "ack":
				d.acks[a.ID] = fires
			case "restart":
				d.restart()
			case "takeover":
				gap := time.Duration(rapid.IntRange(0, 30).Draw(t, "gap")) * time.Second
				if fires {
					d.takeover(d.resolved(a.ID), gap)
				} else {
					d.takeover(d.fired(a), gap)
				}
			case "reach":
				if d.down = !d.down; !d.down {
					d.send()
				}
			}
			length := time.Duration(rapid.SampledFrom([]int{0, 1, 5, 20, 40, 90, 400, 4000}).Draw(t, "pass")) * time.Second
			d.pass(length)
			d.holds(length)
			if n := len(d.waiting); n > 2*len(all) {
				t.Fatalf("%d notices wait", n)
			}
		}
		d.send()
		d.agrees()
	})
}

// agrees checks that what arrived last of each alert is what the log says, and that something arrived of
// each that was told.
func (d *desk) agrees() {
	d.t.Helper()
	last := map[decide.ToldKey]rules.State{}
	for _, h := range d.heard {
		for _, id := range h.Firing {
			last[decide.ToldKey{Group: h.Group, Alert: id}] = rules.Firing
		}
		for _, id := range h.Resolved {
			last[decide.ToldKey{Group: h.Group, Alert: id}] = rules.Resolved
		}
	}
	for _, q := range d.told {
		for _, id := range slices.Concat(q.Firing, q.Resolved) {
			if last[decide.ToldKey{Group: q.Group, Alert: id}] == "" {
				d.t.Fatalf("%s was to be told of %s at %s, and heard nothing of it", q.Receiver, id, q.At)
			}
		}
	}
	for key, row := range d.rows {
		if last[key] != row.State {
			d.t.Fatalf("the log says that %s knows that %s is %s; it heard last that it is %s", row.Receiver, key.Alert, row.State, last[key])
		}
	}
}
