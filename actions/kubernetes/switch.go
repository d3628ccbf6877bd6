package kubernetes

import (
	"context"
	"maps"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"guardian/actions"
	"guardian/internal/reason"
)

// switching points a Service to other pods.
type switching struct {
	service  actions.Template
	selector map[string]actions.Template
	minReady int
}

func newSwitch(s SwitchSettings, p *actions.Templates) *switching {
	sw := &switching{service: p.Parse("switch.service", s.Service), selector: map[string]actions.Template{}, minReady: max(1, s.MinReady)}
	if s.Service == "" {
		p.Fail("switch.service: is missing")
	}
	if len(s.Selector) == 0 {
		p.Fail("switch.selector: is missing; name the labels of the pods that shall get the traffic, e.g. {color: blue}")
	}
	if s.MinReady < 0 {
		p.Fail("switch.min_ready: must not be negative")
	}
	for label, value := range s.Selector {
		sw.selector[label] = p.Parse("switch.selector."+label, value)
	}
	return sw
}

func (s *switching) path() []string { return []string{"spec", "selector"} }

func (s *switching) target(data map[string]any) (object, error) {
	name, err := s.service.Render(data)
	if err != nil {
		return object{}, err
	}
	return object{schema.GroupVersionResource{Version: "v1", Resource: "services"}, name}, validName("Service", name)
}

// plan refuses when no pods are ready that would get the traffic.
func (s *switching) plan(ctx context.Context, c *cluster, now situation) (change, error) {
	planned := change{words: owners(now.obj)}
	name := "services/" + now.obj.GetName()
	current := selected(now.obj)
	if len(current) == 0 || text(now.obj, "spec", "type") == "ExternalName" {
		return planned, actions.Failure(reason.New("kubernetes_no_selector", "object", name))
	}
	next := maps.Clone(current)
	for label, value := range s.selector {
		rendered, err := value.Render(now.data)
		if err != nil {
			return planned, err
		}
		next[label] = rendered
	}
	if maps.Equal(current, next) {
		return planned, actions.Failure(reason.New("kubernetes_selects_already", "object", name, "selector", labels.Set(next)))
	}
	had, err := c.ready(ctx, current)
	if err != nil {
		return planned, err
	}
	ready, err := c.ready(ctx, next)
	if err != nil {
		return planned, err
	}
	if len(ready) < s.minReady {
		return planned, actions.Failure(reason.New("kubernetes_no_ready", "object", name, "selector", labels.Set(next), "ready", len(ready), "needed", s.minReady))
	}
	planned.words = append([]reason.Reason{reason.New("kubernetes_plan_switch", "object", name, "from", labels.Set(current), "to", labels.Set(next), "had", len(had), "ready", len(ready))}, planned.words...)
	value := map[string]any{}
	for label, v := range next {
		value[label] = v
	}
	planned.value = value
	return planned, nil
}

// progress compares the Service's endpoints with the pods that it selects.
func (s *switching) progress(ctx context.Context, c *cluster, obj *unstructured.Unstructured) (progress, error) {
	wanted, err := c.ready(ctx, selected(obj))
	if err != nil {
		return progress{}, err
	}
	parts, err := c.list(ctx, schema.GroupVersionResource{Group: "discovery.k8s.io", Version: "v1", Resource: "endpointslices"}, "kubernetes.io/service-name="+obj.GetName())
	if err != nil {
		return progress{}, err
	}
	mine, others := 0, 0
	for _, part := range parts {
		endpoints, _, _ := unstructured.NestedSlice(part.Object, "endpoints")
		for _, one := range endpoints {
			m, ok := one.(map[string]any)
			if !ok {
				continue
			}
			e := &unstructured.Unstructured{Object: m}
			if ready, found, _ := unstructured.NestedBool(m, "conditions", "ready"); found && !ready {
				continue
			}
			if wanted[text(e, "targetRef", "name")] {
				mine++
			} else {
				others++
			}
		}
	}
	state := reason.New("kubernetes_endpoints", "ready", mine, "others", others)
	return progress{done: mine > 0 && others == 0, state: state}, nil
}

// selected gives what a Service selects.
func selected(obj *unstructured.Unstructured) map[string]string {
	all, _, _ := unstructured.NestedStringMap(obj.Object, "spec", "selector")
	return all
}

// ready gives the names of the pods that are ready and have the labels.
func (c *cluster) ready(ctx context.Context, selector map[string]string) (map[string]bool, error) {
	pods, err := c.pods(ctx, labels.Set(selector).String())
	if err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for _, p := range pods {
		if p.ready && !p.leaving {
			out[p.name] = true
		}
	}
	return out, nil
}
