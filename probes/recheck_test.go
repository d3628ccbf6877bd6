package probes_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/common/model"
	"pgregory.net/rapid"

	"guardian/internal/reason"
	"guardian/probes"
	"guardian/probes/sample"
)

// byTime is a probe whose target is down in the given stretches of seconds since the start.
func byTime(start time.Time, down ...[2]float64) *scripted {
	return &scripted{look: func(context.Context) sample.Observation {
		at := time.Since(start).Seconds()
		for _, d := range down {
			if d[0] <= at && at < d[1] {
				return sample.Observation{Health: sample.Down, Reason: reason.Text("status 500")}
			}
		}
		return sample.Observation{Health: sample.Up}
	}}
}

// drawn writes samples as a line: each as the second in which it began, "!" for rechecks.
func drawn(samples []sample.Sample) string {
	var words []string
	for _, s := range samples {
		word := fmt.Sprintf("%s%d", map[sample.Health]string{sample.Up: "", sample.Down: "x", sample.Unknown: "?"}[s.Health], int(s.At.Sub(samples[0].At).Seconds()))
		if s.Recheck {
			word += "!"
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

func TestAFailedCheckIsRechecked(t *testing.T) {
	for name, c := range map[string]struct {
		recheck probes.Recheck
		down    [2]float64
		want    string
	}{
		"until it is up again, and the schedule keeps its times": {
			probes.Recheck{Interval: model.Duration(2 * time.Second), For: model.Duration(time.Minute)},
			[2]float64{10, 15},
			"0 x10 x12! x14! 16! 20 30",
		},
		"beyond a scheduled look, which takes the place of a recheck": {
			probes.Recheck{Interval: model.Duration(3 * time.Second), For: model.Duration(time.Minute)},
			[2]float64{10, 24},
			"0 x10 x13! x16! x20 x23! 26! 30",
		},
		"for as long as it may and no longer": {
			probes.Recheck{Interval: model.Duration(2 * time.Second), For: model.Duration(5 * time.Second)},
			[2]float64{10, 35},
			"0 x10 x12! x14! x20 x30",
		},
		"not without recheck": {probes.Recheck{}, [2]float64{10, 15}, "0 x10 20 30"},
	} {
		t.Run(name, func(t *testing.T) {
			onStage(t, nil, func(s *stage) {
				k := check("a", 10*time.Second, nil)
				k.Recheck = c.recheck
				// The first look is spread by the check's name: the target's time begins with it.
				var begun time.Time
				k.Probe = &scripted{look: func(ctx context.Context) sample.Observation {
					if begun.IsZero() {
						begun = time.Now()
					}
					return byTime(begun, c.down).look(ctx)
				}}
				s.Apply([]probes.Check{k})
				for len(s.got()) == 0 {
					time.Sleep(time.Second / 4)
				}
				time.Sleep(34 * time.Second)
				if got := drawn(s.got()); got != c.want {
					t.Errorf("looks at %s, want %s", got, c.want)
				}
				rechecks := strings.Count(c.want, "!")
				if n := s.metric(t, "guardian_probe_rechecks_total"); n != float64(rechecks) {
					t.Errorf("%v rechecks counted, want %d", n, rechecks)
				}
			})
		})
	}
}

// ceiling allows a number of looks, the scheduled one included.
type ceiling struct{ left int }

func (c *ceiling) MayLook(_ string, at time.Time) (later time.Time, why reason.Reason) {
	if c.left--; c.left >= 0 {
		return time.Time{}, reason.Reason{}
	}
	return at.Add(24 * time.Hour), reason.Text("the quota is used")
}

func TestTheBudgetAndAVerdictEndRechecks(t *testing.T) {
	failing := func(name string) probes.Check {
		k := check(name, time.Minute, &scripted{look: func(context.Context) sample.Observation {
			return sample.Observation{Health: sample.Down, Reason: reason.Text("status 500")}
		}})
		k.Recheck = probes.Recheck{Interval: model.Duration(time.Second), For: model.Duration(10 * time.Minute)}
		return k
	}
	t.Run("the budget refuses", func(t *testing.T) {
		onStage(t, func(o *probes.RunnerOptions) { o.Budget = &ceiling{left: 4} }, func(s *stage) {
			s.Apply([]probes.Check{failing("a")})
			for len(s.got()) == 0 {
				time.Sleep(time.Second)
			}
			time.Sleep(30 * time.Second)
			if n := len(s.got()); n != 4 {
				t.Errorf("%d looks, want the scheduled one and three rechecks", n)
			}
			if n := s.metric(t, "guardian_probe_rechecks_denied_total"); n < 20 || n > 30 {
				t.Errorf("%v refused, want one each second", n)
			}
		})
	})
	t.Run("who judged has decided", func(t *testing.T) {
		onStage(t, nil, func(s *stage) {
			s.Apply([]probes.Check{failing("a"), failing("b")})
			time.Sleep(2 * time.Minute)
			s.StopRechecks("a", "unknown")
			time.Sleep(time.Second)
			synctest.Wait()
			count := func(check string) (n int) {
				for _, x := range s.got() {
					if x.Check == check {
						n++
					}
				}
				return n
			}
			a, b := count("a"), count("b")
			time.Sleep(10 * time.Minute / 2)
			if n := count("a") - a; n != 5 {
				t.Errorf("the settled check was looked at %d times in five minutes, want 5 times", n)
			}
			if n := count("b") - b; n < 290 {
				t.Errorf("the other check was looked at %d times, want each second", n)
			}
		})
	})
}

func TestALostPacketIsTriedAgainWithinTheLook(t *testing.T) {
	const times = 2
	lost := func(lose int) (*scripted, *[]time.Duration) {
		var had []time.Duration // the time that each try was given
		return &scripted{look: func(ctx context.Context) sample.Observation {
			deadline, _ := ctx.Deadline()
			had = append(had, time.Until(deadline))
			if len(had) <= lose {
				<-ctx.Done()
				return sample.Observation{Health: sample.Down, Reason: reason.Text("no answer")}
			}
			return sample.Observation{Health: sample.Up, Detail: "HTTP/1.1 200 OK"}
		}}, &had
	}
	for name, c := range map[string]struct {
		lose   int
		health sample.Health
		reason string
		detail []string
		tries  int
	}{
		"nothing is lost":   {0, sample.Up, "", []string{"200 OK"}, 1},
		"one packet":        {1, sample.Up, "", []string{"try 1 of 3 was down: no answer", "200 OK"}, 2},
		"two packets":       {2, sample.Up, "", []string{"try 2 of 3 was down: no answer"}, 3},
		"more than allowed": {3, sample.Down, "no answer (after 3 tries)", []string{"try 1 of 3", "try 2 of 3"}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			onStage(t, nil, func(s *stage) {
				p, had := lost(c.lose)
				k := check("a", time.Minute, p)
				k.Timeout = 10 * time.Second
				k.Retry = probes.Retry{Times: times, Pause: model.Duration(500 * time.Millisecond)}
				s.Apply([]probes.Check{k})
				x, err := s.LookNow(context.Background(), "a")
				if err != nil {
					t.Fatal(err)
				}
				if x.Health != c.health || x.Reason.String() != c.reason {
					t.Errorf("%s %q, want %s %q", x.Health, x.Reason, c.health, c.reason)
				}
				for _, want := range c.detail {
					if !strings.Contains(x.Detail, want) {
						t.Errorf("the detail does not say %q:\n%s", want, x.Detail)
					}
				}
				if x.Duration > 10*time.Second {
					t.Errorf("the tries took %s together, more than the check's timeout", x.Duration)
				}
				if len(*had) != c.tries || (*had)[0] != 3*time.Second {
					t.Errorf("tries were given %v, want %d, of which the first gets a third of the time without the pauses", *had, c.tries)
				}
				if v := x.Values[len(x.Values)-1]; v.Name != probes.RetriesSeries || v.V != float64(c.tries-1) {
					t.Errorf("value %v, want %d retries", v, c.tries-1)
				}
				if n := s.metric(t, "guardian_probe_retries_total"); n != float64(c.tries-1) {
					t.Errorf("%v retries counted, want %d", n, c.tries-1)
				}
			})
		})
	}
}

func TestAStampComesBeforeEverybody(t *testing.T) {
	cutOff := func(_ context.Context, x sample.Sample) sample.Sample {
		if x.Health == sample.Down {
			x.Observation = sample.Observation{Reason: reason.Text("cut off")}
		}
		return x
	}
	onStage(t, func(o *probes.RunnerOptions) { o.Correct = cutOff }, func(s *stage) {
		k := check("a", time.Minute, &scripted{look: func(context.Context) sample.Observation {
			return sample.Observation{Health: sample.Down, Reason: reason.Text("no answer")}
		}})
		k.Recheck = probes.Recheck{Interval: model.Duration(time.Second), For: model.Duration(time.Hour)}
		s.Apply([]probes.Check{k})
		x, err := s.LookNow(context.Background(), "a")
		if err != nil || x.Health != sample.Unknown || x.Reason.String() != "cut off" {
			t.Errorf("who asked got %v (%v), want unknown because of the stamp", x.Observation, err)
		}
		time.Sleep(2 * time.Minute)
		for _, x := range s.got() {
			if x.Health != sample.Unknown || x.Recheck {
				t.Errorf("got %s (recheck %t), want unknown and no rechecks", x.Health, x.Recheck)
			}
		}
	})
}

// TestRechecksKeepTheirDistance lets targets fail at random: no two looks that begin lie
// closer together than the interval, none is a recheck after an up, and every scheduled
// look is made.
func TestRechecksKeepTheirDistance(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		every := time.Duration(rapid.IntRange(4, 30).Draw(rt, "every")) * time.Second
		burst := time.Duration(rapid.IntRange(1, int(every/time.Second)/2).Draw(rt, "burst")) * time.Second
		took := time.Duration(rapid.IntRange(0, int(burst/time.Millisecond)).Draw(rt, "took ms")) * time.Millisecond
		health := rapid.SliceOfN(rapid.SampledFrom([]sample.Health{sample.Up, sample.Down, sample.Down, sample.Unknown}), 40, 40).Draw(rt, "health")
		onStage(t, nil, func(s *stage) {
			n := 0
			k := check("a", every, &scripted{look: func(context.Context) sample.Observation {
				time.Sleep(took)
				n++
				return sample.Observation{Health: health[(n-1)%len(health)]}
			}})
			k.Recheck = probes.Recheck{Interval: model.Duration(burst), For: model.Duration(time.Minute)}
			s.Apply([]probes.Check{k})
			time.Sleep(20 * every)
			scheduled := 0
			known := sample.Unknown
			for i, x := range s.got() {
				if !x.Recheck {
					scheduled++
				}
				if x.Recheck && known != sample.Down {
					rt.Errorf("look %d is a recheck, but the check had not failed", i)
				}
				if i > 0 {
					if gap := x.At.Sub(s.got()[i-1].At); gap < burst {
						rt.Errorf("looks %d and %d are %s apart, want at least %s", i-1, i, gap, burst)
					}
				}
				if x.Health != sample.Unknown {
					known = x.Health
				}
			}
			if scheduled < 19 {
				rt.Errorf("%d scheduled looks in 20 intervals", scheduled)
			}
		})
	})
}
