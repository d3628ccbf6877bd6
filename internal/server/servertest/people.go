package servertest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"guardian/internal/server"
	"guardian/notifiers/route"
	"guardian/rules"
)

func (w World) alert(t *testing.T, id string) server.Alert {
	t.Helper()
	all, err := w.Backend.Alerts.AlertList(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(a server.Alert) bool { return a.ID == id })
	if i < 0 {
		t.Fatalf("alert %s is not among %d", id, len(all))
	}
	return all[i]
}

func acks(w world) {
	t := w.T
	ctx, b := t.Context(), w.Backend
	id := w.Fire(t)
	if a := w.alert(t, id); a.State != rules.Firing || a.Service() != w.Service || a.Ack != nil {
		t.Errorf("the alert is %s, of %s, acknowledged by %v", a.State, a.Service(), a.Ack)
	}
	ack, err := b.Acks.AckAlert(ctx, id, "on it", person())
	want := rules.Ack{Alert: id, By: person().Name, At: w.Now().UTC(), Note: "on it"}
	if err != nil || ack != want {
		t.Errorf("got %+v, %v, want %+v", ack, err, want)
	}
	if a := w.alert(t, id); a.Ack == nil || *a.Ack != want {
		t.Errorf("listed with %+v, want %+v", a.Ack, want)
	}
	if err := b.Acks.UnackAlert(ctx, id, person()); err != nil {
		t.Error(err)
	}
	if a := w.alert(t, id); a.Ack != nil {
		t.Errorf("given back, and listed with %+v", a.Ack)
	}
	wantError(t, "give it back twice", b.Acks.UnackAlert(ctx, id, person()), server.ErrNotFound)
}

func (w World) silence(t *testing.T, text string, until time.Duration) route.Silence {
	t.Helper()
	ms, err := route.ParseMatchers(text)
	if err != nil {
		t.Fatal(err)
	}
	return route.Silence{Matchers: ms, Until: w.Now().Add(until), Comment: "known"}
}

func silences(w world) {
	t := w.T
	ctx, b := t.Context(), w.Backend
	alert := w.Fire(t)
	for what, bad := range map[string]route.Silence{
		"nothing to match":    {Until: w.Now().Add(time.Hour)},
		"everything":          w.silence(t, `service=~".*"`, time.Hour),
		"an end in the past":  w.silence(t, `service="x"`, -time.Hour),
		"an end at its start": w.silence(t, `service="x"`, 0),
	} {
		_, err := b.Silences.CreateSilence(ctx, bad, person())
		if invalid := (*server.InvalidError)(nil); !errors.As(err, &invalid) {
			t.Errorf("%s: got %v, want an InvalidError", what, err)
		}
	}
	s, err := b.Silences.CreateSilence(ctx, w.silence(t, `service="`+w.Service+`"`, time.Hour), person())
	if err != nil || s.ID == "" || s.By != person().Name || !s.From.Equal(w.Now()) || !s.Created.Equal(w.Now()) || s.Comment != "known" {
		t.Fatalf("silence %+v, %v", s, err)
	}
	if a := w.alert(t, alert); !slices.Equal(a.Silences, []string{s.ID}) {
		t.Errorf("the alert is silenced by %v, want %s", a.Silences, s.ID)
	}
	longer := s
	longer.Until, longer.Comment, longer.By = s.Until.Add(time.Hour), "takes longer", "ada"
	changed, err := b.Silences.ChangeSilence(ctx, longer, person())
	if err != nil || changed.ID != s.ID || !changed.Until.Equal(longer.Until) || changed.By != "ada" || !changed.Created.Equal(s.Created) || !changed.Updated.Equal(w.Now()) {
		t.Errorf("changed: %+v, %v", changed, err)
	}
	if one, err := b.Silences.Silence(ctx, s.ID); err != nil || one.Comment != "takes longer" {
		t.Errorf("read: %+v, %v", one, err)
	}
	_, err = b.Silences.Silence(ctx, "s_none")
	wantError(t, "read none", err, server.ErrNotFound)
	_, err = b.Silences.ChangeSilence(ctx, route.Silence{ID: "s_none", Matchers: s.Matchers, Until: s.Until}, person())
	wantError(t, "change none", err, server.ErrNotFound)
	if err := b.Silences.ExpireSilence(ctx, s.ID, person()); err != nil {
		t.Error(err)
	}
	w.Advance(time.Second)
	if a := w.alert(t, alert); len(a.Silences) > 0 {
		t.Errorf("the silence has ended, and the alert is silenced by %v", a.Silences)
	}
	wantError(t, "end it twice", b.Silences.ExpireSilence(ctx, s.ID, person()), server.ErrNotFound)
	if all, err := b.Silences.SilenceList(ctx); err != nil || len(all) != 1 || all[0].ID != s.ID || all[0].Until.After(w.Now()) {
		t.Errorf("silences %+v, %v; want the one that has just ended", all, err)
	}
	// What is over cannot be changed: it begins anew, under another ID.
	again, err := b.Silences.ChangeSilence(ctx, longer, person())
	if err != nil || again.ID == s.ID || !again.From.Equal(w.Now()) {
		t.Errorf("changed after its end: %+v, %v", again, err)
	}
	other := w.silence(t, `service="y"`, 2*time.Hour)
	other.ID = again.ID
	moved, err := b.Silences.ChangeSilence(ctx, other, person())
	before, beforeErr := b.Silences.Silence(ctx, again.ID)
	if err != nil || beforeErr != nil || moved.ID == again.ID || before.Until.After(w.Now()) {
		t.Errorf("with other matchers: %+v, and before %+v, %v, %v", moved, before, err, beforeErr)
	}
	if err := b.Silences.ExpireSilence(ctx, moved.ID, person()); err != nil {
		t.Error(err)
	}
	w.Advance(25 * time.Hour)
	if all, err := b.Silences.SilenceList(ctx); err != nil || len(all) > 0 {
		t.Errorf("silences a day later: %+v, %v; want none", all, err)
	}
}

func standbyWrites(w world) {
	t := w.T
	w.StandBy()
	s, err := w.Backend.Silences.CreateSilence(t.Context(), w.silence(t, `service="x"`, time.Hour), person())
	if err != nil {
		t.Fatalf("a silence: %v", err)
	}
	if err := w.Backend.Silences.ExpireSilence(t.Context(), s.ID, person()); err != nil {
		t.Errorf("end it: %v", err)
	}
	heartbeats(w)
}
