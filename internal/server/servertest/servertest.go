package servertest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"guardian/internal/chatops"
	"guardian/internal/server"
)

// World is a back end with something to guard, and hooks for what callers cannot bring about.
type World struct {
	Backend server.Backend
	// Service is configured, may be deployed now, and has a rollback runbook and known good
	// versions. Nothing of it has been deployed.
	Service string
	// Check belongs to Service; Heartbeat is a check of kind heartbeat.
	Check, Heartbeat string
	// Token is the only one that is configured, and Owner whose it is.
	Token string
	Owner server.Caller
	// Calls is a report that can be used.
	Calls server.CallReport
	// Flag is a boolean flag that is off by default, and may be set for a day.
	Flag string

	Now     func() time.Time
	Advance func(time.Duration)
	// Fire makes an alert of Service fire, and gives its ID.
	Fire func(t *testing.T) string
	// Tell makes a message about an alert that was just sent, and gives the ID of its delivery.
	Tell func(t *testing.T, alert string) string
	// Ask makes a run of Service wait for an approval, and gives its ID.
	Ask func(t *testing.T) string
	// StandBy makes another guardian the active one.
	StandBy func()
}

// Run tests every promise, each on a world of its own.
func Run(t *testing.T, fresh func(t *testing.T) World) {
	t.Helper()
	for _, c := range []struct {
		name string
		test func(w world)
	}{
		{"tokens are known by their hash", tokens},
		{"what is not configured is refused with what is", unknownNames},

		{"an idempotency key announces once", idempotency},
		{"two announcements at once with one key announce once", announcedAtOnce},
		{"a refused announcement does not use its key up", refusedKeepsKey},
		{"a deploy that began ends once", beginsAndEnds},
		{"who names no environment means the service's own", ownEnvironment},
		{"the same version again goes on with its watch, another one supersedes it", deployedAgain},
		{"deploys are listed newest first", deployList},

		{"a watch is cancelled once", cancelOnce},
		{"a wait for a watch ends when the watch does", waitForWatch},
		{"a verdict can be marked, a watch without one cannot", marks},

		{"a run that asks is answered once", answers},
		{"a wait for a run ends when the run does", waitForRun},
		{"a rollback to what runs already is not started", rollbackToTheSame},
		{"a plan of a rollback starts nothing", planStartsNothing},

		{"an alert is acknowledged and given back", acks},
		{"what a message permits is done once", fromMessages},
		{"a silence is checked, listed, applied and ended", silences},

		{"a flag is set for a time and given its default back", switches},
		{"a window is announced, listed and ended once", announcedWindows},

		{"a heartbeat is taken for a check that waits for it", heartbeats},
		{"a report of calls is taken once per key", calls},
		{"queries answer, and name what cannot be parsed", queries},
		{"the journal says who did what, newest first, page by page", journal},

		{"a standby reads, but takes no writes that need the lease", standby},
		{"a standby takes silences and heartbeats", standbyWrites},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(world{t, fresh(t)}) })
	}
}

// world is a World within a test.
type world struct {
	*testing.T
	World
}

func deployer() server.Caller { return server.Caller{Name: "ci", Role: server.Deployer} }

func person() server.Caller { return server.Caller{Name: "zhang.min", Role: server.Approver} }

// wantError fails the test unless err is of a kind.
func wantError(t *testing.T, what string, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("%s: got %v, want %v", what, err, kind)
	}
}

// wantKnown fails the test unless err says that a name is not known, and which one is.
func wantKnown(t *testing.T, what string, err error, known string) {
	t.Helper()
	var missing *server.NotFoundError
	if !errors.As(err, &missing) || !slices.Contains(missing.Known, known) {
		t.Errorf("%s: got %v, want a NotFoundError that lists %s", what, err, known)
	}
}

func (w World) announce(t *testing.T, version string) server.Announced {
	t.Helper()
	a, err := w.Backend.Deploys.Announce(t.Context(), w.request(version), deployer())
	if err != nil {
		t.Fatalf("announce %s: %v", version, err)
	}
	return a
}

func (w World) request(version string) server.DeployRequest {
	return server.DeployRequest{Service: w.Service, Environment: "production", Version: version, Reversible: true}
}

func tokens(w world) {
	t := w.T
	if secured, err := w.Backend.Tokens.Secured(t.Context()); err != nil || !secured {
		t.Errorf("secured %v, %v, although there is a token", secured, err)
	}
	if got, err := w.Backend.Tokens.Authenticate(t.Context(), server.HashToken(w.Token)); err != nil || got != w.Owner {
		t.Errorf("got %+v, %v, want %+v", got, err, w.Owner)
	}
	for _, hash := range []string{server.HashToken("another"), w.Token, ""} {
		_, err := w.Backend.Tokens.Authenticate(t.Context(), hash)
		wantError(t, "a hash of no token", err, server.ErrUnauthenticated)
	}
}

