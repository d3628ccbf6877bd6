package e2e_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"guardian/test/rig"
)

// voters are people with a token each, who answer by calls of the API and by the run's page.
type voters struct {
	t *testing.T
	g *guardian
}

// ask sends a request, by default without following where it leads to.
func (v voters) ask(method, path, body string, header ...string) (status int, answer string) {
	v.t.Helper()
	return v.askBy(&http.Client{Timeout: rig.Patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, method, path, body, header...)
}

func (v voters) askBy(client *http.Client, method, path, body string, header ...string) (status int, answer string) {
	v.t.Helper()
	r, err := http.NewRequest(method, v.g.URL+path, strings.NewReader(body))
	if err != nil {
		v.t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := client.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// call answers a run with somebody's token; "": without one.
func (v voters) call(who, id, decision string) int {
	v.t.Helper()
	header := []string{"Content-Type", "application/json"}
	if who != "" {
		header = append(header, "Authorization", "Bearer "+tokenOf(who))
	}
	status, _ := v.ask(http.MethodPost, "/api/v1/rollbacks/"+id+"/"+decision, "{}", header...)
	return status
}

func tokenOf(who string) string { return "the-token-of-" + who + "-0123456789" }

// form sends the form of a run's page.
func (v voters) form(client *http.Client, id string, values url.Values) int {
	v.t.Helper()
	status, _ := v.askBy(client, http.MethodPost, "/rollbacks/"+id, values.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	return status
}

var csrf = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

// login gives a browser in which somebody is logged in, and the token of its forms.
func (v voters) login(who, id string) (*http.Client, string) {
	v.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		v.t.Fatal(err)
	}
	browser := &http.Client{Timeout: rig.Patience, Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	v.askBy(browser, http.MethodPost, "/login", url.Values{"token": {tokenOf(who)}}.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	_, page := v.askBy(browser, http.MethodGet, "/rollbacks/"+id, "")
	found := csrf.FindStringSubmatch(page)
	if found == nil {
		v.t.Fatalf("the page of the run has no form for %s:\n%s", who, page)
	}
	return browser, found[1]
}

// refused reads what the journal has of answers to a run that were not taken, newest first.
func (v voters) refused(id string) (all []struct{ Who, Detail string }) {
	v.t.Helper()
	var journal struct {
		Entries []struct{ What, Subject, Who, Detail string }
	}
	v.g.Call(http.MethodGet, "/api/v1/journal?limit=500", nil, &journal)
	for _, e := range journal.Entries {
		if e.What == "run_refused_answer" && e.Subject == id {
			all = append(all, struct{ Who, Detail string }{e.Who, e.Detail})
		}
	}
	return all
}

// refusal is an answer that must not count.
type refusal struct {
	name   string
	send   func() int
	status int
	who    string // as the journal names them; "": the address
	why    string // in the journal
}

// try sends what must not count: the run stays as it is, and the journal says who tried it.
func (v voters) try(id, state string, all []refusal) {
	v.t.Helper()
	for _, c := range all {
		before := len(v.refused(id))
		if got := c.send(); got != c.status {
			v.t.Errorf("%s: it is answered %d, want %d", c.name, got, c.status)
		}
		var r rig.RunView
		v.g.Call(http.MethodGet, "/api/v1/rollbacks/"+id, nil, &r)
		if r.State != state {
			v.t.Errorf("%s: the run is %s (%s), want %s", c.name, r.State, r.Reason, state)
		}
		lines := v.refused(id)
		if len(lines) != before+1 {
			v.t.Errorf("%s: %d lines about it in the journal, want one", c.name, len(lines)-before)
			continue
		}
		who := c.who
		if who == "" {
			who = "127.0.0.1"
		}
		if lines[0].Who != who || !strings.Contains(lines[0].Detail, c.why) {
			v.t.Errorf("%s: the journal says %+v, want %s and %q", c.name, lines[0], who, c.why)
		}
	}
}

// TestWhatIsNoApproval: every way to approve a rollback that must not count is refused, and recorded with who
// tried it.
func TestWhatIsNoApproval(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var tokens strings.Builder
	tokens.WriteString("\ntokens:")
	for who, role := range map[string]string{"ada": "approver", "li": "approver", "zhou": "approver", "wang": "viewer", "ci": "deployer", "boss": "admin"} {
		tokens.WriteString("\n  - {name: " + who + ", role: " + role + ", token: " + tokenOf(who) + "}")
	}
	config := strings.Replace(w.config(configOptions{mode: "approve"}), "server: {listen: LISTEN}", "server: {listen: LISTEN}"+tokens.String(), 1)
	config = strings.Replace(config, "  - name: back\n", "  - name: back\n    approval: {quorum: 2, timeout: 30m}\n", 1)
	g := newGuardian(t, config, map[string]string{"rules.yaml": noRules})
	g.Token = tokenOf("boss")
	g.Start()
	g.Up("service")
	v := voters{t, g}
	watch := g.Deploy("v2", map[string]any{"author": "ada"})
	w.set(func(w *world) { w.bad = true })
	id := g.Verdict(watch).Rollback.ID
	g.RunState(id, "awaiting_approval")

	nobody := &http.Client{Timeout: rig.Patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	li, token := v.login("li", id)
	v.try(id, "awaiting_approval", []refusal{
		{"a reader approves", func() int { return v.call("wang", id, "approve") }, 403, "wang", "the role may not answer"},
		{"the pipeline approves", func() int { return v.call("ci", id, "approve") }, 403, "ci", "the role may not answer"},
		{"somebody without a token", func() int { return v.call("", id, "approve") }, 401, "", "nobody who is known was logged in"},
		{"who deployed approves", func() int { return v.call("ada", id, "approve") }, 409, "ada", "whoever deployed does not count"},
		{"a form without a login", func() int { return v.form(nobody, id, url.Values{"decision": {"approve"}, "csrf": {token}}) }, 303, "", "nobody who is known was logged in"},
		{"a session with a forged signature", func() int {
			status, _ := v.ask(http.MethodPost, "/rollbacks/"+id, url.Values{"decision": {"reject"}, "csrf": {token}}.Encode(),
				"Content-Type", "application/x-www-form-urlencoded", "Cookie", "guardian_session="+forged(t, li, g.URL), "X-Forwarded-For", "198.51.100.7")
			return status
		}, 303, "", "reject was not taken: nobody who is known"},
		{"a form of another page", func() int { return v.form(li, id, url.Values{"decision": {"approve"}, "csrf": {"x" + token}}) }, 403, "li", "did not come from the run's page"},
		{"a look at the address of the answer", func() int {
			status, _ := v.ask(http.MethodGet, "/api/v1/rollbacks/"+id+"/approve", "", "Authorization", "Bearer "+tokenOf("li"))
			return status
		}, 405, "li", "a link only shows the page"},
	})
	// A chat fetches the link of a message, and whoever follows it sees the page: neither answers.
	if status, _ := v.askBy(li, http.MethodGet, "/rollbacks/"+id+"?decision=approve", ""); status != 200 {
		t.Errorf("the page is answered %d", status)
	}
	vote := url.Values{"decision": {"approve"}, "csrf": {token}}
	if status := v.form(li, id, vote); status != 303 {
		t.Fatalf("li's vote is answered %d", status)
	}
	v.try(id, "awaiting_approval", []refusal{
		{"the same person by another way", func() int { return v.call("li", id, "approve") }, 409, "li", "the person had answered already"},
		{"the form of before is sent again", func() int { return v.form(li, id, vote) }, 409, "li", "the person had answered already"},
		{"a person settles what is not asked", func() int { return v.call("zhou", id, "done") }, 409, "zhou", "it was no answer to the question"},
	})
	if n := get(w, func(w *world) int { return len(w.acts) }); n != 0 {
		t.Fatalf("%d acts before two people approved", n)
	}
	w.holdAt("act")
	if status := v.call("zhou", id, "approve"); status != 200 {
		t.Fatalf("the second vote is answered %d", status)
	}
	eventually(t, "the act under way", func() bool { return get(w, func(w *world) int { return len(w.acts) }) == 1 })
	v.try(id, "running", []refusal{
		{"a vote is used a second time", func() int { return v.call("zhou", id, "approve") }, 409, "zhou", "the run"},
	})
	if status := v.call("li", id, "abort"); status != 200 {
		t.Fatalf("the abort is answered %d", status)
	}
	v.try(id, "running", []refusal{
		{"it is approved while it is aborted", func() int { return v.call("boss", id, "approve") }, 409, "boss", "the run"},
	})
	w.release("act")
	g.RunState(id, "failed")
	v.try(id, "failed", []refusal{
		{"the form of before is sent after the end", func() int { return v.form(li, id, vote) }, 409, "li", "the run was over"},
	})
	if n := get(w, func(w *world) int { return len(w.acts) }); n != 1 {
		t.Errorf("the deploy tool was called %d times, want once", n)
	}
	tooLate(t, w, v)
}

// tooLate approves after the deadline.
func tooLate(t *testing.T, w *world, v voters) {
	t.Helper()
	g := v.g
	text, err := os.ReadFile(g.File)
	if err != nil {
		t.Fatal(err)
	}
	g.Write("guardian.yaml", strings.Replace(string(text), "approval: {quorum: 2, timeout: 30m}", "approval: {timeout: 1s}", 1))
	g.Signal(syscall.SIGHUP)
	eventually(t, "the reload", func() bool { return strings.Contains(g.Log.String(), "reloaded") })
	w.set(func(w *world) { w.bad = false })
	time.Sleep(2 * time.Second) // the service is seen to be up
	watch := g.Deploy("v3", nil)
	w.set(func(w *world) { w.bad = true })
	id := g.Verdict(watch).Rollback.ID
	g.RunState(id, "expired")
	v.try(id, "expired", []refusal{
		{"it is approved too late", func() int { return v.call("li", id, "approve") }, 409, "li", "the run was over"},
	})
}

// forged gives the session of a browser with another signature.
func forged(t *testing.T, browser *http.Client, base string) string {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range browser.Jar.Cookies(u) {
		if text, signature, ok := strings.Cut(c.Value, "."); c.Name == "guardian_session" && ok {
			end := "A"
			if strings.HasSuffix(signature, end) {
				end = "B"
			}
			return text + "." + signature[:len(signature)-1] + end
		}
	}
	t.Fatal("nobody is logged in")
	return ""
}
