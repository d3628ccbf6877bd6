package server_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"guardian/internal/server"
)

// needs lists what each role may do beyond the one before it: every route, so that a new one has to be written
// down here as well.
func needs() map[server.Role][]string {
	return map[server.Role][]string{
		server.Viewer: {
			"GET /api/v1/deploys", "GET /api/v1/gate", "GET /api/v1/services", "GET /api/v1/checks/{name}", "GET /api/v1/watches", "GET /api/v1/watches/{id}",
			"GET /api/v1/score", "GET /api/v1/rollbacks", "GET /api/v1/rollbacks/plan", "GET /api/v1/rollbacks/{id}", "GET /api/v1/silences", "GET /api/v1/acks", "GET /api/v1/oncall", "GET /api/v1/oncall/overrides",
			"GET /api/v1/journal", "GET /api/v1/status", "GET /api/v1/alerts/{id}/notices", "GET /metrics", "GET /federate",
			"GET /api/v1/query", "POST /api/v1/query", "GET /api/v1/query_range", "POST /api/v1/query_range", "GET /api/v1/query_exemplars", "POST /api/v1/query_exemplars",
			"GET /api/v1/format_query", "POST /api/v1/format_query", "GET /api/v1/parse_query", "POST /api/v1/parse_query", "GET /api/v1/series", "POST /api/v1/series",
			"GET /api/v1/labels", "POST /api/v1/labels", "GET /api/v1/label/{name}/values", "GET /api/v1/metadata", "GET /api/v1/rules", "GET /api/v1/alerts",
			"GET /api/v1/alertmanagers", "GET /api/v1/targets", "GET /api/v1/targets/metadata", "GET /api/v1/scrape_pools", "GET /api/v1/status/buildinfo",
			"GET /api/v1/status/runtimeinfo", "GET /api/v1/status/flags", "GET /api/v1/status/config", "GET /api/v1/status/tsdb", "GET /api/v1/status/tsdb/blocks",
			"GET /api/v1/status/walreplay", "GET /api/v1/status/self_metrics", "GET /api/v1/features",
			"GET /api/v2/status", "GET /api/v2/receivers", "GET /api/v2/alerts", "GET /api/v2/alerts/groups", "GET /api/v2/silences", "GET /api/v2/silence/{id}",
			"GET /{$}", "GET /services/{name}", "GET /checks/{name}", "GET /watches/{id}", "GET /rollbacks/{id}", "GET /alerts/{id}", "GET /alerts", "GET /oncall",
			"GET /journal", "GET /drills", "GET /drills/{id}", "GET /api/v1/drills", "GET /api/v1/drills/{id}", "GET /sla", "GET /sla/print", "GET /sla.json", "GET /sla.csv",
			"GET /runbooks/{name}", "GET /api/v1/runbooks", "GET /api/v1/runbooks/{name}", "GET /windows", "GET /api/v1/windows", "GET /flags", "GET /api/v1/flags", "POST /ofrep/v1/evaluate/flags", "POST /ofrep/v1/evaluate/flags/{key}",
		},
		server.Deployer: {
			"POST /api/v1/deploys", "POST /api/v1/deploys/{id}/end", "POST /api/v1/watches/{id}/cancel", "POST /api/v1/watches/{id}/mark", "POST /api/v1/heartbeats/{check}",
			"POST /api/v1/calls", "POST /api/v1/write", "POST /api/v2/alerts", "POST /watches/{id}/cancel", "POST /watches/{id}/mark",
		},
		server.Approver: {
			"POST /api/v1/rollbacks", "POST /api/v1/rollbacks/{id}/{decision}", "POST /api/v1/silences", "DELETE /api/v1/silences/{id}", "POST /api/v1/acks",
			"DELETE /api/v1/acks/{alert}", "POST /api/v1/oncall/overrides", "DELETE /api/v1/oncall/overrides/{id}", "POST /api/v2/silences", "DELETE /api/v2/silence/{id}", "POST /rollbacks/{id}", "POST /services/{name}/rollback",
			"POST /drills/{name}/start", "POST /api/v1/drills", "POST /alerts/ack", "POST /alerts/silence", "POST /alerts/expire",
			"POST /windows", "POST /windows/{id}/end", "POST /api/v1/windows", "DELETE /api/v1/windows/{id}",
			"POST /flags/{name}", "POST /api/v1/flags/{name}", "DELETE /api/v1/flags/{name}",
		},
		server.Admin: {
			"POST /-/reload",
			"POST /api/v1/admin/tsdb/delete_series", "POST /api/v1/admin/tsdb/clean_tombstones", "POST /api/v1/admin/tsdb/snapshot",
			"PUT /api/v1/admin/tsdb/delete_series", "PUT /api/v1/admin/tsdb/clean_tombstones", "PUT /api/v1/admin/tsdb/snapshot",
		},
	}
}

// called is how a request comes, and what it is refused with.
type called struct {
	method, path string
	header       []string
	host, from   string
}

