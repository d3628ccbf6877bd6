package docker_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guardian/actions"
	"guardian/actions/actiontest"
	"guardian/actions/docker"
)

// hub starts a container with sidecars of each kind, and gives their names. prefix is unique.
func (y *dockerHost) hub(t *testing.T, prefix string) (hub string, sidecars map[string]string) {
	t.Helper()
	hub = prefix + "-hub"
	y.create(t, hub, object{"Image": "shop:v2", "HostConfig": object{"IpcMode": "shareable"}})
	id := y.inspect(t, hub)["Id"].(string)
	host := func(settings object) object {
		return object{"Image": "plain:v1", "Env": []string{"LISTEN=127.0.0.1:0"}, "HostConfig": settings}
	}
	sidecars = map[string]string{}
	add := func(name, way string, config object, state string) {
		name = prefix + "-" + name
		sidecars[name] = way
		y.make(t, name, config)
		if state != "created" {
			y.must(t, "POST", "/containers/"+name+"/start", nil, nil)
		}
		if state == "paused" {
			y.must(t, "POST", "/containers/"+name+"/pause", nil, nil)
		}
	}
	add("network", "uses the network of "+hub, host(object{"NetworkMode": "container:" + hub}), "")
	add("pid", "uses the PID namespace of "+hub, host(object{"PidMode": "container:" + id}), "")
	add("ipc", "uses the IPC namespace of "+hub, host(object{"IpcMode": "container:" + hub}), "")
	add("linked", "is linked to "+hub, host(object{"Links": []string{hub + ":shop"}}), "")
	add("volumes", "takes the volumes of "+hub+" by its ID", host(object{"VolumesFrom": []string{id + ":ro"}}), "")
	// Sidecars of a sidecar, of two containers, stopped and paused.
	add("both", "uses the PID namespace of "+prefix+"-network", host(object{"NetworkMode": "container:" + hub, "PidMode": "container:" + prefix + "-network"}), "")
	add("stopped", "uses the network of "+hub, host(object{"NetworkMode": "container:" + hub}), "created")
	add("paused", "uses the network of "+hub, host(object{"NetworkMode": "container:" + hub}), "paused")
	return hub, sidecars
}

// planOf gives what a step of a runbook would do to put a version back.
func planOf(t *testing.T, step actions.Step, to string) actions.StepPreview {
	t.Helper()
	book := &actions.Runbook{Steps: []actions.RunbookStep{{Name: "back", Kind: "docker", Timeout: 3 * time.Minute, Step: step}}}
	previews := make([]actions.StepPreview, 1)
	book.Plan(t.Context(), actions.Run{To: to}, previews)
	return previews[0]
}

// named puts names in the place of the IDs of containers.
func (y *dockerHost) named(t *testing.T, c object) object {
	t.Helper()
	var names []string
	var list []struct {
		ID    string `json:"Id"`
		Names []string
	}
	y.must(t, "GET", "/containers/json?all=1", nil, &list)
	for _, l := range list {
		own := slices.MinFunc(l.Names, func(a, b string) int { return strings.Count(a, "/") - strings.Count(b, "/") })
		names = append(names, l.ID, strings.TrimPrefix(own, "/"), l.ID[:12], strings.TrimPrefix(own, "/"))
	}
	r := strings.NewReplacer(names...)
	c = comparable(c)
	host := maps.Clone(c["HostConfig"].(object))
	for _, k := range []string{"NetworkMode", "PidMode", "IpcMode"} {
		host[k] = r.Replace(host[k].(string))
	}
	if from, ok := host["VolumesFrom"].([]any); ok {
		host["VolumesFrom"] = r.Replace(from[0].(string))
	}
	c["HostConfig"] = host
	// The host name of a container in another's network is the other's.
	if config := c["Config"].(object); config["Hostname"] != nil {
		config["Hostname"] = r.Replace(config["Hostname"].(string))
	}
	return c
}

