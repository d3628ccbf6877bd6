package helm_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"guardian/actions"
	"guardian/actions/actiontest"
	"guardian/actions/helm"
	"guardian/actions/kinds"
	"guardian/internal/config"
	"guardian/test/kube"
	"guardian/test/playback"
)

// worldOf starts the cluster, or opens the recordings.
func worldOf(t *testing.T) world {
	t.Helper()
	return world{
		c:      kube.Start(t, kube.Options{Programs: *programs, Record: *record, Module: "../../test/k8s/go.mod", Recordings: "testdata/recorded", Apart: true}),
		player: playback.Player(t),
	}
}

// with gives the world with one of the pinned Helms.
func (w world) with(t *testing.T, program, pin string) world {
	t.Helper()
	w.version = pinned(t, pin)
	if w.c.Live() {
		w.program = filepath.Join(*helms, program)
	}
	return w
}

// TestHelm shares one cluster between everything that needs one, with Helm 4 and with Helm 3.
func TestHelm(t *testing.T) {
	w := worldOf(t)
	four, three := w.with(t, "helm", "HELM"), w.with(t, "helm3", "HELM3")
	t.Run("contract", func(t *testing.T) {
		actiontest.Run(t, func(t *testing.T) actiontest.Target {
			t.Helper()
			return contract(t, four)
		})
	})
	for _, test := range []struct {
		name string
		w    world
		run  func(*testing.T, *rig)
	}{
		{"release", four, testRelease},
		{"found", four, testFound},
		{"failed", four, testFailed},
		{"cut", four, testCut},
		{"pending", four, testPending},
		{"sick", four, testSick},
		{"working", four, testWorking},
		{"killed", four, testKilled},
		{"begins", four, testBegins},
		{"changed", four, testChanged},
		{"rights", four, testRights},
		{"example", four, testExample},
		{"release-3", three, testRelease},
		{"failed-3", three, testFailed},
		{"sick-3", three, testSick},
		{"killed-3", three, testKilled},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(t, test.w.open(t, "helm-"+test.name))
		})
	}
}

