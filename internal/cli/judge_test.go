package cli_test

import (
	"bytes"
	"encoding/json"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"guardian/internal/cli"
)

// verdict is one line of what guardian judge prints.
type verdict struct {
	Verdict string  `json:"verdict"`
	At      int     `json:"at"`
	LogE    float64 `json:"log_e"`
	LogPass float64 `json:"log_pass"`
	Missing int     `json:"missing"`
}

// judged runs guardian judge.
func judged(t *testing.T, input string, flags ...string) (verdicts []verdict, stderr string, code int) {
	t.Helper()
	var out, told bytes.Buffer
	code = cli.Main(append([]string{"judge"}, flags...), strings.NewReader(input), &out, &told)
	for d := json.NewDecoder(&out); d.More(); {
		var v verdict
		if err := d.Decode(&v); err != nil {
			t.Fatal(err)
		}
		verdicts = append(verdicts, v)
	}
	return verdicts, told.String(), code
}

func file(t *testing.T, content string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "before")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// spread puts each character on a line of its own.
func spread(marks string) string {
	return strings.Join(strings.Split(marks, ""), "\n") + "\n"
}

func TestJudgeOfOneStream(t *testing.T) {
	known := []string{"--null-rate", "0.01", "--burst", "off"}
	quick := func(more ...string) []string { return append(known, more...) }
	quiet := "--before-file=" + file(t, strings.Repeat("0\n", 1440))
	latencies := "--before-file=" + file(t, strings.Repeat("0.1\n0.2\n-\n0.15\n0.12\n", 100))
	calls := "--before-file=" + file(t, strings.Repeat("1 1000\n0 1000\n2 1000\n-\n", 50))
	for name, c := range map[string]struct {
		flags       []string
		input       string
		verdict     string
		at, missing int
	}{
		"an outage":                               {known, spread("1111"), "failed", 2, 0},
		"Windows line ends":                       {known, "1\r\n1\r\n", "failed", 2, 0},
		"no newline at the end":                   {known, "1\n1", "failed", 2, 0},
		"no data is no failure, and counts in at": {known, spread("--1-1"), "failed", 5, 3},
		"a stream that ends early":                {known, spread("0000"), "continue", 4, 0},
		"no input at all":                         {known, "", "continue", 0, 0},
		"the horizon":                             {quick("--horizon=3"), spread("00-00"), "inconclusive", 3, 1},
		"a pass is asked for":                     {quick("--pass-rate=0.2"), spread(strings.Repeat("0", 300)), "passed", 93, 0},
		"a pass is not asked for":                 {known, spread(strings.Repeat("0", 300)), "continue", 300, 0},
		"an outage where bursts are possible":     {[]string{"--null-rate=0.01"}, spread(strings.Repeat("1", 20)), "failed", 8, 0},
		"an outage after counts":                  {[]string{"--before=0/2880"}, spread("1111111111"), "failed", 2, 0},
		"an outage after a file":                  {[]string{quiet}, spread("1111111111"), "failed", 3, 0},
		"a tolerated change":                      {[]string{"--before=0/2880", "--delta=0.5", "--burst=off"}, spread(strings.Repeat("01", 50)), "continue", 100, 0},
		"counts over a known rate":                {[]string{"--kind=counts", "--null-rate=0.001"}, "1 1000\n-\n40 1000\n40 1000\n", "failed", 4, 1}, // one batch alone does not decide
		"counts over those before":                {[]string{"--kind=counts", "--before=10/10000"}, "1 1000\n40 1000\n40 1000\n40 1000\n", "failed", 4, 0},
		"counts as before":                        {[]string{"--kind=counts", calls}, strings.Repeat("1 1000\n", 50), "continue", 50, 0},
		"counts over a file":                      {[]string{"--kind=counts", calls}, strings.Repeat("60 1000\n", 50), "failed", 2, 0},
		"slow":                                    {[]string{"--kind=latency", latencies, "--burst=off"}, strings.Repeat("0.9\n-\n", 50), "failed", 7, 3},
		"slow where that may persist":             {[]string{"--kind=latency", latencies}, strings.Repeat("0.9\n-\n", 50), "failed", 25, 12},
		"timeouts have no duration":               {[]string{"--kind=latency", latencies}, strings.Repeat("inf\n", 50), "continue", 50, 50},
		"as slow as tolerated":                    {[]string{"--kind=latency", latencies, "--ratio=10"}, strings.Repeat("0.9\n", 50), "continue", 50, 0},
		"a bad canary":                            {[]string{"--kind=canary", "--burst=off"}, strings.Repeat("0 10 3 10\n", 50), "failed", 4, 0},
		"a bad canary where bursts are possible":  {[]string{"--kind=canary"}, strings.Repeat("0 10 3 10\n", 50), "failed", 22, 0},
		"what never was up cannot become worse":   {[]string{"--before-file=" + file(t, strings.Repeat("1\n", 200))}, spread(strings.Repeat("1", 50)), "continue", 50, 0},
		"a horizon of a million":                  {quick("--horizon=1000000"), spread("1111"), "failed", 2, 0},
		"a horizon of many at a high rate":        {[]string{"--null-rate=0.9", "--burst=off", "--horizon=100000"}, spread("0000"), "continue", 4, 0},
		"a common incident":                       {[]string{"--kind=canary", "--horizon=40"}, strings.Repeat("9 10 9 10\n", 50), "inconclusive", 40, 0},
	} {
		t.Run(name, func(t *testing.T) {
			got, told, code := judged(t, c.input, c.flags...)
			if code != 0 || len(got) != 1 {
				t.Fatalf("exit %d with %d verdicts: %s", code, len(got), told)
			}
			if v := got[0]; v.Verdict != c.verdict || v.At != c.at || v.Missing != c.missing {
				t.Errorf("%+v, want %s at %d, %d missing", v, c.verdict, c.at, c.missing)
			}
		})
	}
}

