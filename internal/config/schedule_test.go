package config_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guardian/decide"
)

func TestCronIsReadInTheServersZone(t *testing.T) {
	c := mustLoad(t, `
server: {timezone: Asia/Shanghai}
services: [{name: s}]
checks: [{name: nightly, service: s, cron: "30 2 * * *", http: {url: "http://127.0.0.1/"}}]`)
	check := c.Checks[0]
	next := check.Schedule(c.Location()).Next(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
	if want := time.Date(2026, 3, 1, 18, 30, 0, 0, time.UTC); !next.Equal(want) {
		t.Errorf("next is %s, want %s", next.UTC(), want)
	}
	if time.Duration(check.Every) != 24*time.Hour {
		t.Errorf("every is %s", check.Every)
	}
	if time.Duration(check.BlindAfter) <= 48*time.Hour {
		t.Errorf("a check that looks once a day is called blind after %s", check.BlindAfter)
	}
}

func TestTimeoutIsUnderTheShortestGap(t *testing.T) {
	// Two looks a minute apart, then an hour of nothing.
	_, err := load(t, `
services: [{name: s}]
checks: [{name: c, service: s, cron: "0,1 * * * *", timeout: 2m, http: {url: "http://127.0.0.1/"}}]`)
	if err == nil {
		t.Error("a look may take longer than the time to the next one")
	}
	c := mustLoad(t, `
services: [{name: s}]
checks: [{name: c, service: s, every: 500ms, http: {url: "http://127.0.0.1/"}}]`)
	if got := time.Duration(c.Checks[0].Timeout); got != 400*time.Millisecond {
		t.Errorf("timeout %s", got)
	}
}

func TestEveryIsExactBelowASecond(t *testing.T) {
	c := mustLoad(t, `
services: [{name: s}]
checks: [{name: c, service: s, every: 250ms, http: {url: "http://127.0.0.1/"}}]`)
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	if got := c.Checks[0].Schedule(c.Location()).Next(at).Sub(at); got != 250*time.Millisecond {
		t.Errorf("next after %s", got)
	}
}

func TestMaintenanceWindows(t *testing.T) {
	day := func(d, h int) time.Time { return time.Date(2026, 11, d, h, 0, 0, 0, time.UTC) }
	repeated := `{name: w, cron: "0 2 * * *", for: 3h}`
	single := `{name: w, from: 2026-11-02T02:00:00Z, to: 2026-11-02T05:00:00Z}`
	for name, c := range map[string]struct {
		window   string
		zone     string
		from, to time.Time
		want     []decide.Span
	}{
		"one that comes every day is listed for each day":   {repeated, "UTC", day(1, 0), day(3, 0), []decide.Span{{From: day(1, 2), To: day(1, 5)}, {From: day(2, 2), To: day(2, 5)}}},
		"one that began before counts":                      {repeated, "UTC", day(1, 4), day(1, 6), []decide.Span{{From: day(1, 2), To: day(1, 5)}}},
		"one that ended on the moment does not":             {repeated, "UTC", day(1, 5), day(1, 6), nil},
		"one that begins at the end does not":               {repeated, "UTC", day(1, 0), day(1, 2), nil},
		"the zone is the server's":                          {repeated, "Asia/Shanghai", day(1, 0), day(1, 23), []decide.Span{{From: day(1, 18).AddDate(0, 0, -1), To: day(1, 21).AddDate(0, 0, -1)}, {From: day(1, 18), To: day(1, 21)}}[1:]},
		"a single one is listed when it touches":            {single, "UTC", day(2, 4), day(3, 0), []decide.Span{{From: day(2, 2), To: day(2, 5)}}},
		"a single one is not listed when it does not":       {single, "UTC", day(2, 5), day(3, 0), nil},
		"an empty stretch touches nothing that comes later": {single, "UTC", day(1, 5), day(1, 5), nil},
	} {
		t.Run(name, func(t *testing.T) {
			loaded := mustLoad(t, fmt.Sprintf("server: {timezone: %s}\nmaintenance: [%s]\n", c.zone, c.window))
			got := loaded.Maintenance[0].Windows(c.from, c.to, loaded.Location())
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFreezeIsGivenToTheGateInUTC(t *testing.T) {
	c := mustLoad(t, `
freezes: [{name: sale, from: 2026-11-27T00:00:00+08:00, to: 2026-11-28T00:00:00+08:00, allow: [rollback]}]`)
	f := c.Freezes[0].Gate()
	if !f.From.Equal(time.Date(2026, 11, 26, 16, 0, 0, 0, time.UTC)) || f.From.Location() != time.UTC || len(f.Allow) != 1 {
		t.Errorf("%+v", f)
	}
}
