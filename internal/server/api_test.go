package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"guardian/internal/reason"
	"guardian/internal/secret"
	"guardian/internal/server"
	"guardian/watch"
)

type problem struct {
	Status int
	Title  string
	Detail string
	Errors []server.FieldError
}

func TestHookSaysWhatIsWrong(t *testing.T) {
	url := serve(t, busy(), nil)
	long := strings.Repeat("x", 70<<10)
	for name, c := range map[string]struct {
		body, kind string
		status     int
		says       string // in the detail, or "pointer: detail"
	}{
		"a service that is not known lists those that are": {
			body: `{"service":"order-sink","version":"v1"}`, status: 404, says: `there is no service "order-sink"; did you mean "order-sync"? known are order-sync, price-sync, listing-feed`,
		},
		"a field that is not known names the nearest": {
			body: `{"service":"price-sync","version":"v1","prevous_version":"v0"}`, status: 422, says: `/prevous_version: is not known; did you mean "previous_version"?`,
		},
		"a field like no other lists the known ones": {
			body: `{"service":"price-sync","version":"v1","zzz":1}`, status: 422, says: `/zzz: is not known; known are service, version, `,
		},
		"a field of an inner object is named by its pointer": {
			body: `{"service":"price-sync","version":"v1","watch":{"mode":"never"}}`, status: 422, says: `/watch/mode: "never" is not one of auto, approve, observe`,
		},
		"what is required is asked for":        {body: `{"service":"price-sync"}`, status: 422, says: "/version: is required"},
		"null is as good as left out":          {body: `{"service":"price-sync","version":null}`, status: 422, says: "/version: is required"},
		"a number is not a text":               {body: `{"service":"price-sync","version":17}`, status: 422, says: "/version: expected a text, got a number"},
		"a version that no runbook could name": {body: `{"service":"price-sync","version":"v1; rm -rf /","previous_version":"-v0"}`, status: 422, says: `/version: expected letters, digits and ._:/@+~-`},
		"control characters are refused":       {body: `{"service":"price-sync","version":"v1\n"}`, status: 422, says: "/version: has control characters in it"},
		"an entry of a list is named":          {body: `{"service":"price-sync","version":"v1","shops":["a",""]}`, status: 422, says: "/shops/1: is empty"},
		"a duration says how to write it": {
			body: `{"service":"price-sync","version":"v1","watch":{"for":"half an hour"}}`, status: 422, says: `/watch/for: expected a duration such as 30m, got "half an hour"`,
		},
		"a time in the future is a wrong clock": {
			body: `{"service":"price-sync","version":"v1","at":"2026-11-22T11:15:00Z"}`, status: 422, says: "/at: lies in the future",
		},
		"a deploy of long ago is not watched": {
			body: `{"service":"price-sync","version":"v1","at":"2001-01-01T00:00:00Z"}`, status: 422, says: "/at: lies more than 7d back",
		},
		"an environment is a name": {
			body: `{"service":"price-sync","version":"v1","environment":"../live"}`, status: 422, says: "/environment: cannot be a name",
		},
		"a phase is the start":                   {body: `{"service":"price-sync","version":"v1","phase":"end"}`, status: 422, says: `/phase: "end" is not one of start`},
		"a deploy that begins has not happened":  {body: `{"service":"price-sync","version":"v1","phase":"start","at":"2026-11-22T10:00:00Z"}`, status: 422, says: "/at: a deploy that begins now"},
		"how long ago is an age":                 {body: `{"service":"price-sync","version":"v1","first_tried":"2026-11-22T10:00:00Z"}`, status: 422, says: "/first_tried: expected how long ago, such as 14s"},
		"a time in the future by the same clock": {body: `{"service":"price-sync","version":"v1","at":"2026-11-22T10:30:00Z","clock":"2026-11-22T10:20:00Z"}`, status: 422, says: "/at: lies in the future"},
		"an address must be one":                 {body: `{"service":"price-sync","version":"v1","url":"javascript:alert(1)"}`, status: 422, says: "/url: expected an address"},
		"broken JSON is told with place":         {body: "{\n  \"service\": price-sync\n}", status: 400, says: "line 2, column 14"},
		"a body that ends early":                 {body: `{"service":"a"`, status: 400, says: "it ends too early"},
		"something after the object":             {body: `{"service":"a","version":"b"} {}`, status: 400, says: "line 1, column 31: invalid character '{' after top-level value"},
		"a list is not an object":                {body: `[]`, status: 400, says: "expected {, got ["},
		"a name given twice is a guess":          {body: `{"service":"a","service":"b","version":"c"}`, status: 400, says: `"service" is given twice`},
		"a form is not JSON":                     {body: `service=a`, kind: "application/x-www-form-urlencoded", status: 415, says: "Content-Type: application/json"},
		"too large a body":                       {body: `{"service":"` + long + `"}`, status: 413, says: "larger than 65536 bytes"},
		"an empty body":                          {body: ` `, status: 400, says: "it ends too early"},
		"an environment is configured":           {body: `{"service":"order-sync","version":"v9","environment":"staging"}`, status: 404, says: `there is no environment "staging" of service order-sync; known is production`},
	} {
		t.Run(name, func(t *testing.T) {
			kind := c.kind
			if kind == "" {
				kind = "application/json; charset=utf-8"
			}
			got := send(t, url, "POST", "/api/v1/deploys", c.body, "Content-Type", kind)
			if got.status != c.status || got.header.Get("Content-Type") != "application/problem+json" {
				t.Fatalf("status %d (%s), want %d\n%s", got.status, got.header.Get("Content-Type"), c.status, got.body)
			}
			var p problem
			got.json(t, &p)
			var said strings.Builder
			said.WriteString(p.Detail)
			for _, f := range p.Errors {
				said.WriteString("\n" + f.Pointer + ": " + f.Detail)
			}
			if !strings.Contains(said.String(), c.says) || p.Status != c.status {
				t.Errorf("says %q (status %d), want %q", said.String(), p.Status, c.says)
			}
		})
	}
}

