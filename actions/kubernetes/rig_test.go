package kubernetes_test

import (
	"flag"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"guardian/actions"
	"guardian/actions/actiontest"
	"guardian/actions/kubernetes"
	"guardian/internal/reason"
	"guardian/test/kube"
)

var (
	programs = flag.String("k8s", "", "the folder with the programs of test/k8s; recordings are played without it")
	record   = flag.Bool("record", false, "with -k8s: write the recordings anew")
)

type object = map[string]any

// rig is a test's cluster, as its step sees it.
type rig struct {
	*kube.Server
	t *testing.T
	c *kube.Cluster
}

// cluster starts the cluster, or opens the recordings.
func cluster(t *testing.T) *kube.Cluster {
	t.Helper()
	return kube.Start(t, kube.Options{Programs: *programs, Record: *record, Module: "../../test/k8s/go.mod", Recordings: "testdata/recorded"})
}

// open gives a test a namespace in which the guardian has the rights of the documentation.
func open(t *testing.T, c *kube.Cluster, namespace string) *rig {
	t.Helper()
	r := &rig{c.Open(t, namespace), t, c}
	r.Apply("../../docs/runbooks/kubernetes-rbac.yaml")
	r.AwaitAllowed("system:serviceaccount:guardian:guardian", "patch", "apps", "deployments")
	return r
}

// step builds a step for the rig's namespace.
func (r *rig) step(set func(*kubernetes.Settings)) actions.Step {
	r.t.Helper()
	s := &kubernetes.Settings{Namespace: r.Namespace, Deadline: model.Duration(time.Minute)}
	set(s)
	if s.Kubeconfig == "" {
		s.Kubeconfig = r.Kubeconfig(kube.Token)
	}
	if err := s.Validate(); err != nil {
		r.t.Fatal(err)
	}
	step := actiontest.Build(r.t, kubernetes.Kind(), s, actiontest.Env())
	kubernetes.SetPace(step, r.pace())
	return step
}

// pace is the time between two looks at what the cluster has done. A recording has done it.
func (r *rig) pace() time.Duration {
	if r.c.Live() {
		return 250 * time.Millisecond
	}
	return 20 * time.Millisecond
}

func (r *rig) undo(workload string) actions.Step {
	r.t.Helper()
	return r.step(func(s *kubernetes.Settings) { s.Undo = &kubernetes.UndoSettings{Workload: workload} })
}

// back is a call that takes v2 back and puts v1 back.
func back() actions.Call {
	return actions.Call{Intent: "r_01K3-1", Run: actions.Run{
		ID: "r_01K3", Service: "order-sync", Environment: "production", Kind: "code", From: "v2", To: "v1",
		Trigger: actions.Trigger{Reason: reason.Text("lost orders")},
	}}
}

// workloads are the kinds of workloads with the paths of their API.
var workloads = map[string]string{"Deployment": "deployments", "StatefulSet": "statefulsets", "DaemonSet": "daemonsets"}

func (r *rig) path(kind, name string) string {
	return "/apis/apps/v1/namespaces/" + r.Namespace + "/" + workloads[kind] + "/" + name
}

// workload is what tests read of one.
type workload struct {
	Metadata struct {
		Generation  int64
		Annotations map[string]string
	}
	Spec struct {
		Replicas *int64
		Paused   bool
		Template struct {
			Spec struct {
				Containers []struct{ Name, Image string }
			}
		}
	}
	Status struct {
		ObservedGeneration, Replicas, UpdatedReplicas, AvailableReplicas                        int64
		DesiredNumberScheduled, CurrentNumberScheduled, UpdatedNumberScheduled, NumberAvailable int64
		Conditions                                                                              []struct{ Type, Status, Reason string }
	}
}

func (w *workload) complete() bool {
	s, want := w.Status, w.Status.DesiredNumberScheduled
	if w.Spec.Replicas != nil {
		want = *w.Spec.Replicas
	}
	return s.ObservedGeneration >= w.Metadata.Generation && want > 0 &&
		s.UpdatedReplicas+s.UpdatedNumberScheduled == want && s.Replicas+s.CurrentNumberScheduled == want && s.AvailableReplicas+s.NumberAvailable == want
}

