package server_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"guardian/actions"
	"guardian/internal/reason"
	"guardian/internal/server"
)

// codes finds in the sources of a package what a pattern with one group matches.
func codes(t *testing.T, dir, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("../..", dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(string(source), -1) {
			if !slices.Contains(found, m[1]) {
				found = append(found, m[1])
			}
		}
	}
	if len(found) == 0 {
		t.Fatalf("nothing in %s matches %s", dir, pattern)
	}
	return found
}

// of is the pattern of the constants of a type.
func of(kind string) string { return `\n\s+\w+\s+` + kind + `\s+= "([a-z_]+)"` }

// TestNoPageShowsACode: each value of a closed set that pages show has words in every language.
func TestNoPageShowsACode(t *testing.T) {
	for _, c := range []struct{ set, dir, pattern string }{
		{"run", "actions", of("State")},
		{"step", "actions", of("StepState")},
		{"trigger", "actions", of("TriggerKind")},
		{"symptom", "actions", of("SymptomKind")},
		{"watch", "watch", of("State")},
		{"mode", "watch", of("Mode")},
		{"kind", "watch", of("Kind")},
		{"gate", "watch", `\n\s+Code\w+\s+= "([a-z_]+)"`},
		{"tier", "rules", of("Tier")},
		{"alert", "rules", of("State")},
		{"delivery", "notifiers", of("DeliveryState")},
		{"decision", "internal/server", of("Decision")},
		{"what", "internal/api", `store\.Audit\{(?:\{)?\s*At: [^\n]*What: "([a-z_]+)"`},
		{"what", "internal/alerting", `At: [^\n]*What: "([a-z_]+)"`},
		{"what", "internal/watching", `At: [^\n]*What: "([a-z_]+)"`},
	} {
		for _, code := range codes(t, c.dir, c.pattern) {
			wantWords(t, c.set+"."+code)
		}
	}
	for _, code := range codes(t, "actions", of("Code")) {
		if (actions.Refusal{Code: actions.Code(code)}).Asks() {
			wantWords(t, "why."+code)
		}
		if name, known := reason.Lookup("guard_name_" + code); !known || name.En == "" || name.Zh == "" {
			t.Errorf("the guard %s has no name", code)
		}
	}
}

func wantWords(t *testing.T, key string) {
	t.Helper()
	for lang, texts := range server.Texts() {
		if texts[key] == "" {
			t.Errorf("%s: a page shows the code of %s", lang, key)
		}
	}
}
