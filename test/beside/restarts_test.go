package beside_test

import (
	"slices"
	"testing"
)

// restarted is a timeline with a restart of both in it.
type restarted struct {
	timeline
	meanwhile func(*player) // while both are down
	after     []step        // the first is told after the restart without anything else
}

func restarts() []restarted {
	known := []step{{do: fire("a"), told: []string{"team: a firing"}}}
	return []restarted{
		{timeline{name: "what fires is not told again", steps: known}, nil, []step{
			{},
			{do: ends("a"), told: []string{"team: a resolved"}},
		}},
		{timeline{name: "what ends while both are down", steps: known}, ends("a"), []step{
			{told: []string{"team: a resolved"}},
		}},
		{timeline{name: "what begins while both are down", steps: known}, fire("b"), []step{
			{told: []string{"team: a firing, b firing"}},
			{do: ends("a", "b"), told: []string{"team: a resolved, b resolved"}},
		}},
		{timeline{name: "what began in a silence is told when that ends after a restart", steps: []step{{do: both(hush(), fire("a"))}}}, nil, []step{
			{},
			{do: unhush, told: []string{"team: a firing"}},
			{do: ends("a"), told: []string{"team: a resolved"}},
		}},
		{timeline{name: "what was told, and is silenced, is not told again", steps: append(slices.Clone(known), step{do: hush()})}, nil, []step{
			{},
			{do: unhush},
			{do: ends("a"), told: []string{"team: a resolved"}},
		}},
		{timeline{
			name: "what ended in a silence before a restart", steps: append(slices.Clone(known), step{do: both(hush(), ends("a"))}),
			why: "who was told of the beginning is in the journal; the Alertmanager knows of an end only what is sent to it again, here once after its start, in the silence",
		}, nil, []step{
			{},
			{do: unhush, differ: true, ours: []string{"team: a resolved"}},
		}},
		{timeline{name: "what began and ended in a silence before a restart is told to nobody", steps: []step{{do: both(hush(), fire("a"))}, {do: ends("a")}}}, nil, []step{
			{},
			{do: unhush},
		}},
		{timeline{name: "two receivers after a restart", path: "two-receivers", steps: []step{{do: fire("a"), told: []string{"first: a firing", "second: a firing"}}}}, nil, []step{
			{},
			{do: fire("b"), told: []string{"first: a firing, b firing", "second: a firing, b firing"}},
		}},
		{timeline{
			name: "an effect is not told after a restart while its cause fires", path: "each", steps: []step{
				{do: fire("a role=cause"), told: []string{"team: a firing"}},
				{do: fire("b role=effect")},
			},
			why: "the Alertmanager tells the effect when its dispatcher is faster than its inhibitor, which get the first alerts after a start apart",
		}, nil, []step{
			{may: []string{"team: b firing"}},
			{do: ends("a"), differ: true, ours: []string{"team: a resolved", "team: b firing"}, theirs: []string{"team: a resolved"}, may: []string{"team: b firing"}},
		}},
		{timeline{name: "repeats go on after a restart", path: "repeats", repeats: true, steps: []step{{do: fire("a"), told: []string{"team: a firing"}, next: true}}}, nil, []step{
			{told: []string{"team: a firing"}, twice: true, next: true},
			{do: ends("a"), told: []string{"team: a resolved"}},
		}},
	}
}

// A restart neither repeats, nor loses, nor invents a message.
func TestTheSameIsToldAfterARestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, tree(never, "old"))
	var players []*player
	after := map[*player]restarted{}
	for i, r := range restarts() {
		p := w.player(r.timeline, i)
		players, after[p] = append(players, p), r
	}
	playAll(t, players, func(p *player) []step { return p.steps })
	w.restart(func() {
		for _, p := range players {
			if do := after[p].meanwhile; do != nil {
				do(p)
			}
		}
	})
	playAll(t, players, func(p *player) []step { return after[p].after })
	report(t, players)
}

// reloaded is a timeline with two reloads: the first mutes the route "muted" and leads "moves" to
// another receiver, the second mutes nothing.
type reloaded struct {
	timeline
	muted, after []step
}

func reloads() []reloaded {
	return []reloaded{
		{
			timeline{name: "a reload tells nothing again", steps: []step{{do: fire("a"), told: []string{"team: a firing"}}}},
			[]step{{}},
			[]step{{do: ends("a"), told: []string{"team: a resolved"}}},
		},
		{timeline{
			name: "a route leads to another receiver", path: "moves", steps: []step{{do: fire("a"), told: []string{"old: a firing"}}},
			why: "the receiver that heard of the beginning hears of the end too",
		}, []step{{told: []string{"new: a firing"}}}, []step{{do: ends("a"), differ: true, ours: []string{"new: a resolved", "old: a resolved"}, theirs: []string{"new: a resolved"}}}},
		{
			timeline{name: "what ended in a mute interval that a reload takes out", path: "muted", steps: []step{{do: fire("a"), told: []string{"team: a firing"}}}},
			[]step{{do: ends("a")}},
			[]step{{told: []string{"team: a resolved"}}},
		},
		{
			timeline{name: "what fires before, in and after a mute interval is told once", path: "muted", steps: []step{{do: fire("a"), told: []string{"team: a firing"}}}},
			[]step{{}},
			[]step{{}, {do: ends("a"), told: []string{"team: a resolved"}}},
		},
		{
			timeline{name: "what began in a mute interval that a reload takes out", path: "muted"},
			[]step{{do: fire("a")}},
			[]step{{told: []string{"team: a firing"}}},
		},
		{
			timeline{name: "a silence outlives a reload", steps: []step{{do: both(hush(), fire("a"))}}},
			[]step{{}},
			[]step{{do: unhush, told: []string{"team: a firing"}}},
		},
	}
}

// A reload of the tree neither repeats nor loses a message.
func TestTheSameIsToldAfterAReload(t *testing.T) {
	t.Parallel()
	w := newWorld(t, tree(never, "old"))
	var players []*player
	phases := map[*player]reloaded{}
	for i, r := range reloads() {
		p := w.player(r.timeline, i)
		players, phases[p] = append(players, p), r
	}
	playAll(t, players, func(p *player) []step { return p.steps })
	w.reload(tree(always, "new"))
	playAll(t, players, func(p *player) []step { return phases[p].muted })
	w.reload(tree(never, "new"))
	playAll(t, players, func(p *player) []step { return phases[p].after })
	report(t, players)
}
