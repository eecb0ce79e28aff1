package uplink

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// shallow keeps what has not been sent out of the kernel's buffer (tcp(7), TCP_NOTSENT_LOWAT): what lies
// there can no longer be overtaken.
func shallow(_, _ string, c syscall.RawConn) error {
	return c.Control(func(fd uintptr) {
		unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, 16<<10)
	})
}
