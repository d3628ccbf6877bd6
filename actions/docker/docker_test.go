package docker_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"

	"guardian/actions"
	"guardian/actions/actiontest"
	"guardian/actions/docker"
	"guardian/internal/secret"
	engines "guardian/test/docker"
)

type object = map[string]any

const dockerfile = `FROM scratch
COPY shop /shop
ENV VERSION=%[1]s ONLY_%[1]s=yes SHARED=%[1]s %[2]s
WORKDIR /%[1]s
LABEL image.version=%[1]s
VOLUME /data
HEALTHCHECK --interval=500ms --timeout=1m --retries=3 CMD ["/shop", "health"]
ENTRYPOINT ["/shop"]
`

// TestDocker shares one engine between everything that needs one.
func TestDocker(t *testing.T) {
	engine := engines.Start(t)
	host := engine.Host
	shop := engines.Program(t, "guardian/test/docker/shop")
	t.Run("images", func(t *testing.T) {
		for ref, file := range map[string]string{
			"shop:v1":        fmt.Sprintf(dockerfile, "v1", ""),
			"shop:v2":        fmt.Sprintf(dockerfile, "v2", ""),
			"shop:unhealthy": fmt.Sprintf(dockerfile, "unhealthy", "BAD=unhealthy"),
			"shop:exits":     fmt.Sprintf(dockerfile, "exits", "BAD=exits"),
			"plain:v1":       "FROM scratch\nCOPY shop /shop\nENV VERSION=v1\nENTRYPOINT [\"/shop\"]\n",
			"plain:v2":       "FROM scratch\nCOPY shop /shop\nENV VERSION=v2\nENTRYPOINT [\"/shop\"]\n",
			"plain:exits":    "FROM scratch\nCOPY shop /shop\nENV VERSION=v3 BAD=exits\nENTRYPOINT [\"/shop\"]\n",
			"plain:once":     "FROM scratch\nCOPY shop /shop\nENV VERSION=v4 BAD=once\nENTRYPOINT [\"/shop\"]\n",
		} {
			t.Run(ref, func(t *testing.T) {
				t.Parallel()
				engines.Build(t, host, ref, file, shop)
			})
		}
	})
	w := &dockerHost{host: host, ports: engine.Client()}

	t.Run("it tells since when a version runs", func(t *testing.T) {
		t.Parallel()
		w := &dockerHost{host: host}
		before := time.Now().Add(-time.Second)
		name := w.plain(t, "plain:v2")
		step := dockerStep(t, func(s *docker.Settings) { s.Host, s.Container, s.Image = host, name, "plain:{{.To}}" })
		book := &actions.Runbook{Steps: []actions.RunbookStep{{Name: "deploy", Step: step}}}
		since := func(version string) time.Time { return book.RunsSince(t.Context(), actions.Run{To: version}) }
		if at := since("v2"); at.Before(before) || at.After(time.Now()) {
			t.Errorf("v2 is said to run since %s", at)
		}
		for _, version := range []string{"v1", "v3"} {
			if at := since(version); !at.IsZero() {
				t.Errorf("%s does not run, and is said to since %s", version, at)
			}
		}
	})
	t.Run("contract", func(t *testing.T) {
		t.Parallel()
		actiontest.Run(t, func(t *testing.T) actiontest.Target {
			t.Helper()
			w := &dockerHost{host: host}
			name := w.plain(t, "plain:v2")
			front := newFaultyProxy(t, host)
			return actiontest.Target{
				Step: dockerStep(t, func(s *docker.Settings) {
					s.Host, s.Container, s.Image = front.host, name, "plain:{{.To}}"
					s.Registry = &docker.RegistrySettings{Username: "guardian", Password: secret.New("hunter2-registry")}
				}),
				Call: dockerCall(t, "v1"),
				Effects: func() int {
					if w.version(t, name) == "v1" {
						return 1
					}
					return 0
				},
				Break:        func() { front.refuse("hunter2-registry") },
				Secrets:      []string{"hunter2-registry"},
				KnowsOutcome: true, Deduplicates: true,
			}
		})
	})
	for name, test := range map[string]func(*testing.T){
		"everything that was set on the container is kept":         w.testKept,
		"a new one that is no good":                                w.testNoGood,
		"its time is cut off":                                      w.testCutOff,
		"whatever fails, the old one runs":                         func(t *testing.T) { t.Helper(); w.testEveryPoint(t, "refused") },
		"whatever answer is lost, the old one or the new one runs": func(t *testing.T) { t.Helper(); w.testEveryPoint(t, "lost") },
		"killed anywhere, asking settles it":                       func(t *testing.T) { t.Helper(); w.testEveryPoint(t, "killed") },
		"the containers of a compose service":                      w.testCompose,
		"refusals":                                                 w.testRefusals,
		"a project whose images were recorded":                     w.testRecorded,
		"what runs":                                                w.testSight,
		"a compose project":                                        w.testProject,
		"the contract of a compose project":                        w.testProjectContract,
		"killed anywhere in a compose project":                     w.testProjectKilled,
		"the example of a compose project":                         w.testProjectExample,
		"each setting":                                             w.testSettings,
		"sidecars are re-created with it":                          w.testSidecars,
		"a sidecar without it":                                     w.testSidecarAlone,
		"and put back with it":                                     w.testSidecarsPutBack,
		"killed anywhere with a sidecar":                           w.testSidecarEveryPoint,
		"files in a container":                                     w.testFiles,
		"it takes its time to stop":                                w.testDrain,
		"a restart by its own policy":                              w.testRestarts,
		"sidecars follow a restart":                                w.testRejoin,
		"what is stopped stays so":                                 w.testStates,
		"an address that was set":                                  w.testMAC,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t)
		})
	}
}

