package e2e_test

import (
	"database/sql"
	"net/http"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // registers the driver "pgx"

	"guardian/test/pg"
)

func TestKilledDuringAWatchItGoesOnWithTheSameEvidence(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := newGuardian(t, w.config(configOptions{}), map[string]string{"rules.yaml": noRules})
	g.Start()
	g.Up("service")
	id := g.Deploy("v2", nil)
	before := journalled(t, g, id)
	g.Kill()
	w.set(func(w *world) { w.bad = true })
	g.Start()
	v := g.Verdict(id)
	if v.State != "failed" {
		t.Fatalf("the verdict is %s: %s", v.State, v.Reason)
	}
	failures := v.Evidence[0].After.Failures
	if n := samplesOf(v) - failures; n < before {
		t.Errorf("%d good looks were judged, %d of them had been in the journal before the kill: evidence was lost", n, before)
	}
	if got := get(w, func(w *world) int { return w.looks }); got < samplesOf(v) {
		t.Errorf("%d looks were judged, only %d were made", samplesOf(v), got)
	}
	g.RunState(v.Rollback.ID, "cured")
}

// journalled waits until some looks of a watch are in the journal, and returns their number. Looks
// are written within a second, so it waits until three later ones, a second apart, are judged.
func journalled(t *testing.T, g *guardian, watch string) (looks int) {
	t.Helper()
	eventually(t, "looks", func() bool {
		looks = samplesOf(g.Watch(watch))
		return looks >= 3
	})
	eventually(t, "more looks", func() bool { return samplesOf(g.Watch(watch)) >= looks+3 })
	return looks
}

func samplesOf(w watchView) int {
	if len(w.Evidence) == 0 {
		return 0
	}
	return w.Evidence[0].Samples
}

// TestKilledBetweenVerdictAndFirstStep blocks the journal at the intent of the first step, so that
// the guardian is killed when the verdict is in it and the intent is not.
func TestKilledBetweenVerdictAndFirstStep(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	dsn := pg.Start(t)
	g := newGuardian(t, w.config(configOptions{postgres: dsn}), map[string]string{"rules.yaml": noRules})
	g.Start()
	g.Up("service")
	j := holdIntents(t, dsn)
	v := w.failedDeploy(g, "v2")
	j.waitHeld()
	g.Kill()
	if n := get(w, func(w *world) int { return len(w.acts) }); n != 0 {
		t.Fatalf("%d acts before any intent was in the journal", n)
	}
	j.release()
	g.Start()
	g.RunState(v.Rollback.ID, "cured")
	wantPutBackOnce(t, w)
	if n := len(g.Runs()); n != 1 {
		t.Errorf("%d runs, want 1", n)
	}
}

func TestKilledBetweenIntentAndOutcomeTheWorldIsAsked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := newGuardian(t, w.config(configOptions{}), map[string]string{"rules.yaml": noRules})
	g.Start()
	g.Up("service")
	w.holdAt("act")
	v := w.failedDeploy(g, "v2")
	eventually(t, "the act under way", func() bool { return get(w, func(w *world) int { return len(w.acts) }) == 1 })
	g.Kill()
	w.release("act")
	g.Start()
	r := g.RunState(v.Rollback.ID, "cured")
	wantPutBackOnce(t, w)
	if n := get(w, func(w *world) int { return len(w.acts) }); n != 1 {
		t.Errorf("the deploy tool was called %d times, want once: the world had said that it happened", n)
	}
	if r.Steps[0].Resolved == "" {
		t.Errorf("the step does not say who settled it: %+v", r.Steps[0])
	}
}

// A deploy tool that still works when the guardian is back is asked again until it is done, with one
// request and without a person.
func TestKilledWhileTheDeployToolWorksItIsWaitedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := newGuardian(t, w.config(configOptions{}), map[string]string{"rules.yaml": noRules})
	g.Start()
	g.Up("service")
	w.holdAt("act")
	w.set(func(w *world) { w.works = true })
	v := w.failedDeploy(g, "v2")
	eventually(t, "the act under way", func() bool { return get(w, func(w *world) int { return len(w.acts) }) == 1 })
	g.Kill()
	w.release("act")
	g.Start()
	time.Sleep(5 * time.Second)
	if r := g.Runs(); len(r) != 1 || r[0].State != "running" || r[0].Question != nil {
		t.Errorf("while the deploy tool works: %+v", r)
	}
	w.set(func(w *world) { w.works = false })
	g.RunState(v.Rollback.ID, "cured")
	if n := get(w, func(w *world) int { return len(w.acts) }); n != 1 {
		t.Errorf("the deploy tool was called %d times, want once", n)
	}
}

