package kubernetes

import (
	"context"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"guardian/internal/reason"
)

// workloadKind is what differs between the kinds of workloads.
type workloadKind struct {
	resource schema.GroupVersionResource
	kind     string
	// revisions is where former pod templates are kept: ReplicaSets or ControllerRevisions.
	revisions schema.GroupVersionResource
	// number is the annotation of a ReplicaSet with its number, and hash the label that its pods get.
	number, hash string
	scales       bool
	progress     func(obj *unstructured.Unstructured) progress
}

// workloadKinds gives the kinds of workloads by their names in the configuration.
func workloadKinds() map[string]workloadKind {
	apps := func(resource string) schema.GroupVersionResource {
		return schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: resource}
	}
	return map[string]workloadKind{
		"deployment": {
			resource: apps("deployments"), kind: "Deployment", revisions: apps("replicasets"),
			number: "deployment.kubernetes.io/revision", hash: "pod-template-hash", scales: true, progress: deploymentProgress,
		},
		"statefulset": {
			resource: apps("statefulsets"), kind: "StatefulSet", revisions: apps("controllerrevisions"),
			hash: "controller-revision-hash", scales: true, progress: statefulSetProgress,
		},
		"daemonset": {
			resource: apps("daemonsets"), kind: "DaemonSet", revisions: apps("controllerrevisions"),
			hash: "controller-revision-hash", progress: daemonSetProgress,
		},
		"rollout": {
			resource: schema.GroupVersionResource{Group: "argoproj.io", Version: "v1alpha1", Resource: "rollouts"}, kind: "Rollout",
			revisions: apps("replicasets"), number: "rollout.argoproj.io/revision", hash: "rollouts-pod-template-hash",
			scales: true, progress: rolloutProgress,
		},
	}
}

// target names the workload.
func (w workloadRef) target(data map[string]any) (object, error) {
	name, err := w.name.Render(data)
	if err != nil {
		return object{}, err
	}
	return object{w.kind.resource, name}, validName(w.kind.kind, name)
}

// progressOf tells how far the cluster has come with a workload, and names pods that keep it from
// being complete.
func (w workloadRef) progressOf(ctx context.Context, c *cluster, obj *unstructured.Unstructured) progress {
	p := w.kind.progress(obj)
	if p.done {
		return p
	}
	if troubles := podTroubles(ctx, c, obj); len(troubles) > 0 {
		p.state = reason.Join(append([]reason.Reason{p.state}, troubles...)...)
	}
	return p
}

// replicasOf is how many pods a workload shall have: one, where nothing is said.
func replicasOf(obj *unstructured.Unstructured) int64 {
	if n, found, _ := unstructured.NestedInt64(obj.Object, "spec", "replicas"); found {
		return n
	}
	return 1
}

// unseen tells that the controller has not begun with the object as it is now.
func unseen(obj *unstructured.Unstructured) bool {
	return number(obj, "status", "observedGeneration") < obj.GetGeneration()
}

func waitsForController() progress { return progress{state: reason.New("kubernetes_unseen")} }

// counted compares pods with how many there shall be.
func counted(want, total, updated, available int64) progress {
	state := reason.New("kubernetes_pods", "want", want, "updated", updated, "available", available, "old", total-updated)
	// The status may be that of before the number was changed: no more pods than there shall be, either.
	return progress{done: updated == want && total == want && available >= want, state: state}
}

func deploymentProgress(obj *unstructured.Unstructured) progress {
	if unseen(obj) {
		return waitsForController()
	}
	p := counted(replicasOf(obj), number(obj, "status", "replicas"), number(obj, "status", "updatedReplicas"), number(obj, "status", "availableReplicas"))
	if p.done {
		return p
	}
	if failure, ok := condition(obj, "ReplicaFailure"); ok && failure.status == "True" {
		p.state = reason.Join(p.state, reason.Text(failure.message))
	}
	// The condition of the update that was undone stands until the first pod of this one is there.
	progressing, ok := condition(obj, "Progressing")
	p.failed = ok && progressing.reason == "ProgressDeadlineExceeded" && progressing.at.After(writtenAt(obj))
	if p.failed {
		p.state = reason.Join(reason.New("kubernetes_progress_deadline"), p.state)
	}
	return p
}

func statefulSetProgress(obj *unstructured.Unstructured) progress {
	if unseen(obj) {
		return waitsForController()
	}
	// Not by currentRevision: it is that of before the update for as long as the update is incomplete.
	return counted(replicasOf(obj), number(obj, "status", "replicas"), number(obj, "status", "updatedReplicas"), number(obj, "status", "availableReplicas"))
}

func daemonSetProgress(obj *unstructured.Unstructured) progress {
	if unseen(obj) {
		return waitsForController()
	}
	want := number(obj, "status", "desiredNumberScheduled")
	return counted(want, number(obj, "status", "currentNumberScheduled"), number(obj, "status", "updatedNumberScheduled"), number(obj, "status", "numberAvailable"))
}

// rolloutUnseen is unseen for a Rollout, whose observedGeneration is a text.
func rolloutUnseen(obj *unstructured.Unstructured) bool {
	seen, err := strconv.ParseInt(text(obj, "status", "observedGeneration"), 10, 64)
	return err != nil || seen < obj.GetGeneration()
}

// rolloutProgress reads what Argo Rollouts says.
func rolloutProgress(obj *unstructured.Unstructured) progress {
	if rolloutUnseen(obj) {
		return waitsForController()
	}
	phase, message := text(obj, "status", "phase"), text(obj, "status", "message")
	state := reason.New("kubernetes_rollout_phase", "phase", phase, "message", message)
	stable := text(obj, "status", "stableRS") == text(obj, "status", "currentPodHash")
	return progress{done: phase == "Healthy" && stable, failed: phase == "Degraded", state: state}
}

// statusCondition is an entry of status.conditions.
type statusCondition struct {
	status, reason, message string
	at                      time.Time // when it was updated last
}

func condition(obj *unstructured.Unstructured, kind string) (statusCondition, bool) {
	all, _, _ := unstructured.NestedSlice(obj.Object, "status", "conditions")
	for _, one := range all {
		m, ok := one.(map[string]any)
		if !ok || m["type"] != kind {
			continue
		}
		c := &unstructured.Unstructured{Object: m}
		at, _ := time.Parse(time.RFC3339, text(c, "lastUpdateTime")) // zero: never
		return statusCondition{status: text(c, "status"), reason: text(c, "reason"), message: text(c, "message"), at: at}, true
	}
	return statusCondition{}, false
}
