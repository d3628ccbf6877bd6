package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// undo is a list of named cleanups that run once, the last one first. New uses the same
// list when it fails halfway as Stop does at the end.
type undo struct {
	mu    sync.Mutex
	steps []cleanup
}

type cleanup struct {
	name string
	do   func(ctx context.Context) error
}

func (u *undo) add(name string, do func(ctx context.Context) error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.steps = append(u.steps, cleanup{name, do})
}

// run does every cleanup, also after one failed, and joins their errors.
func (u *undo) run(ctx context.Context) error {
	u.mu.Lock()
	steps := u.steps
	u.steps = nil
	u.mu.Unlock()
	var errs []error
	for _, s := range slices.Backward(steps) {
		if err := s.do(ctx); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", s.name, err))
		}
	}
	return errors.Join(errs...)
}
