package rig

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"guardian/test/port"
	"guardian/test/process"
	"guardian/test/program"
)

// Build builds the program under test into a folder, with the race detector if the tests are
// built with it.
func Build(dir string) (program.Program, error) {
	if RaceEnabled {
		return compile(dir, nil, "-trimpath", "-race")
	}
	return BuildPlain(dir)
}

// BuildPlain builds the program as it is delivered, without the race detector.
func BuildPlain(dir string) (program.Program, error) {
	return compile(dir, []string{"CGO_ENABLED=0"}, "-trimpath")
}

func compile(dir string, env []string, flags ...string) (program.Program, error) {
	return program.Build(filepath.Join(dir, "guardian"), "guardian/cmd/guardian", env, flags...)
}

// BuildWithClock builds the program with a main whose machine's clock SetClock sets.
func BuildWithClock(dir string) (program.Program, error) {
	return program.Build(filepath.Join(dir, "walltime"), "guardian/test/rig/walltime", []string{"CGO_ENABLED=0"}, "-trimpath")
}

// BuildMortal builds the program with a main that kills itself at a point of a run; see Guardian.DieAt.
func BuildMortal(dir string) (program.Program, error) {
	return program.Build(filepath.Join(dir, "mortal"), "guardian/test/rig/mortal", []string{"CGO_ENABLED=0"}, "-trimpath")
}

