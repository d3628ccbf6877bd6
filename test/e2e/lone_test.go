package e2e_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestAGuardianThatWasKilledLeadsAgainAtOnce: its lease lasts longer than anything is waited for here, and the
// kernel proves that nobody has it any more.
func TestAGuardianThatWasKilledLeadsAgainAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := newGuardian(t, w.config(configOptions{lease: "10m"}), map[string]string{"rules.yaml": noRules})
	g.Start()
	for range 3 {
		g.Kill()
		killed := time.Now()
		g.Start()
		t.Logf("leads again after %s", time.Since(killed).Round(time.Millisecond))
	}
	g.Up("service")
}

// TestOneThatIsPausedKeepsItsLease lets two guardians share a journal's file: the other one must not lead while
// the first may wake up, and leads at once when it was killed. A step that was under way is not asked for
// before its lease would have ended.
func TestOneThatIsPausedKeepsItsLease(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const lease = 20 * time.Second
	config := w.config(configOptions{lease: lease.String()})
	a := newGuardian(t, config, map[string]string{"rules.yaml": noRules})
	a.Start()
	a.Up("service")
	b := newGuardian(t, config, map[string]string{"rules.yaml": noRules})
	if err := os.Mkdir(filepath.Join(b.Dir, "data"), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(a.Dir, "data", "journal.db"), filepath.Join(b.Dir, "data", "journal.db")); err != nil {
		t.Fatal(err)
	}
	b.StartAs("standby")
	b.Up("service")
	w.holdAt("act")
	v := w.failedDeploy(a, "v2")
	eventually(t, "a step under way", func() bool { return get(w, func(w *world) int { return len(w.acts) }) == 1 })
	a.Signal(syscall.SIGSTOP)
	paused := time.Now()
	for time.Since(paused) < lease/4 {
		if b.Role() != "standby" {
			t.Fatal("it leads while the other one may wake up")
		}
		time.Sleep(100 * time.Millisecond)
	}
	a.Kill()
	killed := time.Now()
	eventually(t, "the other one leads", func() bool { return b.Role() == "active" })
	took := time.Since(killed)
	t.Logf("leads %s after the other was killed", took.Round(time.Millisecond))
	eventually(t, "the takeover is told", func() bool { return w.heard("has taken over from") == 1 })
	w.release("act")
	b.RunState(v.Rollback.ID, "cured")
	if since := time.Since(paused); since < lease/2 {
		t.Errorf("the run went on %s after the last sign of life, within the lease of %s", since, lease)
	}
	wantPutBackOnce(t, w)
}
