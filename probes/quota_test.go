package probes_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"guardian/internal/secret"
	"guardian/probes"
	"guardian/probes/sample"
)

func TestQuota(t *testing.T) {
	for name, tc := range map[string]struct {
		status  int
		headers []string
		set     func(*probes.QuotaSettings)
		health  sample.Health
		reason  string
		values  map[string]float64 // "name label=value …"
	}{
		"a bucket with room is up": {
			headers: []string{"X-Shopify-Shop-Api-Call-Limit: 32/40"}, health: sample.Up,
			values: map[string]float64{
				"marketplace_quota_limit operation=orders source=header": 40, "marketplace_quota_remaining operation=orders source=header": 8,
				"marketplace_quota_used_ratio operation=orders source=header": 0.8, "marketplace_throttled_total operation=orders source=header": 0,
			},
		},
		"more than allowed is down": {
			headers: []string{"X-Shopify-Shop-Api-Call-Limit: 32/40"}, set: func(s *probes.QuotaSettings) { s.MaxUsed = 0.75 },
			health: sample.Down, reason: "80% of the quota of orders is used, under 75% wanted",
		},
		"used up is down": {
			headers: []string{`RateLimit-Policy: "daily";q=100;w=86400`, `RateLimit: "daily";r=0;t=30`}, health: sample.Down,
			reason: "the quota of orders is used up (daily); it resets in 30 s",
			values: map[string]float64{"marketplace_quota_limit operation=orders policy=daily source=header": 100, "marketplace_quota_reset_seconds operation=orders policy=daily source=header": 30},
		},
		"nothing left without a limit is down": {headers: []string{"X-Current-Token-Count: 0"}, health: sample.Down, reason: "the quota of orders is used up"},
		"a 429 is throttled, whatever else it says": {
			status: 429, headers: []string{"Retry-After: 2.0", "X-RateLimit-Limit: 10", "X-RateLimit-Remaining: 9"}, health: sample.Down,
			reason: "orders is throttled: status 429, retry after 2 s",
			values: map[string]float64{"marketplace_throttled_total operation=orders source=header": 1, "marketplace_quota_remaining operation=orders source=header": 9},
		},
		"another status may mean throttled": {
			status: 430, set: func(s *probes.QuotaSettings) { s.ThrottleStatus = []probes.StatusRange{{From: 430, To: 430}} },
			health: sample.Down, reason: "throttled: status 430",
		},
		"a rate alone is up":          {headers: []string{"x-amzn-RateLimit-Limit: 0.0167"}, health: sample.Up, values: map[string]float64{"marketplace_quota_limit operation=orders source=header": 0.0167}},
		"no quota header is unknown":  {headers: []string{"X-Other: 1"}, health: sample.Unknown, reason: "status 200 came without a quota header; the headers are: Content-Length, Date, X-Other"},
		"a failure of the target too": {status: 503, health: sample.Unknown, reason: "status 503 came without a quota header"},
		"malformed is not there":      {headers: []string{`RateLimit: "a";t=1`, "X-RateLimit-Remaining: many"}, health: sample.Unknown, reason: "without a quota header"},
		"own names": {
			headers: []string{"Calls: 9"}, set: func(s *probes.QuotaSettings) {
				s.From, s.MaxUsed = []probes.QuotaHeaders{{Policy: "day", Used: "Calls", Size: 10}}, 0.9
			},
			health: sample.Down, reason: "90% of the quota of orders is used, under 90% wanted (day)",
		},
		"an answer whose body breaks off still has its headers": {
			headers: []string{"X-RateLimit-Limit: 10", "X-RateLimit-Remaining: 9", "Content-Length: 100"}, health: sample.Up,
		},
	} {
		t.Run(name, func(t *testing.T) {
			url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				for _, h := range tc.headers {
					name, value, _ := strings.Cut(h, ": ")
					w.Header().Set(name, value)
				}
				if tc.status != 0 {
					w.WriteHeader(tc.status)
				}
			})
			p := build(t, "quota", probes.Env{}, func(s *probes.QuotaSettings) {
				s.URL, s.Operation = url, "orders"
				if tc.set != nil {
					tc.set(s)
				}
			})
			o := look(t, p, time.Second)
			if o.Health != tc.health || !strings.Contains(o.Reason.String(), tc.reason) || (o.Health == sample.Up) != (o.Reason.IsZero()) {
				t.Errorf("got %s %q, want %s %q", o.Health, o.Reason, tc.health, tc.reason)
			}
			for series, want := range tc.values {
				f := strings.Fields(series)
				if got := value(t, o, f[0], f[1:]...); got < want-1e-9 || got > want+1e-9 {
					t.Errorf("%s is %v, want %v", series, got, want)
				}
			}
		})
	}
}

func TestQuotaThatCannotBeReadIsUnknown(t *testing.T) {
	const token, key = "tok-5ae1c0ffee", "query-99feed11"
	p := build(t, "quota", probes.Env{}, func(s *probes.QuotaSettings) {
		s.URL, s.Operation = "http://127.0.0.1:1/?key="+key, "orders"
		s.Headers = map[string]secret.Secret{"X-Api-Key": secret.New(token)}
	})
	o := look(t, p, time.Second)
	if o.Health != sample.Unknown || !strings.Contains(o.Reason.String(), "the quota could not be read: the connection was refused") {
		t.Errorf("got %s %q", o.Health, o.Reason)
	}
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Echo", r.Header.Get("X-Api-Key"))
		_, _ = fmt.Fprint(w, r.Header, r.URL)
	})
	p = build(t, "quota", probes.Env{}, func(s *probes.QuotaSettings) {
		s.URL, s.Operation = url+"/?key="+key, "orders"
		s.Headers = map[string]secret.Secret{"X-Api-Key": secret.New(token)}
	})
	o = look(t, p, time.Second)
	if !strings.Contains(o.Detail, "X-Echo: "+secret.Mask) {
		t.Errorf("the detail shows too little: %s", o.Detail)
	}
	wantSilent(t, o, token, key)
}

func TestQuotaSettingsTellEveryMistake(t *testing.T) {
	s := probes.Builtin()["quota"].Settings().(*probes.QuotaSettings)
	s.MaxUsed, s.From = 2, []probes.QuotaHeaders{{Size: 1}}
	err := s.Validate()
	for _, want := range []string{"url is missing", "operation is missing", "max_used", "from[0]: name at least one"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in: %v", want, err)
		}
	}
}
