package server_test

import (
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"guardian/internal/secret"
	"guardian/internal/server"
	"guardian/notifiers/route"
)

// secured is a busy shop with a token of each role; each token is "the " and the role.
func secured() *memory {
	m := busy()
	for _, r := range server.Roles() {
		m.tokens[server.HashToken("the "+string(r))] = server.Caller{Name: "some " + string(r), Role: r}
	}
	return m
}

func TestEachRoleMayDoWhatItIsFor(t *testing.T) {
	calls := []struct{ method, path, body, need string }{
		{"GET", "/api/v1/watches/w_7", "", "viewer"},
		{"GET", "/api/v1/query?query=up", "", "viewer"},
		{"GET", "/metrics", "", "viewer"},
		{"GET", "/sla.json", "", "viewer"},
		{"POST", "/api/v1/deploys", `{"service":"price-sync","version":"v9"}`, "deployer"},
		{"POST", "/api/v1/heartbeats/nightly-stock", "", "deployer"},
		{"GET", "/api/v1/rollbacks/plan?service=price-sync", "", "viewer"},
		{"POST", "/api/v1/rollbacks/r_3/approve", "", "approver"},
		{"POST", "/api/v1/silences", `{"matchers":["a=b"],"for":"1h","comment":"c"}`, "approver"},
		{"GET", "/api/v2/silences", "", "viewer"},
		{"GET", "/api/v1/oncall/overrides", "", "viewer"},
		{"POST", "/api/v1/oncall/overrides", `{"schedule": "orders", "person": "siti", "to": "2026-11-23T10:00:00Z"}`, "approver"},
		{"DELETE", "/api/v1/oncall/overrides/o_1", "", "approver"},
		{"GET", "/api/v2/status", "", "viewer"},
		{"POST", "/api/v2/alerts", `[{"labels":{"a":"b"}}]`, "deployer"},
		{"POST", "/api/v2/silences", postable("", 0, time.Hour, fooBar), "approver"},
		{"DELETE", "/api/v2/silence/s_1", "", "approver"},
		{"POST", "/-/reload", "", "admin"},
	}
	for _, c := range calls {
		for i, role := range server.Roles() {
			url := serve(t, secured(), nil)
			got := send(t, url, c.method, c.path, c.body, "Authorization", "Bearer the "+string(role))
			may := role.Includes(server.Role(c.need))
			if (got.status == http.StatusForbidden) == may {
				t.Errorf("%s %s as %s: %d %s", c.method, c.path, role, got.status, got.body)
			}
			if i > 0 {
				continue
			}
			for _, wrong := range []string{"", "Bearer nonsense", "Basic dGhlIGFkbWlu"} {
				if got := send(t, url, c.method, c.path, c.body, "Authorization", wrong); got.status != http.StatusUnauthorized || got.header.Get("WWW-Authenticate") == "" {
					t.Errorf("%s %s with %q: %d %s", c.method, c.path, wrong, got.status, got.body)
				}
			}
		}
	}
}

func TestHealthNeedsNoToken(t *testing.T) {
	url := serve(t, secured(), nil)
	for _, path := range []string{"/-/healthy", "/-/ready", "/login"} {
		if got := send(t, url, "GET", path, ""); got.status != 200 {
			t.Errorf("%s: %d", path, got.status)
		}
	}
}

