package probes_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/text/encoding/simplifiedchinese"

	"guardian/internal/secret"
	"guardian/probes"
	"guardian/probes/sample"
)

func TestHTTPKeepsCookiesOverTheRedirectsOfOneLook(t *testing.T) {
	var visits atomic.Int64
	has := func(r *http.Request, name, value string) bool {
		c, err := r.Cookie(name)
		return err == nil && c.Value == value
	}
	page := func(w http.ResponseWriter, r *http.Request) {
		set := func(name, value string) {
			http.SetCookie(w, &http.Cookie{Name: name, Value: value, Path: "/", HttpOnly: true})
		}
		switch r.URL.Path {
		case "/seen": // as sites do that ask for cookies
			if has(r, "seen", "1") {
				_, _ = fmt.Fprint(w, "welcome")
				return
			}
			visits.Add(1)
			set("seen", "1")
			http.Redirect(w, r, "/seen", http.StatusFound)
		case "/login":
			set("sid", "abc")
			http.Redirect(w, r, "/account", http.StatusSeeOther)
		case "/account":
			if has(r, "sid", "abc") && !has(r, "stale", "1") {
				_, _ = fmt.Fprintf(w, "welcome, lang %t", has(r, "lang", "zh"))
			} else {
				_, _ = fmt.Fprint(w, "please log in")
			}
		case "/steps":
			set("a", "1")
			http.Redirect(w, r, "/steps/b", http.StatusFound)
		case "/steps/b":
			set("b", "2")
			http.SetCookie(w, &http.Cookie{Name: "a", Path: "/", MaxAge: -1})
			http.Redirect(w, r, "/steps/c", http.StatusFound)
		case "/steps/c":
			_, err := r.Cookie("a")
			_, _ = fmt.Fprintf(w, "a %t b %t", err == nil, has(r, "b", "2"))
		}
	}
	url := serve(t, page)
	for name, tc := range map[string]struct {
		set    func(*probes.HTTPSettings)
		want   string
		health sample.Health
	}{
		"a redirect to itself": {func(s *probes.HTTPSettings) { s.URL += "/seen" }, "welcome", sample.Up},
		"a form": {func(s *probes.HTTPSettings) {
			s.URL += "/login"
			s.Method, s.Body = "POST", "user=a"
		}, "welcome, lang false", sample.Up},
		"beside a configured one": {func(s *probes.HTTPSettings) {
			s.URL += "/login"
			s.Headers = map[string]secret.Secret{"Cookie": secret.New("lang=zh")}
		}, "welcome, lang true", sample.Up},
		"one that is taken back": {func(s *probes.HTTPSettings) { s.URL += "/steps" }, "a false b true", sample.Up},
		"not without redirects":  {func(s *probes.HTTPSettings) { s.URL += "/account" }, "welcome", sample.Down},
	} {
		t.Run(name, func(t *testing.T) {
			p := build(t, "http", probes.Env{}, func(s *probes.HTTPSettings) {
				s.URL, s.Expect.BodyContains = url, []string{tc.want}
				tc.set(s)
			})
			wantHealth(t, look(t, p, 20*time.Second), tc.health, "")
		})
	}
	p := build(t, "http", probes.Env{}, func(s *probes.HTTPSettings) { s.URL = url + "/seen" })
	before := visits.Load()
	for range 3 {
		wantHealth(t, look(t, p, 20*time.Second), sample.Up, "")
	}
	if got := visits.Load() - before; got != 3 {
		t.Errorf("%d of 3 looks came as somebody new", got)
	}
}

// script says texts and waits for lines ("" waits for one) in turn.
func script(steps ...string) func(net.Conn) {
	return func(c net.Conn) {
		r := bufio.NewReader(c)
		for _, s := range steps {
			if s != "" {
				_, _ = fmt.Fprint(c, s)
				time.Sleep(time.Millisecond) // so that each comes in a packet of its own
				continue
			}
			if _, err := r.ReadString('\n'); err != nil {
				return
			}
		}
		hangUp(c)
	}
}

