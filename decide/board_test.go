package decide_test

import (
	"fmt"
	"maps"
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

// desk is a board as a guardian keeps it: with a clock, a journal and what people said.
type desk struct {
	t        fatal
	settings *decide.Settings
	now      time.Time
	board    *decide.Board
	alerts   map[string]rules.Alert // as the journal has them
	rows     map[decide.ToldKey]decide.Told
	silences []route.Silence
	acks     map[string]bool
	accepted time.Time // when a channel took what is told
	heard    []heard
	down     bool     // nothing reaches anybody: notices wait
	waiting  []queued // oldest first
	told     []queued // all notices, also those that were superseded
}

// queued is a notice of the outbox.
type queued struct {
	heard
	id string
}

type fatal interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// heard is one message.
type heard struct {
	At       time.Duration // after noon
	Receiver string
	Group    string
	Firing   []string
	Resolved []string
	Repeat   bool
	Why      string
}

func newDesk(t fatal, s *decide.Settings) *desk {
	d := &desk{t: t, settings: s, now: noon(), alerts: map[string]rules.Alert{}, rows: map[decide.ToldKey]decide.Told{}, acks: map[string]bool{}}
	d.board = decide.NewBoard(s, nil, nil)
	return d
}

// restart makes the board anew from the journal.
func (d *desk) restart() {
	var alerts []rules.Alert
	for _, id := range slices.Sorted(maps.Keys(d.alerts)) {
		a := d.alerts[id]
		told := false
		for key, row := range d.rows {
			told = told || key.Alert == id && row.State == rules.Firing
		}
		if a.State == rules.Firing || told {
			alerts = append(alerts, a)
		}
	}
	d.board = decide.NewBoard(d.settings, alerts, slices.Collect(maps.Values(d.rows)))
}

func (d *desk) hearing() decide.Said {
	return decide.Said{Silences: d.silences, Acked: func(id string) bool { return d.acks[id] }, Accepted: func(string, string) time.Time { return d.accepted }}
}

func alertOf(name, service string, tier rules.Tier) rules.Alert {
	return rules.Alert{ID: name + "/" + service, Rule: name, Tier: tier, Labels: map[string]string{"alertname": name, "service": service, "tier": string(tier)}}
}

func (d *desk) fire(a rules.Alert) { d.put(d.fired(a)) }

func (d *desk) fired(a rules.Alert) rules.Alert {
	a.State, a.ActiveAt, a.FiredAt = rules.Firing, d.now, d.now
	return a
}

func (d *desk) resolve(id string) {
	delete(d.acks, id)
	d.put(d.resolved(id))
}

func (d *desk) resolved(id string) rules.Alert {
	a := d.alerts[id]
	a.State, a.ResolvedAt = rules.Resolved, d.now
	return a
}

func (d *desk) put(a rules.Alert) {
	d.alerts[a.ID] = a
	d.board.Put(a)
	d.tell(a.ID)
}

// tell tells what is due now, and gives when the next is.
func (d *desk) tell(alerts ...string) time.Time {
	due, next := d.board.Due(d.settings, d.hearing(), d.now, alerts...)
	for _, t := range due {
		if d.down {
			t = d.supersede(t)
		}
		if len(t.Firing)+len(t.Resolved) == 0 {
			d.t.Fatal("a message about nothing")
		}
		one := queued{id: fmt.Sprint("n", len(d.told)), heard: heard{
			At: d.now.Sub(noon()), Receiver: t.Receiver, Group: t.Group, Firing: ids(t.Firing), Resolved: ids(t.Resolved), Repeat: t.Repeat, Why: t.Why.Code,
		}}
		d.told, d.waiting = append(d.told, one), append(d.waiting, one)
		if !d.down {
			d.send()
		}
		d.board.Tell(t)
		for _, row := range t.Rows {
			d.rows[row.ToldKey] = row
		}
	}
	rows, gone := d.board.Unsaved()
	for _, row := range rows {
		d.rows[row.ToldKey] = row
	}
	for _, key := range gone {
		delete(d.rows, key)
	}
	d.board.Saved()
	return next
}

func ids(alerts []rules.Alert) (all []string) {
	for _, a := range alerts {
		all = append(all, a.ID)
	}
	slices.Sort(all)
	return all
}

// pass lets time pass, in which what comes due is told.
func (d *desk) pass(length time.Duration) {
	for end := d.now.Add(length); ; {
		next := d.tell()
		if step := d.now.Add(time.Second); next.IsZero() || next.Before(step) {
			next = step // silences that end, and what ends with other alerts, are looked for each second
		} else if next.Sub(d.now) > time.Minute {
			next = d.now.Add(time.Minute)
		}
		if next.After(end) {
			d.now = end
			d.tell()
			return
		}
		d.now = next
	}
}

func (d *desk) silence(length time.Duration, matchers ...string) {
	s := route.Silence{ID: fmt.Sprint("s", len(d.silences)), From: d.now, Until: d.now.Add(length), By: "li"}
	for _, text := range matchers {
		m, err := route.ParseMatcher(text)
		if err != nil {
			d.t.Fatal(err)
		}
		s.Matchers = append(s.Matchers, m)
	}
	d.silences = append(d.silences, s)
}

// maintain begins a maintenance of a service; "": of all.
func (d *desk) maintain(length time.Duration, service string) {
	span := decide.Span{From: d.now, To: d.now.Add(length)}
	d.settings.Maintenance = append(d.settings.Maintenance, decide.Maintenance{
		Name: fmt.Sprint("m", len(d.settings.Maintenance)), Service: service,
		Spans: func(from, to time.Time) []decide.Span {
			if span.To.After(from) && span.From.Before(to) {
				return []decide.Span{span}
			}
			return nil
		},
	})
}

// takeover lets another guardian go on with the journal, after a time in which nobody looked. What this
// one had made of how an alert is now was not recorded.
func (d *desk) takeover(a rules.Alert, gap time.Duration) {
	d.board.Put(a)
	d.board.Due(d.settings, d.hearing(), d.now)
	d.now = d.now.Add(gap)
	d.restart()
}

// day is a time interval from 12:10 to 12:30.
func quietTime() route.Interval {
	return route.Interval{Name: "quiet", Times: []route.Window{{Times: []route.Clock{{Start: "12:10", End: "12:30"}}}}}
}

func deskSettings(t fatal, root route.Node, inhibit ...route.InhibitRule) *decide.Settings {
	tree, err := route.New(root, []string{"phone", "group", "digest"}, []route.Interval{quietTime()})
	if err != nil {
		t.Fatal(err)
	}
	s := settings()
	s.Routes = tree
	if s.Inhibitions, err = route.NewInhibitions(inhibit); err != nil {
		t.Fatal(err)
	}
	return decide.NewSettings(s)
}

func TestWhatIsToldOfAlerts(t *testing.T) {
	plain := route.Node{Receiver: "phone"}
	critical, warning := alertOf("Down", "orders", rules.Critical), alertOf("Slow", "orders", rules.Warning)
	second := alertOf("Errors", "orders", rules.Critical)
	hour := model.Duration(time.Hour)
	tests := map[string]struct {
		root    route.Node
		inhibit []route.InhibitRule
		do      func(d *desk)
		want    []heard // without Group
	}{
		"a critical alert is told at once, and its end": {
			root: plain,
			do:   func(d *desk) { d.fire(critical); d.pass(time.Minute); d.resolve(critical.ID); d.pass(time.Hour) },
			want: []heard{{Firing: []string{"Down/orders"}, Why: "notice_first"}, {At: time.Minute, Resolved: []string{"Down/orders"}, Why: "notice_resolved"}},
		},
		"a warning waits for more of its group": {
			root: plain,
			do:   func(d *desk) { d.fire(warning); d.pass(time.Minute) },
			want: []heard{{At: 30 * time.Second, Firing: []string{"Slow/orders"}, Why: "notice_first"}},
		},
		"a warning that is over before is not told": {
			root: plain,
			do:   func(d *desk) { d.fire(warning); d.pass(20 * time.Second); d.resolve(warning.ID); d.pass(time.Hour) },
		},
		"a critical alert that is new to its group does not wait": {
			root: plain,
			do:   func(d *desk) { d.fire(critical); d.pass(2 * time.Second); d.fire(second); d.pass(time.Minute) },
			want: []heard{
				{Firing: []string{"Down/orders"}, Why: "notice_first"},
				{At: 2 * time.Second, Firing: []string{"Down/orders", "Errors/orders"}, Why: "notice_new"},
			},
		},
		"but it does where the tree says so": {
			root: route.Node{Receiver: "phone", GroupInterval: new(model.Duration(time.Minute))},
			do:   func(d *desk) { d.fire(critical); d.pass(2 * time.Second); d.fire(second); d.pass(2 * time.Minute) },
			want: []heard{
				{Firing: []string{"Down/orders"}, Why: "notice_first"},
				{At: time.Minute, Firing: []string{"Down/orders", "Errors/orders"}, Why: "notice_new"},
			},
		},
		"what began in a silence is told when it ends, also after a restart in it": {
			root: plain,
			do: func(d *desk) {
				d.silence(10*time.Minute, `service="orders"`)
				d.fire(critical)
				d.pass(time.Minute)
				d.restart()
				d.pass(time.Hour)
			},
			want: []heard{{At: 10 * time.Minute, Firing: []string{"Down/orders"}, Why: "notice_kept"}},
		},
		"what comes after it is held back by nothing": {
			root: plain,
			do: func(d *desk) {
				d.silence(10*time.Minute, `service="orders"`)
				d.fire(critical)
				d.pass(20 * time.Minute)
				d.resolve(critical.ID)
				d.pass(time.Minute)
			},
			want: []heard{
				{At: 10 * time.Minute, Firing: []string{"Down/orders"}, Why: "notice_kept"},
				{At: 20 * time.Minute, Resolved: []string{"Down/orders"}, Why: "notice_resolved"},
			},
		},
		"nor what comes at the same moment": {
			root: plain,
			do: func(d *desk) {
				d.silence(10*time.Minute, `service="orders"`)
				d.fire(critical)
				d.pass(10*time.Minute - time.Second)
				d.now = d.now.Add(time.Second)
				d.tell()
				d.resolve(critical.ID)
				d.pass(time.Minute)
			},
			want: []heard{
				{At: 10 * time.Minute, Firing: []string{"Down/orders"}, Why: "notice_kept"},
				{At: 10*time.Minute + 10*time.Second, Resolved: []string{"Down/orders"}, Why: "notice_resolved"},
			},
		},
		"neither by a silence in which nothing happened": {
			root: plain,
			do: func(d *desk) {
				d.fire(critical)
				d.pass(time.Minute)
				d.silence(10*time.Minute, `service="orders"`)
				d.pass(20 * time.Minute)
				d.resolve(critical.ID)
				d.pass(time.Minute)
			},
			want: []heard{
				{Firing: []string{"Down/orders"}, Why: "notice_first"},
				{At: 21 * time.Minute, Resolved: []string{"Down/orders"}, Why: "notice_resolved"},
			},
		},
		"so is what fired before, resolved, and fires again in it": {
			root: plain,
			do: func(d *desk) {
				d.fire(critical)
				d.pass(time.Minute)
				d.resolve(critical.ID)
				d.pass(time.Minute)
				d.silence(10*time.Minute, `service="orders"`)
				d.fire(critical)
				d.pass(time.Hour)
			},
			want: []heard{
				{Firing: []string{"Down/orders"}, Why: "notice_first"},
				{At: time.Minute, Resolved: []string{"Down/orders"}, Why: "notice_resolved"},
				{At: 12 * time.Minute, Firing: []string{"Down/orders"}, Why: "notice_kept"},
			},
		},
		"its end in a window is told when the window is over": {
			root: route.Node{Receiver: "phone", MuteTimeIntervals: []string{"quiet"}},
			do: func(d *desk) {
				d.fire(critical)
				d.pass(15 * time.Minute)
				d.resolve(critical.ID)
				d.restart()
				d.pass(time.Hour)
			},
			want: []heard{
				{Firing: []string{"Down/orders"}, Why: "notice_first"},
				{At: 30 * time.Minute, Resolved: []string{"Down/orders"}, Why: "notice_kept"},
			},
		},
		"what ended and began again in a window is told again": {
			root: route.Node{Receiver: "phone", MuteTimeIntervals: []string{"quiet"}},
			do: func(d *desk) {
				d.fire(critical)
				d.pass(15 * time.Minute)
				d.resolve(critical.ID)
				d.pass(time.Minute)
				d.restart()
				d.fire(critical)
				d.pass(time.Hour)
			},
			want: []heard{
				{Firing: []string{"Down/orders"}, Why: "notice_first"},
				{At: 30 * time.Minute, Firing: []string{"Down/orders"}, Why: "notice_kept"},
			},
		},
		"what began and ended in a window is told to nobody": {
			root: route.Node{Receiver: "phone", MuteTimeIntervals: []string{"quiet"}},
			do: func(d *desk) {
				d.pass(15 * time.Minute)
				d.fire(critical)
				d.pass(time.Minute)
				d.resolve(critical.ID)
				d.pass(time.Hour)
			},
		},
		"a receiver whose quiet time ends is told although another was told before": {
			root: route.Node{Receiver: "digest", Routes: []route.Node{
				{Receiver: "phone", Continue: true}, {Receiver: "group", MuteTimeIntervals: []string{"quiet"}},
			}},
			do: func(d *desk) { d.pass(15 * time.Minute); d.fire(critical); d.pass(20 * time.Minute) },
			want: []heard{
				{At: 15 * time.Minute, Firing: []string{"Down/orders"}, Why: "notice_first"},
				{At: 30 * time.Minute, Receiver: "group", Firing: []string{"Down/orders"}, Why: "notice_kept"},
			},
		},
		"each route repeats at its own interval, also after a restart": {
			root: route.Node{Receiver: "digest", Routes: []route.Node{
				{Receiver: "phone", RepeatInterval: &hour, Continue: true}, {Receiver: "group", RepeatInterval: new(model.Duration(3 * time.Hour))},
			}},
			do: func(d *desk) { d.fire(critical); d.pass(100 * time.Minute); d.restart(); d.pass(90 * time.Minute) },
			want: []heard{
				{Receiver: "group", Firing: []string{"Down/orders"}, Why: "notice_first"},
				{Firing: []string{"Down/orders"}, Why: "notice_first"},
				{At: time.Hour, Firing: []string{"Down/orders"}, Repeat: true, Why: "notice_repeat"},
				{At: 2 * time.Hour, Firing: []string{"Down/orders"}, Repeat: true, Why: "notice_repeat"},
				{At: 3 * time.Hour, Receiver: "group", Firing: []string{"Down/orders"}, Repeat: true, Why: "notice_repeat"},
				{At: 3 * time.Hour, Firing: []string{"Down/orders"}, Repeat: true, Why: "notice_repeat"},
			},
		},
		"an acknowledged alert is not repeated": {
			root: route.Node{Receiver: "phone", RepeatInterval: &hour},
			do: func(d *desk) {
				d.fire(critical)
				d.acks[critical.ID] = true
				d.pass(5 * time.Hour)
				d.resolve(critical.ID)
				d.pass(time.Minute)
			},
			want: []heard{{Firing: []string{"Down/orders"}, Why: "notice_first"}, {At: 5 * time.Hour, Resolved: []string{"Down/orders"}, Why: "notice_resolved"}},
		},
		"an inhibited alert is told when what inhibits it is over": {
			root:    plain,
			inhibit: []route.InhibitRule{{SourceMatchers: []string{`alertname="Down"`}, TargetMatchers: []string{`tier="warning"`}, Equal: []string{"service"}}},
			do: func(d *desk) {
				d.fire(critical)
				d.fire(warning)
				d.pass(10 * time.Minute)
				d.resolve(critical.ID)
				d.pass(10 * time.Minute)
			},
			want: []heard{
				{Firing: []string{"Down/orders"}, Why: "notice_first"},
				{At: 10 * time.Minute, Resolved: []string{"Down/orders"}, Why: "notice_resolved"},
				{At: 10 * time.Minute, Firing: []string{"Slow/orders"}, Why: "notice_kept"},
			},
		},
		"another routing tree: who was told goes on, who was not is told, and all hear of the end": {
			root: route.Node{Receiver: "phone", Routes: []route.Node{{Receiver: "group", Matchers: []string{`service="orders"`}, Continue: true}, {Matchers: []string{`tier="critical"`}}}},
			do: func(d *desk) {
				d.fire(critical)
				d.pass(time.Minute)
				d.settings = deskSettings(d.t, route.Node{Receiver: "phone", Routes: []route.Node{{Receiver: "digest", Continue: true}, {}}})
				d.pass(time.Minute)
				d.restart()
				d.pass(time.Hour)
				d.resolve(critical.ID)
				d.restart()
				d.pass(time.Hour)
			},
			want: []heard{
				{Receiver: "group", Firing: []string{"Down/orders"}, Why: "notice_first"},
				{Firing: []string{"Down/orders"}, Why: "notice_first"},
				{At: time.Minute, Receiver: "digest", Firing: []string{"Down/orders"}, Why: "notice_first"},
				{At: 62 * time.Minute, Receiver: "digest", Resolved: []string{"Down/orders"}, Why: "notice_resolved"},
				{At: 62 * time.Minute, Receiver: "group", Resolved: []string{"Down/orders"}, Why: "notice_resolved"},
				{At: 62 * time.Minute, Resolved: []string{"Down/orders"}, Why: "notice_resolved"},
			},
		},
		"a receiver to which no route leads any more hears of the end at once": {
			root: route.Node{Receiver: "group"},
			do: func(d *desk) {
				d.fire(warning)
				d.pass(time.Minute)
				d.settings = deskSettings(d.t, route.Node{Receiver: "phone"})
				d.pass(time.Minute)
				d.resolve(warning.ID)
				d.pass(time.Hour)
			},
			want: []heard{
				{At: 30 * time.Second, Receiver: "group", Firing: []string{"Slow/orders"}, Why: "notice_first"},
				{At: time.Minute, Firing: []string{"Slow/orders"}, Why: "notice_first"},
				{At: 2 * time.Minute, Receiver: "group", Resolved: []string{"Slow/orders"}, Why: "notice_resolved"},
				{At: 6 * time.Minute, Resolved: []string{"Slow/orders"}, Why: "notice_resolved"},
			},
		},
		"an alert that comes and goes says so, and then what it comes to": {
			root: plain,
			do: func(d *desk) {
				for range 8 {
					d.fire(critical)
					d.pass(30 * time.Second)
					d.resolve(critical.ID)
					d.pass(30 * time.Second)
				}
				d.pass(time.Hour)
			},
			want: []heard{
				{Firing: []string{"Down/orders"}, Why: "notice_first"},
				{At: 30 * time.Second, Resolved: []string{"Down/orders"}, Why: "notice_resolved"},
				{At: time.Minute, Firing: []string{"Down/orders"}, Why: "notice_first"},
				{At: 90 * time.Second, Resolved: []string{"Down/orders"}, Why: "notice_resolved"},
				{At: 2 * time.Minute, Firing: []string{"Down/orders"}, Why: "notice_first"},
				{At: 150 * time.Second, Resolved: []string{"Down/orders"}, Why: "notice_resolved"},
				{At: 3 * time.Minute, Firing: []string{"Down/orders"}, Why: "notice_first"}, // that it comes and goes
				{At: 450*time.Second + 10*time.Minute, Resolved: []string{"Down/orders"}, Why: "notice_resolved"},
			},
		},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, deskSettings(t, c.root, c.inhibit...))
			c.do(d)
			for i := range d.heard {
				d.heard[i].Group = ""
			}
			for i := range c.want {
				if c.want[i].Receiver == "" {
					c.want[i].Receiver = "phone"
				}
			}
			if diff := cmp.Diff(d.heard, c.want); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Whatever happens, and whenever the guardian restarts: a receiver hears of an end only after a
// beginning, nothing that may be told stays untold for longer than its group waits, repeats keep their
// distance, and a restart makes no difference.
func TestTheNotificationLogHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hour := model.Duration(time.Hour)
		s := deskSettings(t, route.Node{Receiver: "digest", RepeatInterval: &hour, Routes: []route.Node{
			{Receiver: "phone", Matchers: []string{`tier="critical"`}, Continue: true},
			{Receiver: "group", Matchers: []string{`tier="critical"`}, MuteTimeIntervals: []string{"quiet"}, RepeatInterval: new(model.Duration(2 * time.Hour))},
			{Receiver: "group", Matchers: []string{`service="prices"`}, GroupBy: []string{"..."}, GroupWait: new(model.Duration(10 * time.Second)), GroupInterval: new(model.Duration(time.Minute))},
		}}, route.InhibitRule{SourceMatchers: []string{`alertname="Gone"`}, TargetMatchers: []string{`tier=~"warning|info"`}, Equal: []string{"service"}})
		steady, restarted := newDesk(t, s), newDesk(t, s)
		both := func(do func(d *desk)) { do(steady); do(restarted) }
		var all []rules.Alert
		for _, service := range []string{"orders", "prices"} {
			all = append(all, alertOf("Gone", service, rules.Critical), alertOf("Down", service, rules.Critical), alertOf("Slow", service, rules.Warning), alertOf("Old", service, rules.Info))
		}
		for range rapid.IntRange(1, 40).Draw(t, "events") {
			a := rapid.SampledFrom(all).Draw(t, "alert")
			fires := steady.alerts[a.ID].State == rules.Firing
			switch rapid.SampledFrom([]string{"change", "change", "change", "silence", "unsilence", "maintenance", "ack", "restart"}).Draw(t, "event") {
			case "change":
				both(func(d *desk) {
					if fires {
						d.resolve(a.ID)
					} else {
						d.fire(a)
					}
				})
			case "silence":
				length := time.Duration(rapid.IntRange(1, 1800).Draw(t, "silence")) * time.Second
				both(func(d *desk) { d.silence(length, fmt.Sprintf("service=%q", a.Labels["service"])) })
			case "maintenance": // of the settings that both have
				steady.maintain(time.Duration(rapid.IntRange(1, 1800).Draw(t, "maintenance"))*time.Second, rapid.SampledFrom([]string{"", a.Labels["service"]}).Draw(t, "of"))
			case "unsilence":
				both(func(d *desk) {
					for i := range d.silences {
						d.silences[i].Until = earlier(d.silences[i].Until, d.now)
					}
				})
			case "ack":
				both(func(d *desk) { d.acks[a.ID] = fires })
			case "restart":
				restarted.restart()
			}
			length := time.Duration(rapid.SampledFrom([]int{0, 1, 5, 20, 40, 90, 400, 1200, 4000}).Draw(t, "pass")) * time.Second
			both(func(d *desk) { d.pass(length) })
			steady.holds(length)
		}
		for i := range steady.heard {
			steady.heard[i].Why, restarted.heard[min(i, len(restarted.heard)-1)].Why = "", "" // what kept it is not remembered
		}
		if diff := cmp.Diff(steady.heard, restarted.heard); diff != "" {
			t.Fatalf("a restart makes a difference: %s", diff)
		}
		steady.alternates()
	})
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// holds checks that nothing stays untold that could be told for so long.
func (d *desk) holds(passed time.Duration) {
	d.t.Helper()
	for _, id := range slices.Sorted(maps.Keys(d.alerts)) {
		for _, s := range d.board.Standing(d.settings, d.hearing(), d.now, id) {
			a := d.alerts[id]
			knows := s.Told.State == a.State
			if knows || a.State == rules.Resolved && s.Told.State == "" {
				continue
			}
			if s.Kept.IsZero() {
				d.t.Fatalf("%s: %s does not know that it is %s, and nothing keeps it from that", id, s.Receiver, a.State)
			}
			if s.Kept.Code == "notice_waits" && s.Until.Sub(d.now) > 5*time.Minute {
				d.t.Fatalf("%s: %s waits until %s for its group", id, s.Receiver, s.Until.Sub(d.now))
			}
		}
	}
}

// alternates checks the order of what each receiver heard of each alert, and the distance of repeats.
func (d *desk) alternates() {
	d.t.Helper()
	fires := map[string]bool{}
	last := map[string]time.Duration{}
	for _, h := range d.heard {
		for _, id := range h.Firing {
			fires[h.Group+id] = true
		}
		for _, id := range h.Resolved {
			if !fires[h.Group+id] {
				d.t.Fatalf("%s heard at %s that %s resolved, and never that it fires", h.Receiver, h.At, id)
			}
			fires[h.Group+id] = false
		}
		if at, ok := last[h.Group]; ok && h.Repeat && h.At-at < time.Hour {
			d.t.Fatalf("%s heard again at %s of what it heard at %s", h.Receiver, h.At, at)
		}
		last[h.Group] = h.At
	}
}
