package drills

import "time"

// The series in which it is written how plans stand, with the labels drill and service. Rules fire on
// them, and /metrics shows them.
const (
	SeriesOverdue   = "guardian_drill_overdue"
	SeriesFailed    = "guardian_drill_failed"
	SeriesBroken    = "guardian_drill_left_broken"
	SeriesTook      = "guardian_drill_duration_seconds"
	SeriesObjective = "guardian_drill_objective_seconds"
)

// Series lists them.
func Series() []string {
	return []string{SeriesBroken, SeriesTook, SeriesFailed, SeriesObjective, SeriesOverdue}
}

// Values gives a plan's standing as values of the series. How long the last drill took is there when it
// cured what it broke.
func (s Standing) Values(now time.Time) map[string]float64 {
	values := map[string]float64{
		SeriesOverdue: truth(s.Overdue(now)), SeriesFailed: 0, SeriesBroken: 0, SeriesObjective: s.Plan.Objective.Seconds(),
	}
	if s.Last == nil {
		return values
	}
	values[SeriesFailed], values[SeriesBroken] = truth(s.Last.Result == Failed), truth(s.Last.LeftBroken)
	if s.Last.Succeeded() {
		values[SeriesTook] = s.Last.Stages.Took().Seconds()
	}
	return values
}

func truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
