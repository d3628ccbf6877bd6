package kubernetes_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"guardian/actions"
	"guardian/actions/actiontest"
	"guardian/actions/kubernetes"
)

func TestSettingsOfKubernetes(t *testing.T) {
	three := 3
	for _, c := range []struct {
		name string
		set  func(*kubernetes.Settings)
		want string
	}{
		{"nothing to do", func(*kubernetes.Settings) {}, "choose one of undo, switch and scale"},
		{"two things to do", func(s *kubernetes.Settings) {
			s.Undo = &kubernetes.UndoSettings{Workload: "deployment/x"}
			s.Scale = &kubernetes.ScaleSettings{Workload: "deployment/x", Replicas: &three}
		}, "choose one of undo, switch and scale"},
		{"a workload without its kind", func(s *kubernetes.Settings) { s.Undo = &kubernetes.UndoSettings{Workload: "order-sync"} }, `"order-sync" is none of deployment/NAME`},
		{"a kind that has no revisions", func(s *kubernetes.Settings) { s.Undo = &kubernetes.UndoSettings{Workload: "job/order-sync"} }, `"job/order-sync" is none of`},
		{"two ways to the revision", func(s *kubernetes.Settings) {
			s.Undo = &kubernetes.UndoSettings{Workload: "deployment/x", Revision: "3", Container: "app"}
		}, "undo.revision: not together with version, container or annotation"},
		{"a name that templates do not have", func(s *kubernetes.Settings) {
			s.Undo = &kubernetes.UndoSettings{Workload: "deployment/{{.Serivce}}"}
		}, "Serivce"},
		{"a DaemonSet is not scaled", func(s *kubernetes.Settings) {
			s.Scale = &kubernetes.ScaleSettings{Workload: "daemonset/x", Replicas: &three}
		}, "cannot be scaled"},
		{"how many pods", func(s *kubernetes.Settings) { s.Scale = &kubernetes.ScaleSettings{Workload: "deployment/x"} }, "scale.replicas: is missing"},
		{"which pods", func(s *kubernetes.Settings) { s.Switch = &kubernetes.SwitchSettings{Service: "x"} }, "switch.selector: is missing"},
		{"a relative path", func(s *kubernetes.Settings) {
			s.Undo, s.Kubeconfig = &kubernetes.UndoSettings{Workload: "deployment/x"}, "kubeconfig"
		}, "not an absolute path"},
		{"a context of nothing", func(s *kubernetes.Settings) {
			s.Undo, s.Context = &kubernetes.UndoSettings{Workload: "deployment/x"}, "production"
		}, "kubeconfig: is missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, ok := kubernetes.Kind().Settings().(*kubernetes.Settings)
			if !ok {
				t.Fatal("no settings")
			}
			c.set(s)
			if err := s.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

// withConfig builds a step with a kubeconfig.
func withConfig(t *testing.T, text string, set func(*kubernetes.Settings)) actions.Step {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &kubernetes.Settings{Kubeconfig: path, Deadline: model.Duration(time.Minute), Undo: &kubernetes.UndoSettings{Workload: "deployment/order-sync"}}
	if set != nil {
		set(s)
	}
	return actiontest.Build(t, kubernetes.Kind(), s, actiontest.Env())
}

const execConfig = `apiVersion: v1
kind: Config
current-context: test
contexts: [{name: test, context: {cluster: test, user: test}}]
clusters: [{name: test, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: test, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: PROGRAM, interactiveMode: Never}}}]
`

// A kubeconfig may name a program: it runs only where the configuration says so.
func TestProgramsForCredentialsAreRefused(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "login")
	if err := os.WriteFile(program, []byte("#!/bin/sh\ntouch "+dir+"/ran\n"), 0o700); err != nil { //nolint:gosec // it is to be run
		t.Fatal(err)
	}
	text := strings.Replace(execConfig, "PROGRAM", program, 1)
	ran := func() bool { _, err := os.Stat(filepath.Join(dir, "ran")); return err == nil }
	if _, err := withConfig(t, text, nil).Do(t.Context(), back()); err == nil || !strings.Contains(err.Error(), "allow_exec: true") || ran() {
		t.Errorf("error %v; it ran: %v", err, ran())
	}
	_, _ = withConfig(t, text, func(s *kubernetes.Settings) { s.AllowExec = true }).Do(t.Context(), back())
	if !ran() {
		t.Error("it was allowed, and did not run")
	}
}

// An API server that is not there is an error: nothing was changed, and nothing is known of before.
func TestNoAPIServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().String()
	_ = l.Close()
	const token = "hunter2-of-nobody"
	text := strings.NewReplacer("127.0.0.1:1", at, `{exec: {apiVersion: client.authentication.k8s.io/v1, command: PROGRAM, interactiveMode: Never}}`, "{token: "+token+"}").Replace(execConfig)
	step := withConfig(t, text, nil)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := step.Do(ctx, back()); err == nil || !strings.Contains(err.Error(), "reach the API server: ") {
		t.Errorf("error %v", err)
	}
	if got, _, err := step.Status(ctx, back()); got != actions.Unclear || err == nil {
		t.Errorf("asked: %s, %v", got, err)
	}
}

func TestKubeconfigsThatAreNone(t *testing.T) {
	for name, c := range map[string]struct{ text, context, want string }{
		"not YAML":          {"{", "", "kubeconfig"},
		"without a context": {"apiVersion: v1\nkind: Config\n", "", "kubeconfig"},
		"another context":   {execConfig, "production", "context was not found for specified context: production"},
	} {
		_, err := withConfig(t, c.text, func(s *kubernetes.Settings) { s.Context = c.context }).Do(t.Context(), back())
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	// Outside of a cluster there is no pod of its own.
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	step := actiontest.Build(t, kubernetes.Kind(), &kubernetes.Settings{Deadline: model.Duration(time.Minute), Undo: &kubernetes.UndoSettings{Workload: "deployment/x"}}, actiontest.Env())
	if _, err := step.Do(t.Context(), back()); err == nil || !strings.Contains(err.Error(), "no kubeconfig is set") {
		t.Errorf("error %v", err)
	}
}
