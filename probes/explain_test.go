package probes_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"guardian/internal/secret"
	"guardian/probes"
	"guardian/probes/sample"
)

// TestALookExplainsEachAssertion: Look stops at the first that does not hold, Explain goes on.
func TestALookExplainsEachAssertion(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"state": "late", "orders": 3, "key": %q}`, r.Header.Get("X-Api-Key"))
	}))
	t.Cleanup(s.Close)
	kind := probes.Builtin()["http"]
	settings := kind.Settings().(*probes.HTTPSettings)
	late, least := "ok", 1.0
	settings.URL = s.URL + "/health?token=query-secret-1"
	settings.Headers = map[string]secret.Secret{"X-Api-Key": secret.New("header-secret-1")}
	settings.Expect = probes.Expect{
		Headers: map[string]string{"Content-Type": "json"}, BodyContains: []string{"orders"}, BodyNotContains: []string{"error"},
		JSON: []probes.JSONAssertion{{Path: "state", Equals: &late}, {Path: "orders", Min: &least}},
	}
	p, err := kind.Build(settings, probes.Env{})
	if err != nil {
		t.Fatal(err)
	}
	o, all := p.(probes.Explainer).Explain(context.Background())
	if o.Health != sample.Down || !strings.Contains(o.Reason.String(), `json state is "late"`) {
		t.Errorf("%s %q, want down because of the state", o.Health, o.Reason)
	}
	var lines []string
	for _, a := range all {
		lines = append(lines, fmt.Sprintf("%t %s %s", a.Held, a.Text, a.Saw))
	}
	got := strings.Join(lines, "\n")
	for _, want := range []string{
		"true an answer comes", "true status is 2xx", "true header Content-Type matches json", `true body contains "orders"`,
		`true body does not contain "error"`, `false json state is "ok" json state is "late", want "ok"`, "true json orders is at least 1",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("it does not say %q:\n%s", want, got)
		}
	}
	if text := got + o.Reason.String() + o.Detail; strings.Contains(text, "secret-1") || !strings.Contains(o.Detail, "200 OK") {
		t.Errorf("a secret is told, or the detail is missing:\n%s", text)
	}
}
