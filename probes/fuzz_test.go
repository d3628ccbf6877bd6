package probes_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"guardian/probes"
)

// FuzzExposition reads any answer as Prometheus' text: sorted series, or one line that says
// why not.
func FuzzExposition(f *testing.F) {
	for _, s := range []string{
		"# TYPE a counter\na_total{b=\"c\"} 1 1700000000000\n", "# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\nh_sum 2\nh_count 1\n",
		"# TYPE s summary\ns{quantile=\"0.5\"} NaN\ns_sum -Inf\ns_count 0\n", "{\"a.b\", c=\"d\"} 1\n", "a{b=\"\\\\\\n\\\"\"} 0x1p-2\n",
		"# HELP a \xff\n# TYPE a gauge\na 1", "# TYPE a gauge\n# TYPE a counter\n", "a 1\na 2\n", "{", "", "a{b=\"c\",} 1 2 3\n",
	} {
		f.Add([]byte(s), "text/plain; version=0.0.4")
		f.Add([]byte(s+"# EOF\n"), "application/openmetrics-text; version=1.0.0")
	}
	f.Fuzz(func(t *testing.T, body []byte, contentType string) {
		series, why := probes.ReadExposition(body, contentType)
		if why != "" && (len(series) > 0 || len(why) > 500 || strings.ContainsAny(why, "\n\r") || !utf8.ValidString(why)) {
			t.Errorf("%d series and %q", len(series), why)
		}
		if !slices.IsSorted(series) {
			t.Errorf("not sorted: %q", series)
		}
		for _, s := range series {
			if !utf8.ValidString(s) {
				t.Errorf("a series that is no text: %q", s)
			}
		}
	})
}

// FuzzJSONBody asserts on and extracts from any body at any path: something is found, or one
// short text says why not.
func FuzzJSONBody(f *testing.F) {
	for _, path := range []string{"data.status", "orders.#(id==\"1\").sku", "a.#.b", "@this|@pretty", "..#", "a\\.b", "#(a>1)#|0", "@valid:{}"} {
		f.Add(path, []byte(`{"data":{"status":1.5e3},"orders":[{"id":"1","sku":null}],"a":[{"b":"\ud800"}]}`))
		f.Add(path, []byte("{\"a\":\xff}"))
		f.Add(path, []byte(`[`))
	}
	f.Fuzz(func(t *testing.T, path string, body []byte) {
		judged, found, why := probes.SaysOf(path, body)
		if found != "" && why != "" {
			t.Errorf("found %q, and %q", found, why)
		}
		for _, s := range []string{judged, why} {
			if len(s) > 1000+4*len(path) {
				t.Errorf("%d bytes of words for a path of %d", len(s), len(path))
			}
		}
	})
}