func (r *rig) read(kind, name string) workload {
	r.t.Helper()
	var w workload
	r.Read(r.path(kind, name), &w)
	return w
}

func (r *rig) image(kind, name string) string {
	r.t.Helper()
	return r.read(kind, name).Spec.Template.Spec.Containers[0].Image
}

func (r *rig) settled(kind, name string) {
	r.t.Helper()
	var w workload
	r.Await(r.path(kind, name), &w, func() bool { return w.complete() })
}

// template is a pod template with a container for each image; the first one is named app.
func template(name string, images ...string) object {
	var containers []object
	for i, image := range images {
		containers = append(containers, object{"name": []string{"app", "proxy", "third"}[i], "image": image})
	}
	return object{"metadata": object{"labels": object{"app": name}}, "spec": object{"containers": containers, "terminationGracePeriodSeconds": 0}}
}

// deploy creates a workload with one image, and updates it to each other one once it is complete.
// The last update is not waited for.
func (r *rig) deploy(kind, name string, images ...string) {
	r.t.Helper()
	spec := object{"selector": object{"matchLabels": object{"app": name}}, "template": template(name, images[0])}
	if kind != "DaemonSet" {
		spec["replicas"] = 2
	}
	if kind == "StatefulSet" {
		spec["serviceName"] = name
	}
	r.Create(strings.TrimSuffix(r.path(kind, name), "/"+name), object{"apiVersion": "apps/v1", "kind": kind, "metadata": object{"name": name}, "spec": spec})
	for _, image := range images[1:] {
		r.settled(kind, name)
		r.Patch(r.path(kind, name), object{"spec": object{"template": template(name, image)}})
	}
}

// released is deploy, with the last update complete.
func (r *rig) released(kind, name string, images ...string) {
	r.t.Helper()
	r.deploy(kind, name, images...)
	r.settled(kind, name)
}

// do runs a step that must succeed, and gives its output.
func (r *rig) do(step actions.Step, call actions.Call) string {
	r.t.Helper()
	out, err := step.Do(r.t.Context(), call)
	if err != nil {
		r.t.Fatalf("%v\n%s", err, out)
	}
	return out
}

// refused runs a step that must change nothing, and looks for words in why; Plan must say the same.
func (r *rig) refused(step actions.Step, call actions.Call, words ...string) {
	r.t.Helper()
	_, planErr := step.(actions.Planner).Plan(r.t.Context(), call)
	_, err := step.Do(r.t.Context(), call)
	for at, err := range map[string]error{"planned": planErr, "done": err} {
		for _, w := range words {
			if err == nil || !strings.Contains(err.Error(), w) {
				r.t.Errorf("%s: %v; want %q", at, err, w)
			}
		}
	}
	r.status(step, call, actions.NotHappened)
}

// status asks a step, and looks for the outcome and for words in its detail.
func (r *rig) status(step actions.Step, call actions.Call, want actions.Outcome, words ...string) {
	r.t.Helper()
	got, detail, err := step.Status(r.t.Context(), call)
	if got != want || err != nil {
		r.t.Errorf("asked: %s (%s), %v; want %s", got, detail, err, want)
	}
	for _, w := range words {
		if !strings.Contains(detail.String(), w) {
			r.t.Errorf("asked: %s; want %q", detail, w)
		}
	}
}

// settle asks a step until it is no longer pending, as the engine does.
func (r *rig) settle(step actions.Step, call actions.Call, want actions.Outcome) {
	r.t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(r.pace()) {
		got, detail, err := step.Status(r.t.Context(), call)
		if err != nil || got != actions.Pending || time.Now().After(end) {
			if got != want {
				r.t.Errorf("asked: %s (%s), %v; want %s", got, detail, err, want)
			}
			return
		}
	}
}

func contains(t *testing.T, text string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("%q is not in:\n%s", w, text)
		}
	}
}
