// Command judge measures the error rates and delays that docs/judge.md states for guardian judge: it
// draws streams of looks with known failure rates, lets the real binary judge them, and compares the
// results with the stated bounds. It prints the table of that page. Exit 1: a line is out of bounds.
//
//	go run ./test/bench/judge -guardian bin/guardian
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"time"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run measures every line and returns the exit code: 0 all are within bounds, 1 some are not, 2 it
// could not measure.
func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("judge", flag.ContinueOnError)
	flags.SetOutput(stderr)
	guardian := flags.String("guardian", "bin/guardian", "the binary")
	streams := flags.Int("streams", enough, "how many streams each line is measured on")
	only := flags.String("only", "", "only the lines whose words contain this")
	part := flags.String("part", "", "only the lines measured on streams, on worlds, or those of innocent deploys")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	t := output{streams: *streams, only: *only, stdout: stdout, stderr: stderr}
	t.say("| what | measured | must hold |\n|---|---|---|\n")
	broken := 0
	for _, p := range []struct {
		name    string
		measure func() (broken int, err error)
	}{
		{"streams", func() (int, error) { return t.binary(*guardian) }}, {"worlds", t.worlds}, {"innocent", t.innocent},
	} {
		if *part != "" && *part != p.name {
			continue
		}
		n, err := p.measure()
		if err != nil {
			t.tell("%v\n", err)
			return 2
		}
		broken += n
	}
	if broken > 0 {
		t.tell("%d lines do not hold\n", broken)
		return 1
	}
	return 0
}

// output is how many streams are drawn, and where the table is printed.
type output struct {
	streams        int
	only           string // lines whose words contain it
	stdout, stderr io.Writer
}

func (t output) say(format string, args ...any)  { _, _ = fmt.Fprintf(t.stdout, format, args...) }
func (t output) tell(format string, args ...any) { _, _ = fmt.Fprintf(t.stderr, format, args...) }

// binary measures the lines on streams that the binary judges, and gives how many do not hold.
func (t output) binary(guardian string) (broken int, err error) {
	slowest := 0.0
	for i, r := range table() {
		if !strings.Contains(r.what, t.only) {
			continue
		}
		began := time.Now()
		m, err := measure(guardian, r, uint64(i), t.streams)
		if err != nil {
			return broken, fmt.Errorf("%s: %w", r.what, err)
		}
		took := time.Since(began).Seconds()
		if strings.HasPrefix(r.what, "healthy") {
			slowest = max(slowest, took)
		}
		mark := ""
		if !r.holds(m) {
			broken++
			mark = ", **does not hold**"
		}
		t.say("| %s | %s%s | %s |\n", r.what, r.said(m), mark, r.bound())
		t.tell("%6.1f s  %s: %s%s\n", took, r.what, r.said(m), mark)
	}
	if t.streams >= enough && slowest > 0 {
		// Throughput is printed but not checked: the machine may have other work.
		t.say("| %d streams of %d looks, the slowest of these: seconds | %.1f | at most 60 |\n", t.streams, horizon, slowest)
	}
	return broken, nil
}

// enough is how many streams a line needs to be compared with its bound without allowance.
const enough = 20_000

// measured is the result of one line's streams.
type measured struct {
	drawn   int
	streams int     // that count
	hits    int     // with the verdict, or that failed at all
	looks   float64 // after the onset until failed, of all streams; the whole horizon where it did not
	squares float64 // of these
}

// measure pipes a line's streams through the binary.
func measure(guardian string, r row, seed uint64, streams int) (measured, error) {
	cmd := exec.Command(guardian, append([]string{
		"judge", "--streams", fmt.Sprint("--alpha=", alpha), fmt.Sprint("--horizon=", horizon),
	}, r.flags...)...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return measured{}, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return measured{}, err
	}
	if err := cmd.Start(); err != nil {
		return measured{}, err
	}
	fed := make(chan error, 1)
	go func() { fed <- feed(in, r, seed, streams) }()
	m, err := r.read(out)
	if err := errors.Join(err, cmd.Wait(), <-fed); err != nil {
		return m, err
	}
	if m.drawn != streams {
		return m, fmt.Errorf("%d verdicts on %d streams", m.drawn, streams)
	}
	return m, nil
}

func feed(in io.WriteCloser, r row, seed uint64, streams int) error {
	w := bufio.NewWriterSize(in, 1<<16)
	defer in.Close()
	var line []byte
	for i := range streams {
		line = append(r.line(rand.New(rand.NewPCG(seed, uint64(i))), line[:0]), '\n')
		if _, err := w.Write(line); err != nil {
			return err
		}
	}
	return w.Flush()
}

func (r row) read(out io.Reader) (m measured, err error) {
	d := json.NewDecoder(out)
	for {
		var v struct {
			Verdict string
			At      int
		}
		switch err := d.Decode(&v); {
		case errors.Is(err, io.EOF):
			return m, nil
		case err != nil:
			return m, err
		}
		m.drawn++
		switch {
		case r.share != "":
			m.streams++
			if v.Verdict == r.share {
				m.hits++
			}
		case v.Verdict == "failed" && v.At <= r.onset: // a false alarm, not a delay
		default:
			m.streams++
			if v.Verdict == "failed" {
				m.hits++
			}
			looks := float64(v.At - r.onset)
			m.looks += looks
			m.squares += looks * looks
		}
	}
}

// value is the number that is compared with the bound.
func (r row) value(m measured) float64 {
	if r.share != "" {
		return float64(m.hits) / float64(m.streams)
	}
	return m.looks / float64(m.streams) / r.per
}

// holds allows for chance where there are few streams: four standard deviations.
func (r row) holds(m measured) bool {
	n, slack := float64(m.streams), 0.0
	switch {
	case m.drawn >= enough:
	case r.share != "":
		slack = 4 * math.Sqrt(r.most/n)
	default:
		mean := m.looks / n
		slack = 4 * math.Sqrt(max(m.squares/n-mean*mean, 0)/n) / r.per
	}
	return r.value(m) <= r.most+slack
}

func (r row) said(m measured) string {
	switch {
	case r.share != "":
		return fmt.Sprintf("%.3f %%", 100*r.value(m))
	case r.per != 1:
		return fmt.Sprintf("%.2f (%.1f looks)", r.value(m), m.looks/float64(m.streams))
	default:
		return fmt.Sprintf("%.1f", r.value(m))
	}
}

func (r row) bound() string {
	if r.share != "" {
		return fmt.Sprintf("at most %g %%", 100*r.most)
	}
	return fmt.Sprintf("at most %g", r.most)
}
