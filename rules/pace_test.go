package rules_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"guardian/rules"
)

// stream plays a stream of samples to the pace of a group, and counts.
type stream struct {
	group *rules.Group
	pace  *rules.Pace
	spare rules.Budget
	now   time.Time
	each  time.Duration // that the evaluation of a rule takes

	evaluated []int       // how often, by rule
	last      []time.Time // when each was evaluated last
	longest   time.Duration
}

func newStream(g *rules.Group, spare rules.Budget, each time.Duration) *stream {
	s := &stream{group: g, pace: rules.NewPace(g, rules.GroupState{}, epoch), spare: spare, now: epoch, each: each, evaluated: make([]int, len(g.Rules))}
	for range g.Rules {
		s.last = append(s.last, epoch)
	}
	return s
}

// play wakes rules every so often, for a time.
func (s *stream) play(woken rules.RuleSet, every, length time.Duration) {
	arrives := s.now
	for end := s.now.Add(length); s.now.Before(end); {
		if !s.now.Before(arrives) {
			s.pace.Wake(rules.Wake{Rules: woken}, false)
			arrives = arrives.Add(every)
		}
		plan := s.pace.Plan(s.spare, s.now)
		if n := plan.Rules.Len(); n > 0 {
			for i := range s.group.Rules {
				if plan.Rules.Has(i) {
					s.evaluated[i]++
					s.longest = max(s.longest, s.now.Sub(s.last[i]))
					s.last[i] = s.now
				}
			}
			s.spare = s.pace.Spent(plan, s.spare, s.now, time.Duration(n)*s.each)
		}
		s.now = s.pace.Next(s.spare, s.now)
		if s.now.After(arrives) {
			s.now = arrives
		}
	}
}

func (s *stream) total() int {
	n := 0
	for _, one := range s.evaluated {
		n += one
	}
	return n
}

// groupOf makes a group of rules of which the first are critical, at an interval of 15 s.
func groupOf(t *testing.T, all, critical int) *rules.Group {
	t.Helper()
	var file strings.Builder
	file.WriteString("groups:\n- name: g\n  interval: 15s\n  rules:\n")
	for i := range all {
		tier := "warning"
		if i < critical {
			tier = "critical"
		}
		fmt.Fprintf(&file, "  - {alert: A%d, expr: up == %d, labels: {tier: %s}}\n", i, i, tier)
	}
	return load(t, file.String())[0]
}

func only(rs ...int) rules.RuleSet {
	var s rules.RuleSet
	for _, i := range rs {
		s.Add(i)
	}
	return s
}

// TestAStreamCostsAtMostTwiceTheInterval, however often samples come and whatever they wake.
func TestAStreamCostsAtMostTwiceTheInterval(t *testing.T) {
	const intervals, size = 40, 20
	for _, every := range []time.Duration{20 * time.Millisecond, 100 * time.Millisecond, time.Second, 5 * time.Second, 14 * time.Second, 15 * time.Second, time.Minute} {
		for name, woken := range map[string]rules.RuleSet{"one": only(3), "a few": only(0, 1, 2, 3, 4), "most": groupOf(t, 17, 0).All(), "all": groupOf(t, size, 0).All()} {
			t.Run(fmt.Sprintf("%s every %s", name, every), func(t *testing.T) {
				s := newStream(groupOf(t, size, 3), rules.Budget{}, time.Millisecond)
				s.play(woken, every, intervals*15*time.Second)
				if n, most := s.total(), (2*intervals+2)*size; n > most {
					t.Errorf("%d evaluations of rules, want at most %d", n, most)
				}
				if s.longest > 17*time.Second {
					t.Errorf("a rule was not evaluated for %s", s.longest)
				}
				if n := s.total(); n < (intervals-4)*size {
					t.Errorf("%d evaluations of rules; want the interval's at least", n)
				}
			})
		}
	}
}

// TestAWriteAtEachInterval costs one evaluation and not two.
func TestAWriteAtEachInterval(t *testing.T) {
	g := groupOf(t, 20, 0)
	s := newStream(g, rules.Budget{}, time.Millisecond)
	s.play(g.All(), 15100*time.Millisecond, 40*15*time.Second)
	if n := s.evaluated[0]; n > 42 {
		t.Errorf("%d evaluations in 40 intervals", n)
	}
}

