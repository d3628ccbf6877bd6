package decide

import (
	"math"
	"slices"
	"time"

	"guardian/actions"
	"guardian/internal/reason"
	"guardian/rules"
	"guardian/watch"
)

// Symptoms gives what failed a watch: its cause, and the checks that were down at the verdict. A
// run that follows from it cured the service when all of them are over.
func Symptoms(w *watch.Watch, v *watch.Verdict) []actions.Symptom {
	var all []actions.Symptom
	switch {
	case v.State != watch.Failed:
		return nil
	case v.ByRule && w.Alert != nil:
		all = append(all, actions.Symptom{
			Kind: actions.SymptomAlert, Name: w.Alert.Rule, Alert: w.Alert.ID, Since: w.Switched, Settles: w.Alert.Settles.Seconds(),
		})
	case v.Metric == watch.Counted, v.Metric == watch.CountedTraffic, v.Metric == watch.CountedNumber:
		all = append(all, countedSymptom(w, v))
	case v.Metric == watch.Latency:
		all = append(all, slowness(w, v))
	}
	for i := range w.Checks {
		c := &w.Checks[i]
		if slices.Contains(v.Failing, c.Check) && !slowAlone(c, v) || c.Check == v.Cause && v.Metric == watch.Failures {
			all = append(all, actions.Symptom{Kind: actions.SymptomCheck, Name: c.Check, Rate: shareSince(c, c.Judged.Failures, c.FirstFailure, v.At)})
		}
	}
	return all
}

// counterSettles is how long a few readings of a counter take.
const counterSettles = 4 * watch.CounterEvery

// slowAlone tells whether a check is only there because it is slow.
func slowAlone(c *watch.CheckState, v *watch.Verdict) bool {
	return v.Metric == watch.Latency && c.Check == v.Cause && c.FailingSince.IsZero()
}

// shareSince is about the share of failures, or of slow looks, of a check since they began to be more
// than chance.
func shareSince(c *watch.CheckState, failures int, first, at time.Time) float64 {
	looks := c.Judged.Looks
	if !first.IsZero() && c.Every > 0 {
		looks = min(looks, int(at.Sub(first)/c.Every)+1)
	}
	return min(float64(failures)/float64(max(looks, 1)), 1)
}

// countedSymptom is the symptom of a counter that fails, of traffic that stops, or of a number.
func countedSymptom(w *watch.Watch, v *watch.Verdict) actions.Symptom {
	s := actions.Symptom{Kind: actions.SymptomCounter, Name: v.Cause, Shops: w.Shops, Settles: counterSettles.Seconds()}
	for _, e := range w.Evidence() {
		switch {
		case e.Check != v.Cause || e.Metric != v.Metric:
		case v.Metric == watch.Counted:
			s.Rate = e.Allowed
		case v.Metric == watch.CountedTraffic:
			s.Kind, s.Limit = actions.SymptomTraffic, e.Limit
		default:
			s.Kind, s.Limit = actions.SymptomNumber, e.Limit
		}
	}
	for i := range w.Counters {
		if c := &w.Counters[i]; c.Name == v.Cause && c.Number != nil {
			s.Lower = c.Number.Lower
		}
	}
	return s
}

// slowness is the symptom of a check that became slow.
func slowness(w *watch.Watch, v *watch.Verdict) actions.Symptom {
	s := actions.Symptom{Kind: actions.SymptomSlow, Name: v.Cause}
	slow := 0
	for _, e := range w.Evidence() {
		if e.Check == v.Cause && e.Metric == watch.Latency {
			s.Limit, slow = e.Limit, e.After.Failures
		}
	}
	for i := range w.Checks {
		if c := &w.Checks[i]; c.Check == v.Cause {
			s.Rate = shareSince(c, slow, c.FirstSlow, v.At)
		}
	}
	return s
}

// alertSymptom is an alert that a run must end.
func alertSymptom(al rules.Alert) actions.Symptom {
	return actions.Symptom{Kind: actions.SymptomAlert, Name: al.Rule, Alert: al.ID, Since: al.ActiveAt, Settles: al.Settles.Seconds()}
}

// worrying gives the symptoms of the alerts of a service that fire since its deploy and that nobody
// would call cured: critical ones, and those that fail watches.
func worrying(service, environment string, since time.Time, open []rules.Alert) []actions.Symptom {
	var all []actions.Symptom
	for _, al := range open {
		if al.State == rules.Firing && watch.Concerns(al, service, environment, nil) && (al.FailsWatch || al.Tier == rules.Critical) && al.ActiveAt.After(since) {
			all = append(all, alertSymptom(al))
		}
	}
	return all
}

// AlertProof tells by the alerts that are pending and firing now whether a run's alert is resolved:
// itself, and all of its rule and service that began since the deploy.
func AlertProof(run actions.Run, s actions.Symptom, open []rules.Alert) actions.CheckResult {
	for _, al := range open {
		same := al.ID == s.Alert || al.Rule == s.Name && al.Service() == run.Service && !s.Since.IsZero() && al.ActiveAt.After(s.Since)
		if !same || al.State == rules.Resolved {
			continue
		}
		code := "alert_still_firing"
		if al.State == rules.Pending {
			code = "alert_still_pending"
		}
		return actions.CheckResult{Health: "down", Reason: reason.New(code, "rule", al.Rule, "since", al.ActiveAt, "summary", al.Annotations["summary"])}
	}
	return actions.CheckResult{Health: "up", Reason: reason.New("alert_over", "rule", s.Name)}
}

