package watch

import (
	"cmp"
	"math"
	"slices"

	"guardian/watch/judge"
)

// Stream is a sequence of yes-or-no observations with the evidence that "yes" comes more often
// than is tolerated: than a known Rate, or than in the history Before. Failures may come in
// bursts: after a failure, the next one is compared with their persistence in history.
type Stream struct {
	Rate        float64         `json:"rate,omitempty"`        // 0: compared with Before
	Persistence float64         `json:"persistence,omitempty"` // with Rate: the chance of another one after one
	Before      judge.History   `json:"before,omitzero"`
	Tolerance   judge.Tolerance `json:"tolerance,omitzero"`
	Horizon     int             `json:"horizon"` // planned observations
	// Rechecks tell how persistent failures are at the recheck interval, since closer looks
	// depend more on each other. Without enough of them, rechecks are not judged.
	Rechecks RecheckStats `json:"raised,omitzero"`

	State judge.ProcessState `json:"state"`
	LogE  float64            `json:"log_e"` // natural logarithm of the evidence
	// Carried is the log-evidence of a state that this build cannot continue: the evidence goes on
	// from there.
	Carried float64 `json:"carried,omitempty"`

	// test and recheck are made of the fields above when they are first needed; they are not part
	// of the stored value. They differ in the persistence only, and share one state.
	test, recheck *judge.Process
}

// Equal reports whether two streams are the same, whether or not their tests are made yet.
func (s Stream) Equal(o Stream) bool {
	return s.Rate == o.Rate && s.Persistence == o.Persistence && s.Before == o.Before && s.Rechecks == o.Rechecks && s.Tolerance == o.Tolerance &&
		s.Horizon == o.Horizon && s.LogE == o.LogE && s.Carried == o.Carried && s.State.N == o.State.N && s.State.Last == o.State.Last && slices.Equal(s.State.A, o.State.A)
}

// known is a stream compared with a rate.
func known(rate, persistence float64, horizon int) Stream {
	return Stream{
		Rate:        min(max(rate, judge.MinRate), judge.MaxRate),
		Persistence: min(max(persistence, rate), maxPersistence),
		Horizon:     horizon,
	}
}

// maxPersistence is the highest persistence of a healthy target's failures, see judge.NewBursts.
const maxPersistence = 0.95

// before is a stream compared with a history.
func before(h judge.History, tol judge.Tolerance, horizon int) Stream {
	return Stream{Before: h, Tolerance: tol, Horizon: horizon, State: h.Begin()}
}

// process gives the stream's test; nil for a stream that was not made by this package.
func (s *Stream) process() *judge.Process {
	if s.test != nil {
		return s.test
	}
	test, err := s.build(s.Before, s.Persistence)
	if err != nil {
		return nil
	}
	s.test = test
	if !s.test.Fits(s.State) {
		// Evidence that begins anew and is multiplied by what there was has the same bound.
		s.State, s.Carried = judge.ProcessState{Last: s.State.Last}, min(max(finite(s.LogE), -maxCarried), maxCarried)
		s.LogE = s.Carried
	}
	if s.judgesRechecks() {
		h := s.Before
		h.Failing, h.Again, h.Longest, h.Others = s.Rechecks.Again+s.Rechecks.Cleared, s.Rechecks.Again, 0, judge.Runs{}
		if s.recheck, err = s.build(h, h.Persistence()); err != nil {
			s.recheck = nil
		}
	}
	return s.test
}

func (s *Stream) build(h judge.History, persistence float64) (*judge.Process, error) {
	if s.Rate > 0 {
		return judge.NewBursts(s.Rate, persistence, s.Horizon)
	}
	return judge.NewBefore(h, s.Tolerance, s.Horizon, true)
}

func (s *Stream) observe(yes bool) { s.observeWith(s.process(), yes) }

// observeRecheck takes a look at the recheck interval.
func (s *Stream) observeRecheck(yes bool) {
	if s.process() != nil {
		s.observeWith(s.recheck, yes)
	}
}

func (s *Stream) observeWith(test *judge.Process, yes bool) {
	if test == nil {
		return
	}
	s.LogE = s.Carried + test.Observe(&s.State, yes)
}

// maxCarried bounds the log-evidence that is carried over.
const maxCarried = 100

// enoughRechecked is how many failures must have been rechecked until they cleared before rechecks
// are evidence.
const enoughRechecked = 20

// judgesRechecks reports whether the persistence at the recheck interval is known.
func (s *Stream) judgesRechecks() bool {
	return s.Rechecks.Seen >= enoughRechecked && s.Rechecks.Again >= 0 && s.Rechecks.Cleared >= 0
}

func (s Stream) clone() Stream {
	s.State.A = slices.Clone(s.State.A)
	return s
}

// The metrics of a check.
const (
	Failures = "failures"
	Latency  = "latency"
	// Of counters and numbers: the "looks" of Counted are what it counts, those of the others
	// are readings, and "failures" of them are beyond Limit.
	Counted        = "counted"
	CountedTraffic = "traffic"
	CountedNumber  = "number"
)

