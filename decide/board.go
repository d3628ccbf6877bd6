package decide

import (
	"maps"
	"slices"
	"time"

	"guardian/internal/reason"
	"guardian/notifiers/route"
	"guardian/rules"
)

// People are notified of alerts in groups, as by Alertmanager: the alerts that take the same
// route and agree in its group_by labels. What was told to whom is a row of the notification
// log, written in one transaction with the notice that tells it. Everything follows from the
// alerts, the rows and the time: a guardian that starts again, or takes over, goes on with
// both, repeats nothing early and forgets nothing.

// ToldKey is what a row of the notification log is about.
type ToldKey struct {
	Group string `json:"group"` // the receiver, the route and the group's labels
	Alert string `json:"alert"` // rules.Alert.ID
}

// Told is what a receiver was told last of an alert, by one route.
type Told struct {
	ToldKey
	Receiver string      `json:"receiver"`
	State    rules.State `json:"state"`    // firing or resolved
	FiredAt  time.Time   `json:"fired_at"` // which firing of the alert
	At       time.Time   `json:"at"`       // when, last
	Notice   string      `json:"notice"`   // the last notice's ID
	// Accepted is when a channel took that notice, as far as somebody asked; zero: not known.
	Accepted time.Time `json:"accepted,omitzero"`
	// Ended is when the alert resolved while something kept the receiver from hearing it.
	Ended time.Time `json:"ended,omitzero"`
	// Fires counts the firings that were told since FiresSince. Flapping: the receiver knows that the
	// alert comes and goes.
	Fires      int       `json:"fires,omitempty"`
	FiresSince time.Time `json:"fires_since,omitzero"`
	Flapping   bool      `json:"flapping,omitempty"`
}

// Board is every alert that fires, or of whose end somebody must still hear, and what was told of
// each. It is not safe for concurrent use.
type Board struct {
	alerts map[string]rules.Alert
	told   map[string]map[string]Told // by alert and group
	groups map[string]*group
	of     map[string][]*group          // by alert
	labels map[string]map[string]string // by alert: AlertLabels
	// sources are the alerts that inhibit others; nil: to be found anew.
	sources *route.Sources
	// unsaved are rows that changed without a notice; one without an alert is gone.
	unsaved map[ToldKey]Told

	settings *Settings // by which the groups are made
}

// group is the alerts that are told together.
type group struct {
	key    string
	target route.Target
	of     route.Group // of the route, whoever its receiver
	alerts map[string]bool
	// kept is what kept each alert from being told when it was looked at last.
	kept map[string]reason.Reason
}

// NewBoard makes a board of the alerts that fire, those that somebody was told to fire, and what
// was told.
func NewBoard(s *Settings, alerts []rules.Alert, told []Told) *Board {
	b := &Board{alerts: map[string]rules.Alert{}, labels: map[string]map[string]string{}, told: map[string]map[string]Told{}, unsaved: map[ToldKey]Told{}}
	for _, t := range told {
		b.row(t)
	}
	for _, a := range alerts {
		if a.State != rules.Pending {
			b.set(a)
		}
	}
	b.arrange(s)
	return b
}

// Put takes an alert as it is now, and gives the way back: what is not recorded does not count.
func (b *Board) Put(a rules.Alert) (undo func()) {
	was, known := b.alerts[a.ID]
	undo = func() {
		if !known {
			b.leave(a.ID)
			return
		}
		b.set(was)
	}
	switch {
	case a.State == rules.Pending && known && was.State == rules.Firing: // its rule asks for longer now
		at := a.LastEval
		a = was
		a.State, a.ResolvedAt = rules.Resolved, at
	case a.State == rules.Pending, !known && a.State == rules.Resolved:
		return func() {} // nobody was told of it
	}
	b.set(a)
	b.join(a)
	return undo
}

func (b *Board) set(a rules.Alert) {
	if was, known := b.alerts[a.ID]; !known || was.State != a.State {
		b.sources = nil
	}
	b.alerts[a.ID] = a
	if b.labels[a.ID] == nil { // an alert with other labels is another alert
		b.labels[a.ID] = AlertLabels(a)
	}
}

// Alert gives an alert of the board.
func (b *Board) Alert(id string) (rules.Alert, bool) {
	a, ok := b.alerts[id]
	return a, ok
}

// arrange makes the groups anew when the configuration is another one.
func (b *Board) arrange(s *Settings) {
	if b.settings == s {
		return
	}
	b.settings, b.groups, b.of, b.sources = s, map[string]*group{}, map[string][]*group{}, nil
	for _, id := range sortedKeys(b.alerts) {
		b.join(b.alerts[id])
	}
}

// join puts an alert into the groups that its labels lead to. A receiver that was told of it by a
// route that is gone is told the rest by the route that the alert takes now or, if there is
// none, of its end as it was told of its beginning.
func (b *Board) join(a rules.Alert) {
	if b.of[a.ID] == nil && b.settings.Routes != nil {
		labels := b.labels[a.ID]
		for _, t := range b.settings.Routes.Match(labels) {
			g := t.Group(labels)
			b.enter(a.ID, &group{key: t.Receiver + "/" + g.Key, target: t, of: g})
		}
	}
	for _, key := range sortedKeys(b.told[a.ID]) {
		t := b.told[a.ID][key]
		if t.State != rules.Firing || b.in(t.ToldKey) {
			continue
		}
		heir := slices.IndexFunc(b.of[a.ID], func(g *group) bool {
			_, told := b.told[a.ID][g.key]
			return g.target.Receiver == t.Receiver && !told
		})
		switch {
		case heir >= 0:
			delete(b.told[a.ID], key)
			b.unsaved[t.ToldKey] = Told{}
			t.Group = b.of[a.ID][heir].key
			b.row(t)
			b.unsaved[t.ToldKey] = t
		case a.State == rules.Resolved:
			b.enter(a.ID, &group{key: key, target: route.Former(t.Receiver)})
		}
	}
}

func (b *Board) enter(alert string, g *group) {
	if known := b.groups[g.key]; known != nil {
		g = known
	} else {
		g.alerts, g.kept = map[string]bool{}, map[string]reason.Reason{}
		b.groups[g.key] = g
	}
	g.alerts[alert] = true
	b.of[alert] = append(b.of[alert], g)
}

func (b *Board) in(key ToldKey) bool {
	g := b.groups[key.Group]
	return g != nil && g.alerts[key.Alert]
}

func (b *Board) row(t Told) {
	if b.told[t.Alert] == nil {
		b.told[t.Alert] = map[string]Told{}
	}
	b.told[t.Alert][t.Group] = t
}

// Unsaved gives the rows of the log that changed without a notice, and those that are gone. They are
// to be written too, and confirmed by Saved.
func (b *Board) Unsaved() (rows []Told, gone []ToldKey) {
	for key, t := range b.unsaved {
		if t.Alert == "" {
			gone = append(gone, key)
			continue
		}
		rows = append(rows, t)
	}
	return rows, gone
}

// Saved confirms that what was unsaved is written.
func (b *Board) Saved() { clear(b.unsaved) }

// leave takes an alert that is over, and of which nobody must hear any more, off the board.
func (b *Board) leave(id string) {
	for _, g := range b.of[id] {
		delete(g.alerts, id)
		delete(g.kept, id)
		if len(g.alerts) == 0 {
			delete(b.groups, g.key)
		}
	}
	delete(b.of, id)
	delete(b.alerts, id)
	delete(b.labels, id)
	b.sources = nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
