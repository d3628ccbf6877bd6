package marketplace_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guardian/probes/marketplace"
)

var now = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

func header(lines ...string) http.Header {
	h := http.Header{}
	for _, l := range lines {
		name, value, _ := strings.Cut(l, ": ")
		h.Add(name, value)
	}
	return h
}

// show writes quotas as "policy remaining/limit reset header", "-" for what was not said.
func show(quotas []marketplace.Quota) []string {
	var lines []string
	num := func(f *float64) string {
		if f == nil {
			return "-"
		}
		return fmt.Sprint(*f)
	}
	for _, q := range quotas {
		reset := "-"
		if q.Reset != nil {
			reset = q.Reset.String()
		}
		lines = append(lines, fmt.Sprintf("%q %s/%s %s %s", q.Policy, num(q.Remaining), num(q.Limit), reset, q.Header))
	}
	return lines
}

func TestQuotas(t *testing.T) {
	for name, tc := range map[string]struct {
		header  []string
		sources []marketplace.Source
		want    []string
	}{
		"nothing said": {header: []string{"Content-Type: text/html"}},
		"the current draft, policy and state": {
			header: []string{`RateLimit-Policy: "burst";q=100;w=60,"daily";q=1000;w=86400`, `RateLimit: "burst";r=50;t=30, "daily";r=999`},
			want:   []string{`"burst" 50/100 30s RateLimit`, `"daily" 999/1000 - RateLimit`},
		},
		"the current draft over two lines": {
			header: []string{`RateLimit: "a";r=1`, `RateLimit: "b";r=2;t=0`},
			want:   []string{`"a" 1/- - RateLimit`, `"b" 2/- 0s RateLimit`},
		},
		"the current draft with a policy that is malformed keeps what is left": {
			header: []string{`RateLimit-Policy: "default";w=60`, `RateLimit: "default";r=50;t=30`},
			want:   []string{`"default" 50/- 30s RateLimit`},
		},
		"the drafts up to 07 have one dictionary": {
			header: []string{`RateLimit-Policy: 100;w=60`, `RateLimit: limit=100, remaining=50, reset=5`},
			want:   []string{`"" 50/100 5s RateLimit`},
		},
		"one without what remains is ignored":         {header: []string{`RateLimit: limit=100, reset=5`}},
		"without the required r the field is ignored": {header: []string{`RateLimit: "default";t=30`}},
		"a token for a name is ignored":               {header: []string{`RateLimit: default;r=50;t=30`}},
		"a decimal r is ignored":                      {header: []string{`RateLimit: "default";r=5.0`}},
		"a negative r is ignored":                     {header: []string{`RateLimit: "default";r=-5`}},
		"parameters of every other type are read over": {
			header: []string{`RateLimit: "a \"b\"" ;x;r=5`, `RateLimit: "c";pk=:AAE=:;x;y=?1;z=tok/en;d=@-5;u=%"f%c3%bc";f=1.5;s="s";r=1;r=6`},
		},
		"parameters of every other type are read over, spaces only where they may be": {
			header: []string{`RateLimit: "a \"b\"";x; r=5`, `RateLimit: "c";pk=:AAE=:;x;y=?1;z=tok/en;d=@-5;u=%"f%c3%bc";f=1.5;s="s";r=1;r=6`},
			want:   []string{`"a \"b\"" 5/- - RateLimit`, `"c" 6/- - RateLimit`},
		},
		"a date without a number is ignored":             {header: []string{`RateLimit: "a";r=5;d=@`}},
		"a trailing comma is ignored":                    {header: []string{`RateLimit: "a";r=5,`}},
		"one malformed member spoils the field":          {header: []string{`RateLimit: "a";r=5, "b";r=x"`}},
		"a malformed current field falls back to older":  {header: []string{`RateLimit: garbage(`, "RateLimit-Limit: 10", "RateLimit-Remaining: 3"}, want: []string{`"" 3/10 - Ratelimit-Limit`}},
		"the older three fields with policies (Whatnot)": {header: []string{"RateLimit-Limit: 10, 10;w=1", "RateLimit-Remaining: 7", "RateLimit-Reset: 1"}, want: []string{`"" 7/10 1s Ratelimit-Limit`}},
		"several spellings are one quota": {
			header: []string{`RateLimit: "default";r=7;t=1`, "X-RateLimit-Limit: 10", "X-RateLimit-Remaining: 7"},
			want:   []string{`"default" 7/- 1s RateLimit`},
		},
		"x-ratelimit with an epoch": {
			header: []string{"X-RateLimit-Limit: 5000", "X-RateLimit-Remaining: 4999", "X-RateLimit-Reset: 1795341630"},
			want:   []string{`"" 4999/5000 30s X-Ratelimit-Limit`},
		},
		"used without remaining":                        {header: []string{"X-RateLimit-Limit: 100", "X-RateLimit-Used: 30"}, want: []string{`"" 70/100 - X-Ratelimit-Limit`}},
		"Shopify's bucket":                              {header: []string{"X-Shopify-Shop-Api-Call-Limit: 32/40"}, want: []string{`"" 8/40 - X-Shopify-Shop-Api-Call-Limit`}},
		"Shopify over its bucket has nothing left":      {header: []string{"X-Shopify-Shop-Api-Call-Limit: 41/40"}, want: []string{`"" 0/40 - X-Shopify-Shop-Api-Call-Limit`}},
		"Shopify's bucket in letters is ignored":        {header: []string{"X-Shopify-Shop-Api-Call-Limit: invalid/invalid"}},
		"a bucket of no size is ignored":                {header: []string{"X-Shopify-Shop-Api-Call-Limit: 0/0"}},
		"Retry-After goes before a reset":               {header: []string{`RateLimit: "d";r=0;t=30`, "Retry-After: 2.0"}, want: []string{`"d" 0/- 2s RateLimit`}},
		"Walmart's tokens with epoch milliseconds":      {header: []string{"X-Current-Token-Count: 19", "X-Next-Replenishment-Time: 1795341601500"}, want: []string{`"" 19/- 1.5s X-Current-Token-Count`}},
		"Amazon's rate has neither burst nor remaining": {header: []string{"x-amzn-RateLimit-Limit: 0.0167"}, want: []string{`"" -/0.0167 - X-Amzn-Ratelimit-Limit`}},
		"own names, with a size that no header says": {
			header:  []string{"Calls-Made: 9", "X-RateLimit-Limit: 5"},
			sources: []marketplace.Source{{Policy: "daily", Used: "Calls-Made", Size: 10}},
			want:    []string{`"daily" 1/10 - Calls-Made`},
		},
		"own names that did not come": {sources: []marketplace.Source{{Limit: "X-Limit"}}, header: []string{"X-RateLimit-Limit: 5"}},
		"exponents, signs, hex and infinity are not numbers": {header: []string{
			"X-RateLimit-Limit: 1e3", "X-RateLimit-Remaining: -1", "X-Current-Token-Count: 0x10", "x-amzn-RateLimit-Limit: Inf",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, show(marketplace.Quotas(header(tc.header...), tc.sources, now))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestUsedRatio(t *testing.T) {
	f := func(v float64) *float64 { return &v }
	for name, tc := range map[string]struct {
		q    marketplace.Quota
		want float64
		ok   bool
	}{
		"a fifth left":        {marketplace.Quota{Limit: f(40), Remaining: f(8)}, 0.8, true},
		"more left than size": {marketplace.Quota{Limit: f(40), Remaining: f(80)}, 0, true},
		"no limit":            {marketplace.Quota{Remaining: f(8)}, 0, false},
		"a limit of zero":     {marketplace.Quota{Limit: f(0), Remaining: f(0)}, 0, false},
	} {
		if got, ok := tc.q.UsedRatio(); got != tc.want || ok != tc.ok {
			t.Errorf("%s: got %v %v, want %v %v", name, got, ok, tc.want, tc.ok)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	for value, want := range map[string]string{
		"120":                            "2m0s",
		"2.0":                            "2s",
		"0":                              "0s",
		"Sun, 22 Nov 2026 10:00:30 GMT":  "30s",
		"Sunday, 22-Nov-26 10:00:30 GMT": "30s",
		"Sun Nov 22 10:00:30 2026":       "30s",
		"Wed, 21 Oct 2015 07:28:00 GMT":  "0s",
		"":                               "malformed",
		"-1":                             "malformed",
		"soon":                           "malformed",
		"1e3":                            "malformed",
		"1795341630":                     "malformed", // an epoch: not what this header means
	} {
		got := "malformed"
		if d, ok := marketplace.RetryAfter(value, now); ok {
			got = d.String()
		}
		if got != want {
			t.Errorf("Retry-After: %q is %s, want %s", value, got, want)
		}
	}
}

func TestParseReset(t *testing.T) {
	for value, want := range map[string]string{
		"30":                            "30s",
		"0.5":                           "500ms",
		"1795341630":                    "30s",
		"1795341630.5":                  "30.5s",
		"1795341630000":                 "30s",
		"1500ms":                        "1.5s",
		"6m0s":                          "6m0s",
		"2026-11-22T10:00:30Z":          "30s",
		"2026-11-22T18:00:30.000+0800":  "30s",
		"Sun, 22 Nov 2026 10:00:30 GMT": "30s",
		"2018-08-06T07:00:00.000Z":      "0s",
		"-5s":                           "malformed",
		"tomorrow":                      "malformed",
		"99999999":                      "malformed", // three years of seconds
		"17953416300000000000":          "malformed",
	} {
		got := "malformed"
		if at, ok := marketplace.ResetTime(value, now); ok {
			got = max(at.Sub(now), 0).String()
		}
		if got != want {
			t.Errorf("reset %q is %s, want %s", value, got, want)
		}
	}
}

func FuzzQuotas(f *testing.F) {
	f.Add(`"burst";r=50;t=30`, `"burst";q=100;w=60`, "32/40", "2.0")
	f.Add(`RateLimit: x`, `"a";q=1;pk=:AA==:`, "1/0", "Wed, 21 Oct 2015 07:28:00 GMT")
	f.Add(`"a";r=999999999999999;t=999999999999999`, "", "9999999999999999999/1", "1795341601500")
	f.Fuzz(func(t *testing.T, rate, policy, bucket, reset string) {
		h := http.Header{}
		h.Set("RateLimit", rate)
		h.Set("RateLimit-Policy", policy)
		h.Set("X-Shopify-Shop-Api-Call-Limit", bucket)
		h.Set("X-Current-Token-Count", rate)
		h.Set("X-Next-Replenishment-Time", reset)
		h.Set("Retry-After", reset)
		for _, q := range marketplace.Quotas(h, nil, now) {
			if q.Limit == nil && q.Remaining == nil {
				t.Error("a quota that says nothing")
			}
			if q.Remaining != nil && !(*q.Remaining >= 0) || q.Limit != nil && !(*q.Limit >= 0) {
				t.Error("a number below zero or none at all")
			}
			if q.Reset != nil && (*q.Reset < 0 || *q.Reset > 366*24*time.Hour) {
				t.Errorf("reset %v", *q.Reset)
			}
			if r, ok := q.UsedRatio(); ok && !(r >= 0 && r <= 1) {
				t.Errorf("ratio %v", r)
			}
		}
	})
}