// testSidecars re-creates a container with all its sidecars, which are as they were, in the new
// container's namespaces.
func (y *dockerHost) testSidecars(t *testing.T) {
	t.Helper()
	hub, sidecars := y.hub(t, "side")
	y.create(t, "side-by-name", object{"Image": "plain:v1", "HostConfig": object{"VolumesFrom": []string{hub}}})
	y.create(t, "side-other", object{"Image": "plain:v1"})
	before := map[string]object{}
	for _, n := range y.names(t, "side-") {
		if !strings.Contains(n, "/") {
			before[n] = y.named(t, y.inspect(t, n))
		}
	}
	untouched := []any{y.inspect(t, "side-by-name")["Id"], y.inspect(t, "side-other")["Id"]}
	step := dockerStep(t, func(s *docker.Settings) { s.Host, s.Container, s.Image = y.host, hub, "shop:{{.To}}" })
	plan := planOf(t, step, "v1")
	if !plan.Refused.IsZero() {
		t.Fatal(plan.Refused)
	}
	for name, way := range sidecars {
		if !strings.Contains(plan.Plan.String(), "container "+name+" is re-created with it") || !strings.Contains(plan.Plan.String(), way) {
			t.Errorf("the plan does not say that %s is re-created because it %s:\n%s", name, way, plan.Plan)
		}
	}
	for _, name := range []string{"side-by-name", "side-other"} {
		if strings.Contains(plan.Plan.String(), name) {
			t.Errorf("the plan names %s, which needs nothing:\n%s", name, plan.Plan)
		}
	}
	out, err := step.Do(t.Context(), dockerCall(t, "v1"))
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for name, want := range before {
		if d := cmp.Diff(want, y.named(t, y.inspect(t, name))); d != "" {
			t.Errorf("%s (-before +after)\n%s", name, d)
		}
	}
	if got := []any{y.inspect(t, "side-by-name")["Id"], y.inspect(t, "side-other")["Id"]}; !slices.Equal(got, untouched) {
		t.Error("a container was re-created that does not depend on it")
	}
	if v := y.version(t, hub); v != "v1" {
		t.Errorf("%s runs %q", hub, v)
	}
	if left := y.names(t, "side-"); slices.ContainsFunc(left, func(n string) bool { return strings.Contains(n, "-guardian-") }) {
		t.Errorf("containers %v are left", left)
	}
}

// testSidecarsPutBack replaces a container by one that ends at once: all are put back as they were.
func (y *dockerHost) testSidecarsPutBack(t *testing.T) {
	t.Helper()
	hub, sidecars := y.hub(t, "back")
	before := map[string]object{hub: y.inspect(t, hub)}
	for n := range sidecars {
		before[n] = y.inspect(t, n)
	}
	step := dockerStep(t, func(s *docker.Settings) { s.Host, s.Container, s.Image = y.host, hub, "shop:{{.To}}" })
	out, err := step.Do(t.Context(), dockerCall(t, "exits"))
	if err == nil || !strings.Contains(err.Error(), "container "+hub+": it is exited: exit status 3") || !strings.Contains(err.Error(), "put back") {
		t.Fatalf("%v\n%s", err, out)
	}
	for name, was := range before {
		c := y.inspect(t, name)
		if c["Id"] != was["Id"] || get(c, "State", "Status") != get(was, "State", "Status") {
			t.Errorf("%s is %v (%v), want it as it was: %v (%v)", name, c["Id"], get(c, "State", "Status"), was["Id"], get(was, "State", "Status"))
		}
	}
	if left := y.names(t, "back-"); slices.ContainsFunc(left, func(n string) bool { return strings.Contains(n, "-guardian-") }) {
		t.Errorf("containers %v are left", left)
	}
	y.create(t, "back-debug", object{"Image": "plain:v1", "Env": []string{"LISTEN=127.0.0.1:0"}, "HostConfig": object{"NetworkMode": "container:" + hub, "AutoRemove": true}})
	if plan := planOf(t, step, "v1"); !strings.Contains(plan.Refused.String(), "container back-debug,") {
		t.Errorf("the plan says %q, want that back-debug would be gone", plan.Refused)
	}
	if _, err := step.Do(t.Context(), dockerCall(t, "v1")); err == nil || !strings.Contains(err.Error(), "container back-debug, which uses the network of back-hub, was started with --rm and would be gone") {
		t.Errorf("error %v, want that back-debug would be gone", err)
	}
	if y.inspect(t, hub)["Id"] != before[hub]["Id"] || y.version(t, "back-debug") != "v1" {
		t.Error("it was touched")
	}
	accepts := dockerStep(t, func(s *docker.Settings) {
		s.Host, s.Container, s.Image, s.AcceptLoss = y.host, hub, "shop:{{.To}}", []string{"back-debug"}
	})
	if out, err := accepts.Do(t.Context(), dockerCall(t, "v1")); err != nil || y.version(t, hub) != "v1" {
		t.Errorf("%v\n%s", err, out)
	}
}

