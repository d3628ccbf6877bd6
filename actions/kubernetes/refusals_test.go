package kubernetes_test

import (
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"guardian/actions"
	"guardian/actions/kubernetes"
	"guardian/test/kube"
)

func testMissing(t *testing.T, r *rig) {
	t.Helper()
	r.released("Deployment", "order-sync", "shop:v2", "shop:v3")
	call := back()
	call.Run.From = "v3"
	r.refused(r.undo("deployment/order-sync"), call, "deployments/order-sync has no revision v1", "there are 2 (shop:v3) and 1 (shop:v2)")
	if got := r.image("Deployment", "order-sync"); got != "shop:v3" {
		t.Errorf("it runs %s", got)
	}
	// Somebody has deployed since: v3 is not what is to be taken back.
	call.Run.From, call.Run.To = "v4", "v2"
	r.refused(r.undo("deployment/order-sync"), call, "runs shop:v3, and not v4 that is to be taken back", "Nothing was changed")
}

// The revision that would be put back has pods, and they are not ready.
func testUnhealthy(t *testing.T, r *rig) {
	t.Helper()
	heal := r.Sicken("shop:v1")
	defer heal()
	r.deploy("Deployment", "order-sync", "shop:v1")
	var ones podList
	r.Await(r.pods("app=order-sync"), &ones, func() bool { return ones.crashing() == 2 })
	// v2 comes beside the crashing pods of v1, which stay while v2 is not ready either.
	healTwo := r.Sicken("shop:v2")
	defer healTwo()
	r.Patch(r.path("Deployment", "order-sync"), object{"spec": object{
		"template": template("order-sync", "shop:v2"),
		"strategy": object{"type": "RollingUpdate", "rollingUpdate": object{"maxUnavailable": 0, "maxSurge": 1}},
	}})
	var w workload
	r.Await(r.path("Deployment", "order-sync"), &w, func() bool {
		return w.Status.ObservedGeneration == w.Metadata.Generation && w.Status.UpdatedReplicas == 1
	})
	var pods podList
	r.Await(r.pods("app=order-sync"), &pods, func() bool { return len(pods.Items) == 3 && pods.crashing() == 3 })
	r.refused(r.undo("deployment/order-sync"), back(), "revision 1 (shop:v1) is not healthy", "container app: CrashLoopBackOff: back-off 5m0s restarting failed container")
}

type podList struct {
	Items []struct {
		Status struct {
			ContainerStatuses []struct {
				State struct{ Waiting struct{ Reason string } }
			}
		}
	}
}

func (p podList) crashing() int {
	n := 0
	for _, one := range p.Items {
		for _, c := range one.Status.ContainerStatuses {
			if c.State.Waiting.Reason != "" {
				n++
			}
		}
	}
	return n
}

func (r *rig) pods(labels string) string {
	return "/api/v1/namespaces/" + r.Namespace + "/pods?labelSelector=" + labels
}

// A workload that its controller would not roll out.
func testHeld(t *testing.T, r *rig) {
	t.Helper()
	r.released("Deployment", "paused", "shop:v1", "shop:v2")
	r.Patch(r.path("Deployment", "paused"), object{"spec": object{"paused": true}})
	r.refused(r.undo("deployment/paused"), back(), "deployments/paused is paused", "resume it first")

	r.released("StatefulSet", "by-hand", "shop:v1", "shop:v2")
	r.Patch(r.path("StatefulSet", "by-hand"), object{"spec": object{"updateStrategy": object{"type": "OnDelete", "rollingUpdate": nil}}})
	r.refused(r.undo("statefulset/by-hand"), back(), "update strategy OnDelete")

	r.released("StatefulSet", "parted", "shop:v1", "shop:v2")
	r.Patch(r.path("StatefulSet", "parted"), object{"spec": object{"updateStrategy": object{"rollingUpdate": object{"partition": 1}}}})
	r.refused(r.undo("statefulset/parted"), back(), "has the partition 1")
}