func TestKilledBetweenIntentAndOutcomeAPersonIsAskedWhereOnlyTheyCanKnow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := newGuardian(t, w.config(configOptions{noAsk: true}), map[string]string{"rules.yaml": noRules})
	g.Start()
	g.Up("service")
	w.holdAt("act")
	v := w.failedDeploy(g, "v2")
	eventually(t, "the act under way", func() bool { return get(w, func(w *world) int { return len(w.acts) }) == 1 })
	g.Kill()
	w.release("act")
	g.Start()
	r := g.RunState(v.Rollback.ID, "awaiting_approval")
	if r.Question == nil || r.Question.Code != "outcome_unknown" {
		t.Fatalf("the question is %+v", r.Question)
	}
	eventually(t, "people are asked", func() bool { return w.heard("put back") >= 1 })
	if n := get(w, func(w *world) int { return len(w.acts) }); n != 1 {
		t.Fatalf("the deploy tool was called %d times before a person answered", n)
	}
	g.Call(http.MethodPost, "/api/v1/rollbacks/"+r.ID+"/done", map[string]any{}, nil)
	g.RunState(r.ID, "cured")
	wantPutBackOnce(t, w)
}

func TestKilledAfterTheOutcomeBeforeTheVerification(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := newGuardian(t, w.config(configOptions{}), map[string]string{"rules.yaml": noRules})
	g.Start()
	g.Up("service")
	w.holdAt("act")
	v := w.failedDeploy(g, "v2")
	eventually(t, "the act under way", func() bool { return get(w, func(w *world) int { return len(w.acts) }) == 1 })
	w.holdAt("service") // looks hang, so that the verification waits
	w.release("act")
	g.RunState(v.Rollback.ID, "verifying")
	g.Kill()
	w.release("service")
	g.Start()
	g.RunState(v.Rollback.ID, "cured")
	wantPutBackOnce(t, w)
	if n := get(w, func(w *world) int { return len(w.acts) }); n != 1 {
		t.Errorf("the deploy tool was called %d times, want once", n)
	}
}

func TestKilledWithNoticesInTheOutbox(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := newGuardian(t, w.config(configOptions{}), map[string]string{"rules.yaml": noRules})
	g.Start()
	g.Up("service")
	w.set(func(w *world) { w.slackDown = true })
	v := w.failedDeploy(g, "v2")
	g.RunState(v.Rollback.ID, "cured")
	g.Kill()
	if n := len(w.slack.Messages()); n != 0 {
		t.Fatalf("%d messages were taken by a Slack that refuses", n)
	}
	w.set(func(w *world) { w.slackDown = false })
	g.Start()
	eventually(t, "the verdict and the cure", func() bool {
		return w.heard("Deploy failed: order-sync v2") >= 1 && w.heard("Cured: rollback of order-sync") >= 1
	})
	allDelivered(t, g)
	if a, b := w.heard("Deploy failed: order-sync v2"), w.heard("Cured: rollback of order-sync"); a != 1 || b != 1 {
		t.Errorf("told %d and %d times, want once each", a, b)
	}
}

func TestKilledWithASyntheticOrderThatIsNotCleanedUp(t *testing.T) {
	t.Parallel()
	checks := `
  - name: order-push
    service: order-sync
    every: 1s
    timeout: 900ms
    order_push:
      push: {timeout: 300ms, url: "WORLD/orders", body: '{"id": "{{.ID}}", "sku": "X", "quantity": 1}'}
      lookup: {every: 50ms, within: 250ms, http: {url: "WORLD/orders/{{.ID}}"}}
      verify: [{json: sku, equals: X}]
      cleanup: {timeout: 250ms, backoff: 1s, http: {method: DELETE, url: "WORLD/orders/{{.ID}}"}}
`
	for _, stage := range []string{"push", "see", "clean"} {
		t.Run("killed at "+stage, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			g := newGuardian(t, w.config(configOptions{checks: checks}), map[string]string{"rules.yaml": noRules})
			g.Start()
			g.Up("order-push")
			// So that the order is not cleaned up before the kill when the held stage times out.
			w.holdAt("clean")
			w.holdAt(stage)
			pushed := get(w, func(w *world) int { return w.pushed })
			eventually(t, "an order under way", func() bool { return get(w, func(w *world) bool { return w.pushed > pushed && len(w.orders) > 0 }) })
			g.Kill()
			left := get(w, func(w *world) []string {
				var ids []string
				for id := range w.orders {
					ids = append(ids, id)
				}
				return ids
			})
			if len(left) == 0 {
				t.Fatal("no order was left behind: this test shows nothing")
			}
			w.releaseAll()
			g.Start()
			eventually(t, "the order of before the crash cleaned up", func() bool {
				return get(w, func(w *world) bool {
					for _, id := range left {
						if _, there := w.orders[id]; there {
							return false
						}
					}
					return true
				})
			})
		})
	}
}

func wantPutBackOnce(t *testing.T, w *world) {
	t.Helper()
	if n := get(w, func(w *world) int { return w.effects["v1"] }); n != 1 {
		t.Errorf("v1 was put back %d times, want once", n)
	}
}

// held blocks whoever writes an intent to a PostgreSQL journal.
type held struct {
	t  *testing.T
	db *sql.DB
	tx *sql.Tx
}

const holdKey = 4711

