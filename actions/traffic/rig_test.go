package traffic_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"guardian/actions"
	"guardian/actions/actiontest"
	"guardian/actions/traffic"
	"guardian/test/port"
	"guardian/test/process"
	"guardian/test/program"
)

// shop is two pools of servers, and a load balancer before them.
type shop struct {
	blue, green *backend
	address     string // of the load balancer
	dir         string
	server      *process.Process
}

// backend is a server that counts what it is asked.
type backend struct {
	address string
	asked   atomic.Int64
	*httptest.Server
}

func newBackend(t *testing.T, name string) *backend {
	t.Helper()
	b := &backend{}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthy" {
			b.asked.Add(1)
		}
		_, _ = fmt.Fprintln(w, name)
	}))
	t.Cleanup(b.Server.Close)
	b.address = b.Server.Listener.Addr().String()
	return b
}

func newShop(t *testing.T) *shop {
	t.Helper()
	dir, err := process.Folder("guardian-traffic", removeShop) // short: paths of sockets have a limit
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := removeShop(dir); err != nil {
			t.Error(err)
		}
	})
	n, err := port.Free()
	if err != nil {
		t.Fatal(err)
	}
	return &shop{blue: newBackend(t, "blue"), green: newBackend(t, "green"), dir: dir, address: fmt.Sprintf("127.0.0.1:%d", n)}
}

// removeShop removes a folder and ends what still runs in it: nginx's workers outlive a master that was
// killed.
func removeShop(dir string) error {
	all, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		return err
	}
	for _, cwd := range all {
		if at, err := os.Readlink(cwd); err != nil || at != dir {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(cwd))); err == nil {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	return os.RemoveAll(dir)
}

// nobody is who the load balancers run as, when the test is root's.
const nobody = 65534

// start starts a load balancer without any privilege, and waits until it serves.
func (s *shop) start(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = s.dir
	// A file: workers that outlive the server would keep a pipe open.
	out, err := os.Create(filepath.Join(s.dir, "output"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = out.Close() }()
	cmd.Stdout, cmd.Stderr = out, out
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		if err := filepath.WalkDir(s.dir, func(path string, _ os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return os.Chown(path, nobody, nobody)
		}); err != nil {
			t.Fatal(err)
		}
	}
	p, err := process.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	s.server = p
	t.Cleanup(p.Kill)
	actiontest.WaitFor(t, args[0]+" to serve", func() bool {
		select {
		case <-p.Done:
			t.Fatalf("%s ended: %s", args[0], read(t, out.Name()))
		default:
		}
		conn, err := net.Dial("tcp", s.address)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
}

// load is wrk, which sends requests until it is stopped.
type load struct {
	p   *process.Process
	out *bytes.Buffer
}

// startLoad sends requests on eight connections, a new one for each request.
func (s *shop) startLoad(t *testing.T, headers ...string) *load {
	t.Helper()
	wrk := program.Installed(t, "wrk", "wrk")
	args := []string{"-t1", "-c8", "-d600s", "--timeout", "30s", "-s", "testdata/count.lua"}
	for _, h := range headers {
		args = append(args, "-H", h)
	}
	l := &load{out: &bytes.Buffer{}}
	cmd := exec.Command(wrk, append(args, "http://"+s.address+"/")...)
	cmd.Stdout, cmd.Stderr = l.out, l.out
	p, err := process.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	l.p = p
	t.Cleanup(p.Kill)
	return l
}

var failures = regexp.MustCompile(`failed connect=(\d+) read=(\d+) write=(\d+) status=(\d+) timeout=(\d+) of (\d+)`)

// stop ends the load and gives the requests that failed, and how many there were.
func (l *load) stop(t *testing.T) (failed, all int) {
	t.Helper()
	if err := l.p.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	<-l.p.Done
	m := failures.FindStringSubmatch(l.out.String())
	if m == nil {
		t.Fatalf("wrk says %s", l.out.String())
	}
	var n [6]int
	for i := range n {
		if _, err := fmt.Sscan(m[i+1], &n[i]); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("wrk: %s", m[0])
	return n[0] + n[1] + n[2] + n[3] + n[4], n[5]
}

// served waits until so many more requests were answered, and gives the share of blue among them.
func (s *shop) served(t *testing.T, requests int64) float64 {
	t.Helper()
	blue, green := s.blue.asked.Load(), s.green.asked.Load()
	actiontest.WaitFor(t, "requests", func() bool {
		return s.blue.asked.Load()+s.green.asked.Load() >= blue+green+requests
	})
	b, g := s.blue.asked.Load()-blue, s.green.asked.Load()-green
	return float64(b) / float64(b+g)
}

// ask sends one request and gives the pool that answered.
func (s *shop) ask(t *testing.T) string {
	t.Helper()
	return s.askWith(t, "")
}

// askWith is ask with a cookie.
func (s *shop) askWith(t *testing.T, cookie string) string {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.address+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Cookie", cookie)
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var body bytes.Buffer
	if _, err := body.ReadFrom(res.Body); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(body.String())
}

func (s *shop) servers(names ...string) []traffic.ServerSettings {
	if len(names) == 0 {
		names = []string{s.blue.address, s.green.address}
	}
	return []traffic.ServerSettings{{Pool: "blue", Server: names[0]}, {Pool: "green", Server: names[1]}}
}

func step(t *testing.T, s traffic.Settings) actions.Step {
	t.Helper()
	return actiontest.Build(t, traffic.Kind(), &s, actiontest.Env())
}

// toBlue is the call of a step that was begun for the first time.
func toBlue(intent string) actions.Call {
	c := actiontest.Call()
	c.Intent = intent
	return c
}

// newCrash gives a time that ends as that of a guardian that stops at once, which finishes nothing.
func newCrash(t *testing.T) (context.Context, func()) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	return ctx, func() { cancel(actions.ErrLostLease) }
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// do does a step that must succeed.
func do(t *testing.T, s actions.Step, c actions.Call) string {
	t.Helper()
	out, err := s.Do(t.Context(), c)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return out
}

// status asks whether a step happened.
func status(t *testing.T, s actions.Step, c actions.Call) actions.Outcome {
	t.Helper()
	o, detail, err := s.Status(t.Context(), c)
	t.Logf("status: %s (%s) %v", o, detail, err)
	if err != nil {
		t.Fatal(err)
	}
	return o
}
