package server_test

import (
	"flag"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"golang.org/x/net/html"

	"guardian/actions"
	"guardian/internal/reason"
	"guardian/internal/secret"
	"guardian/internal/server"
	"guardian/probes/sample"
	"guardian/watch"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestPagesAreAsTheyWere(t *testing.T) {
	m := busy()
	s := newServer(t, m, func(o *server.Options) { o.SessionKey = secret.New("fixed") })
	for _, p := range pageList() {
		for _, lang := range []string{"en", "zh"} {
			t.Run(p.name+" "+lang, func(t *testing.T) {
				sep := "?"
				if strings.Contains(p.path, "?") {
					sep = "&"
				}
				got := ask(s, "GET", p.path+sep+"lang="+lang, "")
				if got.Code != http.StatusOK {
					t.Fatalf("status %d: %s", got.Code, got.Body)
				}
				golden(t, fmt.Sprintf("testdata/%s.%s.html", p.name, lang), got.Body.String())
			})
		}
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	got = regexp.MustCompile(`(style|refresh|icon)\.[0-9a-f]{12}\.`).ReplaceAllString(got, "$1.HASH.")
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (go test -update writes it)", err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s differs (go test -update accepts it):\n%s", file, diff)
	}
}

// TestPagesAreSound looks at every page as a strict reader does: nothing that the content
// security policy would block, every input named, every picture with a text, no key that was
// not translated, and no identifier twice.
func TestPagesAreSound(t *testing.T) {
	s := newServer(t, busy(), nil)
	for _, p := range append(pageList(), pageCase{"not found", "/nothing"}, pageCase{"login", "/login"}) {
		for _, lang := range []string{"en", "zh"} {
			sep := "?"
			if strings.Contains(p.path, "?") {
				sep = "&"
			}
			body := ask(s, "GET", p.path+sep+"lang="+lang, "").Body.String()
			if strings.Contains(body, "%!") {
				t.Errorf("%s %s: a text got the wrong arguments", p.name, lang)
			}
			tree, err := html.Parse(strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			seen := map[string]bool{}
			for n := range tree.Descendants() {
				if n.Type == html.TextNode && regexp.MustCompile(`^(over|svc|watch|run|alerts|journal|drills|sla|error|line|chart|ask|foot|nav|done)\.[a-z_]+$`).MatchString(strings.TrimSpace(n.Data)) {
					t.Errorf("%s %s: %q was not translated", p.name, lang, n.Data)
				}
				if n.Type != html.ElementNode {
					continue
				}
				at := map[string]string{}
				for _, a := range n.Attr {
					at[a.Key] = a.Val
					if strings.HasPrefix(a.Key, "on") || a.Key == "style" {
						t.Errorf("%s: <%s %s> is blocked by the policy", p.name, n.Data, a.Key)
					}
				}
				if n.Data == "script" && at["src"] == "" || n.Data == "style" {
					t.Errorf("%s: inline <%s>", p.name, n.Data)
				}
				if id := at["id"]; id != "" && seen[id] {
					t.Errorf("%s: id %q twice", p.name, id)
				} else {
					seen[id] = true
				}
				named := n.Parent != nil && n.Parent.Data == "label"
				if (n.Data == "input" && at["type"] != "hidden" || n.Data == "select" || n.Data == "textarea") && !named {
					t.Errorf("%s: <%s name=%s> has no label", p.name, n.Data, at["name"])
				}
				if n.Data == "svg" && at["aria-hidden"] != "true" && at["aria-label"] == "" {
					t.Errorf("%s: a picture without a text", p.name)
				}
			}
		}
	}
}

func TestWordsOfOthersAreNeverCode(t *testing.T) {
	const attack = `<script>alert(1)</script>" onload="x`
	m := busy()
	m.services[0].Reason = reason.Text(attack)
	m.watches[1].Evidence[0].Reason, m.watches[1].Evidence[0].Check, m.watches[1].Reason = reason.Text(attack), attack, reason.Text(attack)
	m.watches[1].Deploy.Version, m.watches[1].Deploy.Author, m.watches[1].Deploy.URL = attack, attack, "javascript:alert(1)"
	m.runs[0].Trigger.Reason, m.runs[0].Service, m.runs[0].To = reason.Text(attack), attack, attack
	m.alerts[0].Annotations["summary"], m.alerts[0].Labels["shop"], m.alerts[0].Ack.By, m.alerts[0].Annotations["runbook_url"] = attack, attack, attack, "javascript:alert(1)"
	m.journal[0].Detail = reason.Text(attack)
	m.status.LoadError = attack
	m.facts.Intervals[1].Reason = reason.Text(attack)
	s := newServer(t, m, nil)
	for _, p := range pageList() {
		body := ask(s, "GET", p.path, "").Body.String()
		if strings.Contains(body, "<script>alert") || strings.Contains(body, `" onload="x`) || strings.Contains(body, `href="javascript:`) {
			t.Errorf("%s runs the words of others", p.name)
		}
	}
}

// A rule's own words are shown in the reader's language where the rule has them.
func TestAlertsSpeakTheReadersLanguage(t *testing.T) {
	m := busy()
	m.alerts[0].Annotations["summary"], m.alerts[0].Annotations["summary_zh"] = "orders are lost", "订单丢失"
	s := newServer(t, m, nil)
	for _, path := range []string{"/alerts", "/"} {
		for lang, want := range map[string][2]string{"zh": {"订单丢失", "orders are lost"}, "en": {"orders are lost", "订单丢失"}} {
			body := ask(s, "GET", path+"?lang="+lang, "").Body.String()
			if !strings.Contains(body, want[0]) || strings.Contains(body, want[1]) {
				t.Errorf("%s in %s does not say %q, or also says %q", path, lang, want[0], want[1])
			}
		}
	}
}

// A long version is cut short in a chart rather than by the chart's edge.
func TestLabelsOfAChartStayInside(t *testing.T) {
	m := busy()
	m.watches[1].Deploy.Version = strings.Repeat("release-2026-11-22-hotfix-", 5)
	body := ask(newServer(t, m, nil), "GET", "/watches/"+m.watches[1].ID+"?lang=en", "").Body.String()
	labels := regexp.MustCompile(`<text class="event [a-z]+" x="([0-9.]+)" y="\d+" text-anchor="(start|end)">([^<]*)</text>`).FindAllStringSubmatch(body, -1)
	if len(labels) < 2 {
		t.Fatalf("%d labels were found", len(labels))
	}
	narrow := strings.Index(body, `class="chart narrow"`)
	for _, l := range labels {
		width := 1000.0
		if strings.Index(body, l[0]) > narrow {
			width = 340
		}
		x, _ := strconv.ParseFloat(l[1], 64)
		long := 7.4 * float64(len([]rune(l[3])))
		if (l[2] == "start" && x+long > width) || (l[2] == "end" && x-long < 0) {
			t.Errorf("%q at %v (%s) is cut at the edge of a chart %v wide", l[3], x, l[2], width)
		}
	}
}

func TestLanguage(t *testing.T) {
	for name, c := range map[string]struct {
		fallback, query, cookie, header, want string
	}{
		"the default":                       {"zh", "", "", "", "zh-CN"},
		"what the browser says":             {"zh", "", "", "en-GB,en;q=0.9", "en"},
		"what the browser prefers":          {"en", "", "", "de, en;q=0.3, zh-TW;q=0.8", "zh-CN"},
		"nothing that the browser knows":    {"en", "", "", "de, fr;q=0.5", "en"},
		"what was chosen before":            {"en", "", "zh", "en", "zh-CN"},
		"what is chosen now":                {"en", "en", "zh", "zh", "en"},
		"a language that does not exist":    {"en", "xx", "yy", "", "en"},
		"a browser that says it does not":   {"zh", "", "", "en;q=0", "zh-CN"},
		"a browser that says something odd": {"zh", "", "", ";;q=x,,en;q", "en"},
	} {
		t.Run(name, func(t *testing.T) {
			url := serve(t, busy(), func(o *server.Options) { o.Language = c.fallback })
			got := send(t, url, "GET", "/?lang="+c.query, "", "Accept-Language", c.header, "Cookie", "guardian_lang="+c.cookie)
			if got.header.Get("Content-Language") != c.want || !strings.Contains(got.body, `<html lang="`+c.want+`">`) {
				t.Errorf("language %q, want %q", got.header.Get("Content-Language"), c.want)
			}
			if kept := got.header.Get("Set-Cookie"); (kept != "") != (c.query == "en") {
				t.Errorf("cookie %q", kept)
			}
		})
	}
	if _, err := server.New(server.Options{Backend: busy().parts(), Language: "fr"}); err == nil || !strings.Contains(err.Error(), "one of en, zh") {
		t.Errorf("a default that does not exist: %v", err)
	}
}

func TestOverviewSaysFirstWhatMatters(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*memory)
		says   []string
	}{
		"a service is down":      {func(*memory) {}, []string{"1 of 3 services down: order-sync", "Waiting for an answer", "1 of 5 checks cannot look: feed-tiktok"}},
		"a service is not seen":  {func(m *memory) { m.services[0].Health = sample.Up }, []string{"1 of 3 services unknown: listing-feed"}},
		"all is well":            {func(m *memory) { m.services = m.services[1:2]; m.watches, m.runs, m.alerts = nil, nil, nil }, []string{"price-sync is up", "One check runs from outside.", "no question is open"}},
		"nothing is configured":  {func(m *memory) { *m = *newMemory() }, []string{"No services are configured", "guardian.yaml"}},
		"the reload failed":      {func(m *memory) { m.status.LoadError = "guardian.yaml:7: no" }, []string{"The last reload failed", "guardian.yaml:7: no"}},
		"this one stands by":     {func(m *memory) { m.status.Role, m.status.Holder = "standby", "b.example.com" }, []string{"This guardian is a standby; b.example.com is active."}},
		"notices do not go out":  {func(m *memory) { m.status.GivenUp = 2 }, []string{"2 notices could not be delivered"}},
		"the journal is blocked": {func(m *memory) { m.status.StorageErr = "disk full" }, []string{"The journal cannot be written: disk full"}},
	} {
		t.Run(name, func(t *testing.T) {
			m := busy()
			c.change(m)
			body := ask(newServer(t, m, nil), "GET", "/", "").Body.String()
			for _, want := range c.says {
				if !strings.Contains(body, want) {
					t.Errorf("%q is not there:\n%s", want, body)
				}
			}
		})
	}
}

