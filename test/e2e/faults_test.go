package e2e_test

import (
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestWhatCannotStartSaysWhy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, c := range map[string]struct {
		config func(g *guardian) string
		want   []string
	}{
		"a typo in a key": {
			func(*guardian) string {
				return strings.Replace(w.config(configOptions{}), "known_good:", "known_god:", 1)
			},
			[]string{"guardian.yaml:9:", "known_god", "known_good"},
		},
		"a port in use": {
			func(*guardian) string {
				return strings.Replace(w.config(configOptions{}), "LISTEN", strings.TrimPrefix(w.server.URL, "http://"), 1)
			},
			[]string{"server.listen", "address already in use"},
		},
		"a data folder that is a file": {
			func(g *guardian) string {
				g.Write("data", "not a folder")
				return w.config(configOptions{})
			},
			[]string{"data", "folder"},
		},
		"a rule on a metric that nothing makes": {
			func(g *guardian) string {
				g.Write("rules.yaml", "groups: [{name: g, rules: [{alert: A, expr: 'probe_sucess == 0'}]}]")
				return w.config(configOptions{})
			},
			[]string{"rules.yaml:1", "probe_sucess", "probe_success"},
		},
		"a secret that is not there": {
			func(*guardian) string {
				return strings.Replace(w.config(configOptions{}), "secret: SECe2e", `secret: "${env:NO_SUCH_SECRET}"`, 1)
			},
			[]string{"NO_SUCH_SECRET"},
		},
		"an open address without tokens": {
			func(*guardian) string { return strings.Replace(w.config(configOptions{}), "LISTEN", `"0.0.0.0:0"`, 1) },
			[]string{"server.listen", "token"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGuardian(t, "", map[string]string{"rules.yaml": noRules})
			g.Write("guardian.yaml", strings.Replace(c.config(g), "LISTEN", "127.0.0.1:0", 1))
			said, code := g.Fails()
			if code != 2 {
				t.Errorf("exit %d, want 2", code)
			}
			for _, want := range c.want {
				if !strings.Contains(said, want) {
					t.Errorf("it does not say %q:\n%s", want, said)
				}
			}
		})
	}
}

func TestBadRequestsAreAnsweredAndChangeNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := newGuardian(t, w.config(configOptions{}), map[string]string{"rules.yaml": noRules})
	g.Start()
	for name, c := range map[string]struct {
		body   string
		status int
		want   string
	}{
		"no JSON":            {`{"service": `, 400, "problem"},
		"an unknown service": {`{"service": "order-snyc", "version": "v2"}`, 404, "order-sync"},
		"an unknown field":   {`{"service": "order-sync", "version": "v2", "previus_version": "v1"}`, 422, "previous_version"},
		"no version":         {`{"service": "order-sync"}`, 422, "/version"},
		"too large":          {`{"service": "order-sync", "version": "` + strings.Repeat("v", 100<<10) + `"}`, 413, ""},
	} {
		t.Run(name, func(t *testing.T) {
			resp, err := http.Post(g.URL+"/api/v1/deploys", "application/json", strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			b := make([]byte, 4096)
			n, _ := resp.Body.Read(b)
			if resp.StatusCode != c.status || !strings.Contains(resp.Header.Get("Content-Type")+string(b[:n]), c.want) {
				t.Errorf("%d %s, want %d and %q", resp.StatusCode, b[:n], c.status, c.want)
			}
		})
	}
	var l struct{ Deploys []any }
	g.Call(http.MethodGet, "/api/v1/deploys", nil, &l)
	if len(l.Deploys) != 0 {
		t.Errorf("a bad request left %d deploys behind", len(l.Deploys))
	}
}

func TestTheSameKeyIsTheSameDeploy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := newGuardian(t, w.config(configOptions{}), map[string]string{"rules.yaml": noRules})
	g.Start()
	announce := func(body string) (int, string) {
		req, err := http.NewRequest(http.MethodPost, g.URL+"/api/v1/deploys", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Idempotency-Key", "build-1")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b := make([]byte, 8192)
		n, _ := resp.Body.Read(b)
		return resp.StatusCode, string(b[:n])
	}
	s1, b1 := announce(`{"service": "order-sync", "version": "v2"}`)
	g.Kill()
	g.Start()
	s2, b2 := announce(`{"service": "order-sync", "version": "v2"}`)
	if s1 != 201 || s2 != 201 || b1 != b2 {
		t.Errorf("the same key was answered %d %s\nthen %d %s", s1, b1, s2, b2)
	}
	if s, _ := announce(`{"service": "order-sync", "version": "v3"}`); s != 422 {
		t.Errorf("another body under the same key was answered %d, want 422", s)
	}
}

func TestAReloadKeepsWhatDidNotChangeAndABadOneChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rules := `
groups:
  - name: api
    interval: 1s
    rules:
      - {alert: ApiDown, expr: 'probe_success{check="service"} == 0', labels: {tier: critical, service: order-sync}}
`
	good := w.config(configOptions{})
	g := newGuardian(t, good, map[string]string{"rules.yaml": rules})
	g.Start()
	g.Up("service")
	id := g.Deploy("v2", nil)
	eventually(t, "looks", func() bool { return samplesOf(g.Watch(id)) >= 3 })
	before := samplesOf(g.Watch(id))

	text, err := os.ReadFile(g.File)
	if err != nil {
		t.Fatal(err)
	}
	g.Write("guardian.yaml", strings.Replace(string(text), "services:", "servises:", 1))
	g.Signal(syscall.SIGHUP)
	eventually(t, "the refusal in the log", func() bool { return strings.Contains(g.Log.String(), "was not reloaded") })
	if err := g.Try(http.MethodPost, "/-/reload", map[string]any{}, nil); err == nil || !strings.Contains(err.Error(), "servises") {
		t.Errorf("a bad reload over HTTP was answered %v, want the mistake", err)
	}

	g.Write("guardian.yaml", strings.Replace(string(text), "checks:\n", "checks:\n  - {name: more, service: order-sync, every: 200ms, http: {url: \""+w.server.URL+"/service\"}}\n", 1))
	g.Signal(syscall.SIGHUP)
	g.Up("more")
	v := g.Watch(id)
	if v.State != "watching" || samplesOf(v) < before {
		t.Errorf("after the reload the watch is %s with %d looks, before it had %d", v.State, samplesOf(v), before)
	}
}

func TestATargetThatHangsOrSendsWithoutEndIsDownAndHarmsNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	mux := http.NewServeMux()
	mux.HandleFunc("/hangs", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.HandleFunc("/endless", func(rw http.ResponseWriter, r *http.Request) {
		b := make([]byte, 64<<10)
		for r.Context().Err() == nil {
			if _, err := rw.Write(b); err != nil {
				return
			}
		}
	})
	target := newServer(t, mux)
	checks := `
  - {name: hangs, service: order-sync, every: 1s, timeout: 300ms, http: {url: "` + target + `/hangs"}}
  - {name: endless, service: order-sync, every: 1s, timeout: 900ms, http: {url: "` + target + `/endless"}}
`
	g := newGuardian(t, w.config(configOptions{checks: checks}), map[string]string{"rules.yaml": noRules})
	g.Start()
	for _, check := range []string{"hangs", "endless"} {
		eventually(t, check+" is down", func() bool { return g.Query(`probe_success{check="`+check+`"} == 0`) == 1 })
	}
	g.Up("service")
}
