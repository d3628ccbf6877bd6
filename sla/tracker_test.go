package sla_test

import (
	"cmp"
	"encoding/json"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"guardian/internal/reason"
	"guardian/probes/sample"
	"guardian/sla"
)

// journal keeps what a tracker gives, as a store does: whole, by key.
type journal struct {
	intervals map[time.Time]sla.Interval
	rollups   map[time.Time]sla.Rollup
}

func newJournal() *journal {
	return &journal{map[time.Time]sla.Interval{}, map[time.Time]sla.Rollup{}}
}

func (j *journal) put(intervals []sla.Interval, rollups []sla.Rollup) {
	for _, i := range intervals {
		j.intervals[i.From] = i
	}
	for _, r := range rollups {
		j.rollups[r.Hour] = r
	}
}

func (j *journal) all() []sla.Interval {
	var out []sla.Interval
	for _, i := range j.intervals {
		out = append(out, i)
	}
	slices.SortFunc(out, func(a, b sla.Interval) int { return a.From.Compare(b.From) })
	return out
}

// restart returns a tracker that knows only what the journal holds.
func (j *journal) restart(t interface{ Fatal(...any) }) *sla.Tracker {
	all := j.all()
	b, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	var back []sla.Interval
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	var hours []sla.Rollup
	for _, r := range j.rollups {
		hours = append(hours, r)
	}
	return sla.NewTracker(back, hours)
}

func seen(h sample.Health, at time.Time) sample.Sample {
	s := sample.Sample{Check: "push", Service: "order-sync", At: at, Duration: 100 * time.Millisecond}
	s.Health = h
	if h != sample.Up {
		s.Reason = reason.Text(h.String())
	}
	return s
}

// TestTrackerTimelines draws one look a minute (" " is none) and the intervals that come out, in minutes.
func TestTrackerTimelines(t *testing.T) {
	type part struct {
		from, to int
		health   sample.Health
	}
	const u, d, q = sample.Up, sample.Down, sample.Unknown
	for name, c := range map[string]struct {
		marks string
		want  []part
	}{
		"one look vouches until the next is due":              {".", []part{{0, 1, u}}},
		"looks in a row are one interval":                     {"....", []part{{0, 4, u}}},
		"a failure begins and ends with looks":                {"..xx.", []part{{0, 2, u}, {2, 4, d}, {4, 5, u}}},
		"one missed look is bridged":                          {".. ..", []part{{0, 5, u}}},
		"two missed looks are not looked":                     {"..  ..", []part{{0, 2, u}, {2, 4, q}, {4, 6, u}}},
		"a failure does not last through a gap":               {".x    x", []part{{0, 1, u}, {1, 2, d}, {2, 6, q}, {6, 7, d}}},
		"unknown looks and a gap are one interval":            {".??    ??.", []part{{0, 1, u}, {1, 9, q}, {9, 10, u}}},
		"a gap before an unknown look begins the unknown one": {"..   ?.", []part{{0, 2, u}, {2, 6, q}, {6, 7, u}}},
	} {
		t.Run(name, func(t *testing.T) {
			j := newJournal()
			tr := sla.NewTracker(nil, nil)
			for i := range len(c.marks) {
				if c.marks[i] == ' ' {
					continue
				}
				h := map[byte]sample.Health{'.': u, 'x': d, '?': q}[c.marks[i]]
				j.put(tr.Observe(seen(h, at(1, 0, i)), time.Minute))
			}
			var got []part
			for _, i := range j.all() {
				got = append(got, part{int(i.From.Sub(at(1, 0, 0)).Minutes()), int(i.To.Sub(at(1, 0, 0)).Minutes()), i.Health})
			}
			if diff := gocmp.Diff(c.want, got, gocmp.AllowUnexported(part{})); diff != "" {
				t.Errorf("intervals (-want +got):\n%s", diff)
			}
		})
	}
}