func TestTCPTalksInLines(t *testing.T) {
	for name, tc := range map[string]struct {
		server []string
		talk   []probes.Talk
		health sample.Health
		reason string
	}{
		"the end of a line is its end":      {[]string{"220 mail ESMTP Postfix\r\n", "", "221 bye\r\n"}, []probes.Talk{{Expect: `^220 (\S+) ESMTP (.+)$`}, {Send: "QUIT\r\n", Expect: "^221 bye$"}}, sample.Up, ""},
		"lines that end in LF alone":        {[]string{"OK\n", "", "DONE\n"}, []probes.Talk{{Expect: `^OK$`}, {Send: "x\n", Expect: "^DONE$"}}, sample.Up, ""},
		"what follows is skipped later":     {[]string{"250-mail\r\n250-SIZE 1\r\n", "250 STARTTLS\r\n", "", "221 bye\r\n"}, []probes.Talk{{Expect: "^250"}, {Send: "QUIT\r\n", Expect: "^221"}}, sample.Up, ""},
		"what follows is kept":              {[]string{"one\r\ntwo\r\nthree\r\n"}, []probes.Talk{{Expect: "^one$"}, {Expect: "^two$"}, {Expect: "^three$"}}, sample.Up, ""},
		"but not what was before":           {[]string{"one\r\ntwo\r\n"}, []probes.Talk{{Expect: "^two$"}, {Expect: "^one$"}}, sample.Down, `talk[1]`},
		"a line in three parts":             {[]string{"22", "0 mail rea", "dy\r\n", "", "221\r\n"}, []probes.Talk{{Expect: `^220 mail ready$`}, {Send: "QUIT\r\n", Expect: "^221$"}}, sample.Up, ""},
		"a prompt without an end":           {[]string{"login: ", "", "Password: ", "", "$ "}, []probes.Talk{{Expect: "login: $"}, {Send: "a\n", Expect: "^Password:"}, {Send: "b\n", Expect: `\$`}}, sample.Up, ""},
		"an end that stands in the pattern": {[]string{"+PONG\r\n", "", "+OK\r\n"}, []probes.Talk{{Expect: "^\\+PONG\r\n$"}, {Send: "QUIT\r\n", Expect: `\+OK\r?\n`}}, sample.Up, ""},
		"several lines in the pattern":      {[]string{"a 1\r\nb 2\r\n", "c 3\r\n", "", "x\r\n"}, []probes.Talk{{Expect: `(?s)a 1.*c 3`}, {Send: "y\r\n", Expect: "^x$"}}, sample.Up, ""},
		"another line is down":              {[]string{"554 go away\r\n"}, []probes.Talk{{Expect: "^220"}}, sample.Down, `"554 go away`},
		"in another character set":          {[]string{in(t, simplifiedchinese.GBK, "状态：正常，共处理订单三百\r\n")}, []probes.Talk{{Expect: "^状态：正常"}}, sample.Up, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			timeout := 20 * time.Second
			if tc.health == sample.Down {
				timeout = 400 * time.Millisecond
			}
			address := listen(t, script(tc.server...))
			wantHealth(t, look(t, build(t, "tcp", probes.Env{}, func(s *probes.TCPSettings) { s.Address, s.Talk = address, tc.talk }), timeout), tc.health, tc.reason)
		})
	}
	address := listen(t, script(in(t, simplifiedchinese.GBK, "正常\r\n")))
	wantHealth(t, look(t, build(t, "tcp", probes.Env{}, func(s *probes.TCPSettings) {
		s.Address, s.Charset, s.Talk = address, "gbk", []probes.Talk{{Expect: "^正常$"}}
	}), 20*time.Second), sample.Up, "")
}

// plainNameServer answers questions with EDNS with a code, and others with an address.
func plainNameServer(t *testing.T, code int, bare bool) string {
	t.Helper()
	// TCP chooses the port: connections of other tests hold many of its ports, and few of UDP's.
	var tcp net.Listener
	var udp net.PacketConn
	for udp == nil {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		tcp = l
		if udp, err = net.ListenPacket("udp", l.Addr().String()); err != nil {
			udp = nil
			_ = l.Close()
		}
	}
	handle := dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		switch {
		case q.IsEdns0() != nil && code&0xf0 != 0: // an extended code, which has its upper bits in the record
			m.SetEdns0(512, false)
			m.Rcode = code
		case q.IsEdns0() != nil:
			m.Rcode = code
			if bare {
				m.Question = nil
			}
		case w.RemoteAddr().Network() == "udp" && strings.HasPrefix(q.Question[0].Name, "big."):
			m.Truncated = true
		default:
			rr, _ := dns.NewRR(q.Question[0].Name + " 60 IN A 192.0.2.7")
			m.Answer = []dns.RR{rr}
		}
		_ = w.WriteMsg(m)
	})
	for _, s := range []*dns.Server{{PacketConn: udp, Handler: handle}, {Listener: tcp, Handler: handle}} {
		go func() { _ = s.ActivateAndServe() }()
		t.Cleanup(func() { _ = s.Shutdown() })
	}
	return udp.LocalAddr().String()
}

