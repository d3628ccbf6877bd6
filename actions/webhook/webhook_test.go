package webhook_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"guardian/actions"
	"guardian/actions/actiontest"
	"guardian/actions/webhook"
	"guardian/internal/secret"
)

// deployer is a deploy tool: it knows the intents that it has seen.
type deployer struct {
	*httptest.Server
	mu       sync.Mutex
	seen     map[string]string // intent → body
	deploys  int
	requests int
	header   http.Header // of the last POST
	broken   bool
	location string         // answered in a header, in place of a body
	polls    []string       // what is answered to polls, the last one stays
	status   func(int) int  // the status of the nth POST; nil: 202
	lose     map[int]string // POSTs that get no answer: "before" or "after" they were done
}

func newDeployer(t *testing.T) *deployer {
	t.Helper()
	d := &deployer{seen: map[string]string{}, polls: []string{"done"}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /deploys/{token}", func(w http.ResponseWriter, r *http.Request) {
		d.mu.Lock()
		defer d.mu.Unlock()
		body, _ := io.ReadAll(r.Body)
		d.requests++
		d.header = r.Header
		if d.broken {
			w.WriteHeader(http.StatusForbidden)
			_, _ = fmt.Fprintf(w, "%s %s not allowed with %v", r.Method, r.URL, r.Header)
			return
		}
		if d.lose[d.requests] == "before" {
			panic(http.ErrAbortHandler)
		}
		status := http.StatusAccepted
		if d.status != nil {
			status = d.status(d.requests)
		}
		if status < 300 {
			if _, ok := d.seen[r.Header.Get("Idempotency-Key")]; !ok {
				d.deploys++
			}
			d.seen[r.Header.Get("Idempotency-Key")] = string(body)
		}
		if d.lose[d.requests] == "after" {
			panic(http.ErrAbortHandler)
		}
		if d.location != "" {
			w.Header().Set("Location", d.location)
			w.WriteHeader(status) // and an empty body, as Jenkins
			return
		}
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `{"id": 7, "auth": %q}`, r.Header.Get("Authorization"))
	})
	mux.HandleFunc("GET /intents/{id}", func(w http.ResponseWriter, r *http.Request) {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.broken {
			http.Error(w, "no entry with "+r.Header.Get("Authorization"), http.StatusForbidden)
			return
		}
		if _, ok := d.seen[r.PathValue("id")]; !ok {
			http.NotFound(w, r)
			return
		}
		_, _ = io.WriteString(w, `{"state": "deployed"}`)
	})
	mux.HandleFunc("GET /jobs/7", func(w http.ResponseWriter, _ *http.Request) {
		d.mu.Lock()
		defer d.mu.Unlock()
		_ = json.NewEncoder(w).Encode(map[string]any{"jobs": []any{map[string]any{"state": d.polls[0], "percent": 50}}})
		if len(d.polls) > 1 {
			d.polls = d.polls[1:]
		}
	})
	d.Server = httptest.NewUnstartedServer(mux)
	d.Config.ErrorLog = nil
	d.Start()
	t.Cleanup(d.Close)
	return d
}

func (d *deployer) settings(t *testing.T) *webhook.Settings {
	t.Helper()
	s := webhook.Kind().Settings().(*webhook.Settings)
	s.URL = d.URL + "/deploys/hunter2-path"
	s.Body = `{"version": {{json .To}}, "reason": {{json .Reason}}}`
	s.Headers = map[string]secret.Secret{"Authorization": secret.New("Bearer hunter2-token")}
	return s
}

func TestContract(t *testing.T) {
	for name, ask := range map[string]*webhook.StatusSettings{
		"with ask": {Done: webhook.MatchSettings{Path: "state", Equals: "deployed"}, NotDoneStatus: []int{404}},
		"without":  nil,
	} {
		t.Run(name, func(t *testing.T) {
			actiontest.Run(t, func(t *testing.T) actiontest.Target {
				t.Helper()
				d := newDeployer(t)
				s := d.settings(t)
				if ask != nil {
					a := *ask
					a.URL = d.URL + "/intents/{{.Intent}}"
					s.StatusRequest = &a
				}
				e := actiontest.Env()
				e.Redactor.Learn(secret.New("hunter2-path"))
				s.Sign = &webhook.SignSettings{Secret: secret.New("hunter2-key")}
				return actiontest.Target{
					Step: actiontest.Build(t, webhook.Kind(), s, e), Call: actiontest.Call(),
					Effects: func() int { d.mu.Lock(); defer d.mu.Unlock(); return d.deploys },
					Break:   func() { d.mu.Lock(); defer d.mu.Unlock(); d.broken = true },
					Secrets: []string{"hunter2"}, KnowsOutcome: ask != nil, Deduplicates: true,
				}
			})
		})
	}
}

