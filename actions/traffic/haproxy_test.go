package traffic_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"guardian/actions"
	"guardian/actions/actiontest"
	"guardian/actions/traffic"
	"guardian/test/port"
	"guardian/test/program"
)

// haproxy is a shop behind HAProxy, whose traffic goes to green: blue is in maintenance, as a deploy
// tool left it.
type haproxy struct {
	*shop
	socket string
	tcp    string
}

const haproxyConf = `global
  stats socket %[1]s level admin
  stats socket ipv4@%[2]s level admin
  stats timeout 30s
defaults
  mode http
  timeout connect 30s
  timeout client 60s
  timeout server 60s
  timeout check 60s
  retries 0
frontend shop
  bind %[3]s
  default_backend shop
backend shop
  balance roundrobin
  option httpchk GET /healthy
  cookie pool insert indirect nocache
  server blue1 %[4]s weight 100 check inter 1s fall 3 rise 1 cookie blue disabled
  server green1 %[5]s weight 100 check inter 1s fall 3 rise 1 cookie green
`

func startHAProxy(t *testing.T) *haproxy {
	t.Helper()
	h := &haproxy{shop: newShop(t)}
	n, err := port.Free()
	if err != nil {
		t.Fatal(err)
	}
	h.socket, h.tcp = "unix://"+filepath.Join(h.dir, "admin.sock"), fmt.Sprintf("tcp://127.0.0.1:%d", n)
	conf := filepath.Join(h.dir, "haproxy.cfg")
	write(t, conf, fmt.Sprintf(haproxyConf, strings.TrimPrefix(h.socket, "unix://"), strings.TrimPrefix(h.tcp, "tcp://"), h.address, h.blue.address, h.green.address))
	h.start(t, program.Installed(t, "haproxy", "haproxy"), "-db", "-f", conf)
	actiontest.WaitFor(t, "the socket", func() bool {
		_, err := os.Stat(strings.TrimPrefix(h.socket, "unix://"))
		return err == nil
	})
	return h
}

func (h *haproxy) settings() traffic.Settings {
	s := traffic.HAProxyDefaults()
	s.Address, s.Backend = h.socket, "shop"
	return traffic.Settings{HAProxy: &s, Servers: h.servers("blue1", "green1"), Switch: "blue"}
}

// weights asks HAProxy itself, in its own words.
func (h *haproxy) weights(t *testing.T) string {
	t.Helper()
	var all []string
	for _, server := range []string{"blue1", "green1"} {
		all = append(all, h.tell(t, "get weight shop/"+server))
	}
	return strings.Join(all, ", ")
}

func (h *haproxy) tell(t *testing.T, command string) string {
	t.Helper()
	conn, err := net.Dial("unix", strings.TrimPrefix(h.socket, "unix://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, command+"\n"); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

func TestHAProxyContract(t *testing.T) {
	t.Parallel()
	for name, address := range map[string]func(*haproxy) string{
		"socket": func(h *haproxy) string { return h.socket }, "TCP": func(h *haproxy) string { return h.tcp },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			actiontest.Run(t, func(t *testing.T) actiontest.Target {
				t.Helper()
				h := startHAProxy(t)
				s := h.settings()
				front := newFront(t, address(h))
				s.HAProxy.Address = front.address
				return actiontest.Target{
					Step: step(t, s), Call: actiontest.Call(),
					Effects:      func() int { return int(front.changes.Load()) / 3 }, // blue: weight, state; green: weight
					Break:        func() { h.server.Kill() },
					KnowsOutcome: true, Deduplicates: true,
				}
			})
		})
	}
}

// Traffic goes back under load: no request fails, and green gets none afterwards.
func TestHAProxySwitchesUnderLoad(t *testing.T) {
	t.Parallel()
	for name, headers := range map[string][]string{"each on a connection of its own": {"Connection: close"}, "on connections that are kept": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := startHAProxy(t)
			l := h.startLoad(t, headers...)
			if share := h.served(t, 200); share != 0 {
				t.Fatalf("blue gets %v before", share)
			}
			for i, c := range []struct {
				to       string
				weight   int
				low, top float64
			}{{"blue", 25, 0.2, 0.3}, {"blue", 100, 1, 1}, {"green", 60, 0.35, 0.45}, {"green", 100, 0, 0}, {"blue", 100, 1, 1}} {
				s := h.settings()
				s.Switch, s.Stages = "", []traffic.StageSettings{{To: c.to, Weight: c.weight}}
				out := do(t, step(t, s), toBlue(fmt.Sprint("r_1-", i)))
				if share := h.served(t, 400); share < c.low-0.02 || share > c.top+0.02 {
					t.Errorf("%d%% to %s: blue gets %v, want %v to %v\n%s", c.weight, c.to, share, c.low, c.top, out)
				}
			}
			if failed, all := l.stop(t); failed != 0 || all < 1000 {
				t.Errorf("%d of %d requests failed", failed, all)
			}
		})
	}
}

