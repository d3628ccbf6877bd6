package server_test

import (
	"net/http"
	"strings"
	"testing"
)

// What is wrong with a JSON body is said in words, with its place; never in those of a programming language.
func TestWhatIsWrongWithABodyIsSaidInWords(t *testing.T) {
	url := serve(t, busy(), nil)
	const flag, alerts, silences, context = "/api/v1/flags/pause-price-writes", "/api/v2/alerts", "/api/v2/silences", "/ofrep/v1/evaluate/flags"
	for name, c := range map[string]struct{ path, body, says string }{
		"a number as the value of a label": {alerts, `[{"labels": {"alertname": 7}}]`, "labels: expected a text, got a number"},
		"an object for a list":             {alerts, `{"labels": {}}`, "expected a list, got an object"},
		"labels in a list":                 {alerts, "[{\n\"labels\": []}]", "line 2, column"},
		"a time that is none":              {alerts, `[{"labels": {"a": "b"}, "startsAt": "tomorrow"}]`, "expected a time such as 2026-11-22T10:00:00Z, got"},
		"a time that is a number":          {alerts, `[{"labels": {"a": "b"}, "startsAt": 17}]`, "expected a time such as"},
		"what ends too early":              {alerts, `[{"labels"`, "it ends too early"},
		"a text for true":                  {silences, `{"matchers": [{"name": "a", "value": "b", "isRegex": "no"}]}`, "expected true or false, got a text"},
		"a list as the context":            {context, `{"context": []}`, "context: expected an object, got a list"},
		"no JSON as the context":           {context, `{"context": `, "it ends too early"},
		"a number as a reason":             {flag, `{"variant": "on", "for": "1h", "reason": 7}`, "expected a text, got a number"},
		"a reason of blanks":               {flag, `{"variant": "on", "for": "1h", "reason": " \t "}`, ""},
		"an object for a text":             {"/api/v1/deploys", `{"service": {}, "version": "v1", "watch": []}`, "expected an object, got a list"},
	} {
		got := send(t, url, http.MethodPost, c.path, c.body)
		if got.status < 400 || got.status >= 500 || !strings.Contains(got.body, c.says) {
			t.Errorf("%s: %d %s, want %q", name, got.status, got.body, c.says)
		}
		for _, internal := range []string{"json:", "Go ", "struct field", "Time.UnmarshalJSON", "parsing time", "unmarshal"} {
			if strings.Contains(got.body, internal) {
				t.Errorf("%s: says %q: %s", name, internal, got.body)
			}
		}
	}
}

// A reason of blanks is none, and an end in the past is said to be past, whoever asks.
func TestBlankReasonsAndPastEndsAreRefused(t *testing.T) {
	url := serve(t, busy(), nil)
	for path, body := range map[string]string{
		"/api/v1/rollbacks":                `{"service": "order-sync", "reason": "  "}`,
		"/api/v1/flags/pause-price-writes": `{"variant": "on", "for": "1h", "reason": "  "}`,
		"/api/v1/silences":                 `{"matchers": ["a=\"b\""], "for": "1h", "comment": "  "}`,
	} {
		if got := send(t, url, http.MethodPost, path, body); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "is required") {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	for path, body := range map[string]string{
		"/api/v1/flags/pause-price-writes": `{"variant": "on", "until": "2020-01-01T00:00:00Z", "reason": "x"}`,
		"/api/v1/silences":                 `{"matchers": ["a=\"b\""], "until": "2020-01-01T00:00:00Z", "comment": "x"}`,
	} {
		got := send(t, url, http.MethodPost, path, body)
		if got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, `"/until"`) || !strings.Contains(got.body, "is in the past: it is "+fixedNow().UTC().Format("2006-01-02T15")) {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	if got := send(t, url, http.MethodPost, "/api/v1/silences", `{"matchers": ["nonsense", ""], "for": "long", "comment": "x"}`); strings.Contains(got.body, "would match every alert") || strings.Contains(got.body, `"/until"`) {
		t.Errorf("one mistake is told as two: %s", got.body)
	}
}
