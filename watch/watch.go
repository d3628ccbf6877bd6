package watch

import (
	"slices"
	"time"

	"guardian/internal/reason"
	"guardian/probes/sample"
	"guardian/watch/judge"
)

// Policy is how a service's deploys are watched.
type Policy struct {
	For      time.Duration `json:"for"`       // the watch's length; default 30m
	Mode     Mode          `json:"mode"`      // default approve
	Alpha    float64       `json:"alpha"`     // chance of a false rollback, default 0.001; (0, 0.5)
	Grace    time.Duration `json:"grace"`     // after the switch, not judged; default 0
	MaxBlind time.Duration `json:"max_blind"` // how long blindness may stop the clock in total; default 10m
	// MinSamples is how many judged looks a Passed verdict needs in total; default 10.
	MinSamples int `json:"min_samples"`
	// Ratio and Delta are how much worse than before a deploy may make a check: a failure rate
	// of Ratio·before + Delta; defaults 1.5 and 0.005.
	Ratio float64 `json:"ratio"`
	Delta float64 `json:"delta"`
	// FastFailureRate is the failure rate of a clearly bad deploy: the fast phase ends when looks
	// show a lower one. FastMissRate is the chance that a worse deploy ends it all the same, and
	// FastMinDuration how long it lasts at least; defaults 0.2, 0.01 and 5m. FastMissRate 0:
	// there is no fast phase.
	FastFailureRate float64       `json:"bad"`
	FastMissRate    float64       `json:"beta"`
	FastMinDuration time.Duration `json:"soak"`
	// LatencyShare is the part of a check's evidence that comes from its durations; 0: they are
	// not judged. A look is slow when it takes longer than a percentile of before by both the
	// ratio and the delta. LatencyDelta 0: 20 ms, or as much as durations spread anyway.
	LatencyShare float64       `json:"latency_share,omitempty"`
	LatencyRatio float64       `json:"latency_ratio,omitempty"`
	LatencyDelta time.Duration `json:"latency_delta,omitempty"`
}

// CheckPolicy is the part of a check's configuration that a watch needs.
type CheckPolicy struct {
	Check       string            `json:"check"`
	Kind        string            `json:"kind,omitempty"`   // of probe
	Labels      map[string]string `json:"labels,omitempty"` // shop, marketplace, …: a deploy to some shops is judged on those
	Path        string            `json:"path,omitempty"`   // its network path
	FailureRate float64           `json:"failure_rate"`     // allowed, default 0.01; (0, 0.5]
	// FailureRateSet: FailureRate is configured. Otherwise a long and quiet history lowers it.
	FailureRateSet bool          `json:"failure_rate_set,omitempty"`
	Weight         float64       `json:"weight"` // relative; default 1
	Every          time.Duration `json:"every"`  // interval; blind without a result for BlindAfter(Every)
}

// Snapshot is the state before the deploy.
type Snapshot struct {
	// Rechecks count how failures went on at the recheck interval, by check.
	Rechecks map[string]RecheckStats `json:"follow_ups,omitempty"`

	Health map[string]sample.Health `json:"health"` // by check
	Before map[string]Counts        `json:"before"` // by check: looks of the last hours
	// Baselines are the baselines by check. A check without one is compared with Before or, with
	// too few looks there, with its allowed failure rate.
	Baselines map[string]Baseline `json:"baselines,omitempty"`
	// Counters are the service's counters with their histories.
	Counters []CounterBefore `json:"counters,omitempty"`
	// Peers are checks of other services on the same marketplaces that were up before the
	// deploy; Open moves them to Watch.Peers.
	Peers []CheckPolicy `json:"peers,omitempty"`
	// Controls are the control targets; Open moves them to Watch.Targets.
	Controls []CheckPolicy `json:"controls,omitempty"`
	// Begin is where the watch begins; Open moves it to Watch.Begin.
	Begin Beginning `json:"-"`
}

// Counts are looks and failures.
type Counts struct {
	Looks    int `json:"looks"`
	Failures int `json:"failures"`
	Unknown  int `json:"unknown,omitempty"`
}

