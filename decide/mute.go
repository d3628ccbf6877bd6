package decide

import (
	"time"

	"guardian/internal/reason"
	"guardian/notifiers/route"
	"guardian/rules"
)

// muting is what keeps receivers from hearing of alerts at a moment.
type muting struct {
	*Board
	hearing Said
	now     time.Time
}

func (b *Board) muting(h Said, now time.Time) muting {
	if b.sources == nil {
		var firing []route.Firing
		if b.settings.Inhibitions != nil {
			for _, id := range sortedKeys(b.alerts) {
				if b.alerts[id].State == rules.Firing {
					firing = append(firing, route.Firing{ID: id, Labels: b.labels[id]})
				}
			}
		}
		b.sources = new(b.settings.Inhibitions.Sources(firing))
	}
	return muting{Board: b, hearing: h, now: now}
}

func (m muting) acked(alert string) bool { return m.hearing.Acked != nil && m.hearing.Acked(alert) }

// repeatAt is when a receiver is told again of what it was told last: the interval counts from when a channel
// took the notice, which may have waited for long, or from when it was written where that is not known.
func (m muting) repeatAt(row Told, interval time.Duration) time.Time {
	from := row.At
	if row.Accepted.After(from) {
		from = row.Accepted
	}
	if from.Add(interval).After(m.now) || !row.Accepted.IsZero() || m.hearing.Accepted == nil {
		return from.Add(interval)
	}
	if row.Accepted = m.hearing.Accepted(row.Group, row.Notice); row.Accepted.After(from) {
		m.row(row)
		m.unsaved[row.ToldKey] = row
		from = row.Accepted
	}
	return from.Add(interval)
}

// quiet says what keeps the receiver of a route from hearing of anything, and until when.
func (m muting) quiet(t route.Target) (why reason.Reason, until time.Time) {
	by, until, quiet := t.QuietUntil(m.now)
	switch {
	case !quiet:
		return reason.Reason{}, time.Time{}
	case by == "":
		return reason.New("route_not_active", "until", until), until
	default:
		return reason.New("route_muted", "interval", by, "until", until), until
	}
}

// mutes says what keeps everybody from hearing of an alert, and until when; zero for nothing. The
// time is zero when it ends with something else.
func (m muting) mutes(a rules.Alert) (why reason.Reason, until time.Time) {
	labels := m.labels[a.ID]
	if why, until = m.settings.Suppressed("alert", labels, m.hearing.Silences, m.now); !why.IsZero() {
		return why, until
	}
	if by, inhibited := m.sources.Inhibits(labels); inhibited {
		return reason.New("inhibited", "by", m.alerts[by.ID].Rule, "rule", by.Rule), time.Time{}
	}
	return reason.Reason{}, time.Time{}
}

// keeps says what keeps the receiver of a route from hearing of an alert, and until when.
func (m muting) keeps(t route.Target, a rules.Alert) (why reason.Reason, until time.Time) {
	if why, until = m.quiet(t); why.IsZero() {
		return m.mutes(a)
	}
	return why, until
}

// Standing is where an alert stands with one receiver.
type Standing struct {
	Receiver string
	Told     Told // what it was told last; zero: nothing yet
	// Kept is why it is not told what it does not know; zero when it knows all.
	Kept  reason.Reason
	Until time.Time // when it will be told, or when what keeps it ends; zero: not known
}

// Standing tells where an alert stands with each of its receivers.
func (b *Board) Standing(s *Settings, h Said, now time.Time, alert string) []Standing {
	b.arrange(s)
	a, m := b.alerts[alert], b.muting(h, now)
	var all []Standing
	for _, g := range b.of[alert] {
		one := Standing{Receiver: g.target.Receiver, Told: b.told[alert][g.key]}
		knows := one.Told.State == a.State || one.Told.State == "" && a.State == rules.Resolved
		one.Kept, one.Until = m.keeps(g.target, a)
		if !knows && one.Kept.IsZero() {
			n := b.news(g, m)
			if at := n.at(g.target); one.Told.Flapping && !steadyAt(a, now) {
				one.Until = changedAt(a).Add(steady)
				one.Kept = reason.New("notice_flaps", "until", one.Until)
			} else if at.After(now) {
				one.Until = at
				one.Kept = reason.New("notice_waits", "until", at)
			}
		}
		all = append(all, one)
	}
	return all
}

// NotHearing counts the receivers that something keeps from hearing of an alert.
func (b *Board) NotHearing(s *Settings, h Said, now time.Time, alert string) (n int) {
	b.arrange(s)
	m := b.muting(h, now)
	for _, g := range b.of[alert] {
		if why, _ := m.keeps(g.target, b.alerts[alert]); !why.IsZero() {
			n++
		}
	}
	return n
}

// Taken is a route that an alert takes.
type Taken struct {
	Target route.Target
	Group  route.Group
}

// Routes tells which routes an alert takes, and the ID of the alert that inhibits it; "": none does.
func (b *Board) Routes(alert string, now time.Time) (taken []Taken, inhibitedBy string) {
	for _, g := range b.of[alert] {
		taken = append(taken, Taken{g.target, g.of})
	}
	b.muting(Said{}, now)
	by, _ := b.sources.Inhibits(b.labels[alert])
	return taken, by.ID
}
