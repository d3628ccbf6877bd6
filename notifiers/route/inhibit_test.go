package route_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"guardian/notifiers/route"
)

func inhibitions(t *testing.T, rules ...route.InhibitRule) *route.Inhibitions {
	t.Helper()
	is, err := route.NewInhibitions(rules)
	if err != nil {
		t.Fatal(err)
	}
	return is
}

func TestInhibition(t *testing.T) {
	ls := func(pairs ...string) map[string]string {
		out := map[string]string{}
		for _, p := range pairs {
			name, value, _ := strings.Cut(p, "=")
			out[name] = value
		}
		return out
	}
	down := route.InhibitRule{Name: "down", SourceMatchers: []string{"tier=critical"}, TargetMatchers: []string{"tier=~warning|info"}, Equal: []string{"service", "environment"}}
	both := route.InhibitRule{SourceMatchers: []string{"s=1"}, TargetMatchers: []string{"t=1"}, Equal: []string{"e"}}
	for name, c := range map[string]struct {
		rules  []route.InhibitRule
		firing []map[string]string // a0, a1, …
		labels map[string]string
		want   string
	}{
		"a critical alert of the same service":      {[]route.InhibitRule{down}, []map[string]string{ls("tier=critical", "service=x")}, ls("tier=info", "service=x"), "down a0"},
		"of another service":                        {[]route.InhibitRule{down}, []map[string]string{ls("tier=critical", "service=y")}, ls("tier=info", "service=x"), ""},
		"a label that both lack is equal":           {[]route.InhibitRule{down}, []map[string]string{ls("tier=critical")}, ls("tier=info", "environment="), "down a0"},
		"a label that one lacks is not":             {[]route.InhibitRule{down}, []map[string]string{ls("tier=critical")}, ls("tier=info", "service=x"), ""},
		"what is no target":                         {[]route.InhibitRule{down}, []map[string]string{ls("tier=critical")}, ls("tier=critical"), ""},
		"nothing fires":                             {[]route.InhibitRule{down}, nil, ls("tier=info"), ""},
		"no rules":                                  {nil, []map[string]string{ls("tier=critical")}, ls("tier=info"), ""},
		"it does not inhibit itself":                {[]route.InhibitRule{both}, []map[string]string{ls("s=1", "t=1", "e=1")}, ls("s=1", "t=1", "e=1"), ""},
		"two that are both leave each other":        {[]route.InhibitRule{both}, []map[string]string{ls("s=1", "t=1", "e=1"), ls("s=1", "t=1", "e=1", "x=2")}, ls("s=1", "t=1", "e=1"), ""},
		"one that is only a source inhibits both":   {[]route.InhibitRule{both}, []map[string]string{ls("s=1", "t=1", "e=1"), ls("s=1", "e=1")}, ls("s=1", "t=1", "e=1"), "inhibit_rules[0] a1"},
		"what is both inhibits what is only target": {[]route.InhibitRule{both}, []map[string]string{ls("s=1", "t=1", "e=1")}, ls("t=1", "e=1"), "inhibit_rules[0] a0"},
		"the old forms": {
			[]route.InhibitRule{{SourceMatch: map[string]string{"a": "1"}, SourceMatchRE: map[string]string{"b": "2|3"}, TargetMatch: map[string]string{"c": "4"}, TargetMatchRE: map[string]string{"d": "5.*"}}},
			[]map[string]string{ls("a=1", "b=2")},
			ls("c=4", "d=55"), "inhibit_rules[0] a0",
		},
		"the first rule that holds": {[]route.InhibitRule{both, down}, []map[string]string{ls("tier=critical"), ls("s=1")}, ls("tier=info", "t=1"), "inhibit_rules[0] a1"},
	} {
		var firing []route.Firing
		for i, l := range c.firing {
			firing = append(firing, route.Firing{ID: "a" + string(rune('0'+i)), Labels: l})
		}
		by, ok := inhibitions(t, c.rules...).Sources(firing).Inhibits(c.labels)
		if got := strings.TrimSpace(by.Rule + " " + by.ID); got != c.want || ok != (c.want != "") {
			t.Errorf("%s: got %q %v, want %q", name, got, ok, c.want)
		}
	}
	var none *route.Inhibitions
	if _, ok := none.Sources(nil).Inhibits(nil); ok {
		t.Error("no configuration inhibits")
	}
}

// The index finds what a search over all pairs finds.
func TestInhibitionIsThatOfEachPair(t *testing.T) {
	value := rapid.SampledFrom([]string{"", "1", "2"})
	labels := rapid.Custom(func(t *rapid.T) map[string]string {
		return map[string]string{"s": value.Draw(t, "s"), "t": value.Draw(t, "t"), "e": value.Draw(t, "e"), "f": value.Draw(t, "f")}
	})
	rapid.Check(t, func(r *rapid.T) {
		equal := rapid.SampledFrom([][]string{nil, {"e"}, {"e", "f"}}).Draw(r, "equal")
		is := inhibitions(t, route.InhibitRule{SourceMatchers: []string{"s=1"}, TargetMatchers: []string{"t=1"}, Equal: equal})
		var firing []route.Firing
		for i, l := range rapid.SliceOfN(labels, 0, 5).Draw(r, "firing") {
			firing = append(firing, route.Firing{ID: string(rune('a' + i)), Labels: l})
		}
		target := labels.Draw(r, "target")
		want := ""
		for _, f := range firing {
			same := true
			for _, name := range equal {
				same = same && f.Labels[name] == target[name]
			}
			two := f.Labels["t"] == "1" && target["s"] == "1"
			if want == "" && target["t"] == "1" && f.Labels["s"] == "1" && same && !two {
				want = f.ID
			}
		}
		if by, ok := is.Sources(firing).Inhibits(target); by.ID != want || ok != (want != "") {
			r.Fatalf("got %+v, want %q", by, want)
		}
	})
}

func TestMistakesInInhibitRules(t *testing.T) {
	_, err := route.NewInhibitions([]route.InhibitRule{
		{SourceMatchers: []string{"a=b", "a=~("}, TargetMatchRE: map[string]string{"x": "["}, Equal: []string{""}},
		{Equal: []string{"service"}},
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		`inhibit_rules[0]: source_matchers[1]: matcher "a=~("`, `inhibit_rules[0]: target_match_re: matcher x=~"["`, `inhibit_rules[0]: equal: ""`,
		"inhibit_rules[1]: has neither",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("it does not say %q:\n%v", want, err)
		}
	}
}