// TestADeadGuardianIsBlind kills a guardian and starts another one, that begins to look. A look is
// due 60 s after the last one at second 0.
func TestADeadGuardianIsBlind(t *testing.T) {
	for name, c := range map[string]struct {
		began  int // when the next guardian began to look, seconds after the last look of the one before
		look   int // its first look
		blind  int // seconds
		health sample.Health
	}{
		"no look was missed":                            {began: 20, look: 50, health: sample.Up},
		"it was back before a look was due":             {began: 20, look: 75, health: sample.Up},
		"a look was missed":                             {began: 80, look: 81, blind: 21, health: sample.Up},
		"a look was missed, and it is down now":         {began: 80, look: 81, blind: 21, health: sample.Down},
		"many were missed":                              {began: 3600, look: 3601, blind: 3541, health: sample.Up},
		"it looked all the time, as a standby":          {began: -600, look: 100, health: sample.Up},
		"it looked all the time, but not at this check": {began: -600, look: 200, blind: 140, health: sample.Up},
		"it was slow to look again":                     {began: 80, look: 130, blind: 70, health: sample.Up},
	} {
		t.Run(name, func(t *testing.T) {
			j := newJournal()
			tr := sla.NewTracker(nil, nil)
			second := func(s int) time.Time { return at(1, 12, 0).Add(time.Duration(s) * time.Second) }
			for i := -5; i <= 0; i++ {
				j.put(tr.Observe(seen(sample.Up, second(60*i)), time.Minute))
			}
			tr = j.restart(t)
			tr.LooksSince("push", second(c.began))
			j.put(tr.Observe(seen(c.health, second(c.look)), time.Minute))
			j.put(tr.Observe(seen(c.health, second(c.look+60)), time.Minute))
			var blind, up time.Duration
			for _, i := range j.all() {
				switch i.Health {
				case sample.Unknown:
					blind += i.To.Sub(i.From)
				case sample.Up:
					up += i.To.Sub(i.From)
				case sample.Down:
				}
			}
			if want := time.Duration(c.blind) * time.Second; blind != want {
				t.Errorf("blind for %s, want %s: %+v", blind, want, j.all())
			}
			hours := time.Duration(0)
			for _, r := range j.rollups {
				hours += r.Unknown
			}
			if want := time.Duration(c.blind) * time.Second; hours != want {
				t.Errorf("the rollups have %s of blindness, want %s", hours, want)
			}
		})
	}
}

func TestReasonsAreThoseOfTheFirstSample(t *testing.T) {
	j := newJournal()
	tr := sla.NewTracker(nil, nil)
	for i, why := range []string{"refused", "HTTP 500"} {
		s := seen(sample.Down, at(1, 0, i))
		s.Reason = reason.Text(why)
		j.put(tr.Observe(s, time.Minute))
	}
	j.put(tr.Observe(seen(sample.Up, at(1, 1, 0)), time.Minute))
	all := j.all()
	if len(all) != 3 || all[0].Reason.String() != "refused" || all[1].Reason.Code != "not_looked" || !all[2].Reason.IsZero() {
		t.Errorf("%+v", all)
	}
}

func TestHourlyRollups(t *testing.T) {
	j := newJournal()
	tr := sla.NewTracker(nil, nil)
	for i := range 121 {
		h := sample.Up
		if i >= 50 && i < 70 {
			h = sample.Down
		}
		j.put(tr.Observe(seen(h, at(1, 0, i)), time.Minute))
	}
	j.put(tr.Observe(seen(sample.Up, at(1, 7, 30)), time.Minute)) // five hours later
	want := map[time.Time]sla.Rollup{
		at(1, 0, 0): {Up: 50 * time.Minute, Down: 10 * time.Minute, Looks: 60, Failures: 10, Latency: 5 * time.Second},
		at(1, 1, 0): {Up: 50 * time.Minute, Down: 10 * time.Minute, Looks: 60, Failures: 10, Latency: 5 * time.Second},
		at(1, 2, 0): {Up: time.Minute, Unknown: 59 * time.Minute, Looks: 1, Latency: 100 * time.Millisecond},
		at(1, 7, 0): {Unknown: 30 * time.Minute, Looks: 1, Latency: 100 * time.Millisecond},
	}
	for hour, w := range want {
		w.Check, w.Service, w.Hour = "push", "order-sync", hour
		want[hour] = w
	}
	if diff := gocmp.Diff(want, j.rollups); diff != "" {
		t.Errorf("rollups (-want +got):\n%s", diff)
	}
}

func TestLateAndRepeatedSamplesChangeNothing(t *testing.T) {
	tr := sla.NewTracker(nil, nil)
	tr.Observe(seen(sample.Up, at(1, 0, 5)), time.Minute)
	for _, when := range []time.Time{at(1, 0, 5), at(1, 0, 4)} {
		if i, r := tr.Observe(seen(sample.Down, when), time.Minute); i != nil || r != nil {
			t.Errorf("sample of %s gave %v, %v", when, i, r)
		}
	}
}

func TestACheckThatEnds(t *testing.T) {
	j := newJournal()
	tr := sla.NewTracker(nil, nil)
	j.put(tr.Observe(seen(sample.Down, at(1, 0, 0)), 10*time.Minute))
	j.put(tr.End("push", at(1, 0, 4)))
	if all := j.all(); len(all) != 1 || !all[0].To.Equal(at(1, 0, 4)) || j.rollups[at(1, 0, 0)].Down != 4*time.Minute {
		t.Errorf("%+v, %+v", all, j.rollups)
	}
	if i, r := tr.End("push", at(1, 0, 5)); i != nil || r != nil {
		t.Error("it ended twice")
	}
}

