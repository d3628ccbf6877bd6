//go:build !race

package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"guardian/test/rig"
)

// few streams are enough to find what is far off, in seconds.
const few = "-streams=300"

func TestTheTableHolds(t *testing.T) {
	guardian, err := rig.BuildPlain(t.TempDir())
	if err := errors.Join(err, guardian.Used()); err != nil {
		t.Fatal(err)
	}
	var out, progress bytes.Buffer
	if code := run([]string{"-guardian", guardian.Path, "-part=streams", few}, &out, &progress); code != 0 {
		t.Fatalf("exit %d\n%s", code, progress.String())
	}
	if rows := strings.Count(out.String(), "\n") - 2; rows != len(table()) {
		t.Errorf("%d rows of %d", rows, len(table()))
	}
}

// notYet reads the lines on worlds that do not hold yet. The command measures them, and fails.
func notYet(t *testing.T) []string {
	t.Helper()
	b, err := os.ReadFile("testdata/notyet.txt")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(b)), "\n")
}

func TestTheWorldsHold(t *testing.T) {
	const some = 100
	open, known := notYet(t), map[string]bool{}
	for i, c := range worlds() {
		if known[c.what] {
			t.Errorf("there are two lines %q", c.what)
		}
		if known[c.what] = true; slices.Contains(open, c.what) {
			continue
		}
		got, err := c.measure(uint64(i), some)
		if err != nil {
			t.Fatal(err)
		}
		if missed := c.misses(got, some); len(missed) > 0 {
			t.Errorf("%s: %s, must be %s", c.what, c.said(got), c.bound())
		}
	}
	for _, what := range open {
		if what != "" && !known[what] {
			t.Errorf("testdata/notyet.txt names %q, which is no line", what)
		}
	}
}

// What others see too fails no deploy.
func TestInnocentDeploysDoNotFail(t *testing.T) {
	var out, progress bytes.Buffer
	if code := run([]string{"-part=innocent", few}, &out, &progress); code != 0 {
		t.Errorf("exit %d\n%s", code, out.String())
	}
}

func TestTheTableDoesNotHoldForAJudgeThatIs(t *testing.T) {
	for name, c := range map[string]struct {
		answer, row string
		code        int
	}{
		"too quick to fail":      {`{"verdict":"failed","at":2}`, "healthy, known rate 1 %", 1},
		"too quick to pass":      {`{"verdict":"passed","at":300}`, "passed", 1},
		"too slow":               {`{"verdict":"inconclusive","at":720}`, "by Wald", 1},
		"blind to late faults":   {`{"verdict":"failed","at":281}`, "look 240", 1},
		"not a judge":            {`nonsense`, "healthy", 2},
		"silent on some streams": {``, "healthy", 2},
	} {
		t.Run(name, func(t *testing.T) {
			fake := filepath.Join(t.TempDir(), "guardian")
			script := "#!/bin/sh\nwhile read -r l; do echo '" + c.answer + "'; done\n"
			if err := os.WriteFile(fake, []byte(script), 0o700); err != nil { //nolint:gosec // it is run
				t.Fatal(err)
			}
			var out, progress bytes.Buffer
			if code := run([]string{"-guardian", fake, "-part=streams", "-streams=20", "-only", c.row}, &out, &progress); code != c.code {
				t.Errorf("exit %d, want %d\n%s", code, c.code, out.String())
			}
		})
	}
}

// The page has every line that this program measures, and none that is out of bounds.
func TestThePageShowsTheTable(t *testing.T) {
	page, err := os.ReadFile("../../../docs/judge.md")
	if err != nil {
		t.Fatal(err)
	}
	shows := func(what, bound string, holds bool) {
		_, rest, found := strings.Cut(string(page), "\n| "+what+" | ")
		said, _, _ := strings.Cut(rest, "\n")
		if !found || strings.Contains(said, "does not hold") == holds || !strings.HasSuffix(said, " | "+bound+" |") {
			t.Errorf("docs/judge.md has no line %q that %s; measure with make bench-judge", what, bound)
		}
	}
	for _, r := range table() {
		shows(r.what, r.bound(), true)
	}
	for _, c := range worlds() {
		shows(c.what, c.bound(), !slices.Contains(notYet(t), c.what))
	}
}

func TestWaldsBound(t *testing.T) {
	if got := wald(0.01, 0.2); got < 16.0 || got > 16.2 {
		t.Errorf("%v looks", got)
	}
}