func TestKeepsItsAddressSecretWhenNobodyListens(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	s := webhook.Kind().Settings().(*webhook.Settings)
	s.URL = "http://" + address + "/hunter2-path?key=hunter2-query"
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	// Not even a redactor that has heard of them is needed.
	_, err = actiontest.Build(t, webhook.Kind(), s, actions.Env{Now: time.Now}).Do(ctx, actiontest.Call())
	if err == nil || strings.Contains(fmt.Sprintf("%+v", err), "hunter2") {
		t.Errorf("error %v, want one without the address's path", err)
	}
	if errors.Is(err, actions.ErrUnclear) {
		t.Errorf("error %v is unclear; nothing was ever sent", err)
	}
}

func TestSends(t *testing.T) {
	d := newDeployer(t)
	s := d.settings(t)
	s.Sign = &webhook.SignSettings{Secret: secret.New("key"), Header: "X-Signature"}
	e := actiontest.Env()
	e.Now = func() time.Time { return time.Unix(1700000000, 0) }
	if _, err := actiontest.Build(t, webhook.Kind(), s, e).Do(t.Context(), actiontest.Call()); err != nil {
		t.Fatal(err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	want := `{"version": "v1.4.2", "reason": "it said \"no\""}`
	if got := d.seen["r_1-1"]; got != want {
		t.Errorf("body %s, want %s", got, want)
	}
	mac := hmac.New(sha256.New, []byte("key"))
	mac.Write([]byte("1700000000." + want))
	for name, want := range map[string]string{
		"Idempotency-Key": "r_1-1", "Authorization": "Bearer hunter2-token", "Content-Type": "application/json",
		"User-Agent": "guardian/test", "X-Signature": "t=1700000000,v1=" + hex.EncodeToString(mac.Sum(nil)),
	} {
		if got := d.header.Get(name); got != want {
			t.Errorf("header %s is %q, want %q", name, got, want)
		}
	}
}

func TestAnswers(t *testing.T) {
	busyOnce := func(n int) int {
		if n == 1 {
			return http.StatusTooManyRequests
		}
		return http.StatusAccepted
	}
	always := func(code int) func(int) int { return func(int) int { return code } }
	for name, c := range map[string]struct {
		change     func(*deployer, *webhook.Settings)
		repeatable bool
		requests   int
		err        string // contained; "" none
		unclear    bool
	}{
		"accepted":                      {func(*deployer, *webhook.Settings) {}, false, 1, "", false},
		"refused":                       {func(d *deployer, _ *webhook.Settings) { d.status = always(409) }, false, 1, "409 Conflict", false},
		"a status that is expected":     {func(d *deployer, s *webhook.Settings) { d.status = always(409); s.Expect = []int{409} }, false, 1, "", false},
		"too busy is tried again":       {func(d *deployer, _ *webhook.Settings) { d.status = busyOnce }, false, 2, "", false},
		"a gateway's answer is no no":   {func(d *deployer, _ *webhook.Settings) { d.status = always(502) }, false, 1, "502", true},
		"a redirect is not followed":    {func(d *deployer, _ *webhook.Settings) { d.status = always(302) }, false, 1, "final address", false},
		"a lost answer is not repeated": {func(d *deployer, _ *webhook.Settings) { d.lose = map[int]string{1: "after"} }, false, 1, "EOF", true},
		"unless the step is repeatable": {func(d *deployer, _ *webhook.Settings) { d.lose = map[int]string{1: "before"} }, true, 2, "", false},
		"polls until it is done":        {func(d *deployer, s *webhook.Settings) { poll(d, s, "queued", "running", "done") }, false, 1, "", false},
		"polls until it failed":         {func(d *deployer, s *webhook.Settings) { poll(d, s, "queued", "broken") }, false, 1, "the target says that it failed", false},
		"does not poll for ever":        {func(d *deployer, s *webhook.Settings) { poll(d, s, "queued") }, false, 1, "did not say in time that it is done", true},
		"a poll that leads elsewhere": {func(d *deployer, s *webhook.Settings) {
			poll(d, s, "done")
			s.Poll.URL = "http://elsewhere.invalid/{{.Answer.id}}"
		}, false, 1, "another host", true},
		"the job that a header names":        {func(d *deployer, s *webhook.Settings) { queued(d, s, d.URL+"/jobs/7") }, false, 1, "", false},
		"the job that a header's path names": {func(d *deployer, s *webhook.Settings) { queued(d, s, "../jobs/7") }, false, 1, "", false},
		"a header that leads elsewhere":      {func(d *deployer, s *webhook.Settings) { queued(d, s, "http://elsewhere.invalid/jobs/7") }, false, 1, "another host", true},
		"a header that is not there": {func(d *deployer, s *webhook.Settings) {
			queued(d, s, "")
		}, false, 1, "fill in poll.url", true},
		"an answer without what is used": {func(d *deployer, s *webhook.Settings) {
			poll(d, s, "done")
			s.Poll.URL = d.URL + "/jobs/{{.Answer.job}}"
		}, false, 1, "fill in poll.url", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDeployer(t)
			s := d.settings(t)
			c.change(d, s)
			call := actiontest.Call()
			call.Idempotent = c.repeatable
			out, err := actiontest.Build(t, webhook.Kind(), s, actiontest.Env()).Do(t.Context(), call)
			if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) || errors.Is(err, actions.ErrUnclear) != c.unclear {
				t.Errorf("error %v, want …%s…, unclear %v\n%s", err, c.err, c.unclear, out)
			}
			d.mu.Lock() // a handler whose answer was lost may still be at work
			defer d.mu.Unlock()
			if d.requests != c.requests || d.deploys > 1 {
				t.Errorf("%d requests and %d deploys, want %d requests", d.requests, d.deploys, c.requests)
			}
		})
	}
}

