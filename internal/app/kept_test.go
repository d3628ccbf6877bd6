package app_test

import (
	"fmt"
	"testing"
	"time"

	"guardian/internal/app"
	"guardian/internal/reason"
	"guardian/probes/sample"
	"guardian/watch"
)

// TestFollowUpsTeachHowLongHiccupsLast draws looks as a line: U up, D down, ? unknown, small
// letters for raised ones, ! for a failed watch.
func TestFollowUpsTeachHowLongHiccupsLast(t *testing.T) {
	for line, want := range map[string]watch.RecheckStats{
		"UUDU":          {},
		"UDdduU":        {Seen: 1, Again: 2, Cleared: 1},
		"UDdd?duU":      {Seen: 1, Again: 3, Cleared: 1},
		"UDddU":         {Seen: 1, Again: 2},
		"UDuUDdu":       {Seen: 2, Again: 1, Cleared: 2},
		"UDddDddu":      {Seen: 1, Again: 4, Cleared: 1},
		"UDddd":         {},
		"UDddd!ddDuUDu": {Seen: 1, Cleared: 1},
		"u":             {},
	} {
		t.Run(line, func(t *testing.T) {
			if got := app.FollowUps(line); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

func TestOldFollowUpsCountLess(t *testing.T) {
	f := watch.RecheckStats{}
	for range 1000 {
		f = f.Add(watch.RecheckStats{Seen: 1, Again: 3, Cleared: 1})
	}
	if n := f.Again + f.Cleared; n > 2000 || n < 1000 {
		t.Errorf("%d looks are remembered, want at most 2000", n)
	}
	if share := float64(f.Again) / float64(f.Again+f.Cleared); share < 0.7 || share > 0.8 {
		t.Errorf("%.2f of the follow-ups failed again, want three of four", share)
	}
}

// TestFailuresAreKeptLongerThanLooks lets one check fail once and then be up for a long time.
func TestFailuresAreKeptLongerThanLooks(t *testing.T) {
	k := app.NewKept(1)
	at := time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC)
	note := func(n int, h sample.Health) {
		k.Note(sample.Sample{Check: "a", At: at.Add(time.Duration(n) * 10 * time.Second), Observation: sample.Observation{Health: h, Reason: reason.Text(fmt.Sprint("look ", n))}})
	}
	note(0, sample.Down)
	for n := range 100 {
		note(n+1, sample.Up)
	}
	looks, failures := k.Of("a")
	if len(looks) != 20 || looks[0].Reason != "look 100" {
		t.Errorf("%d looks, the newest %q; want 20, the newest first", len(looks), looks[0].Reason)
	}
	if len(failures) != 1 || failures[0].Reason != "look 0" {
		t.Errorf("failures %+v, want the one of the beginning", failures)
	}
	if n := len(k.Unwritten()); n != 1 {
		t.Errorf("%d failures wait for the journal, want 1", n)
	}
	// A failure that lasts is written down when it begins and then once a minute.
	for n := range 60 {
		note(200+n, sample.Down)
	}
	if n := len(k.Unwritten()); n != 10 {
		t.Errorf("ten minutes of failures are %d lines in the journal, want 10", n)
	}
	if _, failures := k.Of("a"); len(failures) != 20 {
		t.Errorf("%d failures in memory, want 20", len(failures))
	}
	if most := app.KeptOfEach(10_000); most*10_000 > 30_000 {
		t.Errorf("%d looks of each of 10,000 checks are kept", most)
	}
}
