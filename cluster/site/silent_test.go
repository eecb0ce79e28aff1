package site

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// silentConn takes everything and delivers nothing, as a connection does whose other end has forgotten it.
type silentConn struct {
	net.Conn
	once   *sync.Once
	closed chan struct{}
}

func (s silentConn) Write(b []byte) (int, error) { return len(b), nil }

func (s silentConn) Read([]byte) (int, error) { <-s.closed; return 0, io.EOF }

func (s silentConn) Close() error {
	s.once.Do(func() { close(s.closed) })
	return s.Conn.Close()
}

// A connection that died without a word is not used again for ever: after one try that was not answered
// there is a new one.
func TestForwardLeavesADeadConnection(t *testing.T) {
	l := &testLog{}
	dials := 0
	sites := openSites(t, l, 2, testForward(t, l, func(c net.Conn) net.Conn {
		if dials++; dials > 1 {
			return c
		}
		return silentConn{c, &sync.Once{}, make(chan struct{})}
	}))
	began := time.Now()
	if out := propose(t, sites[1], command("add", addIn{"x"})); string(out.Reply) != "1" {
		t.Fatalf("%+v", out)
	}
	if d := time.Since(began); d > 4*attemptTime || dials != 2 {
		t.Errorf("it took %v and %d connections", d, dials)
	}
}
