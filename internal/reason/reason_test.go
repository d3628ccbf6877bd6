package reason_test

import (
	"encoding/json"
	"testing"
	"time"

	"guardian/internal/reason"
)

func TestAReasonSurvivesTheJournal(t *testing.T) {
	at := time.Date(2026, 11, 30, 1, 2, 3, 4, time.UTC)
	r := reason.New("x", "text", "a", "n", 3, "f", 0.25, "at", at, "took", 1500*time.Millisecond, "names", []string{"a", "b"}, "why", reason.New("y", "k", 1), "all", []reason.Reason{reason.New("z")})
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var back reason.Reason
	if err := json.Unmarshal(b, &back); err != nil || !back.Equal(r) {
		t.Fatalf("%s came back as %+v (%v)", b, back, err)
	}
	var old reason.Reason
	if err := json.Unmarshal([]byte(`"status 503"`), &old); err != nil || old.String() != "status 503" {
		t.Fatalf("a text of a journal of before: %q (%v)", old, err)
	}
}

func TestWordsTakeTheReadersLanguageAndZone(t *testing.T) {
	shanghai, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 30, 1, 2, 3, 0, time.UTC)
	values := reason.New("", "n", 1, "many", 3, "share", 0.0512, "at", at, "took", 200*time.Second, "names", []string{"a", "b", "c"}, "none", "",
		"big", 1234567.5, "below", -1234, "some", []string{"a", "b", "c", "d", "e", "f", "g"}).Values
	for name, c := range map[string]struct {
		r             reason.Reader
		pattern, want string
	}{
		"English, UTC, with the date":       {reason.Reader{}, "since {at}", "since 2026-11-30 01:02:03 UTC"},
		"Chinese, Shanghai, today":          {reason.Reader{Language: "zh", Location: shanghai, Now: at}, "从 {at} 起，{took}", "从 09:02:03 起，3 分钟 20 秒"},
		"one and many":                      {reason.Reader{}, "{n:look|looks}, {many:look|looks}", "1 look, 3 looks"},
		"a share":                           {reason.Reader{}, "{share%}", "5.12%"},
		"thousands apart":                   {reason.Reader{}, "{big,}, {below,}, {many,}", "1,234,567.5, -1,234, 3"},
		"a long list":                       {reason.Reader{}, "{some}", "a, b, c, d, e and 2 more"},
		"a long Chinese list":               {reason.Reader{Language: "zh"}, "{some}", "a、b、c、d、e 等 7 个"},
		"names":                             {reason.Reader{}, "{names}", "a, b and c"},
		"Chinese names":                     {reason.Reader{Language: "zh"}, "{names}", "a、b、c"},
		"a part whose value is missing":     {reason.Reader{}, "down[: {none}][, {many} times]", "down, 3 times"},
		"a duration in words of the reader": {reason.Reader{}, "{took}", "3 min 20 s"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.r.Fill(c.pattern, values); got != c.want {
				t.Errorf("%q: got %q, want %q", c.pattern, got, c.want)
			}
		})
	}
}

func TestForeignSentencesAreQuotedInChinese(t *testing.T) {
	zh := reason.Reader{Language: "zh"}
	for text, want := range map[string]string{
		"no such host": "“no such host”", "502 Bad Gateway": "502 Bad Gateway", "v1.2 → v1.3": "v1.2 → v1.3", "已由 zhang min 确认 go ahead now": "已由 zhang min 确认 go ahead now",
	} {
		if got := zh.Read(reason.Text(text)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if got := zh.Read(reason.Text(zh.Read(reason.Text(text)))); got != want {
			t.Errorf("read twice: %s, want %s", got, want)
		}
		if got := (reason.Reader{}).Read(reason.Text(text)); got != text {
			t.Errorf("in English %s, want %s", got, text)
		}
	}
}

func TestSecretsAreTakenOutOfEveryValue(t *testing.T) {
	r := reason.New("x", "a", "s3cret", "b", []string{"s3cret"}, "c", reason.New("y", "d", "s3cret")).Redact(func(string) string { return "***" })
	b, _ := json.Marshal(r)
	if want := `{"code":"x","values":{"a":"***","b":["***"],"c":{"code":"y","values":{"d":"***"}}}}`; string(b) != want {
		t.Errorf("got %s, want %s", b, want)
	}
}

func TestTranslateReachesEveryReason(t *testing.T) {
	type inner struct{ Why reason.Reason }
	type whole struct {
		inner
		Why     reason.Reason            `json:"why,omitzero"`
		None    reason.Reason            `json:"none"`
		Pointer *inner                   `json:"pointer"`
		List    []inner                  `json:"list"`
		Map     map[string]reason.Reason `json:"map"`
		Any     any                      `json:"any"`
		At      time.Time                `json:"at"`
	}
	r := reason.New("not_known_to_anybody")
	in := whole{inner{r}, r, reason.Reason{}, &inner{r}, []inner{{r}}, map[string]reason.Reason{"a": r}, []any{inner{r}, 1}, time.Time{}}
	b, err := json.Marshal(reason.Translate(reason.Reader{}, any(in)))
	if err != nil {
		t.Fatal(err)
	}
	const text = `"not_known_to_anybody"`
	want := `{"why":` + text + `,"none":"","pointer":{"Why":` + text + `},"list":[{"Why":` + text + `}],"map":{"a":` + text + `},"any":[{"Why":` + text + `},1],"at":"0001-01-01T00:00:00Z"}`
	if got := string(b); got != `{"Why":`+text+`,`+want[1:] {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if in.List[0].Why.Code != r.Code || in.Pointer.Why.String() != r.String() || len(in.Map["a"].Values) != 0 || in.Any.([]any)[0].(inner).Why.Code != r.Code {
		t.Error("what was translated has changed")
	}
}

func TestSentencesEndWithAFullStop(t *testing.T) {
	r := reason.Join(reason.Text("HTTP 500"), reason.Reason{}, reason.Text("token expired."), reason.Text("is it up?"), reason.Text("v1.5"))
	for language, want := range map[string]string{
		"en": "HTTP 500. token expired. is it up? v1.5.",
		"zh": "HTTP 500。token expired.is it up?v1.5。",
	} {
		if got := (reason.Reader{Language: language}).Read(r); got != want {
			t.Errorf("%s: got %q, want %q", language, got, want)
		}
	}
}

func TestATextWithinAReasonComesBackEqual(t *testing.T) {
	r := reason.New("x", "why", reason.Text("HTTP 500"), "none", reason.Reason{}, "all", reason.Join(reason.Text("a"), reason.Text("b")))
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var back reason.Reason
	if err := json.Unmarshal(b, &back); err != nil || !back.Equal(r) {
		t.Errorf("%s came back as %+v, not %+v (%v)", b, back, r, err)
	}
}
