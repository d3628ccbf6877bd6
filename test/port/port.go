package port

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"syscall"
)

// The ports lie below Linux's ephemeral range (from 32768): a free port of that range may have
// become the local end of another test's connection by the time that the server listens.
const first, count = 20000, 12000

// Free returns a port on 127.0.0.1 on which nobody listens. It is reserved as long as this process
// runs: no other call returns it, in any process.
func Free() (int, error) {
	folder := filepath.Join(os.TempDir(), fmt.Sprintf("ports-of-tests-%d", os.Getuid()))
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return 0, err
	}
	for range 100 {
		n := first + rand.IntN(count) //nolint:gosec // it is no secret
		ok, err := take(filepath.Join(folder, fmt.Sprint(n)))
		if err != nil {
			return 0, err
		}
		if ok && listens(n) {
			return n, nil
		}
	}
	return 0, errors.New("no free port was found in 100 tries")
}

// take locks a file until the process ends: the file is never closed.
func take(path string) (bool, error) {
	fd, err := syscall.Open(path, syscall.O_CREAT|syscall.O_RDWR|syscall.O_CLOEXEC, 0o600)
	if err != nil {
		return false, fmt.Errorf("open %s: %w", path, err)
	}
	if err := syscall.Flock(fd, syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = syscall.Close(fd)
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return false, nil
		}
		return false, fmt.Errorf("lock %s: %w", path, err)
	}
	return true, nil
}

func listens(n int) bool {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", n))
	if err != nil {
		return false
	}
	return l.Close() == nil
}
