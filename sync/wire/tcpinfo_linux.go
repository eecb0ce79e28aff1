package wire

import (
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// tcpInfo asks the kernel how the connection does (tcp(7), TCP_INFO). It returns zeros where it cannot.
func tcpInfo(c net.Conn) (rtt, least time.Duration, sent, lost uint64) {
	tc, ok := c.(*net.TCPConn)
	if !ok {
		return
	}
	raw, err := tc.SyscallConn()
	if err != nil {
		return
	}
	raw.Control(func(fd uintptr) {
		i, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		if err != nil {
			return
		}
		rtt, least = time.Duration(i.Rtt)*time.Microsecond, time.Duration(i.Min_rtt)*time.Microsecond
		sent, lost = uint64(i.Segs_out), uint64(i.Total_retrans)
	})
	return
}
