package beside_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"guardian/test/program"
	"guardian/test/rig"
)

// binary is the program under test, built once.
var binary program.Program

func TestMain(m *testing.M) { os.Exit(rig.Main(m, &binary)) }

// timeline is what happens to the alerts of one case, and what is told of it.
type timeline struct {
	name  string // what both do
	path  string // the label by which it is routed; empty: none
	steps []step
	// why the guardian tells something else on purpose.
	why string
	// again: its ends are sent to the Alertmanager again and again, as Prometheus does for 15 minutes.
	again bool
	// repeats: messages come again, so how many there are does not matter.
	repeats bool
}

// step is something that happens, and what both tell then: nothing else within a time, in any
// order.
type step struct {
	do   func(*player)
	told []string
	// differ: the guardian tells ours, the Alertmanager theirs, in place of told.
	differ       bool
	ours, theirs []string
	may          []string // what the Alertmanager tells or not, as it happens
	next         bool     // the next step follows at once when this is told
	twice        bool     // all is told at least twice, with the repeat interval in between
}

// quiet is how long nothing else may be told. It is longer than the groups' times.
const quiet = 2*groupInterval + time.Second

// player plays one case.
type player struct {
	*world
	timeline
	key      string // of the case in labels
	silences map[string]func()
	seen     map[string]int // messages of the steps before, by program
	lines    []string       // what was told, for people
	failed   bool
}

func (w *world) player(line timeline, i int) *player {
	p := &player{world: w, timeline: line, key: fmt.Sprintf("c%d", i), silences: map[string]func(){}, seen: map[string]int{}}
	w.mu.Lock()
	w.again[p.key] = line.again
	w.mu.Unlock()
	return p
}

// play plays steps, and notes what each program told.
func (p *player) play(steps []step) {
	for i, s := range steps {
		began := time.Now()
		if s.do != nil {
			s.do(p)
		}
		want := map[string][]string{ours: s.told, theirs: s.told}
		if s.differ {
			want[ours], want[theirs] = s.ours, s.theirs
		}
		for end := time.Now().Add(rig.Patience); time.Now().Before(end) && !(p.heard(s, ours, want[ours]) && p.heard(s, theirs, want[theirs])); {
			time.Sleep(50 * time.Millisecond)
		}
		if !s.next {
			time.Sleep(quiet)
		}
		for _, who := range []string{ours, theirs} {
			got := p.inbox.after(who, p.key, p.seen[who])
			p.seen[who] += len(got)
			p.note(who, i, got, began)
			if who == theirs {
				got = slices.DeleteFunc(got, func(m message) bool { return slices.Contains(s.may, m.text) })
			}
			if !p.same(got, want[who]) {
				p.failed = true
				p.t.Errorf("%s: step %d: the %s tells %s, and not %s", p.name, i+1, who, say(sorted(got)), say(want[who]))
			}
		}
	}
}

// note writes down what a program told in a step.
func (p *player) note(who string, i int, got []message, began time.Time) {
	var line strings.Builder
	fmt.Fprintf(&line, "    step %d: %-12s", i+1, who)
	for _, m := range got {
		fmt.Fprintf(&line, "  +%.1fs %s;", m.at.Sub(began).Seconds(), m.text)
	}
	if len(got) == 0 {
		line.WriteString("  nothing")
	}
	p.lines = append(p.lines, line.String())
}

// heard tells whether a program told all that it is to tell in this step.
func (p *player) heard(s step, who string, want []string) bool {
	got := p.inbox.after(who, p.key, p.seen[who])
	if !s.twice {
		return contains(sorted(got), want)
	}
	return len(got) >= 2*len(want) && contains(sorted(got), want)
}

// same compares what was told with what was to be told.
func (p *player) same(got []message, want []string) bool {
	have, want := sorted(got), slices.Sorted(slices.Values(want))
	if p.repeats {
		have, want = slices.Compact(have), slices.Compact(want)
	}
	return slices.Equal(have, want)
}

// contains tells whether all of want are in have, each as often.
func contains(have, want []string) bool {
	have = slices.Clone(have)
	for _, text := range want {
		i := slices.Index(have, text)
		if i < 0 {
			return false
		}
		have = slices.Delete(have, i, i+1)
	}
	return true
}

// playAll plays all cases at once, and prints what each program told.
func playAll(t *testing.T, players []*player, steps func(*player) []step) {
	t.Helper()
	var all sync.WaitGroup
	for _, p := range players {
		all.Go(func() { p.play(steps(p)) })
	}
	all.Wait()
}

// report prints what was told of each case.
func report(t *testing.T, players []*player) {
	t.Helper()
	var b strings.Builder
	for _, p := range players {
		verdict := "as the Alertmanager"
		if p.why != "" {
			verdict = "differs: " + p.why
		}
		if p.failed {
			verdict = "FAILED"
		}
		fmt.Fprintf(&b, "\n%s (%s)\n%s\n", p.name, verdict, strings.Join(p.lines, "\n"))
	}
	t.Log(b.String())
}

func fire(alerts ...string) func(*player) {
	return func(p *player) {
		labels := map[string]string{}
		if p.path != "" {
			labels["path"] = p.path
		}
		p.fire(p.key, labels, alerts...)
	}
}

func ends(alerts ...string) func(*player) {
	return func(p *player) { p.end(p.key, alerts...) }
}

// hush silences alerts of the case that match further matchers, until unhush.
func hush(matchers ...map[string]any) func(*player) { return hushFor(time.Hour, matchers...) }

func hushFor(length time.Duration, matchers ...map[string]any) func(*player) {
	return func(p *player) {
		p.silences["it"] = p.silence(length, slices.Concat([]map[string]any{matcher("case", "=", p.key)}, matchers)...)
	}
}

func unhush(p *player) { p.silences["it"]() }

// both does one after the other.
func both(first, second func(*player)) func(*player) {
	return func(p *player) { first(p); second(p) }
}

// wait lets a time pass.
func wait(d time.Duration) func(*player) { return func(*player) { time.Sleep(d) } }
