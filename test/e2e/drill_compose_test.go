package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	engines "guardian/test/docker"
)

// staging is a compose project of three services on a Docker engine: web depends on api, and api on db. Each
// runs a version; a version that begins with "broken" is healthy for Docker and loses orders.
type staging struct {
	t      *testing.T
	engine engines.Engine
	ports  map[string]int // that the services publish
}

const shopImage = `FROM scratch
COPY shop /shop
ENV VERSION=%s
HEALTHCHECK --interval=200ms --timeout=1m --retries=3 CMD ["/shop", "health"]
ENTRYPOINT ["/shop"]
`

func newStaging(t *testing.T) *staging {
	t.Helper()
	s := &staging{t: t, engine: engines.Start(t), ports: map[string]int{"db": 18001, "api": 18002, "web": 18003}}
	shop := engines.Program(t, "guardian/test/docker/shop")
	for _, version := range []string{"v1", "broken"} {
		engines.Build(t, s.engine.Host, "shop:"+version, fmt.Sprintf(shopImage, version), shop)
	}
	type object = map[string]any
	for _, service := range []struct{ name, needs string }{{"db", ""}, {"api", "db:service_healthy:true"}, {"web", "api:service_healthy:true"}} {
		name := "staging-" + service.name + "-1"
		at := []object{{"HostIp": "127.0.0.1", "HostPort": fmt.Sprint(s.ports[service.name])}}
		if status := engines.Call(t, s.engine.Host, http.MethodPost, "/containers/create?name="+name, object{
			"Image": "shop:v1", "ExposedPorts": object{"8080/tcp": object{}}, "HostConfig": object{"PortBindings": object{"8080/tcp": at}},
			"Labels": object{
				"com.docker.compose.project": "staging", "com.docker.compose.service": service.name,
				"com.docker.compose.oneoff": "False", "com.docker.compose.depends_on": service.needs,
			},
		}, nil); status >= 400 {
			t.Fatalf("create %s: %d", name, status)
		}
		if status := engines.Call(t, s.engine.Host, http.MethodPost, "/containers/"+name+"/start", nil, nil); status >= 400 {
			t.Fatalf("start %s: %d", name, status)
		}
	}
	return s
}

// versions are those that answer, of db, api and web; "" for one that does not.
func (s *staging) versions() string {
	var all []string
	for _, service := range []string{"db", "api", "web"} {
		var answer struct{ Version string }
		if res, err := s.engine.Client().Get(fmt.Sprintf("http://127.0.0.1:%d/", s.ports[service])); err == nil {
			_ = json.NewDecoder(res.Body).Decode(&answer)
			_ = res.Body.Close()
		}
		all = append(all, answer.Version)
	}
	return strings.Join(all, " ")
}

// ServeHTTP says how orders go: they are lost while one of the three runs a broken version, or none.
func (s *staging) ServeHTTP(rw http.ResponseWriter, _ *http.Request) {
	if v := s.versions(); v != "v1 v1 v1" {
		http.Error(rw, "db, api, web run "+v, http.StatusInternalServerError)
	}
}

// A drill of a compose project of three services: a bad version is really deployed, found, and rolled back.
func TestADrillOfAComposeProject(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := newStaging(t)
	step := func(version string) string {
		images := fmt.Sprintf("web: %[1]q, api: %[1]q, db: %[1]q", "shop:"+version)
		return "compose: {host: " + s.engine.Host + ", project: staging, pull: never, min_healthy_time: 300ms, images: {" + images + "}}"
	}
	text := strings.Replace(w.config(configOptions{extra: `
  - name: back-staging
    steps: [{` + step("{{.To}}") + `}]
    verify: {for: 1m, every: 200ms, successes: 2}
drills:
  - name: compose
    service: shop-staging
    version: broken
    inject: [{` + step("{{.To}}") + `}]
    restore: [{` + step("{{.To}}") + `}]
`}), "\nchecks:\n  - name: service\n", `
  - name: shop-staging
    environment: staging
    production: false
    watch: {for: 10m, mode: auto, min_samples: 5, max_blind: 0s}
    rollback: back-staging
    known_good: [v1]
checks:
  - {name: orders, service: shop-staging, every: 500ms, blind_after: 1m, http: {url: "`+newServer(t, s)+`"}}
  - name: service
`, 1)
	g := newGuardian(t, text, map[string]string{"rules.yaml": noRules})
	g.Start()
	g.Up("orders")
	out, said, code := shell(t, g, "drill", "shop-staging", "--wait")
	if code != 0 || !strings.Contains(out, "verdict to first step: ") {
		t.Fatalf("it ended with %d: %s%s", code, out, said)
	}
	t.Logf("\n%s", out)
	var all struct{ Drills []drillView }
	g.Call(http.MethodGet, "/api/v1/drills", nil, &all)
	d := all.Drills[0]
	if d.Cure <= 0 { // how long it takes is in the log above: a busy machine needs longer than the 30 s that are wanted
		t.Error("it does not say how long it took from the verdict until cured")
	}
	if v := s.versions(); v != "v1 v1 v1" {
		t.Errorf("db, api, web run %s", v)
	}
	run := g.RunState(d.Rollback, "cured")
	if len(run.Steps) != 1 || run.Steps[0].State != "done" {
		t.Errorf("its rollback: %+v", run.Steps)
	}
}
