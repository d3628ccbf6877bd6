package kubernetes_test

import (
	"fmt"
	"strings"
	"testing"

	"guardian/actions"
	"guardian/actions/actiontest"
	"guardian/actions/kubernetes"
	"guardian/test/kube"
)

// TestKubernetes shares one cluster between everything that needs one. Its tests run one after the
// other: some of them stop the controllers.
func TestKubernetes(t *testing.T) {
	c := cluster(t)
	t.Run("contract", func(t *testing.T) {
		actiontest.Run(t, func(t *testing.T) actiontest.Target {
			t.Helper()
			return contract(t, c)
		})
	})
	for _, test := range []struct {
		name string
		run  func(*testing.T, *rig)
	}{
		{"deployment", testDeployment},
		{"statefulset", testStatefulSet},
		{"daemonset", testDaemonSet},
		{"found", testFound},
		{"missing", testMissing},
		{"unhealthy", testUnhealthy},
		{"held", testHeld},
		{"stuck", testStuckUpdate},
		{"sick", testSick},
		{"slow", testSlow},
		{"lost", testLost},
		{"killed", testKilled},
		{"changed", testChanged},
		{"conflict", testConflict},
		{"rights", testRights},
		{"keepers", testKeepers},
		{"gone", testGone},
		{"switch", testSwitch},
		{"scale", testScale},
		{"autoscaled", testAutoscaled},
		{"rollout", testRollout},
		{"example", testExample},
	} {
		t.Run(test.name, func(t *testing.T) {
			if !c.Live() {
				t.Parallel()
			}
			test.run(t, open(t, c, "test-"+test.name))
		})
	}
}

func contract(t *testing.T, c *kube.Cluster) actiontest.Target {
	t.Helper()
	name := strings.NewReplacer("_", "-").Replace(strings.ToLower(t.Name()[strings.LastIndexByte(t.Name(), '/')+1:]))
	r := open(t, c, "contract-"+strings.Trim(name[:min(len(name), 40)], "-"))
	r.released("Deployment", "order-sync", "shop:v1", "shop:v2")
	var before int64 = 2 // it was created, and updated once
	return actiontest.Target{
		Step: r.undo("deployment/order-sync"), Call: back(),
		Effects:      func() int { return int(r.read("Deployment", "order-sync").Metadata.Generation - before) },
		Break:        r.Refuse,
		Secrets:      []string{kube.Token},
		KnowsOutcome: true, Deduplicates: true,
	}
}

func testDeployment(t *testing.T, r *rig) {
	t.Helper()
	r.released("Deployment", "order-sync", "registry.example.com/shop:v1", "registry.example.com/shop:v2")
	step := r.undo("deployment/order-sync")
	plan, err := step.(actions.Planner).Plan(t.Context(), back())
	if err != nil {
		t.Fatal(err)
	}
	contains(t, plan.String(), "from revision 2 (registry.example.com/shop:v2) back to revision 1 (registry.example.com/shop:v1)", "2 pods")
	if w := r.read("Deployment", "order-sync"); w.Metadata.Generation != 2 || w.Metadata.Annotations["guardian.intent"] != "" {
		t.Errorf("the plan changed it: %+v", w)
	}
	out := r.do(step, back())
	contains(t, out, plan.String(), "of 2 pods 2 updated, 2 available")
	w := r.read("Deployment", "order-sync")
	if !w.complete() || w.Spec.Template.Spec.Containers[0].Image != "registry.example.com/shop:v1" {
		t.Errorf("it is %+v", w)
	}
	contains(t, fmt.Sprint(w.Metadata.Annotations), "kubernetes.io/change-cause:guardian: back to revision 1, run r_01K3")
	r.status(step, back(), actions.Happened, "2 available")
	// It is the version that was put back which runs now.
	again := back()
	again.Intent = "r_01K4-1"
	again.Run.From = "v3"
	r.refused(step, again, "has revision 3 (registry.example.com/shop:v1) already", "nothing was changed", "2 (registry.example.com/shop:v2)")
}

func testStatefulSet(t *testing.T, r *rig) {
	t.Helper()
	r.released("StatefulSet", "order-db", "shop:v1", "shop:v2")
	step := r.undo("statefulset/order-db")
	out := r.do(step, back())
	contains(t, out, "from revision 2 (shop:v2) back to revision 1 (shop:v1)")
	if w := r.read("StatefulSet", "order-db"); !w.complete() || w.Spec.Template.Spec.Containers[0].Image != "shop:v1" {
		t.Errorf("it is %+v", w)
	}
	r.status(step, back(), actions.Happened)
}

