package servertest

import (
	"errors"
	"time"

	"guardian/internal/server"
)

func switches(w world) {
	t, ctx, b := w.T, w.T.Context(), w.Backend.Flags
	if _, err := b.Flag(ctx, "nothing"); !errors.Is(err, server.ErrNotFound) {
		t.Errorf("a flag that there is not: %v", err)
	}
	for name, q := range map[string]server.FlagRequest{
		"a variant that there is not": {Flag: w.Flag, Variant: "half", For: time.Hour, Reason: "prices"},
		"no time":                     {Flag: w.Flag, Variant: "on", Reason: "prices"},
		"a time that is over":         {Flag: w.Flag, Variant: "on", Until: w.Now().Add(-time.Minute), Reason: "prices"},
		"too long":                    {Flag: w.Flag, Variant: "on", For: 25 * time.Hour, Reason: "prices"},
	} {
		var invalid *server.InvalidError
		if _, err := b.ChangeFlag(ctx, q, person()); !errors.As(err, &invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	expect := func(when, variant string, value, set bool) {
		t.Helper()
		s, err := b.Flag(ctx, w.Flag)
		if err != nil || s.Variant != variant || s.Value != value || s.Set != set {
			t.Errorf("%s: %s (%v, set %v), %v; want %s", when, s.Variant, s.Value, s.Set, err, variant)
		}
	}
	expect("at first", "off", false, false)
	change := func(q server.FlagRequest) {
		t.Helper()
		if _, err := b.ChangeFlag(ctx, q, person()); err != nil {
			t.Fatal(err)
		}
	}
	change(server.FlagRequest{Flag: w.Flag, Variant: "on", For: time.Hour, Reason: "prices are zero"})
	expect("set", "on", true, true)
	change(server.FlagRequest{Flag: w.Flag})
	expect("given back", "off", false, false)
	change(server.FlagRequest{Flag: w.Flag, Variant: "on", Until: w.Now().Add(10 * time.Minute), Reason: "again"})
	expect("set again", "on", true, true)
	w.Advance(10 * time.Minute)
	expect("when its time is over", "off", false, false)
	lines, err := w.Backend.Journal.Entries(ctx, server.JournalFilter{Limit: 50})
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, l := range lines.Entries {
		if l.What == "flag" && l.Subject == w.Flag && l.Who == person().Name {
			seen++
		}
	}
	if seen != 3 {
		t.Errorf("%d lines of the journal say who changed the flag, want 3", seen)
	}
	w.StandBy()
	if _, err := b.ChangeFlag(ctx, server.FlagRequest{Flag: w.Flag}, person()); !errors.Is(err, server.ErrStandby) {
		t.Errorf("on standby: %v", err)
	}
}
