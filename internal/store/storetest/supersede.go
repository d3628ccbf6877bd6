package storetest

import (
	"errors"
	"time"

	"guardian/decide"
	"guardian/internal/store"
	"guardian/notifiers"
	"guardian/rules"
)

// superseding: whoever comes second, to supersede a notice or to send it, is told that it is too late.
func superseding(j journal) {
	t := j.t
	s, fence := j.acting()
	waiting := func(id string) notifiers.Delivery {
		return notifiers.Delivery{ID: id, Receiver: "oncall", State: notifiers.Queued, NextAt: day(), Updated: day(), Notice: notifiers.Notice{ID: "n_" + id, Key: "a", Created: day()}}
	}
	put := func(all ...notifiers.Delivery) error {
		return s.Commit(t.Context(), fence, store.Batch{Deliveries: all})
	}
	read := func(id string) notifiers.Delivery {
		t.Helper()
		return must(s.Deliveries(t.Context(), store.DeliveryFilter{ID: id}))(t)[0]
	}
	states := func() []string {
		return ids(must(s.Deliveries(t.Context(), store.DeliveryFilter{}))(t), func(d notifiers.Delivery) string { return d.ID + " " + string(d.State) })
	}
	commit(t, s, fence, store.Batch{Deliveries: []notifiers.Delivery{waiting("1"), waiting("2"), waiting("3")}})

	taken, gone := read("1"), read("1")
	next := waiting("4")
	ended := next.TakePlaceOf([]notifiers.Delivery{gone})
	if err := put(append(ended, next)...); err != nil {
		t.Fatal(err)
	}
	taken.State, taken.Attempts = notifiers.Sending, 1
	if err := put(read("2"), taken, read("3")); !errors.Is(err, notifiers.ErrSuperseded) {
		t.Errorf("to send what was superseded: %v", err)
	}
	same(t, "superseded", states(), []string{"4 queued", "3 queued", "2 queued", "1 superseded"})

	taken, gone = read("2"), read("2")
	taken.State, taken.Attempts = notifiers.Sending, 1
	if err := put(taken); err != nil {
		t.Fatal(err)
	}
	late := func(what string) {
		t.Helper()
		next := waiting("5")
		if err := put(append(next.TakePlaceOf([]notifiers.Delivery{gone}), next)...); !errors.Is(err, store.ErrSending) {
			t.Errorf("to supersede what %s: %v", what, err)
		}
	}
	late("is being sent")
	taken.State, taken.Tries = notifiers.Queued, []notifiers.Try{{At: day(), Times: 1, Receiver: "oncall", Result: "retried"}}
	if err := put(taken); err != nil {
		t.Fatal(err)
	}
	late("was tried since it was read")
	taken.State = notifiers.Delivered
	if err := put(taken); err != nil {
		t.Fatal(err)
	}
	late("was delivered")
	same(t, "sent", states(), []string{"4 queued", "3 queued", "2 delivered", "1 superseded"})
	same(t, "due", ids(must(s.Due(t.Context(), "oncall", day().Add(time.Hour), 0))(t), func(d notifiers.Delivery) string { return d.ID }), []string{"3"})
}

// statesSupersede: of the notices about the state of one thing that wait for a receiver, the newest is left.
func statesSupersede(j journal) {
	t := j.t
	s, fence := j.acting()
	minute := 0
	about := func(id, receiver, key, of string) notifiers.Delivery {
		minute++
		at := day().Add(time.Duration(minute) * time.Minute)
		return notifiers.Delivery{
			ID: id, Receiver: receiver, State: notifiers.Queued, NextAt: at, Updated: at,
			Notice: notifiers.Notice{ID: "n_" + id, Key: key, StateOf: of, Created: at},
		}
	}
	put := func(all ...notifiers.Delivery) { t.Helper(); commit(t, s, fence, store.Batch{Deliveries: all}) }
	read := func(id string) notifiers.Delivery {
		t.Helper()
		return must(s.Deliveries(t.Context(), store.DeliveryFilter{ID: id}))(t)[0]
	}
	open := func(want ...string) {
		t.Helper()
		same(t, "what is sent", ids(must(s.Deliveries(t.Context(), store.DeliveryFilter{Open: true}))(t), func(d notifiers.Delivery) string { return d.ID }), want)
	}
	put(about("1", "oncall", "flag/a", "flag/a"), about("1b", "others", "flag/a", "flag/a"))
	put(about("2", "oncall", "flag/b", "flag/b"), about("3", "oncall", "flag/a", ""))
	open("3", "2", "1b", "1")
	put(about("4", "oncall", "flag/a", "flag/a"))
	open("4", "3", "2", "1b") // another flag, another receiver, and what is no state are sent
	if was, is := read("1"), read("4"); was.State != notifiers.Superseded || was.SupersededBy != "n_4" || !is.Since.Equal(was.Notice.Created) {
		t.Errorf("%+v gave way to %+v", was, is)
	}

	moved := read("4") // the receiver is down: it waits at the fallback
	moved.Receiver, moved.MovedFrom = "second", []string{"oncall"}
	put(moved)
	open("4", "3", "2", "1b")
	put(about("5", "oncall", "flag/a", "flag/a"))
	open("5", "3", "2", "1b")
	if is := read("5"); is.Receiver != "second" || len(is.MovedFrom) != 1 {
		t.Errorf("it begins anew at the receiver that is down: %+v", is)
	}

	sending := read("5")
	sending.State, sending.Attempts = notifiers.Sending, 1
	put(sending)
	put(about("6", "oncall", "flag/a", "flag/a")) // what is on its way is not taken back
	open("6", "5", "3", "2", "1b")

	put(about("7", "oncall", "flag/b", "flag/b/soon"))
	outdates := about("8", "oncall", "flag/b", "flag/b")
	outdates.Notice.Outdates = []string{"flag/b/soon", "flag/a"}
	put(outdates) // in place of both of its key, and of none of another one
	open("8", "6", "5", "3", "1b")
}

// toldGoesAndComes: a row of the notification log that is cleaned and told anew in one batch stays.
func toldGoesAndComes(j journal) {
	t := j.t
	s, fence := j.acting()
	row := decide.Told{ToldKey: decide.ToldKey{Group: "g", Alert: "a_1"}, Receiver: "oncall", State: rules.Firing, FiredAt: day(), At: day(), Notice: "n_1"}
	commit(t, s, fence, store.Batch{Told: []decide.Told{row}, ToldGone: []decide.ToldKey{row.ToldKey}})
	same(t, "told", must(s.Told(t.Context()))(t), []decide.Told{row})
}
