package node

import (
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/aielon/edge/node/edge"
)

// giveUpSilent sets TCP_USER_TIMEOUT (tcp(7)) on a socket: how long what was sent may stay unacknowledged
// before the connection fails.
func giveUpSilent(_, _ string, c syscall.RawConn) error {
	var failed error
	err := c.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(silentTime.Milliseconds()))
	})
	if err == nil {
		err = failed
	}
	if err != nil {
		return edge.E(edge.Internal, "a socket does not take its timeout: %w", err)
	}
	return nil
}