func (y *dockerHost) testKept(t *testing.T) {
	t.Helper()
	y.must(t, "POST", "/networks/create", object{"Name": "front"}, nil)
	y.must(t, "POST", "/networks/create", object{"Name": "back", "IPAM": object{"Config": []object{{"Subnet": "172.31.77.0/24"}}}}, nil)
	t.Cleanup(func() {
		y.clear(t, "kept")
		engines.Call(cleanup{t}, y.host, "DELETE", "/networks/front", nil, nil)
		engines.Call(cleanup{t}, y.host, "DELETE", "/networks/back", nil, nil)
	})
	at := freePort(t)
	files := t.TempDir()
	y.must(t, "POST", "/containers/create?name=kept", object{
		"Image": "shop:v2", "Env": []string{"SHARED=mine", "TOKEN=abc"}, "Cmd": []string{"--shop", "sg-1"},
		"Labels": object{"team": "orders"}, "ExposedPorts": object{"8080/tcp": object{}}, "User": "0",
		"HostConfig": object{
			"PortBindings":  object{"8080/tcp": []object{{"HostIp": "127.0.0.1", "HostPort": at}}},
			"RestartPolicy": object{"Name": "on-failure", "MaximumRetryCount": 7},
			"Binds":         []string{files + ":/files:ro"},
			"Memory":        64 << 20, "NetworkMode": "front", "ExtraHosts": []string{"db:10.0.0.9"},
		},
		"NetworkingConfig": object{"EndpointsConfig": object{"front": object{"Aliases": []string{"api"}}}},
	}, nil)
	y.must(t, "POST", "/networks/back/connect", object{"Container": "kept", "EndpointConfig": object{"IPAMConfig": object{"IPv4Address": "172.31.77.7"}, "Aliases": []string{"inner"}}}, nil)
	y.must(t, "POST", "/containers/kept/start", nil, nil)
	url := "http://127.0.0.1:" + at
	actiontest.WaitFor(t, "v2 to answer", func() bool { return y.tells(url).Version == "v2" })
	if res, err := y.ports.Post(url+"/stock?n=42", "", nil); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("write stock: %v", err)
	}
	before := y.inspect(t, "kept")

	step := dockerStep(t, func(s *docker.Settings) { s.Host, s.Container, s.Image = y.host, "kept", "shop:{{.To}}" })
	out, err := step.Do(t.Context(), dockerCall(t, "v1"))
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	after := y.inspect(t, "kept")
	got := y.tells(url)
	if got.Version != "v1" || got.Stock != "42" || !slices.Equal(got.Args, []string{"--shop", "sg-1"}) {
		t.Errorf("it answers %+v, want v1 with the arguments and the stock of before", got)
	}
	for _, e := range []string{"SHARED=mine", "TOKEN=abc", "ONLY_v1=yes", "VERSION=v1"} {
		if !slices.Contains(got.Environment, e) {
			t.Errorf("%s is not in the environment %v", e, got.Environment)
		}
	}
	if slices.Contains(got.Environment, "ONLY_v2=yes") {
		t.Error("the old image's environment came along")
	}
	if d := cmp.Diff(before["HostConfig"], after["HostConfig"], cmp.FilterPath(func(p cmp.Path) bool { return strings.Contains(p.GoString(), `"Binds"`) }, cmp.Ignore())); d != "" {
		t.Errorf("host settings changed:\n%s", d)
	}
	for path, want := range map[string]any{
		"Config.Labels.team": "orders", "Config.Labels.image.version": "v1", "Config.User": "0", "Config.WorkingDir": "/v1",
		"Config.Labels.guardian.intent": dockerCall(t, "v1").Intent, "Name": "/kept",
		"NetworkSettings.Networks.back.IPAddress": "172.31.77.7",
	} {
		var parts []string
		if l, ok := strings.CutPrefix(path, "Config.Labels."); ok {
			parts = []string{"Config", "Labels", l}
		} else {
			parts = strings.Split(path, ".")
		}
		if got := get(after, parts...); got != want {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
	for network, alias := range map[string]string{"front": "api", "back": "inner"} {
		aliases, _ := get(after, "NetworkSettings", "Networks", network, "Aliases").([]any)
		if !slices.Contains(aliases, any(alias)) {
			t.Errorf("aliases in %s are %v, want %s among them", network, aliases, alias)
		}
		if old := before["Id"].(string)[:12]; slices.Contains(aliases, any(old)) {
			t.Errorf("aliases in %s hold the old container's ID", network)
		}
	}
	if n := y.names(t, "kept"); !slices.Equal(n, []string{"kept"}) {
		t.Errorf("containers %v are left", n)
	}

	// And once more from there: what was kept once is kept again.
	call := dockerCall(t, "v2")
	call.Intent += "2"
	if out, err := step.Do(t.Context(), call); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got := y.tells(url); got.Version != "v2" || got.Stock != "42" {
		t.Errorf("it answers %+v", got)
	}
	if got := get(y.inspect(t, "kept"), "Config", "Labels", "guardian.intent"); got != call.Intent {
		t.Errorf("its intent is %v", got)
	}
}

func (y *dockerHost) testNoGood(t *testing.T) {
	t.Helper()
	for to, want := range map[string]string{
		"unhealthy": "its health check fails",
		"exits":     "exit status 3",
	} {
		t.Run(to, func(t *testing.T) {
			name, at := "nogood-"+to, freePort(t)
			y.create(t, name, object{
				"Image": "shop:v2", "ExposedPorts": object{"8080/tcp": object{}},
				"HostConfig": object{"PortBindings": object{"8080/tcp": []object{{"HostIp": "127.0.0.1", "HostPort": at}}}},
			})
			before := y.inspect(t, name)
			step := dockerStep(t, func(s *docker.Settings) { s.Host, s.Container, s.Image = y.host, name, "shop:{{.To}}" })
			out, err := step.Do(t.Context(), dockerCall(t, to))
			if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "put back") {
				t.Errorf("error %v, want …%s… and that the old one is back", err, want)
			}
			if to == "exits" && !strings.Contains(out, "no such table: orders") {
				t.Errorf("the output does not hold what the container wrote:\n%s", out)
			}
			if after := y.inspect(t, name); after["Id"] != before["Id"] || y.version(t, name) != "v2" {
				t.Errorf("container %v runs %s, want the old one", after["Id"], y.version(t, name))
			}
			actiontest.WaitFor(t, "the old one to answer", func() bool { return y.tells("http://127.0.0.1:"+at).Version == "v2" })
			if n := y.names(t, name); !slices.Equal(n, []string{name}) {
				t.Errorf("containers %v are left", n)
			}
			if o, detail, err := step.Status(t.Context(), dockerCall(t, to)); err != nil || o != actions.NotHappened {
				t.Errorf("asked: %s (%s), %v", o, detail, err)
			}
		})
	}
}

