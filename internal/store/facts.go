package store

import (
	"time"

	"guardian/actions"
	"guardian/decide"
	"guardian/internal/drills"
	"guardian/internal/flags"
	"guardian/internal/reason"
	"guardian/internal/windows"
	"guardian/notifiers"
	"guardian/notifiers/route"
	"guardian/oncall"
	"guardian/probes"
	"guardian/probes/sample"
	"guardian/rules"
	"guardian/sla"
	"guardian/watch"
)

// Batch is a set of facts that are written in one transaction. A fact replaces the stored one
// with the same key, unless its field says otherwise; of several facts with the same key in
// one slice the last one is written.
type Batch struct {
	Deploys    []watch.Deploy // by ID
	Watches    []watch.Watch  // by ID
	KnownGoods []KnownGood    // by service, environment and version

	Plans []Plan // by watch
	Marks []Mark // by watch

	// Alerts are alerts in their current state, by ID. An alert that fired is also stored as an
	// episode, by ID and FiredAt, for the history.
	Alerts []rules.Alert
	// AlertsGone are IDs of alerts to delete: pending ones whose condition is no longer true.
	// Their episodes stay.
	AlertsGone []string

	// Runs are runs of runbooks, by ID. A second run for the same deploy by a verdict, or for
	// the same alert and episode, is rejected with ErrAlreadyRun.
	Runs []actions.Run
	// Entries are appended to the ledger. A second intent for the same run, step and attempt
	// is rejected with ErrIntent.
	Entries []actions.Entry

	Deliveries []notifiers.Delivery // by ID; ordered by their first commit
	Told       []decide.Told        // by alert and group
	ToldGone   []decide.ToldKey

	Escalated     []decide.Escalated // by alert
	EscalatedGone []string           // alerts

	Orders []probes.Order // by ID

	Intervals   []sla.Interval  // by check and From
	Rollups     []sla.Rollup    // by check and Hour; replaced, not summed
	CheckStates []CheckState    // by check
	Failures    []sample.Sample // by check and At: looks that were not up, with all details
	Looks       []sample.Sample // appended, and kept for KeptLooks
	Maintenance []Maintenance   // by ID

	Flags   []flags.Change   // by flag
	Windows []windows.Window // by ID
	Drills  []drills.Drill   // by ID

	// Sightings are what targets ran while a version was in place, by service, environment, target and
	// Placed.
	Sightings []actions.Sighting

	Acks     []rules.Ack // by alert
	AcksGone []string    // alerts

	// Idempotent are answers to requests by idempotency key. An existing key is rejected with
	// ErrIdempotent; Store.Idempotent returns the first answer.
	Idempotent []Idempotent

	// The fields below may also be written Unfenced.

	Heartbeats []probes.Heartbeat // appended: by check and At
	Audit      []Audit            // appended
	Silences   []route.Silence    // by ID
	Overrides  []oncall.Made      // by ID
	Tokens     []Token            // by ID; LastUsed never decreases
	TokenUses  []TokenUse
}

// KnownGood is a version that passed a watch or that a person declared good.
type KnownGood struct {
	Service     string    `json:"service"`
	Environment string    `json:"environment"`
	Version     string    `json:"version"`
	At          time.Time `json:"at"` // when it was last confirmed good
	By          string    `json:"by"` // a watch's ID, or a person's name
	// Kind is what the version is of: code or config; "" in journals of before.
	Kind watch.Kind `json:"kind,omitempty"`
}

// CheckState is the latest state of a check.
type CheckState struct {
	Check string        `json:"check"`
	Last  sample.Sample `json:"last"`
	At    time.Time     `json:"at"` // of the sample
	// FollowUps count the failures that were rechecked until they cleared.
	FollowUps watch.RecheckStats `json:"follow_ups,omitzero"`
}

// Maintenance is an announced window with its ID.
type Maintenance struct {
	ID string `json:"id"`
	sla.Maintenance
}

// Token is an API token. Only its hash is kept.
type Token struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Role     string    `json:"role"` // viewer, deployer, approver, admin
	Hash     string    `json:"hash"` // of the token; unique
	Created  time.Time `json:"created"`
	LastUsed time.Time `json:"last_used,omitzero"`
	Revoked  time.Time `json:"revoked,omitzero"` // zero: it is valid
}

// TokenUse records that a token was used; other fields of the token stay as they are.
type TokenUse struct {
	ID string
	At time.Time
}

// Audit is one line of the journal page. Lines are appended and never changed.
type Audit struct {
	ID      string    `json:"id"` // assigned by Commit if empty
	At      time.Time `json:"at"`
	Who     string    `json:"who"`  // a token's name, or "guardian"
	What    string    `json:"what"` // deploy, verdict, run, approve, reload, silence, …
	Service string    `json:"service,omitempty"`
	Subject string    `json:"subject,omitempty"` // the ID or name of the object
	// Detail describes what happened. In lines of older guardians it is a text.
	Detail reason.Reason `json:"detail,omitzero"`
	Path   string        `json:"path,omitempty"` // the page of the object, such as /watches/w_1
}

// Idempotent is the stored answer to a request with an Idempotency-Key.
type Idempotent struct {
	Key      string    `json:"key"`
	BodyHash string    `json:"body_hash"`
	Status   int       `json:"status"`
	Answer   []byte    `json:"answer"`
	At       time.Time `json:"at"`
}
