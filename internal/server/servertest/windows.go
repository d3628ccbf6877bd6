package servertest

import (
	"errors"
	"time"

	"guardian/internal/server"
	"guardian/internal/windows"
)

func announcedWindows(w world) {
	t, ctx, b := w.T, w.T.Context(), w.Backend.Windows
	now := w.Now()
	for name, q := range map[string]server.WindowRequest{
		"of no kind":                     {Kind: "holiday", Service: w.Service, From: now, To: now.Add(time.Hour), Reason: "stocktaking"},
		"of a service that there is not": {Kind: windows.Freeze, Service: "nothing", From: now, To: now.Add(time.Hour), Reason: "stocktaking"},
		"that begins in the past":        {Kind: windows.Freeze, Service: w.Service, From: now.Add(-time.Hour), To: now.Add(time.Hour), Reason: "stocktaking"},
		"that ends before it begins":     {Kind: windows.Freeze, Service: w.Service, From: now.Add(time.Hour), To: now, Reason: "stocktaking"},
		"that is too long":               {Kind: windows.Freeze, Service: w.Service, From: now, To: now.Add(32 * 24 * time.Hour), Reason: "stocktaking"},
	} {
		var invalid *server.InvalidError
		if _, err := b.AnnounceWindow(ctx, q, person()); !errors.As(err, &invalid) {
			t.Errorf("a window %s: %v", name, err)
		}
	}
	if _, err := b.EndWindow(ctx, "w_nothing", person()); !errors.Is(err, server.ErrNotFound) {
		t.Errorf("a window that there is not: %v", err)
	}
	freeze, err := b.AnnounceWindow(ctx, server.WindowRequest{Kind: windows.Freeze, Service: w.Service, From: now, To: now.Add(time.Hour), Reason: "stocktaking"}, person())
	if err != nil || freeze.ID == "" || freeze.By != person().Name || !freeze.Current(w.Now()) {
		t.Fatalf("%+v, %v", freeze, err)
	}
	later, err := b.AnnounceWindow(ctx, server.WindowRequest{Kind: windows.Maintenance, From: now.Add(time.Hour), To: now.Add(2 * time.Hour), Reason: "a move"}, person())
	if err != nil {
		t.Fatal(err)
	}
	list, err := b.WindowList(ctx)
	if err != nil || len(list) != 2 || list[0].ID != freeze.ID || list[1].ID != later.ID {
		t.Errorf("listed: %+v, %v", list, err)
	}
	if ended, err := b.EndWindow(ctx, later.ID, person()); err != nil || ended.To.After(ended.From) || ended.EndedBy != person().Name {
		t.Errorf("called off: %+v, %v", ended, err)
	}
	w.Advance(10 * time.Minute)
	if ended, err := b.EndWindow(ctx, freeze.ID, person()); err != nil || !ended.To.Equal(w.Now()) || !ended.Over(w.Now()) {
		t.Errorf("ended: %+v, %v", ended, err)
	}
	if _, err := b.EndWindow(ctx, freeze.ID, person()); !errors.Is(err, server.ErrConflict) {
		t.Errorf("ended a second time: %v", err)
	}
	lines, err := w.Backend.Journal.Entries(ctx, server.JournalFilter{Limit: 50})
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, l := range lines.Entries {
		if (l.What == "freeze" || l.What == "maintenance") && l.Who == person().Name {
			seen++
		}
	}
	if seen != 4 {
		t.Errorf("%d lines of the journal say who announced and ended windows, want 4", seen)
	}
	w.StandBy()
	if _, err := b.AnnounceWindow(ctx, server.WindowRequest{Kind: windows.Freeze, Service: w.Service, To: w.Now().Add(time.Hour)}, person()); !errors.Is(err, server.ErrStandby) {
		t.Errorf("on standby: %v", err)
	}
}
