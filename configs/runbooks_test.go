package configs_test

import (
	"context"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"guardian/actions"
	"guardian/actions/actiontest"
	"guardian/configs"
	"guardian/internal/config"
	"guardian/internal/reason"
	"guardian/test/fake/deploytool"
)

// deployTools gives the imitation of the tool that a runbook of configs/runbooks is for.
func deployTools() map[string]func(*testing.T, deploytool.Options) *deploytool.Tool {
	argo := func(automated bool) func(*testing.T, deploytool.Options) *deploytool.Tool {
		return func(t *testing.T, o deploytool.Options) *deploytool.Tool {
			t.Helper()
			return deploytool.ArgoCD(t, automated, o)
		}
	}
	return map[string]func(*testing.T, deploytool.Options) *deploytool.Tool{
		"jenkins": deploytool.Jenkins, "gitlab": deploytool.GitLab, "github": deploytool.GitHub,
		"github-server": deploytool.GitHubServer,
		"argocd":        argo(false), "argocd-auto-sync": argo(true),
	}
}

// waits are the times in a runbook that a test does not wait for.
var waits = regexp.MustCompile(`(?m)(every|settle): \d+s`)

// runbookStep builds the step of a runbook in configs/runbooks against a tool, as the service would.
func runbookStep(t *testing.T, name string, tool *deploytool.Tool) actions.RunbookStep {
	t.Helper()
	lookup := func(name string) (string, bool) {
		v, ok := tool.Env[name]
		return v, ok
	}
	return actiontest.Example(t, name, lookup, func(text string) string {
		return waits.ReplaceAllString(strings.ReplaceAll(text, tool.Host, tool.URL), "$1: 10ms")
	})
}

func theRollback(step actions.RunbookStep) actions.Call {
	return actions.Call{Intent: "r_01K3-1", Idempotent: step.Idempotent, Run: actions.Run{
		ID: "r_01K3", Service: "order-sync", Environment: "production", From: "v9", To: "v8",
		Trigger: actions.Trigger{Reason: reason.Text(`"lost" orders`)},
	}}
}

func TestEveryRunbookHasATool(t *testing.T) {
	files, err := fs.Glob(configs.FS, "runbooks/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		// That of shops is tried in runbooks_shops_test.go. Those of databases are tried on real ones: runbooks_data_test.go; those of Kubernetes and Helm in actions/kubernetes and actions/helm.
		if name := strings.TrimSuffix(path.Base(f), ".yaml"); deployTools()[name] == nil && !strings.HasPrefix(name, "traffic-") && name != "compose" && name != "sql" && name != "kubernetes" && name != "helm" && name != "snapshot" && name != "shops" && !slices.Contains(remotes(), name) {
			t.Errorf("no test tries %s", f)
		}
	}
}

func TestRunbooksRollBack(t *testing.T) {
	for name, start := range deployTools() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tool := start(t, deploytool.Options{})
			step := runbookStep(t, name, tool)
			out, err := step.Step.Do(t.Context(), theRollback(step))
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if jobs := tool.Jobs(); len(jobs) != 1 || jobs[0].Version != "v8" {
				t.Errorf("it was asked for %+v, want v8 once", jobs)
			}
			for _, s := range tool.Env {
				if strings.Contains(out, s) {
					t.Errorf("the output holds a secret:\n%s", out)
				}
			}
		})
	}
}

func TestRunbooksSayThatARollbackFailed(t *testing.T) {
	for name, start := range deployTools() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tool := start(t, deploytool.Options{Fails: true})
			step := runbookStep(t, name, tool)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			_, err := step.Step.Do(ctx, theRollback(step))
			if err == nil || !strings.Contains(err.Error(), "the target says that it failed") {
				t.Errorf("error %v", err)
			}
			outcome, detail, err := step.Step.Status(ctx, theRollback(step))
			if outcome != actions.Failed || err != nil {
				t.Errorf("asked whether it happened: %s (%s), %v", outcome, detail, err)
			}
		})
	}
}

// A guardian that crashed knows neither the job nor whether it was asked for.
func TestRunbooksFindTheirJobAfterACrash(t *testing.T) {
	for name, start := range deployTools() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tool := start(t, deploytool.Options{Loses: true, Hides: 1})
			step := runbookStep(t, name, tool)
			call := theRollback(step)
			ask := func() actions.Outcome {
				t.Helper()
				outcome, detail, err := step.Step.Status(t.Context(), call)
				if err != nil {
					t.Fatalf("%s (%s): %v", outcome, detail, err)
				}
				return outcome
			}
			if got := ask(); got != actions.NotHappened {
				t.Errorf("before it was asked for: %s", got)
			}
			call.Idempotent = false // or it would be sent again
			if _, err := step.Step.Do(t.Context(), call); err == nil {
				t.Fatal("the lost answer is no error")
			}
			var heard []actions.Outcome
			for len(heard) < 20 && !slices.Contains(heard, actions.Happened) {
				heard = append(heard, ask())
			}
			if heard[0] != actions.Pending || slices.Contains(heard, actions.NotHappened) || slices.Contains(heard, actions.Failed) || !slices.Contains(heard, actions.Happened) {
				t.Errorf("after a crash it heard %v, want pending until it happened", heard)
			}
			if n := len(tool.Jobs()); n != 1 {
				t.Errorf("it was asked for %d times", n)
			}
		})
	}
}

// The snippets of the pages about runbooks are copied: the whole ones of a page load together, steps
// within a runbook.
func TestSnippetsOfRunbookPagesLoad(t *testing.T) {
	pages, err := filepath.Glob("../docs/runbooks/*.md")
	if err != nil || len(pages) < 4 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	seen := 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		whole, all := "", []string{}
		for _, m := range regexp.MustCompile("(?ms)^( *)```yaml\n(.*?)^ *```").FindAllStringSubmatch(string(text), -1) {
			seen++
			snippet := regexp.MustCompile("(?m)^"+m[1]).ReplaceAllString(m[2], "")
			if strings.HasPrefix(snippet, "- ") {
				all = append(all, "services: [{name: order-sync, rollback: back, known_good: [v1]}]\nrunbooks:\n- name: back\n  steps:\n"+
					regexp.MustCompile("(?m)^").ReplaceAllString(snippet, "  "))
			} else {
				whole += snippet
			}
		}
		if whole != "" && !strings.Contains(whole, "services:") {
			whole = "services: [{name: order-sync}, {name: price-sync}]\n" + whole
		}
		if whole != "" {
			all = append(all, whole)
		}
		for _, snippet := range all {
			file := filepath.Join(t.TempDir(), "guardian.yaml")
			for _, name := range []string{file, "known_hosts", "id_ed25519"} {
				if err := os.WriteFile(filepath.Join(filepath.Dir(file), filepath.Base(name)), []byte(snippet), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := config.Load(file, config.Options{LookupEnv: func(string) (string, bool) { return "secret-of-the-example", true }}); err != nil {
				t.Errorf("%s: %v\n%s", page, err, snippet)
			}
		}
	}
	if seen < 3 {
		t.Errorf("only %d snippets were found: the pattern is wrong", seen)
	}
}
