package docker_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"guardian/actions"
	"guardian/actions/actiontest"
	"guardian/actions/docker"
	engines "guardian/test/docker"
	"guardian/test/port"
)

// dockerHost is an engine with the containers of the tests.
type dockerHost struct {
	host  string
	ports *http.Client // reaches the ports that containers publish
}

func (y *dockerHost) call(t *testing.T, method, path string, in, out any) int {
	t.Helper()
	return engines.Call(t, y.host, method, path, in, out)
}

func (y *dockerHost) must(t *testing.T, method, path string, in, out any) {
	t.Helper()
	if s := y.call(t, method, path, in, out); s >= 400 {
		t.Fatalf("%s %s: %d", method, path, s)
	}
}

// create makes and starts a container and removes it, and all made in its place, at the end.
func (y *dockerHost) create(t *testing.T, name string, config object) {
	t.Helper()
	y.must(t, "POST", "/containers/create?name="+name, config, nil)
	t.Cleanup(func() { y.clear(t, name) })
	y.must(t, "POST", "/containers/"+name+"/start", nil, nil)
}

func (y *dockerHost) clear(t *testing.T, name string) {
	t.Helper()
	for _, n := range y.names(t, name) {
		engines.Call(cleanup{t}, y.host, "DELETE", "/containers/"+n+"?force=1&v=1", nil, nil)
	}
}

// cleanup is a test whose context is not over yet.
type cleanup struct{ *testing.T }

// Context gives one that outlives the test.
func (c cleanup) Context() context.Context { return context.WithoutCancel(c.T.Context()) }

// names lists the containers whose name begins so.
func (y *dockerHost) names(t *testing.T, prefix string) []string {
	t.Helper()
	var list []struct{ Names []string }
	engines.Call(cleanup{t}, y.host, "GET", "/containers/json?all=1", nil, &list)
	var names []string
	for _, c := range list {
		for _, n := range c.Names {
			// With a second slash it is the name that a link gives.
			if n = strings.TrimPrefix(n, "/"); strings.HasPrefix(n, prefix) && !strings.Contains(n, "/") {
				names = append(names, n)
			}
		}
	}
	slices.Sort(names)
	return names
}

func (y *dockerHost) inspect(t *testing.T, name string) object {
	t.Helper()
	var c object
	y.must(t, "GET", "/containers/"+name+"/json", nil, &c)
	return c
}

// version gives the image tag that a container runs, "" when it does not run.
func (y *dockerHost) version(t *testing.T, name string) string {
	t.Helper()
	c := y.inspect(t, name)
	if get(c, "State", "Running") != true {
		return ""
	}
	_, v, _ := strings.Cut(get(c, "Config", "Image").(string), ":")
	return v
}

// plain starts a container without settings, with a name of its own.
func (y *dockerHost) plain(t *testing.T, image string) string {
	t.Helper()
	name := strings.ToLower(strings.NewReplacer("/", "-", ",", "").Replace(t.Name()))
	name = fmt.Sprintf("plain%d-%s", len(name), name[max(0, len(name)-12):])
	y.create(t, name, object{"Image": image})
	return name
}

func get(v any, path ...string) any {
	for _, p := range path {
		m, _ := v.(object)
		v = m[p]
	}
	return v
}

// settles is for how long a container without a health check must run where that matters: where it ends by
// itself soon after its start.
const settles = model.Duration(300 * time.Millisecond)

func dockerStep(t *testing.T, change func(*docker.Settings)) actions.Step {
	t.Helper()
	kind := docker.Kind()
	s := kind.Settings().(*docker.Settings)
	s.Pull, s.MinHealthyTime, s.HealthyDeadline = docker.PullNever, 0, model.Duration(3*time.Minute)
	change(s)
	step, err := kind.Build(s, actiontest.Env())
	if err != nil {
		t.Fatal(err)
	}
	return step
}

// dockerCall gives a call whose intent is the test's own: all share an engine.
func dockerCall(t *testing.T, to string) actions.Call {
	t.Helper()
	h := fnv.New32a()
	_, _ = h.Write([]byte(t.Name()))
	id := fmt.Sprintf("r_%x", h.Sum32())
	return actions.Call{Intent: id + "-1", Run: actions.Run{ID: id, Service: "shop", Environment: "production", To: to, From: "bad"}}
}

// faultyProxy is a proxy of an engine that fails requests as a test wants.
type faultyProxy struct {
	host string
	mu   sync.Mutex
	n    int    // the number of the request that changes something at which it fails
	how  string // refused: not passed on; lost: passed on, without an answer; killed: lost, and all after it refused
	hit  bool
	echo string // not "": everything is refused with this text
	api  string // not "": the version that the engine says to have
	body []byte // of the last request that creates a container
}

func newFaultyProxy(t *testing.T, host string) *faultyProxy {
	t.Helper()
	f := &faultyProxy{}
	target, err := url.Parse("http://docker")
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.Transport = engines.Transport(host)
	proxy.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f.api != "" && r.URL.Path == "/version" {
			_ = json.NewEncoder(w).Encode(map[string]string{"ApiVersion": f.api, "MinAPIVersion": "1.24"})
			return
		}
		if f.api != "" {
			r.URL.Path = strings.TrimPrefix(r.URL.Path, "/v"+f.api) // the engine does not know it
		}
		if strings.HasSuffix(r.URL.Path, "/containers/create") {
			b, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(b))
			f.mu.Lock()
			f.body = b
			f.mu.Unlock()
		}
		switch f.decide(r.Method) {
		case "pass":
			proxy.ServeHTTP(w, r)
		case "refused":
			w.WriteHeader(http.StatusInternalServerError)
			_ = json.NewEncoder(w).Encode(map[string]string{"message": "the engine is not well " + f.echo})
		case "lost":
			proxy.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		}
	}))
	srv.Config.ErrorLog = proxy.ErrorLog
	t.Cleanup(srv.Close)
	f.host = "tcp://" + srv.Listener.Addr().String()
	return f
}

func (f *faultyProxy) decide(method string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.echo != "" {
		return "refused"
	}
	if f.hit && f.how == "killed" {
		return "refused"
	}
	if method == http.MethodGet || f.how == "" {
		return "pass"
	}
	if f.n--; f.n != 0 {
		return "pass"
	}
	f.hit = true
	if f.how == "refused" {
		return "refused"
	}
	return "lost"
}

func (f *faultyProxy) failAt(n int, how string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n, f.how, f.hit = n, how, false
}
func (f *faultyProxy) refuse(echo string) { f.mu.Lock(); f.echo = echo; f.mu.Unlock() }
func (f *faultyProxy) repair()            { f.mu.Lock(); f.how = ""; f.mu.Unlock() }
func (f *faultyProxy) created() []byte    { f.mu.Lock(); defer f.mu.Unlock(); return f.body }
func (f *faultyProxy) failed() bool       { f.mu.Lock(); defer f.mu.Unlock(); return f.hit }

type told struct {
	Version, Stock string
	Args           []string
	Environment    []string
}

func (y *dockerHost) tells(address string) told {
	res, err := y.ports.Get(address)
	if err != nil {
		return told{}
	}
	defer func() { _ = res.Body.Close() }()
	b, _ := io.ReadAll(res.Body)
	var v told
	_ = json.Unmarshal(b, &v)
	return v
}

func contextWithin(t *testing.T, d time.Duration) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithTimeout(t.Context(), d)
}

func freePort(t *testing.T) string {
	t.Helper()
	n, err := port.Free()
	if err != nil {
		t.Fatal(err)
	}
	return strconv.Itoa(n)
}
