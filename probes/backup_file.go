package probes

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"guardian/internal/checksum"
	"guardian/internal/reason"
)

// fileBackups are the files of a pattern.
type fileBackups struct {
	pattern string
	settle  time.Duration
}

func (fileBackups) Close() error { return nil }

func (b fileBackups) list(_ context.Context, now time.Time) ([]backup, *fault) {
	// Glob takes a folder that it cannot read for one without files.
	folder := b.pattern
	for folder == b.pattern || strings.ContainsAny(folder, `*?[\`) {
		folder = filepath.Dir(folder)
	}
	if _, err := os.ReadDir(folder); err != nil {
		return nil, blind(reason.New("backup_folder", "folder", folder, "error", checksum.Bare(err)))
	}
	names, err := filepath.Glob(b.pattern)
	if err != nil {
		return nil, blind(reason.New("backup_folder", "folder", folder, "error", err))
	}
	var all []backup
	for _, name := range names {
		info, err := os.Stat(name)
		switch {
		case errors.Is(err, fs.ErrNotExist): // removed meanwhile
			continue
		case err != nil:
			return nil, blind(reason.New("backup_folder", "folder", folder, "error", checksum.Bare(err)))
		}
		if !info.Mode().IsRegular() || strings.HasSuffix(name, checksum.Suffix) || now.Sub(info.ModTime()) < b.settle {
			continue
		}
		all = append(all, backup{name: name, at: info.ModTime(), size: info.Size()})
	}
	return newestFirst(all), nil
}

// sums remembers whether the newest file is as its sidecar says: it is read once.
type sums struct {
	last    backup
	matches bool
}

// match compares a file with the checksum in its sidecar.
func (s *sums) match(ctx context.Context, b backup) (bool, error) {
	if s.last == b {
		return s.matches, nil
	}
	want, _, err := checksum.Read(b.name)
	if err != nil {
		return false, &reasonError{reason.New("backup_sidecar", "file", b.name+checksum.Suffix, "error", err)}
	}
	got, err := checksum.Of(ctx, b.name)
	if ctx.Err() != nil {
		err = &reasonError{reason.New("backup_sum_late")}
	}
	if err != nil {
		return false, err
	}
	s.last, s.matches = b, got == want
	return s.matches, nil
}
