package cli_test

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"guardian/internal/cli"
)

// helpOf returns what a command prints for --help.
func helpOf(t *testing.T, command []string) string {
	t.Helper()
	var out, told bytes.Buffer
	if code := cli.Main(append(command, "--help"), strings.NewReader(""), &out, &told); code != 0 {
		t.Fatalf("guardian %s --help exits %d: %s", strings.Join(command, " "), code, told.String())
	}
	return out.String()
}

// commands returns the paths of all commands that --help lists.
func commands(t *testing.T, above []string) [][]string {
	t.Helper()
	all := [][]string{above}
	_, list, _ := strings.Cut(helpOf(t, above), "Available Commands:")
	list, _, _ = strings.Cut(list, "\n\n")
	for _, m := range regexp.MustCompile(`(?m)^  ([a-z-]+) `).FindAllStringSubmatch(list, -1) {
		if m[1] != "help" {
			all = append(all, commands(t, append(append([]string{}, above...), m[1]))...)
		}
	}
	return all
}

func TestEveryCommandHasAnExample(t *testing.T) {
	all := commands(t, nil)
	if len(all) < 30 {
		t.Fatalf("only %d commands were found", len(all))
	}
	for _, c := range all {
		help := helpOf(t, c)
		_, examples, _ := strings.Cut(help, "Examples:\n")
		examples, _, _ = strings.Cut(examples, "\n\n")
		if want := strings.Join(append([]string{"guardian"}, c...), " "); !strings.Contains(examples, want) {
			t.Errorf("the examples of %q do not show it:\n%s", want, examples)
		}
	}
}

// Every command prints its result as JSON on request, except those whose output is something
// else: a server, a schema, a report, or the format of another tool.
func TestResultsArePrintedAsJSONOnRequest(t *testing.T) {
	other := map[string]bool{
		"": true, "init": true, "serve": true, "ready": true, "schema": true, "report": true, "judge": true,
		"test": true, "test rules": true, "import": true, "token": true, "marketplace": true,
	}
	for _, c := range commands(t, nil) {
		name := strings.Join(c, " ")
		if has := strings.Contains(helpOf(t, c), "--output"); has == other[name] {
			t.Errorf("guardian %s: has --output: %v", name, has)
		}
	}
}

func TestARenamedFlagIsAnsweredWithItsNewName(t *testing.T) {
	var out, errs bytes.Buffer
	args := []string{"watch", "--service", "shop", "--version", "v2", "--wait", "--patience", "1m"}
	if code := cli.Main(args, strings.NewReader(""), &out, &errs); code != 2 || !strings.Contains(errs.String(), "now called --wait-timeout") {
		t.Errorf("exit %d, %q; want 2 and the new name", code, errs.String())
	}
	if strings.Contains(helpOf(t, []string{"watch"}), "patience") {
		t.Error("help still lists the old flag")
	}
}