func TestFormsDoWhatTheySay(t *testing.T) {
	for name, c := range map[string]struct {
		path  string
		form  url.Values
		lands string
		done  func(*memory) bool
	}{
		"acknowledge":     {"/alerts/ack", url.Values{"alert": {"a_1"}}, "/alerts?done=ack", func(m *memory) bool { return m.alerts[1].Ack != nil }},
		"no longer on it": {"/alerts/ack", url.Values{"alert": {"a_2"}, "undo": {"1"}}, "/alerts?done=unack", func(m *memory) bool { return m.alerts[0].Ack == nil }},
		"silence": {"/alerts/silence", url.Values{"matchers": {"alertname=\"X\"\r\nservice=order-sync\r\n"}, "for": {"4h"}, "comment": {"known"}}, "/alerts?done=silence", func(m *memory) bool {
			return len(m.silences) == 2 && len(m.silences[1].Matchers) == 2 && m.silences[1].Until.Sub(m.now).Hours() == 4
		}},
		"end a silence":  {"/alerts/expire", url.Values{"id": {"s_1"}}, "/alerts?done=expire", func(m *memory) bool { return !m.silences[0].Until.After(m.now) }},
		"stop watching":  {"/watches/w_8/cancel", url.Values{}, "/watches/w_8?done=cancel", func(m *memory) bool { return m.watches[0].State == "cancelled" }},
		"mark a verdict": {"/watches/w_7/mark", url.Values{"mark": {"late"}}, "/watches/w_7?done=mark", func(m *memory) bool { return m.watches[1].Mark != nil && m.watches[1].Mark.Kind == "late" }},
		"one-click back": {"/services/price-sync/rollback", url.Values{"to": {"v2.0.0"}, "reason": {"wrong prices"}}, "/rollbacks/r_4?done=rollback", func(m *memory) bool {
			return m.runs[0].To == "v2.0.0" && m.runs[0].Trigger.Reason.String() == "wrong prices"
		}},
		"start a drill":    {"/drills/order-sync-weekly/start", url.Values{}, "/drills/dr_3?done=drill", func(m *memory) bool { return m.drills[0].ID == "dr_3" && m.drills[0].Open() }},
		"reject with note": {"/rollbacks/r_3", url.Values{"decision": {"reject"}, "note": {"not now"}}, "/rollbacks/r_3?done=reject", func(m *memory) bool { return m.runs[0].State == "rejected" }},
	} {
		t.Run(name, func(t *testing.T) {
			m := busy()
			b := newBrowser(t, serve(t, m, nil))
			c.form.Set("csrf", csrf(t, b.get(t, "/alerts")))
			if got := b.post(t, c.path, c.form); got.status != 200 || !strings.Contains(got.body, "ADDRESS "+c.lands) || !strings.Contains(got.body, `role="status"`) || !c.done(m) {
				t.Errorf("%d: %s", got.status, got.body)
			}
			c.form.Del("csrf")
			if got := b.post(t, c.path, c.form); got.status != http.StatusForbidden {
				t.Errorf("without the form's token: %d", got.status)
			}
		})
	}
	b := newBrowser(t, serve(t, busy(), nil))
	got := b.post(t, "/alerts/silence", url.Values{"csrf": {csrf(t, b.get(t, "/alerts"))}, "matchers": {"x"}, "for": {"soon"}})
	for _, want := range []string{"/for", "/comment", "/matchers/0", "Something in the form is not right."} {
		if got.status != 422 || !strings.Contains(got.body, want) {
			t.Errorf("a wrong silence does not say %q: %d %s", want, got.status, got.body)
		}
	}
}