func (c called) of(h http.Handler) *httptest.ResponseRecorder {
	r := httptest.NewRequest(c.method, "http://localhost"+c.path, strings.NewReader(""))
	r.RemoteAddr = "127.0.0.1:54321"
	if c.from != "" {
		r.RemoteAddr = c.from
	}
	if c.host != "" {
		r.Host = c.host
	}
	for i := 0; i+1 < len(c.header); i += 2 {
		r.Header.Set(c.header[i], c.header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// asRequest gives a method and a path that take a route.
func asRequest(pattern string) (method, path string) {
	method, path, _ = strings.Cut(pattern, " ")
	path = strings.ReplaceAll(path, "{$}", "")
	return method, regexp.MustCompile(`\{[a-z]+\}`).ReplaceAllString(path, "x")
}

func bearer(role server.Role) []string {
	return []string{"Authorization", "Bearer the " + string(role)}
}

// Every route asks for its role and no other, whoever calls it.
func TestEveryRouteNeedsItsRole(t *testing.T) {
	s := newServer(t, secured(), nil)
	have, _ := s.Routes()
	want := map[string]server.Role{}
	for role, patterns := range needs() {
		for _, p := range patterns {
			want[p] = role
		}
	}
	if !maps.Equal(have, want) {
		for p, role := range have {
			if want[p] != role {
				t.Errorf("%s needs the role %s, and %q is written down", p, role, want[p])
			}
		}
		for p := range want {
			if _, ok := have[p]; !ok {
				t.Errorf("%s is no route", p)
			}
		}
	}
	for i, pattern := range slices.Sorted(maps.Keys(want)) {
		method, path := asRequest(pattern)
		for _, role := range server.Roles() {
			if role.Includes(want[pattern]) {
				continue // what it does then, other tests say
			}
			if got := (called{method: method, path: path, header: bearer(role)}).of(s); got.Code != http.StatusForbidden {
				t.Errorf("%s as %s: %d %s", pattern, role, got.Code, got.Body)
			}
		}
		for _, header := range [][]string{nil, {"Authorization", "Bearer nonsense"}, {"Authorization", "Basic dGhlIGFkbWlu"}} {
			// From many addresses: guesses from one would be slowed.
			got := (called{method: method, path: path, header: header, from: fmt.Sprintf("203.0.113.%d:4711", i)}).of(s)
			page := got.Code == http.StatusSeeOther && strings.HasPrefix(got.Header().Get("Location"), "/login")
			if got.Code != http.StatusUnauthorized && !page {
				t.Errorf("%s with %q: %d %s", pattern, header, got.Code, got.Body)
			}
		}
	}
}

// No other method does anything at an address.
func TestRoutesTakeNoOtherMethod(t *testing.T) {
	s := newServer(t, secured(), nil)
	roles, open := s.Routes()
	for _, pattern := range slices.Concat(slices.Sorted(maps.Keys(roles)), open) {
		_, path := asRequest(pattern)
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions, "TRACK"} {
			if s.Route(method, path) != "/" {
				continue // a route of its own
			}
			got := (called{method: method, path: path, header: bearer(server.Admin)}).of(s)
			if got.Code != http.StatusMethodNotAllowed || got.Header().Get("Allow") == "" || got.Header().Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s %s: %d %s", method, path, got.Code, got.Body)
			}
		}
	}
}

// Without tokens a page of another site, a name that was bent to this machine, and whoever comes through a proxy
// or from elsewhere reach nothing.
func TestNoRouteIsOpenToOtherSites(t *testing.T) {
	s := newServer(t, busy(), nil)
	roles, _ := s.Routes()
	for _, pattern := range slices.Sorted(maps.Keys(roles)) {
		method, path := asRequest(pattern)
		for name, c := range map[string]called{
			"a page of another site":         {header: []string{"Origin", "https://evil.example.com", "Sec-Fetch-Site", "cross-site"}},
			"another port of this machine":   {header: []string{"Origin", "http://localhost:3000", "Sec-Fetch-Site", "same-site"}},
			"a name bent to this machine":    {host: "evil.example.com"},
			"somebody behind a proxy":        {header: []string{"X-Forwarded-For", "203.0.113.9"}},
			"another machine":                {from: "203.0.113.7:4711"},
			"a name that looks like this is": {host: "localhost.evil.example.com:9440"},
		} {
			if strings.HasPrefix(name, "a page") || strings.HasPrefix(name, "another port") {
				if method == http.MethodGet {
					continue // it changes nothing, and the browser keeps the answer from the page
				}
			}
			c.method, c.path = method, path
			if got := c.of(s); got.Code != http.StatusForbidden {
				t.Errorf("%s from %s: %d %s", pattern, name, got.Code, got.Body)
			}
			for header := range (c).of(s).Header() {
				if strings.HasPrefix(header, "Access-Control-") {
					t.Errorf("%s lets other sites read: %s", pattern, header)
				}
			}
		}
	}
}

// A session is good for reading, and for the forms of our own pages: nothing else, and nothing without the
// form's token.
func TestASessionWritesThroughFormsAlone(t *testing.T) {
	s := newServer(t, secured(), nil)
	login := httptest.NewRequest(http.MethodPost, "http://localhost/login", strings.NewReader("token=the+admin"))
	login.RemoteAddr = "127.0.0.1:54321"
	login.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, login)
	cookie, _, _ := strings.Cut(w.Header().Get("Set-Cookie"), ";")
	if cookie == "" {
		t.Fatal(w.Code, w.Body)
	}
	roles, _ := s.Routes()
	for _, pattern := range slices.Sorted(maps.Keys(roles)) {
		method, path := asRequest(pattern)
		if method == http.MethodGet {
			continue
		}
		want := http.StatusUnauthorized
		if !strings.HasPrefix(path, "/api/") && !strings.HasPrefix(path, "/ofrep/") && !strings.HasPrefix(path, "/-/") {
			want = http.StatusForbidden // a form without its token
		}
		if got := (called{method: method, path: path, header: []string{"Cookie", cookie}}).of(s); got.Code != want {
			t.Errorf("%s with a session: %d %s", pattern, got.Code, got.Body)
		}
		if got := (called{method: method, path: path, header: []string{"Cookie", cookie, "Origin", "https://evil.example.com", "Sec-Fetch-Site", "cross-site"}}).of(s); got.Code != want && got.Code != http.StatusForbidden {
			t.Errorf("%s with a session from another site: %d %s", pattern, got.Code, got.Body)
		}
	}
}
