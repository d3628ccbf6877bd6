//go:build !race

package scenario_test

import (
	"strings"
	"time"

	"guardian/test/rig"
)

// scenarios lists all scenarios. A second stands for a minute.
func scenarios() []scenario { return append(basics(), restarts()...) }

// basics are deploys that are announced when they happen.
func basics() []scenario {
	return []scenario{
		{name: "healthy", want: "passed"},
		{
			name: "total outage", play: bad("v2"),
			want: "failed", says: "storefront failed", rolled: true,
		},
		{
			name: "one order in twenty lost", checks: pushes, watch: "for: 100s, max_blind: 10s",
			play: func(m request) answer {
				return answer{lost: m.at == orders && m.version == "v2" && m.nth%20 == 7}
			},
			want: "failed", says: "storefront failed", rolled: true,
		},
		{
			// Latency grows by a tenth of a second in four seconds, after a steady history.
			name: "slow latency drift", before: 260,
			checks: "  - {name: storefront, service: order-sync, every: 200ms, timeout: 190ms, http: {url: \"SHOP/storefront\"}}\n",
			watch:  "for: 40s, max_blind: 10s, latency: {share: 50%, ratio: 1.5, delta: 40ms}",
			play: func(m request) answer {
				if m.version == "v1" {
					return answer{slow: 5 * time.Millisecond}
				}
				return answer{slow: 5*time.Millisecond + min(m.since/40, 150*time.Millisecond)}
			},
			want: "failed", says: "storefront took longer than", rolled: true,
		},
		{
			name: "fault that begins ten minutes in", play: func(m request) answer {
				return answer{bad: m.version == "v2" && m.since >= 10*time.Second}
			},
			want: "failed", says: "beginning at", rolled: true,
		},
		{
			name: "red before, and still red", play: func(m request) answer { return answer{bad: true} },
			watch: "for: 10s, max_blind: 0s", script: shipRed,
			want: "inconclusive", says: "Not judged, because not seen up since",
		},
		{
			name: "red before, and cured by the deploy", play: bad("v1"),
			watch: "for: 15s, max_blind: 0s", script: shipRed,
			want: "passed",
		},
		{
			name: "shared dependency down for three minutes, with a control", checks: front + control,
			play: everywhere(2*time.Second, 5*time.Second, storefront, outside),
			want: "passed",
		},
		{
			name: "shared dependency down for three minutes, with the other shops as control", checks: shops,
			watch: "for: 15s, max_blind: 10s",
			play:  everywhere(2*time.Second, 5*time.Second, storefront, other),
			script: func(st *stage) string {
				st.waitLooks("other", 4)
				return st.Ship("v2", "v1", map[string]any{"shops": []string{"sg-1"}})
			},
			want: "passed",
		},
		{
			name: "the guardian's network is cut", checks: front + control,
			script: func(st *stage) string {
				st.waitLooks("outside", 4)
				id := st.Ship("v2", "v1", nil)
				st.waitJudged(id, 8)
				st.path.Cut()
				st.Eventually("looks that see nothing", func() bool { return unknown(st.Watch(id)) >= 8 })
				st.path.Mend()
				return id
			},
			want: "passed",
		},
		{
			name: "no traffic", checks: front + traffic, watch: "for: 8s, max_blind: 4s",
			script: func(st *stage) string {
				st.waitLooks("traffic", 4)
				return st.Ship("v2", "v1", nil)
			},
			want: "inconclusive", says: "traffic was",
		},
		{
			// Eight consecutive looks in sixty fail, as they did before the deploy: it is not blamed,
			// and not called good either.
			name: "burst of failures as the history has them", checks: quick, before: 300,
			watch: "for: 20s, max_blind: 10s",
			play:  func(m request) answer { return answer{bad: m.at == storefront && m.nth%60 >= 30 && m.nth%60 < 38} },
			want:  "inconclusive", says: "as bad as before, and before was bad",
		},
		{
			name: "deploy that never arrived", checks: visible, watch: "for: 10s, max_blind: 4s",
			script: func(st *stage) string { return st.Deploy("v2", map[string]any{"previous_version": "v1"}) },
			want:   "inconclusive", says: "Only the previous version v1 answered",
		},
		{
			name: "second deploy in the middle", watch: "for: 15s, max_blind: 10s",
			script: func(st *stage) string {
				first := st.Ship("v2", "v1", nil)
				st.waitJudged(first, 8)
				second := st.Ship("v3", "v2", nil)
				if v := st.Verdict(first); v.State != "superseded" {
					st.t.Errorf("the first deploy's watch is %s, want superseded", v.State)
				}
				return second
			},
			want: "passed",
		},
		{
			// The deploy tool announces the version of a rollback, and that version is bad too.
			name: "rollback announced as a deploy",
			play: func(m request) answer {
				return answer{bad: m.version == "v2" || m.version == "v1" && m.nth > 12 && m.since < 2*time.Minute}
			},
			script: func(st *stage) string {
				st.Switch("v2")
				first := st.Verdict(st.Deploy("v2", map[string]any{"previous_version": "v1"}))
				if first.Rollback == nil {
					st.t.Fatalf("no rollback: %s %s", first.State, first.Reason)
				}
				st.RunState(first.Rollback.ID, "cured")
				return st.Deploy("v1", map[string]any{"previous_version": "v2"})
			},
			want: "failed", rolled: true,
			then: func(st *stage, v rig.WatchView) {
				if v.Mode != "observe" {
					st.t.Errorf("what was put back is watched in mode %s, want observe", v.Mode)
				}
			},
		},
		{
			// The clock jumps an hour forward, and then an hour back: neither ends or stops the watch.
			name: "clock jump", watch: "for: 20s, max_blind: 10s", clock: true,
			script: func(st *stage) string {
				id := st.Ship("v2", "v1", nil)
				st.waitJudged(id, 8)
				st.SetClock(time.Hour)
				st.waitJudged(id, 24)
				st.SetClock(-time.Hour)
				return id
			},
			want: "passed",
			then: func(st *stage, v rig.WatchView) {
				if !strings.Contains(st.Log.String(), "clock jumped") {
					st.t.Error("the guardian did not see the jump: nothing was tested")
				}
				if d := v.Ended.Sub(v.Started); d < 19*time.Second || d > 60*time.Second {
					st.t.Errorf("by its own clock a watch of 20s took %s", d)
				}
				if d := time.Since(st.switched); d < 17*time.Second {
					st.t.Errorf("the watch of 20s ended %s after the deploy", d)
				}
			},
		},
	}
}

// shipRed ships v2 after the storefront was seen down.
func shipRed(st *stage) string {
	st.Eventually("the storefront down", func() bool { return st.Query(`probe_success{check="storefront"} == 0`) == 1 })
	return st.Ship("v2", "v1", nil)
}

// unknown counts the looks of a watch whose result is unknown.
func unknown(v rig.WatchView) (n int) {
	for _, e := range v.Evidence {
		n += e.After.Unknown
	}
	return n
}

// judged counts the looks that a watch judged.
func judged(v rig.WatchView) int {
	most := map[string]int{}
	for _, e := range v.Evidence {
		most[e.Check] = max(most[e.Check], e.Samples)
	}
	n := 0
	for _, looks := range most {
		n += looks
	}
	return n
}
