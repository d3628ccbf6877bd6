package probes_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"guardian/internal/secret"
	"guardian/probes"
	"guardian/probes/sample"
)

// plugin writes a program as Nagios plugins are.
func plugin(tb testing.TB, script string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "check")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil { //nolint:gosec // a program must be executable
		tb.Fatal(err)
	}
	return path
}

func TestExec(t *testing.T) {
	for name, tc := range map[string]struct {
		script string
		set    func(*probes.ExecSettings)
		health sample.Health
		reason string
		values map[string]float64
	}{
		"0 is up": {script: `echo "DISK OK - 40% used | /=40%;80;90;0;100 'my disk'=3.5GB;; inodes=12"`, health: sample.Up, values: map[string]float64{
			"exec_exit_code": 0, "exec_perfdata name=/ unit=%": 40, "exec_perfdata name=my disk unit=GB": 3.5, "exec_perfdata name=inodes unit=": 12,
		}},
		"1 is up with its values":                 {script: `echo "DISK WARNING | /=85%;80;90"; exit 1`, health: sample.Up, values: map[string]float64{"exec_exit_code": 1, "exec_perfdata name=/ unit=%": 85}},
		"unless a warning is down":                {script: `echo "DISK WARNING"; exit 1`, set: func(s *probes.ExecSettings) { s.Warning = "down" }, health: sample.Down, reason: "exit code 1: DISK WARNING"},
		"2 is down":                               {script: `echo "DISK CRITICAL - 95% used | /=95%"; exit 2`, health: sample.Down, reason: "exit code 2: DISK CRITICAL - 95% used"},
		"3 is unknown":                            {script: `echo "cannot read"; exit 3`, health: sample.Unknown, reason: "exit code 3: cannot read"},
		"another code is unknown":                 {script: `exit 77`, health: sample.Unknown, reason: "exit code 77, and the program printed nothing"},
		"what stands on standard error alone":     {script: `nosuchplugin -w 5`, health: sample.Unknown, reason: "nosuchplugin: not found"},
		"what a terminal would obey is not told":  {script: `printf '\033[2Jwiped\n'; exit 2`, health: sample.Down, reason: "exit code 2: ·[2Jwiped"},
		"a signal is unknown":                     {script: `kill -SEGV $$`, health: sample.Unknown, reason: "signal: segmentation fault"},
		"what is no program is unknown":           {set: func(s *probes.ExecSettings) { s.Command = []string{"/nowhere/check"} }, health: sample.Unknown, reason: "the program could not be run"},
		"not in time is unknown":                  {script: `sleep 5`, health: sample.Unknown, reason: "did not end within"},
		"arguments are taken as they are":         {script: `echo "$1|$2"; exit 2`, set: func(s *probes.ExecSettings) { s.Command = append(s.Command, "a b; rm -rf '*' $HOME", "c") }, health: sample.Down, reason: "a b; rm -rf '*' $HOME"},
		"arguments are templates":                 {script: `echo "$1"; exit 2`, set: func(s *probes.ExecSettings) { s.Command = append(s.Command, "{{.Labels.shop}}") }, health: sample.Down, reason: "exit code 2: sg-1"},
		"a folder":                                {script: `pwd; exit 2`, set: func(s *probes.ExecSettings) { s.Dir = "/" }, health: sample.Down, reason: "exit code 2: /"},
		"much output is cut":                      {script: `yes OK | head -c 3000000; exit 0`, health: sample.Up},
		"performance data in later lines":         {script: `printf 'OK | a=1\nmore words\nand more | b=2\nc=3'`, health: sample.Up, values: map[string]float64{"exec_perfdata name=a unit=": 1, "exec_perfdata name=b unit=": 2, "exec_perfdata name=c unit=": 3}},
		"something left behind is not waited for": {script: `sleep 30 & echo OK`, health: sample.Up},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := build(t, "exec", probes.Env{Labels: map[string]string{"shop": "sg-1"}}, func(s *probes.ExecSettings) {
				s.Command = []string{plugin(t, tc.script)}
				if tc.set != nil {
					tc.set(s)
				}
			})
			timeout := 10 * time.Second
			if strings.Contains(name, "in time") {
				timeout = 200 * time.Millisecond
			}
			o := look(t, p, timeout)
			if o.Health != tc.health || !strings.Contains(o.Reason.String(), tc.reason) || (o.Health == sample.Up) != (o.Reason.IsZero()) {
				t.Errorf("got %s %q, want %s %q", o.Health, o.Reason, tc.health, tc.reason)
			}
			for series, want := range tc.values {
				name, rest, _ := strings.Cut(series, " ")
				var labels []string
				if rest != "" {
					label, unit, _ := strings.Cut(rest, " unit=")
					labels = []string{label, "unit=" + unit}
				}
				if got := value(t, o, name, labels...); got != want {
					t.Errorf("%s is %v, want %v", series, got, want)
				}
			}
			onlyPromised(t, "exec", &probes.ExecSettings{}, o)
		})
	}
}