func poll(d *deployer, s *webhook.Settings, states ...string) {
	d.polls = states
	s.Poll = &webhook.PollSettings{
		URL: d.URL + "/jobs/{{.Answer.id}}", Every: model.Duration(20 * time.Millisecond), Timeout: model.Duration(500 * time.Millisecond),
		Done:   webhook.MatchSettings{Path: "jobs.0.state", In: []string{"ok", "done"}},
		Failed: webhook.MatchSettings{Path: "$.jobs.0.state", Equals: "broken"},
	}
}

// queued lets the target name the job in a header.
func queued(d *deployer, s *webhook.Settings, location string) {
	poll(d, s, "queued", "done")
	d.location, s.Poll.URL = location, "{{.Answer.header.Location}}"
}

func TestSettings(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*webhook.Settings)
		want   string
	}{
		"all is well":                      {func(*webhook.Settings) {}, ""},
		"no address":                       {func(s *webhook.Settings) { s.URL = "" }, "url: is missing"},
		"an address of a file":             {func(s *webhook.Settings) { s.URL = "file:///etc/passwd" }, "url: is not an address"},
		"a name that is not there":         {func(s *webhook.Settings) { s.Body = `{"v": {{json .Version}}}` }, `"Version"`},
		"a template that does not end":     {func(s *webhook.Settings) { s.Body = `{{.To` }, "unclosed action"},
		"a body that a reason would break": {func(s *webhook.Settings) { s.Body = `{"why": "{{.Reason}}"}` }, "{{json .Reason}}"},
		"no JSON where it says so": {func(s *webhook.Settings) {
			s.Body = `why={{.Reason}}`
			s.Headers = map[string]secret.Secret{"content-type": secret.New("text/plain")}
		}, ""},
		"a key of one's own": {func(s *webhook.Settings) {
			s.Headers = map[string]secret.Secret{"idempotency-key": secret.New("x")}
		}, "is set by the guardian"},
		"a method that does nothing": {func(s *webhook.Settings) { s.Method = "HEAD" }, "not one of POST"},
		"a poll without an end":      {func(s *webhook.Settings) { s.Poll = &webhook.PollSettings{URL: "http://a/b"} }, "poll.done"},
		"an ask that needs the lost answer": {func(s *webhook.Settings) {
			s.StatusRequest = &webhook.StatusSettings{URL: "http://a/{{.Answer.id}}"}
		}, "use {{.Intent}}"},
		"a signature without a key": {func(s *webhook.Settings) { s.Sign = &webhook.SignSettings{} }, "sign: secret"},
	} {
		t.Run(name, func(t *testing.T) {
			s := webhook.Kind().Settings().(*webhook.Settings)
			s.URL = "https://deploy.example.com/{{.Service}}"
			c.change(s)
			err := s.Validate()
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want …%s…", err, c.want)
			}
		})
	}
}
