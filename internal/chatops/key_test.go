package chatops_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"guardian/internal/chatops"
	"guardian/internal/secret"
)

func TestTheKeyOfLinksIsMadeOnceForItsOwnerAlone(t *testing.T) {
	dir := t.TempDir()
	first, err := chatops.OpenKey(dir)
	if err != nil || len(first.Reveal()) != 64 {
		t.Fatalf("%d characters, %v", len(first.Reveal()), err)
	}
	path := filepath.Join(dir, "links.key")
	if err := os.Chmod(path, 0o644); err != nil { // as a careless copy leaves it
		t.Fatal(err)
	}
	again, err := chatops.OpenKey(dir)
	if err != nil || again.Reveal() != first.Reveal() {
		t.Errorf("another key, %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
		t.Errorf("files %v, %v", files, err)
	}
	if err := os.WriteFile(path, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := chatops.OpenKey(dir); err == nil || !strings.Contains(err.Error(), "delete it") || strings.Contains(err.Error(), "short") {
		t.Errorf("a file without a key: %v", err)
	}
}

// shared are values of a journal.
type shared map[string]string

func (s shared) ReplaceShared(_ context.Context, name, value string) (secret.Secret, error) {
	before := s[name]
	s[name] = value
	return secret.New(before), nil
}

func TestAnotherKeyThanTheLastOneDiffers(t *testing.T) {
	journal := shared{}
	one, two := chatops.NewKey("the key of one guardian"), chatops.NewKey("the key of another guardian")
	for i, c := range []struct {
		key     chatops.Key
		differs bool
	}{{one, false}, {one, false}, {two, true}, {two, false}, {one, true}} {
		if got, err := c.key.Differs(t.Context(), journal); err != nil || got != c.differs {
			t.Errorf("start %d: %v, %v", i+1, got, err)
		}
	}
}