func TestJudgeSaysWhatIsWrong(t *testing.T) {
	known := "--null-rate=0.01"
	for name, c := range map[string]struct {
		flags []string
		input string
		want  string
	}{
		"a word":                     {[]string{known}, "0\nyes\n", `line 2: "yes" is not a result: want 0 for a success, 1 for a failure, - for no data`},
		"an empty line":              {[]string{known}, "0\n\n0\n", `line 2: "" is not a result`},
		"a bad line after a verdict": {[]string{known, "--burst=off"}, "1\n1\n1\n2\n", `line 4: "2" is not a result`},
		"a stream without --streams": {[]string{known}, "0101\n", `line 1: "0101" is not a result`},
		"a bad mark in a stream":     {[]string{known, "--streams"}, "01\n0x1\n", `line 2: character 2 of the stream: "x" is not a result`},
		"a bad mark in a baseline":   {[]string{"--streams"}, "0102|1\n", `line 1: character 4 of the baseline: "2" is not a result`},
		"a short baseline":           {[]string{"--streams"}, "0|1\n", "line 1: the baseline needs at least two results"},
		"no baseline in a stream":    {[]string{"--streams"}, "00|1\n11\n", "line 2: no baseline: use BASELINE|STREAM"},
		"a rate without end":         {[]string{"--kind=counts", "--null-rate=1e300"}, "1 1\n", "1e+300 failures per unit of exposure exceed"},
		"too few counts":             {[]string{"--kind=counts", known}, "3\n", `line 1: "3": want failures exposure`},
		"negative counts":            {[]string{"--kind=counts", known}, "-3 10\n", `line 1: "-3 10": want failures exposure`},
		"a latency of letters":       {[]string{"--kind=latency", "--before-file=" + file(t, strings.Repeat("1\n", 50))}, "0.1\nfast\n", `line 2: "fast" is not a latency: want seconds`},
		"NaN seconds":                {[]string{"--kind=latency", "--before-file=" + file(t, strings.Repeat("1\n", 50))}, "NaN\n", `line 1: "NaN" is not a latency`},
		"half a failure":             {[]string{"--kind=canary"}, "0 1 0.5 1\n", "line 1: \"0 1 0.5 1\": results and failures must be whole numbers"},
		"more failures than looks":   {[]string{"--kind=canary"}, "2 1 0 1\n", "has more failures than looks"},
		"a bad line before":          {[]string{"--before-file=" + file(t, "0\nx\n")}, "", `before: line 2: "x" is not a result`},
		"nothing before":             {[]string{"--before-file=" + file(t, "")}, "", "the baseline needs at least two results"},
		"no file":                    {[]string{"--before-file=/nowhere"}, "", "/nowhere"},
		"no null":                    {nil, "0\n", "set --null-rate, --before or --before-file"},
		"no null for counts":         {[]string{"--kind=counts"}, "0\n", "set --null-rate, --before or --before-file"},
		"no null for latencies":      {[]string{"--kind=latency"}, "0\n", "set --before-file"},
		"two pasts":                  {[]string{"--before=1/10", "--before-file=x"}, "", "exclude each other"},
		"more failures than trials":  {[]string{"--before=10/1"}, "", "--before 10/1 must be whole numbers with at most as many failures"},
		"no fraction":                {[]string{"--before=10"}, "", "--before 10 is not failures/trials, such as 7/1440"},
		"an unknown kind":            {[]string{"--kind=x"}, "", "--kind x is not one of bernoulli, counts, latency, canary"},
		"an unknown burst":           {[]string{known, "--burst=on"}, "", "--burst on is not one of auto, off"},
		"a flag of another kind":     {[]string{"--kind=canary", "--streams"}, "", "--streams does not apply to --kind canary"},
		"alpha":                      {[]string{known, "--alpha=0"}, "", "--alpha 0 is not between 0 and 0.5"},
		"beta":                       {[]string{known, "--pass-rate=0.1", "--beta=0"}, "", "beta 0 is not between 0 and 0.5"},
		"beta without a pass":        {[]string{known, "--beta=7"}, "", "--beta 7 is not between 0 and 0.5"},
		"the horizon":                {[]string{known, "--horizon=0"}, "", "--horizon 0 is not at least 1"},
		"a rate of nothing":          {[]string{"--null-rate=0"}, "", "--null-rate 0 is not greater than 0"},
		"a rate over 1":              {[]string{"--null-rate=1.5"}, "", "null rate 1.5 is not between"},
		"a ratio under 1":            {[]string{"--before=1/10", "--ratio=0.5"}, "", "--ratio must be at least 1"},
		"an argument":                {[]string{"file"}, "", "file"},
	} {
		t.Run(name, func(t *testing.T) {
			_, told, code := judged(t, c.input, c.flags...)
			if code != 2 || !strings.Contains(told, c.want) {
				t.Errorf("exit %d, %q; want 2 and %q", code, told, c.want)
			}
		})
	}
}

func TestJudgeOfStreamsIsInOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var in strings.Builder
	var want []int
	for range 2000 {
		n := rng.IntN(300)
		if rng.IntN(3) == 0 {
			in.WriteString(strings.Repeat("0", 500) + "|")
		}
		in.WriteString(strings.Repeat("0", n) + "\n")
		want = append(want, n)
	}
	got, told, code := judged(t, in.String(), "--streams", "--null-rate=0.01")
	if code != 0 || len(got) != len(want) {
		t.Fatalf("exit %d, %d verdicts: %s", code, len(got), told)
	}
	for i, v := range got {
		if v.At != want[i] {
			t.Fatalf("line %d is at %d, want %d", i+1, v.At, want[i])
		}
	}
}

// The baseline of a line is used for that line only: each stream is judged as if it were alone.
func TestJudgeOfStreamsIsThatOfEach(t *testing.T) {
	flaky := strings.Repeat("0000000111", 100)
	for _, stream := range []string{"1111111111111111", "0100110-110111", strings.Repeat("0-", 40)} {
		for _, before := range []string{strings.Repeat("0", 300), flaky} {
			alone, _, code := judged(t, spread(stream), "--before-file="+file(t, spread(before)), "--pass-rate=0.9")
			if code != 0 {
				t.Fatal("exit", code)
			}
			line := before + "|" + stream + "\n"
			both, _, code := judged(t, flaky+"|0\n"+line+flaky+"|1\n", "--streams", "--pass-rate=0.9")
			if code != 0 || len(both) != 3 || both[1] != alone[0] {
				t.Errorf("exit %d, %+v; by itself %+v", code, both, alone)
			}
		}
	}
}

func TestJudgeTellsTheLinesBeforeABadOne(t *testing.T) {
	got, told, code := judged(t, "11\n00\nx\n11\n", "--streams", "--null-rate=0.01", "--burst=off")
	if code != 2 || len(got) != 2 || got[0].Verdict != "failed" || got[1].Verdict != "continue" {
		t.Errorf("exit %d, %+v, %q", code, got, told)
	}
}

// Verdicts are printed as soon as they are known, before the input ends.
func TestJudgeSpeaksBeforeTheInputEnds(t *testing.T) {
	for _, c := range []struct {
		input string
		flags []string
	}{
		{"1\n1\n", nil},
		{"11\n", []string{"--streams"}},
	} {
		in, feed := io.Pipe()
		hear, out := io.Pipe()
		code := make(chan int, 1)
		go func() {
			code <- cli.Main(append([]string{"judge", "--null-rate=0.01", "--burst=off"}, c.flags...), in, out, io.Discard)
		}()
		if _, err := io.WriteString(feed, c.input); err != nil {
			t.Fatal(err)
		}
		var v verdict
		if err := json.NewDecoder(hear).Decode(&v); err != nil || v.Verdict != "failed" || v.At != 2 {
			t.Errorf("%v, %+v", err, v)
		}
		_ = feed.Close()
		if got := <-code; got != 0 {
			t.Errorf("exit %d", got)
		}
	}
}

func TestJudgeBoundsALine(t *testing.T) {
	_, told, code := judged(t, "0\n"+strings.Repeat("0", 17<<20), "--streams", "--null-rate=0.01")
	if code != 2 || !strings.Contains(told, "line 2: longer than") {
		t.Errorf("exit %d, %q", code, told)
	}
}

func FuzzJudge(f *testing.F) {
	for kind, line := range []string{"0", "000|11", "3 10", "0.5", "1 2 1 2", "-", "inf", ""} {
		f.Add(kind%5, line)
	}
	before := filepath.Join(f.TempDir(), "before")
	if err := os.WriteFile(before, []byte(strings.Repeat("1\n", 30)), 0o600); err != nil {
		f.Fatal(err)
	}
	kinds := [][]string{
		{"--before=1/30"}, {"--streams"}, {"--kind=counts", "--null-rate=0.01"}, {"--kind=latency", "--before-file=" + before}, {"--kind=canary"},
	}
	f.Fuzz(func(t *testing.T, kind int, input string) {
		if kind < 0 || kind >= len(kinds) {
			return
		}
		got, told, code := judged(t, input, kinds[kind]...)
		if code != 0 && (code != 2 || !strings.Contains(told, "line ")) {
			t.Errorf("exit %d: %s", code, told)
		}
		for _, v := range got {
			if v.Verdict == "" || v.At < v.Missing {
				t.Errorf("%+v", v)
			}
		}
	})
}
