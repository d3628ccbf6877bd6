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
	for _, name := range []string{"phase", "deployed", "exit_status", "first_tried"} {
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
	h.mu.Lock() // the call that a signal cut off may still be answered
	defer h.mu.Unlock()
	return code, out.String() + errs.String(), slices.Clone(h.calls)
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

// TestACommandThatCannotBeRunDeployedNothing: what is not there is not announced, and of what cannot
// be started the announcement is taken back.
func TestACommandThatCannotBeRunDeployedNothing(t *testing.T) {
	dir := t.TempDir()
	for name, mode := range map[string]os.FileMode{"no-interpreter": 0o755, "not-executable": 0o644} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/no/such/interpreter\n"), mode); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		program string
		code    int
		heard   []string
	}{
		"a path that is not there":        {"/no/such/program", 127, nil},
		"a name that is not there":        {"no-such-program", 127, nil},
		"a file that is no program":       {filepath.Join(dir, "not-executable"), 126, nil},
		"a script without an interpreter": {filepath.Join(dir, "no-interpreter"), 127, []string{"deploys phasestart", "deploys/d_1/end deployedfalse exit_status127"}},
	} {
		t.Run(name, func(t *testing.T) {
			code, said, heard := deploy(t, &hook{}, "--", c.program)
			if code != c.code || !slices.Equal(heard, c.heard) || !strings.Contains(said, "nothing was deployed") {
				t.Errorf("exit code %d, heard %q: %s", code, heard, said)
			}
		})
	}
	if code, said, heard := deploy(t, &hook{}); code != 2 || len(heard) > 0 {
		t.Errorf("without a command: exit code %d, heard %q: %s", code, heard, said)
	}
}

// TestASignalBeforeTheCommandBeganKeepsItFromBeginning: who cancels a pipeline does not want it to
// deploy, also where no guardian answers.
func TestASignalBeforeTheCommandBeganKeepsItFromBeginning(t *testing.T) {
	for name, c := range map[string]struct {
		sig   syscall.Signal
		flags []string
		code  int
		taken bool
	}{
		"no guardian answers":                          {sig: syscall.SIGTERM, code: 143},
		"no guardian answers, from a terminal":         {sig: syscall.SIGINT, code: 130},
		"no guardian answers whether the gate is open": {sig: syscall.SIGINT, flags: []string{"--gate"}, code: 130},
		"the announcement is taken at that moment":     {sig: syscall.SIGTERM, code: 143, taken: true},
	} {
		t.Run(name, func(t *testing.T) {
			mark := filepath.Join(t.TempDir(), "ran")
			h := &hook{gate: `{"open":true}`}
			h.refuse = func(_ string, n int) int {
				if n == 1 {
					_ = syscall.Kill(os.Getpid(), c.sig)
					time.Sleep(50 * time.Millisecond)
				}
				if c.taken {
					return 0
				}
				return http.StatusServiceUnavailable
			}
			code, said, heard := deploy(t, h, append(c.flags, "--", "touch", mark)...)
			if code != c.code || !strings.Contains(said, "nothing was deployed") || strings.Contains(said, "deploying all the same") {
				t.Errorf("exit code %d, want %d, heard %q: %s", code, c.code, heard, said)
			}
			if _, err := os.Stat(mark); err == nil {
				t.Error("the command ran")
			}
		})
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

// TestHowARollbackEndedComesAfterItsVerdict, also where both streams go to one file.
func TestHowARollbackEndedComesAfterItsVerdict(t *testing.T) {
	const failed = `{"id":"w_1","state":"failed","reason":"orders fail","rollback":{"id":"r_1","to":"v1","state":"running"},"plan":{}}`
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPost:
			_, _ = io.WriteString(w, `{"deploy":{"id":"d_1"},"watch":`+failed+`,"gate":{"open":true}}`)
		case strings.HasPrefix(r.URL.Path, "/api/v1/watches/"):
			_, _ = io.WriteString(w, failed)
		default:
			time.Sleep(20 * time.Millisecond)
			_, _ = io.WriteString(w, `{"id":"r_1","state":"running"}`)
		}
	}))
	defer s.Close()
	var file bytes.Buffer
	code := cli.Main([]string{"watch", "--server", s.URL, "--service", "orders", "--version", "v2", "--wait=cured", "--wait-timeout", "200ms"}, strings.NewReader(""), &file, &file)
	verdict, end := strings.Index(file.String(), "failed: orders fail"), strings.Index(file.String(), "how rollback r_1 ended is not known")
	if code != 1 || verdict < 0 || end < verdict {
		t.Errorf("exit code %d:\n%s", code, file.String())
	}
}