// TestWhatALongIntervalRecordsStaysVisible: PromQL sees a sample for five minutes.
func TestWhatALongIntervalRecordsStaysVisible(t *testing.T) {
	for _, c := range []struct {
		interval, offset string
		most             time.Duration
	}{
		{"15s", "0s", 16500 * time.Millisecond},
		{"4m", "0s", 4*time.Minute + 24*time.Second},
		{"4m50s", "0s", 5*time.Minute - time.Second},
		{"5m", "0s", 5 * time.Minute},
		{"10m", "0s", 10 * time.Minute},
		{"4m", "50s", 4*time.Minute + 9*time.Second},
	} {
		g := load(t, fmt.Sprintf("groups: [{name: g, interval: %s, query_offset: %s, rules: [{alert: A, expr: up == 0}]}]", c.interval, c.offset))[0]
		s := newStream(g, rules.Budget{}, time.Millisecond)
		s.play(g.All(), 40*time.Minute, 30*time.Minute) // woken once, at the beginning
		if s.longest != c.most {
			t.Errorf("interval %s, query_offset %s: %s without an evaluation, want %s", c.interval, c.offset, s.longest, c.most)
		}
	}
}

// TestACostlyRuleIsBoundedByTime: of twenty rules one takes most of the time.
func TestACostlyRuleIsBoundedByTime(t *testing.T) {
	p, spare, now := rules.NewPace(groupOf(t, 20, 0), rules.GroupState{}, epoch), rules.Budget{}, epoch.Add(15*time.Second)
	p.Spent(p.Plan(spare, now), spare, now, time.Second)
	n := 0
	for range 1000 {
		now = now.Add(10 * time.Millisecond)
		p.Wake(rules.Wake{Rules: only(0)}, false)
		if plan := p.Plan(spare, now); plan.Rules.Len() > 0 {
			p.Spent(plan, spare, now, 900*time.Millisecond)
			n++
		}
	}
	if n > 2 {
		t.Errorf("it was evaluated %d times in ten seconds, for %s; the group takes a second every 15 s", n, time.Duration(n)*900*time.Millisecond)
	}
}

// TestCriticalRulesComeFirst when the budget is short: all are woken all the time.
func TestCriticalRulesComeFirst(t *testing.T) {
	g := groupOf(t, 20, 2)
	s := newStream(g, rules.Budget{}, time.Millisecond)
	s.play(g.All(), 20*time.Millisecond, 40*15*time.Second)
	if critical, other := s.evaluated[0], s.evaluated[10]; critical < 3*other {
		t.Errorf("a critical rule was evaluated %d times, another one %d times", critical, other)
	}
}

// TestACriticalRuleDoesNotPayForASlowOne: of twenty rules one takes nearly all of the time, and is woken all
// the time. A critical one is evaluated within moments of each sample.
func TestACriticalRuleDoesNotPayForASlowOne(t *testing.T) {
	const critical, slow, interval = 0, 10, 15 * time.Second
	took := func(plan rules.Plan) (all time.Duration) {
		for i := range 20 {
			if plan.Rules.Has(i) {
				all += map[bool]time.Duration{true: 900 * time.Millisecond, false: 5 * time.Millisecond}[i == slow]
			}
		}
		return all
	}
	p, spare, now := rules.NewPace(groupOf(t, 20, 2), rules.GroupState{}, epoch), rules.Budget{}, epoch.Add(interval)
	p.Spent(p.Plan(spare, now), spare, now, time.Second)
	var woken time.Time // when the critical rule was, and was not evaluated since
	var waited, spent time.Duration
	looks := 0
	for end := now.Add(20 * interval); now.Before(end); {
		p.Wake(rules.Wake{Rules: only(slow)}, false)
		if now.Sub(epoch)%time.Second < 20*time.Millisecond && woken.IsZero() {
			p.Wake(rules.Wake{Rules: only(critical)}, false)
			woken = now
		}
		if plan := p.Plan(spare, now); plan.Rules.Len() > 0 {
			if plan.Rules.Has(critical) && !woken.IsZero() {
				waited, woken = max(waited, now.Sub(woken)), time.Time{}
				looks++
			}
			long := took(plan)
			p.Spent(plan, spare, now, long)
			spent += long
			now = now.Add(long)
		}
		now = now.Add(20 * time.Millisecond).Truncate(20 * time.Millisecond)
	}
	if waited > 100*time.Millisecond || looks < 100 {
		t.Errorf("a critical rule waited for %s; it was evaluated %d times in %s", waited, looks, 20*interval)
	}
	if most := 43 * time.Second; spent > most {
		t.Errorf("evaluations took %s of %s, want at most %s: twice the interval's", spent, 20*interval, most)
	}
}

