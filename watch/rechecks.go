package watch

// RecheckStats counts how a check's failures went on when they were looked at again at the
// recheck interval: how persistent a failure is when looks lie that close together.
type RecheckStats struct {
	Seen    int `json:"seen"`    // failures that were rechecked until they cleared
	Again   int `json:"again"`   // rechecks that failed after a failure (n11)
	Cleared int `json:"cleared"` // rechecks that were up after a failure (n10)
}

// maxRechecks bounds the looks that RecheckStats counts: beyond it, older ones count half.
const maxRechecks = 2000

// maxOfOneFailure bounds the rechecks of one failure that count: an outage tells of itself, and not
// of how long failures last.
const maxOfOneFailure = 30

// Add joins the counts of one more failure.
func (r RecheckStats) Add(o RecheckStats) RecheckStats {
	r.Seen += o.Seen
	r.Again += min(o.Again, maxOfOneFailure*max(o.Seen, 1))
	r.Cleared += o.Cleared
	if r.Again+r.Cleared > maxRechecks {
		r.Seen, r.Again, r.Cleared = (r.Seen+1)/2, (r.Again+1)/2, (r.Cleared+1)/2
	}
	return r
}
