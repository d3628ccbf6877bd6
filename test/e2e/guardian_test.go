package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// binary is the program under test, built once.
var binary string

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "guardian-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "guardian")
	args := []string{"build", "-o", binary}
	if raceEnabled {
		args = append(args, "-race")
	}
	build := exec.Command("go", append(args, "guardian/cmd/guardian")...)
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the binary: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// guardian is one process of the binary.
type guardian struct {
	t    *testing.T
	url  string
	dir  string
	file string
	cmd  *exec.Cmd
	log  *logBuffer
	done chan struct{}
}

// logBuffer keeps what the process logs.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// freePort gives a port that nobody listens on now.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// newGuardian writes a configuration; LISTEN in it is replaced by a free address. It starts
// nothing.
func newGuardian(t *testing.T, config string, files map[string]string) *guardian {
	t.Helper()
	dir := t.TempDir()
	listen := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	g := &guardian{t: t, url: "http://" + listen, dir: dir, file: filepath.Join(dir, "guardian.yaml"), log: &logBuffer{}}
	g.write("guardian.yaml", strings.ReplaceAll(config, "LISTEN", listen))
	for name, content := range files {
		g.write(name, content)
	}
	t.Cleanup(func() {
		g.kill()
		if t.Failed() {
			t.Logf("log of %s:\n%s", g.url, g.log)
		}
		if strings.Contains(g.log.String(), "DATA RACE") {
			t.Errorf("the race detector found something:\n%s", g.log)
		}
	})
	return g
}

func (g *guardian) write(name, content string) {
	g.t.Helper()
	path := filepath.Join(g.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		g.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		g.t.Fatal(err)
	}
}

// start runs the process and waits until it acts.
func (g *guardian) start() { g.startAs("active") }

func (g *guardian) startAs(role string) {
	g.t.Helper()
	g.launch()
	g.eventually(role, 20*time.Second, func() bool { return roleOf(g) == role })
}

func (g *guardian) launch() {
	g.t.Helper()
	g.cmd = exec.Command(binary, "serve", "--config", g.file, "--log-level", "debug")
	g.cmd.Stdout, g.cmd.Stderr = g.log, g.log
	g.cmd.Env = append(os.Environ(), "GORACE=halt_on_error=0")
	if err := g.cmd.Start(); err != nil {
		g.t.Fatal(err)
	}
	done := make(chan struct{})
	g.done = done
	cmd := g.cmd
	go func() { _ = cmd.Wait(); close(done) }()
}

// kill ends the process at once, as a power cut does.
func (g *guardian) kill() {
	if g.cmd == nil {
		return
	}
	_ = g.cmd.Process.Signal(syscall.SIGKILL)
	<-g.done
	g.cmd = nil
}

// stop ends the process in order and gives its exit code.
func (g *guardian) stop() int {
	g.t.Helper()
	_ = g.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-g.done:
	case <-time.After(30 * time.Second):
		g.t.Fatal("the guardian did not stop within 30 s")
	}
	code := g.cmd.ProcessState.ExitCode()
	g.cmd = nil
	return code
}

func (g *guardian) signal(s syscall.Signal) {
	g.t.Helper()
	if err := g.cmd.Process.Signal(s); err != nil {
		g.t.Fatal(err)
	}
}

// answerError is an answer that is no success.
type answerError struct {
	status int
	body   string
}

func (e *answerError) Error() string { return fmt.Sprintf("%d: %s", e.status, e.body) }

// try makes one call.
func (g *guardian) try(method, path string, body, into any) error {
	var r io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		r = bytes.NewReader(b)
	}
	req, err := http.NewRequest(method, g.url+path, r)
	if err != nil {
		return err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := (&http.Client{Timeout: 10 * time.Second}).Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return &answerError{resp.StatusCode, string(b)}
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(b, into)
}

func (g *guardian) call(method, path string, body, into any) {
	g.t.Helper()
	if err := g.try(method, path, body, into); err != nil {
		g.t.Fatalf("%s %s: %v", method, path, err)
	}
}

// watchView and runView are what the tests read of the API.
type watchView struct {
	ID       string
	State    string
	Reason   string
	Ended    time.Time
	Evidence []struct {
		Check   string
		Samples int
		After   struct{ Looks, Failures, Unknown int }
		EValue  float64 `json:"e_value"`
	}
	Rollback *runView
}

type runView struct {
	ID       string
	State    string
	Reason   string
	To, From string
	Started  time.Time
	Question *struct{ Code, Text string }
	Steps    []struct{ Name, State, Intent, Resolved, Error string }
	Ledger   []struct{ What, Detail, Intent string }
}

// deploy announces a deploy and gives its watch's ID.
func (g *guardian) deploy(version string, more map[string]any) string {
	g.t.Helper()
	body := map[string]any{"service": "order-sync", "version": version}
	maps.Copy(body, more)
	var a struct{ Watch watchView }
	g.call(http.MethodPost, "/api/v1/deploys", body, &a)
	return a.Watch.ID
}

func (g *guardian) watch(id string) watchView {
	g.t.Helper()
	var w watchView
	g.call(http.MethodGet, "/api/v1/watches/"+id, nil, &w)
	return w
}

// verdict waits for a watch's end.
func (g *guardian) verdict(id string, within time.Duration) watchView {
	g.t.Helper()
	var w watchView
	g.eventually("verdict of "+id, within, func() bool {
		return g.try(http.MethodGet, "/api/v1/watches/"+id+"?wait=1s", nil, &w) == nil && w.State != "watching"
	})
	return w
}

// runs lists the runs, newest first.
func (g *guardian) runs() []runView {
	g.t.Helper()
	var l struct{ Rollbacks []runView }
	g.call(http.MethodGet, "/api/v1/rollbacks?limit=100", nil, &l)
	return l.Rollbacks
}

// runState waits until a run is in a state.
func (g *guardian) runState(id, state string, within time.Duration) runView {
	g.t.Helper()
	var r runView
	g.eventually("run "+id+" "+state, within, func() bool {
		return g.try(http.MethodGet, "/api/v1/rollbacks/"+id, nil, &r) == nil && r.State == state
	})
	return r
}

// up waits until a check has been Up.
func (g *guardian) up(check string) {
	g.t.Helper()
	g.eventually("check "+check+" up", 15*time.Second, func() bool { return g.query(`probe_success{check="`+check+`"} == 1`) == 1 })
}

// query gives the number of elements of an instant query's answer.
func (g *guardian) query(expr string) int {
	g.t.Helper()
	var a struct {
		Data struct{ Result []json.RawMessage }
	}
	if err := g.try(http.MethodGet, "/api/v1/query?query="+urlEscape(expr), nil, &a); err != nil {
		return -1
	}
	return len(a.Data.Result)
}

// eventually waits until something holds.
func (g *guardian) eventually(what string, within time.Duration, holds func() bool) {
	g.t.Helper()
	eventually(g.t, what, within, holds)
}

func eventually(t *testing.T, what string, within time.Duration, holds func() bool) {
	t.Helper()
	if raceEnabled {
		within *= 2
	}
	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("not within %s: %s", within, what)
}
