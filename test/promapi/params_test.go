package promapi_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
)

// post sends a form.
func post(t *testing.T, address, form string) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(form))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{res.StatusCode, string(text)}
}

// parameters compares what parameters do that both know.
func (p pair) parameters(t *testing.T) {
	at, later := fmt.Sprint(p.now.Add(-7*time.Second).Unix()), fmt.Sprint(p.now.Add(25*time.Minute).Unix())
	first := url.QueryEscape("1 + 1") + "&query=2"
	for _, c := range []struct{ path, form string }{
		{"query?time=" + later + "&query=erp_orders_total", ""},
		{"query_range?start=" + at + "&end=" + later + "&step=60&query=erp_orders_total", ""},
		{"query?query=" + first + "&time=" + at, ""},
		{"query?query=1&time=" + at, "query=2"},
		{"query", "query=2&time=" + at},
		{"query?time=" + at, "query=erp_orders_total"},
		{"query?query=1&time=" + at + "&time=noon", ""},
		{"query?query=1&time=noon&time=" + at, ""},
		{"query?query=1&time=1e13", ""},
		{"query?query=1&time=NaN0", ""},
		{"query?query=vector(1)&time=" + at + "&timeout=0", ""},
		{"series", "match[]=erp_lag&match[]=erp_orders_total"},
		{"series?match[]=erp_lag", "match[]=erp_orders_total"},
		{"labels", "match[]=erp_lag"},
		{"labels?start=", ""},
		{"series?match[]=erp_lag&start=-292273086-05-16T16:47:06Z&end=292277025-08-18T07:12:54.999999999Z", ""},
		{"series?match[]=", ""},
		{"query_exemplars?query=erp_seconds_bucket", ""},
		{"query_exemplars", "query=erp_lag"},
		{"query_exemplars?query=erp_seconds_bucket%2Berp_lag&start=0&end=" + at, ""},
		{"query_exemplars?query=erp_seconds_bucket&start=" + fmt.Sprint(p.now.Add(-39*time.Minute).Unix()), ""},
		{"query_exemplars?query=erp_none", ""},
		{"query_exemplars?query=1", ""},
		{"query_exemplars?query=", ""},
		{"query_exemplars?query=erp_lag&start=9&end=1", ""},
		{"query_exemplars?query=erp_lag&start=noon", ""},
		{"query_exemplars?query=test&start=" + fmt.Sprint(p.now.UnixMilli()) + "&end=" + fmt.Sprint(p.now.UnixMilli()), ""}, // as Grafana asks
		{"scrape_pools", ""},
		{"targets/metadata?limit=few", ""},
		{"targets/metadata?match_target={", ""},
		{"targets/metadata", ""},
		{"status/walreplay", ""},
		{"metadata?limit=1", ""},
		{"label/a-b/values", ""},
		{"label//values", ""},
	} {
		ask := func(server string) reply {
			if c.form != "" {
				return post(t, server+"/api/v1/"+c.path, c.form)
			}
			return do(t, http.MethodGet, server+"/api/v1/"+c.path, nil)
		}
		want, got := ask(p.theirs), ask(p.own)
		if c.path == "label//values" || c.path == "label/a-b/values" { // later Prometheus know names in UTF-8
			want.status = got.status
			continue
		}
		if want.status != got.status || essence(t, want) != essence(t, got) {
			t.Errorf("%s %s\nPrometheus says %d %s\nguardian says   %d %s", c.path, c.form, want.status, want.body, got.status, got.body)
		}
	}
}

// lookback compares what a longer lookback finds. Debian's Prometheus does not know lookback_delta, and finds the
// same in the last samples of a range.
func (p pair) lookback(t *testing.T) {
	const of = `erp_orders_total{shop="sg-1"}`
	for delta, after := range map[time.Duration]time.Duration{time.Hour: 40 * time.Minute, 10 * time.Minute: 8 * time.Minute, time.Minute: 3 * time.Minute} {
		at := p.now.Add(after)
		want, _, _, err := client(t, p.theirs).Query(t.Context(), fmt.Sprintf("last_over_time(%s[%dm])", of, int(delta.Minutes())), at)
		if err != nil {
			t.Fatal(err)
		}
		got, _, _, err := client(t, p.own).Query(t.Context(), of, at, promv1.WithLookbackDelta(delta))
		if err != nil || shown(got) != shown(want) {
			t.Errorf("lookback %s, %s later: %v, %v, want %v", delta, after, got, err, want)
		}
		over := promv1.Range{Start: p.now.Add(time.Second), End: at, Step: time.Minute}
		if want, _, _, err = client(t, p.theirs).QueryRange(t.Context(), fmt.Sprintf("last_over_time(%s[%dm])", of, int(delta.Minutes())), over); err != nil {
			t.Fatal(err)
		}
		got, _, _, err = client(t, p.own).QueryRange(t.Context(), of, over, promv1.WithLookbackDelta(delta))
		if err != nil || shown(got) != shown(want) {
			t.Errorf("lookback %s, until %s later: %v, %v, want %v", delta, after, got, err, want)
		}
	}
}

