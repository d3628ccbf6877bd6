package server_test

import (
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guardian/internal/server"
)

func TestBothLanguagesSayTheSame(t *testing.T) {
	en, zh := server.Texts()["en"], server.Texts()["zh"]
	if diff := cmp.Diff(slices.Sorted(maps.Keys(en)), slices.Sorted(maps.Keys(zh))); diff != "" {
		t.Errorf("keys differ (en, zh):\n%s", diff)
	}
	verbs := regexp.MustCompile(`%(?:\[\d\])?[sd]`)
	for key, text := range en {
		if len(verbs.FindAllString(text, -1)) != len(verbs.FindAllString(zh[key], -1)) {
			t.Errorf("%s takes other arguments: %q, %q", key, text, zh[key])
		}
		if strings.TrimSpace(zh[key]) == "" || strings.TrimSpace(text) == "" {
			t.Errorf("%s is empty", key)
		}
	}
}

// A text that no page uses is a text that nobody keeps right, and a key without a text is
// shown as it is.
func TestEveryTextIsUsedAndEveryUseHasAText(t *testing.T) {
	var sources strings.Builder
	for _, pattern := range []string{"templates/*.html", "*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if strings.HasPrefix(f, "texts_") || strings.HasSuffix(f, "_test.go") {
				continue
			}
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			sources.Write(text)
		}
	}
	// These are put together of a set and a value.
	sets := regexp.MustCompile(`^(health|symptom|symptom_now|watch|mode|run|step|trigger|alert|tier|kind|decision|ledger|role|done|error|what|lead|why|gate|weekday|window|delivery|act|act_help|act_do|drill|drill_stage)\.[a-z_0-9]+$`)
	for key := range server.Texts()["en"] {
		if !strings.Contains(sources.String(), `"`+key+`"`) && !sets.MatchString(key) {
			t.Errorf("%s is used nowhere", key)
		}
	}
	for _, use := range regexp.MustCompile(`(?:\bT |\.T\()"([a-z_.]+)"`).FindAllStringSubmatch(sources.String(), -1) {
		if _, ok := server.Texts()["en"][use[1]]; !ok {
			t.Errorf("%s has no text", use[1])
		}
	}
}

func TestLengthsAndTimesAndShares(t *testing.T) {
	now := fixedNow()
	for _, c := range []struct {
		thing  any
		en, zh string
	}{
		{42 * time.Second, "42 s", "42 秒"},
		{150 * time.Millisecond, "150 ms", "150 毫秒"},
		{time.Duration(0), "0 s", "0 秒"},
		{9*time.Minute + 11*time.Second, "9 min 11 s", "9 分钟 11 秒"},
		{12*time.Minute + 11*time.Second, "12 min", "12 分钟"},
		{3*time.Hour + 5*time.Minute, "3 h 5 min", "3 小时 5 分钟"},
		{50*time.Hour + 59*time.Minute, "2 d 2 h", "2 天 2 小时"},
		{-90 * time.Second, "−1 min 30 s", "−1 分钟 30 秒"},
		{now, "just now", "刚刚"},
		{now.Add(-3 * time.Minute), "3 min ago", "3 分钟前"},
		{now.Add(2 * time.Hour), "in 2 h", "2 小时后"},
		{0.999996, "99.999%", "99.999%"}, // never rounded up
		{0.9995, "99.95%", "99.95%"},
		{0.29, "29%", "29%"},
		{1.0, "100%", "100%"},
		{0.0, "0%", "0%"},
		{-0.758, "-75.8%", "-75.8%"},
		{math.NaN(), "–", "–"},
	} {
		if got := server.Say("en", now, c.thing); got != c.en {
			t.Errorf("%v in English is %q, want %q", c.thing, got, c.en)
		}
		if got := server.Say("zh", now, c.thing); got != c.zh {
			t.Errorf("%v in Chinese is %q, want %q", c.thing, got, c.zh)
		}
	}
}

// What the rest of the program writes into the ledger and the journal is read on pages: each
// of these words has a text.
func TestEveryWordOfTheJournalHasAText(t *testing.T) {
	words := map[string]bool{}
	for pattern, find := range map[string][2]string{
		"../../actions/*.go": {`\be\.entry\([^"\n]*"([a-z_]+)"`, "ledger"},
		"../app/*.go":        {`\bWho: [^\n]*What: "([a-z_]+)"[,}]`, "what"},
	} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			for _, use := range regexp.MustCompile(find[0]).FindAllStringSubmatch(string(text), -1) {
				words[find[1]+"."+use[1]] = true
				if find[1] == "ledger" {
					words["what.run_"+use[1]] = true
				}
			}
		}
	}
	if len(words) < 20 {
		t.Fatalf("only %d words were found: the pattern is wrong", len(words))
	}
	for w := range words {
		if _, ok := server.Texts()["en"][w]; !ok {
			t.Errorf("%s has no text", w)
		}
	}
}
