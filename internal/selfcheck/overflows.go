package selfcheck

import (
	"time"

	"guardian/decide"
	"guardian/internal/series"
)

// overflowLasts is how long a source counts as one that overflows after a series of it was refused:
// senders write every minute or more often.
const overflowLasts = 2 * time.Minute

// overflows knows which sources of series overflowed lately. Use it from one goroutine.
type overflows struct {
	last map[series.Source]series.Overflow
	at   map[series.Source]time.Time
}

func (o *overflows) measure(now map[series.Source]series.Overflow, at time.Time) []decide.Overflow {
	if o.last == nil {
		o.last, o.at = map[series.Source]series.Overflow{}, map[series.Source]time.Time{}
	}
	var all []decide.Overflow
	for _, by := range series.Sources() {
		if one, ok := now[by]; ok {
			o.last[by], o.at[by] = one, at
		}
		if one, ok := o.last[by]; ok && at.Sub(o.at[by]) < overflowLasts {
			all = append(all, decide.Overflow{
				Source: string(by), Own: by == series.Checks || by == series.Computed, Limit: one.Limit, Metric: one.Metric,
			})
		}
	}
	return all
}
