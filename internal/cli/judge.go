package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"guardian/watch/judge"
)

// streamVerdict is the output for one stream.
type streamVerdict struct {
	Verdict judge.Result `json:"verdict"`
	At      int          `json:"at"`       // number of results until the verdict, missing ones included
	LogE    float64      `json:"log_e"`    // log of the evidence for a regression
	LogPass float64      `json:"log_pass"` // log of the evidence for a rate below --pass-rate; 0 without
	Missing int          `json:"missing"`
}

// judgeFlags is the command line of guardian judge.
type judgeFlags struct {
	kind, burst, before, beforeFile string
	plan                            judge.Plan
	streams                         bool

	given func(flag string) bool // reports whether a flag was set
}

// judgeKinds returns the kinds of input lines with the flags that apply to each, besides
// --kind, --alpha and --horizon.
func judgeKinds() map[string][]string {
	return map[string][]string{
		"bernoulli": {"null-rate", "before", "before-file", "beta", "burst", "pass-rate", "ratio", "delta", "streams"},
		"counts":    {"null-rate", "before", "before-file", "ratio", "delta"},
		"latency":   {"before-file", "burst", "ratio", "delta"},
		"canary":    {"burst"},
	}
}

func judgeCommand(s streams) *cobra.Command {
	var f judgeFlags
	c := &cobra.Command{
		Use:   "judge",
		Short: "Decide from a stream of results on standard input whether it is worse than before",
		Long: `Reads one result per line and writes one line of JSON as soon as there is a verdict, at the
latest at the end of the input: {"verdict", "at", "log_e", "log_pass", "missing"}. Verdicts:
failed (worse than allowed; false-alarm risk at most --alpha, however many results are read),
passed (only with --pass-rate), inconclusive (--horizon reached), continue (end of input
before any of these). "at" counts results from 1, missing ones included.

Lines, by --kind:

  bernoulli   0 success, 1 failure, - no data
  counts      "failures exposure" since the last line, or - (the next line then covers both);
              a line without exposure is no data
  latency     seconds, - no data. A timeout (inf) or a failed look has no duration: it counts as no
              data, and among the failures of --kind bernoulli
  canary      "yA mA yB mB": failures and results of the control, then of the canary, or -

With --burst auto, failures of a healthy target may come in bursts, and slow results may follow
each other; with --burst off each result is independent, which finds a change sooner. counts:
bursts are estimated from --before-file only.

The allowed failure rate is --null-rate, or follows from the results before the change:
--before, or --before-file with lines as above, from which failure bursts are estimated too.
With --streams each line is a whole stream of 0, 1 and -, judged by itself; it may start with
its own baseline: "BASELINE|STREAM". docs/judge.md explains the guarantee and its limits.

Exits 0 when every line was read, whatever the verdict, and 2 on invalid input.`,
		Example: `  guardian judge --null-rate 0.01 < results
  guardian judge --before-file yesterday --ratio 1.5 --delta 0.005 < results
  echo '0000000100000000|1111111111' | guardian judge --streams`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			f.given = c.Flags().Changed
			if err := f.run(c.Context(), s); err != nil {
				return exit(exitUsage, "judge: %s", err)
			}
			return nil
		},
	}
	fl := c.Flags()
	fl.StringVar(&f.kind, "kind", "bernoulli", "format of the lines: bernoulli, counts, latency or canary")
	fl.Float64Var(&f.plan.NullRate, "null-rate", 0, "allowed failure rate (counts: failures per unit of exposure); the baseline is then used for bursts only")
	fl.StringVar(&f.before, "before", "", "baseline as failures/trials (counts: failures/exposure)")
	fl.StringVar(&f.beforeFile, "before-file", "", "file with the baseline, one result per line")
	fl.Float64Var(&f.plan.Alpha, "alpha", 0.001, "false-alarm risk: probability of a wrong failed, over the whole horizon")
	fl.Float64Var(&f.plan.Beta, "beta", 0.01, "probability of a wrong passed")
	fl.IntVar(&f.plan.Horizon, "horizon", 720, "number of results after which the verdict is inconclusive")
	fl.StringVar(&f.burst, "burst", "auto", "auto: failures (latency: slow results) may come in bursts, estimated from the baseline (canary: from the control); off: results are independent")
	fl.Float64Var(&f.plan.PassRate, "pass-rate", 0, "pass as soon as the failure rate is surely below this one (default: never pass early)")
	fl.Float64Var(&f.plan.Tolerance.Ratio, "ratio", 1, "tolerated ratio to the baseline's rate (latency: to its seconds)")
	fl.Float64Var(&f.plan.Tolerance.Delta, "delta", 0, "tolerated difference to the baseline's rate (latency: in seconds)")
	fl.BoolVar(&f.streams, "streams", false, "each line is a whole stream or BASELINE|STREAM")
	return c
}

