package server

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

const maxForm = 1 << 20 // bytes of a posted query

// sharedParams are the parameters that every route of Prometheus' API takes, because clients that speak to
// several such servers add them to whatever they ask. timeout bounds any of the answers. The others ask for
// what is so anyway here: nothing is cached (_, nocache), replicated (dedup), partial (partial_response,
// deny_partial_response) or downsampled (max_source_resolution), and the engine is Prometheus' own.
func sharedParams() []string {
	return []string{"timeout", "_", "nocache", "dedup", "partial_response", "deny_partial_response", "max_source_resolution", "engine"}
}

// prom makes a handler of Prometheus' API. It reads the parameters, and refuses the call when there is one that
// the route does not take: what is ignored would make an answer look like one to another question.
func (*Server) prom(handle handler, takes ...string) handler {
	return func(w http.ResponseWriter, r *http.Request, by Caller) error {
		if err := params(w, r); err != nil {
			return err
		}
		if err := onlyKnown(r.Form, takes); err != nil {
			return err
		}
		limit := queryTimeout
		if text := r.FormValue("timeout"); text != "" {
			d, err := durationParam(text)
			if err != nil {
				return badData("invalid parameter %q: %w", "timeout", err)
			}
			limit = min(limit, d)
		}
		ctx, cancel := context.WithTimeout(r.Context(), limit)
		defer cancel()
		return handle(w, r.WithContext(ctx), by)
	}
}

// params reads the parameters of the address and of a posted form. As in Prometheus the first of several values
// counts, and those of the form come first.
func params(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseMultipartForm(maxForm); err != nil && !errors.Is(err, http.ErrNotMultipart) {
		return badData("error parsing form values: %w", err)
	}
	return nil
}

// onlyKnown refuses parameters that a route does not take.
func onlyKnown(form url.Values, takes []string) error {
	var unknown []string
	for name := range form {
		if !slices.Contains(takes, name) && !slices.Contains(sharedParams(), name) {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		all := append(slices.Clone(takes), sharedParams()...)
		return badData("invalid parameter %.100q: it is not supported here; supported are %s", slices.Min(unknown), strings.Join(all, ", "))
	}
	if engine := form.Get("engine"); engine != "" && engine != "prometheus" {
		return badData("invalid parameter %q: there is only the engine prometheus", "engine")
	}
	return nil
}

// minTime and maxTime are the times that Prometheus takes for the beginning and the end of time.
func minTime() time.Time { return time.Unix(math.MinInt64/1000+62135596801, 0).UTC() }
func maxTime() time.Time { return time.Unix(math.MaxInt64/1000-62135596801, 999999999).UTC() }

func timeParam(r *http.Request, name string, otherwise time.Time) (time.Time, error) {
	text := r.FormValue(name)
	if text == "" {
		return otherwise, nil
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil && !math.IsNaN(f) {
		switch {
		case f <= float64(minTime().Unix()):
			return minTime(), nil
		case f >= float64(maxTime().Unix()):
			return maxTime(), nil
		}
		return time.UnixMilli(int64(math.Round(f * 1000))).UTC(), nil
	}
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return t.UTC(), nil
	}
	// Clients write these two; years of more than four digits are nothing that time.Parse reads.
	for _, t := range []time.Time{minTime(), maxTime()} {
		if text == t.Format(time.RFC3339Nano) {
			return t, nil
		}
	}
	return time.Time{}, badData("invalid parameter %q: cannot parse %q to a valid timestamp", name, text)
}

func durationParam(text string) (time.Duration, error) {
	if f, err := strconv.ParseFloat(text, 64); err == nil {
		if math.IsNaN(f) || math.Abs(f) > 1e9 {
			return 0, fmt.Errorf("cannot parse %q to a valid duration", text)
		}
		return time.Duration(f * float64(time.Second)), nil
	}
	d, err := model.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("cannot parse %q to a valid duration", text)
	}
	return time.Duration(d), nil
}

// limitParam reads how many results are wanted at most; 0: all.
func limitParam(r *http.Request) (int, error) {
	text := r.FormValue("limit")
	if text == "" {
		return 0, nil
	}
	limit, err := strconv.Atoi(text)
	if err != nil || limit < 0 {
		return 0, badData("invalid parameter %q: limit must be a number that is not negative", "limit")
	}
	return limit, nil
}

// promParser reads expressions as the engine does.
func promParser() parser.Parser {
	return parser.NewParser(parser.Options{ExperimentalDurationExpr: true})
}

// matchers reads the selectors of match[], of which one must hold.
func matchers(r *http.Request) ([][]*labels.Matcher, error) {
	var all [][]*labels.Matcher
	p := promParser()
	for _, text := range r.Form["match[]"] {
		ms, err := p.ParseMetricSelector(text)
		if err != nil {
			return nil, badData("invalid parameter %q: %w", "match[]", err)
		}
		if !selects(ms) {
			return nil, badData("invalid parameter %q: match[] must contain at least one non-empty matcher", "match[]")
		}
		all = append(all, ms)
	}
	return all, nil
}

func selects(matchers []*labels.Matcher) bool {
	for _, m := range matchers {
		if m != nil && !m.Matches("") {
			return true
		}
	}
	return false
}
