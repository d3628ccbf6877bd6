package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"guardian/decide"
	"guardian/internal/config"
	"guardian/internal/series"
	"guardian/internal/spelling"
	"guardian/internal/store"
	"guardian/probes/sample"
	"guardian/watch"
	"guardian/watch/judge"
)

// Suggestion proposes how deploys of a service are watched, from what its checks saw, and
// says what that costs. Rates are shares of looks.
type Suggestion struct {
	Service string    `json:"service"`
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	Alpha   float64   `json:"false_rollback"`
	// For, Ratio and Delta are what is proposed for the section watch of the service.
	For      string             `json:"for"`
	Ratio    float64            `json:"ratio"`
	Delta    float64            `json:"delta"`
	Checks   []CheckSuggested   `json:"checks"`
	Counters []CounterSuggested `json:"counters"`
	// Excluded is how much of the time was left out, because a bad version was in place.
	Excluded float64  `json:"excluded_seconds"`
	Words    []string `json:"words"`
}

// CheckSuggested is one check: what it was like, and how soon it shows a fault.
type CheckSuggested struct {
	Check    string  `json:"check"`
	Looks    int     `json:"looks"`
	Failures int     `json:"failures"`
	Unknown  int     `json:"unknown"`
	Rate     float64 `json:"rate"`
	// Burst is how many looks a run of failures lasts on average; 0 when there was none.
	Burst float64 `json:"burst"`
	// PerHour is how many looks an hour has.
	PerHour float64 `json:"looks_per_hour"`
	Every   string  `json:"every"`           // as it is configured
	Propose string  `json:"every_suggested"` // "" when it should stay
	Delays  []Delay `json:"delays"`
}

// Delay is how long it takes until a fault fails the watch, counted from the deploy, with
// the proposed settings, when this check alone shows it.
type Delay struct {
	Fault   float64 `json:"fault"`      // the share of looks that fail; 1: an outage
	Every   string  `json:"every"`      // between looks
	Looks   float64 `json:"mean_looks"` // of the watches that found it
	Seconds float64 `json:"mean_seconds"`
	Found   float64 `json:"found"` // the share of watches that found it before their end, and would not have failed without it
}

const (
	// simulated watches for each figure: a mean is good to some five percent. Where a watch takes
	// very many looks, there are fewer: at least leastSimulated, and then as many as mostLooks allow.
	simulated      = 200
	leastSimulated = 20
	mostLooks      = 100_000
	// mostHorizon bounds the looks of one that is simulated.
	mostHorizon = 20_000
	// soon is how fast an outage should be found.
	soon = 3 * time.Minute
)

// Suggest looks at the history of a service's checks and counters and simulates the judge on it.
// What watches leave out of a history is left out. seed makes it repeatable.
func Suggest(ctx context.Context, o Options, service string, seed uint64) (Suggestion, error) {
	svc, ok := o.Config.Service(service)
	if !ok {
		var known []string
		for _, s := range o.Config.Services {
			known = append(known, s.Name)
		}
		return Suggestion{}, fmt.Errorf("there is no service %q; %s", service, spelling.Hint(service, known))
	}
	if o.Progress == nil {
		o.Progress = func(string, float64) {}
	}
	s, err := newSetup(o.Config, o.Kinds)
	if err != nil {
		return Suggestion{}, err
	}
	excluded, err := badPeriods(ctx, o, s, service)
	if err != nil {
		return Suggestion{}, err
	}
	policy := svc.Watch.Policy()
	out := Suggestion{
		Service: service, From: o.From.UTC(), To: o.To.UTC(), Alpha: policy.Alpha, Ratio: policy.Ratio,
		Checks: []CheckSuggested{}, Counters: []CounterSuggested{}, Excluded: seconds(excluded, o.From, o.To),
	}
	seen, err := seeChecks(ctx, o, s.checksOf(service), excluded)
	if err != nil {
		return out, err
	}
	if len(seen) == 0 && len(svc.Watch.Metrics) == 0 {
		return out, fmt.Errorf("no check of %s judges deploys; give it one", service)
	}
	weights := 0.0
	for _, c := range seen {
		weights += c.check.Weight
		out.Delta = max(out.Delta, c.drift(policy.Ratio, policy.For))
	}
	for _, m := range svc.Watch.Metrics {
		weights += m.Weight
	}
	out.Delta = math.Ceil(max(out.Delta, judge.DefaultTolerance().Delta)*1000) / 1000
	policy.Delta = out.Delta
	sim := func(i int, c seenCheck) simulation {
		own := policy
		// A check's evidence is averaged with the others': alone it must reach so much more.
		own.Alpha *= c.check.Weight / weights * (1 - policy.LatencyShare)
		return simulation{
			policy: own, check: c.check.Policy(), history: c.history, lately: c.lately(time.Duration(svc.Watch.Baseline.Window)),
			random: rand.New(rand.NewPCG(seed, uint64(i))),
		}
	}
	out.Checks = make([]CheckSuggested, len(seen))
	sims, needs := make([]simulation, len(seen)), make([]time.Duration, len(seen))
	err = parallel(ctx, len(seen), func(_ context.Context, i int) error {
		sims[i] = sim(i, seen[i])
		out.Checks[i], needs[i] = seen[i].suggest(sims[i])
		return nil
	}, func(done int) { o.Progress("how long to watch", float64(done)/float64(len(seen))) })
	if err != nil {
		return out, err
	}
	length := policy.For
	if len(needs) > 0 {
		length = slices.Max(needs)
	}
	out.For = model.Duration(length).String()
	err = parallel(ctx, len(seen), func(_ context.Context, i int) error {
		sims[i].delays(&out.Checks[i], seen[i], length)
		return nil
	}, func(done int) { o.Progress("how soon faults are found", float64(done)/float64(len(seen))) })
	if err != nil {
		return out, err
	}
	policy.For = length
	if out.Counters, err = suggestCounters(ctx, o, svc, counterSims{policy: policy, excluded: excluded, weights: weights, seed: seed}); err != nil {
		return out, err
	}
	out.say(svc)
	return out, nil
}

