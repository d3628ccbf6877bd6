package cli

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"guardian/watch/judge"
)

// most is the largest number in a line: sums of many stay exact.
const most = 1e12

// missing is the line of a look without a result.
const missing = "-"

// oneJudge judges one stream line by line.
type oneJudge struct {
	line    func(text string) error
	verdict func() streamVerdict
}

// judge returns the judge of one stream for the kind of line.
func (f *judgeFlags) judge() (*oneJudge, error) {
	switch f.kind {
	case "counts":
		return f.counts()
	case "latency":
		return f.latency()
	case "canary":
		return f.canary(), nil
	default:
		b, err := f.bernoulli()
		if err != nil {
			return nil, err
		}
		if b.test == nil {
			return nil, errNoBaseline
		}
		s := b.test.Stream()
		return &oneJudge{
			line: func(text string) error {
				text = strings.TrimSpace(text)
				if len(text) != 1 {
					return notAResult(text)
				}
				return observe(s, text[0])
			},
			verdict: func() streamVerdict { return verdictFor(s) },
		}, nil
	}
}

// canary judges blocks of a control and a canary.
func (f *judgeFlags) canary() *oneJudge {
	var state judge.CanaryState
	var clumps judge.Clumps
	return f.evidence(func(text string) error {
		v, err := numbers(text, "yA mA yB mB: failures and results of the control, then of the canary, such as 1 100 3 100")
		if err != nil {
			return err
		}
		for _, x := range v {
			if x != math.Trunc(x) {
				return fmt.Errorf("%s: results and failures must be whole numbers", quoted(text))
			}
		}
		b := judge.Block{ControlFailures: int(v[0]), Control: int(v[1]), CanaryFailures: int(v[2]), Canary: int(v[3])}
		var test judge.Canary
		if f.plan.Bursts {
			test.Tempering = clumps.Tempering()
		}
		if err := test.Observe(&state, b); err != nil {
			return err
		}
		clumps.Observe(b)
		return nil
	}, func() float64 { return judge.Canary{}.LogE(state) })
}

// bernoulli judges streams of 0, 1 and -.
type bernoulli struct {
	plan judge.Plan
	test *judge.Test // nil: each stream has its own baseline
}

func (f *judgeFlags) bernoulli() (*bernoulli, error) {
	b := &bernoulli{plan: f.plan}
	h := &b.plan.Before
	switch {
	case f.before != "":
		failures, trials, err := fraction(f.before)
		if err != nil {
			return nil, err
		}
		if failures > trials || failures != math.Trunc(failures) || trials != math.Trunc(trials) {
			return nil, fmt.Errorf("--before %s must be whole numbers with at most as many failures as trials", f.before)
		}
		// Which failures belong to one burst is not known: each counts as independent.
		*h = judge.History{Calm: int(trials), Begun: int(failures), Last: 1}
	case f.beforeFile != "":
		err := readFile(f.beforeFile, func(text string) error { return observeBaseline(h, strings.TrimSpace(text)) })
		if err != nil {
			return nil, err
		}
	}
	test, err := judge.NewTest(b.plan)
	switch {
	case errors.Is(err, judge.ErrNoHistory) && f.beforeFile != "":
		return nil, fmt.Errorf("%s: %w", f.beforeFile, errShortBaseline)
	case errors.Is(err, judge.ErrNoHistory) && f.streams:
		return b, nil
	case errors.Is(err, judge.ErrNoHistory):
		return nil, errNoBaseline
	case err != nil:
		return nil, err
	}
	b.test = test
	return b, nil
}

// errShortBaseline means that a baseline is too short to compare with.
var errShortBaseline = errors.New("the baseline needs at least two results, 0 or 1")

