package ruletest

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/grafana/regexp"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/util/junitxml"
	"go.yaml.in/yaml/v2"
)

// Options are the flags of the command.
type Options struct {
	Run                 []string // only test groups whose name matches one of these regular expressions
	Diff                bool     // show a coloured difference of alerts instead of both sides
	Debug               bool     // print what is run, and all data at the end of each test group
	IgnoreUnknownFields bool     // in rule files
	// Features are names of Prometheus feature flags for PromQL: promql-experimental-functions,
	// promql-delayed-name-removal, promql-extended-range-selectors, promql-binop-fill-modifiers.
	// As in promtool, they set what the parser of rule files accepts. promqltest's engine has no
	// such options, apart from promql-delayed-name-removal, and rejects the rest itself.
	Features []string
	JUnit    io.Writer        // takes a JUnit XML report; nil: none
	Now      func() time.Time // stamps the report and measures for Debug; nil: neither
}

// runner is one call of Run.
type runner struct {
	Options
	out          io.Writer
	only         *regexp.Regexp
	parser       parser.Parser
	delayedNames bool // names are removed at the end of a query
}

// Run runs the unit tests in files and prints the result of each to out. It gives the number of
// failures, each of which is printed. The error is about the call itself: a bad regular
// expression, a report that could not be written.
func Run(ctx context.Context, files []string, o Options, out io.Writer) (failures int, err error) {
	r := &runner{Options: o, out: out}
	if err := r.setUp(); err != nil {
		return 0, err
	}
	report := &junitxml.JUnitXML{}
	for _, f := range files {
		if err := ctx.Err(); err != nil {
			return failures, fmt.Errorf("test rules: %w", err)
		}
		r.print(f)
		errs := r.file(ctx, f, report.Suite(f))
		if len(errs) == 0 {
			r.print("  SUCCESS")
		} else {
			r.print("  FAILED:")
			for _, e := range errs {
				r.print(e)
			}
		}
		r.print()
		failures += len(errs)
	}
	if o.JUnit != nil {
		if err := report.WriteXML(o.JUnit); err != nil {
			return failures, fmt.Errorf("write JUnit report: %w", err)
		}
	}
	return failures, nil
}

// print writes a line. Errors of the output are ignored: there is nowhere else to print them.
func (r *runner) print(args ...any) { _, _ = fmt.Fprintln(r.out, args...) }

func (r *runner) setUp() error {
	if len(r.Options.Run) > 0 {
		only, err := regexp.Compile(strings.Join(r.Options.Run, "|"))
		if err != nil {
			return fmt.Errorf("--run: %w", err)
		}
		r.only = only
	}
	po := parser.Options{ExperimentalDurationExpr: true} // as the service
	for _, f := range r.Features {
		switch f {
		case "promql-experimental-functions":
			po.EnableExperimentalFunctions = true
		case "promql-delayed-name-removal":
			r.delayedNames = true
		case "promql-extended-range-selectors":
			po.EnableExtendedRangeSelectors = true
		case "promql-binop-fill-modifiers":
			po.EnableBinopFillModifiers = true
		case "", "promql-duration-expr": // the latter is always on
		default:
			r.print("  WARNING: Unknown feature passed to --enable-feature:", f)
		}
	}
	r.parser = parser.NewParser(po)
	return nil
}

// file runs the tests of one file and gives its failures.
func (r *runner) file(ctx context.Context, name string, suite *junitxml.TestSuite) []error {
	tf, err := r.read(name)
	if err != nil {
		suite.Abort(err)
		return []error{err}
	}
	if r.Now != nil {
		suite.Settime(r.Now().Format("2006-01-02T15:04:05"))
	}
	order := make(map[string]int, len(tf.GroupEvalOrder))
	for i, group := range tf.GroupEvalOrder {
		if _, ok := order[group]; ok {
			err := fmt.Errorf("group name repeated in evaluation order: %s", group)
			suite.Abort(err)
			return []error{err}
		}
		order[group] = i
	}
	var all []error
	for i, tg := range tf.Tests {
		if r.only != nil && !r.only.MatchString(tg.Name) {
			continue
		}
		title := tg.Name
		if title == "" {
			title = fmt.Sprintf("unnamed#%d", i)
		}
		if tg.Interval == 0 {
			tg.Interval = tf.EvaluationInterval
		}
		c := suite.Case(title)
		t := &test{runner: r, testGroup: tg, title: title, every: time.Duration(tf.EvaluationInterval), order: order, fuzzy: tf.FuzzyCompare, ruleFiles: tf.RuleFiles}
		for _, err := range t.run(ctx) {
			c.Fail(err.Error())
			all = append(all, err)
		}
	}
	return all
}

// read reads a test file and finds its rule files.
func (r *runner) read(name string) (*testFile, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var tf testFile
	if err := yaml.UnmarshalStrict(b, &tf); err != nil {
		return nil, err
	}
	if tf.EvaluationInterval == 0 {
		tf.EvaluationInterval = model.Duration(time.Minute)
	}
	seen := map[string]bool{}
	var found []string
	for _, pattern := range tf.RuleFiles {
		if pattern != "" && !filepath.IsAbs(pattern) {
			pattern = filepath.Join(filepath.Dir(name), pattern)
		}
		matches, err := filepath.Glob(pattern)
		if err != nil {
			return nil, err
		}
		if len(matches) == 0 {
			r.print("  WARNING: no file match pattern", pattern)
		}
		for _, m := range matches {
			if !seen[m] {
				seen[m] = true
				found = append(found, m)
			}
		}
	}
	tf.RuleFiles = found
	return &tf, nil
}
