package store

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
)

// Magic numbers of file systems whose locks are kept by this machine's kernel alone. Those of network
// file systems are kept by a server, which may forget them while the process lives.
func localFileSystems() []int64 {
	return []int64{
		0xEF53,     // ext2, ext3, ext4
		0x58465342, // XFS
		0x9123683E, // Btrfs
		0xF2F52010, // F2FS
		0x2FC12FC1, // ZFS
		0x01021994, // tmpfs
		0x794C7630, // overlay
	}
}

// lockForLife locks a file and gives its name; nil and "" where it cannot or where that proves nothing. The
// descriptor is closed by exec: programs that the guardian starts do not keep the lock.
func lockForLife(path string) (*os.File, string) {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return nil, ""
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, ""
	}
	var fs syscall.Statfs_t
	var file syscall.Stat_t
	fd := int(f.Fd())
	if syscall.Fstatfs(fd, &fs) != nil || !slices.Contains(localFileSystems(), int64(fs.Type)) || //nolint:unconvert // it has other widths elsewhere
		syscall.Flock(fd, syscall.LOCK_EX|syscall.LOCK_NB) != nil || syscall.Fstat(fd, &file) != nil {
		_ = f.Close()
		return nil, ""
	}
	return f, fmt.Sprintf("%s/%d/%d", strings.TrimSpace(string(boot)), file.Dev, file.Ino)
}
