package docker_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"guardian/actions"
	"guardian/actions/actiontest"
	"guardian/actions/docker"
	"guardian/internal/secret"
)

// project is a compose project of three services: web depends on api, and api on db.
type project struct {
	*dockerHost
	name string
}

// newProject creates the containers of a project as Docker Compose labels them.
func (y *dockerHost) newProject(t *testing.T, name, image string) project {
	t.Helper()
	p := project{y, name}
	for service, needs := range map[string]string{"web": "api:service_healthy:true", "api": "db:service_healthy:false", "db": ""} {
		y.create(t, p.container(service), object{"Image": image, "Labels": object{
			"com.docker.compose.project": name, "com.docker.compose.service": service,
			"com.docker.compose.oneoff": "False", "com.docker.compose.depends_on": needs,
		}})
	}
	return p
}

func (p project) container(service string) string { return p.name + "-" + service + "-1" }

// versions are those of db, api and web.
func (p project) versions(t *testing.T) []string {
	t.Helper()
	return []string{p.version(t, p.container("db")), p.version(t, p.container("api")), p.version(t, p.container("web"))}
}

func (p project) ids(t *testing.T) []any {
	t.Helper()
	var ids []any
	for _, service := range []string{"db", "api", "web"} {
		ids = append(ids, p.inspect(t, p.container(service))["Id"])
	}
	return ids
}

func (p project) step(t *testing.T, change func(*docker.ProjectSettings)) actions.Step {
	t.Helper()
	return p.stepWith(t, nil, change)
}

// stepWith makes a step that knows what was recorded.
func (p project) stepWith(t *testing.T, known actions.Sightings, change func(*docker.ProjectSettings)) actions.Step {
	t.Helper()
	s := docker.Compose().Settings().(*docker.ProjectSettings)
	s.Host, s.Project, s.Pull = p.host, p.name, docker.PullNever
	s.MinHealthyTime, s.HealthyDeadline = 0, model.Duration(3*time.Minute)
	s.Images = map[string]string{"web": "shop:{{.To}}", "api": "shop:{{.To}}", "db": "shop:{{.To}}"}
	if change != nil {
		change(s)
	}
	env := actiontest.Env()
	env.Sightings = known
	return actiontest.Build(t, docker.Compose(), s, env)
}

// plainImages are those without a health check.
func plainImages() map[string]string {
	return map[string]string{"web": "plain:{{.To}}", "api": "plain:{{.To}}", "db": "plain:{{.To}}"}
}

func (y *dockerHost) testProject(t *testing.T) {
	t.Helper()
	t.Run("goes back in order, each when those before it are healthy", func(t *testing.T) {
		t.Parallel()
		p := y.newProject(t, "ordered", "shop:v2")
		plan, err := p.step(t, nil).(actions.Planner).Plan(t.Context(), dockerCall(t, "v1"))
		if err != nil {
			t.Fatal(err)
		}
		in := func(text string, words ...string) {
			t.Helper()
			rest := text
			for _, w := range words {
				_, after, ok := strings.Cut(rest, w)
				if !ok {
					t.Errorf("%q does not follow in\n%s", w, text)
				}
				rest = after
			}
		}
		in(plan.String(), "ordered-db-1", "shop:v2", "shop:v1", "ordered-api-1", "ordered-web-1")
		out, err := p.step(t, nil).Do(t.Context(), dockerCall(t, "v1"))
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		in(out, "ordered-db-1 runs shop:v1", "ordered-api-1 runs shop:v1", "ordered-web-1 runs shop:v1")
		if got := p.versions(t); !slices.Equal(got, []string{"v1", "v1", "v1"}) || len(y.names(t, "ordered")) != 3 {
			t.Errorf("db, api, web run %v; containers %v", got, y.names(t, "ordered"))
		}
		began := func(service string) time.Time {
			at, err := time.Parse(time.RFC3339Nano, get(p.inspect(t, p.container(service)), "State", "StartedAt").(string))
			if err != nil {
				t.Fatal(err)
			}
			return at
		}
		// A health check comes 200 ms after the start, and its answer is waited for.
		for _, pair := range [][2]string{{"db", "api"}, {"api", "web"}} {
			if between := began(pair[1]).Sub(began(pair[0])); between < 200*time.Millisecond {
				t.Errorf("%s began %s after %s, which cannot have been healthy", pair[1], between, pair[0])
			}
		}
		if again, err := p.step(t, nil).Do(t.Context(), dockerCall(t, "v1")); err != nil || !strings.Contains(again, "nothing to do") {
			t.Errorf("again: %v\n%s", err, again)
		}
	})
	t.Run("or not at all", func(t *testing.T) {
		t.Parallel()
		p := y.newProject(t, "whole", "plain:v2")
		before := p.ids(t)
		out, err := p.step(t, func(s *docker.ProjectSettings) { s.Images = plainImages(); s.Images["web"] = "shop:unhealthy" }).Do(t.Context(), dockerCall(t, "v1"))
		if err == nil || errors.Is(err, actions.ErrUnclear) || !strings.Contains(err.Error(), "whole-web-1: its health check fails") || !strings.Contains(err.Error(), "500 Internal Server Error") || !strings.Contains(out, "whole-db-1 is as it was") {
			t.Errorf("error %v\n%s", err, out)
		}
		if now := p.ids(t); !slices.Equal(now, before) || !slices.Equal(p.versions(t), []string{"v2", "v2", "v2"}) || len(y.names(t, "whole")) != 3 {
			t.Errorf("now %v, before %v, containers %v", now, before, y.names(t, "whole"))
		}
	})
	t.Run("and leaves what has its image", func(t *testing.T) {
		t.Parallel()
		p := y.newProject(t, "partly", "plain:v2")
		before := p.ids(t)
		step := p.step(t, func(s *docker.ProjectSettings) { s.Images = plainImages(); s.Images["db"] = "plain:v2" })
		out, err := step.Do(t.Context(), dockerCall(t, "v1"))
		if now := p.ids(t); err != nil || now[0] != before[0] || !slices.Equal(p.versions(t), []string{"v2", "v1", "v1"}) {
			t.Errorf("%v: db was %v and is %v\n%s", err, before[0], now[0], out)
		}
		if o, detail, err := step.Status(t.Context(), dockerCall(t, "v1")); o != actions.Happened || err != nil {
			t.Errorf("asked: %s (%s), %v", o, detail, err)
		}
	})
	t.Run("a service that is not there stops nothing", func(t *testing.T) {
		t.Parallel()
		p := y.newProject(t, "lacking", "plain:v2")
		_, err := p.step(t, func(s *docker.ProjectSettings) { s.Images = plainImages(); s.Images["queue"] = "plain:v1" }).Do(t.Context(), dockerCall(t, "v1"))
		if err == nil || !strings.Contains(err.Error(), "service queue") || !slices.Equal(p.versions(t), []string{"v2", "v2", "v2"}) {
			t.Errorf("error %v", err)
		}
	})
}

