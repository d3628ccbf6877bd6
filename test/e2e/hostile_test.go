package e2e_test

import (
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"guardian/test/hostile"
)

// TestUnderAttack is `make bench-hostile` on a small scale, with all attacks at once: what it says of alerts,
// verdicts and answers holds on a busy machine too; how soon does not.
func TestUnderAttack(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	r := hostile.Run(t, binary, hostile.Options{
		Checks: 50, Every: 2 * time.Second, Judged: 200 * time.Millisecond, Down: 5, Within: time.Second,
		Series: 4000, Limit: 1500, Writers: 2, Queries: 10, Idle: 200, Slow: 4, Seed: seed, Together: true,
	})
	t.Logf("seed %d\n%s", seed, r.Table())
	for _, wrong := range r.Wrong() {
		t.Error(wrong)
	}
}

// TestIdleConnectionsLeaveRoomForLooks opens more connections than the process may have files: looks, whose
// sockets are files, and other callers go on.
func TestIdleConnectionsLeaveRoomForLooks(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("prlimit"); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	g := newGuardian(t, w.config(configOptions{}), map[string]string{"rules.yaml": noRules})
	g.Before = []string{"prlimit", "--nofile=256:256"}
	g.Start()
	g.Up("service")
	for range 400 {
		c, err := net.Dial("tcp", strings.TrimPrefix(g.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
	}
	before := get(w, func(w *world) int { return w.looks })
	eventually(t, "more looks", func() bool { return get(w, func(w *world) int { return w.looks }) > before+5 })
	if n := g.Query(`count_over_time((probe_unknown{check="service"} == 1)[1m:1s])`); n != 0 {
		t.Errorf("looks were made blind by idle connections, or nobody can ask: %d", n)
	}
}