func unknownNames(w world) {
	t := w.T
	ctx, b := t.Context(), w.Backend
	_, err := b.Deploys.Announce(ctx, server.DeployRequest{Service: "nobody", Environment: "production", Version: "v1"}, deployer())
	wantKnown(t, "a deploy", err, w.Service)
	_, err = b.Gates.Gate(ctx, "nobody", "production")
	wantKnown(t, "a gate", err, w.Service)
	wantKnown(t, "a service", b.Services.KnownService(ctx, "nobody"), w.Service)
	if err := b.Services.KnownService(ctx, w.Service); err != nil {
		t.Errorf("a service that there is: %v", err)
	}
	_, err = b.RunControl.StartRun(ctx, server.RunRequest{Service: "nobody", Environment: "production", Reason: "why"}, person())
	wantKnown(t, "a rollback", err, w.Service)
	_, err = b.Deploys.Announce(ctx, server.DeployRequest{Service: w.Service, Environment: "elsewhere", Version: "v1"}, deployer())
	wantKnown(t, "a deploy to an environment", err, "production")
	_, err = b.Gates.Gate(ctx, w.Service, "elsewhere")
	wantKnown(t, "a gate of an environment", err, "production")
	_, err = b.RunControl.StartRun(ctx, server.RunRequest{Service: w.Service, Environment: "elsewhere", Reason: "why"}, person())
	wantKnown(t, "a rollback in an environment", err, "production")
	_, err = b.Checks.CheckDetail(ctx, "nobody")
	wantKnown(t, "a check", err, w.Check)
	if looks, err := b.Looks.Looks(ctx, "nobody", w.Now().Add(-time.Hour), w.Now(), 10); err != nil || len(looks) > 0 {
		t.Errorf("looks of a service that is not configured: %v, %v; want none", looks, err)
	}
	_, err = b.Watches.Watch(ctx, "w_none", 0)
	wantError(t, "a watch", err, server.ErrNotFound)
	_, err = b.Watches.CancelWatch(ctx, "w_none", deployer())
	wantError(t, "cancel a watch", err, server.ErrNotFound)
	_, err = b.Runs.Run(ctx, "r_none", 0)
	wantError(t, "a run", err, server.ErrNotFound)
	_, err = b.RunControl.AnswerRun(ctx, "r_none", server.RunAnswer{Decision: server.ApproveRun}, person())
	wantError(t, "answer a run", err, server.ErrNotFound)
	_, err = b.Acks.AckAlert(ctx, "a_none", "", person())
	wantError(t, "acknowledge an alert", err, server.ErrNotFound)
	wantError(t, "take an acknowledgement back", b.Acks.UnackAlert(ctx, "a_none", person()), server.ErrNotFound)
	wantError(t, "end a silence", b.Silences.ExpireSilence(ctx, "s_none", person()), server.ErrNotFound)
}

func standby(w world) {
	t := w.T
	ctx, b := t.Context(), w.Backend
	watching := w.announce(t, "v2").Watch.ID
	w.StandBy()
	_, err := b.Deploys.Announce(ctx, w.request("v3"), deployer())
	wantError(t, "a deploy", err, server.ErrStandby)
	_, err = b.Watches.CancelWatch(ctx, watching, deployer())
	wantError(t, "cancel a watch", err, server.ErrStandby)
	_, err = b.Marks.MarkWatch(ctx, watching, markedWrong(), person())
	wantError(t, "mark a verdict", err, server.ErrStandby)
	_, err = b.RunControl.StartRun(ctx, server.RunRequest{Service: w.Service, Environment: "production", Reason: "why"}, person())
	wantError(t, "a rollback", err, server.ErrStandby)
	_, err = b.RunControl.AnswerRun(ctx, "r_1", server.RunAnswer{Decision: server.ApproveRun}, person())
	wantError(t, "answer a run", err, server.ErrStandby)
	_, err = b.Acks.AckAlert(ctx, "a_1", "", person())
	wantError(t, "acknowledge an alert", err, server.ErrStandby)
	_, err = b.Chat.Act(ctx, chatops.Request{Action: chatops.Acknowledge, Delivery: "q_1"}, "ada")
	wantError(t, "acknowledge an alert from a message", err, server.ErrStandby)
	wantError(t, "take an acknowledgement back", b.Acks.UnackAlert(ctx, "a_1", person()), server.ErrStandby)

	if v, err := b.Watches.Watch(ctx, watching, 0); err != nil || v.State.Final() {
		t.Errorf("read a watch: %s, %v", v.State, err)
	}
	if st, err := b.Process.Status(ctx); err != nil || st.Role != "standby" || !st.Ready {
		t.Errorf("status %s, ready %v, %v; want a standby that is ready", st.Role, st.Ready, err)
	}
}