// The verb and the resource that the account lacks are named, by the plan already.
func testRights(t *testing.T, r *rig) {
	t.Helper()
	r.released("Deployment", "order-sync", "shop:v1", "shop:v2")
	stranger := r.step(func(s *kubernetes.Settings) {
		s.Kubeconfig = r.Kubeconfig(kube.Stranger)
		s.Undo = &kubernetes.UndoSettings{Workload: "deployment/order-sync"}
	})
	plan := func(words ...string) {
		t.Helper()
		_, err := stranger.(actions.Planner).Plan(t.Context(), back())
		if err == nil {
			t.Fatal("the plan refuses nothing")
		}
		contains(t, err.Error(), words...)
	}
	plan("may not get deployments.apps in namespace test-rights")
	r.grant(object{"apiGroups": []string{"apps"}, "resources": []string{"deployments"}, "verbs": []string{"get"}})
	r.allowed("get", "deployments")
	plan("may not list replicasets.apps in namespace test-rights")
	r.grant(
		object{"apiGroups": []string{"apps"}, "resources": []string{"deployments"}, "verbs": []string{"get"}},
		object{"apiGroups": []string{"apps"}, "resources": []string{"replicasets"}, "verbs": []string{"list"}},
		object{"apiGroups": []string{""}, "resources": []string{"pods"}, "verbs": []string{"list"}},
	)
	r.allowed("list", "replicasets")
	plan("may not patch deployments.apps in namespace test-rights", "docs/runbooks/kubernetes-rbac.yaml")
	r.refused(stranger, back(), "may not patch deployments.apps")
	if w := r.read("Deployment", "order-sync"); w.Metadata.Generation != 2 {
		t.Errorf("it was changed: %+v", w)
	}
}

// grant gives the stranger rights.
func (r *rig) grant(rules ...object) {
	r.t.Helper()
	const api = "/apis/rbac.authorization.k8s.io/v1/namespaces/"
	role := object{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": object{"name": "stranger"}, "rules": rules}
	r.Create(api+r.Namespace+"/roles", role)
	r.Patch(api+r.Namespace+"/roles/stranger", role)
	r.Create(api+r.Namespace+"/rolebindings", object{
		"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": object{"name": "stranger"},
		"roleRef":  object{"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "stranger"},
		"subjects": []object{{"kind": "ServiceAccount", "name": "stranger", "namespace": "guardian"}},
	})
}

// allowed waits until the API server knows of a right of the stranger's.
func (r *rig) allowed(verb, resource string) {
	r.t.Helper()
	r.AwaitAllowed("system:serviceaccount:guardian:stranger", verb, "apps", resource)
}

// Whoever keeps the object as it is elsewhere is named.
func testKeepers(t *testing.T, r *rig) {
	t.Helper()
	for _, c := range []struct {
		name, says string
		metadata   object
	}{
		{"by-argocd", "kept by Argo CD", object{"annotations": object{"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/by-argocd"}}},
		{"by-flux", "kept by Flux", object{"labels": object{"kustomize.toolkit.fluxcd.io/name": "shop"}}},
		{"by-helm", "Helm release shop", object{"annotations": object{"meta.helm.sh/release-name": "shop"}}},
	} {
		r.released("Deployment", c.name, "shop:v1", "shop:v2")
		r.Patch(r.path("Deployment", c.name), object{"metadata": c.metadata})
		plan, err := r.undo("deployment/"+c.name).(actions.Planner).Plan(t.Context(), back())
		if err != nil {
			t.Error(err)
		}
		contains(t, plan.String(), "from revision 2", c.says)
	}
}

// A workload that is not there, and a kind that the cluster does not have.
func testGone(t *testing.T, r *rig) {
	t.Helper()
	step := r.undo("deployment/order-sync")
	if _, err := step.Do(t.Context(), back()); err == nil {
		t.Error("nothing is said")
	} else {
		contains(t, err.Error(), "there is no deployments/order-sync in namespace test-gone")
	}
	r.status(step, back(), actions.Unclear, "there is no deployments/order-sync")

	r.released("Deployment", "deleted", "shop:v1", "shop:v2")
	thaw := r.c.Freeze(t)
	defer thaw()
	step = r.step(func(s *kubernetes.Settings) {
		s.Undo, s.Deadline = &kubernetes.UndoSettings{Workload: "deployment/deleted"}, model.Duration(30*time.Second)
	})
	r.AfterPatch(func() { r.Delete(r.path("Deployment", "deleted")) })
	_, err := step.Do(t.Context(), back())
	if err == nil {
		t.Fatal("a workload that was deleted is complete")
	}
	contains(t, err.Error(), "there is no deployments/deleted")
}
