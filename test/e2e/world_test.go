package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"guardian/test/fake/chat/dingtalk"
	"guardian/test/fake/chat/slack"
)

// world is everything around a guardian: a service that is good or bad, its deploy tool, its
// orders, and fakes of Slack and DingTalk.
type world struct {
	t         *testing.T
	server    *httptest.Server
	slack     *slack.Server
	dingtalk  *dingtalk.Server
	slackPath string

	mu        sync.Mutex
	bad       bool                     // the service answers 500
	looks     int                      // number of looks at the service
	goodFrom  int                      // the service is good again from this look on; 0: as bad says
	hang      map[string]chan struct{} // by place: requests hang until it is closed
	acts      []act                    // requests to the deploy tool
	effects   map[string]int           // by version: how often the deploy tool deployed it
	forget    bool                     // the deploy tool does not know past requests
	works     bool                     // the deploy tool still works on them
	orders    map[string]json.RawMessage
	pushed    int
	slackDown bool // Slack answers 503
}

// act is one request to the deploy tool.
type act struct{ key, version string }

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		t: t, slack: slack.New(slack.WithoutLimit()), dingtalk: dingtalk.New(dingtalk.WithSecret("SECe2e")),
		hang: map[string]chan struct{}{}, effects: map[string]int{}, orders: map[string]json.RawMessage{},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /service", w.service)
	mux.HandleFunc("POST /acts", w.act)
	mux.HandleFunc("GET /acts/{key}", w.ask)
	mux.HandleFunc("POST /orders", w.push)
	mux.HandleFunc("GET /orders/{id}", w.see)
	mux.HandleFunc("DELETE /orders/{id}", w.clean)
	target, err := url.Parse(w.slack.URL())
	if err != nil {
		t.Fatal(err)
	}
	edge := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: target.Scheme, Host: target.Host})
	mux.HandleFunc("POST /services/", func(rw http.ResponseWriter, r *http.Request) {
		if get(w, func(w *world) bool { return w.slackDown }) {
			http.Error(rw, "upstream connect error", http.StatusServiceUnavailable)
			return
		}
		edge.ServeHTTP(rw, r)
	})
	w.slackPath = target.Path
	w.server = httptest.NewServer(mux)
	t.Cleanup(func() {
		w.releaseAll()
		w.server.CloseClientConnections()
		w.server.Close()
		w.slack.Close()
		w.dingtalk.Close()
	})
	return w
}

func (w *world) set(change func(*world)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(w)
}

func get[T any](w *world, read func(*world) T) T {
	w.mu.Lock()
	defer w.mu.Unlock()
	return read(w)
}

// holdAt makes requests at a place hang until release.
func (w *world) holdAt(place string) {
	w.set(func(w *world) { w.hang[place] = make(chan struct{}) })
}

func (w *world) release(place string) {
	w.set(func(w *world) {
		if c, ok := w.hang[place]; ok {
			close(c)
			delete(w.hang, place)
		}
	})
}

func (w *world) releaseAll() {
	w.set(func(w *world) {
		for p, c := range w.hang {
			close(c)
			delete(w.hang, p)
		}
	})
}

func (w *world) wait(place string, r *http.Request) {
	c := get(w, func(w *world) chan struct{} { return w.hang[place] })
	if c == nil {
		return
	}
	select {
	case <-c:
	case <-r.Context().Done():
	}
}

func (w *world) service(rw http.ResponseWriter, r *http.Request) {
	w.wait("service", r)
	bad := get(w, func(w *world) bool {
		w.looks++
		if w.goodFrom > 0 && w.looks >= w.goodFrom {
			return false
		}
		return w.bad
	})
	if bad {
		http.Error(rw, "orders are lost", http.StatusInternalServerError)
		return
	}
	_, _ = io.WriteString(rw, "ok\n")
}

// act deploys a version, once per idempotency key, as a good deploy tool does.
func (w *world) act(rw http.ResponseWriter, r *http.Request) {
	var body struct{ Version string }
	_ = json.NewDecoder(r.Body).Decode(&body)
	key := r.Header.Get("Idempotency-Key")
	w.set(func(w *world) {
		known := false
		for _, a := range w.acts {
			known = known || a.key == key
		}
		w.acts = append(w.acts, act{key, body.Version})
		if !known {
			w.effects[body.Version]++
			w.bad = false
		}
	})
	w.wait("act", r)
	rw.WriteHeader(http.StatusAccepted)
	_, _ = fmt.Fprintf(rw, `{"id": %q}`, key)
}

func (w *world) ask(rw http.ResponseWriter, r *http.Request) {
	known := get(w, func(w *world) bool {
		for _, a := range w.acts {
			if a.key == r.PathValue("key") {
				return true
			}
		}
		return false
	})
	if !known || get(w, func(w *world) bool { return w.forget }) {
		http.Error(rw, "no such act", http.StatusNotFound)
		return
	}
	if get(w, func(w *world) bool { return w.works }) {
		_, _ = io.WriteString(rw, `{"status": "pending"}`)
		return
	}
	_, _ = io.WriteString(rw, `{"status": "done"}`)
}