// testEveryPoint fails the first, second, third … request that changes something. What each of them leaves
// the next one begins with, so that it must be whole.
func (y *dockerHost) testEveryPoint(t *testing.T, how string) {
	t.Helper()
	if testing.Short() && how != "killed" {
		t.Skip("-short: being killed is the hardest of the three")
	}
	name, runs, to := "point-"+how, "v2", "v1"
	y.create(t, name, object{"Image": "plain:" + runs})
	front := newFaultyProxy(t, y.host)
	guardian := func() actions.Step {
		return dockerStep(t, func(s *docker.Settings) {
			s.Host, s.Container, s.Image = front.host, name, "plain:{{.To}}"
		})
	}
	for n := 1; ; n++ {
		call := dockerCall(t, to)
		call.Intent += fmt.Sprint("-", n)
		front.failAt(n, how)
		_, err := guardian().Do(t.Context(), call)
		if !front.failed() {
			if err != nil {
				t.Errorf("nothing failed, and %v", err)
			}
			if n < 6 {
				t.Errorf("only %d requests change something; this test sees too few", n-1)
			}
			return
		}
		front.repair()
		happened := err == nil
		if how == "killed" {
			if err != nil && !errors.Is(err, actions.ErrUnclear) {
				t.Errorf("point %d: %v; want it unclear, nothing could be put back", n, err)
			}
			o, detail, err := guardian().Status(t.Context(), call)
			if err != nil || o != actions.Happened && o != actions.NotHappened {
				t.Fatalf("point %d: asked: %s (%s), %v", n, o, detail, err)
			}
			happened = o == actions.Happened
		}
		if happened {
			runs, to = to, runs
		}
		left := y.names(t, name)
		// The last request removes the old container: not being able to is no failure.
		if old := name + "-guardian-old-" + call.Intent; how != "killed" && err == nil && slices.Contains(left, old) {
			left = slices.DeleteFunc(left, func(s string) bool { return s == old })
			y.clear(t, old)
		}
		if got := y.version(t, name); got != runs || !slices.Equal(left, []string{name}) {
			t.Fatalf("point %d: %s runs, containers %v; want %s alone (%v)", n, got, left, runs, err)
		}
	}
}

