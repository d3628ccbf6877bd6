package probes_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/encoding/unicode"

	"guardian/internal/secret"
	"guardian/probes"
	"guardian/probes/sample"
)

// pack packs a body in the codings, in this order.
func pack(tb testing.TB, body string, codings ...string) string {
	tb.Helper()
	for _, coding := range codings {
		var b bytes.Buffer
		var w io.WriteCloser
		switch coding {
		case "gzip":
			w = gzip.NewWriter(&b)
		case "deflate":
			w = zlib.NewWriter(&b)
		case "raw deflate":
			w, _ = flate.NewWriter(&b, flate.BestSpeed)
		case "br":
			w = brotli.NewWriter(&b)
		case "zstd":
			w, _ = zstd.NewWriter(&b)
		default:
			tb.Fatalf("no coding %s", coding)
		}
		_, err := io.WriteString(w, body)
		if err = errors.Join(err, w.Close()); err != nil {
			tb.Fatal(err)
		}
		body = b.String()
	}
	return body
}

// in writes a text in a character set.
func in(tb testing.TB, e encoding.Encoding, text string) string {
	tb.Helper()
	out, err := e.NewEncoder().String(text)
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

// answer is what a server answers with, as it goes over the wire.
type answer struct{ coding, contentType, body string }

func (a answer) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header()["Content-Type"] = nil // none, and not what net/http recognises
	if a.contentType != "" {
		w.Header().Set("Content-Type", a.contentType)
	}
	if a.coding != "" {
		w.Header().Set("Content-Encoding", a.coding)
	}
	_, _ = io.WriteString(w, a.body)
}

// judged is a look at an answer with these expectations.
func judged(t *testing.T, a answer, set func(*probes.HTTPSettings)) sample.Observation {
	t.Helper()
	url := serve(t, a.ServeHTTP)
	return look(t, build(t, "http", probes.Env{}, func(s *probes.HTTPSettings) {
		s.URL = url
		set(s)
	}), 20*time.Second)
}

func wantHealth(t *testing.T, o sample.Observation, health sample.Health, reason string) {
	t.Helper()
	if o.Health != health || !strings.Contains(o.Reason.String(), reason) {
		t.Errorf("got %s %q, want %s %q\n%s", o.Health, o.Reason, health, reason, o.Detail)
	}
}

func contains(text string) func(*probes.HTTPSettings) {
	return func(s *probes.HTTPSettings) { s.Expect.BodyContains = []string{text} }
}

func lacks(text string) func(*probes.HTTPSettings) {
	return func(s *probes.HTTPSettings) { s.Expect.BodyNotContains = []string{text} }
}

func TestBodiesAreUnpackedWhoeverAskedForIt(t *testing.T) {
	const page = `{"status":"ok","note":"库存充足, plenty in stock"}`
	utf16 := in(t, unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), page)
	for name, a := range map[string]answer{
		"gzip":                            {"gzip", "application/json", pack(t, page, "gzip")},
		"x-gzip, in capitals":             {"X-GZIP", "application/json", pack(t, page, "gzip")},
		"deflate as zlib":                 {"deflate", "application/json", pack(t, page, "deflate")},
		"deflate without zlib's header":   {"deflate", "application/json", pack(t, page, "raw deflate")},
		"br":                              {"br", "application/json", pack(t, page, "br")},
		"zstd":                            {"zstd", "application/json", pack(t, page, "zstd")},
		"two on top of each other":        {"gzip, br", "application/json", pack(t, page, "gzip", "br")},
		"one that is none":                {"identity", "application/json", page},
		"a word that browsers ignore":     {"UTF-8", "application/json", page},
		"a character set in it":           {"br", "application/json", pack(t, utf16, "br")},
		"bytes that say no type":          {"zstd", "", pack(t, page, "zstd")},
		"not packed, though it was asked": {"", "application/json", page},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for asks, set := range map[string]func(*probes.HTTPSettings){
				"nobody": func(*probes.HTTPSettings) {},
				"the configuration": func(s *probes.HTTPSettings) {
					s.Headers = map[string]secret.Secret{"accept-encoding": secret.New("gzip, deflate, br, zstd")}
				},
			} {
				wantHealth(t, judged(t, a, func(s *probes.HTTPSettings) {
					set(s)
					ok := "ok"
					s.Expect.BodyContains, s.Expect.JSON = []string{"库存充足", "plenty"}, []probes.JSONAssertion{{Path: "status", Equals: &ok}}
				}), sample.Up, "")
				wantHealth(t, judged(t, a, func(s *probes.HTTPSettings) { set(s); lacks("库存")(s) }), sample.Down, "库存")
				if t.Failed() {
					t.Errorf("asked by %s", asks)
				}
			}
		})
	}
}

