package docker_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"guardian/actions/actiontest"
	"guardian/actions/docker"
	engines "guardian/test/docker"
)

// put writes a file into a container as docker cp does.
func (y *dockerHost) put(t *testing.T, container, file, content string, modified time.Time) {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, err := range []error{
		w.WriteHeader(&tar.Header{Name: strings.TrimPrefix(file, "/"), Mode: 0o640, Uid: 7, Gid: 8, Size: int64(len(content)), ModTime: modified, Format: tar.FormatPAX}),
		func() error { _, err := w.Write([]byte(content)); return err }(), w.Close(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://docker/containers/"+container+"/archive?path=/", &b)
	if err != nil {
		t.Fatal(err)
	}
	res, err := (&http.Client{Transport: engines.Transport(y.host)}).Do(req)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("put %s: %v", file, err)
	}
	_ = res.Body.Close()
}

// file gives the content of a file in a container with its header; false when it is not there.
func (y *dockerHost) file(t *testing.T, container, path string) (content string, h *tar.Header, ok bool) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://docker/containers/"+container+"/archive?path="+url.QueryEscape(path), nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := (&http.Client{Transport: engines.Transport(y.host)}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode == http.StatusNotFound {
		return "", nil, false
	}
	r := tar.NewReader(res.Body)
	if h, err = r.Next(); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := b.ReadFrom(r); err != nil {
		t.Fatal(err)
	}
	return b.String(), h, true
}

func (y *dockerHost) testFiles(t *testing.T) {
	t.Helper()
	const name = "files"
	y.make(t, name, object{"Image": "plain:v2", "HostConfig": object{"Tmpfs": object{"/scratch": ""}}})
	now := time.Now()
	y.put(t, name, "/shop.conf", "key: 1", now)
	y.put(t, name, "/etc/app/deep/own.conf", "deep", now.Add(-time.Hour))
	y.put(t, name, "/run/secrets/token", "abc", now)
	y.must(t, "POST", "/containers/"+name+"/start", nil, nil)
	later := time.Now().Add(time.Second) // not before the start in the engine's clock, whatever is rounded
	for _, worthless := range []string{"/run/shop.pid", "/tmp/upload", "/var/log/shop/access.log", "/var/cache/a", "/root/.cache/b", "/app/x.pyc"} {
		y.put(t, name, worthless, "x", later)
	}
	do := func(to string, accept ...string) error {
		t.Helper()
		step := dockerStep(t, func(s *docker.Settings) {
			s.Host, s.Container, s.Image, s.AcceptLoss = y.host, name, "plain:{{.To}}", accept
		})
		call := dockerCall(t, to)
		call.Intent += to
		_, err := step.Do(t.Context(), call)
		return err
	}
	if err := do("v1"); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"/shop.conf": "key: 1", "/etc/app/deep/own.conf": "deep", "/run/secrets/token": "abc"} {
		content, h, ok := y.file(t, name, path)
		if !ok || content != want || h.Mode&0o777 != 0o640 || h.Uid != 7 || h.Gid != 8 {
			t.Errorf("%s holds %q (%+v), want %q of 7:8 with mode 640", path, content, h, want)
		}
	}
	for _, gone := range []string{"/run/shop.pid", "/tmp/upload", "/app/x.pyc"} {
		if _, _, ok := y.file(t, name, gone); ok {
			t.Errorf("%s came along", gone)
		}
	}

	id := y.inspect(t, name)["Id"]
	y.put(t, name, "/uploads/a.csv", "orders", later.Add(time.Hour))
	y.put(t, name, "/etc/app/hotfix.conf", "x", later.Add(time.Hour))
	for accept, lost := range map[string][]string{
		"/elsewhere":        {"/etc/app/hotfix.conf", "/uploads/a.csv"},
		"/uploads/":         {"/etc/app/hotfix.conf"},
		"/etc/app/hot*.con": {"/etc/app/hotfix.conf", "/uploads/a.csv"},
	} {
		err := do("v2", accept)
		if want := "container files would lose " + strings.Join(lost, ", ") + "."; err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "accept_loss") {
			t.Errorf("with accept_loss %q: error %v, want …%s…", accept, err, want)
		}
	}
	if c := y.inspect(t, name); c["Id"] != id || y.version(t, name) != "v1" || !slices.Equal(y.names(t, name), []string{name}) {
		t.Error("it was touched")
	}
	if err := do("v2", "/uploads/", "/etc/app/*.conf"); err != nil || y.version(t, name) != "v2" {
		t.Errorf("%s runs: %v", y.version(t, name), err)
	}
	if _, _, ok := y.file(t, name, "/etc/app/deep/own.conf"); !ok {
		t.Error("a file that was kept once is not kept again")
	}
	if _, _, ok := y.file(t, name, "/uploads/a.csv"); ok {
		t.Error("what may be lost came along")
	}
}

