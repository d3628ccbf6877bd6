package decide

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"guardian/internal/reason"
)

// Limits of what the guardian measures of itself.
const (
	lateLooks    = time.Minute
	lateRules    = time.Minute
	oldNotice    = 11 * time.Minute // longer than the penalty of a robot that was called too often
	clockOff     = 30 * time.Second
	leastFree    = 512 << 20 // bytes
	leastShare   = 0.05      // of a disk, unless so much is free:
	plentyOfDisk = 10 << 30  // bytes
	leastInodes  = 0.01      // of those of a disk
)

// Vitals is what the guardian measures of itself. A measurement that is not there is no fault.
type Vitals struct {
	LateCheck   string        // the check whose look is overdue most
	LooksLate   time.Duration // by how much
	LateGroup   string        // the group of rules whose evaluation is overdue most
	RulesLate   time.Duration
	Undelivered time.Time // when the oldest notice that waits was made; zero: none waits
	Journal     string    // why the journal cannot be read or written; redacted
	Disk        Disk      // of the data folder
	Down        []string  // what is down while the journal is away, so that no alert of it can be recorded
	ClockOff    time.Duration
	// Overflows are the sources of which new series are refused.
	Overflows []Overflow
	// Folder is why the data folder is not the one that was opened: it was deleted or replaced; "": it is.
	Folder string
	// Calendar is a schedule whose calendar cannot be read, and why; "": none.
	Calendar    string
	CalendarWhy reason.Reason
	// Guessers are the addresses that sent many wrong tokens or logins within the last hour, the one
	// with the most first, and Guesses how many were tried.
	Guessers []string
	Guesses  int
}

// Disk is how much a disk takes yet. Size is 0 where it is not known, and Inodes where they are not, or not
// limited.
type Disk struct{ Free, Size, InodesFree, Inodes uint64 }

// Overflow is a source that has as many series as it may.
type Overflow struct {
	Source string
	Own    bool // its series are the guardian's own, so that checks or rules are blind without them
	Limit  int
	Metric string // of the series that was refused last
}

// The names of faults.
const (
	FaultFolder = "folder" // the data folder
	// FaultSeries is that own series are refused, and FaultForeign that those of others are.
	FaultSeries  = "series"
	FaultForeign = "foreign_series"
	FaultLooks   = "looks"
	FaultRules   = "rules"
	FaultOutbox  = "outbox"
	FaultJournal = "journal"
	FaultDisk    = "disk"
	FaultClock   = "clock"
	// FaultOutage is that something is down while no alert of it can be recorded.
	FaultOutage = "outage"
	// FaultCalendar is that of a schedule.
	FaultCalendar = "calendar"
	// FaultGuesses is that somebody tries tokens.
	FaultGuesses = "guesses"
)

// Fault is something that is wrong with the guardian itself.
type Fault struct {
	Name string
	Why  reason.Reason
	// Of names what it is about: when there is more, people are told again.
	Of []string
	// Total: nothing is left. It is told without waiting for whether it lasts.
	Total bool
}

// Direct tells that the outbox cannot be relied on to tell of the fault: its notice is sent past
// it.
func (f Fault) Direct() bool {
	return f.Name == FaultOutbox || f.Name == FaultJournal || f.Name == FaultDisk || f.Name == FaultFolder || f.Name == FaultOutage
}

// Mortal tells that the guardian does not do its work: no heartbeat is sent while it holds.
func (f Fault) Mortal() bool {
	return f.Name == FaultLooks || f.Name == FaultRules || f.Name == FaultOutbox || f.Name == FaultJournal || f.Name == FaultFolder || f.Name == FaultOutage
}

// Local tells that the fault is of one guardian alone, which tells of it also while another one leads.
func (f Fault) Local() bool { return f.Name == FaultGuesses }

// Blinded tells that a guardian cannot know who leads: it does not reach the journal.
func Blinded(faults []Fault) bool {
	return slices.ContainsFunc(faults, func(f Fault) bool { return f.Name == FaultJournal || f.Name == FaultFolder })
}

// FaultNames lists all faults that there may be.
func FaultNames() []string {
	return []string{FaultLooks, FaultRules, FaultOutbox, FaultJournal, FaultFolder, FaultOutage, FaultDisk, FaultSeries, FaultForeign, FaultClock, FaultCalendar, FaultGuesses}
}

// Faults says what is wrong.
func (v Vitals) Faults(now time.Time) []Fault {
	var all []Fault
	add := func(wrong bool, name, code string, pairs ...any) {
		if wrong {
			all = append(all, Fault{Name: name, Why: reason.New(code, pairs...)})
		}
	}
	waits := now.Sub(v.Undelivered)
	full := v.Disk.Free < leastFree || v.Disk.Free < plentyOfDisk && float64(v.Disk.Free) < leastShare*float64(v.Disk.Size)
	add(v.Folder != "", FaultFolder, "self_folder", "folder", v.Folder)
	told := map[string]bool{}
	for _, o := range v.Overflows {
		name := FaultForeign
		if o.Own {
			name = FaultSeries
		}
		add(!told[name], name, "self_series_full", "source", o.Source, "limit", o.Limit, "metric", o.Metric)
		told[name] = true
	}
	add(v.Journal != "", FaultJournal, "self_journal", "error", v.Journal)
	if len(v.Down) > 0 {
		add(true, FaultOutage, "self_outage", "down", someOf(v.Down))
		all[len(all)-1].Of = v.Down
	}
	add(v.LooksLate > lateLooks, FaultLooks, "self_looks_late", "check", v.LateCheck, "by", v.LooksLate.Round(time.Second))
	add(v.RulesLate > lateRules, FaultRules, "self_rules_late", "group", v.LateGroup, "by", v.RulesLate.Round(time.Second))
	add(!v.Undelivered.IsZero() && waits > oldNotice, FaultOutbox, "self_outbox_old", "waits", waits.Round(time.Second))
	switch {
	case v.Disk.Size > 0 && full:
		add(true, FaultDisk, "self_disk_full", "free", v.Disk.Free>>20, "size", v.Disk.Size>>20)
		all[len(all)-1].Total = v.Disk.Free == 0
	case v.Disk.Inodes > 0 && float64(v.Disk.InodesFree) < leastInodes*float64(v.Disk.Inodes):
		add(true, FaultDisk, "self_inodes_full", "free", v.Disk.InodesFree, "all", v.Disk.Inodes)
		all[len(all)-1].Total = v.Disk.InodesFree == 0
	}
	add(v.ClockOff.Abs() > clockOff, FaultClock, "self_clock_off", "by", v.ClockOff.Abs().Round(time.Second))
	add(v.Calendar != "", FaultCalendar, "self_calendar", "schedule", v.Calendar, "why", v.CalendarWhy)
	named := v.Guessers[:min(len(v.Guessers), mostNamed)]
	add(len(v.Guessers) > 0, FaultGuesses, "self_guesses", "wrong", v.Guesses, "addresses", named, "more", len(v.Guessers)-len(named))
	return all
}

