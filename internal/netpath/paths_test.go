package netpath_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"guardian/internal/netpath"
	"guardian/internal/reason"
	"guardian/probes"
	"guardian/probes/sample"
)

func day() time.Time { return time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC) }

func look(check string, at time.Time, h sample.Health) sample.Sample {
	return sample.Sample{Check: check, At: at, Observation: sample.Observation{Health: h, Reason: reason.Text("no answer")}}
}

// cannotLook is for controls that cannot be asked.
func cannotLook(context.Context, string) (sample.Sample, error) {
	return sample.Sample{}, errors.New("the check was stopped")
}

// hk has the checks of one path: a target, and some controls.
func hk(controls ...string) []netpath.Check {
	checks := []netpath.Check{{Name: "target", Path: "hk"}, {Name: "elsewhere", Path: "default"}}
	for _, c := range controls {
		checks = append(checks, netpath.Check{Name: c, Path: "hk", Control: true, Fresh: 30 * time.Second})
	}
	return checks
}

func TestAFailureIsNoneOfTheTargetsWhileNoControlAnswers(t *testing.T) {
	type controls map[string]sample.Sample
	at := func(second int, h sample.Health) sample.Sample {
		return look("", day().Add(time.Duration(second)*time.Second), h)
	}
	for name, c := range map[string]struct {
		controls controls
		want     sample.Health // of a target that is down
		asked    string        // which controls
		reason   string
	}{
		"its control is down":               {controls{"a": at(1, sample.Down)}, sample.Unknown, "", "cut off: control a does not answer (no answer)"},
		"its control could not look":        {controls{"a": at(1, sample.Unknown)}, sample.Unknown, "", "control a does not answer"},
		"its control is up":                 {controls{"a": at(0, sample.Up)}, sample.Down, "", "no answer"},
		"one of two is up":                  {controls{"a": at(1, sample.Down), "b": at(2, sample.Up)}, sample.Down, "", "no answer"},
		"both are down":                     {controls{"a": at(1, sample.Down), "b": at(2, sample.Down)}, sample.Unknown, "", "control a does not answer (no answer) and control b"},
		"one is down, the other one is old": {controls{"a": at(1, sample.Down), "b": at(-1, sample.Down)}, sample.Down, "b", "no answer"},
		"one is up, the other one is old":   {controls{"a": at(1, sample.Up), "b": at(-1, sample.Down)}, sample.Down, "", "no answer"},
		"the good look is from before":      {controls{"a": at(-1, sample.Up)}, sample.Down, "a", "no answer"},
		"the control was never looked at":   {controls{"a": {}}, sample.Down, "a", "no answer"},
		"there is no control on this path":  {nil, sample.Down, "", "no answer"},
	} {
		t.Run(name, func(t *testing.T) {
			var asked []string
			p := netpath.New(netpath.Options{
				Now: func() time.Time { return day().Add(2 * time.Second) },
				Look: func(ctx context.Context, check string) (sample.Sample, error) {
					asked = append(asked, check)
					return cannotLook(ctx, check)
				},
			})
			var names []string
			for name := range c.controls {
				names = append(names, name)
			}
			slices.Sort(names)
			p.Apply(hk(names...))
			for _, name := range names {
				if s := c.controls[name]; !s.At.IsZero() {
					s.Check = name
					p.Correct(t.Context(), s)
				}
			}
			got := p.Correct(t.Context(), look("target", day(), sample.Down))
			if got.Health != c.want || !strings.Contains(got.Reason.String(), c.reason) {
				t.Errorf("the target is %s (%s), want %s (%s)", got.Health, got.Reason, c.want, c.reason)
			}
			if s := strings.Join(asked, " "); s != c.asked {
				t.Errorf("asked %q, want %q", s, c.asked)
			}
			if up := p.Correct(t.Context(), look("target", day(), sample.Up)); up.Health != sample.Up {
				t.Errorf("a look that got its answer is %s", up.Health)
			}
			if other := p.Correct(t.Context(), look("elsewhere", day(), sample.Down)); other.Health != sample.Down {
				t.Errorf("a failure on another path is %s", other.Health)
			}
		})
	}
}