// testDrain stops a container that works on for 13 s, longer than the engine's own 10 s, when it gets
// its own signal.
func (y *dockerHost) testDrain(t *testing.T) {
	t.Helper()
	y.create(t, "drain", object{"Image": "shop:v2", "Env": []string{"DRAIN=13s"}, "StopSignal": "SIGUSR1", "StopTimeout": 40})
	// Before it listens for its signal, that would just end it.
	actiontest.WaitFor(t, "the container that drains", func() bool { return get(y.inspect(t, "drain"), "State", "Health", "Status") == "healthy" })
	// The new one would drain, too.
	t.Cleanup(func() { engines.Call(cleanup{t}, y.host, "POST", "/containers/drain/kill", nil, nil) })
	step := dockerStep(t, func(s *docker.Settings) { s.Host, s.Container, s.Image = y.host, "drain", "shop:{{.To}}" })
	if out, err := step.Do(t.Context(), dockerCall(t, "v1")); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got, _, _ := y.file(t, "drain", "/data/stock"); got != "drained by user defined signal 1" {
		t.Errorf("the orders are %q", got)
	}
	ctx, cancel := contextWithin(t, 30*time.Second)
	defer cancel()
	id := y.inspect(t, "drain")["Id"]
	call := dockerCall(t, "v2")
	call.Intent += "2"
	if _, err := step.Do(ctx, call); err == nil || !strings.Contains(err.Error(), "may take 40 s to stop") || !strings.Contains(err.Error(), "raise timeout of the step") {
		t.Errorf("in a step of 30 s: error %v, want that it may take 40 s to stop", err)
	}
	if y.inspect(t, "drain")["Id"] != id {
		t.Error("it was touched")
	}
}

func (y *dockerHost) testRestarts(t *testing.T) {
	t.Helper()
	for name, c := range map[string]struct {
		policy, to, want string
	}{
		"once":       {"always", "once", ""},
		"on-failure": {"on-failure", "once", ""},
		"no-policy":  {"no", "once", "exit status 4"},
		"again":      {"always", "exits", "it does not stay up"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			name := "restart-" + name
			y.create(t, name, object{"Image": "plain:v2", "HostConfig": object{"RestartPolicy": object{"Name": c.policy}}})
			step := dockerStep(t, func(s *docker.Settings) {
				s.Host, s.Container, s.Image, s.MinHealthyTime, s.HealthyDeadline = y.host, name, "plain:{{.To}}", settles, model.Duration(time.Minute)
			})
			out, err := step.Do(t.Context(), dockerCall(t, c.to))
			switch {
			case c.want == "" && (err != nil || y.version(t, name) != c.to):
				t.Errorf("%s runs: %v\n%s", y.version(t, name), err, out)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || y.version(t, name) != "v2"):
				t.Errorf("%s runs: %v, want …%s… and the old one", y.version(t, name), err, c.want)
			}
		})
	}
}