// Evidence is the evidence of one check, counter or rule, in numbers that a person can verify.
type Evidence struct {
	Check  string `json:"check"`  // or the alert's name
	Metric string `json:"metric"` // Failures, Latency (its "failures" are looks over Limit) or "alert"
	Before Counts `json:"before"`
	After  Counts `json:"after"`
	// BeforeRange and AfterRange are the 95 % confidence intervals of the failure rates.
	BeforeRange *Range  `json:"before_range,omitempty"`
	AfterRange  *Range  `json:"after_range,omitempty"`
	Allowed     float64 `json:"allowed,omitempty"` // the failure rate that is tolerated, about
	Limit       float64 `json:"limit,omitempty"`   // seconds, of Latency
	// Longer counts the looks that took longer than Notable, in seconds, but not longer than Limit:
	// slower than before, though not by enough to count.
	Notable float64 `json:"notable,omitempty"`
	Longer  int     `json:"longer,omitempty"`
	// Control counts the looks at shops without the deploy, if it is compared with them.
	Control *Counts `json:"control,omitempty"`
	// NotCounted are failures while a control was down or blind.
	NotCounted int           `json:"not_counted,omitempty"`
	EValue     float64       `json:"e_value"` // capped at 1e300
	Weight     float64       `json:"weight,omitempty"`
	Samples    int           `json:"samples"`          // judged looks
	Excused    reason.Reason `json:"excused,omitzero"` // why it does not count: "red before the deploy", …
	Reason     reason.Reason `json:"reason,omitzero"`  // the last failure
	// Since is when its failures began; zero when there were none.
	Since time.Time `json:"since,omitzero"`
}

// Verdict is how a watch ended.
type Verdict struct {
	State  State         `json:"state"`
	Reason reason.Reason `json:"reason"`
	At     time.Time     `json:"at"`
	// Cause is the check, counter or rule with the most evidence; "" without any.
	Cause string `json:"cause,omitempty"`
	// Metric is the metric of the cause with the most evidence: Failures, Latency or Counted.
	Metric string `json:"metric,omitempty"`
	// ByRule is true when a rule failed the watch, to which the guarantee does not apply.
	ByRule bool `json:"by_rule,omitempty"`
	// Failing lists the checks that a rollback must cure.
	Failing []string `json:"failing,omitempty"`
	// TakenBackBy is the rollback that ended the watch by putting another version in place; "":
	// none did.
	TakenBackBy string `json:"taken_back_by,omitempty"`
	// ByKind is the kind of the deploy that superseded the watch, where it is another than the
	// watch's.
	ByKind Kind `json:"by_kind,omitempty"`
	// Doubt is why a person is asked before this is acted on, also in mode auto; see
	// Beginning.Doubt.
	Doubt reason.Reason `json:"doubt,omitzero"`
}