// whole judges a line that holds a whole stream.
func (b *bernoulli) whole(text string) (streamVerdict, error) {
	test := b.test
	text = strings.TrimSpace(text)
	if baseline, stream, ok := strings.Cut(text, "|"); ok {
		text = stream
		var err error
		if test, err = b.after(baseline); err != nil {
			return streamVerdict{}, err
		}
	}
	if test == nil {
		return streamVerdict{}, errors.New("no baseline: use BASELINE|STREAM, --null-rate, --before or --before-file")
	}
	s := test.Stream()
	for i := range len(text) {
		if err := observe(s, text[i]); err != nil {
			return streamVerdict{}, fmt.Errorf("character %d of the stream: %w", i+1, err)
		}
	}
	return verdictFor(s), nil
}

// after returns the test that compares with a baseline.
func (b *bernoulli) after(baseline string) (*judge.Test, error) {
	var h judge.History
	for i := range len(baseline) {
		if err := observeBaseline(&h, baseline[i:i+1]); err != nil {
			return nil, fmt.Errorf("character %d of the baseline: %w", i+1, err)
		}
	}
	var test *judge.Test
	var err error
	if b.test != nil {
		test, err = b.test.WithHistory(h)
	} else {
		plan := b.plan
		plan.Before = h
		test, err = judge.NewTest(plan)
	}
	if errors.Is(err, judge.ErrNoHistory) {
		return nil, errShortBaseline
	}
	return test, err
}

// observeBaseline adds a result from before the change.
func observeBaseline(h *judge.History, text string) error {
	switch text {
	case "0", "1":
		h.Observe(text == "1")
	case missing: // the next result counts as the following one
	default:
		return notAResult(text)
	}
	return nil
}

// observe adds a result from after the change.
func observe(s *judge.Stream, mark byte) error {
	switch mark {
	case '0', '1':
		s.Observe(mark == '1')
	case '-':
		s.Miss()
	default:
		return notAResult(string(mark))
	}
	return nil
}

func notAResult(text string) error {
	return fmt.Errorf("%s is not a result: want 0 for a success, 1 for a failure, - for no data", quoted(text))
}

// quoted quotes input, shortened.
func quoted(text string) string {
	if len(text) > 40 {
		return strconv.Quote(text[:40]) + "…"
	}
	return strconv.Quote(text)
}

func verdictFor(s *judge.Stream) streamVerdict {
	return streamVerdict{Verdict: s.Result(), At: s.At(), LogE: s.LogE(), LogPass: s.LogPass(), Missing: s.Missing()}
}

// evidence returns a judge that fails a stream once its evidence reaches ln(1/alpha).
func (f *judgeFlags) evidence(take func(text string) error, logE func() float64) *oneJudge {
	v := streamVerdict{Verdict: judge.Continue}
	return &oneJudge{
		line: func(text string) error {
			text = strings.TrimSpace(text)
			seen := text != missing
			if seen {
				err := take(text)
				if seen = !errors.Is(err, errNothingSeen); seen && err != nil {
					return err
				}
			}
			if v.Verdict != judge.Continue {
				return nil // lines are validated; the verdict stays
			}
			v.At++
			if seen {
				v.LogE = logE()
			} else {
				v.Missing++
			}
			switch {
			case seen && v.LogE >= -math.Log(f.plan.Alpha):
				v.Verdict = judge.Failed
			case v.At >= f.plan.Horizon:
				v.Verdict = judge.Inconclusive
			}
			return nil
		},
		verdict: func() streamVerdict { return v },
	}
}

// errNothingSeen means that a valid line says nothing: failures among no exposure.
var errNothingSeen = errors.New("no exposure")

// numbers parses as many numbers as want has words before its colon.
func numbers(text, want string) ([]float64, error) {
	names, _, _ := strings.Cut(want, ":")
	fields := strings.Fields(text)
	v := make([]float64, len(fields))
	for i, field := range fields {
		x, err := strconv.ParseFloat(field, 64)
		if err != nil || !(x >= 0 && x <= most) {
			return nil, fmt.Errorf("%s: want %s", quoted(text), want)
		}
		v[i] = x
	}
	if len(v) != len(strings.Fields(names)) {
		return nil, fmt.Errorf("%s: want %s", quoted(text), want)
	}
	return v, nil
}