func contract(t *testing.T, w world) actiontest.Target {
	t.Helper()
	name := strings.NewReplacer("_", "-").Replace(strings.ToLower(t.Name()[strings.LastIndexByte(t.Name(), '/')+1:]))
	r := w.open(t, "helm-"+strings.Trim(name[:min(len(name), 40)], "-"))
	r.released("v1", "v2")
	return actiontest.Target{
		Step: r.step(nil), Call: r.back(), Effects: r.tape.Acts, Secrets: []string{kube.Token}, KnowsOutcome: true, Deduplicates: true,
		Break: func() {
			r.Refuse()
			refusing, err := os.ReadFile(r.Kubeconfig(kube.Token))
			if err == nil {
				err = os.WriteFile(r.path, refusing, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		},
	}
}

// A release that was upgraded twice goes back to the revision of the good version.
func testRelease(t *testing.T, r *rig) {
	t.Helper()
	r.released("v1")
	r.deploy("--set=tag=v2", "--set=replicas=3")
	step, call := r.step(nil), r.back()
	plan := r.plan(step, call)
	contains(t, plan, "release order-sync goes from revision 2 (order-sync-1.0.0, shop:v2, proxy:p1) back to revision 1 (order-sync-1.0.0, shop:v1, proxy:p1), which becomes revision 3", "replicas", "tag")
	if n := r.tape.Acts(); n != 0 || r.image() != "shop:v2" {
		t.Errorf("the plan rolled back %d times", n)
	}
	r.status(step, call, actions.NotHappened, "it has revision 2")
	contains(t, r.do(step, call), "from revision 2", "Rollback was a success")
	if got := r.image(); got != "shop:v1" {
		t.Errorf("it runs %s", got)
	}
	r.status(step, call, actions.Happened, "revision 3 (order-sync-1.0.0, shop:v1, proxy:p1) is deployed")
	// Once it is back, another step of the same kind finds nothing to take back.
	again := r.back()
	again.Intent = "r_01K4-1"
	r.refused(step, again, "carries v1 already: revision 3", "nothing was changed")
	// What should run is compared with what does.
	for version, want := range map[string]actions.Fit{"v1": actions.Fits, "v2": actions.Differs} {
		placed := r.back()
		placed.Run.To = version
		if parts := r.sees(step, placed); len(parts) != 1 || parts[0].Fit != want || parts[0].Runs != "3 (order-sync-1.0.0, shop:v1, proxy:p1)" || parts[0].Should != version {
			t.Errorf("with %s in place: %+v", version, parts)
		}
	}
	// The same intent is done.
	contains(t, r.do(step, call), "was rolled back under this intent already")
	if n := r.tape.Acts(); n != 1 {
		t.Errorf("it was rolled back %d times", n)
	}
}

// A version is found where the configuration says.
func testFound(t *testing.T, r *rig) {
	t.Helper()
	install := func(chart string, args ...string) {
		t.Helper()
		cmd := r.deployer(append([]string{"upgrade", "--install", "order-sync", chart, "--wait", "--timeout=1m"}, args...)...)
		if cmd == nil {
			return
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	install(r.chart("1.4.2", "v1"), "--set=tag=build-1", "--set=proxy=v1")
	install(r.chart("1.5.0", "v2"), "--set=tag=build-2", "--set=proxy=v2")
	by := func(set func(*helm.Settings), from, to string) string {
		t.Helper()
		call := r.back()
		call.Run.From, call.Run.To = from, to
		return r.plan(r.step(set), call)
	}
	contains(t, by(func(s *helm.Settings) { s.VersionIn = "app_version" }, "v2", "v1"), "from revision 2 (order-sync-1.5.0, v2) back to revision 1 (order-sync-1.4.2, v1)")
	contains(t, by(func(s *helm.Settings) { s.VersionIn = "chart_version" }, "v1.5.0", "v1.4.2"), "back to revision 1 (order-sync-1.4.2)")
	contains(t, by(func(s *helm.Settings) { s.Container = "app" }, "build-2", "build-1"), "back to revision 1 (order-sync-1.4.2, shop:build-1)")
	contains(t, by(func(s *helm.Settings) { s.Container, s.Version = "app", "build-1" }, "build-2", "v1"), "back to revision 1")
	// A sidecar has the very tag, and the container says that it does not count.
	r.refused(r.step(func(s *helm.Settings) { s.Container = "app" }), r.back(), "has revision 2 (order-sync-1.5.0, shop:build-2), which is not v2", "Nothing was changed")
	contains(t, by(nil, "v2", "v1"), "back to revision 1")
}

// A revision that failed is never gone back to, and a version that there is not is told with those that there are.
func testFailed(t *testing.T, r *rig) {
	t.Helper()
	r.released("v1")
	heal := r.Sicken("shop:v2")
	defer heal()
	if out, err := r.upgrade("--set=tag=v2", "--wait", "--timeout=5s"); err == nil && r.w.c.Live() {
		t.Fatalf("the upgrade did not fail\n%s", out)
	}
	r.released("v3")
	call := r.back()
	call.Run.From, call.Run.To = "v3", "v2"
	r.refused(r.step(nil), call, "has v2 only in revisions that were never well: 2 (order-sync-1.0.0, shop:v2, proxy:p1, failed)", "Nothing was changed")
	call.Run.To = "v7"
	r.refused(r.step(nil), call, "has no revision of v7; there are 3 (order-sync-1.0.0, shop:v3, proxy:p1), 2 (", "version_in")
	call.Run.From, call.Run.To = "v4", "v1"
	r.refused(r.step(nil), call, "has revision 3 (order-sync-1.0.0, shop:v3, proxy:p1), which is not v4 that is to be taken back")
	// Past the one that failed there is one that was well.
	call.Run.From = "v3"
	contains(t, r.plan(r.step(nil), call), "back to revision 1 (")
	r.refused(r.step(func(s *helm.Settings) { s.Release = "stock-sync" }), call, "there is no release stock-sync in this namespace")
}

// An upgrade that failed is what runs, and is taken back. What was cut out of the history is told.
func testCut(t *testing.T, r *rig) {
	t.Helper()
	r.released("v0", "v1")
	r.deploy("--set=tag=v2", "--history-max=2")
	call := r.back()
	call.Run.To = "v0"
	r.refused(r.step(nil), call, "has no revision of v0", "revisions before 2 were removed", "--history-max")
	heal := r.Sicken("shop:v3")
	defer heal()
	if out, err := r.upgrade("--set=tag=v3", "--wait", "--timeout=5s"); err == nil && r.w.c.Live() {
		t.Fatalf("the upgrade did not fail\n%s", out)
	}
	before := r.records()
	call = r.back()
	call.Run.From = "v3"
	r.do(r.step(nil), call)
	if got := r.image(); got != "shop:v1" {
		t.Errorf("it runs %s", got)
	}
	if n := r.records(); n != before+1 {
		t.Errorf("the cluster keeps %d revisions, want one more than %d: a rollback removes none", n, before)
	}
}

// Somebody else works on the release.
func testPending(t *testing.T, r *rig) {
	t.Helper()
	r.released("v1")
	heal := r.Sicken("shop:v2")
	defer heal()
	if cmd := r.deployer("upgrade", "order-sync", r.chart("1.0.0", "any"), "--set=tag=v2", "--wait", "--timeout=5m"); cmd != nil {
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		r.awaitRecord(2, "pending-upgrade")
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	step, call := r.step(nil), r.back()
	if parts := r.sees(step, call); len(parts) != 1 || parts[0].Fit != actions.NotKnown {
		t.Errorf("while somebody works on it: %+v", parts)
	}
	r.refused(step, call, "release order-sync is pending-upgrade since", "somebody else works on it", "helm rollback order-sync REVISION")
	r.status(step, call, actions.NotHappened)
	// Nobody knows whose it is, however long ago: it stays refused.
	r.shift = 24 * time.Hour
	r.refused(step, call, "release order-sync is pending-upgrade since")
}

// The runbook that people copy.
func testExample(t *testing.T, r *rig) {
	t.Helper()
	r.released("v1", "v2")
	text, err := os.ReadFile("../../configs/runbooks/helm.yaml")
	if err != nil {
		t.Fatal(err)
	}
	mine := strings.NewReplacer("/etc/guardian/kubeconfig", r.path, "namespace: shop", "namespace: "+r.Namespace+"\n          program: "+r.tape.Path+
		"\n          env: {"+playback.Folder+": "+r.tape.Env[playback.Folder]+"}").Replace(string(text))
	file := filepath.Join(t.TempDir(), "guardian.yaml")
	if err := os.WriteFile(file, []byte(mine), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(file, config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	book, err := actions.NewRunbook(c.Runbooks[0], kinds.Builtin(), r.env())
	if err != nil {
		t.Fatal(err)
	}
	r.do(book.Steps[0].Step, r.back())
	if got := r.image(); got != "shop:v1" {
		t.Errorf("it runs %s", got)
	}
}
