package compliance

import (
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// Step is the time between two samples, and between two looks at the alerts.
const Step = 15 * time.Second

// Case is what happens to a rule file and its alerts. Times are since the beginning.
type Case struct {
	Name string
	// Differs says how the guardian differs from Prometheus on purpose, and why.
	Differs  string
	External map[string]string // external labels
	Resend   time.Duration     // resend_delay; 0: a minute
	Rules    string            // the rule file
	Samples  []string          // series with a sample for each step, in promtool's notation
	Looks    string            // of check "push", in the same notation: 1 up, 0 down, _ it could not look
	Until    time.Duration

	Stops, Starts time.Duration            // when the process stops and starts again
	Reloads       map[time.Duration]string // other rule files

	// Shows are the alerts that are pending or firing and the rules that are not well, each time that
	// something of it changes.
	Shows string
	Sent  string // what the Alertmanager is sent
}

// Cases lists all cases.
func Cases() []Case { return slices.Concat(lives(), labelled(), results(), troubles(), others()) }

// Alone tells whether Prometheus cannot be played the case.
func (c Case) Alone() bool { return c.Looks != "" || c.Starts > 0 || c.Reloads != nil }

// ResendDelay is how often what fires is sent again.
func (c Case) ResendDelay() time.Duration {
	if c.Resend == 0 {
		return time.Minute
	}
	return c.Resend
}

// Series is a series with a value for each step.
type Series struct {
	Labels labels.Labels
	values []parser.SequenceValue
}

// Parse reads a series in promtool's notation.
func Parse(text string) (Series, error) {
	l, values, err := parser.NewParser(parser.Options{}).ParseSeriesDesc(text)
	return Series{Labels: l, values: values}, err
}

// At gives the value of a step. over: the series has ended by then; ok: there is a value.
func (s Series) At(step int) (v float64, ok, over bool) {
	if step >= len(s.values) {
		return 0, false, true
	}
	return s.values[step].Value, !s.values[step].Omitted, false
}
