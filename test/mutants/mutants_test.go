package main

import (
	"strings"
	"testing"
)

// TestEveryMutantApplies is the cheap part of `make mutants`: the list fits the code.
func TestEveryMutantApplies(t *testing.T) {
	all, err := parse(list)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 50 {
		t.Errorf("there are %d mutants: is the list whole?", len(all))
	}
	names := map[string]bool{}
	for _, m := range all {
		if names[m.name] {
			t.Errorf("two mutants are called %q", m.name)
		}
		names[m.name] = true
		if _, err := m.apply("../.."); err != nil {
			t.Error(err)
		}
	}
}

func TestAListWithAMistakeIsRefused(t *testing.T) {
	const good = "== a rule\nfile main.go\ntest ./test/mutants\n-package main\n+package other\n"
	if all, err := parse(good); err != nil || len(all) != 1 || all[0].old != "package main" || all[0].new != "package other" {
		t.Fatalf("%+v, %v", all, err)
	}
	for name, list := range map[string]string{
		"no file":              strings.Replace(good, "file main.go\n", "", 1),
		"no package":           strings.Replace(good, "test ./test/mutants\n", "", 1),
		"nothing changes":      strings.Replace(good, "other", "main", 1),
		"an unknown line":      good + "packages ./...\n",
		"a line before a name": "file main.go\n" + good,
	} {
		if _, err := parse(list); err == nil {
			t.Errorf("%s: there is no error", name)
		}
	}
	m := mutant{name: "x", file: "list.go", old: "package", new: "y"}
	if _, err := m.apply("."); err == nil || !strings.Contains(err.Error(), "mend") {
		t.Errorf("a text that is there twice: %v", err)
	}
}
