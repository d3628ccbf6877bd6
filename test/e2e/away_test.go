package e2e_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"guardian/test/pg"
	"guardian/test/proxy"
)

// TestPostgreSQLGoesAwayInTheMiddleOfAWatch cuts a guardian off from its journal for longer than
// a lease lasts, while the deploy that it watches turns bad.
func TestPostgreSQLGoesAwayInTheMiddleOfAWatch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	path, dsn := newDatabaseProxy(t, pg.Start(t))
	g := newGuardian(t, w.config(configOptions{postgres: dsn}), map[string]string{"rules.yaml": noRules})
	g.Start()
	g.Up("service")
	id := g.Deploy("v2", nil)
	eventually(t, "looks", func() bool { return samplesOf(g.Watch(id)) >= 3 })
	path.Cut()
	w.set(func(w *world) { w.bad = true })
	eventually(t, "the API says that the journal does not answer", func() bool {
		err := g.Try(http.MethodPost, "/api/v1/deploys", map[string]any{"service": "order-sync", "version": "v3"}, nil)
		return err != nil && strings.Contains(err.Error(), "503") && strings.Contains(err.Error(), "does not answer")
	})
	eventually(t, "the lease is lost", func() bool { return strings.Contains(g.Log.String(), "no longer has the lease") })
	if n := get(w, func(w *world) int { return len(w.acts) }); n != 0 {
		t.Errorf("the deploy tool was called %d times without a journal", n)
	}
	path.Mend()
	v := g.Verdict(id)
	if v.State != "failed" || v.Rollback == nil {
		t.Fatalf("the verdict is %s: %s", v.State, v.Reason)
	}
	g.RunState(v.Rollback.ID, "cured")
	wantPutBackOnce(t, w)
	eventually(t, "the verdict and the cure in Slack", func() bool {
		return w.heard("Deploy failed: order-sync v2") == 1 && w.heard("Cured: rollback of order-sync") == 1
	})
}

// newDatabaseProxy starts a proxy to a database and returns it with a connection string through it.
func newDatabaseProxy(t *testing.T, dsn string) (*proxy.Proxy, string) {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	p := proxy.New(t, u.Host)
	u.Host = p.Addr
	return p, u.String()
}