// Clients that stick to green by a cookie stay there when it is drained, and leave it when it is in
// maintenance.
func TestHAProxyIdle(t *testing.T) {
	t.Parallel()
	for idle, want := range map[string]int64{"drain": 1, "maint": 0} {
		t.Run(idle, func(t *testing.T) {
			t.Parallel()
			h := startHAProxy(t)
			s := h.settings()
			s.HAProxy.Idle = idle
			out := do(t, step(t, s), actiontest.Call())
			if got := h.ask(t); got != "blue" || !strings.Contains(out, "blue 100 %") {
				t.Errorf("%s answers\n%s", got, out)
			}
			before := h.green.asked.Load()
			h.askWith(t, "pool=green")
			if got := h.green.asked.Load() - before; got != want {
				t.Errorf("green answered %d of one client that sticks to it, want %d", got, want)
			}
		})
	}
}

// What HAProxy refuses is told in its own words, and what was before is put back.
func TestHAProxyRefusals(t *testing.T) {
	t.Parallel()
	h := startHAProxy(t)
	before := h.weights(t)
	for name, c := range map[string]struct {
		change func(*traffic.Settings, *front)
		want   string
	}{
		"a backend that is not there": {func(s *traffic.Settings, _ *front) { s.HAProxy.Backend = "nobody" }, "Can't find backend"},
		"a server that is not there":  {func(s *traffic.Settings, _ *front) { s.Servers[0].Server = "blue9" }, "has no server blue9"},
		"a server that is not listed": {func(s *traffic.Settings, _ *front) {
			s.Servers[1].Server = "blue1"
			s.Servers = s.Servers[1:]
			s.Switch = "green"
		}, "not under servers: green1"},
		"the second command refused":    {func(_ *traffic.Settings, f *front) { f.refuse(2, "Permission denied.") }, "Permission denied.; what was before has been put back"},
		"a command that changes naught": {func(_ *traffic.Settings, f *front) { f.refuse(1, "") }, "did not take what was set"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFront(t, h.socket)
			s := h.settings()
			s.HAProxy.Address = f.address
			c.change(&s, f)
			out, err := step(t, s).Do(t.Context(), actiontest.Call())
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want …%s…\n%s", err, c.want, out)
			}
			if now := h.weights(t); now != before || h.ask(t) != "green" {
				t.Errorf("now %s, before %s", now, before)
			}
		})
	}
}

// A pool that is down by its health checks gets no traffic, and the next share is not given to one that
// goes down meanwhile.
func TestHAProxyMovesNothingToServersThatAreDown(t *testing.T) {
	t.Parallel()
	h := startHAProxy(t)
	s := h.settings()
	s.Switch, s.Stages = "", []traffic.StageSettings{{To: "blue", Weight: 1, For: model.Duration(time.Hour)}, {To: "blue", Weight: 100}}
	ended := make(chan error, 1)
	go func() {
		_, err := step(t, s).Do(t.Context(), actiontest.Call())
		ended <- err
	}()
	actiontest.WaitFor(t, "the first share", func() bool { return strings.HasPrefix(h.weights(t), "1 (") })
	h.blue.Server.Close()
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "no server of pool blue") {
		t.Errorf("error %v", err)
	}
	if _, err := step(t, s).Do(t.Context(), actiontest.Call()); err == nil || !strings.Contains(err.Error(), "no server of pool blue") {
		t.Errorf("error %v", err)
	}
	if w := h.weights(t); !strings.HasPrefix(w, "1 (") {
		t.Errorf("weights are %s", w)
	}
}