func TestTrackerRestoresFromWhateverTheJournalHolds(t *testing.T) {
	// The process stopped in the night: the last interval is from the evening.
	tr := sla.NewTracker([]sla.Interval{
		{Check: "push", Service: "order-sync", Health: sample.Down, From: at(1, 18, 0), To: at(1, 22, 0), Seen: at(1, 21, 59)},
		{Check: "push", Service: "order-sync", Health: sample.Up, From: at(1, 12, 0), To: at(1, 18, 0), Seen: at(1, 17, 59)},
	}, nil)
	got, _ := tr.Observe(seen(sample.Up, at(2, 8, 0)), time.Minute)
	want := []sla.Interval{
		{Check: "push", Service: "order-sync", Health: sample.Down, From: at(1, 18, 0), To: at(1, 22, 0), Seen: at(1, 21, 59)},
		{Check: "push", Service: "order-sync", Health: sample.Unknown, From: at(1, 22, 0), To: at(2, 8, 0), Reason: reason.New("not_looked")},
		{Check: "push", Service: "order-sync", Health: sample.Up, From: at(2, 8, 0), To: at(2, 8, 1), Seen: at(2, 8, 0)},
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("intervals (-want +got):\n%s", diff)
	}
}

// Whatever is observed, and wherever the process is started anew in between: intervals tile
// the time without holes, the rollups say the same, and a restart changes neither.
func TestTrackerProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		every := time.Duration(rapid.IntRange(5, 5000).Draw(t, "every")) * time.Second
		j, k := newJournal(), newJournal()
		straight, restarted := sla.NewTracker(nil, nil), sla.NewTracker(nil, nil)
		when := at(1, 0, 0)
		first := time.Time{}
		for range rapid.IntRange(1, 40).Draw(t, "looks") {
			when = when.Add(time.Duration(rapid.IntRange(1, 4000).Draw(t, "wait")) * every / 1000)
			if first.IsZero() {
				first = when
			}
			s := seen(sample.Health(rapid.IntRange(0, 2).Draw(t, "health")), when)
			j.put(straight.Observe(s, every))
			if rapid.Bool().Draw(t, "restart") {
				restarted = k.restart(t)
			}
			k.put(restarted.Observe(s, every))
		}
		if diff := gocmp.Diff(j.all(), k.all()); diff != "" {
			t.Fatalf("a restart changed the intervals:\n%s", diff)
		}
		if diff := gocmp.Diff(j.rollups, k.rollups); diff != "" {
			t.Fatalf("a restart changed the rollups:\n%s", diff)
		}
		all := j.all()
		if !all[0].From.Equal(first) || !all[len(all)-1].To.Equal(when.Add(every)) {
			t.Fatalf("intervals from %s to %s", all[0].From, all[len(all)-1].To)
		}
		want := map[sample.Health]time.Duration{}
		for i, iv := range all {
			if i > 0 && (!iv.From.Equal(all[i-1].To) || iv.Health == all[i-1].Health) {
				t.Fatalf("interval %+v follows %+v", iv, all[i-1])
			}
			if !iv.To.After(iv.From) {
				t.Fatalf("interval %+v", iv)
			}
			want[iv.Health] += iv.To.Sub(iv.From)
		}
		want[all[len(all)-1].Health] -= every // rollups reach up to the last look
		got := map[sample.Health]time.Duration{}
		for _, r := range j.rollups {
			if sum := r.Up + r.Down + r.Unknown; sum > time.Hour || cmp.Compare(sum, 0) < 0 {
				t.Fatalf("rollup %+v", r)
			}
			got[sample.Up] += r.Up
			got[sample.Down] += r.Down
			got[sample.Unknown] += r.Unknown
		}
		if got[sample.Up] != want[sample.Up] || got[sample.Down] != want[sample.Down] {
			t.Fatalf("rollups %v, intervals %v", got, want)
		}
		if got[sample.Unknown] > want[sample.Unknown] { // hours within a gap have none
			t.Fatalf("rollups know of more blindness: %v, intervals %v", got, want)
		}
	})
}

func BenchmarkTrackerObserve(b *testing.B) {
	tr := sla.NewTracker(nil, nil)
	s := seen(sample.Up, at(1, 0, 0))
	b.ReportAllocs()
	for b.Loop() {
		s.At = s.At.Add(15 * time.Second)
		tr.Observe(s, 15*time.Second)
	}
}