// Main builds the binary into a folder that lasts as long as the tests, sets where it is and
// runs them. TestMain exits with its result.
func Main(m *testing.M, binary *program.Program) int {
	dir, err := process.Folder("guardian-rig", os.RemoveAll)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if *binary, err = Build(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	// These tests wait most of their time. The command line's -parallel comes first.
	if err := flag.Set("test.parallel", strconv.Itoa(3*runtime.GOMAXPROCS(0))); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// Guardian is one process of the binary.
type Guardian struct {
	URL  string
	Dir  string // of its configuration and data
	File string // its configuration
	Log  *LogBuffer

	// Before is a command that runs the binary, whose arguments follow; empty: it runs itself.
	Before []string
	// Level is the level of its log; empty: debug.
	Level string
	// Token is sent with each call; empty: none.
	Token string

	t       testing.TB
	binary  string
	process *process.Process
	input   io.WriteCloser // of the process
}

// LogBuffer stores what the process logs.
type LogBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (l *LogBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String returns what was logged so far.
func (l *LogBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// New writes the configuration of a process of a binary, and files beside it; LISTEN in it is
// replaced by a free address. It starts nothing; the process ends with the test.
func New(tb testing.TB, binary program.Program, config string, files map[string]string) *Guardian {
	tb.Helper()
	if err := binary.Used(); err != nil {
		tb.Fatal(err)
	}
	dir := tb.TempDir()
	n, err := port.Free()
	if err != nil {
		tb.Fatal(err)
	}
	listen := fmt.Sprintf("127.0.0.1:%d", n)
	g := &Guardian{t: tb, binary: binary.Path, URL: "http://" + listen, Dir: dir, File: filepath.Join(dir, "guardian.yaml"), Log: &LogBuffer{}}
	g.Write("guardian.yaml", strings.ReplaceAll(config, "LISTEN", listen))
	for name, content := range files {
		g.Write(name, content)
	}
	tb.Cleanup(func() {
		g.Kill()
		if tb.Failed() {
			tb.Logf("log of %s:\n%s", g.URL, g.Log)
		}
		if strings.Contains(g.Log.String(), "DATA RACE") {
			tb.Errorf("the race detector found something:\n%s", g.Log)
		}
	})
	return g
}

// Write writes a file beside the configuration.
func (g *Guardian) Write(name, content string) {
	g.t.Helper()
	path := filepath.Join(g.Dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		g.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		g.t.Fatal(err)
	}
}

// Start runs the process and waits until it is active.
func (g *Guardian) Start() { g.StartAs("active") }

// StartAs runs the process and waits until it is active or standby.
func (g *Guardian) StartAs(role string) {
	g.t.Helper()
	g.Launch()
	g.Eventually(role, func() bool {
		select {
		case <-g.process.Done:
			g.t.Fatal("it ended before it was " + role)
		default:
		}
		return g.Role() == role
	})
}

// Launch runs the process and waits for nothing.
func (g *Guardian) Launch() {
	g.t.Helper()
	args := append(slices.Clone(g.Before), g.binary, "serve", "--config", g.File, "--log-level", cmp.Or(g.Level, "debug"))
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = g.Log, g.Log
	var err error
	if g.input, err = cmd.StdinPipe(); err != nil {
		g.t.Fatal(err)
	}
	if g.process, err = process.Start(cmd); err != nil {
		g.t.Fatal(err)
	}
}

// SetClock sets the machine's clock as the process sees it, off the true time: as an
// administrator or a wrong time server does to all processes. The monotonic clock runs on. The
// program is BuildWithClock's.
func (g *Guardian) SetClock(off time.Duration) {
	g.t.Helper()
	if _, err := fmt.Fprintln(g.input, off); err != nil {
		g.t.Fatal(err)
	}
}

// DieAt lets the process that is started next kill itself at a point, such as "record 3"; "": it lives. The
// program is BuildMortal's.
func (g *Guardian) DieAt(point string) {
	g.t.Helper()
	if point != "" {
		g.Write("die", point)
		return
	}
	if err := os.Remove(filepath.Join(g.Dir, "die")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		g.t.Fatal(err)
	}
}

// Died waits until the process has ended by itself.
func (g *Guardian) Died() {
	g.t.Helper()
	select {
	case <-g.process.Done:
		g.process = nil
	case <-time.After(Patience):
		g.t.Fatalf("the guardian did not end within %s", Patience)
	}
}

// Fails runs the binary until it ends by itself, and gives its output and exit code.
func (g *Guardian) Fails() (output string, code int) {
	g.t.Helper()
	out, err := exec.Command(g.binary, "serve", "--config", g.File).CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		g.t.Fatalf("it did not fail: %v\n%s", err, out)
	}
	return string(out), exit.ExitCode()
}

// Kill ends the process at once, as a power cut does.
func (g *Guardian) Kill() {
	if g.process == nil {
		return
	}
	g.process.Kill()
	g.process = nil
}

// Stop ends the process by SIGTERM and returns its exit code.
func (g *Guardian) Stop() int {
	g.t.Helper()
	g.Signal(syscall.SIGTERM)
	select {
	case <-g.process.Done:
	case <-time.After(Patience):
		g.t.Fatalf("the guardian did not stop within %s", Patience)
	}
	code := g.process.ExitCode()
	g.process = nil
	return code
}

// Pid is the number of the process.
func (g *Guardian) Pid() int { return g.process.Pid() }

// CPU is the processor time that the process has used.
func (g *Guardian) CPU() (time.Duration, error) { return g.process.CPU() }

// Memory is the resident memory of the process in bytes, and the most that it ever was.
func (g *Guardian) Memory() (now, most int64, err error) { return g.process.Memory() }

// Signal sends the process a signal.
func (g *Guardian) Signal(s syscall.Signal) {
	g.t.Helper()
	if err := g.process.Signal(s); err != nil {
		g.t.Fatal(err)
	}
}

// AnswerError is an HTTP answer with an error status.
type AnswerError struct {
	Status int
	Body   string
}

func (e *AnswerError) Error() string { return fmt.Sprintf("%d: %s", e.Status, e.Body) }

// Try makes one call of the API; an error status is an AnswerError.
func (g *Guardian) Try(method, path string, body, into any) error {
	var r io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		r = bytes.NewReader(b)
	}
	req, err := http.NewRequest(method, g.URL+path, r)
	if err != nil {
		return err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if g.Token != "" {
		req.Header.Set("Authorization", "Bearer "+g.Token)
	}
	resp, err := (&http.Client{Timeout: time.Minute}).Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return &AnswerError{resp.StatusCode, string(b)}
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(b, into)
}

// Call makes one call of the API that must succeed.
func (g *Guardian) Call(method, path string, body, into any) {
	g.t.Helper()
	if err := g.Try(method, path, body, into); err != nil {
		g.t.Fatalf("%s %s: %v", method, path, err)
	}
}

// WatchView is a watch as the API shows it, with the fields that tests read.
type WatchView struct {
	ID       string
	State    string
	Reason   string
	Started  time.Time
	Ended    time.Time
	Mode     string
	Evidence []struct {
		Check   string
		Samples int
		After   struct{ Looks, Failures, Unknown int }
		EValue  float64 `json:"e_value"`
	}
	Rollback *RunView
}

// RunView is a run as the API shows it, with the fields that tests read.
type RunView struct {
	ID       string
	State    string
	Reason   string
	To, From string
	Started  time.Time
	Question *struct{ Code, Text string }
	Steps    []struct{ Name, State, Intent, Resolved, Error string }
	Ledger   []struct{ What, Detail, Intent string }
}

// Deploy announces a deploy and returns its watch's ID.
func (g *Guardian) Deploy(version string, more map[string]any) string {
	g.t.Helper()
	body := map[string]any{"service": "order-sync", "version": version}
	maps.Copy(body, more)
	var a struct{ Watch WatchView }
	g.Call(http.MethodPost, "/api/v1/deploys", body, &a)
	return a.Watch.ID
}

// Watch reads a watch.
func (g *Guardian) Watch(id string) WatchView {
	g.t.Helper()
	var w WatchView
	g.Call(http.MethodGet, "/api/v1/watches/"+id, nil, &w)
	return w
}

// Verdict waits until a watch has ended, and returns it.
func (g *Guardian) Verdict(id string) WatchView {
	g.t.Helper()
	var w WatchView
	g.Eventually("verdict of "+id, func() bool {
		return g.Try(http.MethodGet, "/api/v1/watches/"+id+"?wait=1s", nil, &w) == nil && w.State != "watching"
	})
	return w
}

// Runs lists the runs, newest first.
func (g *Guardian) Runs() []RunView {
	g.t.Helper()
	var l struct{ Rollbacks []RunView }
	g.Call(http.MethodGet, "/api/v1/rollbacks?limit=100", nil, &l)
	return l.Rollbacks
}

// RunState waits until a run is in a state.
func (g *Guardian) RunState(id, state string) RunView {
	g.t.Helper()
	var r RunView
	g.Eventually("run "+id+" "+state, func() bool {
		return g.Try(http.MethodGet, "/api/v1/rollbacks/"+id, nil, &r) == nil && r.State == state
	})
	return r
}

// Up waits until the latest look of a check is up.
func (g *Guardian) Up(check string) {
	g.t.Helper()
	g.Eventually("check "+check+" up", func() bool { return g.Query(`probe_success{check="`+check+`"} == 1`) == 1 })
}

// Query returns the number of elements of an instant query's result; -1 when it fails.
func (g *Guardian) Query(expr string) int {
	g.t.Helper()
	var a struct {
		Data struct{ Result []json.RawMessage }
	}
	if err := g.Try(http.MethodGet, "/api/v1/query?query="+url.QueryEscape(expr), nil, &a); err != nil {
		return -1
	}
	return len(a.Data.Result)
}

// Patience is how long anything may take before it counts as not happening: far longer than it
// takes on a machine that has other work, so that no test asserts the machine's speed.
const Patience = 3 * time.Minute

// Eventually waits until something holds.
func (g *Guardian) Eventually(what string, holds func() bool) {
	g.t.Helper()
	Eventually(g.t, what, holds)
}

// Eventually waits until something holds, and fails the test when it does not within Patience.
func Eventually(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	for end := time.Now().Add(Patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if holds() {
			return
		}
	}
	tb.Fatalf("not within %s: %s", Patience, what)
}

// Role returns "active" or "standby", or "" while the process does not answer.
func (g *Guardian) Role() string {
	var s struct{ Role string }
	if g.Try(http.MethodGet, "/api/v1/status", nil, &s) != nil {
		return ""
	}
	return strings.ToLower(s.Role)
}