func (f *judgeFlags) run(ctx context.Context, s streams) error {
	if err := f.validate(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if f.streams {
		b, err := f.bernoulli()
		if err != nil {
			return err
		}
		return judgeEach(ctx, readLines(ctx, s.in), b.whole, s.out)
	}
	j, err := f.judge()
	if err != nil {
		return err
	}
	return judgeOne(ctx, readLines(ctx, s.in), j, s.out)
}

// validate checks the flags. Ranges of statistical parameters are checked where they are used.
func (f *judgeFlags) validate() error {
	uses, known := judgeKinds()[f.kind]
	if !known {
		return fmt.Errorf("--kind %s is not one of bernoulli, counts, latency, canary", f.kind)
	}
	var errs []error
	for _, name := range judgeKinds()["bernoulli"] {
		if f.given(name) && !strings.Contains(" "+strings.Join(uses, " ")+" ", " "+name+" ") {
			errs = append(errs, fmt.Errorf("--%s does not apply to --kind %s", name, f.kind))
		}
	}
	if f.burst != "auto" && f.burst != "off" {
		errs = append(errs, fmt.Errorf("--burst %s is not one of auto, off", f.burst))
	}
	if f.given("before") && f.given("before-file") {
		errs = append(errs, errors.New("--before and --before-file exclude each other"))
	}
	if f.given("null-rate") && !(f.plan.NullRate > 0) {
		errs = append(errs, fmt.Errorf("--null-rate %v is not greater than 0", f.plan.NullRate))
	}
	if f.given("pass-rate") && !(f.plan.PassRate > 0) {
		errs = append(errs, fmt.Errorf("--pass-rate %v is not greater than 0", f.plan.PassRate))
	}
	if !(f.plan.Alpha > 0 && f.plan.Alpha < 0.5) {
		errs = append(errs, fmt.Errorf("--alpha %v is not between 0 and 0.5", f.plan.Alpha))
	}
	if f.given("beta") && !(f.plan.Beta > 0 && f.plan.Beta < 0.5) {
		errs = append(errs, fmt.Errorf("--beta %v is not between 0 and 0.5", f.plan.Beta))
	}
	if f.plan.Horizon < 1 {
		errs = append(errs, fmt.Errorf("--horizon %d is not at least 1", f.plan.Horizon))
	}
	if !(f.plan.Tolerance.Ratio >= 1) || !(f.plan.Tolerance.Delta >= 0) {
		errs = append(errs, errors.New("--ratio must be at least 1 and --delta at least 0"))
	}
	f.plan.Bursts = f.burst == "auto"
	return errors.Join(errs...)
}

// errNoBaseline means that no allowed failure rate is known.
var errNoBaseline = errors.New("nothing to compare the results with: set --null-rate, --before or --before-file")

// fraction parses failures/trials.
func fraction(text string) (failures, trials float64, err error) {
	a, b, ok := strings.Cut(text, "/")
	failures, err1 := strconv.ParseFloat(a, 64)
	trials, err2 := strconv.ParseFloat(b, 64)
	if !ok || err1 != nil || err2 != nil || !(failures >= 0 && failures <= most && trials > 0 && trials <= most) {
		return 0, 0, fmt.Errorf("--before %s is not failures/trials, such as 7/1440", text)
	}
	return failures, trials, nil
}

// errInterrupted means that not every line was read.
var errInterrupted = errors.New("interrupted before the end of the input")

// judgeOne feeds all lines to one judge and prints the verdict as soon as there is one.
func judgeOne(ctx context.Context, lines <-chan line, j *oneJudge, out io.Writer) error {
	printed := false
	for {
		select {
		case <-ctx.Done():
			return errInterrupted
		case l, more := <-lines:
			if l.err != nil {
				return l.err
			}
			if more {
				// Lines after the verdict are still validated.
				if err := j.line(l.text); err != nil {
					return fmt.Errorf("line %d: %w", l.n, err)
				}
			}
			if v := j.verdict(); !printed && (!more || v.Verdict != judge.Continue) {
				printed = true
				if err := printJSON(out, v); err != nil {
					return err
				}
			}
			if !more {
				return nil
			}
		}
	}
}
