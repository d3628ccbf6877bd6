package store_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"guardian/internal/store"
	"guardian/watch"
)

func TestAJournalIsReadBesideItsWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	writer, err := store.Open(t.Context(), store.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	lease, got, err := writer.Acquire(t.Context(), "a", "", time.Minute)
	if err != nil || !got {
		t.Fatalf("lease: %v %v", got, err)
	}
	write := func(id string) {
		d := watch.Deploy{ID: id, Service: "order-sync", Environment: "production", Version: id, At: time.Unix(1, 0)}
		if err := writer.Commit(t.Context(), lease.Token, store.Batch{Deploys: []watch.Deploy{d}}); err != nil {
			t.Fatal(err)
		}
	}
	write("d_1")
	reader, err := store.Open(t.Context(), store.Options{Path: path, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	write("d_2")
	ds, err := reader.Deploys(t.Context(), store.DeployFilter{})
	if err != nil || len(ds) != 2 {
		t.Errorf("read %d deploys, %v; want both, also the one that was written later", len(ds), err)
	}
	if err := reader.Commit(t.Context(), store.Unfenced, store.Batch{Audit: []store.Audit{{What: "x", At: time.Unix(1, 0)}}}); err == nil {
		t.Error("a journal that was opened to be read was written to")
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	// Nobody has it open now.
	alone, err := store.Open(t.Context(), store.Options{Path: path, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer alone.Close()
	if ds, err := alone.Deploys(context.Background(), store.DeployFilter{}); err != nil || len(ds) != 2 {
		t.Errorf("alone: %d deploys, %v", len(ds), err)
	}
	if _, err := store.Open(t.Context(), store.Options{Path: path + ".not", ReadOnly: true}); err == nil {
		t.Error("a journal that is not there was opened to be read")
	}
}
