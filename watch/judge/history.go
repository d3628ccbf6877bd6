package judge

// History counts the looks before a deploy as a Markov chain of two states: how often a failure
// follows a success, and how often one follows a failure. A run is a sequence of failures.
type History struct {
	Calm    int `json:"calm"`    // looks that followed a success
	Begun   int `json:"begun"`   // failures among them
	Failing int `json:"failing"` // looks that followed a failure
	Again   int `json:"again"`   // failures among them
	// Last is the last look: 0 none yet, 1 a success, 2 a failure.
	Last uint8 `json:"last,omitempty"`
	// Longest is the length of the longest run, in looks; 0: there was none, or it is not known. Run is
	// the length of the run that goes on.
	Longest int `json:"longest,omitempty"`
	Run     int `json:"run,omitempty"`
	// Others are the runs at the service's other checks, for a history that has too few of its own.
	Others Runs `json:"others,omitzero"`
}

// Runs counts runs of failures.
type Runs struct {
	Ended   int `json:"ended"`             // runs that are over
	Again   int `json:"again"`             // failures that followed a failure
	Longest int `json:"longest,omitempty"` // length of the longest; 0: not known
}

// Add counts the runs of another history.
func (r Runs) Add(o Runs) Runs {
	return Runs{Ended: r.Ended + o.Ended, Again: r.Again + o.Again, Longest: max(r.Longest, o.Longest)}
}

// longRun is from which look on a run counts as a long one.
const longRun = 4

// ObserveLong counts how the runs of a history go on that have become long, from the look that the
// history takes next: where looks depend on more than the one before them, those persist most.
func (r *Runs) ObserveLong(h History, fail bool) {
	if h.Last == 2 && h.Run >= longRun {
		r.Again += bit(fail)
		r.Ended += bit(!fail)
	}
}

// Observe takes one look. The first one only sets the state.
func (h *History) Observe(fail bool) {
	switch h.Last {
	case 1:
		h.Calm++
		h.Begun += bit(fail)
	case 2:
		h.Failing++
		h.Again += bit(fail)
	}
	if !fail || h.Last != 2 {
		h.Run = 0
	}
	h.Run += bit(fail)
	h.Longest = max(h.Longest, h.Run)
	h.Last = uint8(1 + bit(fail))
}

// Add appends the counts of a later period.
func (h *History) Add(o History) {
	h.Calm += o.Calm
	h.Begun += o.Begun
	h.Failing += o.Failing
	h.Again += o.Again
	h.Longest = max(h.Longest, o.Longest)
	if o.Last != 0 {
		h.Last, h.Run = o.Last, o.Run
	}
}

// Counts gives the looks and the failures among them.
func (h History) Counts() (looks, failures int) {
	return h.Calm + h.Failing, h.Begun + h.Again
}

// Valid reports whether the counts are consistent.
func (h History) Valid() bool {
	return 0 <= h.Begun && h.Begun <= h.Calm && 0 <= h.Again && h.Again <= h.Failing && h.Last <= 2 &&
		h.Longest >= 0 && h.Run >= 0 && h.Others.Ended >= 0 && h.Others.Again >= 0 && h.Others.Longest >= 0
}

// Begin is the state before the first look: a run that began before the deploy goes on.
func (h History) Begin() ProcessState { return ProcessState{Last: h.Last == 2} }

const (
	// defaultPersistence is the persistence where too few runs were seen to tell: a mean run of two
	// and a half looks. With it, an outage since the deploy is found within ten looks.
	defaultPersistence = 0.6
	// minPersistence is for histories with few failures.
	minPersistence = 0.5
	// maxPersistence is the highest persistence of a healthy target's failures.
	maxPersistence = 0.95
	// longRunPersistence takes its place where one of these few runs was longer than shortRun: that may
	// have been an outage, or what is usual. An outage is still found within 14 looks.
	longRunPersistence = 0.7
	shortRun           = 5
	// fewRuns is how many runs tell how long runs are: with fewer, one of them may have been an
	// outage, and fewRunsPersistence is the most that they can show.
	fewRuns            = 3
	fewRunsPersistence = 0.92
	// unsure is the chance that runs persist more than is assumed, unsureOfFew with few runs, and
	// unsureOfOne with one.
	unsure      = 0.05
	unsureOfFew = 0.06
	unsureOfOne = 0.04
)

// Runs gives the runs of the history itself.
func (h History) Runs() Runs {
	return Runs{Ended: h.Failing - h.Again, Again: h.Again, Longest: h.Longest}
}

// FewRuns reports whether the history has too few runs of its own to tell how long runs are.
func (h History) FewRuns() bool { return h.Runs().Ended < fewRuns }

// known gives the runs that tell how long runs are: its own or, with fewer than three, these and
// those of the other checks.
func (h History) known() Runs {
	if h.FewRuns() {
		return h.Runs().Add(h.Others)
	}
	return h.Runs()
}

// Clustering is how many looks tell as much of the rate of failures as one independent look:
// (1+ρ)/(1-ρ) for looks that are correlated with ρ, and at least 1.
func (h History) Clustering() float64 {
	correlation := float64(h.Again)/float64(max(h.Failing, 1)) - float64(h.Begun)/float64(max(h.Calm, 1))
	correlation = min(max(correlation, 0), maxPersistence)
	return (1 + correlation) / (1 - correlation)
}

// Persistence is the chance that a failure is followed by another one, as it is known from
// history: see Runs.Persistence. It is 0.6 where no look followed a failure.
func (h History) Persistence() float64 {
	r := h.known()
	if r.Ended+r.Again == 0 {
		return defaultPersistence
	}
	return r.Persistence()
}

// PersistenceWith is the Persistence of the history or that of its long runs, whichever is higher.
func (h History) PersistenceWith(long Runs) float64 {
	if long.Ended < fewRuns {
		return h.Persistence()
	}
	return max(h.Persistence(), long.Persistence())
}

// persistences gives the persistence of a run that begins with the deploy, and of a later one. The
// former is no more than the default before three runs were seen: that one of them was an
// outage must not hide the next one, and a run that is not the deploy's seldom begins at that
// very look.
func (h History) persistences() (sinceDeploy, later float64) {
	r := h.known()
	looks, _ := h.Counts()
	if r.Ended+r.Again == 0 && (looks < ShortHistory || h.Begun > 0) {
		// Too little was seen for a run, or failures were counted, but not what followed them.
		return defaultPersistence, defaultPersistence
	}
	later = r.Persistence()
	if r.Ended < fewRuns {
		if r.Longest > shortRun {
			return min(later, longRunPersistence), later
		}
		return min(later, defaultPersistence), later
	}
	return later, later
}

// Persistence is the upper bound of the chance that a failure is followed by another one, from the
// posterior Beta(1+again, 2+ended), between 0.5 and 0.95.
//
// It counts runs, not looks: the longest of three or more runs counts as no more than twice the mean of
// the others, since it may have been an outage. With fewer, little is known: then the
// bound is surer, but at most 0.92.
func (r Runs) Persistence() float64 {
	again := float64(r.Again)
	if r.Ended < fewRuns {
		chance := unsureOfFew
		if r.Ended == 1 {
			chance = unsureOfOne
		}
		return min(max(betaUpper(chance, 1+again, float64(2+r.Ended)), minPersistence), fewRunsPersistence)
	}
	if longest := float64(r.Longest - 1); longest > 0 && longest <= again {
		others := again - longest
		again = others + min(longest, 2*others/float64(r.Ended-1)+1)
	}
	return min(max(betaUpper(unsure, 1+again, float64(2+r.Ended)), minPersistence), maxPersistence)
}
