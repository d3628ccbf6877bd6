package flags

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"guardian/internal/mirror"
)

// Journal keeps the last change of each flag.
type Journal interface {
	Flags(ctx context.Context) ([]Change, error)
}

// Options is what a Board is made of. All fields are needed.
type Options struct {
	Journal Journal
	Flags   func() []Flag // of the running configuration
	// Commit writes a change in the name of the leadership, with what people are told of it.
	Commit func(ctx context.Context, f Flag, c Change) error
	// Leads tells whether this guardian leads: it records which changes are over.
	Leads      func() bool
	Now        func() time.Time
	Log        *slog.Logger
	Registerer prometheus.Registerer
}

// The errors of a Board.
var (
	ErrUnknown = errors.New("there is no such flag")
	// ErrNotRead: what is set is not known yet. A reader must use its own default.
	ErrNotRead = errors.New("the flags of the journal could not be read yet")
)

// InvalidError says what is wrong with a change that somebody asks for.
type InvalidError struct{ Field, Detail string }

func (e *InvalidError) Error() string { return e.Field + ": " + e.Detail }

// follow is how often the journal is read: another guardian may have changed a flag.
const follow = 500 * time.Millisecond

// Board answers what flags are, from memory. It is safe for concurrent use.
type Board struct {
	o    Options
	set  *prometheus.GaugeVec
	last *mirror.Mirror[Change] // of each flag
}

// NewBoard makes a board, which knows nothing until it was refreshed.
func NewBoard(o Options) *Board {
	b := &Board{o: o, set: prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "guardian_flag_set", Help: "1 while a flag is set to another variant than its default.",
	}, []string{"flag", "variant"})}
	b.last = mirror.New(mirror.Options[Change]{
		Read: o.Journal.Flags, Key: func(c Change) string { return c.Flag }, Every: follow, Log: o.Log, Changed: b.measure,
		Away: "the flags cannot be read from the journal: readers get what was set last, until its time is over",
	})
	o.Registerer.MustRegister(b.set)
	return b
}

// Run follows the journal, and ends changes whose time is over, until ctx ends.
func (b *Board) Run(ctx context.Context) {
	b.last.Run(ctx, func(ctx context.Context) {
		if b.o.Leads() {
			b.Expire(ctx)
		}
	})
}

// Refresh reads the journal. After an error what was read last counts.
func (b *Board) Refresh(ctx context.Context) error { return b.last.Refresh(ctx) }

func (b *Board) measure() {
	states, err := b.All()
	if err != nil {
		return
	}
	b.set.Reset()
	for _, s := range states {
		set := 0.0
		if s.Variant != s.Default {
			set = 1
		}
		b.set.WithLabelValues(s.Name, s.Variant).Set(set)
	}
}

// All gives every flag, in the order of the configuration, or ErrNotRead.
func (b *Board) All() ([]State, error) {
	last := b.last.Rows()
	if last == nil {
		return nil, ErrNotRead
	}
	now := b.o.Now()
	all := []State{}
	for _, f := range b.o.Flags() {
		all = append(all, Evaluate(f, last[f.Name], now))
	}
	return all, nil
}

// One gives one flag, or ErrUnknown or ErrNotRead.
func (b *Board) One(name string) (State, error) {
	f, err := b.flag(name)
	if err != nil {
		return State{}, err
	}
	last := b.last.Rows()
	if last == nil {
		return State{}, ErrNotRead
	}
	return Evaluate(f, last[name], b.o.Now()), nil
}

func (b *Board) flag(name string) (Flag, error) {
	for _, f := range b.o.Flags() {
		if f.Name == name {
			return f, nil
		}
	}
	return Flag{}, fmt.Errorf("%w: %q", ErrUnknown, name)
}

// Change writes a change, and gives what the flag is then. It gives ErrUnknown, an InvalidError, or
// why the journal did not take it; then it is not certain that it was not written. A change whose
// intent was written last is written no second time.
func (b *Board) Change(ctx context.Context, c Change) (State, error) {
	f, err := b.flag(c.Flag)
	if err != nil {
		return State{}, err
	}
	if err := f.Check(c); err != nil {
		return State{}, err
	}
	end, err := b.last.Begin(ctx)
	if err != nil {
		return State{}, err
	}
	defer end()
	if c.Intent == "" || b.last.Rows()[c.Flag].Intent != c.Intent {
		if err := b.o.Commit(ctx, f, c); err != nil {
			return State{}, err
		}
		b.last.Keep(c)
	}
	return b.One(c.Flag)
}

// Last reads the last change of a flag from the journal; zero: there was none.
func (b *Board) Last(ctx context.Context, name string) (Change, error) {
	if err := b.Refresh(ctx); err != nil {
		return Change{}, err
	}
	return b.last.Rows()[name], nil
}

// Changes gives the last change of each flag, as far as the journal was read: also of flags that the
// configuration does not have.
func (b *Board) Changes() []Change {
	return slices.SortedFunc(maps.Values(b.last.Rows()), func(x, y Change) int { return strings.Compare(x.Flag, y.Flag) })
}

// Expire records, for the leader, which changes hold no more, so that people hear of it: their time is
// over, or the configuration has no such flag or variant any more.
func (b *Board) Expire(ctx context.Context) {
	now := b.o.Now()
	over := slices.DeleteFunc(b.Changes(), func(c Change) bool {
		_, err := b.flag(c.Flag)
		return (!c.Expired(now) || err != nil) && c.Gone(b.o.Flags(), now).IsZero()
	})
	slices.SortStableFunc(over, func(x, y Change) int { return x.Until.Compare(y.Until) })
	for _, c := range over {
		if err := b.expire(ctx, c); err != nil && ctx.Err() == nil {
			b.o.Log.Warn("that a flag has its default again could not be recorded; trying again", "flag", c.Flag, "error", err)
		}
	}
}

func (b *Board) expire(ctx context.Context, over Change) error {
	end, err := b.last.Begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	if !b.last.Rows()[over.Flag].At.Equal(over.At) {
		return nil // somebody changed it meanwhile
	}
	now := b.o.Now()
	c := Change{Flag: over.Flag, At: now, Reason: over.Gone(b.o.Flags(), now)}
	if c.Reason.IsZero() && !over.Expired(now) {
		return nil // it was put back into the configuration meanwhile
	}
	f, err := b.flag(over.Flag)
	if err != nil {
		f = Flag{Name: over.Flag}
	}
	if err := b.o.Commit(ctx, f, c); err != nil {
		return err
	}
	b.last.Keep(c)
	if c.Dropped() {
		b.o.Log.Warn("a flag is not set any more", "flag", c.Flag, "why", c.Reason.String())
	}
	return nil
}
