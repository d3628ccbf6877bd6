//go:build linux || darwin

package selfcheck

import "syscall"

// Disk gives how much of the disk of a folder is free for this user, and its size; 0 and 0 when
// that cannot be known.
func Disk(folder string) (free, size uint64) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(folder, &s); err != nil {
		return 0, 0
	}
	block := uint64(s.Bsize)
	return s.Bavail * block, s.Blocks * block
}

// Inodes gives how many more files the disk of a folder takes, and of how many; 0 and 0 when that cannot be
// known, or is not limited.
func Inodes(folder string) (free, all uint64) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(folder, &s); err != nil {
		return 0, 0
	}
	return s.Ffree, s.Files
}
