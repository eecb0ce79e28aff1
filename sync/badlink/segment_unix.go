//go:build linux || darwin

package badlink

import "syscall"

// smallSegments makes a socket speak in segments of an Ethernet and not of a loopback device, whose
// 64 KB ones do not get along with small receive buffers.
func smallSegments(_, _ string, c syscall.RawConn) error {
	return c.Control(func(fd uintptr) {
		syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, 1400)
	})
}
