package probes_test

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"guardian/probes"
	"guardian/probes/sample"
)

// Having no file descriptor left is this machine's trouble. The test runs itself in a process
// of its own, which may use up what it has.
func TestHTTPWithoutFileDescriptorsIsUnknown(t *testing.T) {
	const inside = "GUARDIAN_TEST_NO_FILES"
	if os.Getenv(inside) == "" {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		child.Env = append(os.Environ(), inside+"=1")
		if out, err := child.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS") {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	p := build(t, "http", probes.Env{}, func(s *probes.HTTPSettings) { s.URL = "http://127.0.0.1:1/" })
	if o := look(t, p, 20*time.Second); o.Health != sample.Down {
		t.Fatalf("with files: %s %q", o.Health, o.Reason)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 64, Max: 64}); err != nil {
		t.Fatal(err)
	}
	var files []*os.File
	for {
		f, err := os.Open(os.DevNull)
		if err != nil {
			break
		}
		files = append(files, f)
	}
	o := look(t, p, 20*time.Second)
	for _, f := range files {
		_ = f.Close()
	}
	if o.Health != sample.Unknown || !strings.Contains(o.Reason.String(), "too many open files") {
		t.Errorf("got %s %q", o.Health, o.Reason)
	}
}