// A sequence that was interrupted at a share goes on from there, and never gives the pool less.
func TestHAProxySequenceGoesOn(t *testing.T) {
	t.Parallel()
	h := startHAProxy(t)
	f := newFront(t, h.socket)
	s := h.settings()
	s.HAProxy.Address = f.address
	s.Switch, s.Stages = "", []traffic.StageSettings{{To: "blue", Weight: 20}, {To: "blue", Weight: 50, For: model.Duration(time.Hour)}, {To: "blue", Weight: 100}}
	ctx, crash := newCrash(t)
	ended := make(chan error, 1)
	go func() {
		_, err := step(t, s).Do(ctx, actiontest.Call())
		ended <- err
	}()
	actiontest.WaitFor(t, "half of the traffic", func() bool { return h.weights(t) == "1 (initial 100), 1 (initial 100)" })
	crash()
	if err := <-ended; err == nil {
		t.Error("Do says that all is well")
	}
	if got := status(t, step(t, s), actiontest.Call()); got != actions.NotHappened {
		t.Errorf("status %s", got)
	}
	f.seen.Store(new([]string))
	s.Stages[1].For = model.Duration(10 * time.Millisecond)
	out := do(t, step(t, s), actiontest.Call())
	if !strings.HasPrefix(out, "before: blue 50 %") || strings.Contains(out, "20 %") || h.ask(t) != "blue" {
		t.Errorf("it did\n%s", out)
	}
	if got := status(t, step(t, s), actiontest.Call()); got != actions.Happened {
		t.Errorf("status %s", got)
	}
}

// At no moment has no server a weight.
func TestHAProxyRaisesBeforeItLowers(t *testing.T) {
	t.Parallel()
	h := startHAProxy(t)
	f := newFront(t, h.socket)
	s := h.settings()
	s.HAProxy.Address = f.address
	do(t, step(t, s), actiontest.Call())
	want := []string{"set weight shop/blue1 1", "set server shop/blue1 state ready", "set weight shop/green1 0"}
	if got := *f.seen.Load(); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("it said %q, want %q", got, want)
	}
}

// front passes commands on to HAProxy, counts those that change something, and may refuse one.
type front struct {
	address string
	changes atomic.Int64
	seen    atomic.Pointer[[]string]

	mu     sync.Mutex
	at     int64
	answer *string
}

func (f *front) refuse(at int64, answer string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at, f.answer = at, &answer
}

func newFront(t *testing.T, behind string) *front {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	f := &front{address: "tcp://" + l.Addr().String()}
	f.seen.Store(new([]string))
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go f.pass(conn, behind)
		}
	}()
	return f
}

func (f *front) pass(conn net.Conn, behind string) {
	defer func() { _ = conn.Close() }()
	command, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return
	}
	if strings.HasPrefix(command, "set ") {
		f.mu.Lock()
		n := f.changes.Add(1)
		seen := append(*f.seen.Load(), strings.TrimSpace(command))
		f.seen.Store(&seen)
		refused := f.answer != nil && n == f.at
		f.mu.Unlock()
		if refused {
			_, _ = io.WriteString(conn, *f.answer+"\n")
			return
		}
	}
	network, address, _ := strings.Cut(behind, "://")
	to, err := net.Dial(network, address)
	if err != nil {
		return
	}
	defer func() { _ = to.Close() }()
	_, _ = io.WriteString(to, command)
	_, _ = io.Copy(conn, to)
}
