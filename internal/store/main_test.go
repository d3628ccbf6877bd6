package store_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"guardian/actions"
	"guardian/internal/store"
)

// childEnv makes the test binary a guardian that another process may kill or pause:
// "write" or "pause"; childPath is its journal.
const (
	childEnv  = "GUARDIAN_STORE_CHILD"
	childPath = "GUARDIAN_STORE_PATH"
)

func TestMain(m *testing.M) {
	var err error
	switch os.Getenv(childEnv) {
	case "write":
		err = childWrites(context.Background())
	case "pause":
		err = childIsPaused(context.Background())
	default:
		os.Exit(m.Run())
	}
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
}

// pauseTTL is the lease of the guardian that is paused.
const pauseTTL = time.Second

// childWrites commits batches for ever and says of each that it was acknowledged.
func childWrites(ctx context.Context) error {
	s, err := store.Open(ctx, store.Options{Path: os.Getenv(childPath)})
	if err != nil {
		return err
	}
	l, ok, err := s.Acquire(ctx, "child", "", time.Hour)
	if err != nil || !ok {
		return fmt.Errorf("acquire: %v, %w", ok, err)
	}
	for i := 0; ; i++ {
		id := strconv.Itoa(i)
		if err := s.Commit(ctx, l.Token, store.Batch{
			Runs:    []actions.Run{{ID: id, State: actions.Running}},
			Entries: []actions.Entry{{Run: id, What: "created"}, {Run: id, What: "intent", Intent: id}},
			Audit:   []store.Audit{{What: id, At: time.Now()}},
		}); err != nil {
			return err
		}
		fmt.Println(id)
	}
}

// childIsPaused takes the lease, waits for a line, and says how a commit goes then.
func childIsPaused(ctx context.Context) error {
	s, err := store.Open(ctx, store.Options{Path: os.Getenv(childPath)})
	if err != nil {
		return err
	}
	l, ok, err := s.Acquire(ctx, "child", "", pauseTTL)
	if err != nil || !ok {
		return fmt.Errorf("acquire: %v, %w", ok, err)
	}
	fmt.Println("holds")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return err
	}
	valid := time.Now().Before(l.ValidUntil)
	err = s.Commit(ctx, l.Token, store.Batch{Runs: []actions.Run{{ID: "r_late", State: actions.Running}}})
	fmt.Println("valid", valid, "commit", err)
	return nil
}