// Watch is the observation of one deploy until a verdict. It is a value: a watch that was stored
// as JSON and read back gives the same verdict at the same observation. It is not safe for
// concurrent use.
type Watch struct {
	ID              string   `json:"id"` // made by the caller of Open
	DeployID        string   `json:"deploy"`
	Service         string   `json:"service"`
	Environment     string   `json:"environment"`
	Version         string   `json:"version"`
	PreviousVersion string   `json:"previous_version,omitempty"`
	Shops           []string `json:"shops,omitempty"` // empty: all
	Kind            Kind     `json:"kind"`
	Drill           string   `json:"drill,omitempty"` // see Deploy

	Mode Mode `json:"mode"`
	// ModeReason says why Mode is not the policy's; zero when it is.
	ModeReason reason.Reason `json:"mode_reason,omitzero"`
	Policy     Policy        `json:"policy"`

	State    State     `json:"state"`
	Switched time.Time `json:"switched"` // when the deploy happened, as far as is known
	Started  time.Time `json:"started"`  // the later of the switch and its announcement
	From     time.Time `json:"from"`     // switch and grace: looks that began before it are not judged
	Deadline time.Time `json:"deadline"` // Started, Policy.For and Suspended
	Ended    time.Time `json:"ended,omitzero"`
	// Suspended is how long blindness stopped the clock, up to Policy.MaxBlind; BlindFrom is
	// when the current blindness began.
	Suspended time.Duration `json:"suspended,omitempty"`
	BlindFrom time.Time     `json:"blind_from,omitzero"`
	// FastPassed is when the fast phase was passed; zero before. The watch goes on until its
	// deadline, for faults that begin later; only then is the version known good.
	FastPassed time.Time `json:"fast_passed,omitzero"`

	Snapshot Snapshot `json:"snapshot"`
	// RollingOut: the deploy has begun, and its end is to be announced.
	RollingOut bool `json:"rolling_out,omitempty"`
	// Unsure: it is not known whether the deploy happened.
	Unsure bool `json:"unsure,omitempty"`
	// Withdrawn: nothing was deployed.
	Withdrawn bool `json:"withdrawn,omitempty"`
	// Begin says how Switched and From were found, and where "before" ends.
	Begin Beginning `json:"begin,omitzero"`
	// Checks are those that the deploy is judged on, in the order given to Open.
	Checks []CheckState `json:"checks"`
	// Others are checks of the service at shops without the deploy.
	Others []CheckPolicy `json:"others,omitempty"`
	// Peers are checks of other services on the same marketplaces: what they see too is not this
	// deploy's.
	Peers []CheckPolicy `json:"peers,omitempty"`
	// Counters are the counters of the service that other systems keep.
	Counters []Counter `json:"counters,omitempty"`
	// Targets are the control targets; Unfit names those that were not up before the deploy.
	Targets []Target `json:"targets,omitempty"`
	Unfit   []string `json:"unfit,omitempty"`
	// Overlaps are other deploys that may be the cause of what is seen; see Causes.
	Overlaps []Overlap `json:"overlaps,omitempty"`
	// Trace is the evidence over time.
	Trace Trace `json:"trace,omitzero"`
	// Alert is the alert that failed the watch.
	Alert *RuleEvidence `json:"alert,omitempty"`

	Verdict *Verdict `json:"verdict,omitempty"`
	// Reason is the verdict's reason; zero while watching, see Standing.
	Reason reason.Reason `json:"reason,omitzero"`
	// Seq grows with every change, so that a store can recognise the newer of two values.
	Seq int64 `json:"seq"`
}

