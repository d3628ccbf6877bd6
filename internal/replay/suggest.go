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

	"guardian/internal/config"
	"guardian/internal/series"
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
	For    string           `json:"for"`
	Ratio  float64          `json:"ratio"`
	Delta  float64          `json:"delta"`
	Checks []CheckSuggested `json:"checks"`
	Words  []string         `json:"words"`
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
	Found   float64 `json:"found"` // the share of watches that found it before their end
}

const (
	// simulated watches for each figure: a mean is good to some five percent.
	simulated = 200
	// mostHorizon bounds the looks of one that is simulated.
	mostHorizon = 20_000
	// soon is how fast an outage should be found.
	soon = 3 * time.Minute
)

// Suggest looks at the history of a service's checks and simulates the judge on it. seed
// makes it repeatable.
func Suggest(ctx context.Context, o Options, service string, seed uint64) (Suggestion, error) {
	svc, ok := o.Config.Service(service)
	if !ok {
		var known []string
		for _, s := range o.Config.Services {
			known = append(known, s.Name)
		}
		return Suggestion{}, fmt.Errorf("there is no service %q; known are %s", service, strings.Join(known, ", "))
	}
	s, err := newSetup(o.Config, o.Kinds)
	if err != nil {
		return Suggestion{}, err
	}
	policy := svc.Watch.Policy()
	out := Suggestion{Service: service, From: o.From.UTC(), To: o.To.UTC(), Alpha: policy.Alpha, Ratio: policy.Ratio, Checks: []CheckSuggested{}}
	var seen []seenCheck
	weights := 0.0
	for _, c := range s.checksOf(service) {
		if !c.Watch {
			continue
		}
		looks, err := o.Samples.Looks(ctx, c.Name, o.From, o.To)
		if err != nil {
			return out, err
		}
		seen = append(seen, seeCheck(c, looks, o.To.Sub(o.From)))
		weights += c.Weight
	}
	if len(seen) == 0 {
		return out, fmt.Errorf("no check of %s judges deploys; give it one", service)
	}
	for _, c := range seen {
		out.Delta = max(out.Delta, c.drift(policy.Ratio, policy.For))
	}
	out.Delta = math.Ceil(max(out.Delta, judge.DefaultTolerance().Delta)*1000) / 1000
	r := rand.New(rand.NewPCG(seed, 1))
	policy.Delta = out.Delta
	sim := func(c seenCheck) simulation {
		own := policy
		// A check's evidence is averaged with the others': alone it must reach so much more.
		own.Alpha *= c.check.Weight / weights * (1 - policy.LatencyShare)
		return simulation{policy: own, check: c.check.Policy(), lately: c.lately(time.Duration(svc.Watch.Baseline.Window)), random: r}
	}
	length := time.Duration(0)
	for _, c := range seen {
		if ctx.Err() != nil {
			return out, ctx.Err()
		}
		one, needs := c.suggest(sim(c))
		length = max(length, needs)
		out.Checks = append(out.Checks, one)
	}
	out.For = model.Duration(length).String()
	for i, c := range seen {
		sim(c).delays(&out.Checks[i], c, length)
	}
	out.say(svc)
	return out, nil
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
		if sim.run(1, horizon).Found == 1 && sim.run(0.2, horizon).Found >= 0.99 {
			return one, length
		}
	}
	return one, all[len(all)-1]
}

// simulation judges looks that fail at random.
type simulation struct {
	policy watch.Policy
	check  watch.CheckPolicy
	lately judge.History
	random *rand.Rand
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
			d := m.run(max(fault, one.Rate), min(int(length/every)+1, mostHorizon))
			d.Fault, d.Every, d.Seconds = fault, model.Duration(every).String(), d.Looks*every.Seconds()
			one.Delays = append(one.Delays, d)
		}
	}
}

// run simulates watches of a target that fails with this chance since the deploy.
func (m simulation) run(rate float64, horizon int) Delay {
	found, sum := 0, 0
	runs := simulated
	if rate >= 1 {
		runs = 1 // nothing is left to chance
	}
	test, err := judge.NewTest(m.policy.Plan(m.check, m.lately, horizon))
	if err != nil {
		return Delay{}
	}
	for range runs {
		stream := test.Stream()
		for {
			result := stream.Observe(m.random.Float64() < rate)
			if result == judge.Failed {
				found++
				sum += stream.At()
			}
			if result != judge.Continue {
				break
			}
		}
	}
	d := Delay{Found: float64(found) / float64(runs)}
	if found > 0 {
		d.Looks = float64(sum) / float64(found)
	}
	return d
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
			what := fmt.Sprintf("%.0f%% failures", d.Fault*100)
			if d.Fault == 1 {
				what = "an outage"
			}
			if d.Found == 0 {
				add("%s each %s: %s would not be found", c.Check, d.Every, what)
				continue
			}
			add("%s each %s: %s takes %s (%.0f looks) on average and is found by %.0f%% of watches",
				c.Check, d.Every, what, time.Duration(d.Seconds*float64(time.Second)).Round(time.Second), d.Looks, d.Found*100)
		}
	}
}

// Text writes the words.
func (s Suggestion) Text(w io.Writer) error {
	if len(s.Words) == 0 {
		return errors.New("nothing to say")
	}
	_, err := io.WriteString(w, s.Words[0]+"\n  "+strings.Join(s.Words[1:], "\n  ")+"\n")
	return err
}