func TestABodyThatCannotBeUnpackedHidesNothing(t *testing.T) {
	const page = "all is well, 一切正常"
	cut := pack(t, strings.Repeat("ab cd ef", 1000), "gzip")
	for name, tc := range map[string]struct {
		answer
		reason string
	}{
		"an unknown coding":         {answer{"exi", "text/html", page}, "its content encoding exi is not known"},
		"br that is none":           {answer{"br", "text/html", page}, "it is not proper br"},
		"gzip that is none":         {answer{"gzip", "text/html", page}, "it is not proper gzip"},
		"gzip that breaks off":      {answer{"gzip", "text/html", cut[:len(cut)/2]}, "it is not proper gzip"},
		"zstd under a broken gzip":  {answer{"gzip, zstd", "text/html", pack(t, page, "zstd")}, "it is not proper gzip, zstd"},
		"more codings than is sane": {answer{"gzip, gzip, gzip, gzip, gzip", "text/html", pack(t, page, "gzip", "gzip", "gzip", "gzip", "gzip")}, "too many"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			no := false
			for _, set := range []func(*probes.HTTPSettings){
				lacks("error"), lacks("错误"), contains("下单成功"),
				func(s *probes.HTTPSettings) { s.Expect.BodyNotMatches = []string{"(?i)fatal|oops"} },
				func(s *probes.HTTPSettings) { s.Expect.JSON = []probes.JSONAssertion{{Path: "error", Exists: &no}} },
			} {
				wantHealth(t, judged(t, tc.answer, set), sample.Unknown, tc.reason)
			}
			wantHealth(t, judged(t, tc.answer, func(s *probes.HTTPSettings) {
				lacks("error")(s)
				s.Expect.Status = []probes.StatusRange{{From: 301, To: 301}}
			}), sample.Down, "status 200")
		})
	}
	wantHealth(t, judged(t, answer{"br", "text/html", page}, func(*probes.HTTPSettings) {}), sample.Unknown, "not proper br")
	wantHealth(t, judged(t, answer{"exi", "text/html", page}, func(*probes.HTTPSettings) {}), sample.Up, "")
}

func TestABodyThatGrowsIsRefused(t *testing.T) {
	bomb := strings.Repeat("\x00", 40<<20)
	empties := strings.Repeat(pack(t, "", "gzip"), 200_000)
	for name, a := range map[string]answer{
		"gzip":             {"gzip", "text/plain", pack(t, bomb, "gzip")},
		"br":               {"br", "text/plain", pack(t, bomb, "br")},
		"zstd":             {"zstd", "text/plain", pack(t, bomb, "zstd")},
		"only in between":  {"gzip, gzip", "text/plain", pack(t, empties, "gzip")},
		"a bomb in a bomb": {"gzip, br", "text/plain", pack(t, bomb, "gzip", "br")},
	} {
		t.Run(name, func(t *testing.T) {
			wantHealth(t, judged(t, a, lacks("x")), sample.Down, "longer than 1048576 bytes")
		})
	}
}

