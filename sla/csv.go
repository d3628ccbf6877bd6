package sla

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// AllServices is the service column of the line that sums up all services.
const AllServices = "(all)"

// CSV writes a header, a line for each service and one for all services. Times are RFC 3339,
// durations are in seconds, ratios between 0 and 1; unknown values are empty.
func (r Report) CSV(w io.Writer) error {
	out := csv.NewWriter(w)
	_ = out.Write([]string{
		"month", "service", "from", "to", "objective", "met", "availability", "availability_all",
		"wall_seconds", "up_seconds", "down_seconds", "blind_seconds", "maintenance_seconds",
		"budget_allowed_seconds", "budget_spent_seconds", "budget_left_seconds",
		"deploys", "passed", "failed", "inconclusive", "change_failure_rate",
		"rollbacks", "cured", "not_cured", "rollbacks_failed", "rollbacks_open",
		"detect_mean_seconds", "detect_median_seconds", "detect_p90_seconds",
		"recover_mean_seconds", "recover_median_seconds", "recover_p90_seconds",
	})
	for _, s := range r.Services {
		_ = out.Write(r.line(s.Name, s.Objective, s.Summary))
	}
	_ = out.Write(r.line(AllServices, 0, r.Overall))
	out.Flush() // csv.Writer keeps the first error
	if err := out.Error(); err != nil {
		return fmt.Errorf("write report of %s: %w", r.Period, err)
	}
	return nil
}

// plain keeps a spreadsheet from taking a name for a formula.
func plain(name string) string {
	if strings.IndexAny(name, "=+-@\t\r") == 0 {
		return "'" + name
	}
	return name
}

func (r Report) line(name string, objective float64, s Summary) []string {
	known := func(ok bool, text string) string {
		if !ok {
			return ""
		}
		return text
	}
	seconds := func(d Span) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }
	number := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
	figure := func(f Figure) string { return known(f.Known, number(f.Value)) }
	line := []string{
		r.Period.String(), plain(name), r.From.Format(time.RFC3339), r.To.Format(time.RFC3339),
		known(objective > 0, number(objective)), known(s.Met.Known, strconv.FormatBool(s.Met.Yes)),
		figure(s.Availability), figure(s.AvailabilityAll),
		seconds(s.Times.Wall), seconds(s.Times.Up), seconds(s.Times.Down), seconds(s.Times.Blind), seconds(s.Times.Maintenance),
		known(s.Budget.Known, seconds(s.Budget.Allowed)), known(s.Budget.Known, seconds(s.Budget.Spent)), known(s.Budget.Known, seconds(s.Budget.Left)),
		strconv.Itoa(s.Changes.Deploys), strconv.Itoa(s.Changes.Passed), strconv.Itoa(s.Changes.Failed), strconv.Itoa(s.Changes.Inconclusive),
		figure(s.Changes.FailureRate),
		strconv.Itoa(s.Rollbacks.Total), strconv.Itoa(s.Rollbacks.Cured), strconv.Itoa(s.Rollbacks.NotCured), strconv.Itoa(s.Rollbacks.Failed), strconv.Itoa(s.Rollbacks.Open),
	}
	for _, d := range []Spread{s.Detect, s.Recover} {
		line = append(line, known(d.N > 0, seconds(d.Mean)), known(d.N > 0, seconds(d.Median)), known(d.N > 0, seconds(d.P90)))
	}
	return line
}