func TestHookTellsEveryMistakeAtOnce(t *testing.T) {
	got := send(t, serve(t, busy(), nil), "POST", "/api/v1/deploys", `{"kind":"big","reversible":"yes","shops":"all","watch":{"fro":"1m"},"x":1}`)
	var p problem
	got.json(t, &p)
	var pointers []string
	for _, f := range p.Errors {
		pointers = append(pointers, f.Pointer)
	}
	if want := "/service /version /shops /kind /reversible /x /watch/fro"; strings.Join(pointers, " ") != want {
		t.Errorf("pointers %v, want %s", pointers, want)
	}
}

func TestHookAnswersWithTheWatch(t *testing.T) {
	url := serve(t, busy(), func(o *server.Options) { o.ExternalURL = "https://guardian.example.com/" })
	got := send(t, url, "POST", "/api/v1/deploys", `{"service":"price-sync","version":"v2.1.0","previous_version":"v2.0.1","shops":["b","a","b"],"at":"2026-11-22T18:14:00+08:00"}`)
	if got.status != http.StatusCreated || got.header.Get("Location") != "https://guardian.example.com/api/v1/watches/w_4" {
		t.Fatalf("status %d, location %q: %s", got.status, got.header.Get("Location"), got.body)
	}
	var a struct {
		Deploy watch.Deploy
		Watch  struct {
			ID, State, URL string
			Deadline       time.Time
			Evidence       []any
			Rollback       any
		}
	}
	got.json(t, &a)
	if a.Deploy.Environment != "production" || !a.Deploy.Reversible || strings.Join(a.Deploy.Shops, ",") != "a,b" || !a.Deploy.At.Equal(fixedNow().Add(-time.Minute)) {
		t.Errorf("deploy %+v", a.Deploy)
	}
	if a.Watch.ID != "w_4" || a.Watch.State != "watching" || a.Watch.URL != "https://guardian.example.com/watches/w_4" || a.Watch.Evidence == nil {
		t.Errorf("watch %+v", a.Watch)
	}
	if !strings.Contains(got.body, `"rollback":null`) {
		t.Errorf("no rollback must be null: %s", got.body)
	}
}

