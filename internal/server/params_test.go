package server_test

import (
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"guardian/internal/reason"
	"guardian/internal/server"
)

// Every route of the guardian's own API refuses a parameter that it does not take, and names those that it does: a
// name that is not spelled right must not look like an answer to what was asked.
func TestEveryOwnRouteRefusesUnknownParameters(t *testing.T) {
	s := newServer(t, secured(), nil)
	own, others := s.Params()
	roles, _ := s.Routes()
	if want := []string{"GET /metrics", "POST /api/v1/write", "POST /ofrep/v1/evaluate/flags", "POST /ofrep/v1/evaluate/flags/{key}"}; !slices.Equal(slices.Sorted(slices.Values(others)), want) {
		t.Errorf("the protocols of others are those of %q, want %q", others, want)
	}
	prom := s.PromRoutes()
	for pattern := range roles {
		_, mine := own[pattern]
		_, path, _ := strings.Cut(pattern, " ")
		if api := strings.HasPrefix(path, "/api/v1/") || strings.HasPrefix(path, "/-/"); api && !mine && !slices.Contains(others, pattern) && !slices.Contains(prom, pattern) {
			t.Errorf("%s takes any parameter", pattern)
		}
	}
	for _, pattern := range slices.Sorted(maps.Keys(own)) {
		method, path := asRequest(pattern)
		ask := func(query string) (int, string) {
			got := (called{method: method, path: path + "?" + query, header: append(bearer(server.Admin), "Content-Type", "application/json")}).of(s)
			return got.Code, got.Body.String()
		}
		for _, query := range []string{"nonsense=1", "nonsense", "=1"} {
			code, body := ask(query)
			if code != http.StatusBadRequest || !strings.Contains(body, "is not known") || !strings.Contains(body, strings.Join(own[pattern], ", ")) {
				t.Errorf("%s?%s: %d %s", pattern, query, code, body)
			}
		}
		for _, query := range []string{"%zz=1", "a;b=1"} {
			if code, body := ask(query); code != http.StatusBadRequest || !strings.Contains(body, "cannot be read") {
				t.Errorf("%s?%s: %d %s", pattern, query, code, body)
			}
		}
		for _, name := range own[pattern] {
			if code, body := ask(name + "="); strings.Contains(body, "is not known") {
				t.Errorf("%s does not take its own %s: %d %s", pattern, name, code, body)
			}
			if code, body := ask(name + "=a&" + name + "=b"); code != http.StatusBadRequest || !strings.Contains(body, "give it once") {
				t.Errorf("%s with two %s: %d %s", pattern, name, code, body)
			}
			if code, body := ask(name + "s=1"); code != http.StatusBadRequest || !strings.Contains(body, `did you mean \"`+name) {
				t.Errorf("%s with %ss: %d %s", pattern, name, code, body)
			}
		}
	}
}

// Every route that takes a service refuses one that there never was, with those that there are, and answers
// for one that the journal knows alone.
func TestEveryQueryForAServiceRefusesOneThatThereNeverWas(t *testing.T) {
	b := busy()
	s := newServer(t, b, nil)
	own, _ := s.Params()
	asked := 0
	for pattern, takes := range own {
		if !slices.Contains(takes, "service") {
			continue
		}
		asked++
		_, path := asRequest(pattern)
		if got := (called{method: http.MethodGet, path: path + "?service=order-snyc"}).of(s); got.Code != http.StatusNotFound || !strings.Contains(got.Body.String(), `did you mean \"order-sync\"? known are order-sync`) {
			t.Errorf("%s: %d %s", pattern, got.Code, got.Body)
		}
		if got := (called{method: http.MethodGet, path: path + "?service=order-sync"}).of(s); got.Code != http.StatusOK {
			t.Errorf("%s of a service that there is: %d %s", pattern, got.Code, got.Body)
		}
	}
	if asked < 7 {
		t.Errorf("%d routes take a service; this test sees too few", asked)
	}
	asJSON := called{method: http.MethodGet, path: "/sla?service=order-snyc", header: []string{"Accept", "application/problem+json, */*"}}.of(s)
	if asJSON.Code != http.StatusNotFound || !strings.HasPrefix(asJSON.Body.String(), "{") {
		t.Errorf("a program that asks for a page: %d %s", asJSON.Code, asJSON.Body)
	}
	for _, path := range []string{"/journal", "/sla"} {
		if got := (called{method: http.MethodGet, path: path + "?lang=en&service=order-snyc"}).of(s); got.Code != http.StatusNotFound || !strings.Contains(got.Body.String(), "order-sync, price-sync") {
			t.Errorf("%s: %d %s", path, got.Code, got.Body)
		}
	}
	b.note(server.Caller{Name: "ci"}, "old-shop", "deploy", "d_1", reason.Text("v1"))
	for _, path := range []string{"/api/v1/deploys", "/api/v1/journal", "/api/v1/score"} {
		if got := (called{method: http.MethodGet, path: path + "?service=old-shop"}).of(s); got.Code != http.StatusOK {
			t.Errorf("%s of a service that there was: %d %s", path, got.Code, got.Body)
		}
	}
}

