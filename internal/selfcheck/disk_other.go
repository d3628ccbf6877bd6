//go:build !linux && !darwin

package selfcheck

// Disk gives how much of the disk of a folder is free, which is not known on this system.
func Disk(string) (free, size uint64) { return 0, 0 }

// Inodes gives nothing: it is not known here.
func Inodes(string) (free, all uint64) { return 0, 0 }
