package kubernetes_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"guardian/actions"
	"guardian/actions/kubernetes"
)

// The usual case: the new version never becomes ready. Its update was given up before, which says
// nothing about the way back.
func testStuckUpdate(t *testing.T, r *rig) {
	t.Helper()
	heal := r.Sicken("shop:v2")
	defer heal()
	r.released("Deployment", "order-sync", "shop:v1")
	r.Patch(r.path("Deployment", "order-sync"), object{"spec": object{"progressDeadlineSeconds": 2, "template": template("order-sync", "shop:v2")}})
	var w workload
	r.Await(r.path("Deployment", "order-sync"), &w, func() bool {
		for _, c := range w.Status.Conditions {
			if c.Reason == "ProgressDeadlineExceeded" {
				return true
			}
		}
		return false
	})
	step := r.undo("deployment/order-sync")
	r.do(step, back())
	if w := r.read("Deployment", "order-sync"); !w.complete() || w.Spec.Template.Spec.Containers[0].Image != "shop:v1" {
		t.Errorf("it is %+v", w)
	}
	r.status(step, back(), actions.Happened)

	r.released("StatefulSet", "order-db", "shop:v1")
	r.Patch(r.path("StatefulSet", "order-db"), object{"spec": object{"template": template("order-db", "shop:v2")}})
	var pods podList
	r.Await(r.pods("app=order-db"), &pods, func() bool { return pods.crashing() == 1 })
	plan, err := r.undo("statefulset/order-db").(actions.Planner).Plan(t.Context(), back())
	if err != nil {
		t.Fatal(err)
	}
	contains(t, plan.String(), "pod order-db-1 is not ready, and a StatefulSet replaces no pod before it is: delete the pod")
}

// The version that is put back does not become ready: that is told with the pods' own words, whether
// the cluster gives up or the step's deadline comes first.
func testSick(t *testing.T, r *rig) {
	t.Helper()
	r.released("Deployment", "order-sync", "shop:v1", "shop:v2")
	r.released("Deployment", "given-up", "shop:v1", "shop:v2")
	r.Patch(r.path("Deployment", "given-up"), object{"spec": object{"progressDeadlineSeconds": 2}})
	heal := r.Sicken("shop:v1")
	defer heal()
	step := r.step(func(s *kubernetes.Settings) {
		s.Undo, s.Deadline = &kubernetes.UndoSettings{Workload: "deployment/order-sync"}, model.Duration(4*time.Second)
	})
	_, err := step.Do(t.Context(), back())
	if err == nil || errors.Is(err, actions.ErrUnclear) {
		t.Fatalf("error %v; it is known that it is not complete", err)
	}
	contains(t, err.Error(), "deployments/order-sync was changed, and is not complete after 4 s", "is not ready: container app: CrashLoopBackOff")
	r.status(step, back(), actions.Pending, "CrashLoopBackOff")

	step = r.undo("deployment/given-up")
	_, err = step.Do(t.Context(), back())
	if err == nil || errors.Is(err, actions.ErrUnclear) {
		t.Fatalf("error %v; it is known that the cluster gave up", err)
	}
	contains(t, err.Error(), "the cluster gave up", "no progress within progressDeadlineSeconds", "CrashLoopBackOff")
	r.status(step, back(), actions.Failed, "the cluster gave up")
}

// Controllers that do nothing for a while are waited for: what the status says of the update before
// is not taken for the end of this one.
func testSlow(t *testing.T, r *rig) {
	t.Helper()
	r.released("Deployment", "order-sync", "shop:v1", "shop:v2")
	r.released("StatefulSet", "order-db", "shop:v1", "shop:v2")
	r.released("DaemonSet", "agent", "shop:v1", "shop:v2")
	thaw := r.c.Freeze(t)
	for _, workload := range []string{"deployment/order-sync", "statefulset/order-db", "daemonset/agent"} {
		step := r.undo(workload)
		ctx, end := context.WithCancel(t.Context())
		r.AfterPatch(end)
		if _, err := step.Do(ctx, back()); err == nil {
			t.Errorf("%s: all is well", workload)
		}
		r.status(step, back(), actions.Pending, "its controller has not begun yet")
	}
	thaw()
	for _, workload := range []string{"deployment/order-sync", "statefulset/order-db", "daemonset/agent"} {
		r.settle(r.undo(workload), back(), actions.Happened)
	}
}

