package traffic_test

import (
	"strings"
	"testing"

	"guardian/actions"
	"guardian/actions/actiontest"
	"guardian/actions/traffic"
)

// byVersion gives blue the traffic of v1, and green that of all others.
const byVersion = `{{if eq .To "v1"}}blue{{else}}green{{end}}`

func sight(t *testing.T, s traffic.Settings, version string) (actions.Part, error) {
	t.Helper()
	sighted, ok := actions.Sees(step(t, s))
	if !ok {
		t.Fatal("the step cannot tell where the traffic goes")
	}
	c := actiontest.Call()
	c.Run.To, c.Run.From = version, version
	got, err := sighted.Sight(t.Context(), c)
	if err != nil {
		return actions.Part{}, err
	}
	return got.Parts[0], nil
}

func wantSight(t *testing.T, s traffic.Settings, want map[string]actions.Fit) {
	t.Helper()
	for version, fit := range want {
		if p, err := sight(t, s, version); err != nil || p.Fit != fit || p.Name == "" || p.Runs == "" || p.Should == "" {
			t.Errorf("%s: %+v, %v", version, p, err)
		}
	}
}

// The shares are held against the pool of the version; a pool that is always the same tells nothing.
func TestHAProxySharesAreHeldAgainstTheVersion(t *testing.T) {
	t.Parallel()
	h := startHAProxy(t)
	s := h.settings()
	if _, can := actions.Sees(step(t, s)); can {
		t.Error("a fixed pool says what a version gets")
	}
	s.Switch = byVersion
	before := h.weights(t)
	wantSight(t, s, map[string]actions.Fit{"v2": actions.Fits, "v1": actions.Differs})
	if p, err := sight(t, s, "v1"); err != nil || p.Should != "blue 100%" || !strings.Contains(p.Runs, "green") {
		t.Errorf("%+v, %v", p, err)
	}
	if h.weights(t) != before {
		t.Error("looking moved traffic")
	}
	s.HAProxy.Address = "unix:///nowhere/admin.sock"
	if _, err := sight(t, s, "v1"); err == nil {
		t.Error("a load balancer that is away tells where the traffic goes")
	}
}

// A file of a template is held against the version's, also when it is neither version's.
func TestNGINXFileIsHeldAgainstTheVersion(t *testing.T) {
	t.Parallel()
	n := startNGINX(t)
	s := n.settings()
	s.Switch = byVersion
	wantSight(t, s, map[string]actions.Fit{"v2": actions.Fits, "v1": actions.Differs})
	s.Servers, s.Switch, s.NGINX.Upstream = nil, "", ""
	s.NGINX.Template = `upstream shop { server {{if eq .To "v2"}}` + n.green.address + "{{else}}" + n.blue.address + "{{end}}; }\n"
	write(t, n.file, "upstream shop { server "+n.green.address+"; }")
	wantSight(t, s, map[string]actions.Fit{"v2": actions.Fits, "v1": actions.Differs})
	write(t, n.file, "upstream shop { server 127.0.0.1:1; } # hunter2\n")
	wantSight(t, s, map[string]actions.Fit{"v2": actions.Differs, "v1": actions.Differs})
	if p, _ := sight(t, s, "v1"); strings.Contains(p.Runs+p.Should, "hunter2") {
		t.Errorf("it shows what the file holds: %+v", p)
	}
}
