package roster

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"guardian/internal/reason"
	"guardian/oncall"
)

// Schedules are those of a configuration; config.Config has them.
type Schedules interface {
	// RosterWith builds them with calendars that were read from addresses, and overrides that people made.
	RosterWith(calendars map[string]*oncall.Calendar, made []oncall.Made) (*oncall.Roster, error)
	// CalendarAddresses are those of a schedule; "": of all.
	CalendarAddresses(schedule string) []string
}

// Calendars are read from addresses; calendars.Calendars does.
type Calendars interface {
	Apply(addresses []string)
	Contents() map[string]*oncall.Calendar // by address
	Problem(address string) reason.Reason  // why one cannot be read; zero: it can
}

// Journal keeps overrides; store.Store does.
type Journal interface {
	// Overrides are those that end after since.
	Overrides(ctx context.Context, since time.Time) ([]oncall.Made, error)
}

// Options is what a Keeper is made of. All fields are needed.
type Options struct {
	Calendars Calendars
	Journal   Journal
	Now       func() time.Time
	Log       *slog.Logger
}

// Keeper knows who is on call. It is safe for concurrent use.
type Keeper struct {
	o       Options
	current atomic.Pointer[oncall.Roster]

	// reading lets one reading of the journal follow another, so that what was read before a change
	// never takes the place of what was read after.
	reading sync.Mutex

	mu        sync.Mutex // whoever builds last has read last
	schedules Schedules  // nil: before the first Apply
	made      []oncall.Made
}

const (
	// rereadEvery is how soon an override that another guardian took is known here.
	rereadEvery = 5 * time.Second
	// overridesKept is how long overrides that ended are shown in the shifts of the past.
	overridesKept = 92 * 24 * time.Hour
)

// New makes a Keeper, which knows nobody before Apply.
func New(o Options) *Keeper { return &Keeper{o: o} }

// Now gives the people and schedules as they are known now; nil before Apply.
func (k *Keeper) Now() *oncall.Roster { return k.current.Load() }

// Made gives the overrides that people made, as they were read last.
func (k *Keeper) Made() []oncall.Made {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.made
}

// Apply sets the schedules.
func (k *Keeper) Apply(s Schedules) {
	k.o.Calendars.Apply(s.CalendarAddresses(""))
	k.mu.Lock()
	defer k.mu.Unlock()
	k.schedules = s
	k.build()
}

// CalendarsChanged lets the schedules know the calendars as they are now.
func (k *Keeper) CalendarsChanged() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.build()
}

func (k *Keeper) build() {
	if k.schedules == nil {
		return
	}
	built, err := k.schedules.RosterWith(k.o.Calendars.Contents(), k.made)
	if err != nil { // the configuration was checked with other contents of its calendars
		k.o.Log.Error("the schedules could not be built; those of before stay", "error", err)
		return
	}
	k.current.Store(built)
}

// Reread lets the schedules know the overrides that people made. What cannot be read stays as it was.
func (k *Keeper) Reread(ctx context.Context) {
	k.reading.Lock()
	defer k.reading.Unlock()
	made, err := k.o.Journal.Overrides(ctx, k.o.Now().Add(-overridesKept))
	if err != nil {
		if ctx.Err() == nil {
			k.o.Log.Warn("overrides of shifts could not be read; those known before stay", "error", err)
		}
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if !slices.Equal(k.made, made) {
		k.made = made
		k.build()
	}
}

// Run reads overrides again and again until ctx ends.
func (k *Keeper) Run(ctx context.Context) {
	tick := time.NewTicker(rereadEvery)
	defer tick.Stop()
	for {
		k.Reread(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Unreadable gives a schedule with a calendar that cannot be read, and why; "": there is none.
func (k *Keeper) Unreadable() (schedule string, why reason.Reason) {
	k.mu.Lock()
	schedules := k.schedules
	k.mu.Unlock()
	current := k.Now()
	if schedules == nil || current == nil {
		return "", reason.Reason{}
	}
	for _, s := range current.Schedules {
		for _, address := range schedules.CalendarAddresses(s.Name) {
			if why := k.o.Calendars.Problem(address); !why.IsZero() {
				return s.Name, why
			}
		}
	}
	return "", reason.Reason{}
}
