package git_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"guardian/actions"
	"guardian/actions/actiontest"
	"guardian/actions/git"
	"guardian/internal/secret"
	"guardian/test/process"
	"guardian/test/sshd"
)

// waits is a hook that tells that it has begun, and waits until it may go on.
func waits(dir string) string {
	return "touch " + dir + "/begun; while [ ! -e " + dir + "/go ]; do sleep 0.05; done; touch " + dir + "/over; exit 0"
}

// committed lets a hook of transactions go on only when the branch has been moved.
const committed = "[ \"$1\" = committed ] || exit 0\n"

func exists(path ...string) bool {
	_, err := os.Stat(filepath.Join(path...))
	return err == nil
}

func touch(t *testing.T, path ...string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(path...), nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

func expect(t *testing.T, when string, step actions.Step, want actions.Outcome) {
	t.Helper()
	if got, detail, err := step.Status(t.Context(), actiontest.Call()); got != want || err != nil {
		t.Errorf("asked %s: %s (%s), %v; want %s", when, got, detail, err, want)
	}
}

// TestDoInAnotherProcess is no test of its own: the tests below run it, and kill it.
func TestDoInAnotherProcess(t *testing.T) {
	text := os.Getenv("GIT_STEP_OF_A_TEST")
	if text == "" {
		return
	}
	s := &git.Settings{}
	if err := json.Unmarshal([]byte(text), s); err != nil {
		t.Fatal(err)
	}
	if s.SSH == nil {
		s.Token = secret.New(token)
	}
	_, err := build(t, s).Do(t.Context(), actiontest.Call())
	t.Log(err)
}

// elsewhere runs the step in a process of its own.
func elsewhere(t *testing.T, s *git.Settings) *process.Process {
	t.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestDoInAnotherProcess$", "-test.v")
	cmd.Env = append(os.Environ(), "GIT_STEP_OF_A_TEST="+string(text))
	p, err := process.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

// A guardian is killed while the server looks at what it pushed, and while the server tells that it took
// it: the branch says what happened, and it happens once.
func TestKilledWhileItPushes(t *testing.T) {
	server := sshd.Start(t)
	for name, c := range map[string]struct {
		hook, when string
		happened   actions.Outcome
	}{
		"before it is taken": {"pre-receive", "", actions.NotHappened},
		"before it is told":  {"reference-transaction", committed, actions.Happened},
		"after it was told":  {"post-receive", "", actions.Happened},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRepository(t, server)
			dir := server.Folder(t)
			r.hook(t, c.hook, c.when+waits(dir))
			s := r.settings()
			p := elsewhere(t, s)
			actiontest.WaitFor(t, "the push", func() bool { return exists(dir, "begun") })
			p.Kill()
			step := build(t, s)
			expect(t, "after the kill", step, c.happened)
			// The push was under way: it ends, or is given up with its connection.
			touch(t, dir, "go")
			actiontest.WaitFor(t, "the hook", func() bool { return exists(dir, "over") })
			if out, err := step.Do(t.Context(), actiontest.Call()); err != nil {
				t.Errorf("done again: %v\n%s", err, out)
			}
			expect(t, "at the end", step, actions.Happened)
			if n := r.commits(t); n != 1 || !strings.Contains(r.file(t, "apps/order-sync/app.yaml"), "v1.4.2") {
				t.Errorf("it happened %d times, want once", n)
			}
		})
	}
}

func TestKilledBeforeItPushes(t *testing.T) {
	r := newRepository(t, sshd.Start(t))
	before := r.head(t)
	f := newForge(t, filepath.Dir(r.bare))
	reached, goOn := make(chan struct{}), make(chan struct{})
	f.set(func() { f.hold, f.reached, f.goOn = "/git-upload-pack", reached, goOn })
	p := elsewhere(t, r.over(f))
	<-reached
	p.Kill()
	f.set(func() { f.hold = "" })
	close(goOn)
	step := build(t, r.over(f))
	expect(t, "after the kill", step, actions.NotHappened)
	if r.head(t) != before {
		t.Error("the branch has moved")
	}
	if out, err := step.Do(t.Context(), actiontest.Call()); err != nil || r.commits(t) != 1 {
		t.Errorf("done again: %v\n%s", err, out)
	}
}

// The connection fails before the server has answered.
func TestALostAnswerIsLookedFor(t *testing.T) {
	server := sshd.Start(t)
	r := newRepository(t, server)
	dir := server.Folder(t)
	r.hook(t, "reference-transaction", committed+waits(dir))
	step := build(t, r.settings())
	cut := make(chan struct{})
	go func() {
		defer close(cut)
		actiontest.WaitFor(t, "the push", func() bool { return exists(dir, "begun") })
		server.Cut()
	}()
	if out, err := step.Do(t.Context(), actiontest.Call()); !errors.Is(err, actions.ErrUnclear) {
		t.Errorf("%v\n%s", err, out)
	}
	<-cut
	touch(t, dir, "go")
	expect(t, "after it", step, actions.Happened)
}

func TestALostAnswerOverHTTPS(t *testing.T) {
	server := sshd.Start(t)
	for name, c := range map[string]struct {
		service string
		after   bool
		unclear bool
		want    actions.Outcome
	}{
		"of the fetch":                    {"git-upload-pack", false, false, actions.NotHappened},
		"of the push, which did not come": {"git-receive-pack", false, true, actions.NotHappened},
		"of the push, which happened":     {"git-receive-pack", true, true, actions.Happened},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRepository(t, server)
			f := newForge(t, filepath.Dir(r.bare))
			f.set(func() { f.lose, f.after = "/"+c.service, c.after })
			step := build(t, r.over(f))
			if out, err := step.Do(t.Context(), actiontest.Call()); err == nil || errors.Is(err, actions.ErrUnclear) != c.unclear {
				t.Errorf("%v\n%s", err, out)
			}
			f.set(func() { f.lose = "" })
			expect(t, "after it", step, c.want)
			if _, err := step.Do(t.Context(), actiontest.Call()); err != nil || r.commits(t) != 1 {
				t.Errorf("done again: %v, %d commits", err, r.commits(t))
			}
		})
	}
}
