package node

import (
	"context"
	"log/slog"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/aielon/edge/node/auth/pki"
)

// TestSilentPeers: both ends of a connection between nodes give up a peer that acknowledges nothing.
func TestSilentPeers(t *testing.T) {
	n := start(t, smallConfig(t))
	p, err := newPort("127.0.0.1:0", n.keys.end, slog.New(slog.DiscardHandler), pki.ProtoSite)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); p.run(ctx) }()
	t.Cleanup(func() { stop(); <-done })
	out, err := dialNode(ctx, n.keys.end, p.l.Addr().String(), pki.ProtoSite, n.ID())
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	in, err := p.lane(pki.ProtoSite).AcceptContext(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	for _, earlier := range pki.ProtoSite.Earlier() { // what other versions speak goes the same way
		old, err := dialNode(ctx, n.keys.end, p.l.Addr().String(), earlier, n.ID())
		if err != nil {
			t.Fatal(err)
		}
		defer old.Close()
		if in, err := p.lane(pki.ProtoSite).AcceptContext(ctx); err != nil || in.ConnectionState().NegotiatedProtocol != string(earlier) {
			t.Fatal(err)
		}
	}
	for what, c := range map[string]net.Conn{"called": out.NetConn(), "answered": in.NetConn()} {
		raw, err := c.(*net.TCPConn).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		raw.Control(func(fd uintptr) {
			for _, o := range []struct{ option, want int }{
				{unix.TCP_USER_TIMEOUT, int(silentTime.Milliseconds())}, {unix.TCP_KEEPIDLE, int(idleTime / time.Second)},
			} {
				if got, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, o.option); err != nil || got != o.want {
					t.Errorf("%s: option %d is %d, not %d (%v)", what, o.option, got, o.want, err)
				}
			}
		})
	}
}
