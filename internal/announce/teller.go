package announce

import (
	"time"
)

// Teller puts facts into words. Its notices have no ID: the caller gives them one. The zero
// value speaks English, in UTC, without links.
type Teller struct {
	Language    string         // zh or en
	ExternalURL string         // where people reach the pages, without a slash at its end; "": no links
	Location    *time.Location // of the times in texts; nil: UTC
}

// Plan is what a Failed verdict leads to.
type Plan struct {
	Runbook string    // "": the service has none
	To      string    // the version that is put back, or would be; "": none is known to be good
	Run     string    // the run's ID, once there is one
	Until   time.Time // of the approval; zero: it waits for ever
}

// Blind is a check that could not look for long.
type Blind struct {
	Check   string
	Service string
	Labels  map[string]string // marketplace, shop, site
	Since   time.Time
	Reason  string // in English, redacted
}

// Order is a synthetic order that the guardian could not take back.
type Order struct {
	ID      string // its marker
	Ref     string // what the target calls it; "" when that is not known
	Check   string
	Service string
	Labels  map[string]string
	Tries   int
	Reason  string
	Created time.Time
}