func TestWithoutTokensOnlyThisMachineIsHeard(t *testing.T) {
	url := serve(t, busy(), nil)
	deploy := `{"service":"price-sync","version":"v9"}`
	for name, c := range map[string]struct {
		header []string
		may    bool
	}{
		"a program":                                   {nil, true},
		"localhost":                                   {[]string{"Host", "localhost:9440"}, true},
		"the IPv6 loopback":                           {[]string{"Host", "[::1]:9440"}, true},
		"a name that was bent to loopback":            {[]string{"Host", "evil.example.com"}, false},
		"a name that only looks like it":              {[]string{"Host", "localhost.evil.example.com:9440"}, false},
		"a page of another site":                      {[]string{"Origin", "https://evil.example.com"}, false},
		"a page of another site, said by the browser": {[]string{"Sec-Fetch-Site", "cross-site"}, false},
		"another port of this machine":                {[]string{"Sec-Fetch-Site", "same-site", "Origin", "http://localhost:3000"}, false},
		"somebody behind a proxy":                     {[]string{"X-Forwarded-For", "203.0.113.9"}, false},
		"somebody whom a proxy does not name":         {[]string{"X-Forwarded-Proto", "https"}, false},
		"somebody behind a proxy of the standard":     {[]string{"Forwarded", "for=203.0.113.9"}, false},
		"somebody behind a cache":                     {[]string{"Via", "1.1 varnish"}, false},
		"somebody behind nginx":                       {[]string{"X-Real-IP", "127.0.0.1"}, false},
		"our own page":                                {[]string{"Sec-Fetch-Site", "same-origin"}, true},
	} {
		if got := send(t, url, "POST", "/api/v1/deploys", deploy, c.header...); (got.status == 201) != c.may || (!c.may && got.status != 403) {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	if got := send(t, url, "GET", "/api/v1/services", "", "X-Forwarded-For", "127.0.0.1"); !strings.Contains(got.body, "X-Forwarded-For") || !strings.Contains(got.body, "guardian token create") {
		t.Errorf("what a proxy's operator has to do is not said: %s", got.body)
	}
	s := newServer(t, busy(), nil)
	r := httptest.NewRequestWithContext(t.Context(), "GET", "http://localhost/api/v1/services", nil)
	r.RemoteAddr = "203.0.113.7:4711"
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if w.Code != http.StatusForbidden {
		t.Errorf("another machine: %d", w.Code)
	}
}

// browser is a person with cookies.
type browser struct {
	*http.Client
	base string
}

func newBrowser(t *testing.T, base string) browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return browser{&http.Client{Jar: jar}, base}
}

func (b browser) get(t *testing.T, path string) answer {
	t.Helper()
	return b.do(t, "GET", path, nil)
}

func (b browser) post(t *testing.T, path string, form url.Values) answer {
	t.Helper()
	return b.do(t, "POST", path, form)
}

func (b browser) do(t *testing.T, method, path string, form url.Values) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, b.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", b.base)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	got, err := b.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = got.Body.Close() }()
	var body strings.Builder
	if err := got.Write(&body); err != nil {
		t.Fatal(err)
	}
	return answer{got.StatusCode, got.Header, body.String() + "\nADDRESS " + got.Request.URL.RequestURI()}
}

// csrf finds the token of the forms on a page.
func csrf(t *testing.T, page answer) string {
	t.Helper()
	found := regexp.MustCompile(`name="csrf" value="([^"]+)"`).FindStringSubmatch(page.body)
	if found == nil {
		t.Fatalf("no form on the page:\n%s", page.body)
	}
	return found[1]
}

func TestAPersonLogsInAndApproves(t *testing.T) {
	m := secured()
	b := newBrowser(t, serve(t, m, nil))

	asked := b.get(t, "/rollbacks/r_3")
	if !strings.Contains(asked.body, "ADDRESS /login?next=%2Frollbacks%2Fr_3") {
		t.Fatalf("not asked to log in: %s", asked.body)
	}
	if wrong := b.post(t, "/login", url.Values{"token": {"nonsense"}}); wrong.status != 401 || !strings.Contains(wrong.body, "unknown or revoked") {
		t.Errorf("wrong token: %d", wrong.status)
	}
	page := b.post(t, "/login", url.Values{"token": {" the approver "}, "next": {"/rollbacks/r_3"}})
	if page.status != 200 || !strings.Contains(page.body, "ADDRESS /rollbacks/r_3") || !strings.Contains(page.body, "some approver (approver)") {
		t.Fatalf("login: %d %s", page.status, page.body)
	}
	if got := b.post(t, "/rollbacks/r_3", url.Values{"decision": {"approve"}}); got.status != 403 || m.runs[0].State != "awaiting_approval" {
		t.Errorf("approved without the form's token: %d", got.status)
	}
	done := b.post(t, "/rollbacks/r_3", url.Values{"decision": {"approve"}, "note": {"go"}, "csrf": {csrf(t, page)}})
	if done.status != 200 || !strings.Contains(done.body, "Approved.") || m.runs[0].State != "running" || m.runs[0].Answers[0].By != "some approver" {
		t.Errorf("approve: %d %+v", done.status, m.runs[0])
	}
	if got := b.get(t, "/sla.json"); got.status != 200 {
		t.Errorf("a session reads: %d", got.status)
	}
	if got := b.do(t, "POST", "/api/v1/rollbacks/r_3/abort", nil); got.status != 401 {
		t.Errorf("a session must not write through the API: %d", got.status)
	}
	delete(m.tokens, server.HashToken("the approver"))
	if got := b.get(t, "/"); !strings.Contains(got.body, "ADDRESS /login") {
		t.Errorf("a revoked token still works")
	}
}

