package notifiers_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"guardian/notifiers"
)

func TestShorten(t *testing.T) {
	for name, c := range map[string]struct {
		text  string
		limit int
		mark  string
		want  string
	}{
		"what fits stays":                          {"订单", 6, "…", "订单"},
		"a character is not cut in two":            {"订单推送", 10, "…", "订单…"},
		"the mark's bytes count":                   {"abcdefgh", 7, "…", "abcd…"},
		"a limit under the mark's shortens that":   {"abcdefgh", 2, "...", ".."},
		"no room at all":                           {"abc", 0, "…", ""},
		"what is not UTF-8 is replaced":            {"a\xffb", 10, "…", "a\uFFFDb"},
		"no space is left before the mark":         {"ab  cdefgh", 7, "…", "ab…"},
		"an emoji's joiner is not left at the end": {"👩\u200d👧xxxxxxxx", 12, "…", "👩…"},
	} {
		if got := notifiers.Shorten(c.text, c.limit, c.mark); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func FuzzShorten(f *testing.F) {
	f.Add("订单推送失败", 10, "…")
	f.Add("a\xff\xfe", 2, "")
	f.Add("", -1, "x")
	f.Fuzz(func(t *testing.T, text string, limit int, mark string) {
		limit %= 100
		got := notifiers.Shorten(text, limit, mark)
		if !utf8.ValidString(got) {
			t.Fatalf("%q is not UTF-8", got)
		}
		if len(got) > max(limit, 0) {
			t.Fatalf("%q has %d bytes, the limit is %d", got, len(got), limit)
		}
		valid := strings.ToValidUTF8(text, "\uFFFD")
		if len(valid) <= limit && got != valid {
			t.Fatalf("%q fits in %d but became %q", text, limit, got)
		}
	})
}

// TestADigestCountsWhatIsOverApart: a recovery is not one more thing that is wrong.
func TestADigestCountsWhatIsOverApart(t *testing.T) {
	fires := notifiers.Notice{Tier: "critical", Tone: notifiers.Bad, Event: "firing", Title: "fires"}
	warns := notifiers.Notice{Tier: "warning", Tone: notifiers.Warn, Event: "firing", Title: "warns"}
	over := notifiers.Notice{Tier: "critical", Tone: notifiers.Good, Event: "resolved", Title: "over"}
	cured := notifiers.Notice{Tier: "critical", Tone: notifiers.Good, Event: "cured", Title: "cured"}
	hint := notifiers.Notice{Tier: "info", Tone: notifiers.Good, Event: "resolved", Title: "hint"}
	passed := notifiers.Notice{Tier: "info", Tone: notifiers.Good, Event: "passed", Title: "passed"}
	for want, notices := range map[[2]string][]notifiers.Notice{
		{"2 notices in one: 2 resolved", "2 条通知合并：已恢复 2"}:                              {over, over},
		{"5 notices in one: 3 critical, 2 resolved", "5 条通知合并：严重 3，已恢复 2"}:             {fires, over, fires, cured, fires},
		{"4 notices in one: 1 warning, 1 info, 2 resolved", "4 条通知合并：警告 1，提示 1，已恢复 2"}: {over, warns, hint, passed},
	} {
		for i, lang := range []string{"en", "zh"} {
			var all []notifiers.Notice
			for _, n := range notices {
				n.Lang = lang
				all = append(all, n)
			}
			if got := notifiers.Merge(all).Title; got != want[i] {
				t.Errorf("%q, want %q", got, want[i])
			}
		}
	}
}

func TestMerge(t *testing.T) {
	many := make([]notifiers.Notice, 30)
	for i := range many {
		many[i] = notifiers.Notice{
			ID: string(rune('a' + i)), Tier: "info", Tone: notifiers.Good, Lang: "zh", Title: "通知" + string(rune('a'+i)),
			Labels: map[string]string{"service": "order-sync", "n": string(rune('a' + i))},
			Links:  []notifiers.Link{{Text: "详情", URL: "https://g.test/" + string(rune('a'+i%2))}},
		}
	}
	many[29].Tier, many[29].Tone, many[29].Mention, many[29].Title = "critical", notifiers.Bad, true, "最要紧的"
	many[28].Tier, many[28].Tone = "warning", notifiers.Warn

	got := notifiers.Merge(many)
	if got.Tier != "critical" || got.Tone != notifiers.Bad || !got.Mention || len(got.Links) != 2 {
		t.Errorf("%+v", got)
	}
	if got.Title != "30 条通知合并：严重 1，警告 1，提示 28" {
		t.Errorf("title %q", got.Title)
	}
	if first, _, _ := strings.Cut(got.Text, "\n"); first != "🔴 最要紧的" {
		t.Errorf("the loudest is not first but %q", first)
	}
	for _, n := range many { // the budget bounds how many there are: each of them is named
		if !strings.Contains(got.Text, n.Title) || !slices.Contains(got.Merged, n.ID) {
			t.Errorf("%s is not in it:\n%s", n.Title, got.Text)
		}
	}
	if len(got.Labels) != 1 || got.Labels["service"] != "order-sync" {
		t.Errorf("labels %v, want those that all share", got.Labels)
	}
	if again := notifiers.Merge(many); again.ID != got.ID || got.ID == notifiers.Merge(many[:29]).ID {
		t.Error("the ID does not depend on what is merged alone")
	}
	if one := notifiers.Merge(many[:1]); one.ID != "a" || one.Title != "通知a" {
		t.Errorf("one notice is not given back as it is: %+v", one)
	}
}
