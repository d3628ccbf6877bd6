package probes_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/robfig/cron/v3"

	"guardian/internal/reason"
	"guardian/internal/secret"
	"guardian/probes"
	"guardian/probes/sample"
)

// scripted is a probe that does what a test says; it notices two looks at once.
type scripted struct {
	look   func(ctx context.Context) sample.Observation
	sweep  func(ctx context.Context) error
	mu     sync.Mutex
	under  bool
	twice  bool
	looks  int
	sweeps int
	closed int
}

func (p *scripted) Look(ctx context.Context) sample.Observation {
	p.mu.Lock()
	p.looks++
	p.twice = p.twice || p.under
	p.under = true
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.under = false
	}()
	if p.look == nil {
		return sample.Observation{Health: sample.Up}
	}
	return p.look(ctx)
}

func (p *scripted) Sweep(ctx context.Context) error {
	p.mu.Lock()
	p.sweeps++
	p.mu.Unlock()
	if p.sweep == nil {
		return nil
	}
	return p.sweep(ctx)
}

func (p *scripted) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed++
	return nil
}

func (p *scripted) count() (looks, sweeps, closed int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.looks, p.sweeps, p.closed
}

// stage is a Runner in a bubble of fake time, with what its Sink got.
type stage struct {
	*probes.Runner
	reg     *prometheus.Registry
	logs    bytes.Buffer
	mu      sync.Mutex
	samples []sample.Sample
}

func onStage(t *testing.T, change func(*probes.RunnerOptions), play func(s *stage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &stage{reg: prometheus.NewRegistry()}
		red := &secret.Redactor{}
		red.Learn(secret.New("hunter22"))
		o := probes.RunnerOptions{
			Registerer: s.reg, Redactor: red, Log: slog.New(slog.NewTextHandler(&s.logs, nil)),
			OnSample: func(x sample.Sample) {
				s.mu.Lock()
				defer s.mu.Unlock()
				s.samples = append(s.samples, x)
			},
		}
		if change != nil {
			change(&o)
		}
		s.Runner = probes.NewRunner(o)
		play(s)
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		defer cancel()
		if err := s.Stop(ctx); err != nil {
			t.Errorf("stop: %v", err)
		}
		if err := s.Stop(ctx); err != nil {
			t.Errorf("second stop: %v", err)
		}
	})
}

func (s *stage) got() []sample.Sample {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]sample.Sample(nil), s.samples...)
}

