package replay

import (
	"time"

	"guardian/internal/announce"
	"guardian/notifiers"
	"guardian/notifiers/route"
)

// telling replays who is told what: the routes, their calendars, silences and maintenance.
// Of runs it says nothing: what became of them is the world's answer and not a decision.
type telling struct {
	setup    *setup
	past     *past
	from, to time.Time
	silences []route.Silence
	windows  []window

	notices []Notice
	quiet   int
}

// window is a stretch of maintenance.
type window struct {
	service  string // "": all
	from, to time.Time
}

// told are the kinds of notices that are replayed and compared.
func told(kind string) bool { return kind == "alert" || kind == "watch" || kind == "blind" }

func newTelling(s *setup, p *past, from, to time.Time) *telling {
	t := &telling{setup: s, past: p, from: from, to: to, silences: p.silences}
	// What was announced then and what this configuration announces.
	for _, m := range p.maintenance {
		t.windows = append(t.windows, window{m.Service, m.From, m.To})
	}
	for _, m := range s.config.Maintenance {
		for _, w := range m.Windows(from, to, s.config.Location()) {
			t.windows = append(t.windows, window{m.Service, w.From, w.To})
		}
	}
	return t
}

// tell puts a notice to the routes, and says whether anybody is told.
func (t *telling) tell(at time.Time, word func(announce.Teller) notifiers.Notice) bool {
	if t.setup.tree == nil || at.Before(t.from) || !at.Before(t.to) {
		return false
	}
	first := word(t.setup.teller)
	if first.Title == "" {
		return false
	}
	if t.isQuiet(first.Labels, at) {
		t.quiet++
		return false
	}
	heard := false
	for _, target := range t.setup.tree.Match(first.Labels) {
		if target.Quiet(at) {
			t.quiet++
			continue
		}
		heard = true
		n := first
		if other := t.setup.tellerFor(target.Receiver); other.Language != t.setup.teller.Language {
			n = word(other)
		}
		t.notices = append(t.notices, Notice{
			At: at, Receiver: target.Receiver, Tier: n.Tier, Kind: first.Labels["kind"], Event: first.Labels["event"], Title: n.Title,
		})
	}
	return heard
}

// isQuiet tells whether a silence or a maintenance keeps a notice from being told.
func (t *telling) isQuiet(labels map[string]string, at time.Time) bool {
	if _, ok := route.FindSilence(t.silences, labels, at); ok {
		return true
	}
	if labels["kind"] != "alert" && labels["kind"] != "blind" {
		return false
	}
	for _, w := range t.windows {
		if (w.service == "" || w.service == labels["service"]) && !at.Before(w.from) && at.Before(w.to) {
			return true
		}
	}
	return false
}

// alerts tells of each firing: its beginning, again while it lasts, and its end.
func (t *telling) alerts(episodes []*episode) {
	for _, ep := range episodes {
		firing := func(tl announce.Teller) notifiers.Notice { return tl.AlertFiring(ep.alert, nil, ep.fired) }
		heardAt := ep.fired
		heard := t.tell(ep.fired, firing) || ep.fired.Before(t.from)
		end := ep.ended
		if end.IsZero() || end.After(t.to) {
			end = t.to
		}
		t.repeats(ep, heard, heardAt, end)
		if !ep.ended.IsZero() {
			t.tell(ep.ended, func(tl announce.Teller) notifiers.Notice { return tl.AlertResolved(ep.last, ep.ended) })
		}
	}
}

// repeatEvery is how often a firing alert of which nobody heard yet is tried again: a quiet
// time is over some time.
const repeatEvery = time.Minute

func (t *telling) repeats(ep *episode, heard bool, last, end time.Time) {
	if t.setup.tree == nil {
		return
	}
	interval := time.Duration(0)
	for _, target := range t.setup.tree.Match(announce.AlertLabels(ep.alert)) {
		if interval == 0 || target.RepeatInterval < interval {
			interval = target.RepeatInterval
		}
	}
	if interval <= 0 {
		return
	}
	for at := last; ; {
		if heard {
			at = at.Add(interval)
		} else {
			at = at.Add(repeatEvery)
		}
		if !at.Before(end) || t.acked(ep, at) {
			return
		}
		quiet := t.quiet
		now := t.tell(at, func(tl announce.Teller) notifiers.Notice { return tl.AlertRepeat(ep.alert, nil, at) })
		t.quiet = quiet // a try that waits for the end of a quiet time is not another notice
		// Until it is told again it is due at each moment.
		heard = now || at.Before(t.from)
	}
}

// acked tells whether a person had said by then that they are on it.
func (t *telling) acked(ep *episode, at time.Time) bool {
	for _, a := range t.past.acks[ep.alert.ID] {
		if !a.Before(ep.fired) && !a.After(at) {
			return true
		}
	}
	return false
}

// verdicts tells of each verdict.
func (t *telling) verdicts(ws []*watched) {
	for _, e := range ws {
		if !e.w.State.Final() {
			continue
		}
		var plan announce.Plan
		if e.plan != nil {
			plan = announce.Plan{Runbook: e.plan.Runbook, To: e.plan.To}
		}
		t.tell(e.w.Ended, func(tl announce.Teller) notifiers.Notice { return tl.Verdict(e.w, e.deploy, plan, e.w.Ended) })
	}
}

// blind tells that a check was blind for long and that it saw again.
func (t *telling) blind(s *sights) {
	for _, c := range t.setup.checks {
		for _, b := range s.spans[c.Name] {
			since := b.from
			told := since.Add(time.Duration(c.BlindAfter))
			if !b.to.IsZero() && !told.Before(b.to) {
				continue
			}
			fact := announce.Blind{Check: c.Name, Service: c.Service, Labels: c.Labels, Since: since}
			t.tell(told, func(tl announce.Teller) notifiers.Notice { return tl.BlindBegan(fact, told) })
			if !b.to.IsZero() {
				t.tell(b.to, func(tl announce.Teller) notifiers.Notice { return tl.BlindEnded(fact, b.to) })
			}
		}
	}
}
