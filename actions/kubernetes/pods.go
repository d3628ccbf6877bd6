package kubernetes

import (
	"context"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"guardian/internal/reason"
)

// pod is what is asked of a pod.
type pod struct {
	name    string
	ready   bool
	leaving bool          // it is being deleted
	trouble reason.Reason // why it is not ready
}

// pods gives the pods that have the labels. Those that are over are left out.
func (c *cluster) pods(ctx context.Context, labels string) ([]pod, error) {
	all, err := c.list(ctx, schema.GroupVersionResource{Version: "v1", Resource: "pods"}, labels)
	if err != nil {
		return nil, err
	}
	var out []pod
	for _, p := range all {
		phase := text(&p, "status", "phase")
		if phase == "Succeeded" || phase == "Failed" {
			continue
		}
		ready, _ := condition(&p, "Ready")
		one := pod{name: p.GetName(), ready: ready.status == "True", leaving: p.GetDeletionTimestamp() != nil}
		if !one.ready {
			one.trouble = troubleOf(&p)
		}
		out = append(out, one)
	}
	return out, nil
}

// troubleOf tells why a pod is not ready, in the words of the kubelet.
func troubleOf(p *unstructured.Unstructured) reason.Reason {
	for _, list := range []string{"initContainerStatuses", "containerStatuses"} {
		all, _, _ := unstructured.NestedSlice(p.Object, "status", list)
		for _, one := range all {
			m, ok := one.(map[string]any)
			if !ok {
				continue
			}
			c := &unstructured.Unstructured{Object: m}
			if why := text(c, "state", "waiting", "reason"); why != "" && why != "ContainerCreating" && why != "PodInitializing" {
				return reason.New("kubernetes_container", "container", text(c, "name"), "reason", why, "message", text(c, "state", "waiting", "message"))
			}
		}
	}
	if scheduled, ok := condition(p, "PodScheduled"); ok && scheduled.status == "False" {
		return reason.New("kubernetes_unschedulable", "message", scheduled.message)
	}
	return reason.New("kubernetes_pod_phase", "phase", text(p, "status", "phase"))
}

// podTroubles names the first pods of a workload that are not ready, and why. It is an extra: what
// cannot be read is left out.
func podTroubles(ctx context.Context, c *cluster, obj *unstructured.Unstructured) []reason.Reason {
	const most = 3
	pods, err := c.pods(ctx, selectorOf(obj))
	if err != nil {
		return nil
	}
	var out []reason.Reason
	for _, p := range pods {
		if !p.ready && !p.leaving && len(out) < most {
			out = append(out, reason.New("kubernetes_pod", "pod", p.name, "state", p.trouble))
		}
	}
	return out
}
