package sdk_test

import (
	"context"
	"testing"
	"time"

	"github.com/open-feature/go-sdk-contrib/providers/ofrep"
	"github.com/open-feature/go-sdk/openfeature"

	"guardian/test/rig"
)

const flagConfig = `
server: {listen: "LISTEN"}
services: [{name: price-sync}]
flags:
  - {name: pause-price-writes, owner: price-team, service: price-sync}
  - {name: channel, owner: erp-team, type: string, variants: {own: api, fallback: csv}, default: own}
  - {name: share, owner: erp-team, type: number, variants: {all: "1", half: "0.5"}, default: all}
runbooks:
  - name: pause-prices
    steps: [{flag: {name: pause-price-writes, set: on, for: 3s}}]
on_alert: [{match: {alertname: PricesAreZero}, runbook: pause-prices, mode: auto}]
`

// reads asks until a flag has a value, and tells how long that took.
func reads[T comparable](t *testing.T, want T, read func() (T, error)) time.Duration {
	t.Helper()
	began := time.Now()
	for time.Since(began) < 20*time.Second {
		if got, err := read(); err == nil && got == want {
			return time.Since(began)
		}
		time.Sleep(5 * time.Millisecond)
	}
	got, err := read()
	t.Fatalf("it reads %v, %v; want %v", got, err, want)
	return 0
}

func TestOpenFeatureReadsKillSwitches(t *testing.T) {
	t.Chdir("../..") // the guardian is of another module than this test
	binary, err := rig.BuildPlain(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	g := rig.New(t, binary, flagConfig, nil)
	g.Start()
	client := openfeature.NewClient("price-job")
	if err := openfeature.SetProviderAndWait(ofrep.NewProvider(g.URL)); err != nil {
		t.Fatal(err)
	}
	about := openfeature.NewEvaluationContext("price-job", map[string]any{"shop": "sg-1"})
	paused := func() (bool, error) {
		return client.BooleanValue(context.Background(), "pause-price-writes", true, about)
	}
	reads(t, false, paused)
	reads(t, "api", func() (string, error) { return client.StringValue(t.Context(), "channel", "", about) })
	reads(t, 1, func() (float64, error) { return client.FloatValue(t.Context(), "share", 0, about) })

	g.Call("POST", "/api/v1/flags/pause-price-writes", map[string]any{"variant": "on", "for": "1h", "reason": "prices are zero"}, nil)
	t.Logf("a person's change is read after %s", reads(t, true, paused))
	g.Call("DELETE", "/api/v1/flags/pause-price-writes", nil, nil)
	t.Logf("the default is read again after %s", reads(t, false, paused))

	// A runbook, which an alert starts, sets it for three seconds.
	g.Call("POST", "/api/v2/alerts", []any{map[string]any{"labels": map[string]string{"alertname": "PricesAreZero", "service": "price-sync"}}}, nil)
	t.Logf("a run's change is read after %s", reads(t, true, paused))
	t.Logf("its end is read after %s", reads(t, false, paused))
	details, err := client.BooleanValueDetails(t.Context(), "pause-price-writes", true, about)
	if err != nil || details.Variant != "off" || details.FlagMetadata["owner"] != "price-team" {
		t.Errorf("%+v, %v", details, err)
	}

	// What cannot be read is the default of the program.
	if got, err := client.BooleanValue(t.Context(), "no-such-flag", true, about); err == nil || !got {
		t.Errorf("a flag that there is not: %v, %v", got, err)
	}
	g.Kill()
	if got, err := paused(); err == nil || !got {
		t.Errorf("without a guardian: %v, %v", got, err)
	}
}