// testRejoin gives a sidecar the network of a container that was restarted by its policy.
func (y *dockerHost) testRejoin(t *testing.T) {
	t.Helper()
	y.create(t, "rejoin", object{"Image": "plain:v2", "HostConfig": object{"RestartPolicy": object{"Name": "always"}}})
	y.create(t, "rejoin-side", object{"Image": "plain:v1", "Env": []string{"LISTEN=127.0.0.1:0"}, "HostConfig": object{"NetworkMode": "container:rejoin"}})
	step := dockerStep(t, func(s *docker.Settings) {
		s.Host, s.Container, s.Image, s.MinHealthyTime = y.host, "rejoin", "plain:{{.To}}", settles
	})
	if out, err := step.Do(t.Context(), dockerCall(t, "once")); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	main, side := y.inspect(t, "rejoin"), y.inspect(t, "rejoin-side")
	started := func(c object) string { return get(c, "State", "StartedAt").(string) }
	if main["RestartCount"] != 1.0 || started(side) < started(main) || get(side, "State", "Running") != true {
		t.Errorf("the container started at %s (%v restarts), its sidecar at %s (%v)", started(main), main["RestartCount"], started(side), get(side, "State", "Status"))
	}
}

// testStates re-creates containers that do not run: what people stopped or paused stays so, and what
// ended by itself is started.
func (y *dockerHost) testStates(t *testing.T) {
	t.Helper()
	for name, c := range map[string]struct {
		image, policy, then string
		want                string
	}{
		"created": {"plain:v2", "", "create", "created"},
		"stopped": {"plain:v2", "always", "stop", "created"},
		"paused":  {"plain:v2", "", "pause", "paused"},
		"crashed": {"plain:exits", "", "start", "running"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			name := "state-" + name
			y.make(t, name, object{"Image": c.image, "HostConfig": object{"RestartPolicy": object{"Name": c.policy}}})
			if c.then != "create" {
				y.must(t, "POST", "/containers/"+name+"/start", nil, nil)
			}
			if c.then == "start" {
				actiontest.WaitFor(t, "it to end", func() bool { return get(y.inspect(t, name), "State", "Status") == "exited" })
			} else if c.then != "create" {
				y.must(t, "POST", "/containers/"+name+"/"+c.then, nil, nil)
			}
			step := dockerStep(t, func(s *docker.Settings) { s.Host, s.Container, s.Image = y.host, name, "plain:{{.To}}" })
			out, err := step.Do(t.Context(), dockerCall(t, "v1"))
			after := y.inspect(t, name)
			if err != nil || get(after, "State", "Status") != c.want || get(after, "Config", "Image") != "plain:v1" {
				t.Errorf("it is %v with %v, %v; want it %s\n%s", get(after, "State", "Status"), get(after, "Config", "Image"), err, c.want, out)
			}
		})
	}
}

// testMAC keeps an address that people set, and none that the engine chose. From version 1.44 of the API
// on it belongs to the endpoint.
func (y *dockerHost) testMAC(t *testing.T) {
	t.Helper()
	const mac = "02:42:de:ad:be:ef"
	for name, c := range map[string]struct{ set, api string }{
		"set-old-api": {mac, ""}, "set-new-api": {mac, "1.44"}, "chosen-old-api": {"", ""}, "chosen-new-api": {"", "1.44"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			name := "mac-" + name
			y.create(t, name, object{"Image": "plain:v2", "MacAddress": c.set})
			front := newFaultyProxy(t, y.host)
			front.api = c.api
			step := dockerStep(t, func(s *docker.Settings) { s.Host, s.Container, s.Image = front.host, name, "plain:{{.To}}" })
			if _, err := step.Do(t.Context(), dockerCall(t, "v1")); err != nil {
				t.Fatal(err)
			}
			var made object
			if err := json.Unmarshal(front.created(), &made); err != nil {
				t.Fatal(err)
			}
			own, _ := made["MacAddress"].(string)
			endpoint, _ := get(made, "NetworkingConfig", "EndpointsConfig", "bridge", "MacAddress").(string)
			want := []string{c.set, ""}
			if c.api != "" {
				want = []string{"", c.set}
			}
			if got := []string{own, endpoint}; !slices.Equal(got, want) {
				t.Errorf("it is created with the addresses %q of the container and the endpoint, want %q", got, want)
			}
			if got := get(y.inspect(t, name), "NetworkSettings", "Networks", "bridge", "MacAddress"); c.set != "" && c.api == "" && got != mac {
				t.Errorf("its address is %v", got)
			}
		})
	}
}