func TestAnOutageHasItsBeginItsEndAndItsMetrics(t *testing.T) {
	now := day()
	reg := prometheus.NewPedanticRegistry()
	p := netpath.New(netpath.Options{Now: func() time.Time { return now }, Look: cannotLook, Registerer: reg})
	p.Apply(hk("control"))
	put := func(check string, began, ended int, h sample.Health) sample.Sample {
		now = day().Add(time.Duration(ended) * time.Second)
		return p.Correct(t.Context(), look(check, day().Add(time.Duration(began)*time.Second), h))
	}
	cutOff := func() float64 {
		t.Helper()
		all, err := reg.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range all {
			if f.GetName() == "guardian_network_path_cut_off" {
				return f.GetMetric()[0].GetGauge().GetValue()
			}
		}
		t.Fatal("no metric says whether the path is cut off")
		return 0
	}
	if n := len(p.Outages()); n != 0 || cutOff() != 0 {
		t.Errorf("%d outages before the first look", n)
	}
	if s := put("control", 10, 11, sample.Down); s.Health != sample.Unknown || s.Detail != "the look itself: no answer" {
		t.Errorf("the control itself is %s (%s), want unknown with what it saw", s.Health, s.Detail)
	}
	put("control", 15, 16, sample.Down)
	// A reload with the same paths forgets nothing.
	p.Apply(hk("control"))
	if o, ok := p.Outages()["hk"]; !ok || !o.Since.Equal(day().Add(10*time.Second)) || cutOff() != 1 {
		t.Errorf("the outage is %+v, metric %v; want one since the first failure", o, cutOff())
	}
	put("control", 20, 20, sample.Up)
	if n := len(p.Outages()); n != 0 || cutOff() != 0 {
		t.Errorf("%d outages after the control has answered", n)
	}
	p.Apply(hk("control"))
	// It ends when a control answers again already.
	if s := put("target", 15, 25, sample.Down); s.Health != sample.Unknown {
		t.Errorf("a look that began during the outage is %s, want unknown", s.Health)
	}
	if s := put("target", 26, 27, sample.Down); s.Health != sample.Down {
		t.Errorf("a look after the outage is %s, want down", s.Health)
	}
	if problems, err := testutil.GatherAndLint(reg); err != nil || len(problems) != 0 {
		t.Errorf("%v %v", problems, err)
	}
	p.Apply(hk())
	if n := testutil.CollectAndCount(reg, "guardian_network_path_cut_off"); n != 0 {
		t.Errorf("%d metrics of paths that have no control any more", n)
	}
}

func TestAnOldLookOfAControlSaysNothing(t *testing.T) {
	now := day()
	p := netpath.New(netpath.Options{Now: func() time.Time { return now }, Look: cannotLook})
	p.Apply(hk("a", "b"))
	p.Correct(t.Context(), look("a", now, sample.Up))
	now = now.Add(31 * time.Second) // a's look does not count any more
	p.Correct(t.Context(), look("b", now, sample.Down))
	if n := len(p.Outages()); n != 0 {
		t.Errorf("%d outages although one control was not looked at lately", n)
	}
	p.Correct(t.Context(), look("a", now, sample.Down))
	if n := len(p.Outages()); n != 1 {
		t.Errorf("%d outages when no control answers, want 1", n)
	}
}

func TestManyFailuresAskTheControlsAtMostTwiceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		var p *netpath.Paths
		p = netpath.New(netpath.Options{Now: time.Now, Look: func(ctx context.Context, check string) (sample.Sample, error) {
			asked.Add(1)
			began := time.Now()
			time.Sleep(10 * time.Millisecond)
			return p.Correct(ctx, look(check, began, sample.Up)), nil
		}})
		p.Apply(hk("control"))
		end := time.Now().Add(10 * time.Second)
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				for time.Now().Before(end) {
					began := time.Now()
					time.Sleep(time.Millisecond)
					if s := p.Correct(t.Context(), look("target", began, sample.Down)); s.Health != sample.Down {
						t.Errorf("the target is %s, want down", s.Health)
					}
				}
			})
		}
		wg.Wait()
		if n := asked.Load(); n < 15 || n > 21 {
			t.Errorf("the control was asked %d times in 10 s, want twice a second", n)
		}
	})
}

func TestALookThatIsBrokenOffDoesNotWaitForTheControls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := netpath.New(netpath.Options{Now: time.Now, Look: func(ctx context.Context, _ string) (sample.Sample, error) {
			<-ctx.Done()
			return sample.Sample{}, ctx.Err()
		}})
		p.Apply(hk("control"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		var wg sync.WaitGroup
		for range 2 { // one asks, the other one waits for its answer
			wg.Go(func() { p.Correct(ctx, look("target", began, sample.Down)) })
		}
		wg.Wait()
		if took := time.Since(began); took != time.Second {
			t.Errorf("it took %s, want to end with the look", took)
		}
	})
}

