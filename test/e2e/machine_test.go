package e2e_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"guardian/test/pg"
)

// startOnDisk starts a guardian whose data folder is a disk, mounted for its process alone by a command to
// which the folder is added, and gives the disk's path as the process sees it. It ends with the process.
func startOnDisk(t *testing.T, g *guardian, mount string) (disk string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "unshare", "--mount", "true").CombinedOutput(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("no process gets mounts of its own here: %v: %s", err, out)
		}
		t.Skipf("needs root to mount a small disk for one process (unshare --mount): %v: %s", err, out)
	}
	disk = filepath.Join(g.Dir, "data")
	if err := os.Mkdir(disk, 0o755); err != nil {
		t.Fatal(err)
	}
	g.Before = []string{"unshare", "--mount", "sh", "-c", mount + ` "$0" && exec "$@"`, disk}
	g.Start()
	return fmt.Sprintf("/proc/%d/root%s", g.Pid(), disk)
}

// apiDown fires as soon as the service is down.
const apiDown = `
groups:
  - name: api
    interval: 1s
    rules:
      - {alert: ApiDown, expr: 'probe_success{check="service"} == 0', labels: {tier: critical, service: order-sync}, annotations: {summary: ApiDown fires}}
`

// atOnce is how soon people hear of what must not wait: ten seconds, and as much again on a machine that has
// other work.
const atOnce = 20 * time.Second

// failure is something that fails at the machine, and its repair.
type failure struct {
	postgres string            // connection string of the journal; "": SQLite
	mount    string            // how the data folder is mounted; "": it is an ordinary one
	fail     func(disk string) // what fails
	repair   func(disk string) // nil: it cannot be repaired while the process runs
	ready    string            // what /-/ready says meanwhile
	slack    string            // what Slack says of it
	ding     string            // and DingTalk
	silent   bool              // alerts cannot be recorded meanwhile: the service is named in place of them
}

// TestAMachineThatFailsIsToldWithoutIt lets something of the machine fail and then a service go down: people
// hear of both at once, by a way that does not need what failed. After the repair nothing is lost, and nobody
// hears anything twice.
func TestAMachineThatFailsIsToldWithoutIt(t *testing.T) {
	t.Parallel()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
	const journalAway, journalAwayZh, outage = "Guardian has a problem: the journal does not work", "guardian 自身：事件日志（journal）异常", "order-sync/service"
	for name, make := range map[string]func(t *testing.T) failure{
		"the disk is full": func(t *testing.T) failure {
			t.Helper()
			return failure{
				mount: "mount -t tmpfs -o size=24m tmpfs", ready: "is full", slack: journalAway, ding: journalAwayZh, silent: true,
				fail:   func(disk string) { fill(t, filepath.Join(disk, "filler")) },
				repair: func(disk string) { must(os.Remove(filepath.Join(disk, "filler"))) },
			}
		},
		"the disk takes no more files": func(t *testing.T) failure {
			t.Helper()
			return failure{
				mount: "mount -t tmpfs -o size=900m,nr_inodes=400 tmpfs", slack: "inodes are free", ding: "ApiDown", // DingTalk is for what is critical
				fail: func(disk string) {
					must(os.Mkdir(filepath.Join(disk, "many"), 0o755))
					for i := 0; os.WriteFile(filepath.Join(disk, "many", fmt.Sprint(i)), nil, 0o600) == nil; i++ {
					}
				},
				repair: func(disk string) { must(os.RemoveAll(filepath.Join(disk, "many"))) },
			}
		},
		"the disk is read-only since an error": func(t *testing.T) failure {
			t.Helper()
			image := filepath.Join(t.TempDir(), "disk")
			out, err := exec.CommandContext(t.Context(), "sh", "-c", `truncate -s 64M "$0" && PATH=$PATH:/usr/sbin:/sbin mkfs.ext4 -q "$0"`, image).CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			return failure{
				mount: "mount -o loop,errors=remount-ro " + image, ready: "journal", slack: journalAway, ding: journalAwayZh, silent: true,
				fail: func(disk string) { breakExt4(t, disk) },
			}
		},
		"the journal's file is deleted": func(*testing.T) failure {
			return failure{
				ready: "the data folder was deleted", slack: "the data folder is gone", ding: "数据目录丢失",
				fail: func(disk string) { must(os.Remove(filepath.Join(disk, "journal.db"))) },
			}
		},
		"the data folder is deleted": func(*testing.T) failure {
			return failure{
				ready: "the data folder was deleted", slack: "the data folder is gone", ding: "数据目录丢失",
				fail: func(disk string) { must(os.RemoveAll(disk)) },
			}
		},
		"PostgreSQL is away": func(t *testing.T) failure {
			t.Helper()
			path, dsn := newDatabaseProxy(t, pg.Start(t))
			return failure{
				postgres: dsn, ready: "journal", slack: journalAway, ding: journalAwayZh, silent: true,
				fail: func(string) { path.Cut() }, repair: func(string) { path.Mend() },
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := make(t)
			w := newWorld(t)
			g := newGuardian(t, w.config(configOptions{postgres: f.postgres, mode: "auto", extra: pauseWrites}), map[string]string{"rules.yaml": apiDown})
			disk := filepath.Join(g.Dir, "data")
			if f.mount == "" {
				g.Start()
			} else {
				disk = startOnDisk(t, g, f.mount)
			}
			g.Up("service")
			f.fail(disk)
			failed := time.Now()
			w.set(func(w *world) { w.bad = true })
			said := []string{f.slack, "ApiDown fires"}
			if f.silent {
				said[1] = outage
			}
			for _, text := range said {
				eventually(t, text+" in Slack", func() bool { return w.heard(text) > 0 })
			}
			eventually(t, "the failure in DingTalk", func() bool { return w.dinged(f.ding) > 0 })
			eventually(t, "the service in DingTalk", func() bool { return w.dinged(outage)+w.dinged("ApiDown") > 0 })
			after := w.firstHeard(said...).Sub(failed)
			t.Logf("told %.1f s after it failed", after.Seconds())
			if after > atOnce {
				t.Errorf("told after %s", after)
			}
			if ready := ready(g); !strings.Contains(ready, f.ready) || f.ready != "" && !strings.Contains(ready, "not ready") {
				t.Errorf("ready: %q, want it to say %q", ready, f.ready)
			}
			if f.repair != nil {
				f.repair(disk)
				wantToldOnce(t, w, g)
			}
			if n := w.heard(outage); f.silent && n != 1 || !f.silent && n != 0 {
				t.Errorf("what is down was told %d times past the journal", n)
			}
			if n := w.heard(f.slack); n != 1 {
				t.Errorf("%q was told %d times", f.slack, n)
			}
		})
	}
}

