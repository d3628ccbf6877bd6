package rules

import "time"

// An interval pays for this many evaluations of the whole group: its own, and as much again on
// arrival of samples.
const perInterval = 2

// When less than this share of a budget is left, it is kept for urgent rules: critical ones and
// those that fail watches.
const reserve = 0.5

// Where at least this share of the rules is evaluated, the others are too, and the interval begins
// anew: what follows each write of a sender that writes once per interval is one evaluation and not
// two. It then is a little longer, because the next write may come a little later.
const (
	nearlyAll = 0.8
	tolerance = 0.1
)

// visible is for how long PromQL sees a sample, with a second for the evaluation that makes the next
// one. A longer interval is not made longer still: what the group records would end meanwhile.
const visible = 5*time.Minute - time.Second

// A burst of samples is one evaluation: a woken rule waits for more for a moment, and a longer one
// when the group was looked at just before.
const (
	burst = 10 * time.Millisecond
	apart = 50 * time.Millisecond
)

// Budget is an allowance that refills with time. What it pays for is known only afterwards, so
// that it may go below zero; then it has to refill first.
type Budget struct {
	Most      float64
	PerSecond float64
	left      float64
	at        time.Time
}

// NewBudget makes a full one.
func NewBudget(most, perSecond float64, now time.Time) Budget {
	return Budget{Most: most, PerSecond: perSecond, left: most, at: now}
}

// Level gives the share that is left; below zero: what is owed.
func (b Budget) Level(now time.Time) float64 {
	if b.Most <= 0 {
		return 0
	}
	return min(b.Most, b.left+b.PerSecond*now.Sub(b.at).Seconds()) / b.Most
}

// Spend gives the budget after something was paid.
func (b Budget) Spend(cost float64, now time.Time) Budget {
	b.left, b.at = b.Level(now)*b.Most-cost, now
	return b
}

// above gives when the level will be above one that is below 1; false if never.
func (b Budget) above(level float64, now time.Time) (time.Time, bool) {
	missing := (level - b.Level(now)) * b.Most
	switch {
	case missing < 0:
		return now, true
	case b.PerSecond <= 0 || b.Most <= 0:
		return time.Time{}, false
	}
	return now.Add(time.Duration(missing/b.PerSecond*float64(time.Second)) + time.Millisecond), true
}

// Spare gives the budget that all groups share beside their own: it lets small configurations
// evaluate rules on arrival ten times a second, which costs next to nothing. The more the groups'
// own budgets come to, the less it is. Its unit is the evaluation of one rule.
func Spare(groups []*Group, now time.Time) Budget {
	perSecond := float64(spareRules)
	for _, g := range groups {
		perSecond -= float64(len(g.Rules)) / g.Interval.Seconds()
	}
	if perSecond <= 0 {
		return Budget{}
	}
	return NewBudget(spareRules, perSecond, now)
}

const (
	spareRules = 10                   // evaluations a second of all groups together
	spareUnit  = 5 * time.Millisecond // one that takes longer counts as several
)

// Pace decides when the rules of a group are evaluated: all of them at the group's interval, and
// those that a sample or the end of a for woke at once, as long as the budget lasts. Of what is left
// when it is short, urgent rules come first; the others wait until there is more, at the latest for
// the interval. What the others cost is known only afterwards and may be more than was left: urgent
// rules do not wait until that is paid. It is not safe for concurrent use.
type Pace struct {
	group *Group
	whole time.Time     // when the interval is over
	own   Budget        // in evaluations of the whole group
	first Budget        // the same, as if other rules than urgent ones were evaluated at the interval alone
	took  time.Duration // how long one of the whole group takes
	last  time.Time     // when there was a plan last

	woken     RuleSet     // and not evaluated since
	delayed   RuleSet     // those of them that wait for the budget
	unsettled RuleSet     // not evaluated yet, or not with success
	due       []time.Time // by rule: when the for or keep_firing_for of an alert is over; zero: of none
}

// NewPace begins with an interval.
func NewPace(g *Group, s GroupState, now time.Time) *Pace {
	full := NewBudget(1, perInterval/g.Interval.Seconds(), now)
	p := &Pace{group: g, whole: now.Add(g.Interval), own: full, first: full, due: make([]time.Time, len(g.Rules))}
	p.evaluated(g.All(), s)
	return p
}

// Wake wakes rules, as a sample does, and reports whether one of them slept. A rule that is unknown
// or failed may change although the sample repeats a value.
func (p *Pace) Wake(w Wake, repeated bool) bool {
	before := p.woken.Len()
	if repeated {
		p.woken.AddAll(w.Always)
		p.woken.AddAll(w.Rules.And(p.unsettled))
	} else {
		p.woken.AddAll(w.Rules)
	}
	return p.woken.Len() > before
}

// Plan is what of a group is evaluated now.
type Plan struct {
	Rules   RuleSet // empty: nothing
	Whole   bool    // all rules
	Delayed int     // rules that begin to wait because the budget is spent
	spare   bool    // the budget that all groups share pays
}

// Soon gives when to ask for a plan after rules were woken.
func (p *Pace) Soon(now time.Time) time.Time {
	at := now.Add(burst)
	if earliest := p.last.Add(apart); at.Before(earliest) {
		return earliest
	}
	return at
}

