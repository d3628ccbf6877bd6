package kubernetes_test

import (
	"testing"

	"guardian/actions"
	"guardian/actions/kubernetes"
)

func (r *rig) service(name string) string {
	return "/api/v1/namespaces/" + r.Namespace + "/services/" + name
}

type serviceObject struct {
	Spec struct{ Selector map[string]string }
}

// blueGreen deploys two colours, and a Service that selects green.
func (r *rig) blueGreen(blue string) {
	r.t.Helper()
	for color, image := range map[string]string{"blue": blue, "green": "shop:v2"} {
		tmpl := template("order-sync", image)
		tmpl["metadata"] = object{"labels": object{"app": "order-sync", "color": color}}
		r.Create("/apis/apps/v1/namespaces/"+r.Namespace+"/deployments", object{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": object{"name": color}, "spec": object{
			"replicas": 2, "selector": object{"matchLabels": object{"app": "order-sync", "color": color}}, "template": tmpl,
		}})
	}
	r.settled("Deployment", "green")
	r.Create("/api/v1/namespaces/"+r.Namespace+"/services", object{"apiVersion": "v1", "kind": "Service", "metadata": object{"name": "order-sync"}, "spec": object{
		"selector": object{"app": "order-sync", "color": "green"}, "ports": []object{{"port": 80}},
	}})
	var slices struct {
		Items []struct {
			Endpoints []struct{ Conditions struct{ Ready bool } }
		}
	}
	r.Await("/apis/discovery.k8s.io/v1/namespaces/"+r.Namespace+"/endpointslices", &slices, func() bool {
		return len(slices.Items) == 1 && len(slices.Items[0].Endpoints) == 2
	})
}

func (r *rig) switchTo(color string, ready int) actions.Step {
	r.t.Helper()
	return r.step(func(s *kubernetes.Settings) {
		s.Switch = &kubernetes.SwitchSettings{Service: "{{.Service}}", Selector: map[string]string{"color": color}, MinReady: ready}
	})
}

func testSwitch(t *testing.T, r *rig) {
	t.Helper()
	heal := r.Sicken("shop:v1")
	defer heal()
	r.blueGreen("shop:v1")
	var pods podList
	r.Await(r.pods("color=blue"), &pods, func() bool { return pods.crashing() == 2 })
	r.refused(r.switchTo("blue", 1), back(), "0 of the pods with app=order-sync,color=blue are ready and 1 must be")
	r.refused(r.switchTo("green", 1), back(), "services/order-sync selects app=order-sync,color=green already")
	heal()
	r.settled("Deployment", "blue")
	r.refused(r.switchTo("blue", 3), back(), "2 of the pods", "3 must be")

	step := r.switchTo("blue", 1)
	plan, err := step.(actions.Planner).Plan(t.Context(), back())
	if err != nil {
		t.Fatal(err)
	}
	contains(t, plan.String(), "services/order-sync selects app=order-sync,color=blue instead of app=order-sync,color=green: 2 ready pods in place of 2")
	r.LoseAnswer()
	if _, err := step.Do(t.Context(), back()); err == nil {
		t.Error("the lost answer is no error")
	}
	r.settle(step, back(), actions.Happened)
	contains(t, r.do(step, back()), "2 endpoints of the selected pods ready")
	var s serviceObject
	if r.Read(r.service("order-sync"), &s); s.Spec.Selector["color"] != "blue" || s.Spec.Selector["app"] != "order-sync" {
		t.Errorf("it selects %v", s.Spec.Selector)
	}
	r.Patch(r.service("order-sync"), object{"spec": object{"selector": object{"color": "green"}}})
	r.status(step, back(), actions.Unclear, "somebody changed it again since")

	r.Create("/api/v1/namespaces/"+r.Namespace+"/services", object{"apiVersion": "v1", "kind": "Service", "metadata": object{"name": "elsewhere"}, "spec": object{
		"type": "ExternalName", "externalName": "shop.example.com",
	}})
	r.refused(r.step(func(s *kubernetes.Settings) {
		s.Switch = &kubernetes.SwitchSettings{Service: "elsewhere", Selector: map[string]string{"color": "blue"}}
	}), back(), "services/elsewhere selects no pods")
}

func (r *rig) scaleTo(workload string, replicas int) actions.Step {
	r.t.Helper()
	return r.step(func(s *kubernetes.Settings) {
		s.Scale = &kubernetes.ScaleSettings{Workload: workload, Replicas: &replicas}
	})
}

func testScale(t *testing.T, r *rig) {
	t.Helper()
	r.released("Deployment", "price-job", "shop:v1")
	step := r.scaleTo("deployment/price-job", 0)
	contains(t, r.do(step, back()), "deployments/price-job is scaled from 2 to 0 pods")
	if w := r.read("Deployment", "price-job"); *w.Spec.Replicas != 0 || w.Status.Replicas != 0 {
		t.Errorf("it is %+v", w)
	}
	r.status(step, back(), actions.Happened)
	again := back()
	again.Intent = "r_01K4-1"
	more := r.scaleTo("deployment/price-job", 3)
	contains(t, r.do(more, again), "of 3 pods 3 updated, 3 available")
	r.status(more, again, actions.Happened)
	r.status(step, back(), actions.NotHappened)

	r.released("StatefulSet", "order-db", "shop:v1")
	r.do(r.scaleTo("statefulset/order-db", 1), back())
	if w := r.read("StatefulSet", "order-db"); *w.Spec.Replicas != 1 || w.Status.Replicas != 1 {
		t.Errorf("it is %+v", w)
	}
}

