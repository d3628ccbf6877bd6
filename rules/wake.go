package rules

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
)

// Waker tells which rules an arriving sample can change: those with a selector all of whose
// matchers the sample's series meets, and the later ones of the same group that read what these
// record. It remembers the last value of each series that a rule reads, because a rule whose
// selector takes the last value only is not changed by a sample that repeats it. It is not safe
// for concurrent use.
type Waker struct {
	groups  []*Group
	byName  map[string][]reader // selectors of one metric name
	unnamed []reader            // the others
	series  map[uint64]*arrival
}

// Wake is what a sample wakes of one group.
type Wake struct {
	Group  int     // index of the group
	Rules  RuleSet // when its value is another than that of the series' last sample
	Always RuleSet // also when it is the same
}

// reader is a selector of a rule.
type reader struct {
	group, rule int
	matchers    []*labels.Matcher
	always      bool // the result depends on more than the last value
}

// arrival is a series that arrived, with its last sample and what it wakes.
type arrival struct {
	labels labels.Labels
	at     int64 // ms
	value  uint64
	wakes  []Wake
}

// mostArrivals bounds the series that a Waker remembers. Beyond it, it begins anew: then samples
// wake rules that they would not have to.
const mostArrivals = 100_000

// repeatWithin is the lookback of queries: after it the last value of a series is gone from the
// results, so that a sample with the same value changes them.
const repeatWithin = 5 * time.Minute

// NewWaker makes a Waker of groups.
func NewWaker(groups []*Group) *Waker {
	w := &Waker{groups: groups, byName: map[string][]reader{}, series: map[uint64]*arrival{}}
	for gi, g := range groups {
		for ri, r := range g.Rules {
			for _, s := range r.selectors() {
				one := reader{group: gi, rule: ri, matchers: s.LabelMatchers, always: s.always || g.QueryOffset > 0}
				if name := selectedName(s.VectorSelector); name != "" {
					w.byName[name] = append(w.byName[name], one)
				} else {
					w.unnamed = append(w.unnamed, one)
				}
			}
		}
	}
	return w
}

// Sample gives what a sample wakes, and whether its value is that of the series' sample before.
func (w *Waker) Sample(s promql.Sample) (wakes []Wake, repeated bool) {
	named := w.byName[s.Metric.Get(model.MetricNameLabel)]
	if len(named) == 0 && len(w.unnamed) == 0 {
		return nil, false
	}
	hash := s.Metric.Hash()
	a := w.series[hash]
	switch {
	case a == nil:
		if len(w.series) >= mostArrivals {
			clear(w.series)
		}
		a = &arrival{labels: s.Metric, at: math.MinInt64, wakes: w.wakes(s.Metric, named)}
		w.series[hash] = a
	case !labels.Equal(a.labels, s.Metric): // another series with the same hash
		return w.wakes(s.Metric, named), false
	}
	value := math.Float64bits(s.F)
	repeated = s.H == nil && a.at != math.MinInt64 && value == a.value && s.T >= a.at && s.T-a.at < repeatWithin.Milliseconds()
	a.at, a.value = s.T, value
	if s.H != nil {
		a.at = math.MinInt64
	}
	return a.wakes, repeated
}

// wakes gives what the samples of a series wake.
func (w *Waker) wakes(l labels.Labels, named []reader) []Wake {
	var all []Wake
	for _, readers := range [][]reader{named, w.unnamed} {
		for _, r := range readers {
			if !matches(r.matchers, l) {
				continue
			}
			at := len(all) - 1
			for at >= 0 && all[at].Group != r.group {
				at--
			}
			if at < 0 {
				all = append(all, Wake{Group: r.group})
				at = len(all) - 1
			}
			then := w.groups[r.group].dependents[r.rule]
			all[at].Rules.AddAll(then)
			if r.always {
				all[at].Always.AddAll(then)
			}
		}
	}
	return all
}

