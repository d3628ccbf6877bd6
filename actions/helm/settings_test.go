package helm_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"guardian/actions"
	"guardian/actions/actiontest"
	"guardian/actions/helm"
	"guardian/internal/secret"
)

func TestSettings(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*helm.Settings)
		want   string
	}{
		"all is well":             {func(*helm.Settings) {}, ""},
		"no release":              {func(s *helm.Settings) { s.Release = "" }, "release: is missing"},
		"no name of a template":   {func(s *helm.Settings) { s.Release = "{{.Sevice}}" }, "release: "},
		"a relative kubeconfig":   {func(s *helm.Settings) { s.Kubeconfig = "kubeconfig" }, `kubeconfig: "kubeconfig" is not an absolute path`},
		"no place":                {func(s *helm.Settings) { s.VersionIn = "tag" }, `version_in: "tag" is none of image, app_version and chart_version`},
		"a container of no image": {func(s *helm.Settings) { s.VersionIn, s.Container = "app_version", "app" }, "container: is for version_in image"},
		"no way to wait":          {func(s *helm.Settings) { s.Wait = "watcher" }, `wait: "watcher" is neither default nor legacy`},
		"no time":                 {func(s *helm.Settings) { s.Deadline = 0 }, "deadline: must be at least 1s"},
		"no program":              {func(s *helm.Settings) { s.Program = "" }, "program: "},
		"a command":               {func(s *helm.Settings) { s.Program = "helm --debug" }, "program: "},
		"another kubeconfig":      {func(s *helm.Settings) { s.Inherit = []string{"KUBECONFIG"} }, "inherit: set kubeconfig instead of KUBECONFIG"},
		"another namespace":       {func(s *helm.Settings) { s.Env = map[string]string{"HELM_NAMESPACE": "x"} }, "env: set namespace instead of HELM_NAMESPACE"},
		"a variable that is none": {func(s *helm.Settings) { s.Env = map[string]string{"A B": "x"} }, `"A B" is not the name of an environment variable`},
	} {
		t.Run(name, func(t *testing.T) {
			s := defaults(t)
			c.change(s)
			if err := s.Validate(); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want …%s…", err, c.want)
			}
		})
	}
}

func defaults(t *testing.T) *helm.Settings {
	t.Helper()
	s, ok := helm.Kind().Settings().(*helm.Settings)
	if !ok {
		t.Fatal("other settings")
	}
	s.Release = "order-sync"
	return s
}

// scripted is a helm that writes down its arguments, tells the token that tests have, and fails.
func scripted(t *testing.T) (path string, said func() string) {
	t.Helper()
	dir := t.TempDir()
	path = filepath.Join(dir, "helm")
	if err := os.WriteFile(path, []byte("#!/bin/sh\necho \"$@\" >> "+dir+"/args\necho 'Error: refused: Bearer hunter2-kube' >&2\nexit 1\n"), 0o700); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	return path, func() string {
		text, err := os.ReadFile(dir + "/args")
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		return string(text)
	}
}

// refusedBefore runs a step that must not even ask helm.
func refusedBefore(t *testing.T, s *helm.Settings, env actions.Env, want string) {
	t.Helper()
	program, said := scripted(t)
	s.Program = program
	step := actiontest.Build(t, helm.Kind(), s, env)
	_, done := step.Do(t.Context(), actiontest.Call())
	_, planned := step.(actions.Planner).Plan(t.Context(), actiontest.Call())
	for _, err := range []error{done, planned} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want …%s…", err, want)
		}
	}
	if args := said(); args != "" {
		t.Errorf("helm was run: %s", args)
	}
}

// What a template gives may not be taken for an option.
func TestNoReleaseIsAnOption(t *testing.T) {
	s := defaults(t)
	s.Release = "-{{.Service}}"
	refusedBefore(t, s, actiontest.Env(), "release -order-sync")
}

// A secret that would be an argument is refused: every user of the machine could read it.
func TestNoSecretIsAnArgument(t *testing.T) {
	s := defaults(t)
	s.Release = "order-{{.From}}-hunter2-db"
	s.Secrets = map[string]secret.Secret{"HELM_DRIVER_SQL_CONNECTION_STRING": secret.New("hunter2-db")}
	refusedBefore(t, s, actiontest.Env(), "would hold a secret")
}

// A kubeconfig may name a program for credentials, which runs as the guardian's user.
func TestProgramsOfAKubeconfigRunOnlyWhenAllowed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(path, []byte(`apiVersion: v1
kind: Config
current-context: a
contexts: [{name: a, context: {cluster: c, user: u}}, {name: b, context: {cluster: c, user: v}}]
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
users:
  - {name: u, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: aws, interactiveMode: Never}}}
  - {name: v, user: {token: hunter2-kube}}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	s := defaults(t)
	s.Kubeconfig = path
	refusedBefore(t, s, actiontest.Env(), "allow_exec")
	for _, change := range []func(*helm.Settings){
		func(s *helm.Settings) { s.AllowExec = true },
		func(s *helm.Settings) { s.Context = "b" },
	} {
		s := defaults(t)
		s.Kubeconfig = path
		change(s)
		program, said := scripted(t)
		s.Program = program
		_, err := actiontest.Build(t, helm.Kind(), s, actiontest.Env()).Do(t.Context(), actiontest.Call())
		if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "helm history ended with exit status 1: refused: Bearer <secret>") {
			t.Errorf("error %v; the token of the kubeconfig is a secret", err)
		}
		if !strings.Contains(said(), "history order-sync --output=json --max=256 --kubeconfig="+path) {
			t.Errorf("helm was run with %q", said())
		}
	}
}