func testDaemonSet(t *testing.T, r *rig) {
	t.Helper()
	r.released("DaemonSet", "agent", "shop:v1", "shop:v2")
	step := r.undo("daemonset/agent")
	contains(t, r.do(step, back()), "from revision 2 (shop:v2) back to revision 1 (shop:v1)")
	if w := r.read("DaemonSet", "agent"); !w.complete() || w.Spec.Template.Spec.Containers[0].Image != "shop:v1" {
		t.Errorf("it is %+v", w)
	}
	r.status(step, back(), actions.Happened)
}

// The runbook that people copy.
func testExample(t *testing.T, r *rig) {
	t.Helper()
	r.released("Deployment", "order-sync", "shop:v1", "shop:v2")
	step := actiontest.Example(t, "kubernetes", nil, strings.NewReplacer("/etc/guardian/kubeconfig", r.Kubeconfig(kube.Token), "namespace: shop", "namespace: "+r.Namespace).Replace).Step
	kubernetes.SetPace(step, r.pace())
	r.do(step, back())
	if got := r.image("Deployment", "order-sync"); got != "shop:v1" {
		t.Errorf("it runs %s", got)
	}
}

// A version is found by what the configuration names: the image of one container, a label, an
// annotation, or the number of the revision.
func testFound(t *testing.T, r *rig) {
	t.Helper()
	digest := func(c string) string { return "sha256:" + strings.Repeat(c, 64) }
	r.released("Deployment", "by-digest", "shop@"+digest("a"), "shop@"+digest("b"))
	call := back()
	call.Run.From, call.Run.To = digest("b"), digest("a")
	r.do(r.undo("deployment/by-digest"), call)
	if got := r.image("Deployment", "by-digest"); got != "shop@"+digest("a") {
		t.Errorf("by digest: %s", got)
	}

	r.labelled("by-label", func(version string) object {
		return object{"labels": object{"app": "by-label", "app.kubernetes.io/version": version}}
	})
	r.do(r.undo("deployment/by-label"), back())
	if got := r.image("Deployment", "by-label"); got != "shop:build-1" {
		t.Errorf("by label: %s", got)
	}

	r.labelled("by-annotation", func(version string) object {
		return object{"labels": object{"app": "by-annotation"}, "annotations": object{"example.com/release": version}}
	})
	r.refused(r.undo("deployment/by-annotation"), back(), "has no revision v1", "2 (shop:build-2)", "1 (shop:build-1)")
	r.do(r.step(func(s *kubernetes.Settings) {
		s.Undo = &kubernetes.UndoSettings{Workload: "deployment/by-annotation", Annotation: "example.com/release"}
	}), back())
	if got := r.image("Deployment", "by-annotation"); got != "shop:build-1" {
		t.Errorf("by annotation: %s", got)
	}

	r.released("Deployment", "by-number", "shop:v1", "shop:v2", "shop:v3")
	r.do(r.step(func(s *kubernetes.Settings) {
		s.Undo = &kubernetes.UndoSettings{Workload: "deployment/by-number", Revision: "2"}
	}), back())
	if got := r.image("Deployment", "by-number"); got != "shop:v2" {
		t.Errorf("by number: %s", got)
	}

	// A sidecar has the very tag.
	r.deploy("Deployment", "by-container", "shop:v1")
	r.Patch(r.path("Deployment", "by-container"), object{"spec": object{"template": template("by-container", "shop:v1", "proxy:v2")}})
	r.settled("Deployment", "by-container")
	r.Patch(r.path("Deployment", "by-container"), object{"spec": object{"template": template("by-container", "shop:v2", "proxy:v1")}})
	r.settled("Deployment", "by-container")
	r.do(r.step(func(s *kubernetes.Settings) {
		s.Undo = &kubernetes.UndoSettings{Workload: "deployment/by-container", Container: "app"}
	}), back())
	if got := r.read("Deployment", "by-container").Spec.Template.Spec.Containers; got[0].Image != "shop:v1" || got[1].Image != "proxy:v2" {
		t.Errorf("by container: %v", got)
	}
}

// labelled deploys two versions whose images do not name them.
func (r *rig) labelled(name string, metadata func(version string) object) {
	r.t.Helper()
	for i, version := range []string{"v1", "v2"} {
		tmpl := template(name, fmt.Sprint("shop:build-", i+1))
		tmpl["metadata"] = metadata(version)
		if i == 0 {
			r.Create(strings.TrimSuffix(r.path("Deployment", name), "/"+name), object{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": object{"name": name}, "spec": object{
				"replicas": 1, "selector": object{"matchLabels": object{"app": name}}, "template": tmpl,
			}})
		} else {
			r.Patch(r.path("Deployment", name), object{"spec": object{"template": tmpl}})
		}
		r.settled("Deployment", name)
	}
}
