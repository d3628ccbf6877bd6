package cli_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// orderTarget takes orders, shows them and deletes them; it counts what came.
type orderTarget struct {
	mu      sync.Mutex
	orders  map[string]bool
	pushes  int
	keeps   bool // what it has: DELETE fails
	answers int  // to a push
}

func (o *orderTarget) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	id := strings.TrimPrefix(r.URL.Path, "/orders/")
	switch {
	case r.Method == http.MethodPost:
		var in struct{ ID string }
		_ = json.NewDecoder(r.Body).Decode(&in)
		o.pushes++
		if o.answers >= 300 {
			w.WriteHeader(o.answers)
			return
		}
		o.orders[in.ID] = true
	case !o.orders[id]:
		w.WriteHeader(http.StatusNotFound)
	case r.Method == http.MethodDelete && o.keeps:
		w.WriteHeader(http.StatusInternalServerError)
	case r.Method == http.MethodDelete:
		delete(o.orders, id)
	}
}

// A person may push one order on purpose, which is gone before the command ends, or is named.
func TestProbePushesOnPurpose(t *testing.T) {
	for name, tc := range map[string]struct {
		args    []string
		keeps   bool // the target's cleanup fails
		answers int  // the target's answer to a push
		code    int
		says    string
		pushes  int
		orders  int
		silence bool // nothing of what is left
	}{
		"without --push nothing is pushed": {code: 3, says: "guardian probe --push pushes one on purpose", silence: true},
		"one order":                        {args: []string{"--push"}, code: 0, says: "up after", pushes: 1, silence: true},
		"one order, as JSON":               {args: []string{"--push", "-o", "json"}, code: 0, says: `"health":"up"`, pushes: 1, silence: true},
		"one that is refused":              {args: []string{"--push"}, answers: 422, code: 1, says: "status 422", pushes: 1, silence: true},
		"one that cannot be cleaned up":    {args: []string{"--push"}, keeps: true, code: 1, says: "remove it by hand", pushes: 1, orders: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target := &orderTarget{orders: map[string]bool{}, keeps: tc.keeps, answers: tc.answers}
			server := httptest.NewServer(target)
			defer server.Close()
			file := filepath.Join(t.TempDir(), "guardian.yaml")
			config := fmt.Sprintf(`
services: [{name: erp}]
checks:
  - name: push
    service: erp
    every: 1m
    timeout: 30s
    order_push:
      push: {url: "%[1]s/orders", body: '{"id": "{{.ID}}"}'}
      lookup: {http: {url: "%[1]s/orders/{{.ID}}"}}
      cleanup: {tries: 1, http: {method: DELETE, url: "%[1]s/orders/{{.ID}}"}}
  - {name: page, service: erp, http: {url: "%[1]s"}}
`, server.URL)
			if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
				t.Fatal(err)
			}
			code, out, errs := runCLI(t, "", append([]string{"probe", "push", "-c", file}, tc.args...)...)
			if code != tc.code || !strings.Contains(out, tc.says) || strings.Contains(out, "by hand") == tc.silence && tc.silence {
				t.Errorf("exit %d, want %d and %q:\n%s%s", code, tc.code, tc.says, out, errs)
			}
			if target.pushes != tc.pushes || len(target.orders) != tc.orders {
				t.Errorf("%d pushes and %d orders are left, want %d and %d", target.pushes, len(target.orders), tc.pushes, tc.orders)
			}
			if code, _, errs := runCLI(t, "", "probe", "page", "--push", "-c", file); code != 2 || !strings.Contains(errs, "order_push") {
				t.Errorf("--push of another kind: exit %d, %s", code, errs)
			}
		})
	}
}
