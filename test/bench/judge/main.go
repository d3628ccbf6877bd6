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
	if err := flags.Parse(args); err != nil {
		return 2
	}
	say := func(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }
	say(stdout, "| what | measured | must hold |\n|---|---|---|\n")
	broken, slowest := 0, 0.0
	for i, r := range table() {
		if !strings.Contains(r.what, *only) {
			continue
		}
		began := time.Now()
		m, err := measure(*guardian, r, uint64(i), *streams)
		if err != nil {
			say(stderr, "%s: %v\n", r.what, err)
			return 2
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
		say(stdout, "| %s | %s%s | %s |\n", r.what, r.said(m), mark, r.bound())
		say(stderr, "%6.1f s  %s: %s%s\n", took, r.what, r.said(m), mark)
	}
	if *streams >= enough && slowest > 0 {
		// Throughput is printed but not checked: the machine may have other work.
		say(stdout, "| %d streams of %d looks, the slowest of these: seconds | %.1f | at most 60 |\n", *streams, horizon, slowest)
	}
	if broken > 0 {
		say(stderr, "%d lines do not hold\n", broken)
		return 1
	}
	return 0
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