// CheckState is the state of one check in a watch.
type CheckState struct {
	CheckPolicy
	// Share is its part of the evidence, see Watch.EValue. Shares add up to 1 until Extend.
	Share   float64   `json:"share"`
	From    time.Time `json:"from"`    // looks that began before it are not judged
	Horizon int       `json:"horizon"` // planned looks
	// Allowed is, about, the failure rate that is tolerated: FailureRate, or more if it failed
	// more often before the deploy.
	Allowed float64  `json:"allowed"`
	Metrics []Metric `json:"metrics,omitempty"` // the evidence; the first is Failures
	Judged  Counts   `json:"judged"`            // judged looks
	After   Counts   `json:"after"`             // all looks since From, judged or not
	// Answered counts the looks since From that say how the deployed version does: all but
	// rechecks, those of the previous version, and those while no control was up. Lately counts
	// those of them in the last quarter of the watch, from LateFrom on.
	Answered Counts    `json:"answered,omitzero"`
	Lately   Counts    `json:"lately,omitzero"`
	LateFrom time.Time `json:"late_from,omitzero"`
	// Stretch counts those of them from the first failure to the last, FailedFrom and FailedTo;
	// Good those since the last failure.
	Stretch    Counts    `json:"stretch,omitzero"`
	Good       int       `json:"good,omitempty"`
	FailedFrom time.Time `json:"failed_from,omitzero"`
	FailedTo   time.Time `json:"failed_to,omitzero"`
	// LastAnswered is when the last of them began.
	LastAnswered time.Time `json:"last_answered,omitzero"`
	// Held are looks that are held back until their controls were looked at; NotCounted are
	// failures while no control was up.
	Held       []look `json:"held,omitempty"`
	NotCounted int    `json:"not_counted,omitempty"`
	// FastFailureRate and Tempering are for the test of the fast phase, see judge.Pass.
	FastFailureRate float64 `json:"bad,omitempty"`
	Tempering       float64 `json:"tempering,omitempty"`
	// Excused is why it is not judged (yet): it was down or unknown before the deploy and has
	// not been up since; "" when it is judged.
	Excused Excuse `json:"excused,omitempty"`
	// AnsweredOld is when another version answered last.
	AnsweredOld time.Time `json:"answered_old,omitzero"`

	Health     sample.Health `json:"health"`               // of the last look
	LastAt     time.Time     `json:"last_at,omitzero"`     // when the last look began
	LastKnown  time.Time     `json:"last_known,omitzero"`  // when the last look began that was not Unknown
	LastJudged time.Time     `json:"last_judged,omitzero"` // when the last judged look began
	// LastJudgedDown is true when that look was a failure.
	LastJudgedDown bool          `json:"last_judged_down,omitempty"`
	LastReason     reason.Reason `json:"last_reason,omitzero"`
	LastFailure    time.Time     `json:"last_failure,omitzero"`
	// FirstFailure is when failures began to be more than chance, as Onset estimates it; zero when
	// they are not.
	FirstFailure time.Time   `json:"first_failure,omitzero"`
	Onset        judge.Onset `json:"onset,omitempty"`
	// FirstSlow and SlowOnset are the same for its durations.
	FirstSlow time.Time   `json:"first_slow,omitzero"`
	SlowOnset judge.Onset `json:"slow_onset,omitempty"`
	// FailingSince is when it went from up to down; zero unless the last known look was Down.
	FailingSince time.Time `json:"failing_since,omitzero"`
	// BlindReason is the reason of the last look if that was Unknown.
	BlindReason reason.Reason `json:"blind_reason,omitzero"`
	// Current and Previous count looks that the deployed and the previous version visibly
	// answered.
	Current  int `json:"current,omitempty"`
	Previous int `json:"previous,omitempty"`
	// Strange counts looks that any other version answered; StrangeVersion is the last of these.
	Strange        int    `json:"strange,omitempty"`
	StrangeVersion string `json:"strange_version,omitempty"`
}

// RuleEvidence is the alert that failed a watch.
type RuleEvidence struct {
	ID       string    `json:"id"`
	Rule     string    `json:"rule"`
	Expr     string    `json:"expr,omitempty"`
	Summary  string    `json:"summary,omitempty"`
	Value    float64   `json:"value"`
	ActiveAt time.Time `json:"active_at"`
	FiredAt  time.Time `json:"fired_at,omitzero"`
	// Settles is how long it may fire on after its cause is gone.
	Settles time.Duration `json:"settles,omitempty"`
}

// Clone gives a copy that shares nothing that either of them changes.
func (w *Watch) Clone() Watch {
	c := *w
	c.Shops = slices.Clone(w.Shops)
	c.Checks = slices.Clone(w.Checks)
	for i := range c.Checks {
		s := &c.Checks[i]
		s.Held = slices.Clone(s.Held)
		s.Metrics = slices.Clone(s.Metrics)
		for j := range s.Metrics {
			s.Metrics[j] = s.Metrics[j].clone()
		}
	}
	c.Others, c.Peers = slices.Clone(w.Others), slices.Clone(w.Peers)
	c.Counters = slices.Clone(w.Counters)
	for i := range c.Counters {
		c.Counters[i].own()
	}
	c.Targets = slices.Clone(w.Targets)
	c.Overlaps = slices.Clone(w.Overlaps)
	c.Trace.Points = slices.Clone(w.Trace.Points)
	if w.Verdict != nil {
		v := *w.Verdict
		c.Verdict = &v
	}
	return c
}
