package store

import (
	"os"
	"path/filepath"
	"sync"
)

// lifeLock is a file beside the journal that this process keeps locked from the first time that it asks
// for the lease to its own end, however it ends: the kernel takes the lock away, and nobody else can
// before. So who has the lock knows that the process that had it before is gone.
//
// The lock proves something only about the lease that names it. Its name is the boot of the machine, the
// device and the inode: a file that was deleted and made anew, a copy, or the file of another machine has
// another one, and then a lease is waited for until it expires.
type lifeLock struct {
	path string // of the lock

	mu   sync.Mutex
	file *os.File // nil while this process does not have the lock
	name string
}

func newLifeLock(journal string) *lifeLock {
	if target, err := filepath.EvalSymlinks(journal); err == nil {
		journal = target
	}
	return &lifeLock{path: journal + ".lock"}
}

// hold gives the name of the lock if this process has it, or gets it now; "": another process has it, or
// locks prove nothing here.
func (l *lifeLock) hold() string {
	if l == nil {
		return ""
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		l.file, l.name = lockForLife(l.path)
	}
	return l.name
}

func (l *lifeLock) close() error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file, l.name = nil, ""
	return err
}
