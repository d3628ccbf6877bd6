package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestInitAsks what no flag says, takes an empty line for the default, and overwrites nothing.
func TestInitAsks(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "guardian.yaml")
	code, out, errs := runCLI(t, "order-sync\nhttps://shop.example.com/healthz\n\nscript\n/opt/deploy.sh\nv1\n", "init", "--file", file)
	if code != 0 || !strings.Contains(out, "export SLACK_WEBHOOK") || !strings.Contains(out, "CheckFails") || !strings.Contains(errs, "absolute path of a script") {
		t.Fatalf("exit code %d\n%s\n%s", code, out, errs)
	}
	if strings.Count(errs, "Which address") != 1 {
		t.Errorf("asked %q", errs)
	}
	before, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(before), `known_good: ["v1"]`) {
		t.Fatalf("%v\n%s", err, before)
	}
	code, _, errs = runCLI(t, "", "init", "--file", file, "--url", "https://example.com", "--rollback", "none")
	if after, _ := os.ReadFile(file); code != 2 || !strings.Contains(errs, "is there already") || string(after) != string(before) {
		t.Errorf("a second time: exit code %d: %s", code, errs)
	}
	mended := filepath.Join(dir, "mended.yaml")
	if code, _, errs := runCLI(t, "Order Sync\norders\nshop\nhttps://shop.example.com/\nnone\nnone\n", "init", "--file", mended); code != 0 || strings.Count(errs, "Which address") != 2 {
		t.Errorf("wrong answers are asked again: exit code %d: %s", code, errs)
	}
	for name, c := range map[string]struct{ input, says string }{
		"no answer":          {"", "say --url"},
		"only wrong answers": {"orders\nshop\nftp://shop\n", "say --url"},
	} {
		t.Run(name, func(t *testing.T) {
			other := filepath.Join(t.TempDir(), "other.yaml")
			code, _, errs := runCLI(t, c.input, "init", "--file", other)
			if _, err := os.Stat(other); code != 2 || !strings.Contains(errs, c.says) || err == nil {
				t.Errorf("exit code %d: %s", code, errs)
			}
		})
	}
}

// A script that a rollback could not run is said when the configuration is written and checked, and not
// when it is needed.
func TestInitSaysWhatCannotBeRun(t *testing.T) {
	dir := t.TempDir()
	script, file := filepath.Join(dir, "deploy.sh"), filepath.Join(dir, "guardian.yaml")
	args := []string{"init", "--file", file, "--url", "https://shop.example.com/", "--notify", "none", "--rollback", "script", "--target", script, "--version", "v1"}
	says := func(want string, args ...string) {
		t.Helper()
		code, out, errs := runCLI(t, "", args...)
		if said := strings.Contains(out+errs, "cannot run "+script+" on this machine"); code != 0 || said != (want != "") || !strings.Contains(out+errs, want) {
			t.Errorf("%s: exit code %d, want %q:\n%s%s", args[0], code, want, out, errs)
		}
	}
	says("no such file", args...)
	says("no such file", "check", file)
	if err := os.WriteFile(script, []byte("#!/bin/sh\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	says("not executable", "check", file)
	if err := os.Chmod(script, 0o700); err != nil { //nolint:gosec // it is a program
		t.Fatal(err)
	}
	says("", "check", file)
}

// So is any other program that a step runs here.
func TestCheckSaysWhichProgramsOfStepsAreMissing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "guardian.yaml")
	text := `services: [{name: shop, rollback: back, known_good: [v1]}]
checks: [{name: shop, service: shop, http: {url: "https://shop.example.com/"}}]
runbooks:
  - name: back
    steps:
      - helm: {release: shop, program: /opt/no/helm}
      - snapshot: {file: /var/backups/shop, take: {command: [/opt/no/pg_dump]}}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs := runCLI(t, "", "check", file)
	for _, want := range []string{
		"cannot run /opt/no/helm on this machine: start helm: no such file or directory", "install Helm 3 or 4 where the guardian runs", "guardian.yaml:6",
		"cannot run /opt/no/pg_dump on this machine", "guardian.yaml:7",
	} {
		if code != 0 || !strings.Contains(out+errs, want) {
			t.Errorf("exit code %d, want %q:\n%s%s", code, want, out, errs)
		}
	}
}

// Who reaches the Docker Engine elsewhere than usual has a guardian that does so, too.
func TestInitTakesTheEngineThatDockerUses(t *testing.T) {
	for engine, want := range map[string]string{
		"":                               `docker: {container: "shop"`,
		"unix:///run/user/7/docker.sock": `docker: {host: "unix:///run/user/7/docker.sock", container: "shop"`,
	} {
		t.Setenv("DOCKER_HOST", engine)
		file := filepath.Join(t.TempDir(), "guardian.yaml")
		code, out, errs := runCLI(t, "", "init", "--file", file, "--url", "https://shop.example.com/", "--notify", "none",
			"--rollback", "docker", "--target", "shop", "--image", "shop", "--version", "v1")
		if written, err := os.ReadFile(file); code != 0 || err != nil || !strings.Contains(string(written), want) {
			t.Errorf("%q: exit code %d, %v: %s%s\n%s", engine, code, err, out, errs, written)
		}
	}
}