// badPeriods are the times in which bad versions were in place.
func badPeriods(ctx context.Context, o Options, s *setup, service string) ([]decide.Span, error) {
	if o.Journal == nil {
		return nil, nil
	}
	w := &world{now: o.To}
	since := o.From.Add(-before)
	ws, err := o.Journal.Watches(ctx, store.WatchFilter{Service: service, Since: since, Until: o.To, Limit: store.MaxLimit})
	if err != nil {
		return nil, err
	}
	for i := range ws {
		if was, seen := decide.PastWatchOf(&ws[i]); seen {
			w.ended = append(w.ended, was)
		}
	}
	runs, err := o.Journal.Runs(ctx, store.RunFilter{Service: service, Since: since, Until: o.To, Limit: store.MaxLimit})
	if err != nil {
		return nil, err
	}
	for _, r := range runs {
		w.runs = append(w.runs, recordedRun(r))
	}
	return decide.Decider{Settings: s.decisions, Past: w}.BadPeriods(ctx, service, since, o.To)
}

// seconds is how much of a time the spans are.
func seconds(spans []decide.Span, from, to time.Time) float64 {
	sum := time.Duration(0)
	for _, s := range spans {
		if s.From.Before(from) {
			s.From = from
		}
		if s.To.After(to) {
			s.To = to
		}
		sum += max(s.To.Sub(s.From), 0)
	}
	return sum.Seconds()
}

// seeChecks reads what the checks that judge deploys saw. Looks in an excluded period are as if
// nobody had looked.
func seeChecks(ctx context.Context, o Options, checks []check, excluded []decide.Span) ([]seenCheck, error) {
	var seen []seenCheck
	for i, c := range checks {
		if !c.Watch {
			continue
		}
		looks, err := o.Samples.Looks(ctx, c.Name, o.From, o.To)
		if err != nil {
			return nil, err
		}
		looks = slices.DeleteFunc(looks, func(l series.Look) bool {
			return slices.ContainsFunc(excluded, func(s decide.Span) bool { return s.Contains(l.At) })
		})
		seen = append(seen, seeCheck(c, looks, o.To.Sub(o.From)-time.Duration(seconds(excluded, o.From, o.To)*float64(time.Second))))
		o.Progress("what checks saw", float64(i+1)/float64(len(checks)))
	}
	return seen, nil
}

// seenCheck is a check with its history.
type seenCheck struct {
	check   check
	history judge.History
	looks   []series.Look
	hours   float64
	unknown int
}

func seeCheck(c check, looks []series.Look, length time.Duration) seenCheck {
	s := seenCheck{check: c, looks: looks, hours: length.Hours()}
	for _, l := range looks {
		if l.Health == sample.Unknown {
			s.unknown++
			s.history.Last = 0
			continue
		}
		s.history.Observe(l.Health == sample.Down)
	}
	return s
}