// testSidecarAlone re-creates a container that does not run and whose sidecar does. When it crashed the
// sidecar is started again with it; when people stopped it the sidecar could not be.
func (y *dockerHost) testSidecarAlone(t *testing.T) {
	t.Helper()
	for name, c := range map[string]struct{ how, want string }{
		"alone-crashed": {"kill?signal=USR2", ""},
		"alone-stopped": {"stop", "container alone-stopped-side runs and uses the network of alone-stopped, and alone-stopped does not run"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			y.create(t, name, object{"Image": "plain:v2"})
			y.create(t, name+"-side", object{"Image": "plain:v1", "Env": []string{"LISTEN=127.0.0.1:0"}, "HostConfig": object{"NetworkMode": "container:" + name}})
			y.must(t, "POST", "/containers/"+name+"/"+c.how, nil, nil)
			actiontest.WaitFor(t, "it to end", func() bool { return get(y.inspect(t, name), "State", "Status") == "exited" })
			step := dockerStep(t, func(s *docker.Settings) { s.Host, s.Container, s.Image = y.host, name, "plain:{{.To}}" })
			out, err := step.Do(t.Context(), dockerCall(t, "v1"))
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) || y.version(t, name+"-side") != "v1" {
					t.Errorf("error %v, want …%s… and nothing touched", err, c.want)
				}
				return
			}
			if err != nil || y.version(t, name) != "v1" || y.version(t, name+"-side") != "v1" {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// testSidecarEveryPoint kills the guardian at each request that changes something: asked, the engine
// tells whether both containers are the new ones or both the old ones. What each kill leaves the next one
// begins with.
func (y *dockerHost) testSidecarEveryPoint(t *testing.T) {
	t.Helper()
	const prefix = "edge"
	runs, to := "v2", "v1"
	y.create(t, prefix+"-main", object{"Image": "plain:" + runs})
	y.create(t, prefix+"-side", object{"Image": "plain:v1", "Env": []string{"LISTEN=127.0.0.1:0"}, "HostConfig": object{"NetworkMode": "container:" + prefix + "-main"}})
	front := newFaultyProxy(t, y.host)
	guardian := func() actions.Step {
		return dockerStep(t, func(s *docker.Settings) {
			s.Host, s.Container, s.Image = front.host, prefix+"-main", "plain:{{.To}}"
		})
	}
	for n := 1; ; n++ {
		call := dockerCall(t, to)
		call.Intent += fmt.Sprint("-", n)
		front.failAt(n, "killed")
		_, err := guardian().Do(t.Context(), call)
		if !front.failed() {
			if err != nil || n < 12 {
				t.Errorf("nothing failed at %d, and %v", n, err)
			}
			return
		}
		front.repair()
		o, detail, err := guardian().Status(t.Context(), call)
		if err != nil || o != actions.Happened && o != actions.NotHappened {
			t.Fatalf("point %d: asked: %s (%s), %v", n, o, detail, err)
		}
		if o == actions.Happened {
			runs, to = to, runs
		}
		main, side := y.inspect(t, prefix+"-main"), y.inspect(t, prefix+"-side")
		if y.version(t, prefix+"-main") != runs || get(side, "State", "Running") != true || get(side, "HostConfig", "NetworkMode") != "container:"+main["Id"].(string) {
			t.Fatalf("point %d: %s: %s runs, its sidecar is %v in %v, want it in the network of %v", n, o, y.version(t, prefix+"-main"), get(side, "State", "Status"), get(side, "HostConfig", "NetworkMode"), main["Id"])
		}
		if left := y.names(t, prefix); len(left) != 2 {
			t.Fatalf("point %d: containers %v are left", n, left)
		}
	}
}