// Whoever copies the matchers of a route into a silence, through the API, the page or the command line,
// which sends them as they are, gets the same matchers.
func TestSilencesTakeWhatRoutesTake(t *testing.T) {
	for _, text := range []string{
		`service="order-sync"`, `tier=~"critical|warning"`, `team!="x", service=~"a.*"`, `{service="a", "地区"="华东, \"上海\""}`, `service=a`, `nope="",service="a"`,
	} {
		want, err := route.ParseMatchers(text)
		if err != nil {
			t.Fatal(err)
		}
		body, err := json.Marshal(map[string]any{"matchers": []string{text}, "for": "1h", "comment": "c"})
		if err != nil {
			t.Fatal(err)
		}
		m := busy()
		url := serve(t, m, nil)
		var made struct{ Matchers route.Matchers }
		got := send(t, url, "POST", "/api/v1/silences", string(body))
		if err := json.Unmarshal([]byte(got.body), &made); err != nil || got.status != 201 || made.Matchers.String() != want.String() {
			t.Errorf("%s: %d %s", text, got.status, got.body)
		}
	}
	if got := send(t, serve(t, busy(), nil), "POST", "/api/v1/silences", `{"matchers":["{a=\"\",b=~\".*\"}"],"for":"1h","comment":"c"}`); got.status != 422 {
		t.Errorf("one that matches every alert: %d %s", got.status, got.body)
	}
}

func TestLogoutEndsTheSession(t *testing.T) {
	b := newBrowser(t, serve(t, secured(), nil))
	page := b.post(t, "/login", url.Values{"token": {"the viewer"}})
	b.post(t, "/logout", url.Values{"csrf": {csrf(t, page)}})
	if got := b.get(t, "/"); !strings.Contains(got.body, "ADDRESS /login") {
		t.Error("still logged in")
	}
}

func TestSessionCookieCannotBeMadeOrKept(t *testing.T) {
	m := secured()
	now := fixedNow()
	url := serve(t, m, func(o *server.Options) {
		o.Now, o.SessionKey, o.ExternalURL = func() time.Time { return now }, secret.New("shared by two guardians"), "https://guardian.example.com"
	})
	login := send(t, url, "POST", "/login", "token=the+viewer&next=https%3A%2F%2Fevil.example.com%2F", "Content-Type", "application/x-www-form-urlencoded")
	cookie := login.header.Get("Set-Cookie")
	for _, want := range []string{"HttpOnly", "SameSite=Strict", "Secure", "Path=/"} {
		if !strings.Contains(cookie, want) {
			t.Errorf("cookie %q lacks %s", cookie, want)
		}
	}
	if strings.Contains(cookie, "the viewer") || login.header.Get("Location") != "/" {
		t.Errorf("cookie %q, location %q", cookie, login.header.Get("Location"))
	}
	value, _, _ := strings.Cut(cookie, ";")
	status := func(cookie string) int { return send(t, url, "GET", "/api/v1/services", "", "Cookie", cookie).status }
	if got := status(value); got != 200 {
		t.Errorf("session: %d", got)
	}
	forged := strings.Replace(value, server.HashToken("the viewer"), server.HashToken("the admin"), 1)
	if got := status(forged); forged == value || got != 401 {
		t.Errorf("forged session: %d", got)
	}
	now = now.Add(13 * time.Hour)
	if got := status(value); got != 401 {
		t.Errorf("session after 13 hours: %d", got)
	}
}

// A browser does not send a SameSite=Strict cookie with a link from another site: whoever
// clicks in a chat must not be thrown to the login while logged in.
func TestLinkFromAChatIsLoadedAgain(t *testing.T) {
	url := serve(t, secured(), nil)
	got := send(t, url, "GET", "/rollbacks/r_3", "", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate")
	if got.status != 200 || got.header.Get("Refresh") != "0" {
		t.Errorf("%d, refresh %q", got.status, got.header.Get("Refresh"))
	}
	got = send(t, url, "GET", "/rollbacks/r_3", "", "Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "navigate")
	if got.status != http.StatusSeeOther || got.header.Get("Location") != "/login?next=%2Frollbacks%2Fr_3" {
		t.Errorf("second time: %d %q", got.status, got.header.Get("Location"))
	}
}

func TestEveryAnswerCarriesTheHeaders(t *testing.T) {
	url := serve(t, busy(), nil)
	for _, path := range []string{"/", "/api/v1/services", "/nothing", "/-/healthy"} {
		got := send(t, url, "GET", path, "")
		csp := got.header.Get("Content-Security-Policy")
		if !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") || got.header.Get("X-Content-Type-Options") != "nosniff" || got.header.Get("X-Frame-Options") != "DENY" {
			t.Errorf("%s: %v", path, got.header)
		}
	}
}
