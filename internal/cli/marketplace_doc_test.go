package cli_test

import (
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"

	"guardian/probes/marketplace"
)

var updateExamples = flag.Bool("update-examples", false, "write the outputs in docs/marketplaces.md anew")

var example = regexp.MustCompile(`(?m)^\$ guardian marketplace ([a-z]+) <<< '([^'\n]*)'\n(.*)$`)

// The examples in docs/marketplaces.md show the real output.
func TestExamplesOfThePage(t *testing.T) {
	const file = "../../docs/marketplaces.md"
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	fresh := example.ReplaceAllStringFunc(string(page), func(block string) string {
		m := example.FindStringSubmatch(block)
		code, stdout, stderr := runCLI(t, m[2], "marketplace", m[1])
		if code != 0 {
			t.Errorf("%s %s: exit %d, %s", m[1], m[2], code, stderr)
		}
		got := strings.TrimSpace(stdout)
		if got != m[3] && !*updateExamples {
			t.Errorf("%s %s\nprints   %s\nthe page %s", m[1], m[2], got, m[3])
		}
		for _, p := range marketplace.Platforms() {
			if strings.HasPrefix(m[2], `{"platform":"`+p.Name+`"`) {
				shown[p.Name+" "+m[1]] = true
			}
		}
		return strings.TrimSuffix(block, m[3]) + got
	})
	if *updateExamples {
		if err := os.WriteFile(file, []byte(fresh), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range marketplace.Platforms() {
		for _, command := range []string{"sign", "verify", "classify", "quota"} {
			if !shown[p.Name+" "+command] {
				t.Errorf("%s has no example for %s", command, p.Name)
			}
		}
	}
}