// wantCounts describes a line of --kind counts.
const wantCounts = "failures exposure: since the last line, such as 3 1200"

// boundPart is the part of alpha spent on estimating the rate; the rest is for the evidence.
const boundPart = 0.1

func (f *judgeFlags) counts() (*oneJudge, error) {
	var before judge.CountsState
	phi := 1.0
	switch {
	case f.before != "":
		failures, exposure, err := fraction(f.before)
		if err != nil {
			return nil, err
		}
		before = judge.CountsState{Failures: failures, Exposure: exposure}
	case f.beforeFile != "":
		var seen []judge.Increment
		err := readFile(f.beforeFile, func(text string) error {
			if strings.TrimSpace(text) == missing {
				return nil
			}
			v, err := numbers(text, wantCounts)
			if err != nil {
				return err
			}
			seen = append(seen, judge.Increment{Failures: v[0], Exposure: v[1]})
			before.Failures += v[0]
			before.Exposure += v[1]
			return nil
		})
		if err != nil {
			return nil, err
		}
		var batch float64
		phi, batch = judge.Clumping(seen)
		before.Failures -= batch
	}
	rate, off := f.plan.NullRate, 0.0
	if rate == 0 {
		if !(before.Exposure > 0) {
			return nil, errNoBaseline
		}
		bound := before.UpperRate(phi, boundPart*f.plan.Alpha)
		rate, off = f.plan.Tolerance.Ratio*bound+f.plan.Tolerance.Delta, math.Log(1-boundPart)
	}
	if rate > most {
		return nil, fmt.Errorf("the allowed %v failures per unit of exposure exceed %v", rate, most)
	}
	test, err := judge.NewCounts(rate, phi, f.plan.Horizon)
	if err != nil {
		return nil, err
	}
	var state judge.CountsState
	return f.evidence(func(text string) error {
		v, err := numbers(text, wantCounts)
		if err != nil {
			return err
		}
		if !test.Observe(&state, judge.Increment{Failures: v[0], Exposure: v[1]}) {
			return errNothingSeen
		}
		return nil
	}, func() float64 { return off + test.LogE(state) }), nil
}

func (f *judgeFlags) latency() (*oneJudge, error) {
	if f.beforeFile == "" {
		return nil, errors.New("--kind latency needs a baseline: set --before-file")
	}
	var before []float64
	err := readFile(f.beforeFile, func(text string) error {
		if strings.TrimSpace(text) == missing {
			return nil
		}
		x, err := seconds(text)
		before = append(before, x)
		return err
	})
	if err != nil {
		return nil, err
	}
	test, err := judge.NewLatency(before, judge.LatencyPlan{
		Part: f.plan.Tolerance.Ratio - 1, Seconds: f.plan.Tolerance.Delta,
		Alpha: f.plan.Alpha, Horizon: f.plan.Horizon, Bursts: f.plan.Bursts,
	})
	if err != nil {
		return nil, err
	}
	var state judge.LatencyState
	j := f.evidence(func(text string) error {
		x, err := seconds(text)
		if err == nil {
			test.Observe(&state, x)
		}
		return err
	}, func() float64 { return test.LogE(state) })
	return &oneJudge{verdict: j.verdict, line: func(text string) error {
		if x, err := seconds(text); err == nil && math.IsInf(x, 1) {
			text = missing // a timeout has no duration
		}
		return j.line(text)
	}}, nil
}

func seconds(text string) (float64, error) {
	x, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || !(x >= 0) {
		return 0, fmt.Errorf("%s is not a latency: want seconds, such as 0.25, or - (inf for a timeout) for no data", quoted(text))
	}
	return x, nil
}
