package servertest

import (
	"slices"
	"time"

	"guardian/internal/chatops"
	"guardian/internal/server"
)

// fromMessages tests what is done from a message: once, and in the name of who did it.
func fromMessages(w world) {
	t, who := w.T, chatops.ByLink("group")
	ctx, chat := t.Context(), w.Backend.Chat
	id := w.Fire(t)
	ask := func(action chatops.Action) chatops.Request {
		return chatops.Request{Action: action, Delivery: w.Tell(t, id), Receiver: "group", Expires: w.Now().Add(time.Hour)}
	}
	ack, silence := ask(chatops.Acknowledge), ask(chatops.Silence)
	if at, err := chat.Standing(ctx, ack); err != nil || at.Outcome != chatops.May || len(at.Alerts) != 1 || at.Alerts[0].ID != id || w.alert(t, id).Ack != nil {
		t.Errorf("before: %+v, %v", at, err)
	}
	for i, want := range []chatops.Outcome{chatops.May, chatops.Used} {
		d, err := chat.Act(ctx, ack, who)
		if err != nil || d.Outcome != want || d.Done == nil || d.Done.Action != chatops.Acknowledge || d.Done.By != who || !d.Done.At.Equal(w.Now()) || !d.Done.Until.IsZero() {
			t.Errorf("acknowledged, time %d: %+v, %v", i+1, d, err)
		}
	}
	if a := w.alert(t, id); a.Ack == nil || a.Ack.By != who {
		t.Errorf("the alert is acknowledged by %+v", a.Ack)
	}
	if at, err := chat.Standing(ctx, ack); err != nil || at.Outcome != chatops.Used || at.Done == nil || at.Done.By != who {
		t.Errorf("afterwards: %+v, %v", at, err)
	}
	if d, err := chat.Act(ctx, ask(chatops.Acknowledge), "ada"); err != nil || d.Outcome != chatops.Acked || len(d.Acks) != 1 || d.Acks[0].By != who {
		t.Errorf("from another message: %+v, %v", d, err)
	}
	w.Advance(time.Second) // the journal's order is that of its times
	if d, err := chat.Act(ctx, silence, "ada"); err != nil || d.Outcome != chatops.May || d.Done == nil || !d.Done.Until.Equal(w.Now().Add(chatops.SilenceFor)) {
		t.Errorf("silenced: %+v, %v", d, err)
	}
	if a := w.alert(t, id); len(a.Silences) != 1 {
		t.Errorf("the alert is silenced by %v", a.Silences)
	}
	expired, unknown := ask(chatops.Silence), ask(chatops.Silence)
	expired.Expires, unknown.Delivery = w.Now(), "q_none"
	for want, r := range map[chatops.Outcome]chatops.Request{chatops.Expired: expired, chatops.Unknown: unknown} {
		if d, err := chat.Act(ctx, r, who); err != nil || d.Outcome != want || d.Done != nil {
			t.Errorf("got %+v, %v, want %s", d, err, want)
		}
	}
	lines, err := w.Backend.Journal.Entries(ctx, server.JournalFilter{Limit: 50})
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, l := range lines.Entries {
		if l.What == "ack" || l.What == "silence" {
			said = append(said, l.Who+" "+l.What)
		}
	}
	if !slices.Equal(said, []string{"ada silence", who + " ack"}) {
		t.Errorf("the journal says %q", said)
	}
}