// Plan gives what is evaluated now.
func (p *Pace) Plan(spare Budget, now time.Time) Plan {
	p.last = now
	for i, at := range p.due {
		if !at.IsZero() && !now.Before(at) {
			p.woken.AddAll(p.group.dependents[i])
			p.due[i] = time.Time{}
		}
	}
	plan := p.choose(spare, now)
	waiting := p.woken.Without(plan.Rules)
	plan.Delayed = waiting.Without(p.delayed).Len()
	p.woken, p.delayed = waiting, waiting.And(waiting)
	return plan
}

func (p *Pace) choose(spare Budget, now time.Time) Plan {
	if !now.Before(p.whole) {
		return Plan{Rules: p.group.All(), Whole: true}
	}
	plan := Plan{Rules: p.group.allowed(p.woken, p.own.Level(now), p.first.Level(now))}
	if more := p.group.allowed(p.woken, spare.Level(now), spare.Level(now)); more.Len() > plan.Rules.Len() {
		plan = Plan{Rules: more, spare: true}
	}
	if n := plan.Rules.Len(); n > 0 && float64(n) >= nearlyAll*float64(len(p.group.Rules)) {
		plan.Rules, plan.Whole = p.group.All(), true
	}
	return plan
}

// allowed gives those of the woken rules that a budget with this level pays for; first is the level that
// urgent ones find.
func (g *Group) allowed(woken RuleSet, level, first float64) RuleSet {
	switch {
	case level > reserve, level > 0 && g.urgent.Len() == 0:
		return woken
	case first > 0:
		return woken.And(g.urgent)
	default:
		return nil
	}
}

// Spent pays for the evaluation of a plan, which took some time, and gives what is left of the
// budget that all groups share.
func (p *Pace) Spent(plan Plan, spare Budget, now time.Time, took time.Duration) Budget {
	n := float64(plan.Rules.Len())
	share := n / float64(max(len(p.group.Rules), 1))
	if plan.Whole {
		p.begin(now, took)
	}
	if p.took > 0 {
		share = max(share, float64(took)/float64(p.took))
	}
	if plan.spare {
		return spare.Spend(max(n, float64(took)/float64(spareUnit)), now)
	}
	cost := min(share, 1)
	p.own = p.own.Spend(cost, now)
	if urgent := plan.Rules.And(p.group.urgent).Len(); !plan.Whole && float64(urgent) < n {
		cost = float64(urgent) / float64(len(p.group.Rules))
	}
	p.first = p.first.Spend(cost, now)
	return spare
}

// begin begins an interval with an evaluation of the whole group.
func (p *Pace) begin(now time.Time, took time.Duration) {
	interval := p.group.Interval
	if now.Before(p.whole) {
		later := min(time.Duration(tolerance*float64(interval)), visible-p.group.QueryOffset-interval)
		p.whole = now.Add(interval + max(later, 0))
	} else { // at the same times of the clock, except for those that it was too busy for
		p.whole = now.Add(interval - now.Sub(p.whole)%interval)
	}
	if p.took == 0 {
		p.took = took
	}
	p.took += (took - p.took) / 4
}

// Evaluated takes over what the evaluation of a plan gave.
func (p *Pace) Evaluated(plan Plan, s GroupState) { p.evaluated(plan.Rules, s) }

func (p *Pace) evaluated(which RuleSet, s GroupState) {
	p.unsettled = p.unsettled.Without(which)
	for i, r := range p.group.Rules {
		if !which.Has(i) {
			continue
		}
		rs := s.Rules[r.Key]
		if rs.Health != HealthOK {
			p.unsettled.Add(i)
		}
		p.due[i] = r.due(rs)
	}
}

// Failed wakes the rules of a plan again, because what their evaluation gave could not be recorded.
func (p *Pace) Failed(plan Plan) { p.woken.AddAll(plan.Rules) }

// Next gives when to ask for a plan again, if no sample wakes a rule before.
func (p *Pace) Next(spare Budget, now time.Time) time.Time {
	next := p.whole
	for _, at := range p.due {
		if !at.IsZero() && at.Before(next) {
			next = at
		}
	}
	if p.woken.Len() == 0 {
		return next
	}
	own, level := p.own, reserve
	switch {
	case p.group.urgent.Len() == 0:
		level = 0
	case p.woken.And(p.group.urgent).Len() > 0:
		own, level = p.first, 0
	}
	soon := p.Soon(now)
	for _, b := range []Budget{own, spare} {
		if at, ok := b.above(level, now); ok && at.Before(next) {
			next = at
		}
	}
	if next.Before(soon) && soon.Before(p.whole) {
		return soon
	}
	return next
}

// due gives when the for or keep_firing_for of one of the rule's alerts is over, zero for never.
// What was over at the last evaluation is not due again: the rule was unknown then, or failed.
func (r *Rule) due(rs RuleState) time.Time {
	var first time.Time
	for _, a := range rs.Alerts {
		var at time.Time
		switch {
		case a.State == Pending:
			at = a.ActiveAt.Add(r.For)
		case a.State == Firing && !a.KeepFiringSince.IsZero():
			at = a.KeepFiringSince.Add(r.KeepFiringFor)
		}
		if at.After(rs.LastEval) && !rs.LastEval.IsZero() && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	return first
}