// TestHookTakesADeployThroughAClosedGate: it has happened. Refusing it, as the hook did once, left a
// version unwatched, such as the fix after a rollback.
func TestHookTakesADeployThroughAClosedGate(t *testing.T) {
	m := busy()
	m.gate["price-sync"] = []watch.GateReason{{Code: "run_in_progress", Detail: reason.Text("A rollback is in progress: wait for it.")}}
	url := serve(t, m, nil)
	var a struct {
		Deploy struct {
			GateClosed []struct{ Code string } `json:"gate_closed"`
		}
		Watch struct{ State string }
		Gate  struct {
			Open    bool
			Reasons []struct{ Code, Detail string }
		}
	}
	got := send(t, url, "POST", "/api/v1/deploys", `{"service":"price-sync","version":"v9"}`)
	got.json(t, &a)
	if got.status != http.StatusCreated || a.Watch.State != "watching" || len(a.Deploy.GateClosed) != 1 {
		t.Fatalf("status %d: %s", got.status, got.body)
	}
	if a.Gate.Open || len(a.Gate.Reasons) != 1 || a.Gate.Reasons[0].Code != "run_in_progress" || a.Gate.Reasons[0].Detail != "A rollback is in progress: wait for it." {
		t.Errorf("gate %+v", a.Gate)
	}
	delete(m.gate, "price-sync")
	got = send(t, url, "POST", "/api/v1/deploys", `{"service":"price-sync","version":"v10"}`)
	if !strings.Contains(got.body, `"gate":{"open":true,"reasons":[]}`) {
		t.Errorf("with an open gate: %s", got.body)
	}
}

// TestADeployIsAnnouncedByItsStartAndItsEnd, and says in between that it goes on.
func TestADeployIsAnnouncedByItsStartAndItsEnd(t *testing.T) {
	url := serve(t, busy(), nil)
	begun := send(t, url, "POST", "/api/v1/deploys", `{"service":"price-sync","version":" v9 ","phase":"start"}`)
	var a struct {
		Deploy struct {
			ID, Version string
			Unsure      bool
			Rollout     struct {
				End        string
				ExitStatus *int `json:"exit_status"`
			}
		}
	}
	begun.json(t, &a)
	if begun.status != http.StatusCreated || a.Deploy.Version != "v9" || a.Deploy.Rollout.End != "" {
		t.Fatalf("status %d: %s", begun.status, begun.body)
	}
	if bad := send(t, url, "POST", "/api/v1/deploys/"+a.Deploy.ID+"/end", `{"exit_status":"one"}`); bad.status != http.StatusUnprocessableEntity {
		t.Errorf("status %d: %s", bad.status, bad.body)
	}
	ended := send(t, url, "POST", "/api/v1/deploys/"+a.Deploy.ID+"/end", `{"exit_status":1}`)
	ended.json(t, &a)
	if ended.status != http.StatusOK || !a.Deploy.Unsure || a.Deploy.Rollout.ExitStatus == nil || a.Deploy.Rollout.End == "" {
		t.Errorf("status %d: %s", ended.status, ended.body)
	}
}

// TestARepeatedCallMaySayHowLongAgoItWas: what changes from one try to the next makes no other body.
func TestARepeatedCallMaySayHowLongAgoItWas(t *testing.T) {
	url := serve(t, busy(), nil)
	first := send(t, url, "POST", "/api/v1/deploys", `{"service": "price-sync", "version": "v9"}`, "Idempotency-Key", "k")
	again := send(t, url, "POST", "/api/v1/deploys", `{"version":"v9","service":"price-sync","first_tried":"14s","clock":"2026-11-22T10:20:00Z"}`, "Idempotency-Key", "k")
	if first.status != http.StatusCreated || again.status != http.StatusCreated || again.header.Get("Location") != first.header.Get("Location") {
		t.Errorf("%d %s, then %d %s", first.status, first.body, again.status, again.body)
	}
}