func (w *world) push(rw http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var o struct{ ID string }
	_ = json.Unmarshal(body, &o)
	w.set(func(w *world) { w.orders[o.ID] = body; w.pushed++ })
	w.wait("push", r)
	rw.WriteHeader(http.StatusCreated)
}

func (w *world) see(rw http.ResponseWriter, r *http.Request) {
	o, ok := get2(w, r.PathValue("id"))
	if !ok {
		http.NotFound(rw, r)
		return
	}
	w.wait("see", r)
	_, _ = rw.Write(o)
}

func get2(w *world, id string) (json.RawMessage, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	o, ok := w.orders[id]
	return o, ok
}

func (w *world) clean(rw http.ResponseWriter, r *http.Request) {
	w.wait("clean", r)
	if r.Context().Err() != nil {
		return // the guardian was killed meanwhile, or gave up: nothing is cleaned up
	}
	w.set(func(w *world) { delete(w.orders, r.PathValue("id")) })
	rw.WriteHeader(http.StatusNoContent)
}

// heard counts the Slack messages that contain a text.
func (w *world) heard(text string) int {
	n := 0
	for _, m := range w.slack.Messages() {
		if strings.Contains(m.All(), text) {
			n++
		}
	}
	return n
}

// config returns a guardian's configuration for this world.
func (w *world) config(o configOptions) string {
	if o.mode == "" {
		o.mode = "auto"
	}
	if o.every == "" {
		o.every = "1s"
	}
	if o.length == "" {
		o.length = "10m"
	}
	if o.blindAfter == "" {
		o.blindAfter = "1m"
	}
	storage := "{path: data"
	if o.lease != "" {
		storage += ", lease: " + o.lease
	}
	if o.postgres != "" {
		storage += fmt.Sprintf(", postgres: %q", o.postgres)
	}
	storage += "}"
	ask := `status_request: {url: "WORLD/acts/{{.Intent}}", done: {path: status, equals: done}, not_done_status: [404]}`
	if o.noAsk {
		ask = ""
	}
	text := `
server: {listen: LISTEN}
storage: ` + storage + `
services:
  - name: order-sync
    objective: {availability: 99.9%}
    watch: {for: ` + o.length + `, mode: ` + o.mode + `, min_samples: 5, max_blind: 0s}
    rollback: back
    known_good: [v1]
checks:
  - name: service
    service: order-sync
    every: ` + o.every + `
    blind_after: ` + o.blindAfter + `
    http: {url: "WORLD/service"}
` + o.checks + `
rules: [rules.yaml]
receivers:
  - name: oncall
    slack: {webhook: "SLACK"}
  - name: ding
    language: zh
    dingtalk: {webhook: "DINGTALK", secret: SECe2e}
routes:
  receiver: oncall
  routes:
    - {receiver: oncall, matchers: ['tier=~".+"'], continue: true}
    - {receiver: ding, matchers: [tier="critical"]}
runbooks:
  - name: back
    cooldown: 1s
    steps:
      - name: put back
        timeout: 5m
        webhook:
          url: "WORLD/acts"
          body: '{"version": {{json .To}}}'
          ` + ask + `
    verify: {for: 5m, every: 100ms, successes: 2}
  - name: pause-writes
    cooldown: 1s
    steps:
      - name: pause
        webhook: {url: "WORLD/acts", body: '{"version": "paused"}'}
    verify: {for: 0s}
` + o.extra
	return strings.NewReplacer("WORLD", w.server.URL, "SLACK", w.server.URL+w.slackPath, "DINGTALK", w.dingtalk.URL()).Replace(text)
}

// configOptions change a configuration. The defaults give a busy machine enough time: most of a
// second for a look, the default lease, and a watch that lasts until there is a verdict.
type configOptions struct {
	mode       string // of the watch; default auto
	every      string // how often the service is looked at; default 1s
	length     string // of the watch; default 10m
	blindAfter string // of the check; default 1m
	lease      string // how long it lasts
	postgres   string // connection string of the journal's database; "": SQLite
	checks     string // more checks
	extra      string // more of the configuration, after the runbooks
	noAsk      bool   // steps have no status request: only a person can tell whether one happened
}

// allDelivered waits until every notice has been delivered.
func allDelivered(t *testing.T, g *guardian) {
	t.Helper()
	eventually(t, "an empty outbox", func() bool {
		var s struct {
			Queued int `json:"notices_queued"`
		}
		return g.Try(http.MethodGet, "/api/v1/status", nil, &s) == nil && s.Queued == 0
	})
}

// noRules is a rule file without rules.
const noRules = "groups: []\n"

// newServer serves a handler for as long as the test lasts.
func newServer(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s.URL
}

// failedDeploy announces a version, makes the service bad and waits for the verdict. In this
// order, because a failure from before the deploy is not blamed on it.
func (w *world) failedDeploy(g *guardian, version string) watchView {
	w.t.Helper()
	id := g.Deploy(version, nil)
	w.set(func(w *world) { w.bad = true })
	v := g.Verdict(id)
	if v.State != "failed" || v.Rollback == nil {
		w.t.Fatalf("the verdict on %s is %s (%s), rollback %v; want failed with a rollback", version, v.State, v.Reason, v.Rollback)
	}
	return v
}
