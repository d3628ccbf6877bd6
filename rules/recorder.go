package rules

import (
	"context"
	"errors"
	"slices"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"

	"guardian/internal/reason"
)

// ErrSameSeries is the error of a recording rule that makes a series that an earlier rule of its
// group makes too.
var ErrSameSeries = errors.New("another rule of the group records the same series")

// recorder holds what rules recorded until a rule reads it, so that one append stores what many
// rules recorded.
type recorder struct {
	ctx     context.Context //nolint:containedctx // used only during one evaluation
	record  func(ctx context.Context, samples []promql.Sample) error
	pending []pendingRule
	samples []promql.Sample
}

// pendingRule is a rule whose samples are not appended yet.
type pendingRule struct {
	rule, result int // their indexes in the group and in the evaluation
	from         int // where its samples begin
}

func (p *recorder) add(rule, result int, samples []promql.Sample) {
	if p.record == nil || len(samples) == 0 {
		return
	}
	p.pending = append(p.pending, pendingRule{rule: rule, result: result, from: len(p.samples)})
	p.samples = append(p.samples, samples...)
}

// holds reports whether something is not appended that a rule reads.
func (p *recorder) holds(inputs []RuleSet, rule int) bool {
	for _, one := range p.pending {
		if inputs[rule].Has(one.rule) {
			return true
		}
	}
	return false
}

// flush appends what is held. When that fails, each rule's samples are appended alone, to find
// whose fault it is; to append a sample again changes nothing.
func (p *recorder) flush(e *Evaluation) {
	if len(p.samples) == 0 {
		return
	}
	if err := p.record(p.ctx, p.samples); err != nil {
		for i, one := range p.pending {
			to := len(p.samples)
			if i+1 < len(p.pending) {
				to = p.pending[i+1].from
			}
			if err := p.record(p.ctx, p.samples[one.from:to]); err != nil {
				res := &e.Results[one.result]
				res.Health, res.Err, res.Reason = HealthErr, err, reason.Text(err.Error())
			}
		}
	}
	p.pending, p.samples = p.pending[:0], p.samples[:0]
}

// recordedByOthers reports whether an earlier rule of the group recorded one of these series, in
// this evaluation or in the one before.
func (g *Group) recordedByOthers(rule int, series []labels.Labels, before, now GroupState) bool {
	theirs := map[uint64]bool{}
	for _, other := range g.Rules[:rule] {
		if other.Record != g.Rules[rule].Record {
			continue
		}
		rs, ok := now.Rules[other.Key]
		if !ok {
			rs = before.Rules[other.Key]
		}
		for _, l := range rs.Series {
			theirs[l.Hash()] = true
		}
	}
	return slices.ContainsFunc(series, func(l labels.Labels) bool { return theirs[l.Hash()] })
}
