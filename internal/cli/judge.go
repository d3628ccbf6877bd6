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

// verdictOf is what the command says of one stream.
type verdictOf struct {
	Verdict judge.Result `json:"verdict"`
	At      int          `json:"at"`       // looks until then, missing ones included
	LogE    float64      `json:"log_e"`    // evidence of a regression
	LogPass float64      `json:"log_pass"` // evidence of being better than --pass-rate; 0 without
	Missing int          `json:"missing"`
}

// judgeFlags are the command line of guardian judge.
type judgeFlags struct {
	kind, burst, before, beforeFile string
	plan                            judge.Plan
	streams                         bool

	given func(flag string) bool // on the command line
}

// The kinds of lines, and which flags beside --kind, --alpha and --horizon mean something for each.
func judgeKinds() map[string][]string {
	return map[string][]string{
		"bernoulli": {"null-rate", "before", "before-file", "beta", "burst", "pass-rate", "ratio", "delta", "streams"},
		"counts":    {"null-rate", "before", "before-file", "ratio", "delta"},
		"latency":   {"before-file", "ratio", "delta"},
		"canary":    {},
	}
}

func judgeCommand(s streams) *cobra.Command {
	var f judgeFlags
	c := &cobra.Command{
		Use:   "judge",
		Short: "Judge a stream of results on standard input: did it become worse, and when is that sure",
		Long: `Reads one result a line and writes one line of JSON when there is a verdict, at the latest at
the end of the input: {"verdict", "at", "log_e", "log_pass", "missing"}. The verdict is failed
(worse than allowed, wrongly so with a chance of at most --alpha, however often one looks),
passed (only with --pass-rate), inconclusive (the horizon is over) or continue (the input
is over before that). "at" counts results from 1, missing ones included.

A line, by --kind:

  bernoulli   0 a success, 1 a failure, - no data
  counts      "failures exposure" since the last line, or - (then the next line spans more)
  latency     seconds, inf for a timeout, - for no data
  canary      "yA mA yB mB": failures and looks of the control, then of the canary, or -

What is allowed comes from --null-rate, or from before the change: --before, or
--before-file with lines as above, of which bursts of failures are estimated too. With
--streams each line is a whole stream of 0, 1 and -, judged by itself, and may bring its
own past: "BASELINE|STREAM". docs/judge.md explains the guarantee and its limits.

Exits 0 when every line was read, whatever the verdict, and 2 on bad input.`,
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
	fl.StringVar(&f.kind, "kind", "bernoulli", "what a line is: bernoulli, counts, latency or canary")
	fl.Float64Var(&f.plan.NullRate, "null-rate", 0, "the allowed failure rate (counts: failures per unit of exposure); what was before then tells of bursts only")
	fl.StringVar(&f.before, "before", "", "what was seen before, as failures/trials (counts: failures/exposure)")
	fl.StringVar(&f.beforeFile, "before-file", "", "a file of what was seen before, one result a line")
	fl.Float64Var(&f.plan.Alpha, "alpha", 0.001, "chance of a false failed, over the whole horizon")
	fl.Float64Var(&f.plan.Beta, "beta", 0.01, "chance of a false passed")
	fl.IntVar(&f.plan.Horizon, "horizon", 720, "results after which it is inconclusive")
	fl.StringVar(&f.burst, "burst", "auto", "auto: failures may come in bursts, as the past shows them; off: they are independent")
	fl.Float64Var(&f.plan.PassRate, "pass-rate", 0, "pass early when failures are rarer than this bad rate (without it: never)")
	fl.Float64Var(&f.plan.Tolerance.Ratio, "ratio", 1, "how many times the rate before is tolerated (latency: of the seconds)")
	fl.Float64Var(&f.plan.Tolerance.Delta, "delta", 0, "how much more than before is tolerated (latency: seconds)")
	fl.BoolVar(&f.streams, "streams", false, "each line is a whole stream, or BASELINE|STREAM")
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

// validate finds flags that contradict each other; NewTest and its like know the ranges.
func (f *judgeFlags) validate() error {
	uses, known := judgeKinds()[f.kind]
	if !known {
		return fmt.Errorf("--kind %s is not one of bernoulli, counts, latency, canary", f.kind)
	}
	var errs []error
	for _, name := range judgeKinds()["bernoulli"] {
		if f.given(name) && !strings.Contains(" "+strings.Join(uses, " ")+" ", " "+name+" ") {
			errs = append(errs, fmt.Errorf("--%s means nothing for --kind %s", name, f.kind))
		}
	}
	if f.burst != "auto" && f.burst != "off" {
		errs = append(errs, fmt.Errorf("--burst %s is not one of auto, off", f.burst))
	}
	if f.given("before") && f.given("before-file") {
		errs = append(errs, errors.New("--before and --before-file say the same twice: give one of them"))
	}
	if f.given("null-rate") && !(f.plan.NullRate > 0) {
		errs = append(errs, fmt.Errorf("--null-rate %v is not over 0", f.plan.NullRate))
	}
	if f.given("pass-rate") && !(f.plan.PassRate > 0) {
		errs = append(errs, fmt.Errorf("--pass-rate %v is not over 0", f.plan.PassRate))
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

// errNoNull says that there is nothing to hold results against.
var errNoNull = errors.New("nothing to hold the results against: give --null-rate, --before or --before-file")

// fraction reads failures/trials.
func fraction(text string) (failures, trials float64, err error) {
	a, b, ok := strings.Cut(text, "/")
	failures, err1 := strconv.ParseFloat(a, 64)
	trials, err2 := strconv.ParseFloat(b, 64)
	if !ok || err1 != nil || err2 != nil || !(failures >= 0 && failures <= most && trials > 0 && trials <= most) {
		return 0, 0, fmt.Errorf("--before %s is not failures/trials, such as 7/1440", text)
	}
	return failures, trials, nil
}

// errInterrupted says that not every line was read.
var errInterrupted = errors.New("interrupted before the input was over")

// judgeOne feeds all lines to one judge and says its verdict as soon as it falls.
func judgeOne(ctx context.Context, lines <-chan line, j *oneJudge, out io.Writer) error {
	told := false
	for {
		select {
		case <-ctx.Done():
			return errInterrupted
		case l, more := <-lines:
			if l.err != nil {
				return l.err
			}
			if more {
				// After the verdict lines are read on, and checked, but not judged.
				if err := j.line(l.text); err != nil {
					return fmt.Errorf("line %d: %w", l.n, err)
				}
			}
			if v := j.verdict(); !told && (!more || v.Verdict != judge.Continue) {
				told = true
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