// limits asks for one of what there is more of: it is the first, and a warning says that there is more.
func (p pair) limits(t *testing.T) {
	own, from, to, all := client(t, p.own), p.now.Add(-time.Hour), p.now, []string{`{__name__=~"erp_.+"}`}
	for name, ask := range map[string]func(o ...promv1.Option) (int, promv1.Warnings, error){
		"series": func(o ...promv1.Option) (int, promv1.Warnings, error) {
			got, w, _, err := own.Series(t.Context(), all, from, to, o...)
			return len(got), w, err
		},
		"label names": func(o ...promv1.Option) (int, promv1.Warnings, error) {
			got, w, _, err := own.LabelNames(t.Context(), all, from, to, o...)
			return len(got), w, err
		},
		"label values": func(o ...promv1.Option) (int, promv1.Warnings, error) {
			got, w, _, err := own.LabelValues(t.Context(), "__name__", all, from, to, o...)
			return len(got), w, err
		},
		"a query": func(o ...promv1.Option) (int, promv1.Warnings, error) {
			got, w, _, err := own.Query(t.Context(), all[0], to.Add(-time.Second), o...)
			return len(got.(model.Vector)), w, err
		},
		"a range": func(o ...promv1.Option) (int, promv1.Warnings, error) {
			got, w, _, err := own.QueryRange(t.Context(), all[0], promv1.Range{Start: from, End: to, Step: time.Minute}, o...)
			return len(got.(model.Matrix)), w, err
		},
	} {
		n, warned, err := ask()
		if err != nil || n < 2 || len(warned) > 0 {
			t.Fatalf("%s: %d, %v, %v", name, n, warned, err)
		}
		for _, limit := range []int{1, n - 1} {
			if got, warned, err := ask(promv1.WithLimit(uint64(limit))); err != nil || got != limit || len(warned) != 1 || !strings.Contains(warned[0], "truncated due to limit") {
				t.Errorf("%s, %d of %d: %d, %v, %v", name, limit, n, got, warned, err)
			}
		}
		if got, warned, err := ask(promv1.WithLimit(uint64(n))); err != nil || got != n || len(warned) > 0 {
			t.Errorf("%s, all %d: %d, %v, %v", name, n, got, warned, err)
		}
	}
}

// essence gives an answer's data, or the type of its error.
func essence(t *testing.T, r reply) string {
	t.Helper()
	if r.body == "" {
		return ""
	}
	var answer struct{ Status, ErrorType string }
	if err := json.Unmarshal([]byte(r.body), &answer); err != nil {
		t.Fatalf("%v: %s", err, r.body)
	}
	if answer.Status == "error" {
		return answer.ErrorType
	}
	return data(t, r, false)
}

// fields compares the names of all fields of answers whose values differ: what Prometheus has is there.
func (p pair) fields(t *testing.T) {
	for _, path := range []string{
		"status/buildinfo", "status/runtimeinfo", "status/tsdb", "status/config", "status/walreplay", "targets", "alertmanagers", "rules", "alerts",
		"query?query=erp_lag&stats=all&time=" + fmt.Sprint(p.now.Unix()), "query_range?query=erp_lag&stats=true&start=1&end=2&step=1",
	} {
		want, got := do(t, http.MethodGet, p.theirs+"/api/v1/"+path, nil), do(t, http.MethodGet, p.own+"/api/v1/"+path, nil)
		var theirs, own any
		for text, into := range map[string]*any{want.body: &theirs, got.body: &own} {
			if err := json.Unmarshal([]byte(text), into); err != nil {
				t.Fatalf("%s: %v: %s", path, err, text)
			}
		}
		has := map[string]bool{}
		names("", own, has)
		missing := map[string]bool{}
		names("", theirs, missing)
		maps.DeleteFunc(missing, func(name string, _ bool) bool { return has[name] })
		if len(missing) > 0 {
			t.Errorf("%s has no %q\nPrometheus says %s\nguardian says   %s", path, slices.Sorted(maps.Keys(missing)), want.body, got.body)
		}
	}
}

// names collects the paths of all fields with the kinds of their values.
func names(path string, v any, into map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for name, of := range v {
			names(path+"."+name, of, into)
		}
	case []any:
		into[path+" list"] = true
		for _, of := range v {
			names(path+"[]", of, into)
		}
	default:
		into[fmt.Sprintf("%s %T", path, v)] = true
	}
}

// federation compares what a federating Prometheus reads, byte for byte.
func (p pair) federation(t *testing.T) {
	for _, path := range []string{
		"", "?match[]=erp_none", "?match[]={__name__=~%22erp_.*%22}", "?match[]=erp_lag&match[]=erp_orders_total", "?match[]=erp_lag&match[]={shop=%22sg-1%22,__name__=~%22erp_.*%22}", "?match[]={",
	} {
		want, got := do(t, http.MethodGet, p.theirs+"/federate"+path, nil), do(t, http.MethodGet, p.own+"/federate"+path, nil)
		if want.status != got.status || want.status == http.StatusOK && want.body != got.body {
			t.Errorf("%s\nPrometheus says %d %s\nguardian says   %d %s", path, want.status, want.body, got.status, got.body)
		}
	}
	if got := do(t, http.MethodGet, p.own+"/federate?match[]=erp_lag&nmae=x", nil); got.status != http.StatusBadRequest || !strings.Contains(got.body, `"nmae"`) {
		t.Errorf("a parameter that is not known: %d %s", got.status, got.body)
	}
}
