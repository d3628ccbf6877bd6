package announce_test

import (
	"time"

	"guardian/internal/announce"
	"guardian/internal/drills"
	"guardian/internal/reason"
	"guardian/notifiers"
)

// drilled is the notice of a drill that took so long, or that failed for a reason.
func drilled(took time.Duration, why reason.Reason, broken bool) func(announce.Renderer) notifiers.Notice {
	d := drills.Drill{
		ID: "dr_01", Name: "order-sync-weekly", Service: "order-sync-staging", Environment: "staging", Version: "drill-1", By: "zhang.min", Started: deployed,
		Phase: drills.Over, Result: drills.Passed, Reason: why, LeftBroken: broken, Objective: 5 * time.Minute,
	}
	switch {
	case !why.IsZero():
		d.Result, d.By = drills.Failed, ""
	case took > d.Objective:
		d.Result = drills.Slow
	}
	if took > 0 {
		verdict := deployed.Add(30 * time.Second)
		d.Stages = drills.Stages{Injected: deployed, Failing: deployed.Add(4 * time.Second), Verdict: verdict, FirstStep: verdict.Add(7 * time.Millisecond), LastStep: verdict.Add(5 * time.Second), Cured: deployed.Add(took)}
	}
	return func(t announce.Renderer) notifiers.Notice { return t.DrillEnded(d, now) }
}
