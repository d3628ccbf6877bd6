package notifiers

import (
	"slices"
	"time"

	"github.com/prometheus/common/model"
)

// Latency is how long the notices of the last day took from when they were due until the channel
// accepted them, tries and waiting for a limit included. The objective for critical ones is 5 s.
type Latency struct {
	Notices int            `json:"notices"` // at most 500
	Median  model.Duration `json:"median"`
	P99     model.Duration `json:"p99"`
}

const (
	latencyKept = 500 // notices
	latencyOver = 24 * time.Hour
)

// took is how long a notice took.
type took struct {
	at     time.Time
	length time.Duration
}

// latencies keeps how long the last notices took.
type latencies []took

// add gives those that are kept with one more.
func (l latencies) add(now time.Time, length time.Duration) latencies {
	if len(l) >= latencyKept {
		l = l[len(l)-latencyKept+1:]
	}
	return append(l, took{now, max(length, 0)})
}

// summary tells of those of the last day.
func (l latencies) summary(now time.Time) Latency {
	var all []time.Duration
	for _, t := range l {
		if now.Sub(t.at) <= latencyOver {
			all = append(all, t.length)
		}
	}
	if len(all) == 0 {
		return Latency{}
	}
	slices.Sort(all)
	return Latency{len(all), model.Duration(all[(len(all)-1)/2]), model.Duration(all[(len(all)*99+99)/100-1])}
}
