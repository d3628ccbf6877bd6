package servertest

import (
	"sync"
	"time"

	"guardian/internal/server"
	"guardian/watch"
)

func idempotency(w world) {
	t := w.T
	ctx, b := t.Context(), w.Backend
	r := w.request("v2")
	r.IdempotencyKey, r.BodyHash = "key-1", "hash-1"
	first, err := b.Deploys.Announce(ctx, r, deployer())
	if err != nil {
		t.Fatal(err)
	}
	if first.Deploy.ID == "" || first.Watch.ID == "" || first.Deploy.Version != "v2" || first.Watch.State != watch.Watching {
		t.Errorf("announced %+v", first)
	}
	if _, err := b.Watches.CancelWatch(ctx, first.Watch.ID, deployer()); err != nil {
		t.Fatal(err)
	}
	again, err := b.Deploys.Announce(ctx, r, deployer())
	if err != nil || again.Watch.ID != first.Watch.ID || again.Watch.State != watch.Watching || again.Deploy.ID != first.Deploy.ID {
		t.Errorf("again: watch %s %s, %v; want the first answer as it was", again.Watch.ID, again.Watch.State, err)
	}
	r.Version, r.BodyHash = "v3", "hash-2"
	_, err = b.Deploys.Announce(ctx, r, deployer())
	wantError(t, "the key with another body", err, server.ErrIdempotencyMismatch)
	if all, err := b.Deploys.DeployList(ctx, server.Filter{Service: w.Service, Limit: 10}); err != nil || len(all) != 1 {
		t.Errorf("%d deploys, %v; want one", len(all), err)
	}
}

func beginsAndEnds(w world) {
	t := w.T
	ctx, b := t.Context(), w.Backend
	done := w.announce(t, "v1")
	had, err := b.Deploys.EndDeploy(ctx, done.Deploy.ID, server.DeployEnd{Status: 1}, deployer())
	if err != nil || had.Deploy.Unsure || had.Watch.ID != done.Watch.ID {
		t.Errorf("the end of a deploy that had happened: %+v, %v", had.Deploy, err)
	}
	_, err = b.Deploys.EndDeploy(ctx, "d_none", server.DeployEnd{}, deployer())
	wantError(t, "the end of no deploy", err, server.ErrNotFound)
	r := w.request("v2")
	r.Begins = true
	begun, err := b.Deploys.Announce(ctx, r, deployer())
	if err != nil || begun.Deploy.Rollout == nil || !begun.Deploy.RollingOut() || begun.Watch.State != watch.Watching {
		t.Fatalf("begun: %+v, %v", begun.Deploy, err)
	}
	w.Advance(time.Minute)
	ended, err := b.Deploys.EndDeploy(ctx, begun.Deploy.ID, server.DeployEnd{Status: 3}, deployer())
	if err != nil || ended.Watch.ID != begun.Watch.ID || !ended.Deploy.Unsure || ended.Deploy.RollingOut() {
		t.Fatalf("ended: %+v, %v", ended.Deploy, err)
	}
	if r := ended.Deploy.Rollout; r.End.Sub(r.Start) < time.Minute || *r.Status != 3 {
		t.Errorf("it went from %s to %s with status %d", r.Start, r.End, *r.Status)
	}
	again, err := b.Deploys.EndDeploy(ctx, begun.Deploy.ID, server.DeployEnd{}, deployer())
	if err != nil || !again.Deploy.Unsure || *again.Deploy.Rollout.Status != 3 {
		t.Errorf("ended twice: %+v, %v", again.Deploy, err)
	}
}

// ownEnvironment: who names no environment means the service's own.
func ownEnvironment(w world) {
	t := w.T
	r := w.request("v2")
	r.Environment = ""
	a, err := w.Backend.Deploys.Announce(t.Context(), r, deployer())
	if err != nil || a.Deploy.Environment != "production" {
		t.Errorf("announced in %q, %v", a.Deploy.Environment, err)
	}
	if g, err := w.Backend.Gates.Gate(t.Context(), w.Service, ""); err != nil || !g.Open {
		t.Errorf("gate %+v, %v", g, err)
	}
}

func announcedAtOnce(w world) {
	t := w.T
	r := w.request("v2")
	r.IdempotencyKey, r.BodyHash = "key-1", "hash-1"
	var both [2]server.Announced
	var errs [2]error
	var wg sync.WaitGroup
	for i := range both {
		wg.Go(func() { both[i], errs[i] = w.Backend.Deploys.Announce(t.Context(), r, deployer()) })
	}
	wg.Wait()
	if errs[0] != nil || errs[1] != nil || both[0].Deploy.ID != both[1].Deploy.ID || both[0].Watch.ID != both[1].Watch.ID {
		t.Errorf("got %s and %s, %v; want one deploy", both[0].Deploy.ID, both[1].Deploy.ID, errs)
	}
}

