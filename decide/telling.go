package decide

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"guardian/internal/reason"
	"guardian/notifiers/route"
	"guardian/rules"
)

const (
	// An alert that was told to fire flapsAfter times within flapsWithin comes and goes: people are
	// told so once, and again when it has stayed as it is for steady.
	flapsWithin = 30 * time.Minute
	flapsAfter  = 4
	steady      = 10 * time.Minute
	// rememberedFor is how long the log keeps that people were told of an alert's end.
	rememberedFor = time.Hour
)

// Telling is what one group tells its receiver now.
type Telling struct {
	Group    string // key
	Receiver string
	Labels   map[string]string // those that the group's alerts have in common by group_by
	Firing   []rules.Alert     // as Arrange puts them
	Resolved []rules.Alert
	Flapping map[string]bool // IDs of those that come and go
	Why      reason.Reason   // why now
	Repeat   bool            // nothing is new
	Rows     []Told          // to be written with the notice, whose ID is to be set
}

// Said is what people said about who is to hear of alerts.
type Said struct {
	Silences []route.Silence
	Acked    func(alert string) bool // a person is on it
	// Accepted tells when a channel took a notice of a group; zero: it did not, or that is not known. It is
	// asked only when the notice would come again. nil: nothing is known.
	Accepted func(group, notice string) time.Time
}

// AlertLabels are the labels of an alert by which it is routed, silenced and inhibited: its own as
// they are, alertname, and its tier where it has none.
func AlertLabels(a rules.Alert) map[string]string {
	labels := map[string]string{}
	if a.Origin == nil { // what others send has one only if it was sent with it
		labels["alertname"] = a.Rule
	}
	for name, v := range a.Labels {
		if v != "" {
			labels[name] = v
		}
	}
	if labels["tier"] == "" {
		labels["tier"] = string(a.Tier)
	}
	return labels
}

// Due gives what is to be told now, and when to ask again if nothing changes before; zero: not
// before something changes. With alerts it looks at their groups alone. What was told is to
// be confirmed by Tell.
func (b *Board) Due(s *Settings, h Said, now time.Time, alerts ...string) (due []Telling, next time.Time) {
	b.arrange(s)
	m := b.muting(h, now)
	groups := b.groups
	if len(alerts) > 0 {
		groups = map[string]*group{}
		for _, id := range alerts {
			for _, g := range b.of[id] {
				groups[g.key] = g
			}
		}
	}
	for _, key := range sortedKeys(groups) {
		t, again := b.due(groups[key], m)
		if len(t.Rows) > 0 {
			due = append(due, t)
			continue
		}
		next = earliest(next, again)
	}
	return due, next
}

// Tell confirms that something was told.
func (b *Board) Tell(t Telling) {
	for _, row := range t.Rows {
		b.row(row)
		delete(b.unsaved, row.ToldKey)
		if g := b.groups[row.Group]; g != nil {
			delete(g.kept, row.Alert)
		}
	}
	for _, a := range t.Resolved {
		b.forget(a.ID)
	}
}

// forget takes an alert off the board when it is over and everybody heard it.
func (b *Board) forget(id string) {
	if b.alerts[id].State != rules.Resolved {
		return
	}
	for _, t := range b.told[id] {
		if t.State == rules.Firing {
			return
		}
	}
	b.leave(id)
}

// Clean takes out of the log what people heard the end of long ago, and off the board the alerts
// that nobody was told of, and gives the rows to delete.
func (b *Board) Clean(now time.Time) (gone []ToldKey) {
	for _, id := range sortedKeys(b.told) {
		for _, key := range sortedKeys(b.told[id]) {
			t := b.told[id][key]
			_, open := b.alerts[id]
			if t.State == rules.Resolved && now.Sub(t.At) > rememberedFor || t.State == rules.Firing && !open {
				gone = append(gone, t.ToldKey)
				delete(b.told[id], key)
			}
		}
		if len(b.told[id]) == 0 {
			delete(b.told, id)
		}
	}
	for _, id := range sortedKeys(b.alerts) {
		b.forget(id)
	}
	return gone
}