// Metric is one property on which a check's looks are judged.
type Metric struct {
	Name  string  `json:"name"`  // Failures or Latency
	Share float64 `json:"share"` // of its check's share
	// Streams of Failures compare looks with the last hours before the deploy and, if known, with
	// the same time of other days; the smaller evidence counts. Streams of Latency compare them
	// with Limits: those of the last hours count on average, those of the same time too, and of
	// both averages the smaller one counts.
	Streams []Stream `json:"streams"`
	Limits  []Limit  `json:"limits,omitempty"` // of Latency: one for each stream
	// Control compares the looks with those at shops without the deploy; the smaller evidence
	// counts.
	Control *Control `json:"control,omitempty"`
}

// Limit is a duration that looks should not exceed more often than before.
type Limit struct {
	Seconds float64 `json:"seconds"`
	Before  Counts  `json:"before"` // looks, and how many took longer than the percentile that the limit is made of
	// SameTime: the percentile is of the same time of other days.
	SameTime bool `json:"same_time,omitempty"`
	Looks    int  `json:"looks,omitempty"` // judged looks with a duration
	Over     int  `json:"over"`            // those that took longer
	// Longer counts the looks that took longer than Notable, which is slower by the ratio but not by
	// enough to count; 0: there is no such duration.
	Notable float64 `json:"notable,omitempty"`
	Longer  int     `json:"longer,omitempty"`
}

// boundsKeep is the factor on evidence that relies on bounds estimated from history: they may be
// wrong with a tenth of alpha.
const boundsKeep = 0.9

// logE is the natural logarithm of the metric's evidence: the smallest of what it is compared with.
func (m *Metric) logE() float64 {
	if len(m.Streams) == 0 {
		return 0
	}
	least := math.Inf(1)
	if m.Name == Latency {
		for _, sameTime := range []bool{false, true} {
			if e, ok := m.slowness(sameTime); ok {
				least = min(least, e)
			}
		}
	} else {
		for i := range m.Streams {
			least = min(least, m.Streams[i].LogE)
		}
	}
	if m.Control != nil {
		least = min(least, m.Control.logE())
	}
	return least
}

// slowness is the average evidence of the streams of Latency that compare with the last hours, or with
// the same time of other days; false when there are none.
func (m *Metric) slowness(sameTime bool) (logE float64, ok bool) {
	var few [4]float64 // on the stack: this runs after each look
	logs := few[:0]
	for i := range m.Streams {
		if m.ofSameTime(i) == sameTime {
			logs = append(logs, m.Streams[i].LogE)
		}
	}
	return math.Log(boundsKeep) + logSum(logs) - math.Log(float64(len(logs))), len(logs) > 0
}

func (m *Metric) ofSameTime(i int) bool { return i < len(m.Limits) && m.Limits[i].SameTime }

// observe takes a judged look. One that failed says nothing about durations: it is counted among the
// failures.
func (m *Metric) observe(l look) {
	if m.Name != Latency {
		for i := range m.Streams {
			m.Streams[i].observe(l.Down)
		}
		return
	}
	if !l.timed() {
		return
	}
	for i := range min(len(m.Streams), len(m.Limits)) {
		limit, seconds := &m.Limits[i], l.Took.Seconds()
		slow := seconds > limit.Seconds
		limit.Looks++
		switch {
		case slow:
			limit.Over++
		case limit.Notable > 0 && seconds > limit.Notable:
			limit.Longer++
		}
		m.Streams[i].observe(slow)
	}
}

// heaviestLimit is the limit of Latency with the most evidence, among those that decide.
func (m *Metric) heaviestLimit() (Limit, bool) {
	if len(m.Limits) == 0 || len(m.Limits) != len(m.Streams) {
		return Limit{}, false
	}
	recent, _ := m.slowness(false)
	matched, ok := m.slowness(true)
	sameTime, best := ok && matched < recent, -1
	for i := range m.Streams {
		if m.Limits[i].SameTime == sameTime && (best < 0 || cmp.Compare(m.Streams[i].LogE, m.Streams[best].LogE) > 0) {
			best = i
		}
	}
	if best < 0 {
		return Limit{}, false
	}
	return m.Limits[best], true
}

func (m Metric) clone() Metric {
	m.Streams = slices.Clone(m.Streams)
	for i := range m.Streams {
		m.Streams[i] = m.Streams[i].clone()
	}
	m.Limits = slices.Clone(m.Limits)
	if m.Control != nil {
		c := m.Control.clone()
		m.Control = &c
	}
	return m
}

// logSum is ln Σ e^l.
func logSum(logs []float64) float64 {
	if len(logs) == 0 {
		return 0
	}
	top := slices.Max(logs)
	if math.IsInf(top, 0) || math.IsNaN(top) {
		return top
	}
	sum := 0.0
	for _, l := range logs {
		sum += math.Exp(l - top)
	}
	return top + math.Log(sum)
}
