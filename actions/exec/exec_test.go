package exec_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"guardian/actions"
	"guardian/actions/actiontest"
	"guardian/actions/exec"
	"guardian/internal/secret"
)

func settings(command ...string) *exec.Settings {
	s := exec.Kind().Settings().(*exec.Settings)
	s.Command = command
	s.Grace = model.Duration(300 * time.Millisecond)
	return s
}

// script writes a program and gives its path.
func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestContract(t *testing.T) {
	actiontest.Run(t, func(t *testing.T) actiontest.Target {
		t.Helper()
		dir := t.TempDir()
		s := settings(script(t, `
echo "token $TOKEN"; cat
if [ -e broken ]; then echo "cannot with $TOKEN" >&2; exit 3; fi
echo "$GUARDIAN_INTENT" > "done-$GUARDIAN_INTENT"
`))
		s.StatusCommand = []string{script(t, `
if [ -e broken ]; then echo "cannot with $TOKEN" >&2; exit 3; fi
test -e "done-$1"`), "{{.Intent}}"}
		s.Dir = dir
		s.Secrets = map[string]secret.Secret{"TOKEN": secret.New("hunter2-env")}
		s.Stdin = secret.New("hunter2-stdin")
		return actiontest.Target{
			Step: actiontest.Build(t, exec.Kind(), s, actiontest.Env()), Call: actiontest.Call(),
			Effects: func() int {
				found, err := filepath.Glob(filepath.Join(dir, "done-*"))
				if err != nil {
					t.Fatal(err)
				}
				return len(found)
			},
			Break: func() {
				if err := os.WriteFile(filepath.Join(dir, "broken"), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			},
			Secrets: []string{"hunter2"}, KnowsOutcome: true, Deduplicates: true,
		}
	})
}

func TestPassesArgumentsAsTheyAre(t *testing.T) {
	s := settings(script(t, `for a in "$@"; do echo "[$a]"; done; env | sort`), "--why", "{{.Reason}}", "$(id); `id` && *", "{{.To}}")
	t.Setenv("NOT_FOR_IT", "x")
	t.Setenv("FOR_IT", "y")
	s.Inherit = append(s.Inherit, "FOR_IT")
	s.Env = map[string]string{"IMAGE": "shop:{{.To}}"}
	call := actiontest.Call()
	out, err := actiontest.Build(t, exec.Kind(), s, actiontest.Env()).Do(t.Context(), call)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"[--why]\n[it said \"no\"]\n[$(id); `id` && *]\n[v1.4.2]\n", "FOR_IT=y", "IMAGE=shop:v1.4.2",
		"GUARDIAN_INTENT=r_1-1", "GUARDIAN_TO=v1.4.2", "GUARDIAN_FROM=v2", "GUARDIAN_SERVICE=order-sync",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the output lacks %q:\n%s", want, out)
		}
	}
	if strings.Contains(out, "NOT_FOR_IT") {
		t.Error("it got a variable that nobody allowed")
	}
}

func TestEnds(t *testing.T) {
	for name, c := range map[string]struct {
		script  string
		err     string
		unclear bool
	}{
		"well":                            {"exit 0", "", false},
		"with a status":                   {"exit 3", "exit status 3", false},
		"killed by somebody":              {"kill -9 $$", "signal: killed", true},
		"it leaves something running":     {"sleep 5 & exit 0", "", false},
		"in the middle of its time":       {"sleep 60", "was stopped", true},
		"in the middle, and will not end": {"trap '' TERM; while :; do sleep 1; done", "was stopped", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			began := time.Now()
			_, err := actiontest.Build(t, exec.Kind(), settings(script(t, c.script)), actiontest.Env()).Do(ctx, actiontest.Call())
			if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) || errors.Is(err, actions.ErrUnclear) != c.unclear {
				t.Errorf("error %v, want …%s…, unclear %v", err, c.err, c.unclear)
			}
			if took := time.Since(began); took > 4*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

func TestTakesItsChildrenAlong(t *testing.T) {
	pidFile := filepath.Join(t.TempDir(), "pid")
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	_, err := actiontest.Build(t, exec.Kind(), settings(script(t, `(trap '' TERM; while :; do sleep 1; done) & echo $! > "$1"; wait`), pidFile), actiontest.Env()).Do(ctx, actiontest.Call())
	if !errors.Is(err, actions.ErrUnclear) {
		t.Fatalf("error %v", err)
	}
	actiontest.WaitForEnd(t, pidFile)
}

func TestBoundsItsOutput(t *testing.T) {
	s := settings(script(t, `echo the beginning; i=0; while [ $i -lt 4000 ]; do echo "$TOKEN in a line of the middle that is long"; i=$((i+1)); done; echo the end`))
	s.Secrets = map[string]secret.Secret{"TOKEN": secret.New("hunter2-env")}
	out, err := actiontest.Build(t, exec.Kind(), s, actiontest.Env()).Do(t.Context(), actiontest.Call())
	if err != nil {
		t.Fatal(err)
	}
	if len(out) > actions.MaxOutput+100 || !strings.HasPrefix(out, "the beginning\n") || !strings.HasSuffix(out, "the end\n") || !strings.Contains(out, "bytes left out") {
		t.Errorf("%d bytes, from %q to %q", len(out), out[:20], out[len(out)-20:])
	}
	if strings.Contains(out, "hunter2") || strings.Contains(out, "ter2-env") {
		t.Error("a secret, or a half of one, is in the output")
	}
}

func TestSettings(t *testing.T) {
	e := actiontest.Env()
	e.Redactor.Learn(secret.New("hunter2-known"))
	for name, c := range map[string]struct {
		change func(*exec.Settings)
		want   string
	}{
		"all is well":               {func(*exec.Settings) {}, ""},
		"nothing to run":            {func(s *exec.Settings) { s.Command = nil }, "command: is missing"},
		"a line for a shell":        {func(s *exec.Settings) { s.Command = []string{"deploy --to v1"} }, "no shell splits it"},
		"a secret as an argument":   {func(s *exec.Settings) { s.Command = []string{"deploy", "--token=hunter2-known"} }, "command[1]: holds a secret"},
		"its own secret as one":     {func(s *exec.Settings) { s.Command = []string{"deploy", "hunter2-own"} }, "command[1]: holds a secret"},
		"a secret to ask with":      {func(s *exec.Settings) { s.StatusCommand = []string{"ask", "hunter2-own"} }, "status_command[1]: holds a secret"},
		"a name with an equal sign": {func(s *exec.Settings) { s.Env = map[string]string{"A=B": "c"} }, "not the name of an environment variable"},
		"a relative directory":      {func(s *exec.Settings) { s.Dir = "deploy" }, "not an absolute path"},
		"a template with a typo":    {func(s *exec.Settings) { s.Command = []string{"deploy", "{{.Too}}"} }, "Too"},
	} {
		t.Run(name, func(t *testing.T) {
			s := settings("deploy", "--to", "{{.To}}")
			s.Secrets = map[string]secret.Secret{"TOKEN": secret.New("hunter2-own")}
			c.change(s)
			_, err := exec.Kind().Build(s, e)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want …%s…", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error shows the secret: %v", err)
			}
		})
	}
}

func TestRefusesVersionsThatAreOptions(t *testing.T) {
	call := actiontest.Call()
	call.Run.To = "--force"
	_, err := actiontest.Build(t, exec.Kind(), settings("echo", "{{.To}}"), actiontest.Env()).Do(t.Context(), call)
	if err == nil || !strings.Contains(err.Error(), "no version has") {
		t.Errorf("error %v", err)
	}
}