// The answer to the patch is lost: the object tells that it happened, and it is not done twice.
func testLost(t *testing.T, r *rig) {
	t.Helper()
	r.released("Deployment", "order-sync", "shop:v1", "shop:v2")
	step := r.undo("deployment/order-sync")
	r.status(step, back(), actions.NotHappened)
	r.LoseAnswer()
	if _, err := step.Do(t.Context(), back()); !errors.Is(err, actions.ErrUnclear) {
		t.Fatalf("error %v; the answer was lost", err)
	}
	r.settle(step, back(), actions.Happened)
	contains(t, r.do(step, back()), "was changed under this intent already")
	if w := r.read("Deployment", "order-sync"); w.Metadata.Generation != 3 {
		t.Errorf("it was changed %d times, want once", w.Metadata.Generation-2)
	}
}

// A guardian that is killed after its patch finds out from the object, and so does another one.
func testKilled(t *testing.T, r *rig) {
	t.Helper()
	r.released("Deployment", "order-sync", "shop:v1", "shop:v2")
	thaw := r.c.Freeze(t)
	ctx, kill := context.WithCancel(t.Context())
	r.AfterPatch(kill)
	if _, err := r.undo("deployment/order-sync").Do(ctx, back()); !errors.Is(err, actions.ErrUnclear) && !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	other := r.undo("deployment/order-sync")
	r.status(other, back(), actions.Pending)
	thaw()
	r.settle(other, back(), actions.Happened)
	if w := r.read("Deployment", "order-sync"); w.Metadata.Generation != 3 {
		t.Errorf("it was changed %d times, want once", w.Metadata.Generation-2)
	}
}

// What somebody changes after the step is told, and not overwritten.
func testChanged(t *testing.T, r *rig) {
	t.Helper()
	r.released("Deployment", "order-sync", "shop:v1", "shop:v2")
	step := r.undo("deployment/order-sync")
	r.AfterPatch(func() {
		r.Patch(r.path("Deployment", "order-sync")+"?fieldManager=kubectl-edit", object{"spec": object{"template": template("order-sync", "shop:v3")}})
	})
	_, err := step.Do(t.Context(), back())
	if err == nil || errors.Is(err, actions.ErrUnclear) {
		t.Fatalf("error %v", err)
	}
	contains(t, err.Error(), "somebody changed it again since", "kubectl-edit")
	r.status(step, back(), actions.Unclear, "somebody changed it again since")
	if got := r.image("Deployment", "order-sync"); got != "shop:v3" {
		t.Errorf("it runs %s", got)
	}
	// Pods that come and go by an autoscaler are no such change.
	r.released("Deployment", "scaled", "shop:v1", "shop:v2")
	step = r.undo("deployment/scaled")
	r.AfterPatch(func() { r.Patch(r.path("Deployment", "scaled"), object{"spec": object{"replicas": 3}}) })
	contains(t, r.do(step, back()), "of 3 pods 3 updated, 3 available")
}

// What happens between what the step reads and what it writes: a new version is a conflict, a label
// is not.
func testConflict(t *testing.T, r *rig) {
	t.Helper()
	r.released("Deployment", "order-sync", "shop:v1", "shop:v2")
	step := r.undo("deployment/order-sync")
	r.BeforePatch(func() {
		r.Patch(r.path("Deployment", "order-sync")+"?fieldManager=jenkins", object{"spec": object{"template": template("order-sync", "shop:v3")}})
	})
	_, err := step.Do(t.Context(), back())
	if err == nil || errors.Is(err, actions.ErrUnclear) {
		t.Fatalf("error %v; nothing was changed", err)
	}
	contains(t, err.Error(), "nothing was changed", "somebody changed deployments/order-sync at the same moment", "jenkins")
	r.status(step, back(), actions.NotHappened)
	if got := r.image("Deployment", "order-sync"); got != "shop:v3" {
		t.Errorf("it runs %s", got)
	}

	r.released("Deployment", "labelled", "shop:v1", "shop:v2")
	step = r.undo("deployment/labelled")
	r.BeforePatch(func() {
		r.Patch(r.path("Deployment", "labelled"), object{"metadata": object{"labels": object{"team": "orders"}}})
	})
	r.do(step, back())
	if got := r.image("Deployment", "labelled"); got != "shop:v1" {
		t.Errorf("it runs %s", got)
	}
}
