package cli_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"guardian/internal/cli"
)

// hook is a guardian that writes down what it is told.
type hook struct {
	mu     sync.Mutex
	calls  []string
	refuse func(path string, n int) int // the status of the nth call; 0: take it
	gate   string
}

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, _ := io.ReadAll(r.Body)
	var body map[string]any
	_ = json.Unmarshal(raw, &body)
	h.mu.Lock()
	defer h.mu.Unlock()
	line := r.URL.Path
	for _, name := range []string{"phase", "exit_status", "first_tried"} {
		if v, ok := body[name]; ok {
			text, _ := json.Marshal(v)
			if name == "first_tried" {
				text = nil
			}
			line = strings.Join([]string{line, name + strings.Trim(string(text), `"`)}, " ")
		}
	}
	h.calls = append(h.calls, strings.TrimPrefix(line, "/api/v1/"))
	if h.refuse != nil {
		if status := h.refuse(r.URL.Path, len(h.calls)); status > 0 {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, `{"title":"no","detail":"it is refused"}`)
			return
		}
	}
	if strings.HasSuffix(r.URL.Path, "/gate") {
		_, _ = io.WriteString(w, h.gate)
		return
	}
	_, _ = io.WriteString(w, `{"deploy":{"id":"d_1"},"watch":{"id":"w_1","state":"watching"},"gate":{"open":true}}`)
}

// deploy runs guardian watch --exec and gives its exit code, what it said, and what the guardian heard.
func deploy(t *testing.T, h *hook, args ...string) (code int, said string, heard []string) {
	t.Helper()
	s := httptest.NewServer(h)
	defer s.Close()
	var out, errs bytes.Buffer
	code = cli.Main(append([]string{"watch", "--server", s.URL, "--service", "orders", "--version", "v2", "--exec"}, args...), strings.NewReader(""), &out, &errs)
	return code, out.String() + errs.String(), h.calls
}

func TestACommandIsRunBetweenTheStartAndTheEndOfADeploy(t *testing.T) {
	for name, c := range map[string]struct {
		hook  *hook
		flags []string
		sh    string
		code  int
		says  string
		heard []string
		ran   bool
	}{
		"it succeeds": {sh: "exit 0", says: "watching orders v2", heard: []string{"deploys phasestart", "deploys/d_1/end exit_status0"}, ran: true},
		"it fails with its own code": {
			sh: "exit 7", code: 7, says: "whether v2 was deployed is not known", heard: []string{"deploys phasestart", "deploys/d_1/end exit_status7"}, ran: true,
		},
		"a signal ends it": {sh: "kill -9 $$", code: 137, heard: []string{"deploys phasestart", "deploys/d_1/end exit_status137"}, ran: true},
		"a closed gate keeps it from running": {
			hook: &hook{gate: `{"open":false,"reasons":[{"code":"freeze","detail":"a freeze"}]}`}, flags: []string{"--gate"}, sh: "exit 0", code: 4, says: "closed: freeze", heard: []string{"gate"},
		},
		"so does a mistake": {
			hook: &hook{refuse: func(string, int) int { return http.StatusNotFound }}, sh: "exit 0", code: 2, says: "it is refused", heard: []string{"deploys phasestart"},
		},
		"an end that is refused at first is told again": {
			hook: &hook{refuse: func(_ string, n int) int { return map[int]int{2: http.StatusServiceUnavailable}[n] }}, sh: "exit 0",
			heard: []string{"deploys phasestart", "deploys/d_1/end exit_status0", "deploys/d_1/end exit_status0"}, ran: true,
		},
		"a start that is repeated says how long ago it was": {
			hook: &hook{refuse: func(_ string, n int) int { return map[int]int{1: http.StatusServiceUnavailable}[n] }}, sh: "exit 0",
			heard: []string{"deploys phasestart", "deploys phasestart first_tried", "deploys/d_1/end exit_status0"}, ran: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			mark := filepath.Join(t.TempDir(), "ran")
			code, said, heard := deploy(t, cmp.Or(c.hook, &hook{}), append(c.flags, "--", "sh", "-c", "touch "+mark+"; "+c.sh)...)
			if code != c.code || !strings.Contains(said, c.says) {
				t.Errorf("exit code %d, want %d: %s", code, c.code, said)
			}
			if !slices.Equal(heard, c.heard) {
				t.Errorf("the guardian heard %q, want %q", heard, c.heard)
			}
			if _, err := os.Stat(mark); (err == nil) != c.ran {
				t.Errorf("the command ran: %v", err == nil)
			}
		})
	}
}

func TestACommandThatCannotBeRunIsADeployOfWhichNothingIsKnown(t *testing.T) {
	code, _, heard := deploy(t, &hook{}, "--", "./no-such-command")
	if code != 127 || !slices.Equal(heard, []string{"deploys phasestart", "deploys/d_1/end exit_status127"}) {
		t.Errorf("exit code %d, heard %q", code, heard)
	}
	if code, said, heard := deploy(t, &hook{}); code != 2 || len(heard) > 0 {
		t.Errorf("without a command: exit code %d, heard %q: %s", code, heard, said)
	}
}

// TestSignalsArePassedOnToTheCommand, and its end is told all the same.
func TestSignalsArePassedOnToTheCommand(t *testing.T) {
	mark := filepath.Join(t.TempDir(), "ready")
	go func() {
		for range 500 {
			time.Sleep(10 * time.Millisecond)
			if _, err := os.Stat(mark); err == nil {
				_ = syscall.Kill(os.Getpid(), syscall.SIGTERM)
				return
			}
		}
	}()
	code, _, heard := deploy(t, &hook{}, "--", "sh", "-c", `trap 'exit 9' TERM; touch `+mark+`; while :; do sleep 0.05; done`)
	if code != 9 || !slices.Equal(heard, []string{"deploys phasestart", "deploys/d_1/end exit_status9"}) {
		t.Errorf("exit code %d, heard %q", code, heard)
	}
}
