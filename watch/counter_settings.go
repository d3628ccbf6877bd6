package watch

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
)

// CounterSettings is one of "metrics": two counters or a number that other systems keep, as PromQL
// on the guardian's series or another server's.
type CounterSettings struct {
	Name        string  `yaml:"name" required:"true" doc:"Its name in verdicts."`
	Failures    string  `yaml:"failures" doc:"PromQL of a counter of failures, such as orders_failed_total; with total. The increases of its series are summed, also when it is written as their sum."`
	Total       string  `yaml:"total" doc:"PromQL of a counter of everything among which the failures are. That it stops is judged too."`
	FailureRate Share   `yaml:"failure_rate" doc:"Share that may fail in good times; at most 50%. With failures and total."`
	Value       string  `yaml:"value" doc:"PromQL of a number, in place of counters: a gauge such as memory or the lag of a queue. Of several series the worst is judged, at each shop that has the deploy."`
	Histogram   string  `yaml:"histogram" doc:"A histogram, native or classic, in place of counters: a selector such as http_request_duration_seconds{job=\"orders\"}. Judged is its quantile over the last minute."`
	Quantile    Share   `yaml:"quantile" doc:"Which quantile of histogram."`
	Worse       Worse   `yaml:"worse" enum:"higher,lower" doc:"Which way a value or a quantile is worse: higher or lower."`
	Ratio       float64 `yaml:"ratio" doc:"A value or a quantile counts when it is this many times worse than before the deploy; at least 1."`
	Delta       float64 `yaml:"delta" doc:"And worse by at least this much, in its own unit."`
	Weight      float64 `yaml:"weight" doc:"Its weight among the service's checks."`
	Source      string  `yaml:"source" doc:"Which of rule_sources answers the queries; without, the guardian's own series."`
}

// Worse is which way a number is worse.
type Worse string

// The ways.
const (
	Higher Worse = "higher"
	Lower  Worse = "lower"
)

const (
	defaultNumberRatio = 1.5
	defaultQuantile    = 0.99
)

// DefaultCounter are the settings of a counter that sets none.
func DefaultCounter() CounterSettings {
	return CounterSettings{FailureRate: DefaultFailureRate, Weight: 1, Quantile: defaultQuantile, Worse: Higher, Ratio: defaultNumberRatio}
}

// Policy gives the settings as watches use and store them.
func (s CounterSettings) Policy() CounterPolicy {
	p := CounterPolicy{Name: s.Name, Weight: s.Weight, FailureRate: float64(s.FailureRate), Every: CounterEvery}
	if s.isNumber() {
		p.Number = &NumberPolicy{Lower: s.Worse == Lower, Ratio: s.Ratio, Delta: s.Delta}
	}
	return p
}

func (s CounterSettings) isNumber() bool { return s.Value != "" || s.Histogram != "" }

// Validate gives every mistake, joined.
func (s CounterSettings) Validate() error {
	var errs []error
	if !(s.FailureRate > 0 && s.FailureRate <= maxAllowed) {
		errs = append(errs, fmt.Errorf("failure_rate: %v is not between 0%% and 50%%", s.FailureRate))
	}
	if !(s.Weight > 0 && s.Weight <= 1000) {
		errs = append(errs, fmt.Errorf("weight: %v is not between 0 and 1000", s.Weight))
	}
	switch pair := s.Failures != "" || s.Total != ""; {
	case pair && s.isNumber() || s.Value != "" && s.Histogram != "":
		errs = append(errs, errors.New("failures and total, value, and histogram exclude each other; make each an entry of its own"))
	case pair && (s.Failures == "" || s.Total == ""):
		errs = append(errs, errors.New("failures and total belong together; set both"))
	case pair:
		errs = append(errs, s.validatePair())
	case s.isNumber():
		errs = append(errs, s.validateNumber())
	default:
		errs = append(errs, errors.New("there is nothing to judge; set failures and total (two counters), value (a gauge) or histogram"))
	}
	return errors.Join(errs...)
}

func (s CounterSettings) validatePair() error {
	var errs []error
	for _, of := range []struct{ name, expr string }{{"failures", s.Failures}, {"total", s.Total}} {
		e, err := parser.NewParser(parser.Options{}).ParseExpr(of.expr)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %q is no PromQL: %w", of.name, of.expr, err))
		} else if err := notACounter(e); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", of.name, err))
		}
	}
	if s.Worse == Lower || s.Ratio != defaultNumberRatio || s.Delta != 0 {
		errs = append(errs, errors.New("worse, ratio and delta go with value or histogram; counters may fail as much more often as the watch's ratio and delta say"))
	}
	return errors.Join(errs...)
}

// notACounter finds expressions whose values surely are not those of a counter.
func notACounter(e parser.Expr) (err error) {
	parser.Inspect(e, func(node parser.Node, _ []parser.Node) error {
		switch of := node.(type) {
		case *parser.Call:
			if slices.Contains([]string{"rate", "irate", "increase", "delta", "idelta", "deriv", "avg_over_time", "histogram_quantile"}, of.Func.Name) {
				err = fmt.Errorf("%s is no counter: give the counter itself, the guardian takes its increase between readings; a number that goes up and down belongs under value", of)
			}
		case *parser.VectorSelector:
			if gauge(of.Name) {
				err = fmt.Errorf("%s is no counter by its name, which only grows: a number that goes up and down belongs under value", of.Name)
			}
		case *parser.BinaryExpr:
			if of.Op == parser.DIV {
				err = fmt.Errorf("%s is a ratio and no counter: give the two counters as failures and total, or the ratio under value", of)
			}
		}
		return nil
	})
	return err
}

