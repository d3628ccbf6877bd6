package chatops

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"guardian/internal/secret"
)

// keyFile holds the key of links and sessions where the configuration has none. It is not in the
// journal, which others may read.
const keyFile = "links.key"

// OpenKey reads the key in a folder, and makes it the first time.
func OpenKey(folder string) (secret.Secret, error) {
	path := filepath.Join(folder, keyFile)
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return makeKey(folder, path)
	case err != nil:
		return secret.Secret{}, err
	}
	key := strings.TrimSpace(string(text))
	if len(key) < 32 {
		return secret.Secret{}, fmt.Errorf("%s: is not a key: delete it, and a new one is made", path)
	}
	return secret.New(key), os.Chmod(path, 0o600)
}

// Shared keeps values that all guardians with one journal share; store.Store does.
type Shared interface {
	ReplaceShared(ctx context.Context, name, value string) (before secret.Secret, err error)
}

// Differs tells whether another key signed last with this journal: links and sessions that another guardian,
// or this one before, signed are refused from now on. It leaves the ID of this key there.
func (k Key) Differs(ctx context.Context, journal Shared) (bool, error) {
	before, err := journal.ReplaceShared(ctx, "link_key_id", k.ID())
	if err != nil {
		return false, fmt.Errorf("compare the key of links: %w", err)
	}
	return before.IsSet() && before.Reveal() != k.ID(), nil
}

func makeKey(folder, path string) (secret.Secret, error) {
	random := make([]byte, 32)
	_, _ = rand.Read(random) // never fails, by its contract
	key := hex.EncodeToString(random)
	f, err := os.CreateTemp(folder, keyFile+".*") // only its owner may read it
	if err != nil {
		return secret.Secret{}, err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.WriteString(key + "\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return secret.Secret{}, err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return secret.Secret{}, err
	}
	return secret.New(key), syncFolder(folder)
}

func syncFolder(folder string) error {
	d, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