// line is a network path: everything behind it is unreachable while it is closed.
type line struct {
	net.Listener
	closed atomic.Bool
	served atomic.Int64
}

func (l *line) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if !l.closed.Load() {
			return c, nil
		}
		_ = c.Close()
	}
}

// behind serves 200, or what status says, behind a line.
func behind(t *testing.T, status *atomic.Int64) (*line, string) {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &line{Listener: inner}
	s := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		l.served.Add(1)
		if code := status.Load(); code != 0 {
			w.WriteHeader(int(code))
		}
	})}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	return l, "http://" + inner.Addr().String()
}

// get is a probe that asks for a page, over a new connection each time.
type get struct {
	client *http.Client
	url    string
}

func (g get) Look(ctx context.Context) sample.Observation {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.url, nil)
	if err != nil {
		return sample.Observation{Reason: reason.Text(err.Error())}
	}
	res, err := g.client.Do(req)
	if err != nil {
		return sample.Observation{Health: sample.Down, Reason: reason.Text(err.Error())}
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	if res.StatusCode != http.StatusOK {
		return sample.Observation{Health: sample.Down, Reason: reason.Text(fmt.Sprint("status ", res.StatusCode))}
	}
	return sample.Observation{Health: sample.Up}
}

// It looks with the real runner and real connections.
func TestAnOutageOfThePathIsToldFromOneOfTheTarget(t *testing.T) {
	var targetStatus, controlStatus atomic.Int64
	target, targetURL := behind(t, &targetStatus)
	control, controlURL := behind(t, &controlStatus)
	var runner *probes.Runner
	paths := netpath.New(netpath.Options{Now: time.Now, Look: func(ctx context.Context, check string) (sample.Sample, error) {
		return runner.LookNow(ctx, check)
	}})
	runner = probes.NewRunner(probes.RunnerOptions{Correct: paths.Correct, OnSample: func(sample.Sample) {}})
	t.Cleanup(func() { _ = runner.Stop(context.Background()) })
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}
	const many = 20
	placed := hk("control")
	for i := range many {
		placed = append(placed, netpath.Check{Name: fmt.Sprint("many-", i), Path: "hk"})
	}
	paths.Apply(placed)
	checks := make([]probes.Check, len(placed))
	for i, c := range placed {
		url := targetURL
		if c.Control {
			url = controlURL
		}
		checks[i] = probes.Check{Name: c.Name, Every: time.Hour, Probe: get{client, url}}
	}
	runner.Apply(checks)
	want := func(check string, h sample.Health, reason string) {
		t.Helper()
		s, err := runner.LookNow(t.Context(), check)
		if err != nil {
			t.Fatal(err)
		}
		if s.Health != h || !strings.Contains(s.Reason.String(), reason) {
			t.Errorf("%s is %s (%s), want %s (%s)", check, s.Health, s.Reason, h, reason)
		}
	}
	want("target", sample.Up, "")
	if n := control.served.Load(); n != 0 {
		t.Errorf("the control was asked %d times while all was well", n)
	}
	targetStatus.Store(http.StatusInternalServerError)
	want("target", sample.Down, "status 500")
	if n := control.served.Load(); n != 1 {
		t.Errorf("the control was asked %d times about a failure, want once", n)
	}
	target.closed.Store(true)
	control.closed.Store(true)
	want("target", sample.Unknown, "cut off: control control does not answer")
	want("elsewhere", sample.Down, "")
	want("control", sample.Unknown, "cut off: control control does not answer")
	control.closed.Store(false)
	want("control", sample.Up, "")
	want("target", sample.Down, "")

	// Many failures at once share what the control says.
	before := control.served.Load()
	var wg sync.WaitGroup
	for i := range many {
		wg.Go(func() { _, _ = runner.LookNow(t.Context(), fmt.Sprint("many-", i)) })
	}
	wg.Wait()
	if n := control.served.Load() - before; n < 1 || n > 4 {
		t.Errorf("%d failures at once asked the control %d times", many, n)
	}
}

func BenchmarkCorrect(b *testing.B) {
	p := netpath.New(netpath.Options{Now: day, Look: cannotLook})
	p.Apply(hk("control"))
	s := look("target", day(), sample.Up)
	b.ReportAllocs()
	for b.Loop() {
		p.Correct(b.Context(), s)
	}
}
