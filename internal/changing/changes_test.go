package changing_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guardian/actions"
	"guardian/internal/announce"
	"guardian/internal/changing"
	"guardian/internal/flags"
	"guardian/internal/notify"
	"guardian/internal/reason"
	"guardian/internal/store"
	"guardian/internal/windows"
)

var noon = time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)

// desk takes what is written.
type desk struct {
	leads   bool
	facts   store.Batch
	title   string
	refuses error
}

func (d *desk) Commit(store.Batch) error { return d.refuses }

func (d *desk) Record(in notify.Committer, facts store.Batch, render notify.Render) error {
	if err := in.Commit(facts); err != nil {
		return err
	}
	d.facts, d.title = facts, render(announce.Renderer{Language: "en", Location: time.UTC}).Title
	return nil
}

func (d *desk) changes() changing.Changes {
	return changing.New(changing.Options{
		Leader: func() (notify.Committer, bool) { return d, d.leads }, Notifier: d,
		Services: func() []string { return []string{"orders", "prices"} }, Now: func() time.Time { return noon },
	})
}

func write(t *testing.T, do func(changing.Changes) error) store.Batch {
	t.Helper()
	d := &desk{leads: true}
	if err := do(d.changes()); err != nil {
		t.Fatal(err)
	}
	if d.title == "" {
		t.Error("people are told nothing")
	}
	return d.facts
}

// A change is in one transaction with its line for the list of what happened.
func TestAChangeOfAKillSwitchIsListed(t *testing.T) {
	f := flags.Flag{Name: "pause", Service: "prices", Default: "off"}
	for name, c := range map[string]struct {
		change flags.Change
		want   string // the code of the line
	}{
		"set":               {flags.Change{Variant: "on", Until: noon.Add(time.Hour)}, "flag_set"},
		"its default again": {flags.Change{}, "flag_default"},
		"dropped": {
			flags.Change{Reason: flags.Change{Flag: "pause", Variant: "on", Until: noon.Add(time.Hour)}.Gone([]flags.Flag{f}, noon)}, "flag_variant_gone",
		},
	} {
		c.change.Flag, c.change.At, c.change.By = "pause", noon, "ada"
		b := write(t, func(cs changing.Changes) error { return cs.Flag(context.Background(), f, c.change) })
		if len(b.Flags) != 1 || len(b.Audit) != 1 || b.Audit[0].Detail.Code != c.want || b.Audit[0].Who != "ada" || b.Audit[0].Service != "prices" {
			t.Errorf("%s: %+v", name, b)
		}
	}
}

// A maintenance is in the report of each service that it is for; a freeze in none.
func TestAMaintenanceIsReportedForEachService(t *testing.T) {
	w := windows.Window{ID: "win_1", Kind: windows.Maintenance, From: noon, To: noon.Add(time.Hour), Reason: reason.Text("stocktaking"), By: "ada", Announced: noon}
	services := func(w windows.Window) (all []string) {
		t.Helper()
		b := write(t, func(cs changing.Changes) error { return cs.Window(context.Background(), w) })
		for _, m := range b.Maintenance {
			if m.Name != "stocktaking" || !m.From.Equal(w.From) || !m.To.Equal(w.To) {
				t.Errorf("%+v", m)
			}
			all = append(all, m.Service)
		}
		if len(b.Windows) != 1 || len(b.Audit) != 1 || b.Audit[0].Who != "ada" || b.Audit[0].Detail.Code != string(w.Kind)+"_begun" {
			t.Errorf("%+v", b)
		}
		return all
	}
	if diff := cmp.Diff([]string{"orders", "prices"}, services(w)); diff != "" {
		t.Errorf("for all (-want +got):\n%s", diff)
	}
	w.Service = "prices"
	if diff := cmp.Diff([]string{"prices"}, services(w)); diff != "" {
		t.Errorf("for one (-want +got):\n%s", diff)
	}
	w.Kind = windows.Freeze
	if got := services(w); len(got) > 0 {
		t.Errorf("a freeze is reported for %v", got)
	}
}

func TestWhoEndsAWindowIsListed(t *testing.T) {
	w := windows.Window{ID: "win_1", Kind: windows.Freeze, From: noon.Add(-time.Hour), To: noon, By: "ada", Announced: noon.Add(-time.Hour), Ended: noon, EndedBy: "wei"}
	b := write(t, func(cs changing.Changes) error { return cs.Window(context.Background(), w) })
	if a := b.Audit[0]; a.Who != "wei" || !a.At.Equal(noon) || a.Detail.Code != "freeze_ended" {
		t.Errorf("%+v", a)
	}
}

func TestOnlyTheLeaderWritesChanges(t *testing.T) {
	d := &desk{}
	if err := d.changes().Flag(t.Context(), flags.Flag{}, flags.Change{}); !errors.Is(err, actions.ErrLostLease) {
		t.Errorf("a standby: %v", err)
	}
	d.leads, d.refuses = true, errors.New("the disk is full")
	if err := d.changes().Window(t.Context(), windows.Window{Kind: windows.Freeze}); !errors.Is(err, d.refuses) || d.title != "" {
		t.Errorf("what the journal refuses: %v, told %q", err, d.title)
	}
}
