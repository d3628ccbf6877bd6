package windows

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"guardian/internal/mirror"
)

// Journal keeps windows.
type Journal interface {
	// Windows gives those that end after a time; all of them after the zero time.
	Windows(ctx context.Context, after time.Time) ([]Window, error)
}

// Options is what a Board is made of. All fields are needed.
type Options struct {
	Journal  Journal
	Services func() []string // of the running configuration
	// Commit writes a window, which is new or has just been ended, in the name of the leadership, with
	// what people are told of it.
	Commit func(ctx context.Context, w Window) error
	NewID  func() string
	Now    func() time.Time
	Log    *slog.Logger
}

// The errors of a Board.
var (
	ErrUnknown = errors.New("there is no such window")
	ErrOver    = errors.New("the window has ended")
)

const (
	// follow is how often the journal is read: another guardian may have announced a window.
	follow = time.Second
	// shown is for how long a window is kept that has ended.
	shown = 24 * time.Hour
)

// Board knows the windows, from memory. It is safe for concurrent use.
type Board struct {
	o   Options
	all *mirror.Mirror[Window]
}

// NewBoard makes a board, which knows no window until it was refreshed.
func NewBoard(o Options) *Board {
	return &Board{o: o, all: mirror.New(mirror.Options[Window]{
		Read: func(ctx context.Context) ([]Window, error) { return o.Journal.Windows(ctx, o.Now().Add(-shown)) },
		Key:  func(w Window) string { return w.ID }, Every: follow, Log: o.Log,
		Away: "the announced windows cannot be read from the journal: those that were read last count",
	})}
}

// Run follows the journal until ctx ends.
func (b *Board) Run(ctx context.Context) { b.all.Run(ctx, func(context.Context) {}) }

// Refresh reads the journal. After an error what was read last counts.
func (b *Board) Refresh(ctx context.Context) error { return b.all.Refresh(ctx) }

// All gives the windows that last, are announced, or ended in the last day, by their beginnings.
func (b *Board) All() []Window {
	list := slices.Collect(maps.Values(b.all.Rows()))
	list = slices.DeleteFunc(list, func(w Window) bool { return w.Over(b.o.Now().Add(-shown)) })
	inOrder(list)
	return list
}

// Announce writes a window, and gives it with its ID. One whose intent announced a window already
// gives that, and writes nothing. What is wrong is an InvalidError; any other error is why the
// journal did not take it, and then it is not certain that it was not written.
func (b *Board) Announce(ctx context.Context, w Window) (Window, error) {
	now := b.o.Now()
	if w.From.IsZero() {
		w.From = now
	}
	if err := w.check(b.o.Services(), now); err != nil {
		return Window{}, err
	}
	end, err := b.all.Begin(ctx)
	if err != nil {
		return Window{}, err
	}
	defer end()
	if before, ok, err := b.ofIntent(ctx, w.Intent); ok || err != nil {
		return before, err
	}
	w.ID, w.Announced, w.From, w.To = b.o.NewID(), now, w.From.UTC(), w.To.UTC()
	if w.From.Before(now) {
		w.From = now // nothing is announced backwards
	}
	if err := b.o.Commit(ctx, w); err != nil {
		return Window{}, err
	}
	b.all.Keep(w)
	return w, nil
}

// End ends a window now; one that has not begun is called off. by is a person, or the ID of a run.
// Errors: ErrUnknown, ErrOver, or why the journal did not take it.
func (b *Board) End(ctx context.Context, id, by string) (Window, error) {
	end, err := b.all.Begin(ctx)
	if err != nil {
		return Window{}, err
	}
	defer end()
	w, ok := b.all.Rows()[id]
	now := b.o.Now()
	switch {
	case !ok:
		return Window{}, fmt.Errorf("%w: %q", ErrUnknown, id)
	case w.Over(now):
		return Window{}, fmt.Errorf("%w: %s, at %s", ErrOver, id, w.To.Format(time.RFC3339))
	}
	w.Ended, w.EndedBy, w.To = now, by, now
	if now.Before(w.From) {
		w.To = w.From // it never was
	}
	if err := b.o.Commit(ctx, w); err != nil {
		return Window{}, err
	}
	b.all.Keep(w)
	return w, nil
}

// Announced reads the window that an intent announced from the journal; false: it announced none.
func (b *Board) Announced(ctx context.Context, intent string) (Window, bool, error) {
	return b.ofIntent(ctx, intent)
}

// ofIntent looks through every window that the journal has: a guardian may have been away for longer
// than a window is kept in memory.
func (b *Board) ofIntent(ctx context.Context, intent string) (Window, bool, error) {
	if intent == "" {
		return Window{}, false, nil
	}
	all, err := b.o.Journal.Windows(ctx, time.Time{})
	if err != nil {
		return Window{}, false, err
	}
	i := slices.IndexFunc(all, func(w Window) bool { return w.Intent == intent })
	if i < 0 {
		return Window{}, false, nil
	}
	return all[i], true, nil
}
