package server_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"guardian/internal/server"
)

// ReportCalls implements server.Calls.
func (m *memory) ReportCalls(_ context.Context, c server.CallReport, _ server.Caller) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if hash, again := m.calls[c.Key]; again && c.Key != "" {
		if hash != c.BodyHash {
			return server.ErrIdempotencyMismatch
		}
		return nil
	}
	if c.Marketplace != "amazon" {
		return &server.InvalidError{Fields: []server.FieldError{{Pointer: "/marketplace", Detail: "is not one of amazon"}}}
	}
	m.calls[c.Key] = c.BodyHash
	return nil
}

func TestReportingCalls(t *testing.T) {
	m := busy()
	m.calls["taken"] = "of another report"
	url := serve(t, m, nil)
	const good = `{"marketplace":"amazon","shop":"us-1","operation":"getOrder","calls":12,"throttled":1}`
	for name, c := range map[string]struct {
		body, key string
		status    int
		says      string
	}{
		"a report":                      {good, "", http.StatusAccepted, `"calls":12`},
		"a key of another report":       {good, "taken", http.StatusUnprocessableEntity, "use a new key"},
		"without what it is about":      {`{"calls":1}`, "", http.StatusUnprocessableEntity, "/operation"},
		"calls that were never made":    {`{"marketplace":"amazon","shop":"a","operation":"b","calls":-1}`, "", http.StatusUnprocessableEntity, "from 0 to 1000000"},
		"more than anybody calls":       {`{"marketplace":"amazon","shop":"a","operation":"b","calls":1e9}`, "", http.StatusUnprocessableEntity, "from 0 to 1000000"},
		"half a call":                   {`{"marketplace":"amazon","shop":"a","operation":"b","calls":1.5}`, "", http.StatusUnprocessableEntity, "a whole number"},
		"of tomorrow":                   {strings.Replace(good, "{", `{"at":"2030-01-01T00:00:00Z",`, 1), "", http.StatusUnprocessableEntity, "lies in the future"},
		"of last year":                  {strings.Replace(good, "{", `{"at":"2020-01-01T00:00:00Z",`, 1), "", http.StatusUnprocessableEntity, "ago"},
		"a key that is no text to keep": {good, strings.Repeat("k", 300), http.StatusBadRequest, "Idempotency-Key"},
	} {
		got := send(t, url, "POST", "/api/v1/calls", c.body, "Idempotency-Key", c.key)
		if got.status != c.status || !strings.Contains(got.body, c.says) {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
}