// At the deadline everything that the program started goes with it.
func TestExecKillsTheWholeGroup(t *testing.T) {
	pid := filepath.Join(t.TempDir(), "pid")
	p := build(t, "exec", probes.Env{}, func(s *probes.ExecSettings) {
		s.Command = []string{plugin(t, fmt.Sprintf("sleep 60 & echo $! >%s; wait", pid))}
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for ctx.Err() == nil {
			if b, err := os.ReadFile(pid); err == nil && len(b) > 1 {
				cancel()
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
	if o := p.Look(ctx); o.Health != sample.Unknown || !strings.Contains(o.Reason.String(), "the look was stopped") {
		t.Errorf("got %s %q", o.Health, o.Reason)
	}
	b, err := os.ReadFile(pid)
	if err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	for range 200 {
		// A zombie that init has not reaped yet is dead, too.
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", child))
		if syscall.Kill(child, 0) != nil || err != nil || strings.Contains(string(stat), ") Z ") {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("what the program started lives on")
}

func TestExecPassesOnlyTheNamedEnvironment(t *testing.T) {
	t.Setenv("GUARDIAN_TEST_SECRET", "hunter22")
	p := build(t, "exec", probes.Env{}, func(s *probes.ExecSettings) {
		s.Command = []string{plugin(t, `echo "[$GUARDIAN_TEST_SECRET][$A][${PATH:+path}][$PWD]"; exit 2`)}
		s.Env = map[string]string{"A": "b"}
	})
	if o := look(t, p, 5*time.Second); !strings.Contains(o.Reason.String(), "[][b][path]") {
		t.Errorf("got %q", o.Reason)
	}
}

func TestExecKeepsSecrets(t *testing.T) {
	const token = "tok-5ae1c0ffee"
	p := build(t, "exec", probes.Env{}, func(s *probes.ExecSettings) {
		s.Command = []string{plugin(t, `echo "bad $TOKEN | $TOKEN=1"; echo "$TOKEN" >&2; exit 2`)}
		s.Secrets = map[string]secret.Secret{"TOKEN": secret.New(token)}
	})
	o := look(t, p, 5*time.Second)
	if o.Health != sample.Down || !strings.Contains(o.Reason.String(), "bad "+secret.Mask) {
		t.Errorf("got %s %q", o.Health, o.Reason)
	}
	wantSilent(t, o, token)
	if text := fmt.Sprint(o.Values); strings.Contains(text, token) || !strings.Contains(text, secret.Mask) {
		t.Errorf("a label tells the secret: %v", o.Values)
	}
}

func TestExecSettingsTellEveryMistake(t *testing.T) {
	s := probes.Builtin()["exec"].Settings().(*probes.ExecSettings)
	wantMistakes(t, s.Validate(), "command is missing")
	s.Command = []string{"check_disk -w 10%"}
	wantMistakes(t, s.Validate(), "no shell splits it")
	s.Command = []string{"check", "{{", "{{.Secrets.a}}"}
	s.Inherit, s.Env, s.Warning, s.OutputLimit = []string{"A=B"}, map[string]string{"X": "1"}, "maybe", 0
	s.Secrets = map[string]secret.Secret{"X": secret.New("y")}
	wantMistakes(t, s.Validate(), "command[1]", "command[2]: other users see arguments", `"A=B" is not the name`, "secrets.X is in env, too", "warning", "output_limit")
}

func FuzzPerfdata(f *testing.F) {
	for _, s := range []string{
		"OK | a=1s;2;3;4;5 'b c'=2.5e3MB", "OK | 'it''s'=1", "|x=U y=-0.5% z=1,5", "a|b\nc|d=1\ne=2", "|'", "|=1", "|a=1 a=2", "|a==1;;;", "| a=1e b=5eur",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, out string) {
		words, values := probes.ParsePlugin(out)
		if strings.Contains(words, "\n") || len(values) > 100 {
			t.Errorf("%q: %q, %d values", out, words, len(values))
		}
		seen := map[string]bool{}
		for _, v := range values {
			key := v.Labels["name"] + "\x00" + v.Labels["unit"]
			if v.Labels["name"] == "" || seen[key] || v.V != v.V || len(v.Labels["name"]) > 100 || len(v.Labels["unit"]) > 20 {
				t.Errorf("%q: %v", out, v)
			}
			seen[key] = true
		}
	})
}
