package watch_test

import (
	"strings"
	"testing"
	"time"
	"unicode"

	"guardian/internal/reason"
	"guardian/probes/sample"
	"guardian/watch"
)

// timeline is a watch of one check, drawn as its looks, and how it ends.
type timeline struct {
	marks  string
	before sample.Health
	policy func(*watch.Policy)
	state  watch.State
	at     int // marks until the verdict; 0: any
	says   []string
}

func timelines() map[string]timeline {
	quiet := func(p *watch.Policy) { p.For = 10 * time.Minute } // 40 looks
	return map[string]timeline{
		"a healthy deploy passes at its deadline": {
			marks: up(40), before: sample.Up, policy: quiet, state: watch.Passed, at: 40, says: []string{"40 looks of 1 check", "0 failed"},
		},
		"a total outage fails within ten looks": {
			marks: down(10), before: sample.Up, state: watch.Failed,
			says: []string{"push failed 6 of 6 looks since 10:02:11", "allowed is 0.41%", "before the deploy it failed 2 of 960", "HTTP 500"},
		},
		"one failure does not fail a deploy": {marks: "x" + up(39), before: sample.Up, policy: quiet, state: watch.Passed},
		"a fault that begins late is found": {
			marks: up(60) + down(15), before: sample.Up, state: watch.Failed, says: []string{"beginning at 10:17:26"},
		},
		"looks that cannot see are neither good nor bad": {
			marks: "xxxx????????????????????xxxxx", before: sample.Up, state: watch.Failed, at: 26, says: []string{"failed 6 of 6 looks"},
		},
		"a watch that saw nothing is inconclusive": {
			marks: strings.Repeat("?", 40), before: sample.Up, policy: func(p *watch.Policy) { quiet(p); p.MaxBlind = 0 }, state: watch.Inconclusive,
			says: []string{"push was never seen (token expired)"},
		},
		"a watch that went blind at its end is inconclusive": {
			marks: up(30) + strings.Repeat(" ", 10), before: sample.Up, policy: func(p *watch.Policy) { quiet(p); p.MaxBlind = 0 }, state: watch.Inconclusive, at: 40,
			says: []string{"not seen since 10:09:41"},
		},
		"a blind watch sees later what it could not see": { // blind for 12 marks, noticed after three
			marks: up(30) + strings.Repeat("?", 15) + up(8), before: sample.Up, state: watch.Passed, at: 53,
			policy: func(p *watch.Policy) { quiet(p); p.MaxBlind = 5 * time.Minute },
		},
		"a blind watch does not wait for ever": {
			marks: up(30) + strings.Repeat("?", 60), before: sample.Up, state: watch.Inconclusive, at: 60,
			policy: func(p *watch.Policy) { quiet(p); p.MaxBlind = 5 * time.Minute },
		},
		"too few looks do not pass": {
			marks: up(4), before: sample.Up, policy: func(p *watch.Policy) { p.For = time.Minute },
			state: watch.Inconclusive, at: 4, says: []string{"4 looks", " pass needs 10"},
		},
		"too many failures to pass and too few to fail": {
			marks: up(8) + "xxxx", before: sample.Up, policy: func(p *watch.Policy) { p.For = 3 * time.Minute },
			state: watch.Inconclusive, says: []string{"failed 4 of 12 looks", "too little to fail", "without a failure would have passed"},
		},
		"a service that was red before is not blamed": {
			marks: strings.Repeat("x", 40), before: sample.Down, policy: quiet, state: watch.Inconclusive,
			says: []string{" pass needs 10"},
		},
		"a fix that turns the service green passes": {
			marks: "xxx" + up(37), before: sample.Down, policy: quiet, state: watch.Passed,
		},
		"a fix that turned green and breaks again fails": {
			marks: "xxx.." + down(15), before: sample.Down, state: watch.Failed,
		},
		"what was unknown before is judged once it was up": {
			marks: "xxx." + down(12), before: sample.Unknown, state: watch.Failed,
		},
	}
}

func TestTimelines(t *testing.T) {
	for name, c := range timelines() {
		t.Run(name, func(t *testing.T) {
			before := green("push")
			before.Health["push"] = c.before
			p := policy()
			if c.policy != nil {
				c.policy(&p)
			}
			w := watch.Open(deploy(), p, []watch.CheckPolicy{check("push")}, before, t0())
			v, at := play(w, "push", c.marks, t0())
			switch {
			case v == nil:
				t.Fatalf("no verdict after %d looks; %s", at, w.Standing(t0()))
			case v.State != c.state:
				t.Fatalf("%s after %d looks, want %s: %s", v.State, at, c.state, v.Reason)
			case c.at != 0 && at != c.at:
				t.Errorf("%s after %d looks, want %d: %s", v.State, at, c.at, v.Reason)
			}
			for _, s := range c.says {
				if !strings.Contains(read(v.Reason), s) {
					t.Errorf("reason %q does not say %q", v.Reason, s)
				}
			}
			if zh := (reason.Reader{Language: "zh", Now: t0()}).Read(v.Reason); strings.ContainsAny(zh, "{}[]") || !strings.ContainsFunc(zh, func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
				t.Errorf("the reason in Chinese: %s", zh)
			}
			if w.State != v.State || !w.Reason.Equal(v.Reason) || !w.Ended.Equal(v.At) || w.Verdict == nil {
				t.Errorf("the watch does not hold its verdict: %+v", w)
			}
		})
	}
}
