package rules

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/timestamp"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/template"
)

// templateDefs are the variables that Prometheus puts before every template.
const templateDefs = "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}{{$externalURL := .ExternalURL}}{{$value := .Value}}"

// instances expands the rule's labels and annotations for each element of a vector.
func (g *Group) instances(ctx context.Context, r *Rule, vector promql.Vector, now time.Time, query QueryFunc) (seen []Instance, templateErrs []error, err error) {
	have := make(map[string]bool, len(vector))
	lb := labels.NewBuilder(labels.EmptyLabels())
	for _, s := range vector {
		data := template.AlertTemplateData(s.Metric.Map(), g.opts.ExternalLabels, g.opts.ExternalURL, s)
		expand := func(text string) string {
			if !strings.Contains(text, "{{") {
				return text
			}
			out, err := template.NewTemplateExpander(ctx, templateDefs+text, "__alert_"+r.Alert, data,
				model.Time(timestamp.FromTime(now)), template.QueryFunc(query), g.opts.URL, nil).Expand()
			if err != nil {
				templateErrs = append(templateErrs, fmt.Errorf("%s: %w", r, err))
				return fmt.Sprintf("<error expanding template: %s>", err)
			}
			return out
		}
		lb.Reset(s.Metric)
		lb.Del(model.MetricNameLabel)
		r.labels.Range(func(l labels.Label) { lb.Set(l.Name, expand(l.Value)) })
		lb.Set(labels.AlertName, r.Alert)
		lbls := lb.Labels()
		if have[lbls.String()] {
			return nil, nil, ErrDuplicateAlert
		}
		have[lbls.String()] = true

		in := Instance{Labels: lbls.Map(), Annotations: map[string]string{}, Value: s.F}
		r.annotations.Range(func(l labels.Label) { in.Annotations[l.Name] = expand(l.Value) })
		seen = append(seen, in)
	}
	return seen, templateErrs, nil
}