// TestWhatACriticalRuleReadsComesFirstToo, else it would be evaluated with the value of before.
func TestWhatACriticalRuleReadsComesFirstToo(t *testing.T) {
	g := load(t, `
groups:
- name: g
  interval: 15s
  rules:
  - {record: 'x:sum', expr: sum(x)}
  - {record: 'x:max', expr: max(x)}
  - {alert: Critical, expr: 'x:sum > 1', labels: {tier: critical}}
  - {alert: FailsWatch, expr: 'x > 3', labels: {tier: info, fails_watch: "true"}}
  - {alert: Templated, expr: 'x > 3', labels: {tier: '{{ if gt $value 2.0 }}critical{{ else }}info{{ end }}'}}
  - {alert: Other, expr: 'x:max > 1', labels: {tier: warning}}
`)[0]
	p, spare := rules.NewPace(g, rules.GroupState{}, epoch), rules.Budget{}
	p.Spent(rules.Plan{Rules: g.All()}, spare, epoch, 0) // nothing is left
	p.Wake(rules.Wake{Rules: g.All()}, false)
	plan := p.Plan(spare, epoch.Add(time.Second))
	if got, want := names(g, plan.Rules), "x:sum Critical FailsWatch Templated"; got != want {
		t.Errorf("evaluated is %q, want %q", got, want)
	}
	if plan.Delayed != 2 {
		t.Errorf("%d rules were delayed, want x:max and Other", plan.Delayed)
	}
	if again := p.Plan(spare, epoch.Add(time.Second)); again.Delayed != 0 || again.Rules.Len() != 0 {
		t.Errorf("at once again %+v; want nothing, and nobody counted twice", again)
	}
}

// TestASmallConfigurationReactsToEachSample: ten rules a second cost nothing, however long the
// interval is.
func TestASmallConfigurationReactsToEachSample(t *testing.T) {
	g := groupOf(t, 2, 1)
	s := newStream(g, rules.Spare([]*rules.Group{g}, epoch), 50*time.Microsecond)
	s.play(only(0), 250*time.Millisecond, time.Minute)
	if n := s.evaluated[0]; n < 235 {
		t.Errorf("%d evaluations for 240 samples", n)
	}
	s = newStream(g, rules.Spare([]*rules.Group{g}, epoch), 50*time.Microsecond)
	s.play(g.All(), 5*time.Millisecond, time.Minute)
	if n := s.total(); n > 60*10+60 {
		t.Errorf("%d evaluations in a minute", n)
	}
}

// TestTheSpareBudgetIsForSmallConfigurations: many rules have more of their own.
func TestTheSpareBudgetIsForSmallConfigurations(t *testing.T) {
	for n, want := range map[int]bool{1: true, 100: true, 150: false, 1000: false} {
		if got := rules.Spare([]*rules.Group{groupOf(t, n, 0)}, epoch).Level(epoch) > 0; got != want {
			t.Errorf("%d rules every 15 s: spare %t, want %t", n, got, want)
		}
	}
}

// TestAnAlertIsDueWhenItsTimeIsOver: not a moment before, and once.
func TestAnAlertIsDueWhenItsTimeIsOver(t *testing.T) {
	g := load(t, `groups: [{name: g, interval: 1h, rules: [{alert: A, expr: up == 0, for: 5m, keep_firing_for: 10m}, {alert: B, expr: up == 0}, {alert: OfA, expr: 'ALERTS{alertname="A"}'}]}]`)[0]
	w := newWorld(t, `up{check="a"} 0 0 0 0 0 0 1x30`)
	p, spare := rules.NewPace(g, rules.GroupState{}, at(0)), rules.NewBudget(100, 1, at(0))
	state := rules.GroupState{}
	evaluated := func(minute int) {
		state = w.eval(g, minute, state).State
		p.Evaluated(rules.Plan{Rules: g.All()}, state)
	}
	next := func(minute int) string { return p.Next(spare, at(minute)).UTC().Format("15:04") }
	due := func(now time.Time) string { return names(g, p.Plan(spare, now).Rules) }

	evaluated(0)
	if got := next(0); got != "00:05" {
		t.Errorf("pending, it is due at %s", got)
	}
	if got := due(at(5).Add(-time.Second)); got != "" {
		t.Errorf("before for is over: %q", got)
	}
	if got := due(at(5)); got != "A OfA" {
		t.Errorf("when for is over: %q", got)
	}
	evaluated(5)
	if got := next(5); got != "01:00" {
		t.Errorf("firing, it is due at %s, want the interval", got)
	}
	evaluated(6)
	if got := next(6); got != "00:16" {
		t.Errorf("kept firing, it is due at %s", got)
	}
	if got := due(at(16)); got != "A OfA" {
		t.Errorf("when keep_firing_for is over: %q", got)
	}
	// A rule that is unknown then waits for something to happen.
	state = rules.GroupState{}
	evaluated(0)
	w.blind = []rules.Blind{blindCheck("a", "x")}
	evaluated(6)
	if got := next(7); got != "01:00" {
		t.Errorf("pending and unknown after its time, it is due at %s", got)
	}
}