// testCutOff ends the step while the new container is starting: by a stop of the guardian,
// which puts the old one back, and by the loss of the lease, after which another guardian is
// works on these containers.
func (y *dockerHost) testCutOff(t *testing.T) {
	t.Helper()
	for name, c := range map[string]struct {
		cause error
		left  int
		then  actions.Outcome
		runs  string
	}{
		"cut-off-by-a-stop":          {context.Canceled, 1, actions.NotHappened, "v2"},
		"cut-off-by-another-in-lead": {fmt.Errorf("it ran out: %w", actions.ErrLostLease), 2, actions.Happened, "v1"},
	} {
		t.Run(name, func(t *testing.T) {
			y.create(t, name, object{"Image": "plain:v2"})
			step := func(settle time.Duration) actions.Step {
				return dockerStep(t, func(s *docker.Settings) {
					s.Host, s.Container, s.Image, s.MinHealthyTime = y.host, name, "plain:{{.To}}", model.Duration(settle)
				})
			}
			ctx, cut := context.WithCancelCause(t.Context())
			done := make(chan error, 1)
			go func() {
				_, err := step(time.Minute).Do(ctx, dockerCall(t, "v1"))
				done <- err
			}()
			actiontest.WaitFor(t, "the new container in its place", func() bool {
				return slices.Equal(y.names(t, name), []string{name, name + "-guardian-old-" + dockerCall(t, "v1").Intent})
			})
			cut(c.cause)
			if err := <-done; err == nil {
				t.Error("it says that it is done")
			}
			if left := y.names(t, name); len(left) != c.left {
				t.Errorf("left are %q, want %d", left, c.left)
			}
			if o, detail, err := step(0).Status(t.Context(), dockerCall(t, "v1")); err != nil || o != c.then {
				t.Errorf("asked: %s (%s), %v; want %s", o, detail, err, c.then)
			}
			if got := y.version(t, name); got != c.runs || len(y.names(t, name)) != 1 {
				t.Errorf("%q runs beside %q, want %s alone", got, y.names(t, name), c.runs)
			}
		})
	}
}

