//go:build !linux

package raftlog

import "os"

func diskFree(*os.File) int64 { return -1 }
