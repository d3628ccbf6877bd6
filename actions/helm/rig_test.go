package helm_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"guardian/actions"
	"guardian/actions/actiontest"
	"guardian/actions/helm"
	"guardian/internal/reason"
	"guardian/test/kube"
	"guardian/test/playback"
)

var (
	programs = flag.String("k8s", "", "the folder with the programs of test/k8s; recordings are played without it")
	helms    = flag.String("helm", "", "with -k8s: the folder with the programs helm and helm3")
	record   = flag.Bool("record", false, "with -k8s: write the recordings anew")
)

// world is what the tests of one Helm share.
type world struct {
	c       *kube.Cluster
	player  string
	program string // "": recordings are played
	version string // pinned
}

// pinned reads a version of the Makefile.
func pinned(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^` + name + `\s*:= (v\S+)$`).FindSubmatch(text)
	if m == nil {
		t.Fatalf("the Makefile pins no %s", name)
	}
	return string(m[1])
}

// rig is a test's cluster and its helm.
type rig struct {
	*kube.Server
	t     *testing.T
	w     world
	tape  *playback.Tape
	shift time.Duration // of the step's clock
	path  string        // the step's kubeconfig
}

// open gives a test a namespace in which the guardian has the rights of the documentation.
func (w world) open(t *testing.T, namespace string) *rig {
	t.Helper()
	r := &rig{Server: w.c.Open(t, namespace), t: t, w: w}
	r.tape = playback.Open(t, w.player, playback.Options{
		Real: w.program, Record: *record, Version: w.version, Recordings: "testdata/helm", Asks: []string{"history", "get"},
	})
	r.path = r.Straight(kube.Token)
	r.Apply("../../docs/runbooks/helm-rbac.yaml")
	r.AwaitAllowed("system:serviceaccount:guardian:guardian", "patch", "apps", "deployments")
	return r
}

// settings are those of the rig's release, as a configuration gives them.
func (r *rig) settings(set func(*helm.Settings)) *helm.Settings {
	r.t.Helper()
	s, ok := helm.Kind().Settings().(*helm.Settings)
	if !ok {
		r.t.Fatal("the settings are of another type")
	}
	s.Program, s.Release, s.Namespace, s.Kubeconfig, s.Deadline = r.tape.Path, "{{.Service}}", r.Namespace, r.path, model.Duration(time.Minute)
	s.Env = r.tape.Env
	if set != nil {
		set(s)
	}
	return s
}

func (r *rig) step(set func(*helm.Settings)) actions.Step {
	r.t.Helper()
	s := r.settings(set)
	if err := s.Validate(); err != nil {
		r.t.Fatal(err)
	}
	step := actiontest.Build(r.t, helm.Kind(), s, r.env())
	helm.SetBegins(step, 0)
	return step
}

func (r *rig) env() actions.Env {
	env := actiontest.Env()
	env.Now = func() time.Time { return r.tape.Now().Add(r.shift) }
	return env
}

// back is a call that takes v2 back and puts v1 back, and begins now.
func (r *rig) back() actions.Call {
	return actions.Call{
		Intent: "r_01K3-1", Step: actions.StepRun{Started: r.tape.Now()}, Run: actions.Run{
			ID: "r_01K3", Service: "order-sync", Environment: "production", Kind: "code", From: "v2", To: "v1",
			Trigger: actions.Trigger{Reason: reason.Text("lost orders")},
		},
	}
}

// A chart of a Deployment and a Service.
const (
	chartYAML = `apiVersion: v2
name: order-sync
version: %s
appVersion: %q
`
	deploymentYAML = `apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ .Release.Name }}}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: {{ .Release.Name }}}}
  template:
    metadata: {labels: {app: {{ .Release.Name }}}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - {name: app, image: "shop:{{ .Values.tag }}"}
        - {name: proxy, image: "proxy:{{ .Values.proxy }}"}
---
apiVersion: v1
kind: Service
metadata: {name: {{ .Release.Name }}}
spec:
  selector: {app: {{ .Release.Name }}}
  ports: [{port: 80}]
`
	// A hook that ends at once, and one that a rollback does not run.
	hooksYAML = `{{- if .Values.hooks }}
apiVersion: v1
kind: ConfigMap
metadata: {name: before, annotations: {helm.sh/hook: "pre-upgrade,pre-rollback"}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: other, annotations: {helm.sh/hook: post-upgrade}}
{{- end }}
`
	valuesYAML = "replicas: 2\ntag: v0\nproxy: p1\nhooks: false\n"
)

// chart writes the chart in a version.
func (r *rig) chart(version, appVersion string) string {
	r.t.Helper()
	dir := r.t.TempDir()
	for name, text := range map[string]string{
		"Chart.yaml": fmt.Sprintf(chartYAML, version, appVersion), "values.yaml": valuesYAML, "templates/deployment.yaml": deploymentYAML,
		"templates/hooks.yaml": hooksYAML,
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			r.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			r.t.Fatal(err)
		}
	}
	return dir
}

// deployer gives a run of the real helm as the team's deploy job makes it; nil where recordings are played.
func (r *rig) deployer(args ...string) *exec.Cmd {
	r.t.Helper()
	if !r.w.c.Live() {
		return nil
	}
	args = append(args, "--namespace="+r.Namespace, "--kubeconfig="+r.Straight(kube.Admin))
	cmd := exec.CommandContext(r.t.Context(), r.w.program, args...)
	cmd.Env = append(os.Environ(), "HOME="+r.t.TempDir())
	return cmd
}

// deploy upgrades the release, and waits until it is ready.
func (r *rig) deploy(args ...string) {
	r.t.Helper()
	if out, err := r.upgrade(append(args, "--wait", "--timeout=1m")...); err != nil {
		r.t.Fatalf("%v\n%s", err, out)
	}
}

func (r *rig) upgrade(args ...string) (string, error) {
	r.t.Helper()
	cmd := r.deployer(append([]string{"upgrade", "--install", "order-sync", r.chart("1.0.0", "any")}, args...)...)
	if cmd == nil {
		return "", nil
	}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// released deploys tags one after the other.
func (r *rig) released(tags ...string) {
	r.t.Helper()
	for _, tag := range tags {
		r.deploy("--set=tag=" + tag)
	}
}

// image is what the Deployment runs.
func (r *rig) image() string {
	r.t.Helper()
	var d struct {
		Spec struct {
			Template struct {
				Spec struct{ Containers []struct{ Image string } }
			}
		}
	}
	r.Read("/apis/apps/v1/namespaces/"+r.Namespace+"/deployments/order-sync", &d)
	return d.Spec.Template.Spec.Containers[0].Image
}

// records counts the revisions that the cluster keeps.
func (r *rig) records() int {
	r.t.Helper()
	var all struct {
		Items []struct {
			Metadata struct{ Labels map[string]string }
		}
	}
	r.Read("/api/v1/namespaces/"+r.Namespace+"/secrets?labelSelector=owner%3Dhelm", &all)
	return len(all.Items)
}

// awaitRecord waits until the cluster keeps a revision in a state.
func (r *rig) awaitRecord(number int, status string) {
	r.t.Helper()
	var s struct {
		Metadata struct{ Labels map[string]string }
	}
	r.Await(fmt.Sprintf("/api/v1/namespaces/%s/secrets/sh.helm.release.v1.order-sync.v%d", r.Namespace, number), &s, func() bool { return s.Metadata.Labels["status"] == status })
}

// awaitActs waits until the step's helm has begun to do more than ask.
func (r *rig) awaitActs(n int) {
	r.t.Helper()
	actiontest.WaitFor(r.t, "helm rollback", func() bool { return r.tape.Acts() >= n })
}

func (r *rig) plan(step actions.Step, call actions.Call) string {
	r.t.Helper()
	plan, err := step.(actions.Planner).Plan(r.t.Context(), call)
	if err != nil {
		r.t.Fatal(err)
	}
	return plan.String()
}

// sees asks a step what runs.
func (r *rig) sees(step actions.Step, call actions.Call) []actions.Part {
	r.t.Helper()
	sighted, ok := actions.Sees(step)
	if !ok {
		r.t.Fatal("the step cannot tell what runs")
	}
	sight, err := sighted.Sight(r.t.Context(), call)
	if err != nil {
		r.t.Fatal(err)
	}
	return sight.Parts
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
	before := r.tape.Acts()
	_, planned := step.(actions.Planner).Plan(r.t.Context(), call)
	_, done := step.Do(r.t.Context(), call)
	for at, err := range map[string]error{"planned": planned, "done": done} {
		if err == nil {
			r.t.Errorf("%s: it is not refused", at)
			continue
		}
		contains(r.t, err.Error(), words...)
	}
	if n := r.tape.Acts(); n != before {
		r.t.Errorf("helm rolled back %d times", n-before)
	}
}

// status asks a step, and looks for the outcome and for words in its detail.
func (r *rig) status(step actions.Step, call actions.Call, want actions.Outcome, words ...string) {
	r.t.Helper()
	got, detail, err := step.Status(r.t.Context(), call)
	if got != want || err != nil {
		r.t.Errorf("asked: %s (%s), %v; want %s", got, detail, err, want)
	}
	contains(r.t, detail.String(), words...)
}

func contains(t *testing.T, text string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("%q is not in:\n%s", w, text)
		}
	}
}