func matches(ms []*labels.Matcher, l labels.Labels) bool {
	for _, m := range ms {
		if !m.Matches(l.Get(m.Name)) {
			return false
		}
	}
	return true
}

// selection is a selector of an expression.
type selection struct {
	*parser.VectorSelector
	always bool // the expression sees more of the series than its last value
}

// selectors lists the selectors of the rule's expression.
func (r *Rule) selectors() []selection {
	var all []selection
	parser.Inspect(r.expr, func(n parser.Node, path []parser.Node) error {
		if vs, ok := n.(*parser.VectorSelector); ok {
			all = append(all, selection{vs, seesMore(vs, path)})
		}
		return nil
	})
	return all
}

// seesMore reports whether an expression sees more of the selected series than their last value:
// a range of it, an older value, or the time of the last sample.
func seesMore(vs *parser.VectorSelector, path []parser.Node) bool {
	if vs.OriginalOffset != 0 || vs.OriginalOffsetExpr != nil || vs.Timestamp != nil || vs.StartOrEnd != 0 {
		return true
	}
	for _, outer := range path {
		switch o := outer.(type) {
		case *parser.MatrixSelector, *parser.SubqueryExpr:
			return true
		case *parser.Call:
			if o.Func.Name == "timestamp" {
				return true
			}
		}
	}
	return false
}

// link finds, for each rule, which others of its group record what it reads, which ones depend on
// what it records, and which rules come first.
func (g *Group) link() {
	recorders := map[string][]int{}
	for i, r := range g.Rules {
		if r.Record != "" {
			recorders[r.Record] = append(recorders[r.Record], i)
		} else {
			recorders[alertsName] = append(recorders[alertsName], i)
			recorders[alertsForStateName] = append(recorders[alertsForStateName], i)
		}
	}
	g.inputs = make([]RuleSet, len(g.Rules))
	for i, r := range g.Rules {
		r.sharesName = r.Record != "" && len(recorders[r.Record]) > 1
		for _, s := range r.selectors() {
			for name, all := range recorders {
				if only := selectedName(s.VectorSelector); only != "" && only != name {
					continue
				}
				for _, j := range all {
					if g.Rules[j].mayRecord(name, s.LabelMatchers) {
						g.inputs[i].Add(j)
					}
				}
			}
		}
	}
	g.dependents = make([]RuleSet, len(g.Rules))
	for j := range slices.Backward(g.Rules) {
		g.dependents[j].Add(j)
		for i := j + 1; i < len(g.Rules); i++ {
			if g.inputs[i].Has(j) {
				g.dependents[j].AddAll(g.dependents[i])
			}
		}
	}
	g.urgent = RuleSet{}
	for i := range slices.Backward(g.Rules) {
		if g.Rules[i].urgent() {
			g.urgent.Add(i)
		}
		if g.urgent.Has(i) {
			g.urgent.AddAll(g.inputs[i])
		}
	}
}

// mayRecord reports whether a selector may select a series of this name that the rule records.
func (r *Rule) mayRecord(name string, ms []*labels.Matcher) bool {
	for _, m := range ms {
		switch {
		case m.Name == model.MetricNameLabel && !m.Matches(name),
			m.Name == labels.AlertName && r.Alert != "" && !m.Matches(r.Alert),
			// A label of a recording rule is no template.
			r.Record != "" && r.labels.Has(m.Name) && !m.Matches(r.labels.Get(m.Name)):
			return false
		}
	}
	return true
}

// urgent reports whether somebody is woken by the rule's alerts, or a deploy fails by them.
func (r *Rule) urgent() bool {
	if r.Alert == "" {
		return false
	}
	for _, name := range []string{"tier", "severity"} {
		if strings.Contains(r.Labels[name], "{{") {
			return true // it may become critical
		}
	}
	return r.Tier == Critical || r.FailsWatch || strings.Contains(r.Labels["fails_watch"], "{{")
}
