package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"guardian/internal/cli"
	"guardian/internal/store"
	"guardian/watch"
)

const targetsConfig = `
storage: {path: data}
default_rules: never
services: [{name: orders, rollback: back, undo: undo}]
checks: [{name: push, service: orders, every: 15s, http: {url: "http://127.0.0.1:1/"}}]
runbooks:
  - name: back
    steps:
      - {name: there, exec: {command: [/bin/true, "{{.To}}"]}}
      - {name: plain, webhook: {url: "%[1]s/hook/hunter2-path?to={{.To}}", headers: {Authorization: "Bearer hunter2-header"}}}
      - {name: secured, webhook: {url: "%[2]s/hook"}}
      - {name: closed, webhook: {url: "http://%[3]s/hook"}}
      - {name: nowhere, webhook: {url: "https://nowhere.invalid/hook"}}
      - {name: missing, exec: {command: [/nowhere/at/all]}}
      - {name: engine, docker: {host: "unix:///nowhere/docker.sock", container: shop, image: "shop:{{.To}}"}}
  - name: undo
    steps: [{name: prices, exec: {command: [/bin/true, "{{.From}}"]}}]
`

func TestCheckAsksTheTargets(t *testing.T) {
	var requests atomic.Int64
	count := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests.Add(1) })
	plain, secured := httptest.NewServer(count), httptest.NewUnstartedServer(count)
	secured.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	secured.StartTLS() // nobody knows who signed it
	t.Cleanup(plain.Close)
	t.Cleanup(secured.Close)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	dir := t.TempDir()
	file := filepath.Join(dir, "guardian.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, targetsConfig, plain.URL, secured.URL, closed.Addr()), 0o600); err != nil {
		t.Fatal(err)
	}
	check := func(args ...string) (code int, out string) {
		t.Helper()
		var o, e bytes.Buffer
		code = cli.Main(append([]string{"check", "--targets"}, append(args, file)...), strings.NewReader(""), &o, &e)
		if strings.Contains(o.String()+e.String(), "hunter2") {
			t.Errorf("it prints a secret:\n%s%s", o.String(), e.String())
		}
		return code, o.String()
	}
	t.Run("before the first deploy", func(t *testing.T) {
		code, out := check()
		for _, want := range []string{
			"unasked  there (exec): no version of orders is known to go back to; name one with --to VERSION", "unasked  engine",
			"ok       prices (exec)", "wrong    missing (exec)", "8 targets: 1 ok, 4 wrong, 3 not asked; nothing was changed",
		} {
			if !strings.Contains(out, want) {
				t.Errorf("does not say %q", want)
			}
		}
		if code != 1 || t.Failed() {
			t.Errorf("exit code %d:\n%s", code, out)
		}
	})
	if err := os.MkdirAll(filepath.Join(dir, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	keepDeploys(t, filepath.Join(dir, "data"))
	t.Run("with the version of a rollback", func(t *testing.T) {
		code, out := check()
		for _, want := range []string{
			"runbook back (orders, v2 → v1)", "ok       there (exec)", "ok       plain (webhook): POST 127.0.0.1:", "wrong    secured (webhook): 127.0.0.1:", "no TLS comes about",
			"wrong    closed (webhook): " + closed.Addr().String() + " takes no connection from here", "wrong    nowhere (webhook): nowhere.invalid has no address",
			"wrong    missing (exec)", "wrong    engine (docker)", "/nowhere/docker.sock", "8 targets: 3 ok, 5 wrong, 0 not asked; nothing was changed",
		} {
			if !strings.Contains(out, want) {
				t.Errorf("does not say %q", want)
			}
		}
		if code != 1 || t.Failed() {
			t.Errorf("exit code %d:\n%s", code, out)
		}
	})
	t.Run("with a version that is named, as JSON", func(t *testing.T) {
		code, out := check("--to", "v7", "--output", "json")
		var answer struct {
			Targets []struct{ Runbook, Service, To, Step, Kind, State, Plan, Why string }
		}
		if err := json.Unmarshal([]byte(out), &answer); err != nil || code != 1 || len(answer.Targets) != 8 {
			t.Fatalf("exit code %d, %v:\n%s", code, err, out)
		}
		first, closed := answer.Targets[0], answer.Targets[3]
		if first.Runbook != "back" || first.Service != "orders" || first.To != "v7" || first.State != "ok" || first.Plan == "" || first.Why != "" {
			t.Errorf("%+v", first)
		}
		if closed.Step != "closed" || closed.State != "wrong" || !strings.Contains(closed.Why, "takes no connection") {
			t.Errorf("%+v", closed)
		}
	})
	if n := requests.Load(); n > 0 {
		t.Errorf("the hosts of webhooks got %d requests", n)
	}
}

// Where all is well the exit code is that of a configuration without mistakes.
func TestCheckOfTargetsThatAreWell(t *testing.T) {
	file := filepath.Join(t.TempDir(), "guardian.yaml")
	if err := os.WriteFile(file, []byte(`
services: [{name: orders, rollback: back, known_good: [v1]}]
checks: [{name: push, service: orders, every: 15s, http: {url: "http://127.0.0.1:1/"}}]
runbooks: [{name: back, steps: [{exec: {command: [/bin/true, "{{.To}}"]}}]}]
`), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	code := cli.Main([]string{"check", "--targets", file}, strings.NewReader(""), &out, &errs)
	if code != 0 || !strings.Contains(out.String(), "1 target: 1 ok, 0 wrong, 0 not asked") {
		t.Errorf("exit code %d:\n%s%s", code, out.String(), errs.String())
	}
}

// keepDeploys makes a journal in which v2 runs and v1 is known to be good.
func keepDeploys(t *testing.T, dir string) {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{Path: filepath.Join(dir, "journal.db")})
	if err != nil {
		t.Fatal(err)
	}
	lease, _, err := s.Acquire(t.Context(), "test", "", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	b := store.Batch{KnownGoods: []store.KnownGood{{Service: "orders", Environment: "production", Version: "v1", At: time.Now().Add(-time.Hour)}}}
	for i, version := range []string{"v1", "v2"} {
		at := time.Now().Add(time.Duration(i-2) * time.Hour)
		b.Deploys = append(b.Deploys, watch.Deploy{ID: "d_" + version, Service: "orders", Environment: "production", Version: version, Reversible: true, At: at, Announced: at})
	}
	if err := s.Commit(t.Context(), lease.Token, b); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
