package marketplace

import (
	"net/http"
	"strings"
	"time"
)

// RetryAfter reads a Retry-After header: seconds (RFC 9110, 10.2.3), also with a decimal
// point as Shopify sends them, or an HTTP-date in any of its three forms. A date in the past
// means no wait; more than a year is malformed.
func RetryAfter(value string, now time.Time) (time.Duration, bool) {
	value = strings.TrimSpace(value)
	if s, ok := number(value); ok {
		return seconds(s)
	}
	t, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	return until(t, now)
}

// Larger numbers are times and not durations: 2001-09-09 in seconds, and 1973-03-03 in milliseconds,
// which would be the year 5138 in seconds.
const (
	firstEpochSeconds = 1e9
	firstEpochMillis  = 1e11
)

// ResetTime reads when a quota is full again: seconds from now, epoch seconds, epoch
// milliseconds, a duration with a unit ("1500ms", "6m0s"), RFC 3339 or an HTTP-date. It may be
// in the past; more than a year from now is malformed. A bare number of milliseconds from
// now cannot be distinguished from seconds and is read as seconds.
func ResetTime(value string, now time.Time) (time.Time, bool) {
	value = strings.TrimSpace(value)
	if n, ok := number(value); ok {
		switch {
		case n >= firstEpochMillis && n < 1e16:
			return plausible(time.UnixMilli(int64(n)), now)
		case n >= firstEpochSeconds && n < firstEpochMillis:
			return plausible(time.UnixMilli(int64(n*1000)), now)
		default:
			d, ok := seconds(n)
			return now.Add(d), ok
		}
	}
	if d, err := time.ParseDuration(value); err == nil {
		return now.Add(d), d >= 0 && d <= longestPlausible
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05Z0700"} {
		if t, err := time.Parse(layout, value); err == nil {
			return plausible(t, now)
		}
	}
	if t, err := http.ParseTime(value); err == nil {
		return plausible(t, now)
	}
	return time.Time{}, false
}

func plausible(t, now time.Time) (time.Time, bool) { return t, t.Sub(now) <= longestPlausible }

func until(t, now time.Time) (time.Duration, bool) {
	t, ok := plausible(t, now)
	return max(t.Sub(now), 0), ok
}
