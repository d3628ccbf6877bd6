package kube

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"
)

// kubelet stands in for the kubelets, the scheduler and the garbage of a cluster with one node: it
// puts each pod onto the node, says that its containers run, and removes what is deleted. Pods with a
// sick image crash.
type kubelet struct {
	s    *servers
	sick sync.Map          // namespace/image
	done map[string]string // by UID of a pod: the state that it was given
	ips  map[string]string // by UID of a pod: an address never changes
}

const node = "node-1"

type object = map[string]any

func startKubelet(t *testing.T, s *servers) *kubelet {
	t.Helper()
	k := &kubelet{s: s, done: map[string]string{}, ips: map[string]string{}}
	k.must(t, "POST", "/api/v1/nodes", object{"apiVersion": "v1", "kind": "Node", "metadata": object{"name": node, "labels": object{"kubernetes.io/hostname": node}}}, "")
	k.must(t, "PATCH", "/api/v1/nodes/"+node+"/status", object{"status": object{
		"capacity":    object{"cpu": "64", "memory": "64Gi", "pods": "1000"},
		"allocatable": object{"cpu": "64", "memory": "64Gi", "pods": "1000"},
		"conditions":  []object{{"type": "Ready", "status": "True", "reason": "KubeletReady"}},
	}}, "application/strategic-merge-patch+json")
	stop, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		for {
			select {
			case <-stop:
				return
			case <-time.After(150 * time.Millisecond):
				k.sync()
			}
		}
	}()
	t.Cleanup(func() { close(stop); <-over })
	return k
}

func (k *kubelet) must(t *testing.T, method, path string, body any, kind string) {
	t.Helper()
	if kind == "" {
		kind = "application/json"
	}
	if status, answer, err := k.s.do(method, path, kind, body); err != nil || status >= 300 {
		t.Fatalf("%s %s: %d, %v\n%s", method, path, status, err, answer)
	}
}

// podOf is what the stand-in reads of a pod.
type podOf struct {
	Metadata struct {
		Name, Namespace, UID string
		DeletionTimestamp    *time.Time
	}
	Spec struct {
		NodeName   string
		Containers []struct{ Name, Image string }
	}
}

// sync looks at all pods once. What fails is tried again at the next look.
func (k *kubelet) sync() {
	_, body, err := k.s.do("GET", "/api/v1/pods", "", nil)
	if err != nil {
		return
	}
	var all struct{ Items []podOf }
	if json.Unmarshal(body, &all) != nil {
		return
	}
	for _, p := range all.Items {
		path := "/api/v1/namespaces/" + p.Metadata.Namespace + "/pods/" + p.Metadata.Name
		switch {
		case p.Metadata.DeletionTimestamp != nil:
			_, _, _ = k.s.do("DELETE", path+"?gracePeriodSeconds=0", "", nil)
		case p.Spec.NodeName == "":
			_, _, _ = k.s.do("POST", path+"/binding", "application/json", object{
				"apiVersion": "v1", "kind": "Binding", "metadata": object{"name": p.Metadata.Name}, "target": object{"apiVersion": "v1", "kind": "Node", "name": node},
			})
		default:
			k.report(path, p)
		}
	}
}

// report says how the pod is, once for each state.
func (k *kubelet) report(path string, p podOf) {
	state, broken := "running", false
	for _, c := range p.Spec.Containers {
		_, sick := k.sick.Load(p.Metadata.Namespace + "/" + c.Image)
		broken = broken || sick
	}
	if broken {
		state = "broken"
	}
	if k.done[p.Metadata.UID] == state {
		return
	}
	if k.ips[p.Metadata.UID] == "" {
		k.ips[p.Metadata.UID] = fmt.Sprintf("10.1.%d.%d", len(k.ips)/250, len(k.ips)%250+1)
	}
	now := time.Now().UTC().Format(time.RFC3339)
	ready := map[bool]string{true: "True", false: "False"}[!broken]
	var containers []object
	for i, c := range p.Spec.Containers {
		one := object{"name": c.Name, "image": c.Image, "imageID": c.Image, "ready": !broken, "restartCount": 0, "state": object{"running": object{"startedAt": now}, "waiting": nil}}
		if broken && i == 0 {
			one["state"] = object{"running": nil, "waiting": object{"reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting failed container"}}
		}
		containers = append(containers, one)
	}
	condition := func(kind, status string) object {
		return object{"type": kind, "status": status, "lastTransitionTime": now}
	}
	status, _, err := k.s.do("PATCH", path+"/status", "application/strategic-merge-patch+json", object{"status": object{
		"phase": "Running", "startTime": now, "hostIP": "10.0.1.1", "podIP": k.ips[p.Metadata.UID],
		"podIPs":            []object{{"ip": k.ips[p.Metadata.UID]}},
		"conditions":        []object{condition("Initialized", "True"), condition("PodScheduled", "True"), condition("ContainersReady", ready), condition("Ready", ready)},
		"containerStatuses": containers,
	}})
	if err == nil && status < 300 {
		k.done[p.Metadata.UID] = state
	}
}