// Who may not call a route is not told what it takes.
func TestParametersAreReadAfterTheRole(t *testing.T) {
	s := newServer(t, secured(), nil)
	own, _ := s.Params()
	for pattern := range own {
		method, path := asRequest(pattern)
		if got := (called{method: method, path: path + "?nonsense=1"}).of(s); got.Code != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", pattern, got.Code, got.Body)
		}
	}
}

// A page takes whatever a chat or a browser adds to its link.
func TestPagesTakeWhatChatsAddToLinks(t *testing.T) {
	url := serve(t, busy(), nil)
	for _, p := range pageList() {
		join := "?"
		if strings.Contains(p.path, "?") {
			join = "&"
		}
		if got := send(t, url, http.MethodGet, p.path+join+"from=groupmessage&isappinstalled=0", ""); got.status != http.StatusOK {
			t.Errorf("%s: %d", p.path, got.status)
		}
	}
}

// docs/api.md names the parameters of each route that takes some, and no others.
func TestParametersAreDocumented(t *testing.T) {
	b, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	own, _ := newServer(t, busy(), nil).Params()
	for pattern, takes := range own {
		_, path, _ := strings.Cut(pattern, " ")
		found := regexp.MustCompile(regexp.QuoteMeta(pattern)+`\?([a-z0-9=&]+)`).FindAllStringSubmatch(string(b), -1)
		if strings.HasPrefix(path, "/sla.") {
			found = regexp.MustCompile(`/sla\?([a-z0-9=&-]+)`).FindAllStringSubmatch(string(b), -1) // "the same"
		}
		var named []string
		for _, one := range found {
			for part := range strings.SplitSeq(one[1], "&") {
				name, _, _ := strings.Cut(part, "=")
				named = append(named, name)
			}
		}
		slices.Sort(named)
		if !slices.Equal(slices.Compact(named), slices.Sorted(slices.Values(takes))) {
			t.Errorf("%s takes %q, and docs/api.md says %q", pattern, takes, named)
		}
	}
}

// No page of the documentation shows a parameter that is refused.
func TestDocumentedParametersAreTaken(t *testing.T) {
	s := newServer(t, busy(), nil)
	own, _ := s.Params()
	shown := regexp.MustCompile("(/(?:api/v1|sla|-)[^\\s`\"'|)?]*)\\?([a-z_]+=[^\\s`\"'|)]*)")
	placeholder := regexp.MustCompile(`\{[^}]*\}|<[^>]*>|\$[A-Za-z_]+`)
	seen := 0
	for file, text := range documents(t) {
		for _, m := range shown.FindAllStringSubmatch(text, -1) {
			pattern := s.Route(http.MethodGet, placeholder.ReplaceAllString(m[1], "x"))
			takes, mine := own[pattern]
			if !mine {
				continue
			}
			seen++
			for part := range strings.SplitSeq(m[2], "&") {
				if name, _, _ := strings.Cut(part, "="); !slices.Contains(takes, name) {
					t.Errorf("%s shows %s, and %s does not take %s", file, m[0], pattern, name)
				}
			}
		}
	}
	if seen < 8 {
		t.Errorf("only %d addresses were found: the pattern is wrong", seen)
	}
}
