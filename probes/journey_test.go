package probes_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"guardian/internal/secret"
	"guardian/probes"
	"guardian/probes/sample"
)

const (
	shopPassword = "pass-77beef00"
	shopToken    = "tok-5ae1c0ffee"
	shopCookie   = "session-123456"
)

// customerShop lets a customer log in, keeps a session by cookie and a token by header, and
// echoes what it is told where it fails.
func customerShop(tb testing.TB) http.HandlerFunc {
	tb.Helper()
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		cookie, _ := r.Cookie("sid")
		switch r.URL.Path {
		case "/login":
			if !strings.Contains(string(body), shopPassword) {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			http.SetCookie(w, &http.Cookie{Name: "sid", Value: shopCookie, Path: "/"})
			w.Header().Set("X-Region", "eu-west; primary")
			_, _ = fmt.Fprintf(w, `{"data":{"token":%q,"empty":null}}`, shopToken)
		case "/cart":
			if cookie == nil || cookie.Value != shopCookie || r.Header.Get("Authorization") != "Bearer "+shopToken {
				w.WriteHeader(http.StatusForbidden)
				return
			}
			_, _ = fmt.Fprintf(w, `<p>cart no. 4711 of %s</p>`, r.URL.Query().Get("region"))
		case "/pay":
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = fmt.Fprint(w, "cannot pay ", r.URL.Query().Get("cart"), r.Header, string(body), cookie)
		case "/slow":
			time.Sleep(100 * time.Millisecond)
		}
	}
}

// shopping are the steps that lead to a cart.
func shopping(url string) []probes.JourneyStep {
	return []probes.JourneyStep{
		{
			Name:    "login",
			Request: probes.Request{Method: "POST", URL: url + "/login", Body: `{"password":"{{.Secrets.password}}"}`},
			Extract: []probes.Extract{{Name: "token", JSON: "data.token"}, {Name: "region", Header: "X-Region", Match: "^[a-z-]+", Show: true}},
		},
		{
			Name: "cart",
			Request: probes.Request{
				URL:     url + "/cart?region={{.region}}",
				Headers: map[string]secret.Secret{"Authorization": secret.New("Bearer {{.token}}")},
			},
			Expect:  probes.Expect{BodyContains: []string{"of eu-west"}},
			Extract: []probes.Extract{{Name: "cart", Match: `no\. (\d+)`, Show: true}},
		},
	}
}

func TestJourney(t *testing.T) {
	url := serve(t, customerShop(t))
	extract := func(e probes.Extract) func(*probes.JourneySettings) {
		return func(s *probes.JourneySettings) { s.Steps[0].Extract = append(s.Steps[0].Extract, e) }
	}
	for name, tc := range map[string]struct {
		set    func(*probes.JourneySettings)
		health sample.Health
		reason string
		steps  int
	}{
		"cookies and values go from step to step": {health: sample.Up, steps: 2},
		"a step that fails ends the journey": {health: sample.Down, reason: "step login: status 401, want 2xx", steps: 1, set: func(s *probes.JourneySettings) {
			s.Secrets["password"] = secret.New("wrong-wrong")
		}},
		"what a step expects is judged": {health: sample.Down, reason: `step cart: the body does not contain "of us-east"`, steps: 2, set: func(s *probes.JourneySettings) {
			s.Steps[1].Expect.BodyContains = []string{"of us-east"}
		}},
		"a value that is not in the body is down": {health: sample.Down, reason: "step login: nothing to extract for x: json data.none is missing", steps: 1, set: extract(probes.Extract{Name: "x", JSON: "data.none"})},
		"a value that is null is down":            {health: sample.Down, reason: "json data.empty is missing", steps: 1, set: extract(probes.Extract{Name: "x", JSON: "data.empty"})},
		"a header that is not there is down":      {health: sample.Down, reason: "the header X-None is missing", steps: 1, set: extract(probes.Extract{Name: "x", Header: "X-None"})},
		"a text that does not match is down":      {health: sample.Down, reason: "the body does not match ^nope", steps: 1, set: extract(probes.Extract{Name: "x", Match: "^nope"})},
		"a step has a time of its own": {health: sample.Down, reason: "step slow: no answer within", steps: 3, set: func(s *probes.JourneySettings) {
			s.Steps = append(s.Steps, probes.JourneyStep{Name: "slow", Request: probes.Request{URL: url + "/slow"}, Timeout: model.Duration(20 * time.Millisecond)})
		}},
		"a name that nobody extracted is unknown": {health: sample.Unknown, reason: "step cart: the request could not be built: url: fill in the template", steps: 1, set: func(s *probes.JourneySettings) { s.Steps[1].URL += "{{.nothing}}" }},
		"nobody listens": {health: sample.Down, reason: "step gone: the connection was refused", steps: 3, set: func(s *probes.JourneySettings) {
			s.Steps = append(s.Steps, probes.JourneyStep{Name: "gone", Request: probes.Request{URL: "http://" + refusedAddress(t)}})
		}},
		"a proxy that is not there is unknown": {health: sample.Unknown, reason: "step login: the proxy cannot be reached", steps: 1, set: func(s *probes.JourneySettings) { s.Proxy = "http://" + refusedAddress(t) }},
		"a variable of the settings is filled in": {health: sample.Up, steps: 2, set: func(s *probes.JourneySettings) {
			s.Vars = map[string]string{"SKU": "a"}
			s.Steps[1].URL += "&sku={{.SKU}}"
		}},
		"the journey begins anew with every look": {health: sample.Down, reason: "step cart: status 403", steps: 2, set: func(s *probes.JourneySettings) {
			s.Steps[0].Request.URL += "/../slow"
			s.Steps[0].Extract = nil
			s.Steps[1].Request = probes.Request{URL: url + "/cart"}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := build(t, "journey", probes.Env{}, func(s *probes.JourneySettings) {
				s.Secrets, s.Steps = map[string]secret.Secret{"password": secret.New(shopPassword)}, shopping(url)
				if tc.set != nil {
					tc.set(s)
				}
			})
			for range 2 {
				o := look(t, p, 20*time.Second)
				if o.Health != tc.health || !strings.Contains(o.Reason.String(), tc.reason) || (o.Health == sample.Up) != (o.Reason.IsZero()) {
					t.Errorf("got %s %q, want %s %q", o.Health, o.Reason, tc.health, tc.reason)
				}
				steps := 0
				for _, v := range o.Values {
					if v.Name == "journey_step_seconds" {
						steps++
					}
				}
				if steps != tc.steps {
					t.Errorf("%d steps were timed, want %d", steps, tc.steps)
				}
				onlyPromised(t, "journey", &probes.JourneySettings{}, o)
			}
		})
	}
}