// gauge reports whether a metric is one of a gauge, by how metrics are named: a counter ends in
// _total, _count, _sum or _bucket.
func gauge(name string) bool {
	for _, suffix := range []string{"_ratio", "_percent", "_celsius", "_depth", "_lag", "_usage", "_usage_bytes", "_memory_bytes", "_timestamp_seconds"} {
		if strings.HasSuffix(name, suffix) {
			return true
		}
	}
	switch name {
	case "up", "probe_success", "probe_unknown", "probe_duration_seconds":
		return true
	default:
		return false
	}
}

func (s CounterSettings) validateNumber() error {
	var errs []error
	for _, expr := range s.Queries() {
		if _, err := parser.NewParser(parser.Options{}).ParseExpr(expr); err != nil {
			errs = append(errs, fmt.Errorf("value: %q is no PromQL: %w", expr, err))
		}
	}
	if s.Histogram != "" && len(s.Queries()) == 0 {
		errs = append(errs, fmt.Errorf("histogram: %q is not the selector of one histogram, such as http_request_duration_seconds{job=\"orders\"}", s.Histogram))
	}
	if !(s.Quantile > 0 && s.Quantile < 1) {
		errs = append(errs, fmt.Errorf("quantile: %v is not between 0%% and 100%%", s.Quantile))
	}
	if s.Value != "" && s.Quantile != defaultQuantile {
		errs = append(errs, errors.New("quantile goes with histogram"))
	}
	if s.Worse != Higher && s.Worse != Lower {
		errs = append(errs, fmt.Errorf("worse: %q is not one of higher, lower", s.Worse))
	}
	if !(s.Ratio >= 1 && s.Ratio <= 1000) {
		errs = append(errs, fmt.Errorf("ratio: %v is not between 1 and 1000", s.Ratio))
	}
	if !(s.Delta >= 0) {
		errs = append(errs, fmt.Errorf("delta: %v is negative", s.Delta))
	}
	return errors.Join(errs...)
}

// histogramWindow is the time over which the quantile of a histogram is taken: it holds two
// samples of what is scraped every 30 s.
const histogramWindow = "[1m]"

// Queries gives what is asked for a reading: failures and total, or the number.
func (s CounterSettings) Queries() []string {
	switch {
	case s.Value != "":
		return []string{s.Value}
	case s.Histogram == "":
		return []string{EachSeries(s.Failures), EachSeries(s.Total)}
	}
	e, err := parser.NewParser(parser.Options{}).ParseExpr(s.Histogram)
	v, ok := e.(*parser.VectorSelector)
	if err != nil || !ok || v.Name == "" || v.OriginalOffset != 0 || v.Timestamp != nil || v.StartOrEnd != 0 {
		return nil
	}
	name := strings.TrimSuffix(v.Name, "_bucket")
	matchers := strings.TrimPrefix(v.String(), v.Name)
	quantile := strconv.FormatFloat(float64(s.Quantile), 'g', -1, 64)
	return []string{fmt.Sprintf("histogram_quantile(%s, sum by (le, shop) (increase(%s_bucket%s%s))) or histogram_quantile(%s, sum by (shop) (increase(%s%s%s)))",
		quantile, name, matchers, histogramWindow, quantile, name, matchers, histogramWindow)}
}

// Reading gives a reading from the answers to Queries. Without a total there is nothing to judge;
// without failures there are none, as Prometheus knows no counter before its first event.
func (s CounterSettings) Reading(answers []promql.Vector, at time.Time) Reading {
	r := Reading{At: at}
	if s.isNumber() {
		r.Values = CounterValuesOf(answers[0])
		r.Empty = len(r.Values) == 0
		return r
	}
	r.Failures, r.Total = CounterValuesOf(answers[0]), CounterValuesOf(answers[1])
	r.Empty = len(r.Total) == 0
	return r
}

// Readings gives the readings at each CounterEvery between two times, both included, from the
// answers to Queries over that time.
func (s CounterSettings) Readings(answers []promql.Matrix, from, to time.Time) []Reading {
	if s.isNumber() {
		values := valuesAt(answers[0])
		return readingsAt(from, to, func(ms int64) Reading { return Reading{Values: values[ms], Empty: len(values[ms]) == 0} })
	}
	failed, all := valuesAt(answers[0]), valuesAt(answers[1])
	return readingsAt(from, to, func(ms int64) Reading {
		return Reading{Failures: failed[ms], Total: all[ms], Empty: len(all[ms]) == 0}
	})
}

// EachSeries gives the expression without the sums around it, so that its result has each series:
// a sum hides which of them was reset.
func EachSeries(expr string) string {
	e, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	if err != nil {
		return expr
	}
	for {
		switch of := e.(type) {
		case *parser.ParenExpr:
			e = of.Expr
		case *parser.AggregateExpr:
			if of.Op != parser.SUM {
				return e.String()
			}
			e = of.Expr
		default:
			return e.String()
		}
	}
}
