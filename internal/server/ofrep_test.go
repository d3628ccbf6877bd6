package server_test

import (
	"strings"
	"testing"
	"time"

	"guardian/internal/server"
)

func TestProgramsReadFlags(t *testing.T) {
	m := busy()
	base := serve(t, m, nil)
	for name, c := range map[string]struct {
		path, body string
		status     int
		want       []string // parts of the answer
	}{
		"one that is set": {
			"/ofrep/v1/evaluate/flags/pause-price-writes", `{"context": {"targetingKey": "price-job", "shop": "sg-1"}}`, 200,
			[]string{`"key":"pause-price-writes"`, `"value":true`, `"variant":"on"`, `"reason":"STATIC"`, `"until":"2026-11-22T11:55:00Z"`, `"run":"r_2"`},
		},
		"one that is not":      {"/ofrep/v1/evaluate/flags/fallback-channel", `{}`, 200, []string{`"value":false`, `"reason":"DEFAULT"`, `"owner":"王伟"`}},
		"without a context":    {"/ofrep/v1/evaluate/flags/fallback-channel", ``, 200, []string{`"value":false`}},
		"one that there isn't": {"/ofrep/v1/evaluate/flags/fallback", `{}`, 404, []string{`"errorCode":"FLAG_NOT_FOUND"`, `"key":"fallback"`, "pause-price-writes"}},
		"no JSON":              {"/ofrep/v1/evaluate/flags/fallback-channel", `{"context": `, 400, []string{`"errorCode":"PARSE_ERROR"`}},
		"a context of another kind": {
			"/ofrep/v1/evaluate/flags/fallback-channel", `{"context": "price-job"}`, 400, []string{`"errorCode":"PARSE_ERROR"`},
		},
		"all, without a context": {"/ofrep/v1/evaluate/flags", ``, 200, []string{`"flags":[{"key":"pause-price-writes","value":true`, `{"key":"fallback-channel","value":false`}},
		"all, no JSON":           {"/ofrep/v1/evaluate/flags", `[`, 400, []string{`"errorCode":"PARSE_ERROR"`}},
	} {
		t.Run(name, func(t *testing.T) {
			got := send(t, base, "POST", c.path, c.body)
			if got.status != c.status || !strings.HasPrefix(got.header.Get("Content-Type"), "application/json") {
				t.Errorf("status %d, %s: %s", got.status, got.header.Get("Content-Type"), got.body)
			}
			for _, part := range c.want {
				if !strings.Contains(got.body, part) {
					t.Errorf("no %s in %s", part, got.body)
				}
			}
		})
	}
}

func TestWhoHasTheFlagsIsToldThatTheyAreStillSo(t *testing.T) {
	m := busy()
	base := serve(t, m, nil)
	first := send(t, base, "POST", "/ofrep/v1/evaluate/flags", "{}")
	tag := first.header.Get("ETag")
	if again := send(t, base, "POST", "/ofrep/v1/evaluate/flags", "{}", "If-None-Match", tag); again.status != 304 || again.body != "" {
		t.Errorf("unchanged: %d %q", again.status, again.body)
	}
	m.mu.Lock()
	m.now = m.now.Add(100 * time.Minute)
	m.mu.Unlock()
	if over := send(t, base, "POST", "/ofrep/v1/evaluate/flags", "{}", "If-None-Match", tag); over.status != 200 || !strings.Contains(over.body, `"key":"pause-price-writes","value":false`) {
		t.Errorf("when its time is over: %d %s", over.status, over.body)
	}
}

func TestFlagsThatAreNotKnownAreNotGuessed(t *testing.T) {
	for _, path := range []string{"/ofrep/v1/evaluate/flags/pause-price-writes", "/ofrep/v1/evaluate/flags"} {
		m := busy()
		base := serve(t, m, nil)
		m.mu.Lock()
		m.fail = server.Refuse(server.ErrBusy, "the flags of the journal could not be read yet")
		m.mu.Unlock()
		if got := send(t, base, "POST", path, "{}"); got.status != 503 || !strings.Contains(got.body, "PROVIDER_NOT_READY") || strings.Contains(got.body, "value") {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
}

func TestPeopleChangeFlags(t *testing.T) {
	m := busy()
	base := serve(t, m, nil)
	for name, c := range map[string]struct {
		method, path, body string
		status             int
		want               string
	}{
		"set":              {"POST", "/api/v1/flags/fallback-channel", `{"variant": "on", "for": "2h", "reason": "the API is down"}`, 200, `"until":"2026-11-22T12:15:00Z"`},
		"without a reason": {"POST", "/api/v1/flags/fallback-channel", `{"variant": "on", "for": "2h"}`, 422, `/reason`},
		"without a time":   {"POST", "/api/v1/flags/fallback-channel", `{"variant": "on", "reason": "x"}`, 422, `/for`},
		"two times":        {"POST", "/api/v1/flags/fallback-channel", `{"variant": "on", "for": "2h", "until": "2026-11-22T12:15:00Z", "reason": "x"}`, 422, `either for or until`},
		"a typo":           {"POST", "/api/v1/flags/fallback-channel", `{"variant": "onn", "for": "2h", "reason": "x"}`, 422, `the choices are off, on`},
		"another flag":     {"DELETE", "/api/v1/flags/fallback", ``, 404, `known are pause-price-writes, fallback-channel`},
		"back":             {"DELETE", "/api/v1/flags/pause-price-writes", ``, 200, `"variant":"off"`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := send(t, base, c.method, c.path, c.body); got.status != c.status || !strings.Contains(got.body, c.want) {
				t.Errorf("%d %s, want %d with %s", got.status, got.body, c.status, c.want)
			}
		})
	}
}
