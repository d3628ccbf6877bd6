package server

import (
	"context"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"guardian/actions"
	"guardian/internal/reason"
	"guardian/probes"
	"guardian/probes/sample"
	"guardian/rules"
	"guardian/watch"
)

// Backend is everything that the server asks of the process that it lives in. It is the sum
// of small interfaces, so that each handler shows what it needs. Methods are called
// concurrently, honour ctx, and report what the caller did wrong with the errors of this
// package (see errors.go).
type Backend interface {
	Tokens
	Services
	Checks
	Deploys
	Watches
	Runs
	Alerts
	Rules
	Queries
	Reports
	Scores
	Journal
	Heartbeats
	Calls
	Process
}

// Role is what a caller may do; each includes the ones before it.
type Role string

// The roles.
const (
	Viewer   Role = "viewer"   // reads
	Deployer Role = "deployer" // announces deploys, cancels watches, reports heartbeats and calls, writes samples
	Approver Role = "approver" // starts, answers and aborts runs, silences, acknowledges
	Admin    Role = "admin"    // reloads
)

// Roles lists the roles, the least first.
func Roles() []Role { return []Role{Viewer, Deployer, Approver, Admin} }

// Includes tells whether who has role r may do what needs the role need.
func (r Role) Includes(need Role) bool {
	have, want := -1, len(Roles())
	for i, known := range Roles() {
		if known == r {
			have = i
		}
		if known == need {
			want = i
		}
	}
	return have >= want
}

// Caller is who calls: a token's name, or "loopback" where no tokens are configured.
type Caller struct {
	Name string
	Role Role
}

// Tokens knows who may call.
type Tokens interface {
	// Secured tells whether any token exists. Without one the app listens on loopback only
	// and everybody there is admin.
	Secured(ctx context.Context) (bool, error)
	// Authenticate gives the owner of the token with this hash (see HashToken), or
	// ErrUnauthenticated for one that is unknown or revoked.
	Authenticate(ctx context.Context, hash string) (Caller, error)
}

// Filter narrows a list. The zero value asks for everything.
type Filter struct {
	Service     string
	Environment string
	State       string
	Trigger     string    // runs only: verdict, alert, person or drill
	Open        bool      // only what is not final
	Since       time.Time // only what began at or after it
	Limit       int       // always > 0 when it comes from the server; at most 1000
}

// Services knows what is guarded and how it is.
type Services interface {
	// ServiceList gives every service in the order of the configuration, without samples.
	ServiceList(ctx context.Context) ([]Service, error)
	// Looks gives what the checks of a service saw in [from, to], by check, oldest first and
	// at most limit each: when there are more, looks that were Up may be thinned out, never
	// the others.
	Looks(ctx context.Context, service string, from, to time.Time, limit int) (map[string][]Look, error)
	// Gate tells whether the service may be deployed now.
	Gate(ctx context.Context, service, environment string) (Gate, error)
}

// Service is one service as the pages show it.
type Service struct {
	Name        string
	Environment string
	Health      sample.Health
	Since       time.Time // since when it has this health; zero: not known
	Reason      string    // why it is Down or Unknown, in English
	Version     string    // what is believed to run; "" when nothing was announced
	KnownGood   []string  // newest first
	Mode        watch.Mode
	Checks      []Check
	// Objective is the promised availability, (0, 1]; 0: none was promised.
	Objective float64
	// Availability of this calendar month so far, [0, 1]; negative: not known yet.
	Availability float64
	// BudgetLeft is the share of this month's error budget that is left, at most 1, negative
	// when it is overspent; meaningless without an objective.
	BudgetLeft float64
	Gate       Gate
}

// Check is one check with the last it saw.
type Check struct {
	Name   string
	Kind   string
	Labels map[string]string
	Every  time.Duration // mean time between looks
	Last   *sample.Sample
	Since  time.Time // since when it has its health; zero: not known
}

// Look is one look, without its values.
type Look struct {
	At       time.Time
	Health   sample.Health
	Duration time.Duration
	Reason   string
}

// Checks knows what single checks saw.
type Checks interface {
	// CheckDetail gives one check with its last looks; a NotFoundError when there is none.
	CheckDetail(ctx context.Context, name string) (CheckDetail, error)
}