// testProjectContract is the contract of a step, on a project.
func (y *dockerHost) testProjectContract(t *testing.T) {
	t.Helper()
	actiontest.Run(t, func(t *testing.T) actiontest.Target {
		t.Helper()
		p := y.newProject(t, strings.ToLower(dockerCall(t, "v1").Run.ID), "plain:v2")
		front := newFaultyProxy(t, y.host)
		return actiontest.Target{
			Step: p.step(t, func(s *docker.ProjectSettings) {
				s.Host, s.Images = front.host, plainImages()
				s.Registry = &docker.RegistrySettings{Username: "guardian", Password: secret.New("hunter2-registry")}
			}),
			Call: dockerCall(t, "v1"),
			Effects: func() int {
				if slices.Equal(p.versions(t), []string{"v1", "v1", "v1"}) {
					return 1
				}
				return 0
			},
			Break:        func() { front.refuse("hunter2-registry") },
			Secrets:      []string{"hunter2-registry"},
			KnowsOutcome: true, Deduplicates: true,
		}
	})
}

// testProjectKilled kills the guardian at every third request that changes something, which meets each
// kind of request at some service: the project is of one version when it was asked, and the next kill begins
// with it.
func (y *dockerHost) testProjectKilled(t *testing.T) {
	t.Helper()
	runs, to := "v2", "v1"
	p := y.newProject(t, "killed", "plain:"+runs)
	front := newFaultyProxy(t, y.host)
	guardian := func() actions.Step {
		return p.step(t, func(s *docker.ProjectSettings) {
			s.Host, s.Images = front.host, plainImages()
		})
	}
	for n := 1; ; n += 3 {
		call := dockerCall(t, to)
		call.Intent += fmt.Sprint("-", n)
		front.failAt(n, "killed")
		_, err := guardian().Do(t.Context(), call)
		if !front.failed() {
			if err != nil || n < 18 {
				t.Errorf("after %d requests: %v", n-1, err)
			}
			return
		}
		front.repair()
		o, detail, err := guardian().Status(t.Context(), call)
		if o == actions.Happened {
			runs, to = to, runs
		}
		if got := p.versions(t); err != nil || o != actions.Happened && o != actions.NotHappened || !slices.Equal(got, []string{runs, runs, runs}) || len(y.names(t, p.name+"-")) != 3 {
			t.Fatalf("point %d: asked: %s (%s), %v; db, api, web run %v, containers %v", n, o, detail, err, got, y.names(t, p.name+"-"))
		}
	}
}

// The file that people copy takes a project back.
func (y *dockerHost) testProjectExample(t *testing.T) {
	t.Helper()
	example := actiontest.Example(t, "compose", nil, strings.NewReplacer("unix:///var/run/docker.sock", y.host, "project: shop", "project: example",
		"web: registry.example.com/shop-web", "web: shop", "api: registry.example.com/shop-api", "api: shop",
		"worker: registry.example.com/shop-worker", "db: shop").Replace)
	p := y.newProject(t, "example", "shop:v2")
	began := time.Now()
	out, err := example.Step.Do(t.Context(), dockerCall(t, "v1"))
	if got := p.versions(t); err != nil || !slices.Equal(got, []string{"v1", "v1", "v1"}) {
		t.Errorf("%v: db, api, web run %v\n%s", err, got, out)
	}
	t.Logf("three services went back in %s", time.Since(began).Round(time.Millisecond))
}