// lately is what a watch would see of the history in its window: as much of it, and alike.
func (s seenCheck) lately(window time.Duration) judge.History {
	h, part := s.history, min(window.Hours()/s.hours, 1)
	for _, n := range []*int{&h.Calm, &h.Begun, &h.Failing, &h.Again} {
		*n = int(math.Round(float64(*n) * part))
	}
	h.Begun, h.Again = min(h.Begun, h.Calm), min(h.Again, h.Failing)
	return h
}

// drift is what must be added to ratio times the rate of four hours so that 95 % of the
// stretches that follow, as long as a watch, stay below: how restless the check is by nature.
// The rest are outages, which a watch is to find.
func (s seenCheck) drift(ratio float64, length time.Duration) float64 {
	const back = 4 * time.Hour
	if len(s.looks) == 0 {
		return 0
	}
	rate := func(from, to time.Time) (float64, bool) {
		i, _ := slices.BinarySearchFunc(s.looks, from, func(l series.Look, t time.Time) int { return l.At.Compare(t) })
		n, k := 0, 0
		for ; i < len(s.looks) && s.looks[i].At.Before(to); i++ {
			switch s.looks[i].Health {
			case sample.Down:
				n, k = n+1, k+1
			case sample.Up:
				n++
			case sample.Unknown:
			}
		}
		return float64(k) / float64(max(n, 1)), n >= 10
	}
	var excess []float64
	for at := s.looks[0].At.Add(back); at.Add(length).Before(s.looks[len(s.looks)-1].At); at = at.Add(max(length, time.Hour)) {
		was, okWas := rate(at.Add(-back), at)
		is, okIs := rate(at, at.Add(length))
		// An outage is what a watch is to find; it is not nature.
		if okWas && okIs && is < 0.5 {
			excess = append(excess, is-ratio*was)
		}
	}
	if len(excess) < 20 {
		return 0
	}
	slices.Sort(excess)
	return min(max(excess[len(excess)*95/100], 0), 0.1)
}

// faults are those whose delay is told.
func faults() []float64 { return []float64{1, 0.2, 0.05} }

// lengths are those that a watch is proposed to have.
func lengths() []time.Duration {
	return []time.Duration{10 * time.Minute, 15 * time.Minute, 20 * time.Minute, 30 * time.Minute, 45 * time.Minute, time.Hour, 90 * time.Minute, 2 * time.Hour, 3 * time.Hour, 4 * time.Hour}
}

// suggest proposes an interval, and says how long a watch must be to find an outage always and
// a fault of 20 % nearly always.
func (s seenCheck) suggest(sim simulation) (CheckSuggested, time.Duration) {
	looks, failures := s.history.Counts()
	one := CheckSuggested{
		Check: s.check.Name, Looks: looks, Failures: failures, Unknown: s.unknown, Rate: float64(failures) / float64(max(looks, 1)),
		PerHour: float64(looks) / s.hours, Every: model.Duration(s.check.every).String(), Delays: []Delay{},
	}
	if s.history.Begun > 0 {
		one.Burst = float64(failures) / float64(s.history.Begun)
	}
	outage := sim.run(1, 2000)
	every := s.check.every
	if took := time.Duration(outage.Looks * float64(every)); took > soon*3/2 && outage.Looks > 0 {
		every = max((soon / time.Duration(math.Ceil(outage.Looks))).Truncate(time.Second), time.Second)
		one.Propose = model.Duration(every).String()
	}
	all := lengths()
	for _, length := range all {
		horizon := min(int(length/every)+1, mostHorizon)
		// Where failures come in long bursts, an outage takes longest.
		if sim.finds(1, horizon, 1) && sim.finds(0.2, horizon, 0.99) {
			return one, length
		}
	}
	return one, all[len(all)-1]
}

// simulation judges looks that fail at random.
type simulation struct {
	policy watch.Policy
	check  watch.CheckPolicy
	// history is that of the check, which goes on beside the fault; lately is what a watch knows of it.
	history, lately judge.History
	random          *rand.Rand
}

// delays adds what each fault costs with a watch of that length.
func (m simulation) delays(one *CheckSuggested, s seenCheck, length time.Duration) {
	intervals := []time.Duration{s.check.every}
	if one.Propose != "" {
		if d, err := model.ParseDuration(one.Propose); err == nil {
			intervals = append(intervals, time.Duration(d))
		}
	}
	for _, every := range intervals {
		for _, fault := range faults() {
			d := m.run(fault, min(int(length/every)+1, mostHorizon))
			d.Fault, d.Every, d.Seconds = fault, model.Duration(every).String(), d.Looks*every.Seconds()
			one.Delays = append(one.Delays, d)
		}
	}
}

