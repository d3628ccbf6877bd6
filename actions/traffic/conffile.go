package traffic

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"guardian/actions"
	"guardian/internal/reason"
)

// A file of nginx's configuration is changed so that a guardian that is killed at any line leaves what
// the next one can finish or undo:
//
//  1. What it holds and what it is to hold are written beside it, into a hidden file with the intent.
//  2. It is replaced by rename.
//  3. nginx tests it, loads it, and its new workers serve.
//  4. The hidden file is removed.
//
// When nginx does not take it, the old text is put back in its place. What somebody else wrote
// meanwhile is never overwritten.

// confFile is a file of nginx's configuration, for one intent.
type confFile struct {
	s      NGINXSettings
	env    actions.Env
	intent string
}

// change is what the hidden file holds.
type change struct{ Was, Next string }

// errUndone says that a change did not succeed and what was before is back.
var errUndone = errors.New("it was undone")

func isUndone(err error) bool { return errors.Is(err, errUndone) }

// maxFile is the most that is read of a file, in bytes.
const maxFile = 1 << 20

// path gives the file itself where it is reached by a link.
func (f *confFile) path() string {
	if p, err := filepath.EvalSymlinks(f.s.File); err == nil {
		return p
	}
	return f.s.File
}

func (f *confFile) read() (string, error) {
	b, err := readLimited(f.path())
	if err != nil {
		return "", actions.Failure(reason.New("traffic_file", "file", f.s.File, "error", bare(err)), err)
	}
	return string(b), nil
}

func readLimited(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	b, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err == nil && len(b) > maxFile {
		err = fmt.Errorf("it is larger than %d bytes", maxFile)
	}
	return b, err
}

// change replaces the text of the file and lets nginx load it. When nginx does not, the old text is
// put back, unless ctx is over: then settle does it.
func (f *confFile) change(ctx context.Context, was, next string) error {
	begun, err := json.Marshal(change{was, next})
	if err != nil {
		return err
	}
	if err := f.write(f.begunFile(), begun); err != nil {
		return err
	}
	now, err := f.read()
	if err == nil && now != was {
		err = f.changedSince()
	}
	if err == nil {
		err = f.write(f.path(), []byte(next))
	}
	if err != nil {
		return cmp.Or(f.forget(), err)
	}
	return f.take(ctx, change{was, next})
}

// take lets nginx load what was written.
func (f *confFile) take(ctx context.Context, c change) error {
	err := f.run(ctx, f.s.Test)
	tested := err == nil
	if tested {
		err = f.reload(ctx)
	}
	if err == nil {
		return f.forget()
	}
	if ctx.Err() != nil {
		return err
	}
	undoCtx, cancel := f.undoTime(ctx)
	defer cancel()
	if undoErr := f.putBack(undoCtx, c, tested); undoErr != nil {
		return actions.Lost(reason.New("traffic_not_undone", "error", actions.ReasonOf(err), "undo", actions.ReasonOf(undoErr)), err, undoErr)
	}
	return actions.Failure(reason.New("traffic_undone", "error", actions.ReasonOf(err)), errUndone)
}

// undoTime gives an undo time of its own. Only a lost lease ends it: then another guardian works on
// the file.
func (f *confFile) undoTime(ctx context.Context) (context.Context, context.CancelFunc) {
	undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*commandTime+time.Duration(f.s.ReloadDeadline))
	stop := context.AfterFunc(ctx, func() {
		if errors.Is(context.Cause(ctx), actions.ErrLostLease) {
			cancel()
		}
	})
	return undo, func() { stop(); cancel() }
}

// putBack writes the old text again, and lets nginx load it if it may have loaded the new one.
func (f *confFile) putBack(ctx context.Context, c change, loaded bool) error {
	now, err := f.read()
	if err != nil {
		return err
	}
	if now != c.Next && now != c.Was {
		return f.changedSince()
	}
	if err := f.write(f.path(), []byte(c.Was)); err != nil {
		return err
	}
	if loaded {
		if err := f.load(ctx); err != nil {
			return err
		}
	}
	return f.forget()
}

// settle finishes the change that a guardian began and did not end, or undoes it when nginx does not
// take it.
func (f *confFile) settle(ctx context.Context) error {
	b, err := readLimited(f.begunFile())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	var c change
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	if err != nil {
		return actions.Failure(reason.New("traffic_file", "file", f.begunFile(), "error", bare(err)), err)
	}
	now, err := f.read()
	switch {
	case err != nil:
		return err
	case now == c.Next:
		return f.take(ctx, c)
	case now == c.Was: // before it was replaced, or while it was put back
		return f.putBack(ctx, c, true)
	default:
		return f.changedSince()
	}
}

func (f *confFile) changedSince() error {
	return actions.Failure(reason.New("traffic_file_changed", "file", f.s.File))
}

func (f *confFile) begunFile() string { return besideName(f.path(), f.intent) }

func (f *confFile) forget() error {
	if err := os.Remove(f.begunFile()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return actions.Failure(reason.New("traffic_file", "file", f.begunFile(), "error", bare(err)), err)
	}
	return nil
}

// write replaces a file at once: nobody reads a half of it, also after a crash of the machine. An
// existing file keeps its owner and mode; a new one is the guardian's alone.
func (f *confFile) write(path string, text []byte) error {
	if err := replaceFile(path, text); err != nil {
		why := reason.New("traffic_file_write", "file", path, "error", bare(err))
		if errors.Is(err, syscall.EBUSY) {
			why = reason.New("traffic_file_mounted", "file", path)
		}
		return actions.Failure(why, err)
	}
	return nil
}

func replaceFile(path string, text []byte) (err error) {
	mode, uid, gid := os.FileMode(0o600), -1, -1
	old, err := os.Stat(path)
	switch {
	case err == nil:
		mode = old.Mode().Perm()
		if sys, ok := old.Sys().(*syscall.Stat_t); ok {
			uid, gid = int(sys.Uid), int(sys.Gid)
		}
		if now, err := readLimited(path); err == nil && bytes.Equal(now, text) {
			return nil
		}
	case !errors.Is(err, os.ErrNotExist):
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".guardian-tmp-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(tmp.Name())
		}
	}()
	_, err = tmp.Write(text)
	err = errors.Join(err, tmp.Chmod(mode))
	if uid != os.Getuid() && uid >= 0 {
		err = errors.Join(err, tmp.Chown(uid, gid))
	}
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// bare takes the path off an error of a file.
func bare(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	var link *os.LinkError
	if errors.As(err, &link) {
		return link.Err
	}
	return err
}