// A rollback that waits for another run asks nobody anything, and can be stopped before its turn.
func TestARollbackThatWaitsCanBeAborted(t *testing.T) {
	m := busy()
	m.runs[0].State, m.runs[0].Question, m.runs[0].Reason = actions.Queued, nil, reason.Text("run r_00 of runbook restart is running")
	b := newBrowser(t, serve(t, m, nil))
	page := b.get(t, "/rollbacks/r_3")
	for _, want := range []string{"queued behind another run", m.runs[0].Reason.String(), `value="abort"`} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if strings.Contains(page.body, `value="approve"`) {
		t.Error("the page asks for an approval")
	}
	b.post(t, "/rollbacks/r_3", url.Values{"csrf": {csrf(t, page)}, "decision": {"abort"}})
	if !m.runs[0].State.Final() {
		t.Errorf("after Abort it is %s", m.runs[0].State)
	}
}

func TestReportIsRenderedOnceForItsFacts(t *testing.T) {
	m := busy()
	reg := prometheus.NewPedanticRegistry()
	s := newServer(t, m, func(o *server.Options) { o.Registerer, o.Gatherer = reg, reg })
	get := func(path string) string {
		t.Helper()
		got := ask(s, "GET", path, "")
		if got.Code != 200 {
			t.Fatalf("%s: %d %s", path, got.Code, got.Body)
		}
		return got.Body.String()
	}
	first := get("/sla?month=2026-11")
	if second := get("/sla?month=2026-11"); second != first || m.reports != 1 {
		t.Errorf("built %d times", m.reports)
	}
	if !strings.Contains(first, "99.952%") || !strings.Contains(first, ">met<") {
		t.Error("the figures are not on the page")
	}
	if zh := get("/sla?month=2026-11&lang=zh"); m.reports != 2 || !strings.Contains(zh, "达成") {
		t.Errorf("the other language came out of the cache of the first")
	}
	if one := get("/sla?month=2026-11&service=price-sync"); m.reports != 3 || strings.Contains(one, `id="order-sync"`) {
		t.Errorf("one service is not one service")
	}
	get("/sla?month=2026-10")
	m.revision++
	get("/sla?month=2026-11")
	if m.reports != 5 {
		t.Errorf("built %d times, want 5", m.reports)
	}
	if csv := get("/sla.csv?month=2026-11"); !strings.Contains(csv, "order-sync") {
		t.Errorf("csv: %q", csv)
	}
	if body := get("/sla.json?month=2026-11"); !strings.Contains(body, `"month":"2026-11"`) {
		t.Errorf("json: %s", body)
	}
	for query, want := range map[string]string{
		"period=2026-Q4": `"period":"2026-Q4","zone"`, "period=2026": `"from":"2026-01-01T00:00:00+08:00"`,
		"from=2026-11-03&to=2026-11-09": `"period":"2026-11-03..2026-11-09"`, "from=2026-11-03": `"period":"2026-11-03..2026-11-03"`,
	} {
		if body := get("/sla.json?" + query); !strings.Contains(body, want) {
			t.Errorf("%s: %.200s", query, body)
		}
	}
	if page := get("/sla?period=2026-Q4"); !strings.Contains(page, "Report 2026-Q4") || !strings.Contains(page, `href="/sla?period=2026-Q3&amp;service="`) {
		t.Error("a quarter has no page with a way to the one before")
	}
	for query, want := range map[string]string{
		"month=november": "?month", "period=2026-Q5": "?period", "from=2026-11-09&to=2026-11-03": "its end is before its begin",
	} {
		if got := ask(s, "GET", "/sla.json?"+query, ""); got.Code != 422 || !strings.Contains(got.Body.String(), want) {
			t.Errorf("%s: %d %s", query, got.Code, got.Body)
		}
	}
	if got := ask(s, "GET", "/sla?service=x", ""); got.Code != 404 || !strings.Contains(got.Body.String(), "there is no service") {
		t.Errorf("a service that is not known: %d", got.Code)
	}
	exposition := get("/metrics")
	for _, want := range []string{`guardian_http_report_cache_total{result="hit"} 1`, `guardian_http_requests_total{code="200",method="GET",route="/sla"} 7`, `guardian_http_forwarded_total{result="loop"} 0`} {
		if !strings.Contains(exposition, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	if problems, err := testutil.GatherAndLint(reg); err != nil || len(problems) > 0 {
		t.Errorf("lint: %v %v", problems, err)
	}
}

// TestColoursAreLegible computes the contrast (WCAG 2.2, relative luminance) of each text
// colour on each ground, in both schemes: at least 4.5 to 1.
func TestColoursAreLegible(t *testing.T) {
	css, err := os.ReadFile("assets/style.css")
	if err != nil {
		t.Fatal(err)
	}
	schemes := strings.SplitN(string(css), "prefers-color-scheme: dark", 2)
	for i, scheme := range schemes {
		colour := map[string]float64{}
		for _, d := range regexp.MustCompile(`--([a-z-]+): #([0-9a-f]{3,6})`).FindAllStringSubmatch(scheme, -1) {
			if _, known := colour[d[1]]; !known {
				colour[d[1]] = luminance(d[2])
			}
		}
		for _, text := range []string{"ink", "soft", "good", "bad", "warn", "busy", "neutral", "accent"} {
			for _, ground := range []string{"card", "back", "good-back", "bad-back", "warn-back", "busy-back", "neutral-back"} {
				own := text == "ink" || ground == "card" || ground == "back" || ground == text+"-back" || (text == "soft" && ground == "neutral-back")
				light, dark := max(colour[text], colour[ground]), min(colour[text], colour[ground])
				if ratio := (light + 0.05) / (dark + 0.05); own && ratio < 4.5 {
					t.Errorf("scheme %d: %s on %s has contrast %.2f", i, text, ground, ratio)
				}
			}
		}
	}
}

func luminance(hex string) float64 {
	if len(hex) == 3 {
		hex = string([]byte{hex[0], hex[0], hex[1], hex[1], hex[2], hex[2]})
	}
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, _ := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
		c := float64(n) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}

func BenchmarkOverview(b *testing.B) {
	s := newServer(b, busy(), nil)
	for b.Loop() {
		if got := ask(s, "GET", "/", ""); got.Code != 200 {
			b.Fatal(got.Code)
		}
	}
}

func BenchmarkWatchPage(b *testing.B) {
	s := newServer(b, busy(), nil)
	for b.Loop() {
		if got := ask(s, "GET", "/watches/w_7", ""); got.Code != 200 {
			b.Fatal(got.Code)
		}
	}
}

func BenchmarkReport(b *testing.B) {
	for name, anew := range map[string]bool{"out of the cache": false, "made anew": true} {
		b.Run(name, func(b *testing.B) {
			m := busy()
			s := newServer(b, m, nil)
			for b.Loop() {
				if anew {
					m.revision++
				}
				if got := ask(s, "GET", "/sla?month=2026-11", ""); got.Code != 200 {
					b.Fatal(got.Code)
				}
			}
		})
	}
}

func TestAWatchOutlivesItsService(t *testing.T) {
	m := busy()
	m.services = m.services[1:]
	if got := ask(newServer(t, m, nil), "GET", "/watches/w_7", ""); got.Code != 200 || !strings.Contains(got.Body.String(), "Odds that this is chance: below 1 in 48,211") {
		t.Errorf("%d: %s", got.Code, got.Body)
	}
}

func TestStrangersAreToldNothing(t *testing.T) {
	m := secured()
	m.status.LoadError = "guardian.yaml:7: a secret place"
	s := newServer(t, m, nil)
	for _, path := range []string{"/login", "/nothing", "/-/ready"} {
		if body := ask(s, "GET", path, "").Body.String(); strings.Contains(body, "secret place") || strings.Contains(body, "v0.9.0") || strings.Contains(body, "order-sync") {
			t.Errorf("%s tells %s", path, body)
		}
	}
}

// TestMoreFailuresThanBeforeAreNotCalledNoHarm, however weak the evidence is.
func TestMoreFailuresThanBeforeAreNotCalledNoHarm(t *testing.T) {
	for lang, little := range map[string]string{"en": "More failed than before; could be chance", "zh": "失败比部署前多，但可能是偶然"} {
		for failures, want := range map[int]bool{8: true, 0: false} {
			m := busy()
			i := slices.IndexFunc(m.watches, func(w server.Watch) bool { return w.ID == "w_7" })
			m.watches[i].Evidence = []watch.Evidence{{
				Check: "push", Metric: watch.Failures, Before: watch.Counts{Looks: 103}, After: watch.Counts{Looks: 41, Failures: failures}, Allowed: 0.01, EValue: 0.3,
			}}
			body := ask(newServer(t, m, nil), "GET", "/watches/w_7?lang="+lang, "").Body.String()
			if strings.Contains(body, little) != want {
				t.Errorf("%s, %d of 41 failed: said %v, want %v", lang, failures, !want, want)
			}
		}
	}
}
