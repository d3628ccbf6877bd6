//go:build linux || darwin

package server

import "syscall"

// mostFiles is how many files and sockets the process may have open; 0: it is not known.
func mostFiles() uint64 {
	var l syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l) != nil {
		return 0
	}
	return l.Cur
}
