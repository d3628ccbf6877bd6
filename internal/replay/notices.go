package replay

import (
	"slices"
	"time"

	"guardian/decide"
	"guardian/internal/announce"
	"guardian/notifiers"
	"guardian/notifiers/route"
)

// telling replays who is notified of what: the routes, their calendars, silences and
// maintenance. Notices of runs are left out: what became of a run was not decided.
type telling struct {
	setup    *setup
	settings *decide.Settings // with the maintenance that was announced then
	past     *past
	from, to time.Time
	silences []route.Silence

	notices []Notice
	quiet   int
}

// told are the kinds of notices that are replayed and compared.
func told(kind string) bool { return kind == "alert" || kind == "watch" || kind == "blind" }

func newTelling(s *setup, p *past, from, to time.Time) *telling {
	t := &telling{setup: s, past: p, from: from, to: to, silences: p.silences}
	// What was announced then and what this configuration announces.
	settings := *s.decisions
	settings.Maintenance = slices.Clone(settings.Maintenance)
	for _, m := range p.maintenance {
		span := decide.Span{From: m.From, To: m.To}
		settings.Maintenance = append(settings.Maintenance, decide.Maintenance{Name: m.Name, Service: m.Service, Spans: func(from, to time.Time) []decide.Span {
			if span.From.Before(to) && span.To.After(from) {
				return []decide.Span{span}
			}
			return nil
		}})
	}
	t.settings = &settings
	return t
}

// tell puts a notice to the routes.
func (t *telling) tell(at time.Time, word func(announce.Renderer) notifiers.Notice) decide.Recipients {
	if at.Before(t.from) || !at.Before(t.to) {
		return decide.Recipients{}
	}
	first := word(t.setup.teller)
	if first.Title == "" || !told(first.Labels["kind"]) {
		return decide.Recipients{}
	}
	r := t.settings.Recipients(first.Labels, t.silences, at)
	t.quiet += r.Muted
	if !r.Suppressed.IsZero() {
		t.quiet++
	}
	for _, target := range r.Targets {
		n := first
		if other := t.setup.tellerFor(target.Receiver); other.Language != t.setup.teller.Language {
			n = word(other)
		}
		t.notices = append(t.notices, Notice{
			At: at, Receiver: target.Receiver, Tier: n.Tier, Kind: first.Labels["kind"], Event: first.Labels["event"], Title: n.Title,
		})
	}
	return r
}

// alerts tells of each firing: its beginning, again while it lasts, and its end.
func (t *telling) alerts(episodes []*episode) {
	for _, ep := range episodes {
		firing := func(tl announce.Renderer) notifiers.Notice { return tl.AlertFiring(ep.alert, nil, ep.fired) }
		last := time.Time{}
		if ep.fired.Before(t.from) || !t.tell(ep.fired, firing).Nobody() {
			last = ep.fired
		}
		end := ep.ended
		if end.IsZero() || end.After(t.to) {
			end = t.to
		}
		t.repeats(ep, announce.AlertLabels(ep.alert), last, end)
		if !ep.ended.IsZero() {
			t.tell(ep.ended, func(tl announce.Renderer) notifiers.Notice { return tl.AlertResolved(ep.last, ep.ended) })
		}
	}
}

// repeats tells again of what still fires, at the times at which a guardian looks whether it
// is due.
func (t *telling) repeats(ep *episode, labels map[string]string, last, end time.Time) {
	if t.settings.Routes == nil {
		return
	}
	interval := t.settings.RepeatInterval(labels)
	for at := ep.fired; ; {
		if at = at.Add(decide.RepeatEvery); !last.IsZero() && interval > 0 && at.Before(last.Add(interval)) {
			at = last.Add(interval)
		}
		if !at.Before(end) || t.acked(ep, at) || !last.IsZero() && interval <= 0 {
			return
		}
		if at.Before(t.from) {
			last = at // what was told then is not replayed
			continue
		}
		if !t.settings.RepeatDue(labels, last, at) {
			continue
		}
		quiet := t.quiet
		r := t.tell(at, func(tl announce.Renderer) notifiers.Notice { return tl.AlertRepeat(ep.alert, nil, at) })
		t.quiet = quiet // a try that waits for the end of a quiet time is not another notice
		switch {
		case !r.Nobody():
			last = at
		case !r.Until.IsZero():
			at = r.Until.Add(-decide.RepeatEvery)
		default: // calendars of routes are exact to the minute
			at = at.Truncate(time.Minute).Add(time.Minute - decide.RepeatEvery)
		}
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

// watches tells of each deploy through a closed gate, and of each verdict.
func (t *telling) watches(ws []*watched) {
	for _, e := range ws {
		if at := e.deploy.Announced; len(e.deploy.GateClosed) > 0 {
			t.tell(at, func(tl announce.Renderer) notifiers.Notice { return tl.GateClosed(e.deploy, e.w, at) })
		}
		if !e.w.State.Final() {
			continue
		}
		plan := announce.PlanOf(e.plan, "")
		t.tell(e.w.Ended, func(tl announce.Renderer) notifiers.Notice { return tl.Verdict(e.w, e.deploy, plan, e.w.Ended) })
	}
}

// blind tells that checks were blind for long and that they saw again, at the moments at which
// that can change.
func (t *telling) blind(s *sights) {
	var moments []time.Time
	for _, c := range t.settings.Checks {
		for _, b := range s.spans[c.Check] {
			moments = append(moments, b.from, b.from.Add(c.BlindAfter))
			if !b.to.IsZero() {
				moments = append(moments, b.to, b.to.Add(c.BlindAfter))
			}
		}
	}
	slices.SortFunc(moments, time.Time.Compare)
	moments = slices.CompactFunc(moments, time.Time.Equal)
	var known decide.Blindness
	for _, at := range moments {
		// People are notified in the order of the news, as a guardian does; what keeps them from
		// it does not make it news again.
		for _, n := range known.Step(t.settings, s.view(t.settings, at), at) {
			t.tell(at, func(tl announce.Renderer) notifiers.Notice { return tl.Blindness(n, at) })
			known.Notified(n)
		}
	}
}
