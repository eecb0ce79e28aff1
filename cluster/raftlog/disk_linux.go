package raftlog

import (
	"os"

	"golang.org/x/sys/unix"
)

// diskFree returns the bytes free for us on f's file system, -1 where that is not known.
func diskFree(f *os.File) int64 {
	var st unix.Statfs_t
	if unix.Fstatfs(int(f.Fd()), &st) != nil {
		return -1
	}
	return int64(st.Bavail) * int64(st.Bsize)
}
