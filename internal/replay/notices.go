package replay

import (
	"slices"
	"time"

	"guardian/decide"
	"guardian/internal/announce"
	"guardian/notifiers"
	"guardian/notifiers/route"
	"guardian/rules"
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
	if first.Title == "" || !told(first.Kind) {
		return decide.Recipients{}
	}
	r := t.settings.Recipients(first.Kind, first.Labels, t.silences, at)
	t.quiet += r.Muted
	if !r.Suppressed.IsZero() {
		t.quiet++
	}
	for _, target := range r.Targets {
		t.send(at, target.Receiver, word)
	}
	return r
}

// send tells a receiver, in its language.
func (t *telling) send(at time.Time, receiver string, word func(announce.Renderer) notifiers.Notice) {
	n := word(t.setup.tellerFor(receiver))
	t.notices = append(t.notices, Notice{At: at, Receiver: receiver, Tier: n.Tier, Kind: n.Kind, Event: n.Event, Title: n.Title})
}

// alerts tells of the alerts as a guardian does: when they change, and when what people wait for is
// over. Of those that fire when the time begins, people were told when they began.
func (t *telling) alerts(episodes []*episode) {
	type change struct {
		at    time.Time
		alert rules.Alert
	}
	var changes []change
	open := map[string]*episode{}
	for _, ep := range episodes {
		open[ep.alert.ID+ep.fired.String()] = ep
		changes = append(changes, change{ep.fired, ep.alert})
		if !ep.ended.IsZero() {
			changes = append(changes, change{ep.ended, ep.last})
		}
	}
	slices.SortStableFunc(changes, func(x, y change) int { return x.at.Compare(y.at) })

	board := decide.NewBoard(t.settings, nil, nil)
	var now time.Time
	hearing := decide.Said{Silences: t.silences, Acked: func(alert string) bool {
		a, _ := board.Alert(alert)
		ep := open[alert+a.FiredAt.String()]
		return ep != nil && t.acked(ep, now)
	}}
	for i, c := range changes {
		now = c.at
		board.Put(c.alert)
		t.quiet += t.kept(board, hearing, c.alert, now)
		until := t.to
		if i+1 < len(changes) {
			until = changes[i+1].at
		}
		for now.Before(until) {
			told, next := board.Due(t.settings, hearing, now)
			for _, one := range told {
				board.Tell(one)
				if !now.Before(t.from) {
					t.send(now, one.Receiver, func(tl announce.Renderer) notifiers.Notice { return tl.Alerts(one, nil, now) })
				}
			}
			switch {
			case len(told) > 0: // what is due after it
			case next.After(now) && next.Before(until):
				now = next
			default:
				now = until
			}
		}
	}
}

// kept counts the receivers that something keeps from hearing that an alert changed.
func (t *telling) kept(b *decide.Board, h decide.Said, a rules.Alert, now time.Time) int {
	if now.Before(t.from) || !now.Before(t.to) {
		return 0
	}
	return b.NotHearing(t.settings, h, now, a.ID)
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
		if !e.w.State.Final() || e.plan.Told {
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
