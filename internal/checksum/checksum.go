package checksum

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Suffix is added to a file's name for its sidecar.
const Suffix = ".sha256"

// ErrBroken says that a sidecar holds no checksum.
var ErrBroken = errors.New("it holds no SHA-256")

// noted begins the line of a sidecar that says who wrote it; sha256sum ignores it.
const noted = "# guardian "

// Of reads a whole file. The error of a ctx that ends meanwhile is the ctx's.
func Of(ctx context.Context, name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", Bare(err)
	}
	defer f.Close()
	h := sha256.New()
	for {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		if _, err := io.CopyN(h, f, 4<<20); errors.Is(err, io.EOF) {
			return hex.EncodeToString(h.Sum(nil)), nil
		} else if err != nil {
			return "", Bare(err)
		}
	}
}

// Read gives the checksum in a file's sidecar, and the note of who wrote it.
func Read(name string) (sum, note string, err error) {
	f, err := os.Open(name + Suffix)
	if err != nil {
		return "", "", Bare(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(io.LimitReader(f, 4<<10))
	lines.Scan()
	word, _, _ := strings.Cut(strings.TrimSpace(lines.Text()), " ")
	word = strings.ToLower(strings.TrimPrefix(word, `\`)) // which marks a name with odd characters
	if b, err := hex.DecodeString(word); err != nil || len(b) != sha256.Size {
		return "", "", ErrBroken
	}
	for lines.Scan() {
		if found, ok := strings.CutPrefix(lines.Text(), noted); ok {
			note = found
		}
	}
	return word, note, nil
}

// Write writes a file's sidecar; who reads it sees the old one or the new one.
func Write(name, sum, note string) error {
	next := name + Suffix + ".new"
	text := fmt.Sprintf("%s  %s\n%s%s\n", sum, filepath.Base(name), noted, note)
	if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
		return Bare(err)
	}
	return Bare(os.Rename(next, name+Suffix))
}

// Bare leaves the path out of an error of a file.
func Bare(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}