func (s *stage) metric(t *testing.T, name string) float64 {
	t.Helper()
	families, err := s.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	total := 0.0
	for _, f := range families {
		if f.GetName() == name {
			for _, m := range f.GetMetric() {
				total += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return total
}

func check(name string, every time.Duration, p probes.Probe) probes.Check {
	return probes.Check{Name: name, Kind: "fake", Service: "shop", Fingerprint: name + "-1", Every: every, Probe: p, Labels: map[string]string{"shop": "a"}}
}

func TestRunnerLooksOnSchedule(t *testing.T) {
	onStage(t, nil, func(s *stage) {
		p := &scripted{look: func(context.Context) sample.Observation {
			time.Sleep(2 * time.Second)
			return sample.Observation{Health: sample.Down, Reason: reason.Text("key hunter22")}
		}}
		s.Apply([]probes.Check{check("a", 10*time.Second, p)})
		time.Sleep(10*time.Minute + 5*time.Second)
		samples := s.got()
		if len(samples) < 59 || len(samples) > 61 {
			t.Fatalf("%d looks in ten minutes, want 60", len(samples))
		}
		for i, x := range samples {
			if x.Check != "a" || x.Kind != "fake" || x.Service != "shop" || x.Labels["shop"] != "a" || x.Duration != 2*time.Second || x.At.Location() != time.UTC {
				t.Fatalf("sample %+v", x)
			}
			if x.Reason.String() != "key <secret>" {
				t.Fatalf("reason %q", x.Reason)
			}
			if i > 0 && x.At.Sub(samples[i-1].At) != 10*time.Second {
				t.Errorf("looks %s apart", x.At.Sub(samples[i-1].At))
			}
		}
		if got := s.metric(t, "guardian_probe_looks_total"); got != float64(len(samples)) {
			t.Errorf("looks_total %v", got)
		}
		if got := s.metric(t, "guardian_probe_skipped_total"); got != 0 {
			t.Errorf("skipped %v", got)
		}
	})
}

func TestRunnerSpreadsTheStart(t *testing.T) {
	onStage(t, nil, func(s *stage) {
		var checks []probes.Check
		for i := range 300 {
			checks = append(checks, check(fmt.Sprintf("check-%d", i), 30*time.Second, &scripted{}))
		}
		s.Apply(checks)
		time.Sleep(30 * time.Second)
		synctest.Wait()
		perSecond := map[int64]int{}
		for _, x := range s.got() {
			perSecond[x.At.Unix()]++
		}
		if len(s.got()) < 300 {
			t.Errorf("%d of 300 checks looked within their interval", len(s.got()))
		}
		for second, n := range perSecond {
			if n > 40 {
				t.Errorf("%d looks in second %d", n, second)
			}
		}
	})
}

func TestRunnerFirstLookOfASlowCheckIsSoon(t *testing.T) {
	onStage(t, nil, func(s *stage) {
		s.Apply([]probes.Check{check("daily", 24*time.Hour, &scripted{})})
		time.Sleep(time.Minute + time.Second)
		if len(s.got()) != 1 {
			t.Errorf("%d looks in the first minute", len(s.got()))
		}
	})
}

func TestRunnerNeverPilesUp(t *testing.T) {
	onStage(t, nil, func(s *stage) {
		p := &scripted{look: func(context.Context) sample.Observation {
			time.Sleep(35 * time.Second) // deaf to its deadline
			return sample.Observation{Health: sample.Up}
		}}
		s.Apply([]probes.Check{check("deaf", 10*time.Second, p)})
		time.Sleep(10 * time.Minute)
		looks, _, _ := p.count()
		if p.twice {
			t.Error("two looks at once")
		}
		if looks < 14 || looks > 16 { // every 40 s: 35 s, and then the next time that is due
			t.Errorf("%d looks", looks)
		}
		if got := s.metric(t, "guardian_probe_skipped_total"); got < 3*float64(looks-2) || got > 3*float64(looks) {
			t.Errorf("skipped %v with %d looks", got, looks)
		}
	})
}

func TestRunnerGivesALookLessThanItsInterval(t *testing.T) {
	for name, tc := range map[string]struct{ every, timeout, want time.Duration }{
		"the check's own":     {10 * time.Second, 3 * time.Second, 3 * time.Second},
		"left out":            {10 * time.Second, 0, 9 * time.Second},
		"over the interval":   {10 * time.Second, time.Minute, 9 * time.Second},
		"left out, long away": {time.Hour, 0, probes.DefaultTimeout},
	} {
		onStage(t, nil, func(s *stage) {
			p := &scripted{look: func(ctx context.Context) sample.Observation {
				<-ctx.Done()
				return sample.Observation{Health: sample.Down, Reason: reason.Text("too slow")}
			}}
			c := check("a", tc.every, p)
			c.Timeout = tc.timeout
			s.Apply([]probes.Check{c})
			time.Sleep(2 * time.Minute)
			if got := s.got(); len(got) == 0 || got[0].Duration != tc.want || got[0].Health != sample.Down {
				t.Errorf("%s: %+v", name, got)
			}
		})
	}
}

func TestRunnerTurnsAPanicIntoUnknown(t *testing.T) {
	onStage(t, nil, func(s *stage) {
		p := &scripted{look: func(context.Context) sample.Observation { panic("nil map, key hunter22") }}
		s.Apply([]probes.Check{check("a", 10*time.Second, p)})
		time.Sleep(25 * time.Second)
		got := s.got()
		if len(got) < 2 || got[0].Health != sample.Unknown || !strings.Contains(got[0].Reason.String(), "the probe crashed") || strings.Contains(got[0].Reason.String(), "hunter22") {
			t.Errorf("samples %+v", got)
		}
		if s.metric(t, "guardian_probe_panics_total") != float64(len(got)) {
			t.Error("panics are not counted")
		}
		if logs := s.logs.String(); !strings.Contains(logs, "scripted") || strings.Contains(logs, "hunter22") {
			t.Errorf("the log has no stack or a secret: %s", logs)
		}
	})
}

func TestRunnerApply(t *testing.T) {
	onStage(t, nil, func(s *stage) {
		kept, changed, gone := &scripted{}, &scripted{}, &scripted{}
		s.Apply([]probes.Check{check("kept", 10*time.Second, kept), check("changed", 10*time.Second, changed), check("gone", 10*time.Second, gone)})
		time.Sleep(time.Minute)
		synctest.Wait()
		keptAt := s.got()

		unused, next := &scripted{}, &scripted{}
		other := check("changed", 10*time.Second, next)
		other.Fingerprint = "changed-2"
		s.Apply([]probes.Check{check("kept", 10*time.Second, unused), other})
		synctest.Wait()
		before, _, closed := changed.count()
		if closed != 1 {
			t.Error("the probe of a changed check is not closed")
		}
		if _, _, closed = gone.count(); closed != 1 {
			t.Error("the probe of a check that is gone is not closed")
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if n, _, _ := unused.count(); n != 0 {
			t.Error("a check that did not change lost its probe")
		}
		if n, _, closed := kept.count(); n != 12 || closed != 0 {
			t.Errorf("the check that did not change looked %d times, want 12", n)
		}
		if n, _, _ := next.count(); n < 5 {
			t.Errorf("the changed check looked %d times", n)
		}
		if n, _, _ := changed.count(); n != before {
			t.Error("the probe that was replaced still looks")
		}
		if len(keptAt) == 0 || testutil.CollectAndCount(s.reg, "guardian_probe_panics_total") != 2 {
			t.Error("the series of a check that is gone are still there")
		}
	})
}

func TestRunnerAChangedCheckWaitsForItsOldLook(t *testing.T) {
	onStage(t, nil, func(s *stage) {
		var under, most atomic.Int32
		deaf := func(context.Context) sample.Observation {
			most.Store(max(most.Load(), under.Add(1)))
			time.Sleep(20 * time.Second)
			under.Add(-1)
			return sample.Observation{Health: sample.Up}
		}
		for i := range 5 {
			c := check("a", 2*time.Second, &scripted{look: deaf})
			c.Fingerprint = fmt.Sprint(i)
			s.Apply([]probes.Check{c})
			time.Sleep(3 * time.Second)
		}
		time.Sleep(5 * time.Minute)
		if most.Load() != 1 {
			t.Errorf("%d looks of one check at once", most.Load())
		}
	})
}

func TestRunnerLookNow(t *testing.T) {
	onStage(t, nil, func(s *stage) {
		p := &scripted{look: func(context.Context) sample.Observation {
			time.Sleep(3 * time.Second)
			return sample.Observation{Health: sample.Up}
		}}
		s.Apply([]probes.Check{check("a", time.Hour, p)})
		var asked sync.WaitGroup
		for range 3 {
			asked.Go(func() {
				x, err := s.LookNow(context.Background(), "a")
				if err != nil || x.Health != sample.Up || x.Check != "a" {
					t.Errorf("look now: %+v, %v", x, err)
				}
			})
		}
		asked.Wait()
		if p.twice {
			t.Error("two looks at once")
		}
		if len(s.got()) < 3 {
			t.Errorf("the sink got %d samples", len(s.got()))
		}
		if _, err := s.LookNow(context.Background(), "b"); !errors.Is(err, probes.ErrNoCheck) {
			t.Errorf("no such check: %v", err)
		}
		had := len(s.got())
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if _, err := s.LookNow(ctx, "a"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("an asker without patience: %v", err)
		}
		time.Sleep(10 * time.Second)
		if len(s.got()) != had {
			t.Error("a look whose asker left was told")
		}
		if _, err := s.LookNow(context.Background(), "a"); err != nil {
			t.Errorf("after an asker that left: %v", err)
		}
	})
}

// A look that nobody waits for holds its asker up no more than the end of the runner.
func TestRunnerLooksSoon(t *testing.T) {
	onStage(t, nil, func(s *stage) {
		p := &scripted{look: func(context.Context) sample.Observation {
			time.Sleep(time.Second)
			return sample.Observation{Health: sample.Up}
		}}
		s.Apply([]probes.Check{check("a", 24*time.Hour, p)})
		time.Sleep(time.Hour)
		had, asked := len(s.got()), time.Now()
		s.LookSoon("a")
		s.LookSoon("nobody")
		if took := time.Since(asked); took > 0 {
			t.Errorf("it took %s to ask", took)
		}
		time.Sleep(2 * time.Second)
		if got := len(s.got()) - had; got != 1 {
			t.Errorf("%d looks", got)
		}
		if err := s.Stop(context.Background()); err != nil {
			t.Fatal(err)
		}
		s.LookSoon("a")
		time.Sleep(time.Minute)
		if got := len(s.got()) - had; got != 1 {
			t.Errorf("%d looks after the end", got)
		}
	})
}

func TestRunnerOnStandby(t *testing.T) {
	onStage(t, nil, func(s *stage) {
		active, reading := &scripted{}, &scripted{}
		broken := make(chan error, 10)
		active.look = func(ctx context.Context) sample.Observation {
			select {
			case <-ctx.Done():
				broken <- ctx.Err()
			case <-time.After(5 * time.Second):
			}
			return sample.Observation{Health: sample.Up}
		}
		push := check("push", 10*time.Second, active)
		push.Active = true
		s.Apply([]probes.Check{push, check("read", 10*time.Second, reading)})
		time.Sleep(time.Minute)
		if n, sweeps, _ := active.count(); n != 0 || sweeps != 0 {
			t.Error("an active kind looked or swept on standby")
		}
		if n, _, _ := reading.count(); n != 6 {
			t.Errorf("the others looked %d times", n)
		}
		if _, err := s.LookNow(context.Background(), "push"); !errors.Is(err, probes.ErrStandby) {
			t.Errorf("look now on standby: %v", err)
		}

		s.SetActive(true)
		time.Sleep(time.Minute)
		if n, sweeps, _ := active.count(); n < 5 || sweeps != 1 {
			t.Errorf("with the lease: %d looks, %d sweeps", n, sweeps)
		}
		// Lose the lease in the middle of a look.
		var told int
		for {
			synctest.Wait()
			active.mu.Lock()
			under := active.under
			active.mu.Unlock()
			if under {
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
		told = len(s.got())
		s.SetActive(false)
		synctest.Wait()
		if len(broken) != 1 {
			t.Error("the look was not broken off")
		}
		for _, x := range s.got()[told:] {
			if x.Check == "push" {
				t.Errorf("a look that was broken off is told: %+v", x)
			}
		}
		n, _, _ := active.count()
		time.Sleep(time.Minute)
		if after, _, _ := active.count(); after != n {
			t.Error("an active kind looked after the lease was lost")
		}
		s.SetActive(true)
		time.Sleep(20 * time.Second)
		if _, sweeps, _ := active.count(); sweeps != 2 {
			t.Errorf("%d sweeps after two times of being active", sweeps)
		}
	})
}

func TestRunnerSurvivesASweepThatFails(t *testing.T) {
	for name, sweep := range map[string]func(context.Context) error{
		"an error": func(context.Context) error { return errors.New("hunter22") },
		"a panic":  func(context.Context) error { panic("hunter22") },
		"hanging":  func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
	} {
		onStage(t, nil, func(s *stage) {
			p := &scripted{sweep: sweep}
			c := check("push", 10*time.Second, p)
			c.Active = true
			s.SetActive(true)
			s.Apply([]probes.Check{c})
			time.Sleep(2 * time.Minute)
			if n, sweeps, _ := p.count(); n < 5 || sweeps != 1 {
				t.Errorf("%s: %d looks, %d sweeps", name, n, sweeps)
			}
			if logs := s.logs.String(); logs == "" || strings.Contains(logs, "hunter22") {
				t.Errorf("%s: log %q", name, logs)
			}
		})
	}
}

func TestRunnerStopsWhatIsUnderWay(t *testing.T) {
	onStage(t, nil, func(s *stage) {
		p := &scripted{look: func(ctx context.Context) sample.Observation {
			<-ctx.Done()
			time.Sleep(2 * time.Second) // its cleanup
			return sample.Observation{Reason: reason.Text("broken off")}
		}}
		c := check("a", time.Hour, p)
		c.Timeout = 30 * time.Minute
		s.Apply([]probes.Check{c})
		time.Sleep(2 * time.Minute)
		short, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := s.Stop(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("stop without patience: %v", err)
		}
		if err := s.Stop(context.Background()); err != nil {
			t.Errorf("stop: %v", err)
		}
		if _, _, closed := p.count(); closed != 1 || len(s.got()) != 0 {
			t.Errorf("closed %d times, told %v", closed, s.got())
		}
		s.Apply([]probes.Check{check("b", time.Second, &scripted{})})
		if _, err := s.LookNow(context.Background(), "b"); !errors.Is(err, probes.ErrNoCheck) {
			t.Errorf("a check after the stop: %v", err)
		}
	})
}

func TestRunnerBoundsLooksUnderWay(t *testing.T) {
	onStage(t, func(o *probes.RunnerOptions) { o.MaxLooks = 3 }, func(s *stage) {
		var under, most atomic.Int32
		var checks []probes.Check
		for i := range 20 {
			checks = append(checks, check(fmt.Sprint(i), 10*time.Second, &scripted{look: func(ctx context.Context) sample.Observation {
				most.Store(max(most.Load(), under.Add(1)))
				<-ctx.Done()
				under.Add(-1)
				return sample.Observation{}
			}}))
		}
		s.Apply(checks)
		time.Sleep(5 * time.Minute)
		if most.Load() != 3 {
			t.Errorf("%d looks at once, want 3", most.Load())
		}
		if s.metric(t, "guardian_probe_skipped_total") == 0 || s.metric(t, "guardian_probe_schedule_lag_seconds") == 0 {
			t.Error("being behind is not told")
		}
	})
}

// A wall clock without monotonic reading, as after a suspend on some systems, that is set.
func TestRunnerWhenTheClockIsSet(t *testing.T) {
	for name, tc := range map[string]struct {
		schedule probes.Schedule
		jump     time.Duration
	}{
		"an interval, forward":   {nil, time.Hour},
		"an interval, back":      {nil, -time.Hour},
		"every minute, forward":  {mustCron(t, "* * * * *"), time.Hour},
		"every minute, back":     {mustCron(t, "* * * * *"), -time.Hour},
		"cron's every, forward":  {cron.Every(time.Minute), 3 * time.Hour},
		"cron's every, backward": {cron.Every(time.Minute), -3 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			var offset atomic.Int64
			now := func() time.Time { return time.Now().Add(time.Duration(offset.Load())).Round(0) }
			onStage(t, func(o *probes.RunnerOptions) { o.Now = now }, func(s *stage) {
				c := check("a", time.Minute, &scripted{})
				c.Schedule = tc.schedule
				s.Apply([]probes.Check{c})
				time.Sleep(10*time.Minute + 30*time.Second)
				before := len(s.got())
				offset.Store(int64(tc.jump))
				time.Sleep(3 * time.Minute)
				after := len(s.got()) - before
				if after < 1 || after > 5 {
					t.Errorf("%d looks in the three minutes after the clock was set", after)
				}
				time.Sleep(10 * time.Minute)
				if total := len(s.got()) - before; total < 11 || total > 15 {
					t.Errorf("%d looks in 13 minutes", total)
				}
			})
		})
	}
}

func mustCron(t *testing.T, spec string) probes.Schedule {
	t.Helper()
	s, err := cron.ParseStandard(spec)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRunnerFollowsACalendar(t *testing.T) {
	onStage(t, nil, func(s *stage) {
		c := check("a", 5*time.Minute, &scripted{})
		c.Schedule = mustCron(t, "*/5 * * * *")
		never := check("never", time.Hour, &scripted{})
		never.Schedule = mustCron(t, "0 0 30 2 *")
		s.Apply([]probes.Check{c, never})
		time.Sleep(time.Hour)
		got := s.got()
		if len(got) != 12 && len(got) != 11 {
			t.Errorf("%d looks in an hour", len(got))
		}
		for _, x := range got {
			if x.Check != "a" || x.At.Minute()%5 != 0 || x.At.Second() != 0 {
				t.Errorf("%s looked at %s", x.Check, x.At)
			}
		}
	})
}

func TestRunnerLooksMoreOftenThanEverySecond(t *testing.T) {
	onStage(t, nil, func(s *stage) {
		s.Apply([]probes.Check{check("a", 200*time.Millisecond, &scripted{})})
		time.Sleep(10 * time.Second)
		if n := len(s.got()); n < 49 || n > 51 {
			t.Errorf("%d looks in ten seconds", n)
		}
	})
}

func TestRunnerMetricsAreWellNamed(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	r := probes.NewRunner(probes.RunnerOptions{Registerer: reg})
	r.Apply([]probes.Check{check("a", time.Hour, &scripted{})})
	t.Cleanup(func() { _ = r.Stop(context.Background()) })
	problems, err := testutil.GatherAndLint(reg)
	if err != nil || len(problems) != 0 {
		t.Errorf("%v %v", problems, err)
	}
	if n := testutil.CollectAndCount(reg, "guardian_probe_looks_total"); n != 3 {
		t.Errorf("%d series of looks before the first look", n)
	}
}

func BenchmarkRunnerLook(b *testing.B) {
	r := probes.NewRunner(probes.RunnerOptions{OnSample: func(sample.Sample) {}})
	b.Cleanup(func() { _ = r.Stop(context.Background()) })
	r.Apply([]probes.Check{check("a", time.Hour, &scripted{})})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.LookNow(b.Context(), "a"); err != nil {
			b.Fatal(err)
		}
	}
}
