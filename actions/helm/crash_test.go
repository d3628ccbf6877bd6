package helm_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"guardian/actions"
	"guardian/actions/actiontest"
	"guardian/actions/helm"
	"guardian/test/kube"
)

// The version that is put back does not become ready: helm's own words are told, and it is known that it failed.
func testSick(t *testing.T, r *rig) {
	t.Helper()
	r.released("v1", "v2")
	heal := r.Sicken("shop:v1")
	defer heal()
	step, call := r.step(func(s *helm.Settings) { s.Deadline = model.Duration(6 * time.Second) }), r.back()
	_, err := step.Do(t.Context(), call)
	if err == nil || errors.Is(err, actions.ErrUnclear) {
		t.Fatalf("error %v; it is known that it failed", err)
	}
	contains(t, err.Error(), "release order-sync was rolled back (revision 3), and helm gave up", "context deadline exceeded")
	r.status(step, call, actions.Failed, "helm gave up")
	if got := r.image(); got != "shop:v1" {
		t.Errorf("it runs %s", got)
	}
	// A revision that failed is no way back to it, either.
	again := r.back()
	r.refused(step, again, "carries v1 already: revision 3 (order-sync-1.0.0, shop:v1, proxy:p1, failed)")
}

// A guardian that is killed while its helm goes on finds out from the history, and begins no second rollback.
func testWorking(t *testing.T, r *rig) {
	t.Helper()
	r.released("v1", "v2")
	heal := r.Sicken("shop:v1")
	call := r.back()
	ended := make(chan error)
	go func() {
		_, err := r.step(nil).Do(t.Context(), call)
		ended <- err
	}()
	r.awaitActs(1)
	r.awaitRecord(3, "pending-rollback")
	other := r.step(nil)
	r.status(other, call, actions.Pending, "helm rolls release order-sync back (revision 3, pending-rollback since", "or was killed at it")
	_, err := other.Do(t.Context(), call)
	if err == nil {
		t.Fatal("a second rollback began")
	}
	contains(t, err.Error(), "helm rolls release order-sync back (revision 3")
	heal()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	r.awaitRecord(3, "deployed")
	r.status(other, call, actions.Happened, "revision 3")
	contains(t, r.do(other, call), "was rolled back under this intent already")
	if n := r.tape.Acts(); n != 1 {
		t.Errorf("helm rolled back %d times, want once", n)
	}
}

// helm is killed in the middle: the release is left pending. Until no helm of the step can live any more it
// is left alone; then a person is asked, and once they say so it is rolled back once more.
func testKilled(t *testing.T, r *rig) {
	t.Helper()
	r.deploy("--set=tag=v1", "--set=hooks=true")
	r.released("v2")
	heal := r.Sicken("shop:v1")
	step, call := r.step(nil), r.back()
	ctx, kill := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := step.Do(ctx, call)
		ended <- err
	}()
	r.awaitActs(1)
	r.awaitRecord(3, "pending-rollback")
	kill()
	if err := <-ended; !errors.Is(err, actions.ErrUnclear) {
		t.Errorf("error %v; nobody knows whether it happened", err)
	}
	r.status(step, call, actions.Pending, "until")
	r.refused(step, call, "helm rolls release order-sync back (revision 3", "then it may be rolled back once more")
	heal()
	r.shift = 3 * time.Minute // of four: one to wait, two for the hook, and one more
	r.status(step, call, actions.Pending)
	r.shift = 5 * time.Minute
	r.status(step, call, actions.Unclear, "release order-sync was left in pending-rollback (revision 3", "helm rollback")
	call.Step.Started = r.tape.Now()
	contains(t, r.plan(step, call), "was left in pending-rollback (revision 3) at", "it is rolled back once more", "back to revision 1", "which becomes revision 4")
	r.do(step, call)
	if got := r.image(); got != "shop:v1" {
		t.Errorf("it runs %s", got)
	}
	r.status(step, call, actions.Happened, "revision 4")
}

// What somebody deploys after the step is told, and not taken back once more.
func testChanged(t *testing.T, r *rig) {
	t.Helper()
	r.released("v1", "v2")
	step, call := r.step(nil), r.back()
	r.do(step, call)
	r.deploy("--set=tag=v2")
	r.status(step, call, actions.Unclear, "this step rolled release order-sync back (revision 3), and somebody changed it since: it has revision 4 (order-sync-1.0.0, shop:v2, proxy:p1)")
}

// Rights that are missing are told by the plan already, with where those are that are needed.
func testRights(t *testing.T, r *rig) {
	t.Helper()
	r.released("v1", "v2")
	r.path = r.Straight(kube.Stranger)
	step, call := r.step(nil), r.back()
	r.refused(step, call, "helm history lacks a right", "secrets is forbidden", "docs/runbooks/helm-rbac.yaml")
	if _, _, err := step.Status(t.Context(), call); err == nil {
		t.Error("it says what became of it")
	}
}

// Without a helm on this machine the plan says so, and so does the step.
func TestWithoutHelm(t *testing.T) {
	s, ok := helm.Kind().Settings().(*helm.Settings)
	if !ok {
		t.Fatal("other settings")
	}
	s.Program, s.Release = "/opt/no/helm", "order-sync"
	step := actiontest.Build(t, helm.Kind(), s, actiontest.Env())
	_, planned := step.(actions.Planner).Plan(t.Context(), actiontest.Call())
	_, done := step.Do(t.Context(), actiontest.Call())
	_, _, asked := step.Status(t.Context(), actiontest.Call())
	for at, err := range map[string]error{"planned": planned, "done": done, "asked": asked} {
		if err == nil || errors.Is(err, actions.ErrUnclear) {
			t.Fatalf("%s: error %v", at, err)
		}
		contains(t, err.Error(), "helm cannot be run: start helm: no such file or directory", "Install Helm 3 or 4 where the guardian runs, or set program")
	}
}

// The engine asks a moment after a crash: a helm that was started just before may not have begun yet.
func testBegins(t *testing.T, r *rig) {
	t.Helper()
	r.released("v1", "v2")
	call := r.back()
	step := actiontest.Build(t, helm.Kind(), r.settings(nil), r.env())
	r.status(step, call, actions.Pending, "may be about to roll release order-sync back")
	r.shift = 11 * time.Second
	r.status(step, call, actions.NotHappened)
}