// CheckDetail is one check with all that is known of it.
type CheckDetail struct {
	Check
	Service    string
	Timeout    time.Duration
	Path       string // the network path on which it looks
	Control    bool   // it is a control of that path
	Judges     bool   // deploys are judged on it
	Counts     bool   // it counts in the report
	Retries    int    // tries within a look beyond the first
	BurstEvery time.Duration
	BurstFor   time.Duration
	FollowUps  watch.FollowUps
	Blind      string    // why it cannot look now; "" when it can
	BlindSince time.Time // zero when it can
	Settings   []Setting // of its kind, without secrets
	// Looks are its last looks, Failures those that were not Up, which are kept for longer;
	// newest first.
	Looks, Failures []LookDetail
}

// Setting is one line of a configuration, without secrets.
type Setting struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// LookDetail is one look with what it saw, without secrets.
type LookDetail struct {
	At       time.Time
	Duration time.Duration
	Health   sample.Health
	Raised   bool // made between scheduled ones because the check had failed
	Reason   string
	Version  string
	Values   []LookValue
	Detail   string // status line, headers and the beginning of the body, or what else was seen
}

// LookValue is a number that a look measured. Of is what its labels say beyond the check's.
type LookValue struct {
	Name string  `json:"name"`
	Of   string  `json:"of,omitempty"`
	V    float64 `json:"value"`
}

// Gate says whether a service may be deployed now, and if not, why.
type Gate struct {
	Open    bool         `json:"open"`
	Reasons []GateReason `json:"reasons"`
}

// GateReason is one reason for which a gate is closed.
type GateReason = watch.GateReason

// Deploys takes announcements of deploys.
type Deploys interface {
	// Announce journals a deploy and opens or extends its watch. The answer of a repeated
	// IdempotencyKey with the same BodyHash is the journalled first one; with another
	// BodyHash it is ErrIdempotencyMismatch. Two calls at once with one key announce once.
	// Refusals (NotFoundError, GateClosedError, InvalidError) are not kept: the same key may
	// be tried again.
	Announce(ctx context.Context, r DeployRequest, by Caller) (Announced, error)
	// DeployList gives deploys, newest first.
	DeployList(ctx context.Context, f Filter) ([]watch.Deploy, error)
}

// DeployRequest is the body of the post-deploy hook. What is left out is the zero value,
// except Reversible, which is true, and Environment, which is "production".
type DeployRequest struct {
	Service         string
	Version         string
	PreviousVersion string
	Environment     string
	Shops           []string
	KnownGood       bool
	Kind            watch.Kind // "" when left out: code
	Author          string
	Ticket          string
	URL             string
	Reversible      bool
	At              time.Time     // zero when left out: now
	WatchFor        time.Duration // 0 when left out: the service's
	WatchMode       watch.Mode    // "" when left out: the service's

	IdempotencyKey string // "" when there was none
	BodyHash       string // SHA-256 of the body, hex
}

// Announced is the answer to an announcement. It round-trips through JSON, so that the
// journal can keep it beside the idempotency key.
type Announced struct {
	Deploy watch.Deploy `json:"deploy"`
	Watch  Watch        `json:"watch"`
}

// Watches reads and cancels watches.
type Watches interface {
	// WatchList gives watches, newest first.
	WatchList(ctx context.Context, f Filter) ([]Watch, error)
	// Watch gives one watch, as soon as it is final or wait is over, whichever is first.
	Watch(ctx context.Context, id string, wait time.Duration) (Watch, error)
	// CancelWatch ends a watch without a verdict; ErrConflict when it is final already.
	CancelWatch(ctx context.Context, id string, by Caller) (Watch, error)
}

// Watch is a watch with its deploy, its evidence and what it led to.
type Watch struct {
	ID     string       `json:"id"`
	Deploy watch.Deploy `json:"deploy"`
	State  watch.State  `json:"state"`
	Mode   watch.Mode   `json:"mode"`
	// ModeReason says why Mode is not the service's; zero when it is.
	ModeReason reason.Reason    `json:"mode_reason,omitzero"`
	Reason     reason.Reason    `json:"reason,omitzero"`
	Started    time.Time        `json:"started"`
	Deadline   time.Time        `json:"deadline"`
	Ended      time.Time        `json:"ended,omitzero"`
	Alpha      float64          `json:"false_rollback,omitempty"` // the chance of a false rollback
	Verdict    *watch.Verdict   `json:"verdict,omitempty"`
	Evidence   []watch.Evidence `json:"evidence"`
	// EValue is the evidence of all checks together, and Trace what it was over time; at
	// Threshold the deploy fails.
	EValue    float64       `json:"e_value"`
	Threshold float64       `json:"threshold,omitempty"`
	Trace     []watch.Point `json:"trace,omitempty"`
	// FastPassed is when the watch passed its fast phase; it goes on until its deadline.
	FastPassed time.Time `json:"fast_passed,omitzero"`
	// Suspended is for how many seconds blindness has stopped the clock.
	Suspended float64 `json:"suspended_seconds,omitempty"`
	// Overlaps are deploys of other services meanwhile: possible causes too.
	Overlaps []watch.Overlap `json:"overlaps,omitempty"`
	// NotCovered says what the guarantee does not cover.
	NotCovered reason.Reason `json:"not_covered,omitzero"`
	Blind      []string      `json:"blind,omitempty"` // checks that cannot look now
	Rollback   *actions.Run  `json:"rollback"`        // null when none was started
	// Plan is what the Failed verdict led to, or in mode observe would have.
	Plan *Plan `json:"plan,omitempty"`
	Mark *Mark `json:"mark,omitempty"` // what a person said about the verdict
}