// news is what a group has to tell, and since when.
type news struct {
	firing   []rules.Alert // all of the group that its receiver may hear of now
	resolved []rules.Alert
	fresh    []rules.Alert // those of firing that begin
	since    time.Time     // the earliest of the news
	urgent   time.Time     // when a critical alert began that the group did not have before; zero: none
	repeat   time.Time     // when the first of the told ones is due again; zero: never
	again    time.Time     // when to look again at what is kept from the receiver
	last     time.Time     // when the group told something last
	open     bool          // its receiver knows of an alert that it fires
	kept     reason.Reason // what kept a part of the news until now
}

func (n news) none() bool { return len(n.fresh)+len(n.resolved) == 0 }

// due decides about one group.
func (b *Board) due(g *group, m muting) (Telling, time.Time) {
	n := b.news(g, m)
	at := n.at(g.target)
	repeat := !n.repeat.IsZero() && (at.IsZero() || n.repeat.Before(at))
	if repeat {
		at = n.repeat
	}
	if at.IsZero() || at.After(m.now) {
		return Telling{}, earliest(at, n.again)
	}
	t := Telling{
		Group: g.key, Receiver: g.target.Receiver, Labels: g.of.Labels, Firing: n.firing, Resolved: n.resolved,
		Flapping: map[string]bool{}, Repeat: n.none(), Why: n.why(g.target),
	}
	for _, a := range n.firing {
		row := b.firingRow(g, a, m.now)
		if row.Flapping {
			t.Flapping[a.ID] = true
		}
		t.Rows = append(t.Rows, row)
	}
	for _, a := range n.resolved {
		row := b.told[a.ID][g.key]
		row.State, row.At, row.Ended, row.Accepted, row.Flapping = rules.Resolved, m.now, time.Time{}, time.Time{}, false
		t.Rows = append(t.Rows, row)
	}
	Arrange(t.Firing)
	Arrange(t.Resolved)
	return t, time.Time{}
}

// Arrange puts alerts into the order in which people read them: the most severe first, then by service,
// name and beginning.
func Arrange(alerts []rules.Alert) {
	slices.SortStableFunc(alerts, func(a, b rules.Alert) int {
		return cmp.Or(
			severity(a.Tier)-severity(b.Tier), strings.Compare(a.Service(), b.Service()), strings.Compare(a.Rule, b.Rule),
			a.ActiveAt.Compare(b.ActiveAt),
		)
	})
}

// firingRow is the row of an alert of which a group tells that it fires.
func (b *Board) firingRow(g *group, a rules.Alert, now time.Time) Told {
	row, told := b.told[a.ID][g.key]
	if !told {
		row = Told{ToldKey: ToldKey{g.key, a.ID}, Receiver: g.target.Receiver}
	}
	if row.State != rules.Firing || !row.Ended.IsZero() {
		if now.Sub(row.FiresSince) > flapsWithin {
			row.Fires, row.FiresSince = 0, now
		}
		row.Fires++
		row.Flapping = row.Fires >= flapsAfter
	} else if row.Flapping && steadyAt(a, now) {
		row.Flapping, row.Fires = false, 0
	}
	row.State, row.FiredAt, row.At, row.Ended, row.Accepted = rules.Firing, a.FiredAt, now, time.Time{}, time.Time{}
	return row
}

// steadyAt tells whether an alert has been as it is for long.
func steadyAt(a rules.Alert, now time.Time) bool { return now.Sub(changedAt(a)) >= steady }

func changedAt(a rules.Alert) time.Time {
	if a.State == rules.Resolved {
		return a.ResolvedAt
	}
	return a.FiredAt
}

