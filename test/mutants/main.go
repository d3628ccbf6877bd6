package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// options is how the mutants are tested.
type options struct {
	root    string
	timeout time.Duration // of the tests of one mutant
	out     io.Writer
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("mutants", flag.ContinueOnError)
	only := flags.String("only", "", "regular expression: only mutants whose name or file it matches")
	at := flags.Int("parallel", 2, "mutants that are tested at once")
	o := options{out: out}
	flags.StringVar(&o.root, "root", ".", "root of the source tree")
	flags.DurationVar(&o.timeout, "timeout", 3*time.Minute, "time that the tests of one mutant may take; longer counts as a failure")
	if err := flags.Parse(args); err != nil {
		return err
	}
	pattern, err := regexp.Compile(*only)
	if err != nil {
		return err
	}
	all, err := parse(list)
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(m mutant) bool { return !pattern.MatchString(m.name) && !pattern.MatchString(m.file) })
	if o.root, err = filepath.Abs(o.root); err != nil {
		return err
	}
	if err := o.checkOriginal(ctx, all); err != nil {
		return err
	}
	return o.testAll(ctx, all, max(*at, 1))
}

// checkOriginal runs the tests of all mutants on the tree as it is. Where they fail without a
// fault, a failure with one proves nothing.
func (o options) checkOriginal(ctx context.Context, all []mutant) error {
	packages := map[string][]string{} // by go test's -run
	for _, m := range all {
		packages[m.run] = append(packages[m.run], m.tests...)
	}
	_, _ = fmt.Fprintf(o.out, "%d mutants; first their tests without any\n", len(all))
	for _, pattern := range slices.Sorted(maps.Keys(packages)) {
		slices.Sort(packages[pattern])
		if out, err := o.goTest(ctx, slices.Compact(packages[pattern]), pattern); err != nil {
			return fmt.Errorf("the tests fail without a mutant: %w\n%s", err, out)
		}
	}
	return nil
}

// testAll tests the mutants, some at once, and fails with those that survive.
func (o options) testAll(ctx context.Context, all []mutant, parallel int) error {
	type answer struct {
		m    mutant
		took time.Duration
		err  error
	}
	work, answers := make(chan mutant), make(chan answer)
	var workers sync.WaitGroup
	for range parallel {
		workers.Go(func() {
			for m := range work {
				begun := time.Now()
				err := o.test(ctx, m)
				answers <- answer{m, time.Since(begun), err}
			}
		})
	}
	go func() {
		defer close(answers)
		defer workers.Wait()
		defer close(work)
		for _, m := range all {
			if ctx.Err() != nil {
				return
			}
			work <- m
		}
	}()
	var survivors []error
	done := 0
	for a := range answers {
		if ctx.Err() != nil {
			continue // its tests were stopped
		}
		done++
		word := "noticed "
		switch {
		case errors.Is(a.err, errNotCompiled), errors.Is(a.err, errMoved):
			word = "BROKEN  "
		case a.err != nil:
			word = "SURVIVED"
		}
		if a.err != nil {
			survivors = append(survivors, a.err)
		}
		_, _ = fmt.Fprintf(o.out, "%3d/%d %s %5.1fs  %s: %s\n", done, len(all), word, a.took.Seconds(), a.m.file, a.m.name)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if len(survivors) > 0 {
		return fmt.Errorf("\nof %d mutants %d survived, or are broken:\n%w", len(all), len(survivors), errors.Join(survivors...))
	}
	return nil
}

// errNotCompiled says that a mutant proves nothing.
var errNotCompiled = errors.New("it does not compile")

// test runs the tests with a fault in the code. Its error says that none of them noticed it.
func (o options) test(ctx context.Context, m mutant) error {
	text, err := m.apply(o.root)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "mutant-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	changed := filepath.Join(dir, filepath.Base(m.file))
	if err := os.WriteFile(changed, []byte(text), 0o600); err != nil {
		return err
	}
	b, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(o.root, m.file): changed}})
	if err != nil {
		return err
	}
	overlay := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlay, b, 0o600); err != nil {
		return err
	}
	out, err := o.goTest(ctx, m.tests, m.run, "-overlay", overlay)
	switch {
	case err == nil:
		return fmt.Errorf("%s: %s: the tests of %s pass all the same", m.file, m.name, strings.Join(m.tests, " "))
	case strings.Contains(out, "[build failed]") || strings.Contains(out, "[setup failed]"):
		return fmt.Errorf("%s: %s: %w:\n%s", m.file, m.name, errNotCompiled, out)
	default:
		return nil
	}
}

// slow are tests that start a container engine or a database server, or compute for long. They run where
// a mutant's run names parts of them.
const slow = "^TestDocker$|^TestPostgres|^TestHiccups|^TestFalseFailures|^TestBursts"

// goTest runs the tests of packages, one after the other, until one fails, and gives what they print.
func (o options) goTest(ctx context.Context, packages []string, pattern string, flags ...string) (string, error) {
	var printed strings.Builder
	for _, pkg := range packages {
		args := append([]string{"test", "-vet=off", "-failfast", "-timeout", o.timeout.String()}, flags...)
		if pattern != "" {
			args = append(args, "-run", pattern)
		}
		if !strings.Contains(pattern, "TestDocker/") {
			args = append(args, "-skip", slow)
		}
		args = append(args, pkg)
		if o.usesRapid(pkg) {
			args = append(args, "-args", "-rapid.nofailfile") // it would write into the tree
		}
		cmd := exec.CommandContext(ctx, "go", args...)
		cmd.Dir = o.root
		cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
		cmd.WaitDelay = 10 * time.Second
		out, err := cmd.CombinedOutput()
		printed.Write(out)
		if err != nil {
			return printed.String(), err
		}
	}
	return printed.String(), nil
}

// usesRapid tells whether a package has property tests.
func (o options) usesRapid(pkg string) bool {
	files, _ := filepath.Glob(filepath.Join(o.root, pkg, "*_test.go"))
	return slices.ContainsFunc(files, func(name string) bool {
		text, err := os.ReadFile(name)
		return err == nil && strings.Contains(string(text), `"pgregory.net/rapid"`)
	})
}
