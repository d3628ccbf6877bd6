package server

import (
	"context"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
)

// SeriesIndex knows which series, label names and label values there are among those that
// match any of the selectors; no selector means all (Series always has one). limit 0 means
// no limit.
type SeriesIndex interface {
	Series(ctx context.Context, selectors []string, start, end time.Time, limit int) ([]labels.Labels, error)
	LabelNames(ctx context.Context, selectors []string, start, end time.Time, limit int) ([]string, error)
	LabelValues(ctx context.Context, name string, selectors []string, start, end time.Time, limit int) ([]string, error)
}

// MetricHelp knows what metrics are.
type MetricHelp interface {
	// Metadata gives type, help and unit of each metric, by its name.
	Metadata(ctx context.Context) (map[string]Metadata, error)
}

// Metadata is what is known of a metric, as in Prometheus' API.
type Metadata struct {
	Type string `json:"type"` // counter, gauge, histogram, …, unknown
	Help string `json:"help"`
	Unit string `json:"unit"`
}

// selection is what series, labels and label values have in common.
type selection struct {
	selectors  []string
	start, end time.Time
	limit      int
}

func selectionOf(r *http.Request) (selection, error) {
	limit, err := limitParam(r)
	if err != nil {
		return selection{}, err
	}
	start, err := timeParam(r, "start", minTime())
	if err != nil {
		return selection{}, err
	}
	end, err := timeParam(r, "end", maxTime())
	if err != nil {
		return selection{}, err
	}
	if _, err := matchers(r); err != nil {
		return selection{}, err
	}
	return selection{r.Form["match[]"], start, end, limit}, nil
}

// most is how many results are asked for: one more than are given, to tell whether there are more; 0: all.
func (q selection) most() int {
	if q.limit > 0 && q.limit < math.MaxInt {
		return q.limit + 1
	}
	return q.limit
}

// writeList answers with a list, cut off at the limit, unless it is too long.
func writeList[T any](w http.ResponseWriter, list []T, limit int, size func(T) int) error {
	if err := tooLong(list, size); err != nil {
		return err
	}
	if limit > 0 && len(list) > limit {
		return writeQuery(w, list[:limit], []string{truncated}, nil)
	}
	return writeQuery(w, orEmpty(list), nil, nil)
}

func (*Server) series(from SeriesIndex) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		if len(r.Form["match[]"]) == 0 {
			return badData("no match[] parameter provided")
		}
		q, err := selectionOf(r)
		if err != nil {
			return err
		}
		list, err := from.Series(r.Context(), q.selectors, q.start, q.end, q.most())
		if err != nil {
			return err
		}
		return writeList(w, list, q.limit, func(l labels.Labels) int { return len(l.String()) })
	}
}

func (*Server) labelNames(from SeriesIndex) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		q, err := selectionOf(r)
		if err != nil {
			return err
		}
		list, err := from.LabelNames(r.Context(), q.selectors, q.start, q.end, q.most())
		if err != nil {
			return err
		}
		return writeList(w, list, q.limit, func(name string) int { return len(name) })
	}
}

func (*Server) labelValues(from SeriesIndex) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		name := r.PathValue("name")
		if strings.HasPrefix(name, "U__") { // as Grafana writes names that need quotes
			name = model.UnescapeName(name, model.ValueEncodingEscaping)
		}
		if !model.UTF8Validation.IsValidLabelName(name) {
			return badData("invalid label name: %q", name)
		}
		q, err := selectionOf(r)
		if err != nil {
			return err
		}
		list, err := from.LabelValues(r.Context(), name, q.selectors, q.start, q.end, q.most())
		if err != nil {
			return err
		}
		return writeList(w, list, q.limit, func(name string) int { return len(name) })
	}
}

// metadata answers Grafana's question what the metrics are. A metric has one meaning here,
// so that limit_per_metric takes nothing away.
func (*Server) metadata(from MetricHelp) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		limit, err := countParam(r, "limit")
		if err != nil {
			return err
		}
		if _, err := countParam(r, "limit_per_metric"); err != nil {
			return err
		}
		all, err := from.Metadata(r.Context())
		if err != nil {
			return err
		}
		found := map[string][]Metadata{}
		for _, name := range slices.Sorted(maps.Keys(all)) {
			if only := r.FormValue("metric"); only != "" && only != name {
				continue
			}
			if limit >= 0 && len(found) >= limit {
				break
			}
			found[name] = []Metadata{all[name]}
		}
		return writeQuery(w, found, nil, nil)
	}
}

// countParam reads a number of results as metadata does; negative: all.
func countParam(r *http.Request, name string) (int, error) {
	text := r.FormValue(name)
	if text == "" {
		return -1, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, badData("%s must be a number", name)
	}
	return n, nil
}