func TestDNSServersThatKnowNoEDNSAreAskedWithout(t *testing.T) {
	for name, tc := range map[string]struct {
		code   int
		bare   bool
		set    func(*probes.DNSSettings)
		health sample.Health
		reason string
	}{
		"a format error":                  {code: dns.RcodeFormatError, health: sample.Up},
		"a format error without question": {code: dns.RcodeFormatError, bare: true, health: sample.Up},
		"not implemented":                 {code: dns.RcodeNotImplemented, health: sample.Up},
		"another version of EDNS":         {code: dns.RcodeBadVers, health: sample.Up},
		"over tcp":                        {code: dns.RcodeFormatError, set: func(s *probes.DNSSettings) { s.Protocol = "tcp" }, health: sample.Up},
		"a long answer":                   {code: dns.RcodeFormatError, set: func(s *probes.DNSSettings) { s.Name = "big.shop.test" }, health: sample.Up},
		"a refusal is one":                {code: dns.RcodeRefused, health: sample.Down, reason: "REFUSED"},
		"an error that is wanted":         {code: dns.RcodeFormatError, set: func(s *probes.DNSSettings) { s.Rcodes, s.Answers = []string{"FORMERR"}, nil }, health: sample.Up},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := plainNameServer(t, tc.code, tc.bare)
			wantHealth(t, look(t, build(t, "dns", probes.Env{}, func(s *probes.DNSSettings) {
				s.Server, s.Name, s.Answers = server, "shop.test", []string{"192.0.2.7"}
				if tc.set != nil {
					tc.set(s)
				}
			}), 20*time.Second), tc.health, tc.reason)
		})
	}
}

func TestPerformanceLabelsWithBlanks(t *testing.T) {
	for out, want := range map[string]string{
		"OK | 1 min avg Load=91%;80;95;0;100 5 min avg Load=59%;80;90": "1 min avg Load=91% 5 min avg Load=59%",
		`OK | C:\ used=12GB;; 'D:\ used'=3GB;; E: free space=7GB`:      `C:\ used=12GB D:\ used=3GB E: free space=7GB`,
		"OK | physical memory %=40%\nmore\nand | page file=2MB":        "physical memory %=40% page file=2MB",
		"OK | time=0.1s size=5B":                                       "time=0.1s size=5B",
		"OK | no value here\nmore | b=2":                               "b=2",
		"OK | queue a=U queue b=4":                                     "queue b=4",
		"OK | trailing words":                                          "",
	} {
		_, values := probes.ParsePlugin(out)
		var got []string
		for _, v := range values {
			got = append(got, fmt.Sprintf("%s=%v%s", v.Labels["name"], v.V, v.Labels["unit"]))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: got %q, want %q", out, got, want)
		}
	}
}

func TestJSONNullIsThere(t *testing.T) {
	yes, no, text := true, false, func(s string) *string { return &s }
	body := answer{"", "application/json", `{"order":{"ref":null,"items":[null,{"sku":null}]},"empty":""}`}
	for name, tc := range map[string]struct {
		probes.JSONAssertion
		health sample.Health
		reason string
	}{
		"it is there":                 {probes.JSONAssertion{Path: "order.ref", Exists: &yes}, sample.Up, ""},
		"in a list":                   {probes.JSONAssertion{Path: "order.items.0"}, sample.Up, ""},
		"in a member of a list":       {probes.JSONAssertion{Path: "order.items.1.sku", Exists: &yes}, sample.Up, ""},
		"it is null":                  {probes.JSONAssertion{Path: "order.ref", Equals: text("null")}, sample.Up, ""},
		"it matches null":             {probes.JSONAssertion{Path: "order.ref", Matches: "^null$"}, sample.Up, ""},
		"it is no empty text":         {probes.JSONAssertion{Path: "order.ref", Equals: text("")}, sample.Down, `json order.ref is "null"`},
		"an empty text is not null":   {probes.JSONAssertion{Path: "empty", Equals: text("null")}, sample.Down, `json empty is ""`},
		"it is not missing":           {probes.JSONAssertion{Path: "order.ref", Exists: &no}, sample.Down, "json order.ref is there"},
		"what is missing is not null": {probes.JSONAssertion{Path: "order.none", Equals: text("null")}, sample.Down, "json order.none is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			wantHealth(t, judged(t, body, func(s *probes.HTTPSettings) { s.Expect.JSON = []probes.JSONAssertion{tc.JSONAssertion} }), tc.health, tc.reason)
		})
	}
}

