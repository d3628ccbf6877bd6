package promtool_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/util/junitxml"

	"guardian/internal/ruletest"
)

// TestSameAsPromtool runs promtool and internal/ruletest on every unit test that Prometheus has for
// promtool itself, on those of testdata and on those of the rule packs.
func TestSameAsPromtool(t *testing.T) {
	promtool := build(t)
	theirs := filepath.Join(moduleDir(t, "github.com/prometheus/prometheus"), "cmd", "promtool", "testdata")
	files := unitTests(t, theirs)
	if len(files) < 15 {
		t.Fatalf("found %d unit tests in %s, expected at least the 15 of v0.315.0", len(files), theirs)
	}
	own := unitTests(t, "testdata")
	if len(own) == 0 {
		t.Fatal("found no unit tests in testdata")
	}
	packs, err := filepath.Glob("../../configs/packs/tests/*.test.yaml")
	if err != nil || len(packs) == 0 {
		t.Fatalf("found no unit tests of rule packs: %v", err)
	}
	for _, f := range slices.Concat(files, own, packs) {
		variants := [][]string{nil}
		if b, err := os.ReadFile(f); err == nil && bytes.Contains(b, []byte("name: ")) {
			variants = append(variants, []string{"--run=correct"}, []string{"--run=wrong", "--run=first"})
		}
		if strings.Contains(f, "extrafields") || strings.Contains(f, "unknown") {
			variants = append(variants, []string{"--ignore-unknown-fields"})
		}
		if strings.Contains(f, "fail") {
			variants = append(variants, []string{"--diff"})
		}
		if strings.Contains(f, "feature") {
			variants = append(variants,
				[]string{"--enable-feature=promql-experimental-functions,promql-delayed-name-removal"},
				[]string{"--enable-feature=promql-extended-range-selectors,promql-binop-fill-modifiers,nothing"})
		}
		for _, flags := range variants {
			t.Run(strings.Join(append([]string{filepath.Base(f)}, flags...), " "), func(t *testing.T) {
				t.Parallel()
				theirs := f
				if filepath.Base(f) == "several-documents-in-rules-fail.test.yml" {
					// promtool reads the first document alone, and says nothing of the others. We read
					// all of them, as if they were one.
					theirs = "testdata/one-document-in-rules-fail.test.yml"
				}
				want := original(t, promtool, theirs, flags)
				got := ours(t, f, flags)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("promtool (-) and ours (+) differ:\n%s", diff)
				}
			})
		}
	}
}

// TestMissingFile is a test of its own because promtool's argument parser refuses a missing file
// before the code that is compared.
func TestMissingFile(t *testing.T) {
	n, err := ruletest.Run(t.Context(), []string{"testdata/not-there.yml"}, ruletest.Options{}, new(bytes.Buffer))
	if n != 1 || err != nil {
		t.Errorf("a test file that is not there: %d failures, error %v; want one failure", n, err)
	}
}

// outcome is what is compared: all that a user or a CI system sees of a run.
type outcome struct {
	Exit     int
	Aborted  string
	Cases    []string
	Failures []string
}

func original(t *testing.T, promtool, file string, flags []string) outcome {
	t.Helper()
	report := filepath.Join(t.TempDir(), "junit.xml")
	cmd := exec.CommandContext(t.Context(), promtool, slices.Concat([]string{"test", "rules", "--junit=" + report}, flags, []string{file})...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("run promtool: %v", err)
	}
	b, err := os.ReadFile(report)
	if err != nil {
		t.Fatalf("promtool wrote no report: %v\n%s", err, out)
	}
	return read(t, cmd.ProcessState.ExitCode(), b)
}

func ours(t *testing.T, file string, flags []string) outcome {
	t.Helper()
	var report, out bytes.Buffer
	o := ruletest.Options{JUnit: &report}
	for _, f := range flags {
		switch name, value, _ := strings.Cut(f, "="); name {
		case "--run":
			o.Run = append(o.Run, value)
		case "--diff":
			o.Diff = true
		case "--enable-feature":
			o.Features = strings.Split(value, ",")
		case "--ignore-unknown-fields":
			o.IgnoreUnknownFields = true
		default:
			t.Fatalf("flag %s is not known here", f)
		}
	}
	failures, err := ruletest.Run(t.Context(), []string{file}, o, &out)
	if err != nil {
		t.Fatal(err)
	}
	exit := 0
	if failures > 0 {
		exit = 1
	}
	if (failures > 0) != strings.Contains(out.String(), "FAILED") {
		t.Errorf("%d failures, but the output is\n%s", failures, out.String())
	}
	return read(t, exit, report.Bytes())
}

func read(t *testing.T, exit int, report []byte) outcome {
	t.Helper()
	var x junitxml.JUnitXML
	if err := xml.Unmarshal(report, &x); err != nil {
		t.Fatalf("read report: %v\n%s", err, report)
	}
	o := outcome{Exit: exit}
	for _, s := range x.Suites {
		for _, c := range s.Cases {
			o.Cases = append(o.Cases, c.Name)
			if c.Error != "" {
				o.Aborted = typeNames.ReplaceAllString(c.Error, "in type T")
			}
			for _, f := range c.Failures {
				o.Failures = append(o.Failures, c.Name+": "+normal(f))
			}
		}
	}
	// Without group_eval_order promtool evaluates groups in the random order of a map.
	slices.Sort(o.Failures)
	o.Failures = slices.Compact(o.Failures)
	return o
}

var (
	// Our message about a mistake in a rule file has file, line and a hint, in other words than
	// promtool's: only that there is one, and the file, are compared.
	ruleFile  = regexp.MustCompile(`(?s)^(\S+\.ya?ml):(\d+:|\s).*`)
	typeNames = regexp.MustCompile(`in type \S+|into \S+`)
)

func normal(failure string) string {
	if m := ruleFile.FindStringSubmatch(failure); m != nil {
		return "bad rule file " + filepath.Base(m[1])
	}
	return failure
}

func build(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "promtool")
	// Without the service discoveries, of which the unit tests of rules use none.
	cmd := exec.CommandContext(t.Context(), "go", "build", "-tags", "remove_all_sd", "-o", bin, "github.com/prometheus/prometheus/cmd/promtool")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build promtool: %v\n%s", err, out)
	}
	return bin
}

func moduleDir(t *testing.T, module string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		t.Fatalf("find module %s: %v", module, err)
	}
	return strings.TrimSpace(string(out))
}

// unitTests lists the files in a folder that are unit tests of rules.
func unitTests(t *testing.T, dir string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "*.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var tests []string
	for _, f := range all {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(append([]byte("\n"), b...), []byte("\ntests:")) || strings.HasSuffix(f, ".test.yml") {
			tests = append(tests, f)
		}
	}
	return tests
}

// String makes an outcome readable in a failure.
func (o outcome) String() string {
	return fmt.Sprintf("exit %d, aborted %q, cases %q, failures %q", o.Exit, o.Aborted, o.Cases, o.Failures)
}
