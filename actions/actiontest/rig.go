package actiontest

import (
	"errors"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"guardian/actions"
	"guardian/internal/reason"
	"guardian/internal/secret"
)

// Env is a process that a step may live in: it logs nothing and has no kill switches.
func Env() actions.Env {
	return actions.Env{Log: slog.New(slog.DiscardHandler), Redactor: &secret.Redactor{}, Now: time.Now, UserAgent: "guardian/test"}
}

// Build makes a step, or fails the test.
func Build(t *testing.T, kind actions.Kind, settings any, env actions.Env) actions.Step {
	t.Helper()
	step, err := kind.Build(settings, env)
	if err != nil {
		t.Fatal(err)
	}
	return step
}

// Call is the first step of a rollback from v2 to v1.4.2, for a reason that needs quoting.
func Call() actions.Call {
	return actions.Call{Intent: "r_1-1", Run: actions.Run{
		ID: "r_1", Service: "order-sync", Environment: "production", From: "v2", To: "v1.4.2",
		Trigger: actions.Trigger{Deploy: "d_2", Reason: reason.Text(`it said "no"`)},
	}}
}

// WaitFor waits until something is done, or fails the test.
func WaitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); !done(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// WaitForEnd waits until the process whose ID a file holds has ended, or fails the test.
func WaitForEnd(t *testing.T, pidFile string) {
	t.Helper()
	b, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	WaitFor(t, "the end of a process", func() bool {
		state, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		return err != nil || strings.Contains(string(state), ") Z ") || errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
	})
}
