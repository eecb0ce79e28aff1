package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/aielon/edge/node/edge"
)

// maxSocketConns bounds programs that talk to the node over its socket at the same time. They are all its
// own user's or root's; a connection that waits for its next request costs about 10 KB, for socketIdle.
const (
	maxSocketConns = 256
	socketIdle     = 2 * time.Minute
)

// Socket serves a handler on a Unix socket to the node's own user and to root, whoever else may reach
// the file. It is how the command line talks to a running node.
type Socket struct {
	l   net.Listener
	srv *http.Server
}

// NewSocket listens at path, replacing the socket of a node that was killed.
func NewSocket(path string, h http.Handler, log *slog.Logger) (*Socket, error) {
	if len(path) > 104 {
		return nil, edge.E(edge.Invalid, "the path of the local socket is longer than 104 bytes: %s", path).WithHint("use a shorter data_dir")
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, edge.E(edge.Internal, "the local socket's directory cannot be made: %w", err)
	}
	os.Remove(path)
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, edge.E(edge.Unavailable, "the local socket cannot be opened: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, edge.E(edge.Internal, "the local socket cannot be closed to others: %w", err)
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: socketIdle, MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}
	return &Socket{l: limitConns(&peerChecked{l}, maxSocketConns), srv: srv}, nil
}

// Name is "local socket".
func (s *Socket) Name() string { return "local socket" }

// Run serves until ctx ends.
func (s *Socket) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { s.srv.Close() })
	defer stop()
	if err := s.srv.Serve(s.l); !errors.Is(err, http.ErrServerClosed) {
		return edge.E(edge.Internal, "the local socket does not serve any more: %w", err)
	}
	return nil
}

// peerChecked drops connections of other users at once.
type peerChecked struct{ net.Listener }

func (p *peerChecked) Accept() (net.Conn, error) {
	for {
		c, err := p.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if uid, err := peerUID(c); err == nil && (uid == 0 || int(uid) == os.Geteuid()) {
			return c, nil
		}
		c.Close()
	}
}

func peerUID(c net.Conn) (uint32, error) {
	raw, err := c.(*net.UnixConn).SyscallConn()
	if err != nil {
		return 0, err
	}
	var cred *unix.Ucred
	var inner error
	if err := raw.Control(func(fd uintptr) { cred, inner = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); err != nil {
		return 0, err
	}
	if inner != nil {
		return 0, inner
	}
	return cred.Uid, nil
}