// An autoscaler would set another number at once; at none it does nothing.
func testAutoscaled(t *testing.T, r *rig) {
	t.Helper()
	r.released("Deployment", "price-job", "shop:v1", "shop:v2")
	r.Create("/apis/autoscaling/v2/namespaces/"+r.Namespace+"/horizontalpodautoscalers", object{
		"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": object{"name": "by-load"},
		"spec": object{"scaleTargetRef": object{"apiVersion": "apps/v1", "kind": "Deployment", "name": "price-job"}, "minReplicas": 2, "maxReplicas": 9},
	})
	r.refused(r.scaleTo("deployment/price-job", 5), back(), "is scaled by HorizontalPodAutoscaler by-load (from 2 to 9)")
	contains(t, r.do(r.undo("deployment/price-job"), back()), "2 available")
	none := back()
	none.Intent = "r_01K4-1"
	contains(t, r.do(r.scaleTo("deployment/price-job", 0), none), "HorizontalPodAutoscaler by-load does nothing while there are no pods")
}

const rolloutsAPI = "/apis/argoproj.io/v1alpha1/namespaces/"

// There are no controllers of Argo Rollouts here: its definition and what its controllers would write
// are the test's.
func testRollout(t *testing.T, r *rig) {
	t.Helper()
	r.refused2(r.undo("rollout/order-sync"), "the cluster has no rollouts.argoproj.io (v1alpha1)")
	r.Create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", object{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": object{"name": "rollouts.argoproj.io"},
		"spec": object{
			"group": "argoproj.io", "scope": "Namespaced", "names": object{"kind": "Rollout", "plural": "rollouts", "singular": "rollout", "listKind": "RolloutList"},
			"versions": []object{{
				"name": "v1alpha1", "served": true, "storage": true, "subresources": object{"status": object{}},
				"schema": object{"openAPIV3Schema": object{"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
			}},
		},
	})
	path := rolloutsAPI + r.Namespace + "/rollouts/order-sync"
	var list object
	r.Await(rolloutsAPI+r.Namespace+"/rollouts", &list, func() bool { return true })
	r.Create(rolloutsAPI+r.Namespace+"/rollouts", object{"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": object{"name": "order-sync"}, "spec": object{
		"replicas": 2, "selector": object{"matchLabels": object{"app": "order-sync"}}, "template": template("order-sync", "shop:v2"),
	}})
	var rollout struct {
		Metadata struct{ UID string }
		Spec     struct {
			Template struct {
				Spec struct{ Containers []struct{ Image string } }
			}
		}
	}
	r.Await(path, &rollout, func() bool { return true })
	for i, image := range []string{"shop:v1", "shop:v2"} {
		r.rolloutRevision(rollout.Metadata.UID, i+1, image)
	}
	// The canary of v2 is halted half-way.
	r.Patch(path+"/status", object{"status": object{"observedGeneration": "1", "phase": "Paused", "stableRS": "hash1", "currentPodHash": "hash2"}})
	step := r.undo("rollout/order-sync")
	r.AfterPatch(func() {
		r.Patch(path+"/status", object{"status": object{"observedGeneration": "2", "phase": "Healthy", "stableRS": "hash1", "currentPodHash": "hash1"}})
	})
	contains(t, r.do(step, back()), "from revision 2 (shop:v2) back to revision 1 (shop:v1)", "Argo Rollouts says Healthy")
	if r.Read(path, &rollout); rollout.Spec.Template.Spec.Containers[0].Image != "shop:v1" {
		t.Errorf("it is %+v", rollout)
	}
	r.status(step, back(), actions.Happened, "Healthy")
	r.Patch(path+"/status", object{"status": object{"phase": "Degraded", "message": "ProgressDeadlineExceeded"}})
	r.status(step, back(), actions.Failed, "Argo Rollouts says Degraded: ProgressDeadlineExceeded")
}

// rolloutRevision creates a ReplicaSet as Argo Rollouts leaves them.
func (r *rig) rolloutRevision(owner string, n int, image string) {
	r.t.Helper()
	hash := []string{"", "hash1", "hash2"}[n]
	tmpl := template("order-sync", image)
	tmpl["metadata"] = object{"labels": object{"app": "order-sync", "rollouts-pod-template-hash": hash}}
	r.Create("/apis/apps/v1/namespaces/"+r.Namespace+"/replicasets", object{
		"apiVersion": "apps/v1", "kind": "ReplicaSet",
		"metadata": object{
			"name": "order-sync-" + hash, "labels": object{"app": "order-sync", "rollouts-pod-template-hash": hash},
			"annotations":     object{"rollout.argoproj.io/revision": []string{"", "1", "2"}[n]},
			"ownerReferences": []object{{"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "order-sync", "uid": owner, "controller": true}},
		},
		"spec": object{"replicas": 0, "selector": object{"matchLabels": object{"app": "order-sync", "rollouts-pod-template-hash": hash}}, "template": tmpl},
	})
}

// refused2 is refused for a step that cannot even read its object.
func (r *rig) refused2(step actions.Step, words ...string) {
	r.t.Helper()
	if _, err := step.Do(r.t.Context(), back()); err == nil {
		r.t.Error("nothing is said")
	} else {
		contains(r.t, err.Error(), words...)
	}
}
