package route_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"

	"guardian/notifiers/route"
)

func TestParseMatchers(t *testing.T) {
	for text, want := range map[string]string{
		`tier=critical`:     `{tier="critical"}`,
		`tier = "critical"`: `{tier="critical"}`,
		`{tier="critical",marketplace=~"shopee|lazada"}`: `{tier="critical",marketplace=~"shopee|lazada"}`,
		`a!=b, c!~d.*,`:          `{a!="b",c!~"d.*"}`,
		`{}`:                     `{}`,
		`"服务 名"="订单, 同步"`:        `{"服务 名"="订单, 同步"}`,
		`服务=订单`:                  `{服务="订单"}`,
		`shop="a\"b\\c\n"`:       `{shop="a\"b\\c\n"}`,
		`a=""`:                   `{a=""}`,
		"\t{ a = b , }  ":        `{a="b"}`,
		`version=~"v1\\.[0-9]+"`: `{version=~"v1\\.[0-9]+"}`,
	} {
		got, err := route.ParseMatchers(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got.String() != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

func TestInvalidMatchersAreExplained(t *testing.T) {
	for text, want := range map[string]string{
		``:               "is empty; write name=value",
		`tier`:           `expected an operator such as '=', '!=', '=~' or '!~'`,
		`=critical`:      "column 1: unexpected =: expected label name",
		`a="b`:           `column 3: "b: missing end "`,
		`"a b"=b c`:      "column 9: unexpected c: expected a comma or close brace; a value with spaces or one of {}!=~,\\\"'` needs double quotes",
		`a=~"("`:         "missing closing",
		`a=b,,c=d`:       "column 5: unexpected ,",
		`""="x"`:         "has no label name",
		"a=\"\xff\"":     "is not valid UTF-8",
		`{a="b"}{c="d"}`: "expected end of input",
	} {
		if _, err := route.ParseMatchers(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want an error that says %q", text, err, want)
		}
	}
	if _, err := route.ParseMatcher("a=b,c=d"); err == nil || !strings.Contains(err.Error(), "want one matcher, have 2") {
		t.Errorf("two matchers where one is wanted: %v", err)
	}
}

// What only Alertmanager's classic parser reads, or reads differently, is read as it does, so
// that a routing tree can be brought along.
func TestClassicMatchers(t *testing.T) {
	for text, want := range map[string]string{
		`tier=`:                      `tier=""`,
		`a=b c`:                      `a="b c"`,
		`{a=b}{c=d}`:                 `a="b}{c=d"`,
		`{a=b`:                       `a="b"`,
		`a==b`:                       `a="=b"`,
		`a='b'`:                      `a="'b'"`,
		`version=~"v1\.[0-9]+"`:      `version=~"v1\\.[0-9]+"`,
		`shop="a\tb"`:                `shop="a\\tb"`, // a backslash and a t, no tab
		`tier=critical`:              ``,
		`{tier="critical",a!~"b|c"}`: ``,
		`"a b"=c`:                    ``, // only the UTF-8 parser reads it
		`服务="x\ty"`:                  ``,
	} {
		ms, err := route.ParseMatchers(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		instead, classic := route.Classic(text)
		if want == "" {
			if classic {
				t.Errorf("%s: counts as classic, instead %s", text, instead)
			}
			continue
		}
		if !classic || instead != want || strings.Trim(ms.String(), "{}") != want {
			t.Errorf("%s: got %s, instead %s, classic %v; want %s", text, ms, instead, classic, want)
		}
		again, err := route.ParseMatchers(instead)
		if _, still := route.Classic(instead); err != nil || still || again.String() != ms.String() {
			t.Errorf("%s: what it says instead, %s, is not the same: %s %v", text, instead, again, err)
		}
	}
}

// Journals of earlier builds hold matchers with Go's escapes.
func TestMatchersOfTheJournalAreReadAsTheyWereWritten(t *testing.T) {
	for text, want := range map[string]string{
		`shop="a\tb"`:       "a\tb",
		`shop="\x00"`:       "\x00",
		`shop="a\u2028b"`:   "a\u2028b",
		`shop="q\"b\\c\n"`:  "q\"b\\c\n",
		`"the shop"="a\tb"`: "a\tb",
	} {
		var m route.Matcher
		if err := m.UnmarshalText([]byte(text)); err != nil || m.Value != want {
			t.Errorf("%s: %q %v", text, m.Value, err)
			continue
		}
		written, err := m.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var again route.Matcher
		if err := again.UnmarshalText(written); err != nil || !again.Equal(m) {
			t.Errorf("%s was written as %s, which is read as %q %v", text, written, again.Value, err)
		}
	}
}

func FuzzParseMatchers(f *testing.F) {
	for _, s := range []string{`{a="b",c!~"d"}`, `a=b`, `"x y"!="\n"`, `a=~(`, "\xff=1", `{`, `a="\x00"`, "a\u2028=b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ms, err := route.ParseMatchers(text)
		if err != nil {
			return
		}
		again, err := route.ParseMatchers(ms.String())
		if err != nil || again.String() != ms.String() {
			t.Fatalf("%q was read as %s, which is read as %s, %v", text, ms, again, err)
		}
		for i, m := range ms {
			if m.Name != again[i].Name || m.Op != again[i].Op || m.Value != again[i].Value {
				t.Fatalf("%q: %+v became %+v", text, m, again[i])
			}
		}
	})
}

func TestMatch(t *testing.T) {
	labels := map[string]string{"tier": "critical", "shop": "sg-1", "note": "two\nlines"}
	for text, want := range map[string]bool{
		`tier=critical`:                true,
		`tier=crit`:                    false,
		`tier=~crit`:                   false, // the whole value
		`tier=~"crit.*"`:               true,
		`tier!~"crit.*"`:               false,
		`site=""`:                      true, // a label that is not there is empty
		`site!=""`:                     false,
		`site=~".*"`:                   true,
		`site!=x`:                      true,
		`tier=critical,shop=sg-2`:      false,
		`tier=critical,shop=~"sg-1|x"`: true,
		`{}`:                           true,
	} {
		ms, err := route.ParseMatchers(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := ms.Match(labels); got != want {
			t.Errorf("%s: got %v", text, got)
		}
	}
	if (route.Matcher{Name: "tier", Op: route.NotRegexp, Value: "x"}).Match(labels) {
		t.Error("a matcher that was not made matches")
	}
}

func TestMatchersAreTextsInJSON(t *testing.T) {
	ms, err := route.ParseMatchers(`a=b,c!=d,e=~f,g!~"h i"`)
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(ms)
	if err != nil {
		t.Fatal(err)
	}
	if want := `["a=\"b\"","c!=\"d\"","e=~\"f\"","g!~\"h i\""]`; string(got) != want {
		t.Errorf("got %s", got)
	}
	var back route.Matchers
	if err := json.Unmarshal(got, &back); err != nil || back.String() != ms.String() {
		t.Errorf("%v, %s", err, back)
	}
	if !back.Match(map[string]string{"a": "b", "e": "f"}) {
		t.Error("what was read back does not match")
	}
	for _, bad := range []string{`["a=~\"(\""]`, `["a=\"b\",c=\"d\""]`, `["a"]`} {
		if err := json.Unmarshal([]byte(bad), &back); err == nil {
			t.Errorf("%s was read", bad)
		}
	}
}

// The tree of Alertmanager's documentation, with our labels.
func tree() route.Node {
	return route.Node{
		Receiver: "default", RepeatInterval: new(model.Duration(2 * time.Hour)),
		Routes: []route.Node{
			{Matchers: []string{`kind="run"`}, Receiver: "audit", Continue: true},
			{
				Match: map[string]string{"service": "order-sync"}, Receiver: "orders",
				Routes: []route.Node{
					{Matchers: []string{`tier="critical"`}, Receiver: "oncall", RepeatInterval: new(model.Duration(30 * time.Minute))},
					{MatchRE: map[string]string{"shop": "sg-.*|my-.*"}}, // has the parent's receiver
				},
			},
			{Matchers: []string{`tier=~"info"`}, Receiver: "quiet", MuteTimeIntervals: []string{"nights"}, ActiveTimeIntervals: []string{"office"}},
			{Matchers: []string{`tier=~"info|warning"`}, Receiver: "never"},
		},
	}
}

func receivers() []string { return []string{"default", "audit", "orders", "oncall", "quiet", "never"} }

func intervals() []route.Interval {
	return []route.Interval{
		{Name: "nights", Times: []route.Window{{Times: []route.Clock{{Start: "22:00", End: "24:00"}, {Start: "00:00", End: "08:00"}}, Location: "Asia/Shanghai"}}},
		{Name: "office", Times: []route.Window{{Weekdays: []string{"monday:friday"}, Location: "Asia/Shanghai"}}},
	}
}

func TestMatchChoosesReceiversByLabels(t *testing.T) {
	tr, err := route.New(tree(), receivers(), intervals())
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		labels map[string]string
		want   string
	}{
		"what nothing takes goes to the root":             {map[string]string{"tier": "critical"}, "default/2h0m0s"},
		"no labels at all":                                {nil, "default/2h0m0s"},
		"the deepest route that matches":                  {map[string]string{"service": "order-sync", "tier": "critical"}, "oncall/30m0s"},
		"a child without receiver has its parent's":       {map[string]string{"service": "order-sync", "shop": "sg-1"}, "orders/2h0m0s"},
		"no child matches: the parent":                    {map[string]string{"service": "order-sync", "shop": "th-1"}, "orders/2h0m0s"},
		"continue asks the routes after it as well":       {map[string]string{"kind": "run", "service": "order-sync", "tier": "critical"}, "audit/2h0m0s oncall/30m0s"},
		"continue with nothing after it does not go back": {map[string]string{"kind": "run"}, "audit/2h0m0s"},
		"the first that matches ends it":                  {map[string]string{"tier": "info"}, "quiet/2h0m0s"},
	} {
		var got []string
		for _, target := range tr.Match(c.labels) {
			got = append(got, target.Receiver+"/"+target.RepeatInterval.String())
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s: got %s, want %s", name, s, c.want)
		}
	}
}

func TestTimeIntervalsOfRoutes(t *testing.T) {
	tr, err := route.New(tree(), receivers(), intervals())
	if err != nil {
		t.Fatal(err)
	}
	target := tr.Match(map[string]string{"tier": "info"})[0]
	for at, want := range map[string]bool{
		"2026-11-23T03:00:00Z": false, // Monday 11:00 in Shanghai
		"2026-11-23T14:00:00Z": true,  // Monday 22:00: night
		"2026-11-23T23:59:59Z": true,  // Tuesday 07:59:59
		"2026-11-24T00:00:00Z": false, // Tuesday 08:00
		"2026-11-22T03:00:00Z": true,  // Sunday: not active
	} {
		when, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if got := target.Quiet(when); got != want {
			t.Errorf("%s: quiet %v", at, got)
		}
	}
	if tr.Match(nil)[0].Quiet(time.Unix(0, 0)) {
		t.Error("a route without intervals is quiet")
	}
}

func TestIntervals(t *testing.T) {
	for name, c := range map[string]struct {
		w       route.Window
		in, out string
	}{
		"the last three days of a month":       {route.Window{DaysOfMonth: []string{"-3:-1"}}, "2026-02-26T12:00:00Z", "2026-02-25T12:00:00Z"},
		"from the fifth to the last day":       {route.Window{DaysOfMonth: []string{"5:-1"}}, "2026-02-28T12:00:00Z", "2026-02-04T12:00:00Z"},
		"a day of the month":                   {route.Window{DaysOfMonth: []string{"11"}}, "2026-11-11T00:00:00Z", "2026-11-12T00:00:00Z"},
		"months by name":                       {route.Window{Months: []string{"november:december"}}, "2026-12-01T00:00:00Z", "2026-10-31T23:59:59Z"},
		"months over the turn of the year":     {route.Window{Months: []string{"11:1"}}, "2026-01-31T00:00:00Z", "2026-02-01T00:00:00Z"},
		"a weekend, over the turn of the week": {route.Window{Weekdays: []string{"Saturday:Sunday"}}, "2026-11-22T12:00:00Z", "2026-11-23T12:00:00Z"},
		"years":                                {route.Window{Years: []string{"2026:2027"}}, "2027-01-01T00:00:00Z", "2028-01-01T00:00:00Z"},
		"the end of a stretch is out":          {route.Window{Times: []route.Clock{{Start: "08:00", End: "09:00"}}}, "2026-01-01T08:00:00Z", "2026-01-01T09:00:00Z"},
		"every field must hold":                {route.Window{Months: []string{"1"}, Weekdays: []string{"monday"}}, "2026-01-05T00:00:00Z", "2026-01-06T00:00:00Z"},
	} {
		iv := route.Interval{Name: "x", Times: []route.Window{c.w}}
		if err := iv.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for at, want := range map[string]bool{c.in: true, c.out: false} {
			when, err := time.Parse(time.RFC3339, at)
			if err != nil {
				t.Fatal(err)
			}
			if iv.Contains(when) != want {
				t.Errorf("%s: %s inside: %v", name, at, !want)
			}
		}
	}
}

func TestNewReturnsAllMistakesWithTheirPaths(t *testing.T) {
	bad := route.Node{
		Matchers: []string{"a=b"}, Continue: true,
		Routes: []route.Node{
			{Receiver: "nobody", RepeatInterval: new(model.Duration(-1))},
			{Routes: []route.Node{{Matchers: []string{"a=~("}, MatchRE: map[string]string{"x": "["}, MuteTimeIntervals: []string{"lunch"}}}},
		},
	}
	ivs := []route.Interval{{Name: "x", Times: []route.Window{{
		Weekdays: []string{"caturday"}, DaysOfMonth: []string{"0"}, Months: []string{"13"}, Years: []string{"2028:2027"}, Location: "Mars/Base",
	}}}, {Name: "x", Times: []route.Window{{Times: []route.Clock{{Start: "22:00", End: "08:00"}, {Start: "25:00", End: "x"}}, Weekdays: []string{"caturday"}}}}, {}}
	err := bad.Validate([]string{"a", "b"}, ivs)
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		"the root: has matchers", "the root: has no receiver", "the root: has continue",
		`routes[0]: receiver "nobody" is not configured; known are a, b`, "routes[0]: repeat_interval",
		`routes[1].routes[0]: matchers[0]: matcher "a=~("`, `routes[1].routes[0]: match_re: matcher x=~"["`, `time interval "lunch" is not configured`,
		"Mars/Base", `time_intervals[1]: name "x" is used twice`, `"caturday"`, "split a period across midnight in two", `"25:00"`, "time_intervals[2]: name is missing",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("it does not say %q:\n%v", want, err)
		}
	}
	if err := tree().Validate(receivers(), intervals()); err != nil {
		t.Error(err)
	}
}

func TestSilences(t *testing.T) {
	start := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	ms, err := route.ParseMatchers(`service="order-sync"`)
	if err != nil {
		t.Fatal(err)
	}
	s := route.Silence{ID: "s_1", Matchers: ms, From: start, Until: start.Add(time.Hour), By: "li.wei"}
	labels := map[string]string{"service": "order-sync"}
	for after, want := range map[time.Duration]bool{-time.Second: false, 0: true, 59 * time.Minute: true, time.Hour: false} {
		if got := s.Mutes(labels, start.Add(after)); got != want {
			t.Errorf("%s after its start: mutes %v", after, got)
		}
	}
	if s.Mutes(map[string]string{"service": "price-sync"}, start) {
		t.Error("it mutes another service")
	}
	if (route.Silence{From: start, Until: start.Add(time.Hour)}).Mutes(labels, start) {
		t.Error("a silence without matchers mutes everything")
	}
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var back route.Silence
	if err := json.Unmarshal(b, &back); err != nil || !back.Mutes(labels, start) {
		t.Errorf("a silence that was stored does not mute: %v %s", err, b)
	}
	if ended := s.EndedAt(start.Add(time.Minute)); !ended.From.Equal(start) || ended.Mutes(labels, start.Add(time.Minute)) || !ended.Mutes(labels, start) {
		t.Errorf("ended early: %+v", ended)
	}
	if ended := s.EndedAt(start.Add(-time.Minute)); ended.Mutes(labels, start) || ended.Mutes(labels, start.Add(-time.Minute)) {
		t.Errorf("ended before it began: %+v", ended)
	}
	if found, ok := route.FindSilence([]route.Silence{{}, back}, labels, start); !ok || found.ID != "s_1" {
		t.Errorf("found %+v %v", found, ok)
	}
	if diff := cmp.Diff(nil, s.Validate()); diff != "" {
		t.Error(diff)
	}
	all, _ := route.ParseMatchers(`service=~".*"`)
	err = route.Silence{Matchers: all, From: start, Until: start}.Validate()
	for _, want := range []string{"everything would be silent", "is not after", "by:"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
}
