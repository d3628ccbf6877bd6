package server_test

import (
	"cmp"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"guardian/internal/server"
)

// visitor sends requests to a server in this process.
type visitor struct {
	t *testing.T
	*server.Server
	patterns []string
}

func newVisitor(t *testing.T, m *memory) visitor {
	t.Helper()
	s := newServer(t, m, nil)
	roles, open := s.Routes()
	return visitor{t, s, slices.Concat(slices.Sorted(maps.Keys(roles)), open)}
}

// at gives the method and an address of a route, with a value in each place.
func at(pattern, value string) (method, path string) {
	method, path, _ = strings.Cut(pattern, " ")
	path = strings.ReplaceAll(path, "{$}", "")
	return method, regexp.MustCompile(`\{[a-z]+\}`).ReplaceAllLiteralString(path, url.PathEscape(value))
}

// request is what a visitor sends; each change is a header and its value, or host, from and form.
func (v visitor) request(method, path string, change map[string]string) *httptest.ResponseRecorder {
	v.t.Helper()
	body, kind := "{}", "application/json"
	if form, ok := change["form"]; ok {
		body, kind = form, "application/x-www-form-urlencoded"
	}
	r := httptest.NewRequestWithContext(v.t.Context(), method, path, strings.NewReader(body))
	r.Host, r.RemoteAddr = cmp.Or(change["host"], "localhost:9440"), cmp.Or(change["from"], "127.0.0.1:54321")
	r.Header.Set("Content-Type", kind)
	for name, value := range change {
		if name != "host" && name != "from" && name != "form" {
			r.Header.Set(name, value)
		}
	}
	w := httptest.NewRecorder()
	v.ServeHTTP(w, r)
	return w
}

// TestFormsAreTakenFromOurPagesAlone: its cookie is sent by the browser, whoever made the page.
func TestFormsAreTakenFromOurPagesAlone(t *testing.T) {
	v := newVisitor(t, secured())
	session := func() (cookie, token string) {
		login := v.request("POST", "/login", map[string]string{"form": "token=the+admin"})
		cookie, _, _ = strings.Cut(login.Header().Get("Set-Cookie"), ";")
		page := v.request("GET", "/", map[string]string{"Cookie": cookie})
		return cookie, csrf(t, answer{body: page.Body.String()})
	}
	cookie, token := session()
	v2 := newVisitor(t, secured()) // with another key
	login := v2.request("POST", "/login", map[string]string{"form": "token=the+admin"})
	foreign, _, _ := strings.Cut(login.Header().Get("Set-Cookie"), ";")
	foreignPage := v2.request("GET", "/", map[string]string{"Cookie": foreign})
	foreignToken := csrf(t, answer{body: foreignPage.Body.String()})
	for _, name := range append(v.Forms(), "POST /logout") {
		method, path := at(name, "x")
		for how, change := range map[string]map[string]string{
			"without the form's token":        {"form": "note=x"},
			"with an empty one":               {"form": "csrf="},
			"with that of another session":    {"form": "csrf=" + foreignToken},
			"with the token in the address":   {"form": "note=x", "query": token},
			"from a page of another site":     {"form": "csrf=" + token, "Origin": "https://evil.example.com"},
			"from there, said by the browser": {"form": "csrf=" + token, "Sec-Fetch-Site": "cross-site"},
		} {
			to := path
			if q, ok := change["query"]; ok {
				to += "?csrf=" + q
				delete(change, "query")
			}
			change["Cookie"] = cookie
			if w := v.request(method, to, change); w.Code != http.StatusForbidden {
				t.Errorf("%s %s: %d %.100s", name, how, w.Code, w.Body)
			}
		}
		if w := v.request(method, path, map[string]string{"Cookie": foreign, "form": "csrf=" + foreignToken}); path != "/logout" && w.Code != http.StatusSeeOther || w.Code == http.StatusOK {
			t.Errorf("%s by a session of another guardian: %d", name, w.Code)
		}
		if w := v.request(method, path, map[string]string{"Cookie": cookie, "form": "csrf=" + token, "Sec-Fetch-Site": "same-origin"}); w.Code == http.StatusForbidden || w.Code == http.StatusUnauthorized {
			t.Errorf("%s by our own form: %d %.100s", name, w.Code, w.Body)
		}
	}
}

// TestNoRouteSaysAnythingUnquoted puts what would be code elsewhere into each address, parameter and form.
func TestNoRouteSaysAnythingUnquoted(t *testing.T) {
	parameters := []string{
		"service", "environment", "state", "since", "until", "limit", "month", "query", "match[]", "name", "t", "next", "filter", "start", "end", "step", "time", "timeout", "from", "to",
		"wait", "trigger", "open", "lang", "before", "what", "who", "token", "note", "decision", "matchers", "comment", "for", "alert", "id", "receiver", "active", "silenced", "inhibited", "type", "rule_name[]", "check",
	}
	v := newVisitor(t, secured())
	own, _ := v.Params()
	for _, attack := range []string{
		`"><script>alert(1)</script>`, `'; DROP TABLE deploys; --`, "x\r\nX-Evil: 1\r\n\r\n<script>alert(1)</script>", "../../../../etc/passwd", `{{.Secret}}${jndi:ldap://evil}`, "a\x00b", "//evil.example.com", `javascript:alert(1)`, "\xff\xfe",
	} {
		values := url.Values{}
		for _, p := range parameters {
			values.Set(p, attack)
		}
		for _, pattern := range v.patterns {
			method, there := at(pattern, attack)
			_, plain := at(pattern, "x")
			ways := map[string]struct{ path, form string }{"in the address": {there, values.Encode()}}
			if method == http.MethodGet {
				ways["in its parameters"] = struct{ path, form string }{plain + "?" + values.Encode(), ""}
				if takes, mine := own[pattern]; mine { // the others are refused, which is one way
					its := url.Values{}
					for _, p := range takes {
						its.Set(p, attack)
					}
					ways["in those that it takes"] = struct{ path, form string }{plain + "?" + its.Encode(), ""}
				}
			} else {
				ways["in what is posted"] = struct{ path, form string }{plain, values.Encode()}
			}
			for how, send := range ways {
				w := v.request(method, send.path, map[string]string{"Authorization": "Bearer the admin", "form": send.form, "Referer": attack, "User-Agent": attack, "Accept-Language": attack})
				body := w.Body.String()
				what := pattern + " with " + attack + " " + how
				if w.Code >= 500 && w.Code != http.StatusServiceUnavailable && !strings.Contains(body, "admin APIs disabled") {
					t.Errorf("%s: %d %.200s", what, w.Code, body)
				}
				if w.Header().Get("X-Evil") != "" || strings.Contains(body, "root:") {
					t.Errorf("%s: %v %.200s", what, w.Header(), body)
				}
				if to := w.Header().Get("Location"); to != "" && (!strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//")) {
					t.Errorf("%s: leads to %q", what, to)
				}
				if kind := w.Header().Get("Content-Type"); strings.Contains(kind, "html") && (strings.Contains(body, "<script>alert") || strings.Contains(body, `="javascript:`)) {
					t.Errorf("%s: a page has it as it is", what)
				} else if kind == "" && body != "" {
					t.Errorf("%s: of no type", what)
				}
				if w.Header().Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(w.Header().Get("Content-Security-Policy"), "default-src 'none'") {
					t.Errorf("%s: %v", what, w.Header())
				}
			}
		}
	}
}
