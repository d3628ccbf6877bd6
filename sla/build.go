package sla

import (
	"io"
	"time"
)

// Build makes the report of a month as it is known at now, in the calendar of loc.
func Build(f Facts, month Month, now time.Time, loc *time.Location) Report {
	from, end := month.Bounds(loc)
	return Report{Month: month, Zone: loc.String(), From: from, To: end, End: end}
}

// CSV writes one line for each service and one for all of them, after a header. Times are
// RFC 3339, lengths in seconds, ratios between 0 and 1; what is not known is left empty.
func (r Report) CSV(w io.Writer) error { return nil }
