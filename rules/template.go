package rules

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/timestamp"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/template"

	"guardian/internal/templates"
)

// templateDefs are the variables that Prometheus puts before every template.
const templateDefs = "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}{{$externalURL := .ExternalURL}}{{$value := .Value}}"

// instance is what an element of a result expanded to. An alert that fires on is not expanded anew
// at each evaluation.
type instance struct {
	Instance
	metric labels.Labels // of the element
}

// again gives what an element expanded to before, if that would be the same now.
func (r *Rule) again(before map[uint64]instance, hash uint64, s promql.Sample) (instance, bool) {
	in, ok := before[hash]
	same := ok && r.steady && s.H == nil && labels.Equal(in.metric, s.Metric) &&
		(!r.readsValue || math.Float64bits(in.Value) == math.Float64bits(s.F))
	in.Value = s.F
	return in, same
}

// wholeData finds a dot that may stand for all data of a template, the value included.
var wholeData = regexp.MustCompile(`\.[^A-Za-z]|\.$`)

// templates notes what the rule's templates depend on.
func (r *Rule) templates() {
	r.steady = true
	for _, all := range []map[string]string{r.Labels, r.Annotations} {
		for _, text := range all {
			if !strings.Contains(text, "{{") {
				continue
			}
			r.queries = r.queries || strings.Contains(text, "query")
			r.readsValue = r.readsValue || strings.Contains(text, "alue") || wholeData.MatchString(text)
			r.steady = r.steady && !r.queries && !strings.Contains(text, "now")
		}
	}
}

// alertData are the names that templates of rules have, as Prometheus gives them.
type alertData struct {
	Labels, ExternalLabels map[string]string
	ExternalURL            string
	Value                  any
}

// unknownNames gives an error for each name in a label or annotation that there is not. Parsing runs
// templates, too, and finds only what is wrong in the branches that no value takes.
func (r *Rule) unknownNames() []error {
	var errs []error
	for _, all := range []map[string]string{r.Labels, r.Annotations} {
		for _, key := range slices.Sorted(maps.Keys(all)) {
			var unknown *templates.UnknownNameError
			if errors.As(templates.Check(templateDefs+all[key], templates.Of(alertData{})), &unknown) {
				errs = append(errs, &Error{
					File: r.File, Line: r.Line, Hint: unknown.Hint(),
					Err: fmt.Errorf("group %q, rule %q, %s: %s", r.Group, r.Name(), key, unknown.Problem()),
				})
			}
		}
	}
	return errs
}

// instances expands the rule's labels and annotations for each element of a vector; before is what
// it gave for the last one.
func (g *Group) instances(ctx context.Context, r *Rule, vector promql.Vector, before map[uint64]instance, now time.Time, query QueryFunc) (seen []Instance, all map[uint64]instance, templateErrs []error, err error) {
	if len(vector) == 0 {
		return nil, nil, nil, nil
	}
	have := make(map[uint64]bool, len(vector))
	all = make(map[uint64]instance, len(vector))
	for _, s := range vector {
		hash := s.Metric.Hash()
		in, same := r.again(before, hash, s)
		if !same {
			errsBefore := len(templateErrs)
			in, templateErrs = g.expand(ctx, r, s, templateErrs, now, query)
			same = len(templateErrs) == errsBefore
		}
		if have[in.hash] {
			return nil, nil, nil, ErrDuplicateAlert
		}
		have[in.hash] = true
		if same {
			all[hash] = in // an error is told at each evaluation
		}
		seen = append(seen, in.Instance)
	}
	return seen, all, templateErrs, nil
}

// expand expands the rule's labels and annotations for one element.
func (g *Group) expand(ctx context.Context, r *Rule, s promql.Sample, errs []error, now time.Time, query QueryFunc) (instance, []error) {
	data := template.AlertTemplateData(s.Metric.Map(), g.opts.ExternalLabels, g.opts.ExternalURL, s)
	expand := func(text string) string {
		if !strings.Contains(text, "{{") {
			return text
		}
		out, err := template.NewTemplateExpander(ctx, templateDefs+text, "__alert_"+r.Alert, data,
			model.Time(timestamp.FromTime(now)), template.QueryFunc(query), g.opts.URL, nil).Expand()
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", r, err))
			return fmt.Sprintf("<error expanding template: %s>", err)
		}
		return out
	}
	lb := labels.NewBuilder(s.Metric)
	lb.Del(model.MetricNameLabel)
	r.labels.Range(func(l labels.Label) { lb.Set(l.Name, expand(l.Value)) })
	lb.Set(labels.AlertName, r.Alert)
	lbls := lb.Labels()
	in := instance{metric: s.Metric, Instance: Instance{Labels: lbls.Map(), Annotations: map[string]string{}, Value: s.F, hash: lbls.Hash()}}
	r.annotations.Range(func(l labels.Label) { in.Annotations[l.Name] = expand(l.Value) })
	in.id = r.alertID(in.Labels)
	return in, errs
}