func TestSameKeyAnnouncesOnce(t *testing.T) {
	m := busy()
	url := serve(t, m, nil)
	body := `{"service":"price-sync","version":"v2.1.0"}`
	answers := make([]answer, 16)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() { answers[i] = send(t, url, "POST", "/api/v1/deploys", body, "Idempotency-Key", "build-8813") })
	}
	all.Wait()
	for _, a := range answers {
		if a.status != http.StatusCreated || a.body != answers[0].body {
			t.Fatalf("answers differ: %d %s\n%s", a.status, a.body, answers[0].body)
		}
	}
	if len(m.watches) != 4 {
		t.Errorf("%d watches, want one more than 3", len(m.watches))
	}
	other := send(t, url, "POST", "/api/v1/deploys", `{"service":"price-sync","version":"v2.1.1"}`, "Idempotency-Key", "build-8813")
	if other.status != http.StatusUnprocessableEntity || !strings.Contains(other.body, "use a new key") {
		t.Errorf("another body: %d %s", other.status, other.body)
	}
}

func TestWaitHoldsUntilTheVerdict(t *testing.T) {
	m := busy()
	url := serve(t, m, nil)
	time.AfterFunc(50*time.Millisecond, func() { m.end("w_8", watch.Passed) })
	held := make(chan answer, 1)
	go func() { held <- send(t, url, "GET", "/api/v1/watches/w_8?wait=60s", "") }()
	select {
	case got := <-held:
		if !strings.Contains(got.body, `"state":"passed"`) {
			t.Errorf("held until %s", got.body)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("still held after the verdict")
	}
	if got := send(t, url, "GET", "/api/v1/watches/w_8?wait=6m", ""); got.status != 422 || !strings.Contains(got.body, "at most 5m") {
		t.Errorf("too long a wait: %d %s", got.status, got.body)
	}
	if got := send(t, url, "GET", "/api/v1/watches/w_99", ""); got.status != 404 || !strings.Contains(got.body, `there is no watch \"w_99\"`) {
		t.Errorf("no such watch: %d %s", got.status, got.body)
	}
}

func TestVerbs(t *testing.T) {
	for name, c := range map[string]struct {
		method, path, body string
		status             int
		says               string
	}{
		"a watch is cancelled":                                     {"POST", "/api/v1/watches/w_8/cancel", "", 200, `"state":"cancelled"`},
		"a watch that is over is not":                              {"POST", "/api/v1/watches/w_7/cancel", "", 409, "watch w_7 is over: failed"},
		"a verdict is marked":                                      {"POST", "/api/v1/watches/w_7/mark", `{"mark":"wrong","note":"the network"}`, 200, `"mark":{"mark":"wrong","note":"the network"`},
		"a watch without verdict is not":                           {"POST", "/api/v1/watches/w_8/mark", `{"mark":"right"}`, 409, "watch w_8 is watching"},
		"a mark is one of three words":                             {"POST", "/api/v1/watches/w_7/mark", `{"mark":"meh"}`, 422, "/mark"},
		"the score":                                                {"GET", "/api/v1/score?service=order-sync", "", 200, `"false_rate":{"estimate":0,"low":0,"high":0.1}`},
		"watches are narrowed by state":                            {"GET", "/api/v1/watches?state=passed", "", 200, `"id":"w_5"`},
		"a state that does not exist":                              {"GET", "/api/v1/watches?state=won", "", 422, "is not one of watching, passed"},
		"a limit is a number":                                      {"GET", "/api/v1/deploys?limit=many", "", 422, "expected a number from 1 to 1000"},
		"deploys newest first":                                     {"GET", "/api/v1/deploys?limit=1", "", 200, `{"deploys":[{"id":"d_8"`},
		"an open gate has no reasons":                              {"GET", "/api/v1/gate?service=price-sync", "", 200, `{"open":true,"reasons":[]}`},
		"a gate needs a service":                                   {"GET", "/api/v1/gate", "", 422, "?service"},
		"a gate of nothing":                                        {"GET", "/api/v1/gate?service=x", "", 404, "known are order-sync"},
		"a gate of another environment":                            {"GET", "/api/v1/gate?service=price-sync&environment=staging", "", 404, "known is production"},
		"a rollback of another environment":                        {"POST", "/api/v1/rollbacks", `{"service":"price-sync","environment":"staging","reason":"x"}`, 404, "known is production"},
		"a rollback is asked for":                                  {"POST", "/api/v1/rollbacks", `{"service":"price-sync","to":"v2.0.0","reason":"prices are wrong"}`, 201, `"state":"running"`},
		"a plan is read":                                           {"GET", "/api/v1/rollbacks/plan?service=price-sync&to=v2.0.0", "", 200, `"state":"running"`},
		"a plan says why it is refused":                            {"GET", "/api/v1/rollbacks/plan?service=price-sync&to=v2.0.1", "", 200, `"refusals":[{"code":"same_version"`},
		"a plan is about a service":                                {"GET", "/api/v1/rollbacks/plan", "", 422, "?service"},
		"a plan goes to a version":                                 {"GET", "/api/v1/rollbacks/plan?service=price-sync&to=-rm", "", 422, "?to"},
		"a plan of what there is not":                              {"GET", "/api/v1/rollbacks/plan?service=price-sync&kind=all", "", 422, "?kind"},
		"a rollback says why":                                      {"POST", "/api/v1/rollbacks", `{"service":"price-sync"}`, 422, "/reason"},
		"a rollback to itself is refused":                          {"POST", "/api/v1/rollbacks", `{"service":"price-sync","to":"v2.0.1","reason":"x"}`, 409, "price-sync runs v2.0.1 already"},
		"a rollback goes to a version":                             {"POST", "/api/v1/rollbacks", `{"service":"price-sync","to":"; rm -rf /","reason":"x"}`, 422, "/to"},
		"a run is approved":                                        {"POST", "/api/v1/rollbacks/r_3/approve", `{"note":"go"}`, 200, `"decision":"approve","note":"go"`},
		"a run is rejected":                                        {"POST", "/api/v1/rollbacks/r_3/reject", "", 200, `"state":"rejected"`},
		"a run that is over asks nothing":                          {"POST", "/api/v1/rollbacks/r_2/approve", "", 409, "asks nothing"},
		"a decision that does not exist":                           {"POST", "/api/v1/rollbacks/r_3/perhaps", "", 404, "approve, reject, done, repeat or abort"},
		"a run shows its ledger":                                   {"GET", "/api/v1/rollbacks/r_2", "", 200, `"ledger":[{"run":"r_2","step":-1,"what":"created"`},
		"drills with their stages":                                 {"GET", "/api/v1/drills?drill=order-sync-weekly", "", 200, `"stages":[{"stage":"injected",`},
		"how drills stand":                                         {"GET", "/api/v1/drills", "", 200, `"configured":[{"drill":"order-sync-weekly",`},
		"a drill says how long from the verdict to the first step": {"GET", "/api/v1/drills/dr_2", "", 200, `"reaction_seconds":0.007,"cure_seconds":29,`},
		"a drill that there is not":                                {"GET", "/api/v1/drills/dr_9", "", 404, `dr_9`},
		"a drill is started by its service":                        {"POST", "/api/v1/drills", `{"drill":"order-sync"}`, 201, `"phase":"announcing"`},
		"a drill of nothing":                                       {"POST", "/api/v1/drills", `{"drill":"stock"}`, 404, "order-sync-weekly"},
		"a drill without a name":                                   {"POST", "/api/v1/drills", `{}`, 422, "/drill"},
		"runs by trigger":                                          {"GET", "/api/v1/rollbacks?trigger=drill", "", 200, `{"rollbacks":[{"id":"r_1"`},
		"a job reports":                                            {"POST", "/api/v1/heartbeats/nightly-stock", "", 202, `"ok":true`},
		"a job reports a failure":                                  {"POST", "/api/v1/heartbeats/nightly-stock", `{"ok":false,"reason":"disk full"}`, 202, `"ok":false,"reason":"disk full"`},
		"a heartbeat that is not configured":                       {"POST", "/api/v1/heartbeats/nightly-stok", "", 404, `did you mean \"nightly-stock\"?`},
		"a silence is made":                                        {"POST", "/api/v1/silences", `{"matchers":["service=order-sync","tier=~\"warning|info\""],"for":"2h","comment":"known"}`, 201, `"matchers":["service=\"order-sync\"","tier=~\"warning|info\""]`},
		"a silence of everything is refused":                       {"POST", "/api/v1/silences", `{"matchers":["service=~\".*\""],"for":"2h","comment":"x"}`, 422, "would match every alert"},
		"a silence says why and how long":                          {"POST", "/api/v1/silences", `{"matchers":["a=b"]}`, 422, "/until"},
		"a silence ends":                                           {"DELETE", "/api/v1/silences/s_1", "", 204, ""},
		"a silence that does not exist":                            {"DELETE", "/api/v1/silences/s_9", "", 404, "there is no silence"},
		"somebody is on it":                                        {"POST", "/api/v1/acks", `{"alert":"a_1","note":"me"}`, 201, `"by":"loopback"`},
		"a resolved alert needs nobody":                            {"POST", "/api/v1/acks", `{"alert":"a_4"}`, 404, "there is no open alert"},
		"nobody is on it":                                          {"DELETE", "/api/v1/acks/a_2", "", 204, ""},
		"who is on what":                                           {"GET", "/api/v1/acks", "", 200, `"alert":"a_2"`},
		"the journal":                                              {"GET", "/api/v1/journal", "", 200, `"what":"verdict"`},
		"the services":                                             {"GET", "/api/v1/services", "", 200, `"name":"listing-feed","environment":"production","health":"unknown"`},
		"the status":                                               {"GET", "/api/v1/status", "", 200, `"role":"active"`},
		"a method that is not there":                               {"DELETE", "/api/v1/deploys", "", 405, "use GET or POST here"},
		"an address that is not there":                             {"GET", "/api/v1/deploy", "", 404, "there is nothing at this address"},
		"remote write without a receiver":                          {"POST", "/api/v1/write", "x", 404, "does not answer /api/v1/write"},
	} {
		t.Run(name, func(t *testing.T) {
			got := send(t, serve(t, busy(), nil), c.method, c.path, c.body)
			if got.status != c.status || !strings.Contains(got.body, c.says) {
				t.Errorf("%s %s: %d, want %d and %q\n%s", c.method, c.path, got.status, c.status, c.says, got.body)
			}
		})
	}
}

func TestHealthAndReload(t *testing.T) {
	m := busy()
	url := serve(t, m, nil)
	check := func(method, path string, status int, says string) {
		t.Helper()
		if got := send(t, url, method, path, ""); got.status != status || !strings.Contains(got.body, says) {
			t.Errorf("%s %s: %d %s, want %d %s", method, path, got.status, got.body, status, says)
		}
	}
	check("GET", "/-/healthy", 200, "healthy")
	check("GET", "/-/ready", 200, "ready (active)")
	m.status.Role = "standby"
	check("GET", "/-/ready", 200, "ready (standby)")
	m.status.Ready, m.status.Role, m.status.Reason = false, "starting", reason.Text("the journal is being opened")
	check("GET", "/-/ready", 503, "the journal is being opened")
	check("GET", "/-/healthy", 200, "healthy")
	check("POST", "/-/reload", 200, `{"status":"reloaded","warnings":[]}`)
	m.warnings = []string{"guardian.yaml:4: pause is not configured any more"}
	check("POST", "/-/reload", 200, `"warnings":["guardian.yaml:4: pause is not configured any more"]`)
	m.reload = &server.MistakesError{Mistakes: []string{`guardian.yaml:7:3: "chekcs" is not known`, `guardian.yaml:9:1: two`}}
	check("POST", "/-/reload", 400, `"detail":"guardian.yaml:7:3: \"chekcs\" is not known"`)
	check("GET", "/-/reload", 405, "use POST here")
}

func TestWhatIsNotTheCallersStaysInside(t *testing.T) {
	const hidden = "s3cr3t-dsn-password"
	var log strings.Builder
	r := &secret.Redactor{}
	r.Learn(secret.New(hidden))
	m := busy()
	url := serve(t, m, func(o *server.Options) {
		o.Redactor, o.Log = r, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	broken := errors.New("dial postgres://guardian:" + hidden + "@db: refused")
	for _, c := range []struct {
		path   string
		err    error
		status int
	}{
		{"/api/v1/services", broken, 500},
		{"/", broken, 500},
		{"/api/v1/services", server.Refuse(server.ErrConflict, "the target said %s", hidden), 409},
		{"/", server.Refuse(server.ErrConflict, "the target said %s", hidden), 409},
	} {
		m.fail = c.err
		got := send(t, url, "GET", c.path, "")
		if strings.Contains(got.body, hidden) || strings.Contains(got.body, "postgres") || got.status != c.status {
			t.Errorf("%s: %d, want %d: %s", c.path, got.status, c.status, got.body)
		}
	}
	send(t, url, "GET", "/watches/"+hidden+"?token="+hidden, "")
	if strings.Contains(log.String(), hidden) || !strings.Contains(log.String(), "refused") {
		t.Errorf("log: %s", log.String())
	}
}

func TestCallerWhoLeavesIsNotAnError(t *testing.T) {
	m := busy()
	url := serve(t, m, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	r, _ := http.NewRequestWithContext(ctx, "GET", url+"/api/v1/watches/w_8?wait=5m", nil)
	if got, err := new(http.Client).Do(r); err == nil {
		_ = got.Body.Close()
		t.Fatal("answered early")
	}
	// The place among those who wait is free again: the server still answers.
	if got := send(t, url, "GET", "/api/v1/watches/w_8?wait=1ms", ""); got.status != 200 {
		t.Errorf("status %d", got.status)
	}
}

// FuzzHook: whatever is sent, the hook answers with a deploy that keeps what was said, or
// with a reason, and never breaks.
func FuzzHook(f *testing.F) {
	for _, s := range []string{
		`{"service":"price-sync","version":"v1"}`, `{"service":"price-sync","version":"v1","shops":["a"],"watch":{"for":"30m","mode":"auto"},"at":"2026-11-22T10:00:00Z"}`,
		`{`, `[]`, `null`, `{"a":{"b":[1,2,{"c":null}]}}`, `{"service":"\u0000"}`, `{"service":1e999}`, "\xff", `{"service":"a","service":"b"}`, `{"watch":"x"}`, `{"~/":1}`,
	} {
		f.Add([]byte(s))
	}
	s := newServer(f, busy(), nil)
	f.Fuzz(func(t *testing.T, body []byte) {
		got := ask(s, "POST", "/api/v1/deploys", string(body))
		switch got.Code {
		case 201:
			var sent, told map[string]any
			if json.Unmarshal(body, &sent) != nil || json.Unmarshal(got.Body.Bytes(), &told) != nil {
				t.Fatalf("accepted what is not JSON: %q", body)
			}
			if d, _ := told["deploy"].(map[string]any); d["version"] != sent["version"] || d["service"] != sent["service"] {
				t.Fatalf("sent %q, told %s", body, got.Body)
			}
		case 400, 404, 413, 422:
			var p problem
			if json.Unmarshal(got.Body.Bytes(), &p) != nil || p.Detail == "" {
				t.Fatalf("%d without a reason: %s", got.Code, got.Body)
			}
		default:
			t.Fatalf("status %d for %q: %s", got.Code, body, got.Body)
		}
	})
}

// The listener's timeouts are for callers who are slow, not for answers that are held.
func TestWaitOutlivesTheListenersTimeouts(t *testing.T) {
	m := busy()
	web := httptest.NewUnstartedServer(newServer(t, m, nil))
	web.Config.ReadTimeout, web.Config.WriteTimeout = 100*time.Millisecond, 100*time.Millisecond
	web.Start()
	t.Cleanup(web.Close)
	time.AfterFunc(500*time.Millisecond, func() { m.end("w_8", watch.Passed) })
	if got := send(t, web.URL, "GET", "/api/v1/watches/w_8?wait=60s", ""); got.status != 200 || !strings.Contains(got.body, `"state":"passed"`) {
		t.Errorf("%d %s", got.status, got.body)
	}
}
