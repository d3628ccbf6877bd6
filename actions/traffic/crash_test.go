package traffic_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"guardian/actions"
	"guardian/actions/actiontest"
	"guardian/actions/traffic"
	"guardian/test/process"
)

// A guardian is killed while it changes nginx's file: the next one finds out from the file and nginx
// what happened, finishes it or undoes it, and leaves nothing behind.
func TestNGINXAfterAKill(t *testing.T) {
	if at := os.Getenv("TO_BE_KILLED_AT"); at != "" {
		beKilled(t, at)
	}
	t.Parallel()
	for name, c := range map[string]struct {
		test, reload string // what the commands do: each kills the guardian
		then         func(*testing.T, *nginx)
		status       actions.Outcome
		answers      string
	}{
		"before nginx tests it": {test: "kill -9 $PPID", status: actions.Happened, answers: "blue"},
		"before nginx tests what it does not take": {
			test: "kill -9 $PPID", then: func(t *testing.T, n *nginx) { t.Helper(); n.breakIt(t) },
			status: actions.Failed, answers: "green",
		},
		"before nginx loads it":  {reload: "kill -9 $PPID", status: actions.Happened, answers: "blue"},
		"after nginx has loaded": {reload: "kill -HUP $(cat nginx.pid); kill -9 $PPID", status: actions.Happened, answers: "blue"},
		"before the file was replaced": {
			test:   "kill -9 $PPID",
			then:   func(t *testing.T, n *nginx) { t.Helper(); write(t, n.file, n.was) },
			status: actions.NotHappened, answers: "green",
		},
		"and somebody else changed the file since": {
			test:   "kill -9 $PPID",
			then:   func(t *testing.T, n *nginx) { t.Helper(); write(t, n.file, "# theirs\n") },
			status: actions.Unclear, answers: "green",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := startNGINX(t)
			n.was = read(t, n.file)
			script := func(name, text string) string {
				if text == "" {
					text = "true"
				}
				path := filepath.Join(n.dir, name)
				if err := os.WriteFile(path, []byte("#!/bin/sh\ncd "+n.dir+"\n"+text+"\n"), 0o755); err != nil {
					t.Fatal(err)
				}
				return path
			}
			cmd := exec.Command(os.Args[0], "-test.run", "^TestNGINXAfterAKill$")
			cmd.Env = append(os.Environ(), "TO_BE_KILLED_AT="+strings.Join([]string{
				n.file, filepath.Join(n.dir, "nginx.pid"), script("test", c.test), script("reload", c.reload), n.blue.address, n.green.address,
			}, " "))
			p, err := process.Start(cmd)
			if err != nil {
				t.Fatal(err)
			}
			if code := p.ExitCode(); code != -1 {
				t.Fatalf("it was not killed: exit code %d", code)
			}
			if left := n.hidden(t); len(left) != 1 {
				t.Fatalf("beside the file are %v", left)
			}
			if c.then != nil {
				c.then(t, n)
			}
			st := step(t, n.settings())
			got, detail, err := st.Status(t.Context(), actiontest.Call())
			if got != c.status || (err == nil) != (c.status != actions.Unclear) {
				t.Errorf("status %s (%s), %v; want %s", got, detail, err, c.status)
			}
			if c.status == actions.Unclear {
				if !strings.Contains(err.Error(), "somebody else changed") || read(t, n.file) != "# theirs\n" {
					t.Errorf("error %v", err)
				}
				return
			}
			if pool := n.ask(t); pool != c.answers {
				t.Errorf("%s answers, want %s", pool, c.answers)
			}
			if left := n.hidden(t); len(left) != 0 {
				t.Errorf("it left %v", left)
			}
			if c.status == actions.NotHappened {
				do(t, st, actiontest.Call())
				if pool := n.ask(t); pool != "blue" {
					t.Errorf("after it was done again %s answers", pool)
				}
			}
		})
	}
}

// beKilled switches to blue, until one of its commands kills it.
func beKilled(t *testing.T, at string) {
	t.Helper()
	f := strings.Fields(at)
	s := traffic.NGINXDefaults()
	s.File, s.Upstream, s.PIDFile, s.Test, s.Reload = f[0], "shop", f[1], []string{f[2]}, []string{f[3]}
	s.ReloadDeadline = model.Duration(time.Minute)
	_, err := step(t, traffic.Settings{NGINX: &s, Switch: "blue", Servers: []traffic.ServerSettings{
		{Pool: "blue", Server: f[4]}, {Pool: "green", Server: f[5]},
	}}).Do(t.Context(), actiontest.Call())
	t.Fatalf("it lives on: %v", err)
}

// A sequence that was interrupted while a share was held goes on from there.
func TestNGINXSequenceGoesOn(t *testing.T) {
	t.Parallel()
	n := startNGINX(t)
	s := n.settings()
	s.Switch, s.Stages = "", []traffic.StageSettings{{To: "blue", Weight: 20}, {To: "blue", Weight: 50, For: model.Duration(time.Hour)}, {To: "blue", Weight: 100}}
	ctx, crash := newCrash(t)
	ended := make(chan error, 1)
	go func() {
		_, err := step(t, s).Do(ctx, actiontest.Call())
		ended <- err
	}()
	actiontest.WaitFor(t, "half of the traffic", func() bool { return n.reloads(t) == 2 && len(n.hidden(t)) == 0 })
	crash()
	if err := <-ended; err == nil {
		t.Error("Do says that all is well")
	}
	if got := status(t, step(t, s), actiontest.Call()); got != actions.NotHappened {
		t.Errorf("status %s", got)
	}
	s.Stages[1].For = model.Duration(10 * time.Millisecond)
	out := do(t, step(t, s), actiontest.Call())
	if !strings.HasPrefix(out, "before: blue 50 %") || strings.Contains(out, "20 %") || n.ask(t) != "blue" || n.reloads(t) != 3 {
		t.Errorf("%d reloads; it did\n%s", n.reloads(t), out)
	}
	if got := status(t, step(t, s), actiontest.Call()); got != actions.Happened {
		t.Errorf("status %s", got)
	}
}
