package recording_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/prometheus/model/labels"

	"guardian/internal/reason"
	"guardian/internal/recording"
	"guardian/probes/sample"
	"guardian/watch"
)

func checkA() recording.Check {
	return recording.Check{
		Name: "a", Service: "orders", Kind: "http", Labels: map[string]string{"shop": "us-1"},
		Series: map[string]bool{"probe_success": true}, Interval: 10 * time.Second,
	}
}

// look is a sample of check a.
func look(at time.Time, h sample.Health) sample.Sample {
	return sample.Sample{
		Check: "a", Kind: "http", Service: "orders", Labels: map[string]string{"shop": "us-1"}, At: at, Duration: time.Second,
		Observation: sample.Observation{Health: h, Reason: reason.Text("a reason"), Detail: "a detail"},
	}
}

// TestRechecksShowHowLongFailuresLast draws looks as a line: U up, D down, ? unknown, small
// letters for rechecks, ! for a deploy that failed.
func TestRechecksShowHowLongFailuresLast(t *testing.T) {
	for line, want := range map[string]watch.RecheckStats{
		"UUDU":          {},
		"UDdduU":        {Seen: 1, Again: 2, Cleared: 1},
		"UDdd?duU":      {Seen: 1, Again: 3, Cleared: 1},
		"UDddU":         {Seen: 1, Again: 2},
		"UDuUDdu":       {Seen: 2, Again: 1, Cleared: 2},
		"UDddDddu":      {Seen: 1, Again: 4, Cleared: 1},
		"UDddd":         {},
		"UDddd!ddDuUDu": {Seen: 1, Cleared: 1},
		"u":             {},
	} {
		t.Run(line, func(t *testing.T) {
			j := newJournal(t)
			r := j.record(checkA())
			for i, c := range line {
				if c == '!' {
					if names := r.ExcludeFailures("orders"); len(names) != 1 || names[0] != "a" {
						t.Errorf("the checks of the service are %v", names)
					}
					continue
				}
				s := look(day().Add(time.Duration(i)*time.Second), map[rune]sample.Health{'U': sample.Up, 'u': sample.Up, 'D': sample.Down, 'd': sample.Down}[c])
				s.Recheck = c == 'u' || c == 'd'
				r.Add(s)
			}
			if got := r.RecheckStats("orders")["a"]; got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

// TestFailuresAreKeptLongerThanLooks lets one check fail once and then be up for a long time.
func TestFailuresAreKeptLongerThanLooks(t *testing.T) {
	j := newJournal(t)
	r, w := j.lead(checkA())
	note := func(n int, h sample.Health) {
		s := look(day().Add(time.Duration(n)*10*time.Second), h)
		s.Reason = reason.Text(fmt.Sprint("look ", n))
		s.Values = []sample.Value{{Name: "x", Labels: map[string]string{"phase": "dns", "code": "200"}, V: 1}}
		r.Add(s)
	}
	saved := func() (n int) {
		t.Helper()
		w.Save(false)
		for _, b := range j.batches {
			n += len(b.Failures)
		}
		j.batches = nil
		return n
	}
	note(0, sample.Down)
	for n := range 100 {
		note(n+1, sample.Up)
	}
	all, failed := r.Results("a")
	if len(all) != 20 || all[0].Reason.String() != "look 100" {
		t.Errorf("%d results, the newest %q; want 20, the newest first", len(all), all[0].Reason)
	}
	if v := all[0].Values; len(v) != 1 || v[0] != (recording.Value{Name: "x", Of: "200 dns", V: 1}) {
		t.Errorf("values %+v", v)
	}
	if len(failed) != 1 || failed[0].Reason.String() != "look 0" || failed[0].Detail != "a detail" {
		t.Errorf("failed %+v, want the one of the beginning", failed)
	}
	if n := saved(); n != 1 {
		t.Errorf("%d failures were saved, want 1", n)
	}
	for n := range 60 {
		note(200+n, sample.Down)
	}
	if n := saved(); n != 10 {
		t.Errorf("of ten minutes of failures %d were saved, want one a minute", n)
	}
	if _, failed := r.Results("a"); len(failed) != 20 {
		t.Errorf("%d failures in memory, want 20", len(failed))
	}
	// With many checks fewer results of each are kept, and with few ones more again.
	few := []recording.Check{checkA()}
	many := []recording.Check{checkA()}
	for i := range 9_999 {
		many = append(many, recording.Check{Name: fmt.Sprint("other-", i), Interval: time.Hour})
	}
	for _, c := range []struct {
		checks []recording.Check
		want   string
	}{{many, "look 300 look 259 look 258"}, {few, "look 301 look 300 look 259 look 258"}} {
		r.Apply(c.checks)
		next := 300
		if len(c.checks) == 1 {
			next = 301
		}
		note(next, sample.Up)
		var got []string
		all, _ := r.Results("a")
		for _, result := range all {
			got = append(got, result.Reason.String())
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("with %d checks the results are %q, want %q", len(c.checks), s, c.want)
		}
	}
}

func TestACheckIsBlindWhenItCannotLookOrHasNotLookedForLong(t *testing.T) {
	j := newJournal(t)
	r := j.record(checkA())
	want := func(h sample.Health, blind bool, since time.Time, code string) {
		t.Helper()
		s := r.Status("a", j.now)
		if s.Blind != blind || !s.BlindSince.Equal(since) || s.BlindReason.Code != code {
			t.Errorf("blind %t since %s because %q, want %t since %s because %q", s.Blind, s.BlindSince, s.BlindReason.Code, blind, since, code)
		}
		if got := r.Health("a", j.now); got != h {
			t.Errorf("the health is %s, want %s", got, h)
		}
		hidden, why := r.Visibility(j.now)([]*labels.Matcher{labels.MustNewMatcher(labels.MatchEqual, "__name__", "probe_success"), labels.MustNewMatcher(labels.MatchEqual, "shop", "us-1")})
		if hidden != blind || (blind && why.Code != "check_blind") {
			t.Errorf("a rule sees %t (%s)", !hidden, why)
		}
		if names := r.Blind(j.now); (len(names) == 1) != blind || names == nil {
			t.Errorf("blind are %v", names)
		}
	}
	j.now = day().Add(time.Second)
	want(sample.Unknown, true, day(), "check_without_look")
	r.Add(look(j.now, sample.Up))
	want(sample.Up, false, time.Time{}, "")
	j.now = day().Add(31 * time.Second) // two intervals and ten seconds
	want(sample.Up, false, time.Time{}, "")
	j.now = day().Add(32 * time.Second)
	want(sample.Unknown, true, day().Add(time.Second), "check_without_new_look")
	r.Add(look(j.now, sample.Unknown))
	want(sample.Unknown, true, j.now, "text")
	r.Add(look(day().Add(40*time.Second), sample.Unknown))
	want(sample.Unknown, true, day().Add(32*time.Second), "text")
	j.now = day().Add(50 * time.Second)
	r.Add(look(j.now, sample.Down))
	want(sample.Down, false, time.Time{}, "")
	if s := r.Status("a", j.now); !s.Since.Equal(j.now) || s.Last.Detail != "" {
		t.Errorf("since %s, with the detail %q", s.Since, s.Last.Detail)
	}
	// A rule about other series or shops is not hidden by a blind check.
	j.now = day().Add(time.Hour)
	for _, m := range []*labels.Matcher{
		labels.MustNewMatcher(labels.MatchEqual, "__name__", "erp_orders_total"), labels.MustNewMatcher(labels.MatchEqual, "shop", "us-2"),
	} {
		if hidden, why := r.Visibility(j.now)([]*labels.Matcher{m}); hidden {
			t.Errorf("%s is hidden: %s", m, why)
		}
	}
}

func TestAReloadKeepsWhatStayingChecksSaw(t *testing.T) {
	j := newJournal(t)
	r := j.record(checkA())
	r.Add(look(day(), sample.Up))
	changed := checkA()
	changed.Labels = map[string]string{"shop": "us-2"}
	r.Apply([]recording.Check{changed, {Name: "b", Service: "stock", Interval: time.Minute}})
	if s := r.Status("a", j.now); s.Last == nil || s.Last.Health != sample.Up {
		t.Errorf("the check is %+v after the reload", s)
	}
	if all, _ := r.Results("a"); len(all) != 1 {
		t.Errorf("%d results after the reload", len(all))
	}
	if recent := r.Recent("orders"); len(recent) != 1 || recent[0].Labels["shop"] != "us-2" || recent[0].Reason.String() != "a reason" {
		t.Errorf("recent looks %+v", recent)
	}
	for i := range 100 {
		s := look(day().Add(time.Duration(i)*time.Second), sample.Up)
		s.Check, s.Service = "b", "stock"
		r.Add(s)
	}
	if recent := r.Recent("stock"); len(recent) != 32 || !recent[0].At.Equal(day().Add(68*time.Second)) || !recent[31].At.Equal(day().Add(99*time.Second)) {
		t.Errorf("%d recent looks, want the last 32, the oldest first", len(recent))
	}
	if n := len(r.Recent("")); n != 33 {
		t.Errorf("%d recent looks of all services, want 33", n)
	}
	r.Apply(nil)
	r.Add(look(day(), sample.Up)) // was under way when its check was removed
	if s := r.Status("a", j.now); s.Last != nil || s.Blind {
		t.Errorf("a check that is gone is %+v", s)
	}
}

func TestMetrics(t *testing.T) {
	j := newJournal(t)
	r, _ := j.lead(checkA())
	r.Add(look(j.now, sample.Up))
	problems, err := testutil.GatherAndLint(j.reg)
	if err != nil || len(problems) != 0 {
		t.Errorf("%v %v", problems, err)
	}
	if n := testutil.CollectAndCount(j.reg, "guardian_recording_unsaved_looks", "guardian_recording_blind_checks"); n != 2 {
		t.Errorf("%d metrics, want 2", n)
	}
}

func BenchmarkAdd(b *testing.B) {
	now := day()
	r := recording.New(recording.Options{Journal: empty{}, Now: func() time.Time { return now }})
	r.Apply([]recording.Check{checkA()})
	if _, err := r.Resume(b.Context()); err != nil {
		b.Fatal(err)
	}
	w := recording.NewWriter(recording.WriterOptions{Record: r, Leader: empty{}, Now: func() time.Time { return now }})
	s := look(day(), sample.Up)
	s.Values = []sample.Value{{Name: "probe_http_status_code", V: 200}, {Name: "probe_http_duration_seconds", Labels: map[string]string{"phase": "connect"}, V: 1}}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		s.At = s.At.Add(100 * time.Microsecond) // 10,000 a second
		now = s.At
		r.Add(s)
		if n%5000 == 0 {
			w.Save(false)
		}
	}
}
