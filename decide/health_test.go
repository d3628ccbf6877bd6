package decide_test

import (
	"testing"
	"time"

	"guardian/decide"
	"guardian/internal/reason"
	"guardian/probes/sample"
)

func TestServiceHealthIsThatOfItsWorstCheckThatCounts(t *testing.T) {
	at := func(minute int) time.Time { return time.Date(2026, 11, 2, 8, minute, 0, 0, time.UTC) }
	state := func(name string, h sample.Health, since int) decide.CheckState {
		return decide.CheckState{
			Check: name, Counts: true, Since: at(since),
			Last: &sample.Sample{Check: name, Observation: sample.Observation{Health: h, Reason: reason.Text(name + " says so")}},
		}
	}
	blind := func(name string) decide.CheckState {
		c := state(name, sample.Up, 1)
		c.Blind, c.Why = true, reason.Text("no network")
		return c
	}
	ignored := state("ignored", sample.Down, 1)
	ignored.Counts = false
	for name, c := range map[string]struct {
		checks []decide.CheckState
		health sample.Health
		since  time.Time
		reason string
	}{
		"no check":                           {nil, sample.Unknown, time.Time{}, "no check of this service counts"},
		"only one that does not count":       {[]decide.CheckState{ignored}, sample.Unknown, time.Time{}, "no check of this service counts"},
		"up since the last one came up":      {[]decide.CheckState{state("a", sample.Up, 5), state("b", sample.Up, 9), ignored}, sample.Up, at(9), ""},
		"down since the first one went down": {[]decide.CheckState{state("a", sample.Down, 9), state("b", sample.Down, 5)}, sample.Down, at(5), "b: b says so"},
		"one down among ups and blind ones":  {[]decide.CheckState{blind("x"), state("a", sample.Up, 9), state("b", sample.Down, 5)}, sample.Down, at(5), "b: b says so"},
		"one up among blind ones":            {[]decide.CheckState{blind("x"), state("a", sample.Up, 5)}, sample.Up, at(5), ""},
		"all blind":                          {[]decide.CheckState{blind("x"), blind("y")}, sample.Unknown, time.Time{}, "x: no network"},
		"not looked yet":                     {[]decide.CheckState{{Check: "new", Counts: true, Why: reason.New("check_without_look")}}, sample.Unknown, time.Time{}, "new: it has not been looked at yet"},
	} {
		t.Run(name, func(t *testing.T) {
			got := decide.ServiceHealth(c.checks)
			if got.Health != c.health || !got.Since.Equal(c.since) || got.Reason.String() != c.reason {
				t.Errorf("got %s since %s: %q; want %s since %s: %q", got.Health, got.Since, got.Reason, c.health, c.since, c.reason)
			}
		})
	}
}