// Runs reads, starts and answers runs of runbooks.
type Runs interface {
	// RunList gives runs, newest first.
	RunList(ctx context.Context, f Filter) ([]actions.Run, error)
	// Run gives one run with its ledger, as soon as it is final or wait is over.
	Run(ctx context.Context, id string, wait time.Duration) (RunDetail, error)
	// StartRun starts a rollback that a person asks for. A guard that says no is an error of
	// kind ErrConflict, or a run in state refused.
	StartRun(ctx context.Context, r RunRequest, by Caller) (actions.Run, error)
	// AnswerRun answers a run's question; ErrConflict when it asks nothing of the kind.
	AnswerRun(ctx context.Context, id string, a RunAnswer, by Caller) (actions.Run, error)
}

// RunDetail is a run with what the ledger says of it, oldest first.
type RunDetail struct {
	Run    actions.Run
	Ledger []actions.Entry
}

// RunRequest asks for a rollback.
type RunRequest struct {
	Service     string
	Environment string // "production" when left out
	To          string // "": the newest known good version
	Reason      string
}

// RunAnswer is what a person says to a run.
type RunAnswer struct {
	Decision Decision
	Note     string
}

// Decision is what a person decides about a run.
type Decision string

// The decisions.
const (
	ApproveRun Decision = "approve" // yes, do it
	RejectRun  Decision = "reject"  // no, leave it
	StepDone   Decision = "done"    // the step in doubt did happen
	StepRepeat Decision = "repeat"  // it did not: do it again
	AbortRun   Decision = "abort"   // stop here
)

// Alerts reads alerts and keeps people's words about them.
type Alerts interface {
	// AlertList gives pending and firing alerts and those resolved in the last day.
	AlertList(ctx context.Context) ([]Alert, error)
	// AckAlert says that somebody is on it; ErrNotFound when it is not open.
	AckAlert(ctx context.Context, id, note string, by Caller) (Ack, error)
	UnackAlert(ctx context.Context, id string, by Caller) error
	// SilenceList gives active and coming silences, and those that ended in the last day.
	SilenceList(ctx context.Context) ([]Silence, error)
	CreateSilence(ctx context.Context, r SilenceRequest, by Caller) (Silence, error)
	ExpireSilence(ctx context.Context, id string, by Caller) error
}

// Alert is an alert with what people said about it.
type Alert struct {
	rules.Alert
	Silences []string `json:"silences,omitempty"` // IDs of the active silences that match it
	Ack      *Ack     `json:"ack,omitempty"`
	Run      string   `json:"run,omitempty"` // the run that it triggered
}

// Ack is somebody's word that they are on it.
type Ack struct {
	Alert string    `json:"alert"`
	By    string    `json:"by"`
	At    time.Time `json:"at"`
	Note  string    `json:"note,omitempty"`
}

// Silence keeps notices of matching alerts quiet for a time.
type Silence struct {
	ID       string    `json:"id"`
	Matchers []string  `json:"matchers"` // as PromQL writes them: service="order-sync"; all must match
	From     time.Time `json:"from"`
	Until    time.Time `json:"until"`
	By       string    `json:"by"`
	Comment  string    `json:"comment"`
	Created  time.Time `json:"created"`
}

// SilenceRequest asks for a silence. The server has parsed the matchers once, so they are
// well-formed, and there is at least one.
type SilenceRequest struct {
	Matchers []string
	From     time.Time // zero: now
	Until    time.Time
	Comment  string
}

// Rules reads the rules that are evaluated.
type Rules interface {
	RuleGroups(ctx context.Context) ([]RuleGroup, error)
}

// RuleGroup is one group of a rule file.
type RuleGroup struct {
	Name           string
	File           string
	Interval       time.Duration
	Limit          int
	EvaluationTime time.Duration // how long the last evaluation took
	LastEvaluation time.Time
	Rules          []Rule
}

