package decide

import (
	"math"
	"time"

	"guardian/actions"
	"guardian/internal/reason"
	"guardian/probes/sample"
	"guardian/rules"
	"guardian/watch"
)

// CheckState is how one check of a service stands now.
type CheckState struct {
	Check  string
	Counts bool           // it counts in the SLA report
	Last   *sample.Sample // nil: it has not looked yet
	Since  time.Time      // since when it has the health of Last
	Blind  bool           // it cannot look, or has not looked for long
	Why    reason.Reason  // why it is blind
	// FailureRate is the share of its looks that may fail in good times, and Recent what its
	// scheduled looks of the last RecentLooks saw, oldest first.
	FailureRate float64
	Recent      []sample.Health
}

// RecentLooks is how far back looks are recent.
const RecentLooks = 15 * time.Minute

// ServiceFacts is what the state of a service is decided by.
type ServiceFacts struct {
	Service     string
	Environment string
	Checks      []CheckState
	Alerts      []rules.Alert // pending and firing ones, of all services
	Watches     []Watched     // the newest ones, the newest first
}

// Watched is a watch with what became of its deploy.
type Watched struct {
	watch.Watch
	Rollback *actions.Run // the newest of its deploy; nil: there is none
	Mark     *watch.Mark  // what a person thinks of the verdict; nil: nobody said
}

// FailedFor is how long a failed deploy that nobody cured or followed by another one degrades its
// service.
const FailedFor = 24 * time.Hour

// Health is the state of a service.
type Health struct {
	Health sample.Health
	Since  time.Time
	Reason reason.Reason
	// Degraded says why the service is not well although it is Up; zero when it is well.
	Degraded reason.Reason
}

// ServiceHealth decides how a service is. By its checks that count in the SLA report it is Down as
// soon as one is, Up when one is up and none is down, and else Unknown. A service whose last looks
// were up is degraded while its deploy has failed and is not cured, while a critical alert fires, and
// while its looks fail more often than is allowed.
func ServiceHealth(f ServiceFacts, now time.Time) Health {
	h := healthOfChecks(f.Checks)
	if h.Health != sample.Up {
		return h
	}
	for _, why := range []func() reason.Reason{
		func() reason.Reason { return degradedByDeploy(f, now) },
		func() reason.Reason { return degradedByAlert(f) },
		func() reason.Reason { return degradedByFailures(f.Checks) },
	} {
		if h.Degraded = why(); !h.Degraded.IsZero() {
			return h
		}
	}
	return h
}

func healthOfChecks(checks []CheckState) Health {
	var down, up *CheckState
	var blind reason.Reason // of the first blind check
	counted := 0
	for i := range checks {
		c := &checks[i]
		if !c.Counts {
			continue
		}
		counted++
		switch {
		case c.Blind || c.Last == nil:
			if blind.IsZero() {
				blind = reason.New("check_says", "check", c.Check, "why", c.Why)
			}
		case c.Last.Health == sample.Down:
			if down == nil || c.Since.Before(down.Since) {
				down = c
			}
		case c.Last.Health == sample.Up:
			if up == nil || c.Since.After(up.Since) {
				up = c
			}
		}
	}
	switch {
	case down != nil:
		return Health{Health: sample.Down, Since: down.Since, Reason: reason.New("check_says", "check", down.Check, "why", down.Last.Reason)}
	case up != nil:
		return Health{Health: sample.Up, Since: up.Since}
	case counted == 0:
		return Health{Reason: reason.New("no_check_counts")}
	default:
		return Health{Reason: blind}
	}
}

// suspicious is the evidence from which on a watch that goes on degrades its service.
const suspicious = 20

// degradedByDeploy tells by the newest watch of each kind of deploy whether what runs is bad.
func degradedByDeploy(f ServiceFacts, now time.Time) reason.Reason {
	seen := map[watch.Kind]bool{}
	for i := range f.Watches {
		w := &f.Watches[i]
		if seen[w.Kind] {
			continue
		}
		seen[w.Kind] = true
		if why := w.degrades(now); !why.IsZero() {
			return why
		}
	}
	return reason.Reason{}
}

// degrades says why the deploy is bad; zero when it is not, or is cured.
func (w *Watched) degrades(now time.Time) reason.Reason {
	switch {
	case w.State == watch.Watching && w.EValue() >= suspicious:
		return reason.New("service_deploy_suspect", "version", w.Version)
	case w.State != watch.Failed || now.Sub(w.Ended) >= FailedFor || w.Mark != nil && w.Mark.Kind == watch.MarkWrong:
		return reason.Reason{}
	}
	var rollback reason.Reason
	if w.Rollback != nil {
		if w.Rollback.State == actions.Cured {
			return reason.Reason{}
		}
		rollback = reason.New("run_state_" + string(w.Rollback.State))
	}
	return reason.New("service_deploy_failed", "version", w.Version, "at", w.Ended, "rollback", rollback)
}

// degradedByAlert names the alert that fires for longest, of those that nobody would call well.
func degradedByAlert(f ServiceFacts) reason.Reason {
	var first *rules.Alert
	for i := range f.Alerts {
		al := &f.Alerts[i]
		of := al.Labels["environment"]
		if al.State == rules.Firing && al.Service() == f.Service && (of == "" || of == f.Environment) &&
			(al.FailsWatch || al.Tier == rules.Critical) && (first == nil || al.ActiveAt.Before(first.ActiveAt)) {
			first = al
		}
	}
	if first == nil {
		return reason.Reason{}
	}
	return reason.New("service_alert_fires", "rule", first.Rule, "since", first.ActiveAt, "summary", first.Annotations["summary"])
}

// degradedByFailures names the first check whose looks fail clearly more often than is allowed. It
// does so until the check was up for as many looks as it hardly would be if it failed on like that.
func degradedByFailures(checks []CheckState) reason.Reason {
	for _, c := range checks {
		if !c.Counts || c.Blind {
			continue
		}
		looks, failures, upSince := 0, 0, 0
		for _, h := range c.Recent {
			switch h {
			case sample.Up:
				looks++
				upSince++
			case sample.Down:
				looks++
				failures++
				upSince = 0
			case sample.Unknown:
			}
		}
		before := looks - upSince
		if !(watch.Counts{Looks: before, Failures: failures}).Above(c.FailureRate) {
			continue
		}
		if share := float64(failures) / float64(before); math.Pow(1-share, float64(upSince)) > overChance {
			return reason.New("service_looks_fail", "check", c.Check, "failures", failures, "looks", looks)
		}
	}
	return reason.Reason{}
}

// overChance is the chance that a check which fails on as before was up for so long.
const overChance = 0.05
