package probes_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"guardian/internal/reason"
	"guardian/internal/secret"
	"guardian/probes"
	"guardian/probes/sample"
)

// What differs is a number for rules; while it is not known nothing is said, so that nothing fires and nothing resolves.
func TestDrift(t *testing.T) {
	same := probes.Compared{Step: "web", Known: true}
	differs := probes.Compared{Step: "web", Known: true, Differs: true, Runs: "shop: shop:v3", Should: "shop: shop:v2"}
	away := probes.Compared{Step: "db", Why: reason.Text("no answer with hunter2-token")}
	drift := func(v float64, labels ...string) sample.Value {
		m := map[string]string{}
		for i := 0; i < len(labels); i += 2 {
			m[labels[i]] = labels[i+1]
		}
		return sample.Value{Name: "drift", Labels: m, V: v}
	}
	for name, c := range map[string]struct {
		found  probes.Comparison
		err    error
		health sample.Health
		values []sample.Value
		says   []string
	}{
		"as it should be":       {found: probes.Comparison{Version: "v2", Steps: []probes.Compared{same}}, health: sample.Up, values: []sample.Value{drift(0, "step", "web")}},
		"something else":        {found: probes.Comparison{Version: "v2", Steps: []probes.Compared{differs}}, health: sample.Up, values: []sample.Value{drift(1, "step", "web", "runs", "shop: shop:v3", "should", "shop: shop:v2")}, says: []string{"web: shop: shop:v3 runs, and with v2 it should be shop: shop:v2"}},
		"one target is away":    {found: probes.Comparison{Version: "v2", Steps: []probes.Compared{differs, away}}, says: []string{"db: no answer", "shop:v3"}},
		"nobody can tell":       {found: probes.Comparison{Version: "v2", Steps: []probes.Compared{{Step: "web"}}}, says: []string{"no target can tell"}},
		"one of two can tell":   {found: probes.Comparison{Version: "v2", Steps: []probes.Compared{{Step: "db"}, same}}, health: sample.Up, values: []sample.Value{drift(0, "step", "web")}},
		"during a watch":        {found: probes.Comparison{Version: "v2", Why: reason.New("drift_watch", "version", "v2"), Steps: []probes.Compared{differs}}, says: []string{"while the deploy of v2 is watched"}},
		"nothing was announced": {health: sample.Up},
		"the journal is away":   {err: errors.New("no journal for hunter2-token"), says: []string{"no journal"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := &secret.Redactor{}
			r.Learn(secret.New("hunter2-token"))
			p := build(t, "drift", probes.Env{Check: "shop-drift", Service: "shop", Redactor: r, Compare: func(_ context.Context, service string) (probes.Comparison, error) {
				if service != "shop" {
					t.Errorf("asked about %q", service)
				}
				return c.found, c.err
			}}, func(*probes.DriftSettings) {})
			o := p.Look(t.Context())
			if diff := cmp.Diff(c.values, o.Values); diff != "" || o.Health != c.health || o.Version != "" || len(c.says) == 0 && !o.Reason.IsZero() {
				t.Errorf("%s (%s), (-want +got):\n%s", o.Health, o.Reason, diff)
			}
			for _, want := range c.says {
				if text := o.Reason.String(); !strings.Contains(text, want) || strings.Contains(text, "hunter2") {
					t.Errorf("%q does not say %q", text, want)
				}
			}
		})
	}
	k := probes.Builtin()["drift"]
	if !k.Active {
		t.Error("each guardian would record what it sees")
	}
	if _, err := k.Build(k.Settings(), probes.Env{}); err == nil {
		t.Error("it was built where nobody knows what should run")
	}
}