func (y *dockerHost) testCompose(t *testing.T) {
	t.Helper()
	labels := func(service string) object {
		return object{"com.docker.compose.project": "mall", "com.docker.compose.service": service, "com.docker.compose.oneoff": "False"}
	}
	for name, service := range map[string]string{"mall-shop-1": "shop", "mall-shop-2": "shop", "mall-db-1": "db"} {
		y.create(t, name, object{"Image": "plain:v2", "Labels": labels(service)})
	}
	step := dockerStep(t, func(s *docker.Settings) {
		s.Host, s.Image = y.host, "plain:{{.To}}"
		s.Compose = &docker.ComposeSettings{Project: "mall", Service: "shop"}
	})
	t.Run("go back together", func(t *testing.T) {
		if out, err := step.Do(t.Context(), dockerCall(t, "v1")); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		got := []string{y.version(t, "mall-shop-1"), y.version(t, "mall-shop-2"), y.version(t, "mall-db-1")}
		if want := []string{"v1", "v1", "v2"}; !slices.Equal(got, want) {
			t.Errorf("shop 1, shop 2, db run %v, want %v", got, want)
		}
		if get(y.inspect(t, "mall-shop-1"), "Config", "Labels", "com.docker.compose.service") != "shop" {
			t.Error("it is not compose's any more")
		}
	})
	t.Run("or not at all", func(t *testing.T) {
		call := dockerCall(t, "v2")
		call.Intent += "3"
		front := newFaultyProxy(t, y.host)
		// create, create, stop, rename, rename, start, then the second one's stop
		front.failAt(7, "refused")
		step := dockerStep(t, func(s *docker.Settings) {
			s.Host, s.Image = front.host, "plain:{{.To}}"
			s.Compose = &docker.ComposeSettings{Project: "mall", Service: "shop"}
		})
		if _, err := step.Do(t.Context(), call); err == nil || !front.failed() {
			t.Fatalf("error %v", err)
		}
		got := []string{y.version(t, "mall-shop-1"), y.version(t, "mall-shop-2")}
		if want := []string{"v1", "v1"}; !slices.Equal(got, want) {
			t.Errorf("shop 1 and 2 run %v, want %v", got, want)
		}
		if n := y.names(t, "mall-shop"); len(n) != 2 {
			t.Errorf("containers %v are left", n)
		}
	})
}

func (y *dockerHost) testRefusals(t *testing.T) {
	t.Helper()
	y.create(t, "refusal", object{"Image": "plain:v2"})
	y.create(t, "fleeting", object{"Image": "plain:v2", "HostConfig": object{"AutoRemove": true}})
	for name, c := range map[string]struct {
		change func(*docker.Settings)
		to     string
		want   string
	}{
		"an image that is not there stops nothing": {func(s *docker.Settings) { s.Container = "refusal" }, "v9", "image plain:v9 is not there, and pull is never"},
		"an image that cannot be pulled":           {func(s *docker.Settings) { s.Container, s.Pull = "refusal", "missing" }, "v9", "pull image plain:v9"},
		"a container that would not survive":       {func(s *docker.Settings) { s.Container = "fleeting" }, "v1", "--rm"},
		"a container that is not there":            {func(s *docker.Settings) { s.Container = "nobody" }, "v1", "there is no container nobody"},
		"a version that is an option":              {func(s *docker.Settings) { s.Container = "refusal" }, "--privileged", "no version has"},
	} {
		t.Run(name, func(t *testing.T) {
			step := dockerStep(t, func(s *docker.Settings) {
				s.Host, s.Image = y.host, "plain:{{.To}}"
				c.change(s)
			})
			_, err := step.Do(t.Context(), dockerCall(t, c.to))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want …%s…", err, c.want)
			}
			if y.version(t, "refusal") != "v2" || y.version(t, "fleeting") != "v2" {
				t.Error("the container does not run any more")
			}
		})
	}
}
