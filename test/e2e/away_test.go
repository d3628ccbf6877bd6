package e2e_test

import (
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"guardian/test/pg"
)

// TestPostgreSQLGoesAwayInTheMiddleOfAWatch cuts a guardian off from its journal for longer than
// a lease lasts, while the deploy that it watches turns bad.
func TestPostgreSQLGoesAwayInTheMiddleOfAWatch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l, dsn := newLine(t, pg.Start(t))
	g := newGuardian(t, w.config(configOptions{postgres: dsn}), map[string]string{"rules.yaml": noRules})
	g.Start()
	g.Up("service")
	id := g.Deploy("v2", nil)
	eventually(t, "looks", func() bool { return samplesOf(g.Watch(id)) >= 3 })
	l.cut()
	w.set(func(w *world) { w.bad = true })
	eventually(t, "the hook says that the journal is away", func() bool {
		err := g.Try(http.MethodPost, "/api/v1/deploys", map[string]any{"service": "order-sync", "version": "v3"}, nil)
		return err != nil && strings.Contains(err.Error(), "503") && strings.Contains(err.Error(), "does not answer")
	})
	eventually(t, "the lease is lost", func() bool { return strings.Contains(g.Log.String(), "no longer holding the lease") })
	if n := get(w, func(w *world) int { return len(w.acts) }); n != 0 {
		t.Errorf("the deploy tool was called %d times without a journal", n)
	}
	l.mend()
	v := g.Verdict(id)
	if v.State != "failed" || v.Rollback == nil {
		t.Fatalf("the verdict is %s: %s", v.State, v.Reason)
	}
	g.RunState(v.Rollback.ID, "cured")
	wantPutBackOnce(t, w)
	eventually(t, "the verdict and the cure are told", func() bool {
		return w.heard("Deploy failed: order-sync v2") == 1 && w.heard("Cured: rollback of order-sync") == 1
	})
}

// line is a connection to a database that can be cut.
type line struct {
	mu    sync.Mutex
	down  bool
	conns []net.Conn
}

// newLine gives a connection string that leads over the line.
func newLine(t *testing.T, dsn string) (*line, string) {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	to := u.Host
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &line{}
	t.Cleanup(func() { _ = listener.Close(); l.cut() })
	u.Host = listener.Addr().String()
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go l.carry(c, to)
		}
	}()
	return l, u.String()
}

func (l *line) carry(from net.Conn, address string) {
	to, err := net.Dial("tcp", address)
	if err != nil {
		_ = from.Close()
		return
	}
	l.mu.Lock()
	l.conns = append(l.conns, from, to)
	down := l.down
	l.mu.Unlock()
	if down {
		_ = from.Close()
		_ = to.Close()
		return
	}
	go func() { _, _ = io.Copy(to, from); _ = to.Close() }()
	_, _ = io.Copy(from, to)
	_ = from.Close()
}

func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = true
	for _, c := range l.conns {
		_ = c.Close()
	}
	l.conns = nil
}

func (l *line) mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = false
}