// Rule is one rule: alerting when Alerting is true, else recording.
type Rule struct {
	Alerting       bool
	Name           string // alert or record
	Query          string
	For            time.Duration
	KeepFiringFor  time.Duration
	Labels         map[string]string
	Annotations    map[string]string
	Health         string // ok, err, unknown
	LastError      string
	EvaluationTime time.Duration
	LastEvaluation time.Time
	Alerts         []rules.Alert // its pending and firing alerts
}

// Queries answers PromQL. Selectors were parsed once, so they are well-formed. Errors of the
// parser and of promql (ErrQueryTimeout, ErrTooManySamples, …) become Prometheus' own answers.
type Queries interface {
	Query(ctx context.Context, expr string, at time.Time) (QueryResult, error)
	QueryRange(ctx context.Context, expr string, start, end time.Time, step time.Duration) (QueryResult, error)
	// Series, LabelNames and LabelValues look at series that match any of the selectors; no
	// selector means all (Series always has one). limit 0 means no limit.
	Series(ctx context.Context, selectors []string, start, end time.Time, limit int) ([]labels.Labels, error)
	LabelNames(ctx context.Context, selectors []string, start, end time.Time, limit int) ([]string, error)
	LabelValues(ctx context.Context, name string, selectors []string, start, end time.Time, limit int) ([]string, error)
	// Metadata says what metrics are, by name.
	Metadata(ctx context.Context) (map[string]Metadata, error)
}

// Metadata is what is known of a metric, as Prometheus' API tells it.
type Metadata struct {
	Type string `json:"type"` // counter, gauge, histogram, …, unknown
	Help string `json:"help"`
	Unit string `json:"unit"`
}

// QueryResult is what a query gave: a promql.Vector, Matrix, Scalar or String.
type QueryResult struct {
	Value    parser.Value
	Warnings []string
	Infos    []string
}

// Journal reads what happened.
type Journal interface {
	// Entries gives entries, newest first.
	Entries(ctx context.Context, f JournalFilter) (JournalPage, error)
}

// JournalFilter narrows the journal.
type JournalFilter struct {
	Service string
	Before  string // JournalPage.Next of the page before; "" for the newest
	Limit   int
}

// JournalPage is a stretch of the journal. Next is "" at its end.
type JournalPage struct {
	Entries []JournalEntry `json:"entries"`
	Next    string         `json:"next,omitempty"`
}

// JournalEntry is one thing that happened.
type JournalEntry struct {
	At      time.Time `json:"at"`
	Who     string    `json:"who"`  // a token's name, or "guardian"
	What    string    `json:"what"` // deploy, verdict, run, approve, reload, silence, …
	Subject string    `json:"subject,omitempty"`
	Detail  string    `json:"detail,omitempty"`
	// Path is the page about it, such as /watches/w_1; "" when there is none.
	Path string `json:"path,omitempty"`
}

// Heartbeats takes jobs' reports.
type Heartbeats interface {
	// Beat keeps a report; ErrNotFound when no heartbeat check has this name.
	Beat(ctx context.Context, b probes.Heartbeat, by Caller) error
}

// Process is the guardian itself.
type Process interface {
	Status(ctx context.Context) (Status, error)
	// Reload loads the configuration anew; on a mistake nothing changes and the error is a
	// MistakesError.
	Reload(ctx context.Context, by Caller) error
}

// Status is how the guardian is.
type Status struct {
	Version string `json:"version"`
	// Ready: it serves what it knows. A standby is ready.
	Ready bool `json:"ready"`
	// Role is active, standby or starting.
	Role       string    `json:"role"`
	Reason     string    `json:"reason,omitempty"` // why it is not ready, or not active
	Holder     string    `json:"holder,omitempty"` // who holds the lease
	Started    time.Time `json:"started"`
	Loaded     time.Time `json:"config_loaded"`               // when the running configuration was loaded
	LoadError  string    `json:"config_error,omitempty"`      // of the last reload, when it failed
	Checks     int       `json:"checks"`                      // configured
	Blind      []string  `json:"blind"`                       // checks that cannot look
	Queued     int       `json:"notices_queued"`              // notices not yet delivered
	GivenUp    int       `json:"notices_given_up"`            // in the last day
	LastNotice time.Time `json:"last_notice_at,omitzero"`     // last delivered
	Storage    string    `json:"storage"`                     // sqlite or postgres
	StorageErr string    `json:"storage_error,omitempty"`     // of the last write, when it failed
	OldestDue  time.Time `json:"oldest_undelivered,omitzero"` // created time of the oldest undelivered notice
}
