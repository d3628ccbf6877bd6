package announce

import "time"

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
	Reason  string // in English, redacted
	Created time.Time
}
