package wal

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// reserve gives f its disk space now, so that writes within size cannot find the disk full. File systems
// that cannot do it are left to grow the file.
func reserve(f *os.File, size int64) error {
	err := unix.Fallocate(int(f.Fd()), 0, 0, size)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		return nil
	}
	return err
}

// sync makes what was written to f durable; times of the inode may be lost.
func sync(f *os.File) error {
	for {
		if err := unix.Fdatasync(int(f.Fd())); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
