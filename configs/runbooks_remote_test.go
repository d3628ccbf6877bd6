package configs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"guardian/actions"
	"guardian/actions/actiontest"
	"guardian/test/sshd"
)

// remotes are the runbooks of configs/runbooks that reach a machine by SSH.
func remotes() []string { return []string{"git", "ssh"} }

// remoteStep builds the step of a runbook whose host is a real server.
func remoteStep(t *testing.T, name string, server *sshd.Server, replace ...string) actions.RunbookStep {
	t.Helper()
	replace = append(replace, "known_hosts: known_hosts", "known_hosts: "+server.KnownHosts, "key_file: id_ed25519", "key_file: "+server.KeyFile)
	lookup := func(string) (string, bool) { return "hunter2-token", true }
	return actiontest.Example(t, name, lookup, strings.NewReplacer(replace...).Replace)
}

// The step does what its page says, and can tell afterwards.
func rollsBack(t *testing.T, step actions.RunbookStep) {
	t.Helper()
	if got, detail, err := step.Step.Status(t.Context(), theRollback(step)); got != actions.NotHappened || err != nil {
		t.Errorf("before: %s (%s), %v", got, detail, err)
	}
	out, err := step.Step.Do(t.Context(), theRollback(step))
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got, detail, err := step.Step.Status(t.Context(), theRollback(step)); got != actions.Happened || err != nil {
		t.Errorf("after: %s (%s), %v", got, detail, err)
	}
	if strings.Contains(out, "hunter2") {
		t.Errorf("the output holds a secret:\n%s", out)
	}
}

func TestTheRunbookOfSSHRollsBack(t *testing.T) {
	server := sshd.Start(t)
	dir := server.Folder(t)
	for name, text := range map[string]string{
		"rollback": `test "$(cat)" = hunter2-token && echo "$2" > ` + dir + `/of-"$4"`,
		"status":   `test -e ` + dir + `/of-"$2"`,
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := server.Give(path); err != nil {
			t.Fatal(err)
		}
	}
	rollsBack(t, remoteStep(t, "ssh", server, "/opt/deploy", dir,
		"host: orders-1.example.com", fmt.Sprintf("host: %s\n          port: %d", server.Host, server.Port), "user: deploy", "user: "+server.User))
	if text, err := os.ReadFile(filepath.Join(dir, "of-r_01K3-1")); err != nil || string(text) != "v8\n" {
		t.Errorf("it was asked for %q, %v", text, err)
	}
}

func TestTheRunbookOfGitRollsBack(t *testing.T) {
	server := sshd.Start(t)
	dir := server.Folder(t)
	git := server.Command("sh", "-ec", `cd "$0"; git init -q --bare -b main config.git; git clone -q config.git clone; cd clone
git config user.name Li; git config user.email li@example.com; mkdir -p apps/order-sync
for v in v7 v8 v9; do echo "newTag: $v" > apps/order-sync/kustomization.yaml; git add -A; git commit -q -m "$v"; done
git push -q origin HEAD:main`, dir)
	if out, err := git.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	rollsBack(t, remoteStep(t, "git", server,
		"git@git.example.com:shop/config.git", fmt.Sprintf("ssh://%s@%s:%d%s/config.git", server.User, server.Host, server.Port, dir)))
	out, err := server.Command("git", "-C", dir+"/config.git", "show", "main:apps/order-sync/kustomization.yaml").Output()
	if err != nil || string(out) != "newTag: v8\n" {
		t.Errorf("the branch has %q, %v", out, err)
	}
}

// What a page shows is what its test runs.
func TestPagesShowTheRunbooksThatAreTried(t *testing.T) {
	for _, name := range remotes() {
		page, err := os.ReadFile("../docs/runbooks/" + name + ".md")
		if err != nil {
			t.Fatal(err)
		}
		_, book, _ := strings.Cut(string(read(t, "runbooks/"+name+".yaml")), "\nrunbooks:\n")
		shown := "   runbooks:\n   " + strings.ReplaceAll(strings.TrimRight(book, "\n"), "\n", "\n   ")
		if !strings.Contains(string(page), shown) {
			t.Errorf("docs/runbooks/%s.md does not show\n%s", name, shown)
		}
	}
}