// ready gives what the readiness page says.
func ready(g *guardian) string {
	resp, err := http.Get(g.URL + "/-/ready")
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return string(text)
}

// dinged counts the DingTalk messages that contain a text.
func (w *world) dinged(text string) int {
	n := 0
	for _, m := range w.dingtalk.Messages() {
		if strings.Contains(m.Title+m.Text, text) {
			n++
		}
	}
	return n
}

// firstHeard is when Slack had a message of each text.
func (w *world) firstHeard(texts ...string) (at time.Time) {
	for _, text := range texts {
		for _, m := range w.slack.Messages() {
			if strings.Contains(m.All(), text) {
				if m.At.After(at) {
					at = m.At
				}
				break
			}
		}
	}
	return at
}

// breakExt4 lets the kernel find an error in the file system, which it mounts read-only then.
func breakExt4(t *testing.T, disk string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "findmnt", "-n", "-o", "SOURCE", "-N", strings.Split(disk, "/")[2], strings.SplitN(disk, "/root", 2)[1]).Output()
	if err != nil {
		t.Fatal(err)
	}
	device := filepath.Base(strings.TrimSpace(string(out)))
	if err := os.WriteFile("/sys/fs/ext4/"+device+"/trigger_fs_error", []byte("1"), 0o200); err != nil {
		t.Fatal(err)
	}
}

// pauseWrites is bound to the alert: an act that must happen once.
const pauseWrites = `
on_alert:
  - {match: {alertname: ApiDown}, runbook: pause-writes, mode: auto}
`

// wantToldOnce waits until the alert is recorded, told and acted upon, lets the service recover, and wants
// each of it once.
func wantToldOnce(t *testing.T, w *world, g *guardian) {
	t.Helper()
	eventually(t, "the alert is told", func() bool { return w.heard("ApiDown fires") > 0 && w.dinged("ApiDown fires") > 0 })
	eventually(t, "the act", func() bool { return get(w, func(w *world) int { return len(w.acts) }) > 0 })
	// What was acted made the service good again.
	eventually(t, "the end in Slack", func() bool { return w.heard("Resolved") > 0 })
	eventually(t, "the end in DingTalk", func() bool { return w.dinged("恢复") > 0 })
	allDelivered(t, g)
	for what, n := range map[string]int{
		"the alert in Slack": w.heard("[critical] "), "its end in Slack": w.heard("Resolved"),
		"acts": get(w, func(w *world) int { return len(w.acts) }),
	} {
		if n != 1 {
			t.Errorf("%s: %d times", what, n)
		}
	}
	if !strings.Contains(ready(g), "is ready") {
		t.Errorf("after the repair: %s", ready(g))
	}
}

// TestAFullDiskIsSaidAndLosesNothing fills the disk up in a watch.
func TestAFullDiskIsSaidAndLosesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := newGuardian(t, w.config(configOptions{}), map[string]string{"rules.yaml": noRules})
	disk := startOnDisk(t, g, "mount -t tmpfs -o size=400m tmpfs")
	g.Up("service")
	id := g.Deploy("v2", nil)
	fill(t, filepath.Join(disk, "filler"))
	eventually(t, "the hook says that it cannot write", func() bool {
		err := g.Try(http.MethodPost, "/api/v1/deploys", map[string]any{"service": "order-sync", "version": "v3"}, nil)
		return err != nil && strings.Contains(err.Error(), "disk")
	})
	if err := os.Remove(filepath.Join(disk, "filler")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it writes again", func() bool {
		return g.Try(http.MethodPost, "/api/v1/silences", map[string]any{"matchers": []string{`a="b"`}, "until": time.Now().Add(time.Hour), "comment": "x"}, nil) == nil
	})
	w.set(func(w *world) { w.bad = true })
	v := g.Verdict(id)
	if v.State == "superseded" {
		v = g.Verdict(g.Deploy("v3", nil))
	}
	if v.State != "failed" {
		t.Fatalf("the verdict is %s: %s", v.State, v.Reason)
	}
	g.RunState(v.Rollback.ID, "cured")
	wantPutBackOnce(t, w)
}

// fill writes until the disk is full.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, size := range []int{1 << 20, 1 << 10, 1} {
		b := make([]byte, size)
		for {
			if _, err := f.Write(b); err != nil {
				break
			}
		}
	}
}