func TestErrorsOfGraphQLAreQuoted(t *testing.T) {
	name := "shop.name"
	for body, want := range map[string]string{
		`{"data":null,"errors":[{"message":"Throttled","extensions":{"code":"THROTTLED"}}]}`:                      "json data.shop.name is missing; GraphQL says: Throttled (THROTTLED)",
		`{"data":{"shop":null},"errors":[{"message":"Access denied\nfor shop"},{"message":"Field 'x' is gone"}]}`: "GraphQL says: Access denied for shop; Field 'x' is gone",
		`{"errors":[{"message":"令牌已过期"}]}`:                                                                        "GraphQL says: 令牌已过期",
		`{"errors":[{"message":"a"},{"message":"b"},{"message":"c"},{"message":"d"},{"message":"e"}]}`:            "GraphQL says: a; b; c; … 2",
		`{"errors":{"base":["not GraphQL"]}}`:                                                                     "json data.shop.name is missing",
		`{"errors":[]}`:                                                                                           "json data.shop.name is missing",
	} {
		o := judged(t, answer{"", "application/json", body}, func(s *probes.HTTPSettings) {
			s.Expect.JSON = []probes.JSONAssertion{{Path: "data." + name}}
		})
		wantHealth(t, o, sample.Down, want)
		if strings.Contains(o.Reason.String(), "GraphQL") != strings.Contains(want, "GraphQL") {
			t.Errorf("%s: %s", body, o.Reason)
		}
	}
	wantHealth(t, judged(t, answer{"", "application/json", `{"data":{"shop":{"name":"a"}},"errors":[{"message":"a warning"}]}`}, func(s *probes.HTTPSettings) {
		s.Expect.JSON = []probes.JSONAssertion{{Path: "data." + name}}
	}), sample.Up, "")
	wantHealth(t, judged(t, answer{"", "application/json", `{"errors":[{"message":"Parse error"}]}`}, func(s *probes.HTTPSettings) {
		s.Expect.Status = []probes.StatusRange{{From: 201, To: 201}}
	}), sample.Down, "status 200, want 201; GraphQL says: Parse error")
}

func TestOnlySecretsOfARequestAreMasked(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "shop %s of %s, %s, password %s, token %s; the order of %s", r.Header.Get("X-Shop"), r.Header.Get("X-Region"),
			r.Header.Get("Accept"), r.Header.Get("X-Pass"), r.Header.Get("X-Token"), r.Header.Get("X-Tenant"))
	})
	o := look(t, build(t, "http", probes.Env{}, func(s *probes.HTTPSettings) {
		s.URL, s.Expect.BodyContains = url, []string{"never"}
		s.Headers = map[string]secret.Secret{
			"X-Shop": secret.New("shopee-sg-1"), "X-Region": secret.New("cn-south"), "Accept": secret.New("application/vnd.shop+json"),
			"X-Pass": secret.New("order"), "X-Token": secret.New("tok-5ae1c0ffee"), "X-Tenant": secret.New("9f8a7b6c5d4e3f2a1b"),
		}
	}), 20*time.Second)
	if want := "shop shopee-sg-1 of cn-south, application/vnd.shop+json, password <secret>, token <secret>; the order of <secret>"; !strings.Contains(o.Detail, want) {
		t.Errorf("%s\nwant %s", o.Detail, want)
	}
}

func TestWhatOnlyMeasuresIsUpWhateverItFinds(t *testing.T) {
	for result, health := range map[string]sample.Health{
		`[{"metric":{},"value":[1,"-3.5"]}]`:        sample.Up,
		`[{"metric":{},"value":[1,"0"]}]`:           sample.Up,
		`[{"metric":{"a":"1"},"value":[1,"-Inf"]}]`: sample.Up,
		`[{"metric":{},"value":[1,"NaN"]}]`:         sample.Unknown,
		`[]`:                                        sample.Unknown,
	} {
		url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = fmt.Fprintf(w, `{"status":"success","data":{"resultType":"vector","result":%s}}`, result)
		})
		o := look(t, build(t, "promql", probes.Env{}, func(s *probes.PromQLSettings) {
			s.Server, s.Query = url, "margin"
			s.MeasureOnly()
		}), 20*time.Second)
		wantHealth(t, o, health, "")
	}
}

// What refuses a call stands in the body, with status 200, so that a body that cannot be read says
// nothing of the quota.
func TestAQuotaIsNotFineInABodyThatCannotBeRead(t *testing.T) {
	body := `{"code":105002,"message":"Access token is invalid"}`
	for name, tc := range map[string]struct {
		answer
		health sample.Health
		reason string
	}{
		"packed":      {answer{"br", "application/json", pack(t, body, "br")}, sample.Down, "token"},
		"with a mark": {answer{"", "application/json", "\ufeff" + body}, sample.Down, "token"},
		"broken":      {answer{"br", "application/json", body}, sample.Unknown, "not proper br"},
		"unknown":     {answer{"exi", "application/json", body[:9]}, sample.Unknown, "content encoding exi is not known"},
	} {
		t.Run(name, func(t *testing.T) {
			url := serve(t, tc.ServeHTTP)
			o := look(t, build(t, "quota", probes.Env{}, func(s *probes.QuotaSettings) {
				s.Platform, s.URL = "tiktok_shop", url
				s.Seller.AppKey, s.Seller.Secret, s.Seller.Token = "app1", secret.New("secret-0001-abcd"), secret.New("token-0001-abcd")
			}), 20*time.Second)
			wantHealth(t, o, tc.health, tc.reason)
		})
	}
}
