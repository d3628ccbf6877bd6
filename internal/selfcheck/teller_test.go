package selfcheck_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guardian/decide"
	"guardian/internal/announce"
	"guardian/internal/notify"
	"guardian/internal/selfcheck"
	"guardian/internal/store"
	"guardian/notifiers"
	"guardian/oncall"
)

// post takes notices and notes which way they went.
type post struct {
	leads bool
	went  []string
	sent  []notifiers.Delivery
}

func (p *post) teller() selfcheck.Teller {
	return selfcheck.NewTeller(selfcheck.TellerOptions{
		Outbox: p, Direct: past{p}, Deliveries: p, Leader: func() (notify.Committer, bool) { return nil, p.leads }, Now: func() time.Time { return monday },
	})
}

func (p *post) take(way string, render notify.Render) string {
	n := render(announce.Renderer{Language: "en", Location: time.UTC})
	p.went, p.sent = append(p.went, way), append(p.sent, notifiers.Delivery{Notice: n})
	return n.Title
}

func (p *post) Send(_ notify.Committer, render notify.Render) (bool, error) {
	p.take("outbox", render)
	return true, nil
}

func (p *post) Deliveries(_ context.Context, f store.DeliveryFilter) ([]notifiers.Delivery, error) {
	return slices.DeleteFunc(slices.Clone(p.sent), func(d notifiers.Delivery) bool { return d.Notice.Key != f.Key }), nil
}

// past is the way past the outbox.
type past struct{ *post }

func (p past) Send(_ context.Context, _ string, render notify.Render) error {
	p.take("direct", render)
	return nil
}

// What is wrong is told on a way that does not depend on it.
func TestTheWayOfANoticeAboutAFault(t *testing.T) {
	for name, c := range map[string]struct {
		fault string
		leads bool
		want  string // "": it is not told here
	}{
		"the outbox tells of late looks":               {decide.FaultLooks, true, "outbox"},
		"the leader tells of them":                     {decide.FaultLooks, false, ""},
		"the journal is away":                          {decide.FaultJournal, true, "direct"},
		"so a standby tells of it":                     {decide.FaultJournal, false, "direct"},
		"notices wait":                                 {decide.FaultOutbox, true, "direct"},
		"somebody guesses at the leader":               {decide.FaultGuesses, true, "outbox"},
		"somebody guesses at a standby without outbox": {decide.FaultGuesses, false, "direct"},
	} {
		p := &post{leads: c.leads}
		err := p.teller().Fault(t.Context(), decide.FaultNews{Fault: decide.Fault{Name: c.fault}, Since: monday})
		if got := strings.Join(p.went, " "); got != c.want || (err != nil) != (c.want == "") {
			t.Errorf("%s: went %q, want %q: %v", name, got, c.want, err)
		}
	}
}

// That nobody is on call is told once, also after a restart, and by the leader.
func TestAGapIsToldOnce(t *testing.T) {
	p, gap := &post{}, decide.GapNews{Schedule: "orders", Gap: oncall.Shift{From: monday, To: monday.Add(time.Hour)}}
	if err := p.teller().Gap(t.Context(), gap); err == nil {
		t.Error("told by a standby")
	}
	p.leads = true
	for range 2 {
		if err := p.teller().Gap(t.Context(), gap); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"outbox"}, p.went); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, other := range []decide.GapNews{
		{Schedule: "orders", Gap: gap.Gap, Began: true},
		{Schedule: "orders", Gap: oncall.Shift{From: monday.Add(2 * time.Hour), To: monday.Add(3 * time.Hour)}},
		{Schedule: "stock", Gap: gap.Gap},
	} {
		before := len(p.went)
		if err := p.teller().Gap(t.Context(), other); err != nil || len(p.went) != before+1 {
			t.Errorf("%+v: %v, told %d times", other, err, len(p.went)-before)
		}
	}
}