const (
	// faultHolds is how long a fault must hold, or be gone, before people are notified.
	faultHolds = time.Minute
	// journalHolds is how long it must hold where the guardian forgets what happens meanwhile: two
	// measurements. Where it is certain, as of a folder that is gone, one is enough.
	journalHolds = 4 * time.Second
	// faultRepeats is how often they are notified again, and guessRepeats how often of guesses: others may
	// have begun meanwhile.
	faultRepeats = 4 * time.Hour
	guessRepeats = time.Hour
	// mostNamed is how many addresses a notice names.
	mostNamed = 3
	// mostDown is how many checks a notice names.
	mostDown = 8
)

// SelfCheck knows which faults hold, and of which people were notified. It is not safe for
// concurrent use.
type SelfCheck struct{ known map[string]*heldFault }

type heldFault struct {
	Fault
	holds  bool
	since  time.Time // that it holds, or is gone
	told   time.Time // last; zero: people do not know of it
	toldOf map[string]bool
	began  time.Time
}

// FaultNews is a fault of which people are to be notified.
type FaultNews struct {
	Fault
	Since time.Time
	Over  bool
}

// Step takes what is wrong now and gives what people must hear; Told is to be called for each
// that they were notified of.
func (c *SelfCheck) Step(faults []Fault, now time.Time) []FaultNews {
	if c.known == nil {
		c.known = map[string]*heldFault{}
	}
	holds := map[string]bool{}
	for _, f := range faults {
		holds[f.Name] = true
		h := c.known[f.Name]
		if h == nil {
			h = &heldFault{since: now, began: now, toldOf: map[string]bool{}}
			c.known[f.Name] = h
		}
		h.Fault = f
		h.turn(true, now)
	}
	var news []FaultNews
	for _, name := range slices.Sorted(maps.Keys(c.known)) {
		h := c.known[name]
		if !holds[name] {
			h.turn(false, now)
		}
		lasts := now.Sub(h.since) >= faultHolds
		switch {
		case h.holds && now.Sub(h.since) >= h.patience() && (h.told.IsZero() || h.grew() || now.Sub(h.told) >= h.repeats()):
			news = append(news, FaultNews{Fault: h.Fault, Since: h.began})
		case !h.holds && lasts && !h.told.IsZero() && h.endIsTold():
			news = append(news, FaultNews{Fault: h.Fault, Since: h.began, Over: true})
		case !h.holds && lasts:
			delete(c.known, name)
		}
	}
	return news
}

// patience is how long the fault must hold before people are notified.
func (f Fault) patience() time.Duration {
	switch {
	case f.Name == FaultFolder, f.Name == FaultGuesses:
		return 0
	case f.Name == FaultJournal, f.Name == FaultOutage, f.Total:
		return journalHolds
	default:
		return faultHolds
	}
}

// repeats is how often people are notified while the fault holds.
func (f Fault) repeats() time.Duration {
	if f.Name == FaultGuesses {
		return guessRepeats
	}
	return faultRepeats
}

// Hand forgets the faults that another guardian tells of from now on.
func (c *SelfCheck) Hand() {
	maps.DeleteFunc(c.known, func(_ string, h *heldFault) bool { return !h.Local() })
}

// endIsTold tells whether people hear that it is over. What was down is told by its alert once there is a
// journal again.
func (f Fault) endIsTold() bool { return f.Name != FaultOutage }

// grew tells whether the fault is about more than people were told.
func (h *heldFault) grew() bool {
	return slices.ContainsFunc(h.Of, func(one string) bool { return !h.toldOf[one] })
}

// someOf names some of a list.
func someOf(all []string) string {
	if len(all) <= mostDown {
		return strings.Join(all, ", ")
	}
	return strings.Join(all[:mostDown], ", ") + fmt.Sprintf(", … (%d)", len(all))
}

func (h *heldFault) turn(holds bool, now time.Time) {
	if h.holds == holds {
		return
	}
	if holds && h.told.IsZero() {
		h.began = now
	}
	h.holds, h.since = holds, now
}

// Told notes that people were notified.
func (c *SelfCheck) Told(n FaultNews, now time.Time) {
	if n.Over {
		delete(c.known, n.Name)
		return
	}
	h := c.known[n.Name]
	h.told = now
	for _, one := range n.Of {
		h.toldOf[one] = true
	}
}

// Well reports whether the guardian does its work, so that its heartbeat may be sent.
func Well(faults []Fault) bool { return !slices.ContainsFunc(faults, Fault.Mortal) }