func TestJourneyTellsTheFirstExpiry(t *testing.T) {
	s := httptest.NewTLSServer(customerShop(t))
	t.Cleanup(s.Close)
	p := build(t, "journey", probes.Env{}, func(j *probes.JourneySettings) {
		j.Secrets, j.Steps, j.TLS.Insecure = map[string]secret.Secret{"password": secret.New(shopPassword)}, shopping(s.URL), true
	})
	o := look(t, p, 20*time.Second)
	if o.Health != sample.Up || value(t, o, "probe_ssl_earliest_cert_expiry") != float64(s.Certificate().NotAfter.Unix()) {
		t.Errorf("got %s %q %v", o.Health, o.Reason, o.Values)
	}
	if value(t, o, "journey_step_status_code", "step=cart") != 200 || value(t, o, "journey_step_seconds", "step=login") <= 0 {
		t.Errorf("values: %v", o.Values)
	}
}

// What is extracted and what cookies hold is as secret as what is configured.
func TestJourneyKeepsSecrets(t *testing.T) {
	url := serve(t, customerShop(t))
	p := build(t, "journey", probes.Env{}, func(s *probes.JourneySettings) {
		s.Secrets = map[string]secret.Secret{"password": secret.New(shopPassword)}
		s.Steps = append(shopping(url), probes.JourneyStep{Name: "pay", Request: probes.Request{
			Method: "POST", URL: url + "/pay?cart={{.cart}}", Body: "{{.token}} {{.Secrets.password}}",
		}})
	})
	o := look(t, p, 20*time.Second)
	if o.Health != sample.Down || !strings.Contains(o.Detail, "cannot pay 4711") {
		t.Fatalf("got %s %q\n%s", o.Health, o.Reason, o.Detail)
	}
	wantSilent(t, o, shopPassword, shopToken, shopCookie)
}

func TestJourneySettingsTellEveryMistake(t *testing.T) {
	s := probes.Builtin()["journey"].Settings().(*probes.JourneySettings)
	wantMistakes(t, s.Validate(), "steps has 0 entries")
	s.Vars = map[string]string{"ID": "x", "a-b": "y"}
	s.Steps = []probes.JourneyStep{
		{Extract: []probes.Extract{{Name: "token"}, {Name: "Now", JSON: "a", Header: "b", Match: "(a)(b)"}}, Timeout: -1},
		{Name: "twice", Request: probes.Request{URL: "http://a"}, Extract: []probes.Extract{{Name: "token", Match: "("}}},
		{Name: "twice", Request: probes.Request{URL: "http://a"}, Expect: probes.Expect{BodyMatches: []string{"("}}},
	}
	wantMistakes(t, s.Validate(), `vars."ID" has a meaning`, `vars."a-b" is not a name`, "steps[0].url", "steps[0].name is missing", "steps[0].timeout",
		"steps[0].extract[0]: give json, header or match", `name "Now" has a meaning`, "json or header, not both", "more than one group",
		`steps[1].extract[0]: name "token" is taken`, "match: error parsing", `"twice" is the name of another step`, "steps[2].expect.body_matches")
}