func holdIntents(t *testing.T, dsn string) *held {
	t.Helper()
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	h := &held{t: t, db: db}
	h.exec(`CREATE OR REPLACE FUNCTION hold_intent() RETURNS trigger AS $$
		BEGIN PERFORM pg_advisory_xact_lock(4711); RETURN NEW; END $$ LANGUAGE plpgsql`)
	h.exec(`CREATE TRIGGER hold_intent BEFORE INSERT ON ledger FOR EACH ROW WHEN (NEW.once_key IS NOT NULL) EXECUTE FUNCTION hold_intent()`)
	if h.tx, err = db.Begin(); err != nil {
		t.Fatal(err)
	}
	if _, err := h.tx.Exec(`SELECT pg_advisory_xact_lock($1)`, holdKey); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *held) exec(q string) {
	h.t.Helper()
	if _, err := h.db.Exec(q); err != nil {
		h.t.Fatalf("%s: %v", q, err)
	}
}

// waitHeld waits until a transaction is blocked.
func (h *held) waitHeld() {
	h.t.Helper()
	eventually(h.t, "an intent that is held", func() bool {
		var n int
		err := h.db.QueryRow(`SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = $1 AND NOT granted`, holdKey).Scan(&n)
		return err == nil && n > 0
	})
}

func (h *held) release() {
	h.t.Helper()
	_ = h.tx.Rollback()
	h.exec(`DROP TRIGGER hold_intent ON ledger`)
}

func TestTwoGuardiansTheOtherTakesOverInTheMiddleOfAWatch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	dsn := pg.Start(t)
	o := configOptions{postgres: dsn}
	a := newGuardian(t, w.config(o), map[string]string{"rules.yaml": noRules})
	b := newGuardian(t, w.config(o), map[string]string{"rules.yaml": noRules})
	a.Start()
	a.Up("service")
	b.StartAs("standby")
	b.Up("service")
	// The standby forwards writes to the active guardian.
	id := b.Deploy("v2", nil)
	before := journalled(t, a, id)
	a.Kill()
	killed := time.Now()
	eventually(t, "the other one acts", func() bool { return b.Role() == "active" })
	t.Logf("took over after %s", time.Since(killed).Round(time.Millisecond))
	eventually(t, "the takeover is told", func() bool { return w.heard("has taken over from") == 1 })
	w.set(func(w *world) { w.bad = true })
	v := b.Verdict(id)
	if v.State != "failed" {
		t.Fatalf("the verdict is %s: %s", v.State, v.Reason)
	}
	if n := samplesOf(v) - v.Evidence[0].After.Failures; n < before {
		t.Errorf("%d good looks were judged, %d of them had been in the journal before the takeover: evidence was lost", n, before)
	}
	b.RunState(v.Rollback.ID, "cured")
	wantPutBackOnce(t, w)
	if n := w.heard("Deploy failed: order-sync v2"); n > 1 {
		t.Errorf("the verdict was told %d times", n)
	}
}

func TestTwoGuardiansAPausedOneActsNoMore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	dsn := pg.Start(t)
	o := configOptions{postgres: dsn, mode: "approve"}
	a := newGuardian(t, w.config(o), map[string]string{"rules.yaml": noRules})
	b := newGuardian(t, w.config(o), map[string]string{"rules.yaml": noRules})
	a.Start()
	a.Up("service")
	b.StartAs("standby")
	v := w.failedDeploy(a, "v2")
	// The delivery must be in the journal: a pause between Slack's answer and that record would
	// repeat the message, as a lost answer does.
	eventually(t, "the verdict told", func() bool { return w.heard("Deploy failed: order-sync v2") == 1 })
	allDelivered(t, a)
	j := holdIntents(t, dsn)
	a.Call(http.MethodPost, "/api/v1/rollbacks/"+v.Rollback.ID+"/approve", map[string]any{}, nil)
	j.waitHeld()
	a.Signal(syscall.SIGSTOP) // between verdict and first step
	paused := time.Now()
	// The blocked transaction of the paused guardian must not keep the other from taking over.
	j.cutWaiting()
	j.release()
	eventually(t, "the other one acts", func() bool { return b.Role() == "active" })
	t.Logf("took over after %s", time.Since(paused).Round(time.Millisecond))
	b.RunState(v.Rollback.ID, "cured")
	a.Signal(syscall.SIGCONT)
	eventually(t, "the first one stands by", func() bool { return a.Role() == "standby" })
	time.Sleep(2 * time.Second) // it must not act meanwhile
	allDelivered(t, b)
	wantPutBackOnce(t, w)
	if n := get(w, func(w *world) int { return len(w.acts) }); n != 1 {
		t.Errorf("the deploy tool was called %d times, want once", n)
	}
	for _, text := range []string{"Deploy failed: order-sync v2", "Cured: rollback of order-sync"} {
		if n := w.heard(text); n != 1 {
			t.Errorf("%q was told %d times, want once", text, n)
		}
	}
}

// cutWaiting ends the sessions that are blocked, as a lost connection does.
func (h *held) cutWaiting() {
	h.t.Helper()
	h.exec(`SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 AND NOT granted`)
}
