//go:build !race

package world_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"guardian/test/world"
	"guardian/watch"
)

// release is what a version does after a restart, and how its watch ends.
type release struct {
	what  string
	fault world.Fault
	want  watch.State
	looks int // within so many; 0: whenever
}

func releases() []release {
	return []release{
		{"healthy", world.Fault{}, watch.Passed, 0},
		{"failing always", world.Fault{Rate: 1}, watch.Failed, 11},
		{"failing one in three", world.Fault{Rate: 0.33}, watch.Failed, 0},
		{"failing one of two checks", world.Fault{Rate: 1, Checks: []string{"orders"}}, watch.Failed, 12},
		{"failing by a rule", world.Fault{ByRule: true}, watch.Failed, 0},
		{"failing by a counter", world.Fault{Failed: 0.2}, watch.Failed, 0},
	}
}

// telling is what is known of when the new version came.
type telling struct {
	what  string
	hook  world.Hook
	names bool
}

func tellings() []telling {
	return []telling{
		{what: "nothing"},
		{what: "at", hook: world.Hook{At: true}},
		{what: "version_from", names: true},
		{what: "--exec", hook: world.Hook{Exec: true}},
	}
}

// restarted is a shop that is down for a while, and then runs v2.
func restarted(down, after time.Duration, r release, x telling) *world.World {
	x.hook.After = after
	w := &world.World{
		Checks: []world.Check{
			{Name: "orders", Every: 5 * time.Second, Names: x.names},
			{Name: "front", Every: 5 * time.Second, Names: x.names},
		},
		Counters: []world.Counter{{Name: "sold", Orders: 100, Rate: 0.005}}, Rule: true,
		Deploys: []world.Deploy{{Version: world.Version{Name: "v2", Fault: r.fault}, Down: down, Hook: x.hook}},
		Set: func(s *watch.Settings) {
			s.For, s.FastPhase.MinDuration = 600e9, 60e9
			if down > 15*time.Second {
				s.Grace = 60e9 // what a service that restarts so long is to set
			}
		},
	}
	return w
}

// TestRestarts plays a shop that answers nothing for a while, in which the hook is called before, within, right after
// and a minute after it. The table is printed (make scenarios).
func TestRestarts(t *testing.T) {
	var b strings.Builder
	out := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(out, "\nversion\tdown\thook\ttold\tverdict\tafter\tlooks")
	for _, r := range releases() {
		for _, down := range []time.Duration{3 * time.Second, 10 * time.Second, 40 * time.Second} {
			for _, x := range tellings() {
				for _, hook := range []struct {
					what  string
					after time.Duration
				}{{"before", -5 * time.Second}, {"in", down / 2}, {"right after", down + time.Second}, {"a minute after", down + time.Minute}} {
					if x.hook.Exec && hook.what != "right after" {
						continue // it is called at both ends
					}
					name := fmt.Sprintf("%s, down for %s, hook %s, told %s", r.what, down, hook.what, x.what)
					for seed := range uint64(3) {
						o, err := world.Play(restarted(down, hook.after, r, x), seed)
						if err != nil {
							t.Fatalf("%s: %v", name, err)
						}
						e, ok := o.Of("v2")
						if !ok {
							t.Errorf("%s: it is not watched", name)
							continue
						}
						is := r
						if hook.what == "before" && r.looks > 0 {
							is.looks += 4 // some looks were good: the fault begins later than the watch
						}
						if why := wrong(is, o, e); why != "" {
							t.Errorf("%s: %s\n%s %s", name, why, e.State(), e.Watch.Reason)
						}
						if seed == 0 {
							_, _ = fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\t%s\t%d\n", r.what, down, hook.what, x.what, e.State(), e.Watch.Ended.Sub(e.Deploy.Announced).Round(time.Second), e.Looks)
						}
					}
				}
			}
		}
	}
	_ = out.Flush()
	t.Log(b.String())
}

// wrong says what is not as it must be; "": nothing.
func wrong(r release, o world.Outcome, e world.Ended) string {
	good := slices.Contains(o.Good, "v2")
	switch {
	case e.State() == watch.Passed && r.fault.Bad():
		return "it passed"
	case e.State() == watch.Passed && len(e.Over) > 0:
		return fmt.Sprintf("it passed while %v failed more often than allowed", e.Over)
	case good != (e.State() == watch.Passed):
		return fmt.Sprintf("known good: %v", o.Good)
	case e.State() != r.want:
		return fmt.Sprintf("want %s", r.want)
	case r.looks > 0 && e.Looks > r.looks:
		return fmt.Sprintf("found after %d looks, want at most %d", e.Looks, r.looks)
	}
	runs := "v2"
	if r.want == watch.Failed {
		runs = "v1"
	}
	if o.Version != runs {
		return fmt.Sprintf("%s runs, want %s; runs: %v", o.Version, runs, o.Runs)
	}
	return ""
}