// CountedProof tells by two readings whether a counter, its traffic or a number is again as is
// tolerated.
func CountedProof(s actions.Symptom, before, now watch.Reading) actions.CheckResult {
	switch s.Kind {
	case actions.SymptomTraffic:
		return trafficProof(s, before, now)
	case actions.SymptomNumber:
		return numberProof(s, now)
	default:
		return counterProof(s, before, now)
	}
}

// trafficProof tells whether a total grows as fast as it must. That it does not is only said of a
// minute and more: orders come unevenly.
func trafficProof(s actions.Symptom, before, now watch.Reading) actions.CheckResult {
	_, total := now.Since(before, s.Shops)
	took := now.At.Sub(before.At)
	expected := s.Limit * took.Seconds()
	switch {
	case total > 0 && total >= expected:
		return actions.CheckResult{Health: "up", Reason: reason.New("traffic_is_back", "counter", s.Name, "total", total, "since", before.At)}
	case took < counterSettles:
		return actions.CheckResult{Health: "unknown", Reason: reason.New("counter_counts_nothing", "counter", s.Name, "since", before.At)}
	default:
		return actions.CheckResult{Health: "down", Excess: expected / max(total, 1), Reason: reason.New("traffic_still_low",
			"counter", s.Name, "total", total, "since", before.At, "expected", math.Ceil(expected))}
	}
}

// numberProof tells whether a number is within its limit.
func numberProof(s actions.Symptom, now watch.Reading) actions.CheckResult {
	value, ok := now.Worst(s.Lower, s.Shops)
	switch {
	case !ok:
		return actions.CheckResult{Health: "unknown", Reason: reason.New("number_has_no_value", "number", s.Name)}
	case s.Lower && value < s.Limit, !s.Lower && value > s.Limit:
		return actions.CheckResult{
			Health: "down", Excess: beyond(s, value), Reason: reason.New("number_still_beyond", "number", s.Name, "value", value, "limit", s.Limit),
		}
	default:
		return actions.CheckResult{Health: "up", Reason: reason.New("number_is_back", "number", s.Name, "value", value)}
	}
}

// leastTolerated is the share of failures from which on an excess is reckoned where less is tolerated.
const leastTolerated = 0.001

// beyond is how many times its limit a number is, or of a lower limit the limit the number; 0: that has no
// meaning, because one of them is not above zero.
func beyond(s actions.Symptom, value float64) float64 {
	switch {
	case value <= 0 || s.Limit <= 0:
		return 0
	case s.Lower:
		return s.Limit / value
	default:
		return value / s.Limit
	}
}

// QueryOf gives the number that a query of a runbook asks for.
func QueryOf(s actions.Symptom) watch.CounterSettings {
	m := watch.DefaultCounter()
	m.Name, m.Value, m.Source = s.Name, s.Query, s.Source
	if s.Lower {
		m.Worse = watch.Lower
	}
	return m
}

// QueryProof tells whether a query's worst value is within its limit. Without a value nothing is known.
func QueryProof(s actions.Symptom, now watch.Reading) actions.CheckResult {
	value, ok := now.Worst(s.Lower, nil)
	side := "query_at_most"
	if s.Lower {
		side = "query_at_least"
	}
	switch {
	case !ok || math.IsNaN(value):
		return actions.CheckResult{Health: "unknown", Reason: reason.New("number_has_no_value", "number", s.Name)}
	case s.Lower && value < s.Limit, !s.Lower && value > s.Limit:
		return actions.CheckResult{Health: "down", Reason: reason.New("query_fails", "value", value, "wanted", reason.New(side, "limit", s.Limit))}
	default:
		return actions.CheckResult{Health: "up", Reason: reason.New("query_holds", "value", value, "wanted", reason.New(side, "limit", s.Limit))}
	}
}

// counterProof tells whether a counter counts, and fails no more than is tolerated. Where nothing
// was counted, nothing is known.
func counterProof(s actions.Symptom, before, now watch.Reading) actions.CheckResult {
	failures, total := now.Since(before, s.Shops)
	if !(total > 0) {
		return actions.CheckResult{Health: "unknown", Reason: reason.New("counter_counts_nothing", "counter", s.Name, "since", before.At)}
	}
	if failures > total*s.Rate {
		return actions.CheckResult{Health: "down", Excess: failures / total / max(s.Rate, leastTolerated), Reason: reason.New("counter_still_fails",
			"counter", s.Name, "failures", failures, "total", total, "since", before.At, "allowed", s.Rate)}
	}
	return actions.CheckResult{Health: "up", Reason: reason.New("counter_counts", "counter", s.Name, "failures", failures, "total", total, "since", before.At)}
}
