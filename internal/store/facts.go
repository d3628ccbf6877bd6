package store

import (
	"time"

	"guardian/actions"
	"guardian/internal/reason"
	"guardian/notifiers"
	"guardian/notifiers/route"
	"guardian/probes"
	"guardian/probes/sample"
	"guardian/rules"
	"guardian/sla"
	"guardian/watch"
)

// Batch is facts that are written together or not at all. Each is written whole under its
// key, over what was there, unless its field says otherwise; the same key twice in one
// slice keeps the last one.
type Batch struct {
	Deploys    []watch.Deploy // by ID
	Watches    []watch.Watch  // by ID
	KnownGoods []KnownGood    // by service, environment and version

	Plans []Plan // by watch
	Marks []Mark // by watch

	// Alerts are alerts as they are now, by ID. One that fired is also kept as an episode,
	// by ID and FiredAt, for the history.
	Alerts []rules.Alert
	// AlertsGone are IDs of alerts that are no more and left no trace: pending ones whose
	// condition went away. Their episodes stay.
	AlertsGone []string

	// Runs are runs of runbooks, by ID. A second run for the same deploy by a verdict, or for
	// the same alert and episode, is refused with ErrAlreadyRun.
	Runs []actions.Run
	// Entries are appended to the ledger. A second intent for the same run, step and attempt
	// is refused with ErrIntent.
	Entries []actions.Entry

	Deliveries []notifiers.Delivery // by ID; they keep the order in which they first came
	Orders     []probes.Order       // by ID

	Intervals   []sla.Interval  // by check and From
	Rollups     []sla.Rollup    // by check and Hour; replaced, never added up
	CheckStates []CheckState    // by check
	Failures    []sample.Sample // by check and At: looks that were not up, with what they saw
	Looks       []sample.Sample // appended, and kept for KeptLooks
	Maintenance []Maintenance   // by ID

	Acks     []rules.Ack // by alert
	AcksGone []string    // alerts

	// Idempotent are answers to requests. A key that is there already is refused with
	// ErrIdempotent: read the first answer with Store.Idempotent.
	Idempotent []Idempotent

	// The fields below may also be written Unfenced.

	Heartbeats []probes.Heartbeat // appended: by check and At
	Audit      []Audit            // appended
	Silences   []route.Silence    // by ID
	Tokens     []Token            // by ID; LastUsed only ever grows
	TokenUses  []TokenUse
}

// KnownGood is a version that passed a watch, or was declared good by a person.
type KnownGood struct {
	Service     string    `json:"service"`
	Environment string    `json:"environment"`
	Version     string    `json:"version"`
	At          time.Time `json:"at"` // when it was last found good
	By          string    `json:"by"` // a watch's ID, or a person's name
}

// CheckState is the last that a check saw.
type CheckState struct {
	Check string        `json:"check"`
	Last  sample.Sample `json:"last"`
	At    time.Time     `json:"at"` // of the sample
	// FollowUps count the failures that were rechecked until they cleared.
	FollowUps watch.RecheckStats `json:"follow_ups,omitzero"`
}

// Maintenance is an announced window with its identity.
type Maintenance struct {
	ID string `json:"id"`
	sla.Maintenance
}

// Token is an API token. Only its hash is kept.
type Token struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Role     string    `json:"role"` // viewer, deployer, approver, admin
	Hash     string    `json:"hash"` // of the token, never the token; unique
	Created  time.Time `json:"created"`
	LastUsed time.Time `json:"last_used,omitzero"`
	Revoked  time.Time `json:"revoked,omitzero"` // zero: it is valid
}

// TokenUse says when a token was used; it changes nothing else of the token.
type TokenUse struct {
	ID string
	At time.Time
}

// Audit is one line of the journal that people read: appended, never changed.
type Audit struct {
	ID      string    `json:"id"` // given by Commit when it is empty
	At      time.Time `json:"at"`
	Who     string    `json:"who"`  // a token's name, or "guardian"
	What    string    `json:"what"` // deploy, verdict, run, approve, reload, silence, …
	Service string    `json:"service,omitempty"`
	Subject string    `json:"subject,omitempty"` // the ID or name that it is about
	// Detail is what happened, as a code with values; older lines have a text.
	Detail reason.Reason `json:"detail,omitzero"`
	Path   string        `json:"path,omitempty"` // the page about it, such as /watches/w_1
}

// Idempotent is the answer that was given to a request with an Idempotency-Key.
type Idempotent struct {
	Key      string    `json:"key"`
	BodyHash string    `json:"body_hash"`
	Status   int       `json:"status"`
	Answer   []byte    `json:"answer"`
	At       time.Time `json:"at"`
}