func TestTextIsReadInItsCharacterSet(t *testing.T) {
	const (
		simplified  = "登录成功，欢迎回来。您的订单已经提交，正在等待商家发货"
		traditional = "登入成功，歡迎回來。您的訂單已經送出，正在等待賣家出貨"
		kana        = "ログインしました。ご注文を受け付けました"
		hangul      = "로그인되었습니다. 주문이 접수되었습니다"
	)
	gb, big5, sjis := simplifiedchinese.GBK, traditionalchinese.Big5, japanese.ShiftJIS
	le, be := unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	for name, tc := range map[string]struct {
		answer
		is, isNot string
	}{
		"GBK in the header":               {answer{"", "text/html; charset=GBK", in(t, gb, "<title>"+simplified+"</title>")}, "登录成功", "登录失败"},
		"gb2312 that is more than that":   {answer{"", `text/html;charset="gb2312"`, in(t, simplifiedchinese.GB18030, "镕€𠀀"+simplified)}, "镕€𠀀登录成功", "失败"},
		"GB18030 in a meta element":       {answer{"", "text/html", in(t, simplifiedchinese.GB18030, `<meta charset="gb18030"><p>`+simplified)}, "已经提交", "失败"},
		"GBK in the old meta element":     {answer{"", "text/html", in(t, gb, `<META http-equiv=Content-Type content="text/html; charset=gbk"><p>`+simplified)}, "已经提交", "失败"},
		"GBK in an XML declaration":       {answer{"", "text/xml; charset=utf-8", in(t, gb, `<?xml version="1.0" encoding="GBK"?><a>`+simplified+`</a>`)}, "商家发货", "失败"},
		"GBK of plain text, unannounced":  {answer{"", "text/plain", in(t, gb, simplified)}, "订单", "失败"},
		"Big5 in the header":              {answer{"", "text/plain; charset=big5", in(t, big5, traditional)}, "歡迎", "錯誤"},
		"Big5 unannounced":                {answer{"", "text/html", in(t, big5, "<p>"+traditional)}, "訂單", "錯誤"},
		"Shift_JIS in the header":         {answer{"", "text/html; charset=Shift_JIS", in(t, sjis, "<title>"+kana+"</title>")}, "ご注文", "エラー"},
		"Shift_JIS unannounced":           {answer{"", "text/html", in(t, sjis, "<p>"+kana)}, "ご注文", "エラー"},
		"ISO-2022-JP":                     {answer{"", "text/plain; charset=iso-2022-jp", in(t, japanese.ISO2022JP, kana)}, "ご注文", "エラー"},
		"EUC-KR in the header":            {answer{"", "text/html; charset=euc-kr", in(t, korean.EUCKR, hangul)}, "주문", "오류"},
		"UTF-16 with a mark":              {answer{"", "text/plain", "\xff\xfe" + in(t, le, simplified)}, "订单", "失败"},
		"UTF-16 with a mark, and no type": {answer{"", "", "\xfe\xff" + in(t, be, `{"a":"`+simplified+`"}`)}, "订单", "失败"},
		"UTF-16 JSON without a mark":      {answer{"", "application/json", in(t, le, `{"status":"ok","note":"订单"}`)}, "订单", "失败"},
		"UTF-16BE in the header":          {answer{"", "text/plain; charset=utf-16be", in(t, be, simplified)}, "订单", "失败"},
		"Latin-1":                         {answer{"", "application/json; charset=ISO-8859-1", in(t, charmap.ISO8859_1, `{"städt":"ok"}`)}, "städt", "fehler"},
		"UTF-8 announced as Latin-1":      {answer{"", "text/html;charset=ISO-8859-1", simplified}, "订单", "失败"},
		"a mark at the beginning":         {answer{"", "text/html", "\ufeff" + simplified}, "登录成功", "失败"},
		"marks where files were joined":   {answer{"", "text/html", "登\ufeff录成\ufeff功"}, "登录成功", "失败"},
		"a mark beats the header":         {answer{"", "text/html; charset=gbk", "\ufeff" + simplified}, "登录成功", "失败"},
		"a type that is no text":          {answer{"", "application/pdf", "%PDF-1.7\n\xe2\xe3\xcf\xd3 stock\xff\xfe"}, "stock", "error"},
		"one character that was cut":      {answer{"", "text/html; charset=utf-8", simplified + "\xe4\xb8"}, "登录成功", "失败"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantHealth(t, judged(t, tc.answer, contains(tc.is)), sample.Up, "")
			wantHealth(t, judged(t, tc.answer, lacks(tc.isNot)), sample.Up, "")
			wantHealth(t, judged(t, tc.answer, lacks(tc.is)), sample.Down, tc.is)
			wantHealth(t, judged(t, tc.answer, contains(tc.isNot)), sample.Down, tc.isNot)
		})
	}
}