func refusedKeepsKey(w world) {
	t := w.T
	r := w.request("v2")
	r.Service, r.IdempotencyKey, r.BodyHash = "nobody", "key-1", "hash-1"
	_, err := w.Backend.Deploys.Announce(t.Context(), r, deployer())
	wantKnown(t, "an unknown service", err, w.Service)
	r.Service, r.BodyHash = w.Service, "hash-2"
	if _, err := w.Backend.Deploys.Announce(t.Context(), r, deployer()); err != nil {
		t.Errorf("the corrected request with the same key: %v", err)
	}
}

func deployedAgain(w world) {
	t := w.T
	first := w.announce(t, "v2")
	w.Advance(time.Minute)
	if again := w.announce(t, "v2"); again.Watch.ID != first.Watch.ID {
		t.Errorf("the same version again opened watch %s beside %s", again.Watch.ID, first.Watch.ID)
	}
	next := w.announce(t, "v3")
	if next.Watch.ID == first.Watch.ID {
		t.Error("another version goes on with the watch of the former")
	}
	for id, want := range map[string]watch.State{first.Watch.ID: watch.Superseded, next.Watch.ID: watch.Watching} {
		if v, err := w.Backend.Watches.Watch(t.Context(), id, 0); err != nil || v.State != want {
			t.Errorf("watch %s is %s, %v; want %s", id, v.State, err, want)
		}
	}
	open, err := w.Backend.Watches.WatchList(t.Context(), server.Filter{Service: w.Service, Open: true, Limit: 10})
	if err != nil || len(open) != 1 || open[0].ID != next.Watch.ID || open[0].Deploy.Version != "v3" {
		t.Errorf("open watches %+v, %v", open, err)
	}
}

func deployList(w world) {
	t := w.T
	for _, version := range []string{"v2", "v3", "v4"} {
		w.announce(t, version)
		w.Advance(time.Minute)
	}
	for limit, want := range map[int][]string{2: {"v4", "v3"}, 10: {"v4", "v3", "v2"}} {
		all, err := w.Backend.Deploys.DeployList(t.Context(), server.Filter{Service: w.Service, Limit: limit})
		if err != nil || len(all) != len(want) {
			t.Fatalf("at most %d: %d deploys, %v", limit, len(all), err)
		}
		for i, d := range all {
			if d.Version != want[i] || d.Author != deployer().Name {
				t.Errorf("deploy %d is %s by %s, want %s", i, d.Version, d.Author, want[i])
			}
		}
	}
	if all, err := w.Backend.Deploys.DeployList(t.Context(), server.Filter{Service: "nobody", Limit: 10}); err != nil || len(all) > 0 {
		t.Errorf("deploys of another service: %v, %v", all, err)
	}
}

func cancelOnce(w world) {
	t := w.T
	id := w.announce(t, "v2").Watch.ID
	v, err := w.Backend.Watches.CancelWatch(t.Context(), id, person())
	if err != nil || v.State != watch.Cancelled || v.Ended.IsZero() {
		t.Errorf("cancelled: %s, ended %s, %v", v.State, v.Ended, err)
	}
	_, err = w.Backend.Watches.CancelWatch(t.Context(), id, person())
	wantError(t, "cancel it twice", err, server.ErrConflict)
}

func waitForWatch(w world) {
	t := w.T
	id := w.announce(t, "v2").Watch.ID
	begin := time.Now()
	if v, err := w.Backend.Watches.Watch(t.Context(), id, 20*time.Millisecond); err != nil || v.State != watch.Watching {
		t.Errorf("waited in vain: %s, %v", v.State, err)
	}
	ended := make(chan server.Watch)
	go func() {
		v, _ := w.Backend.Watches.Watch(t.Context(), id, time.Minute)
		ended <- v
	}()
	time.Sleep(20 * time.Millisecond)
	if _, err := w.Backend.Watches.CancelWatch(t.Context(), id, person()); err != nil {
		t.Fatal(err)
	}
	if v := <-ended; v.State != watch.Cancelled || time.Since(begin) > 30*time.Second {
		t.Errorf("waited %s for %s", time.Since(begin), v.State)
	}
	if v, err := w.Backend.Watches.Watch(t.Context(), id, time.Hour); err != nil || v.State != watch.Cancelled {
		t.Errorf("a wait for what is over: %s, %v", v.State, err)
	}
}

func markedWrong() watch.Mark { return watch.Mark{Kind: watch.MarkWrong, Note: "it was the network"} }

func marks(w world) {
	t := w.T
	id := w.announce(t, "v2").Watch.ID
	_, err := w.Backend.Marks.MarkWatch(t.Context(), id, markedWrong(), person())
	wantError(t, "an open watch", err, server.ErrConflict)
	_, err = w.Backend.Marks.MarkWatch(t.Context(), "w_none", markedWrong(), person())
	wantError(t, "no watch", err, server.ErrNotFound)
	if _, err := w.Backend.Watches.CancelWatch(t.Context(), id, person()); err != nil {
		t.Fatal(err)
	}
	_, err = w.Backend.Marks.MarkWatch(t.Context(), id, markedWrong(), person())
	wantError(t, "a watch without a verdict", err, server.ErrConflict)
}