// news finds what a group has to tell.
func (b *Board) news(g *group, m muting) (n news) {
	quiet, over := m.quiet(g.target)
	for _, id := range sortedKeys(g.alerts) {
		a, row := b.alerts[id], b.told[id][g.key]
		told := row.State == rules.Firing
		n.open = n.open || told
		if row.At.After(n.last) {
			n.last = row.At
		}
		if a.State == rules.Resolved && !told {
			continue // its receiver never heard of it
		}
		why, until := quiet, over
		if why.IsZero() {
			why, until = m.mutes(a)
		}
		if !why.IsZero() {
			g.kept[id] = why
			n.again = earliest(n.again, until)
			if told && a.State == rules.Resolved && row.Ended.IsZero() {
				row.Ended = a.ResolvedAt // it may fire again before its end can be told
				b.row(row)
				b.unsaved[row.ToldKey] = row
			}
			continue
		}
		if row.Flapping && !steadyAt(a, m.now) {
			n.again = earliest(n.again, changedAt(a).Add(steady))
			if a.State == rules.Firing {
				n.firing = append(n.firing, a)
			}
			continue
		}
		n.take(a, row, g, m)
	}
	return n
}

// take takes an alert that its receiver may hear of.
func (n *news) take(a rules.Alert, row Told, g *group, m muting) {
	switch {
	case a.State == rules.Resolved:
		n.resolved = append(n.resolved, a)
	case row.State != rules.Firing, !row.Ended.IsZero(), row.Flapping:
		n.firing, n.fresh = append(n.firing, a), append(n.fresh, a)
		if row.State == "" && a.Tier == rules.Critical {
			n.urgent = earliest(n.urgent, a.FiredAt)
		}
	default:
		n.firing = append(n.firing, a)
		if repeat := g.target.RepeatInterval; repeat > 0 && !m.acked(a.ID) {
			n.repeat = earliest(n.repeat, m.repeatAt(row, repeat))
		}
		delete(g.kept, a.ID) // what was kept is over, and nothing came of it
		return
	}
	n.since = earliest(n.since, changedAt(a))
	if why, kept := g.kept[a.ID]; kept {
		n.kept = why
	}
}

// at is when the news are told: after group_wait in a group that tells nothing yet, else after
// group_interval; but where the tree does not state the latter, a critical alert that the group did
// not have before does not wait for it. Zero: there are none.
func (n news) at(t route.Target) time.Time {
	if n.none() {
		return time.Time{}
	}
	tier := n.tier()
	interval, stated := t.GroupInterval(tier)
	if n.last.IsZero() || !n.open && n.since.Sub(n.last) >= interval {
		return n.since.Add(t.GroupWait(tier))
	}
	at := n.last.Add(interval)
	if !n.urgent.IsZero() && !stated {
		at = earliest(at, n.urgent.Add(t.GroupWait(string(rules.Critical))))
	}
	return at
}

// tier is the most severe one of the news.
func (n news) tier() string {
	worst := rules.Info
	for _, a := range slices.Concat(n.fresh, n.resolved) {
		if severity(a.Tier) < severity(worst) {
			worst = a.Tier
		}
	}
	return string(worst)
}

// why is why the group tells something now.
func (n news) why(t route.Target) reason.Reason {
	switch {
	case n.none():
		return reason.New("notice_repeat", "interval", t.RepeatInterval)
	case !n.kept.IsZero():
		return reason.New("notice_kept", "by", n.kept)
	case len(n.fresh) == 0:
		return reason.New("notice_resolved")
	case !n.open:
		return reason.New("notice_first")
	default:
		return reason.New("notice_new", "alerts", len(n.fresh))
	}
}

func severity(t rules.Tier) int {
	switch t {
	case rules.Critical:
		return 0
	case rules.Warning:
		return 1
	case rules.Info:
		return 2
	}
	return 2
}

// earliest is the first of the times that are set; zero when none is.
func earliest(times ...time.Time) (first time.Time) {
	for _, t := range times {
		if first.IsZero() || !t.IsZero() && t.Before(first) {
			first = t
		}
	}
	return first
}