// run simulates watches of a target of whose looks a share fails since the deploy, beside those
// that fail anyway. A watch that would have failed without the fault has not found it.
func (m simulation) run(fault float64, horizon int) Delay {
	found, sum, runs, looks := 0, 0, 0, 0
	test, err := judge.NewTest(m.policy.Plan(m.check, m.lately, horizon))
	if err != nil {
		return Delay{}
	}
	for runs < m.most(fault) && (looks < mostLooks || runs < leastSimulated) {
		at, ok := m.watch(test, fault)
		runs, looks = runs+1, looks+at
		if ok {
			found++
			sum += at
		}
	}
	d := Delay{Found: float64(found) / float64(runs)}
	if found > 0 {
		d.Looks = float64(sum) / float64(found)
	}
	return d
}

// finds reports whether at least this share of the watches finds a fault. It ends as soon as too
// many have not.
func (m simulation) finds(fault float64, horizon int, share float64) bool {
	test, err := judge.NewTest(m.policy.Plan(m.check, m.lately, horizon))
	if err != nil {
		return false
	}
	runs := m.most(fault)
	may := int(float64(runs) * (1 - share))
	for range runs {
		if _, ok := m.watch(test, fault); !ok {
			if may--; may < 0 {
				return false
			}
		}
	}
	return true
}

// most is how many watches are simulated at most.
func (m simulation) most(fault float64) int {
	if fault >= 1 {
		return 1 // nothing is left to chance
	}
	return simulated
}

// watch simulates one watch: after how many looks it ended, and whether it found the fault.
func (m simulation) watch(test *judge.Test, fault float64) (at int, found bool) {
	stream, failing := test.Stream(), m.lately.Last == 2
	var healthy []bool
	for stream.Result() == judge.Continue {
		begins := float64(m.history.Begun) / float64(max(m.history.Calm, 1))
		if failing {
			begins = float64(m.history.Again) / float64(max(m.history.Failing, 1))
		}
		failing = m.random.Float64() < begins
		healthy = append(healthy, failing)
		stream.Observe(failing || m.random.Float64() < fault)
	}
	if stream.Result() != judge.Failed {
		return stream.At(), false
	}
	without := test.Stream()
	for _, fail := range healthy {
		without.Observe(fail)
	}
	return stream.At(), without.Result() != judge.Failed
}

// say puts it into words.
func (s *Suggestion) say(svc *config.Service) {
	add := func(format string, args ...any) { s.Words = append(s.Words, fmt.Sprintf(format, args...)) }
	add("watch %s for %s (now %s), with ratio %g and delta %.1f%% (now %g and %.1f%%), at a false rollback in %.0f",
		s.Service, s.For, svc.Watch.For, s.Ratio, s.Delta*100, svc.Watch.Ratio, float64(svc.Watch.Delta)*100, 1/s.Alpha)
	for _, c := range s.Checks {
		add("%s failed %d of %d looks (%.2f%%), %.0f looks an hour, %d unknown", c.Check, c.Failures, c.Looks, c.Rate*100, c.PerHour, c.Unknown)
		if c.Burst > 1.2 {
			add("%s: failures come in bursts of %.1f looks on average, so that several in a row prove less", c.Check, c.Burst)
		}
		if c.Looks < 200 {
			add("%s: %d looks show too little of what is normal; look more often, or over a longer time", c.Check, c.Looks)
		}
		if c.Propose != "" {
			add("%s: look each %s instead of each %s, so that an outage is found within %s", c.Check, c.Propose, c.Every, model.Duration(soon))
		}
		for _, d := range c.Delays {
			add("%s each %s: %s", c.Check, d.Every, d.words())
		}
	}
	for _, c := range s.Counters {
		s.Words = append(s.Words, c.words()...)
	}
	if s.Excluded > 0 {
		add("%s are left out, in which a bad version was in place", model.Duration(time.Duration(s.Excluded)*time.Second))
	}
}

// words say how soon the fault is found.
func (d Delay) words() string {
	what := fmt.Sprintf("%.0f%% failures", d.Fault*100)
	if d.Fault == 1 {
		what = "an outage"
	}
	if d.Found == 0 {
		return what + " would not be found"
	}
	return fmt.Sprintf("%s takes %s (%.0f looks) on average and is found by %.0f%% of watches",
		what, time.Duration(d.Seconds*float64(time.Second)).Round(time.Second), d.Looks, d.Found*100)
}

// Text writes the words.
func (s Suggestion) Text(w io.Writer) error {
	if len(s.Words) == 0 {
		return errors.New("nothing to say")
	}
	_, err := io.WriteString(w, s.Words[0]+"\n  "+strings.Join(s.Words[1:], "\n  ")+"\n")
	return err
}