func TestTextThatCannotBeReadHidesNothing(t *testing.T) {
	page := in(t, simplifiedchinese.GBK, "<h1>系统错误</h1> HTTP 500")
	for name, tc := range map[string]struct {
		answer
		set    func(*probes.HTTPSettings)
		health sample.Health
		reason string
	}{
		"what is not there may be there":     {answer{"", "text/html; charset=utf-8", page}, lacks("系统错误"), sample.Unknown, "it is not in utf-8, as it declares"},
		"what is wanted may be there":        {answer{"", "text/html; charset=utf-8", page}, contains("系统错误"), sample.Unknown, "it is not in utf-8, as it declares"},
		"what is ASCII can be read":          {answer{"", "text/html; charset=utf-8", page}, lacks("HTTP 500"), sample.Down, `contains "HTTP 500"`},
		"what is ASCII is not there":         {answer{"", "text/html; charset=utf-8", page}, lacks("HTTP 503"), sample.Up, ""},
		"a character set that nobody knows":  {answer{"", "text/html; charset=klingon", page}, lacks("系统错误"), sample.Unknown, "its character set klingon is not known"},
		"in which not even ASCII is certain": {answer{"", "text/html; charset=klingon", page}, lacks("HTTP 503"), sample.Unknown, "klingon"},
		"few characters that could be any":   {answer{"", "text/plain", in(t, simplifiedchinese.GBK, "成功")}, lacks("错误"), sample.Unknown, "declares no character set (set charset)"},
		"which may be found nevertheless":    {answer{"", "text/plain", in(t, simplifiedchinese.GBK, "成功")}, contains("成功"), sample.Up, ""},
		"or are told":                        {answer{"", "text/plain", in(t, simplifiedchinese.GBK, "成功")}, func(s *probes.HTTPSettings) { lacks("错误")(s); s.Charset = "gbk" }, sample.Up, ""},
		"a pattern that may match them":      {answer{"", "text/html; charset=utf-8", page}, func(s *probes.HTTPSettings) { s.Expect.BodyNotMatches = []string{`<h1>\p{Han}{4}`} }, sample.Unknown, "utf-8"},
		"JSON":                               {answer{"", "application/json; charset=utf-16le", `{"a":"b"}x`}, func(s *probes.HTTPSettings) { s.Expect.JSON = []probes.JSONAssertion{{Path: "a"}} }, sample.Down, "not JSON"},
		"nothing is expected of the text":    {answer{"", "text/html; charset=klingon", page}, func(*probes.HTTPSettings) {}, sample.Up, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantHealth(t, judged(t, tc.answer, tc.set), tc.health, tc.reason)
		})
	}
	wantMistakes(t, (&probes.HTTPSettings{Client: probes.Client{BodyLimit: 1, Charset: "klingon"}}).Validate(), `charset "klingon" is not known`)
}

func TestEveryKindReadsTextInItsCharacterSet(t *testing.T) {
	feed := in(t, simplifiedchinese.GBK, `<?xml version="1.0" encoding="gb2312"?><rss><channel><item><title>订单接口下线</title><guid>1</guid></item></channel></rss>`)
	wantHealth(t, look(t, build(t, "feed", probes.Env{}, func(s *probes.FeedSettings) {
		s.URL, s.APIs = serve(t, answer{"br", "application/rss+xml", pack(t, feed, "br")}.ServeHTTP), []string{"订单接口"}
	}), 5*time.Second), sample.Up, "")
	least := 3.0
	wantHealth(t, look(t, build(t, "scrape", probes.Env{}, func(s *probes.ScrapeSettings) {
		s.URL = serve(t, answer{"zstd", "text/plain", pack(t, "\ufeffqueue 2\n", "zstd")}.ServeHTTP)
		s.Assert = []probes.MetricAssertion{{Metric: "queue", Min: &least}}
	}), 5*time.Second), sample.Down, "at least 3")
	wantHealth(t, look(t, build(t, "scrape", probes.Env{}, func(s *probes.ScrapeSettings) {
		s.URL = serve(t, answer{"zstd", "text/plain", "queue 2\n"}.ServeHTTP)
		s.Assert = []probes.MetricAssertion{{Metric: "queue", Min: &least}}
	}), 5*time.Second), sample.Unknown, "not proper zstd")
	wantHealth(t, look(t, build(t, "journey", probes.Env{}, func(s *probes.JourneySettings) {
		url := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/订单-7" {
				answer{"", "text/html; charset=big5", in(t, traditionalchinese.Big5, "已出貨")}.ServeHTTP(w, r)
				return
			}
			answer{"deflate", "application/json; charset=gbk", pack(t, in(t, simplifiedchinese.GBK, `{"号":"订单-7"}`), "deflate")}.ServeHTTP(w, r)
		})
		s.Steps = []probes.JourneyStep{
			{Name: "list", Request: probes.Request{URL: url}, Extract: []probes.Extract{{Name: "id", JSON: "号", Show: true}}},
			{Name: "order", Request: probes.Request{URL: url + "/{{.id}}"}, Expect: probes.Expect{BodyContains: []string{"已出貨"}}},
		}
	}), 5*time.Second), sample.Up, "")
	for name, tc := range map[string]struct{ script, charset, want string }{
		"a mark":               {`printf '\357\273\277CPU 高'; exit 2`, "", "exit code 2: CPU 高"},
		"UTF-16 of PowerShell": {`printf '\377\376D\000I\000S\000K\000'; exit 2`, "", "exit code 2: DISK"},
		"GBK of Windows":       {`printf '\264\305\305\314\262\273\327\343'; exit 2`, "gbk", "exit code 2: 磁盘不足"},
	} {
		wantHealth(t, look(t, build(t, "exec", probes.Env{}, func(s *probes.ExecSettings) {
			s.Command, s.Charset = []string{plugin(t, tc.script)}, tc.charset
		}), 5*time.Second), sample.Down, tc.want)
		if t.Failed() {
			t.Fatal(name)
		}
	}
}
