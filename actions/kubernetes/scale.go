package kubernetes

import (
	"context"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"guardian/actions"
	"guardian/internal/reason"
)

// scaling sets the number of a workload's pods.
type scaling struct {
	workloadRef
	replicas int64
}

func newScale(s ScaleSettings, p *actions.Templates) *scaling {
	sc := &scaling{workloadRef: parseWorkload("scale.workload", s.Workload, p)}
	switch {
	case s.Replicas == nil:
		p.Fail("scale.replicas: is missing; say how many pods there shall be, e.g. 0")
	case *s.Replicas < 0:
		p.Fail("scale.replicas: must not be negative")
	default:
		sc.replicas = int64(*s.Replicas)
	}
	if !sc.kind.scales && !sc.kind.resource.Empty() {
		p.Fail("scale.workload: a %s has a pod on each node and cannot be scaled", sc.kind.kind)
	}
	return sc
}

func (s *scaling) path() []string { return []string{"spec", "replicas"} }

func (s *scaling) progress(ctx context.Context, c *cluster, obj *unstructured.Unstructured) (progress, error) {
	return s.progressOf(ctx, c, obj), nil
}

// plan refuses where a HorizontalPodAutoscaler would set another number at once. It lets a workload
// alone that has no pods.
func (s *scaling) plan(ctx context.Context, c *cluster, now situation) (change, error) {
	name := object{s.kind.resource, now.obj.GetName()}
	planned := change{value: s.replicas, words: owners(now.obj)}
	scalers, err := c.list(ctx, schema.GroupVersionResource{Group: "autoscaling", Version: "v2", Resource: "horizontalpodautoscalers"}, "")
	if err != nil {
		return planned, err
	}
	for _, h := range scalers {
		if text(&h, "spec", "scaleTargetRef", "kind") != s.kind.kind || text(&h, "spec", "scaleTargetRef", "name") != name.name {
			continue
		}
		if s.replicas > 0 {
			return planned, actions.Failure(reason.New("kubernetes_autoscaled", "object", name, "autoscaler", h.GetName(),
				"min", max(1, number(&h, "spec", "minReplicas")), "max", number(&h, "spec", "maxReplicas")))
		}
		planned.words = append(planned.words, reason.New("kubernetes_autoscaler_off", "autoscaler", h.GetName()))
	}
	planned.words = append([]reason.Reason{reason.New("kubernetes_plan_scale", "object", name, "from", replicasOf(now.obj), "to", s.replicas)}, planned.words...)
	return planned, nil
}
