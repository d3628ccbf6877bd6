//go:build !race

package killed_test

import (
	"database/sql"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	_ "modernc.org/sqlite" // registers the driver "sqlite"

	"guardian/test/program"
	"guardian/test/rig"
)

// world is what the steps of the runbook change.
type world struct {
	t      *testing.T
	dir    string
	server *httptest.Server // the service and its deploy tool
	forge  *httptest.Server // repositories over https
	bare   string           // the repository

	mu    sync.Mutex
	posts map[string]int // requests to the deploy tool, by idempotency key
}

// The names of the steps, in order.
func stepNames() []string {
	return []string{"close the gate", "pause the jobs", "switch", "announce", "migrate", "put the prices back"}
}

const config = `
server: {listen: LISTEN}
storage: {path: data}
services:
  - {name: order-sync, watch: {for: 10m, mode: observe, max_blind: 0s}, rollback: back, known_good: [v1]}
checks: [{name: service, service: order-sync, every: 1s, http: {url: "WORLD/service"}}]
flags: [{name: pause-jobs, description: No job writes., owner: orders, default: off, max_for: 1d}]
runbooks:
  - name: back
    steps:
      - {name: close the gate, freeze: {for: 2h}}
      - {name: pause the jobs, flag: {name: pause-jobs, set: on, for: 2h}}
      - name: switch
        exec:
          command: [/bin/sh, -c, 'echo "$0" >> DIR/switched', "{{.Intent}}"]
          status_command: [/bin/sh, -c, 'grep -qs "$0" DIR/switched || exit 1', "{{.Intent}}"]
      - {name: announce, webhook: {url: "WORLD/acts"}}
      - name: migrate
        sql: {driver: sqlite, dsn: DIR/shop.db, statements: [{sql: "INSERT INTO moves (version) VALUES (?)", args: ["{{.To}}"], rows: 1}]}
      - name: put the prices back
        git: {url: "FORGE/prices.git", path: prices.txt, revision: "{{.To}}", settle: 100ms, token: a-token-of-the-forge, ca_file: DIR/ca.pem}
    verify: {for: 1m, every: 50ms, successes: 1, checks: [service]}
`

func newWorld(t *testing.T, repository string) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), posts: map[string]int{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /service", func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, "ok\n") })
	mux.HandleFunc("POST /acts", func(_ http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.posts[r.Header.Get("Idempotency-Key")]++
	})
	w.server = httptest.NewServer(mux)
	w.bare = filepath.Join(w.dir, "prices.git")
	w.run("cp", "-a", repository, w.bare)
	w.forge = httptest.NewTLSServer(&cgi.Handler{
		Path: filepath.Join(w.run("git", "--exec-path"), "git-http-backend"), Root: "/", Stderr: io.Discard,
		Env: []string{"GIT_PROJECT_ROOT=" + w.dir, "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER=guardian", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*"},
	})
	t.Cleanup(func() {
		for _, s := range []*httptest.Server{w.server, w.forge} {
			s.CloseClientConnections()
			s.Close()
		}
	})
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.forge.Certificate().Raw})
	if err := os.WriteFile(filepath.Join(w.dir, "ca.pem"), ca, 0o600); err != nil {
		t.Fatal(err)
	}
	w.query("CREATE TABLE moves (version TEXT)")
	return w
}

// newRepository makes the repository in which v1 is good and v2, the last commit, bad.
func newRepository(t *testing.T) (bare string) {
	t.Helper()
	dir := t.TempDir()
	script := `set -e
cd "$0"
git init -q --bare -b main prices.git
git clone -q prices.git clone 2>/dev/null
cd clone
git config user.name Li
git config user.email li@example.com
for v in v1 v2; do echo "price of $v" > prices.txt; git add prices.txt; git commit -q -m "$v"; git tag "$v"; done
git push -q origin HEAD:main --tags`
	if out, err := exec.Command("/bin/sh", "-c", script, dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return filepath.Join(dir, "prices.git")
}

func (w *world) run(name string, args ...string) string {
	w.t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		w.t.Fatalf("%s %v: %v: %s", name, args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// query runs statements on the service's database, and gives the number that a SELECT answers.
func (w *world) query(q string) (n int) {
	w.t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(w.dir, "shop.db"))
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if !strings.HasPrefix(q, "SELECT") {
		if _, err := db.Exec(q); err != nil {
			w.t.Fatal(err)
		}
		return 0
	}
	if err := db.QueryRow(q).Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// guardian makes one of this world.
func (w *world) guardian(binary program.Program) *rig.Guardian {
	w.t.Helper()
	return rig.New(w.t, binary, strings.NewReplacer("WORLD", w.server.URL, "FORGE", w.forge.URL, "DIR", w.dir).Replace(config), nil)
}

// announced is how often the deploy tool was called, and by how many different keys.
func (w *world) announced() (calls, keys int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, n := range w.posts {
		calls += n
	}
	return calls, len(w.posts)
}

// effects counts, by step, how often it took effect.
func (w *world) effects(g *rig.Guardian) map[string]int {
	w.t.Helper()
	var journal struct {
		Entries []struct{ What, Subject string }
	}
	g.Call(http.MethodGet, "/api/v1/journal?limit=500", nil, &journal)
	found := map[string]int{}
	for _, e := range journal.Entries {
		switch {
		case e.What == "freeze":
			found["close the gate"]++
		case e.What == "flag" && e.Subject == "pause-jobs":
			found["pause the jobs"]++
		}
	}
	switched, err := os.ReadFile(filepath.Join(w.dir, "switched"))
	if err != nil && !os.IsNotExist(err) {
		w.t.Fatal(err)
	}
	found["switch"] = strings.Count(string(switched), "\n")
	found["announce"], _ = w.announced()
	found["migrate"] = w.query("SELECT count(*) FROM moves")
	found["put the prices back"] = strings.Count(w.run("git", "-c", "safe.directory=*", "-C", w.bare, "log", "--format=%B", "main"), "Guardian-Intent:")
	if got := w.run("git", "-c", "safe.directory=*", "-C", w.bare, "show", "main:prices.txt"); got != "price of v1" {
		w.t.Errorf("the prices are %q", got)
	}
	return found
}

// once is what effects gives when every step took effect exactly once.
func once() map[string]int {
	all := map[string]int{}
	for _, name := range stepNames() {
		all[name] = 1
	}
	return all
}

// begin announces v2 and wants v1 back. The guardian may end before it answers.
func begin(g *rig.Guardian) {
	g.Up("service")
	g.Deploy("v2", nil)
	_ = g.Try(http.MethodPost, "/api/v1/rollbacks", map[string]any{"service": "order-sync", "to": "v1", "reason": "it looks wrong"}, nil)
}

// points are those of a run that nobody disturbs, as the process names them.
func points(log string) (all []string) {
	for line := range strings.Lines(log) {
		if _, rest, found := strings.Cut(line, `msg="a point of a run" what=`); found {
			var what string
			var n int
			if _, err := fmt.Sscanf(strings.TrimSpace(rest), "%s n=%d", &what, &n); err == nil {
				all = append(all, fmt.Sprintf("%s %d", what, n))
			}
		}
	}
	return all
}
