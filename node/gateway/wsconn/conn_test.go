package wsconn

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
)

func options() Options {
	return Options{Room: NewRoom(), Prove: func(context.Context) (bool, error) { return true, nil },
		While: func(ctx context.Context) (context.Context, func()) { return context.WithCancel(ctx) }}
}

// serve serves handle, and returns its address and how many connections it has.
func serve(t *testing.T, o Options, handle func(*Conn)) (*httptest.Server, *atomic.Int32) {
	var open atomic.Int32
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		open.Add(1)
		defer open.Add(-1)
		Serve(w, r, o, handle)
	}))
	srv.Start()
	t.Cleanup(func() { srv.CloseClientConnections(); srv.Close() })
	return srv, &open
}

func dial(t *testing.T, srv *httptest.Server) *websocket.Conn {
	t.Helper()
	c, _, err := websocket.Dial(context.Background(), srv.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.CloseNow() })
	c.SetReadLimit(-1)
	return c
}

func listen(c *Conn) {
	for {
		if _, err := c.Read(); err != nil {
			return
		}
	}
}

// closedWith reads until the connection ends.
func closedWith(t *testing.T, c *websocket.Conn) websocket.CloseError {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for {
		if _, _, err := c.Read(ctx); err != nil {
			var ce websocket.CloseError
			if !errors.As(err, &ce) {
				t.Fatal(err)
			}
			return ce
		}
	}
}

// TestSlowReader lets a client read nothing while messages come: it is cut off, and whoever sends is set free.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	o := options()
	o.Slowest = 300 * time.Millisecond
	sent := make(chan error, 1)
	srv, _ := serve(t, o, func(c *Conn) {
		b := []byte(strings.Repeat("a", 256<<10))
		for {
			if err := c.Send(b); err != nil {
				sent <- err
				return
			}
		}
	})
	c := dial(t, srv)
	select {
	case <-sent:
	case <-time.After(10 * time.Second):
		t.Fatal("a message still waits for its reader")
	}
	if ce := closedWith(t, c); ce.Code != websocket.StatusTryAgainLater {
		t.Fatal(ce)
	}
	for range 100 { // what was queued is given back
		if o.Room.queued.TryAcquire(maxQueued) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("what the client did not read is still counted")
}

func TestSlowMessage(t *testing.T) {
	t.Parallel()
	o := options()
	o.Message = 200 * time.Millisecond
	srv, _ := serve(t, o, listen)
	c := dial(t, srv)
	w, err := c.Writer(context.Background(), websocket.MessageText)
	if err != nil {
		t.Fatal(err)
	}
	go func() { // empty parts never reach a length that is too long
		for {
			if _, err := w.Write(nil); err != nil {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
	if ce := closedWith(t, c); ce.Code != websocket.StatusPolicyViolation || ce.Reason != "a message took too long" {
		t.Fatal(ce)
	}
}

func TestSilentClient(t *testing.T) {
	t.Parallel()
	o := options()
	o.Idle = 50 * time.Millisecond
	o.Pong = 100 * time.Millisecond
	srv, open := serve(t, o, listen)
	c, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.Write([]byte("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"))
	for range 1000 { // neither pings nor the closing handshake are answered
		if time.Sleep(10 * time.Millisecond); open.Load() == 0 {
			return
		}
	}
	t.Fatal("the connection is still open")
}

func TestAliveClientStays(t *testing.T) {
	o := options()
	o.Idle, o.Pong = 20*time.Millisecond, 2*time.Second
	srv, open := serve(t, o, listen)
	c := dial(t, srv)
	c.CloseRead(context.Background()) // answers pings
	time.Sleep(300 * time.Millisecond)
	if open.Load() != 1 {
		t.Fatal("it was closed")
	}
}

func TestRoom(t *testing.T) {
	srv, _ := serve(t, options(), listen)
	for range maxOfPeer {
		dial(t, srv)
	}
	_, res, err := websocket.Dial(context.Background(), srv.URL, nil)
	if err == nil || res.StatusCode != http.StatusServiceUnavailable {
		t.Fatalf("%v %v", res, err)
	}
}

func TestRoomOfThoseWhoProvedNothing(t *testing.T) {
	r := NewRoom()
	var leave func()
	for i := range maxUnknown {
		l, err := r.enter(netip.AddrFrom4([4]byte{10, 0, byte(i >> 4), 1}), false)
		if err != nil {
			t.Fatal(err)
		}
		leave = l
	}
	other := netip.MustParseAddr("2001:db8::1")
	if _, err := r.enter(other, false); err == nil {
		t.Fatal("one more who proved nothing came in")
	}
	for i := range maxOfPeer {
		if _, err := r.enter(netip.MustParseAddr("2001:db8::").Next(), true); err != nil {
			t.Fatal(i, err)
		}
	}
	if _, err := r.enter(netip.MustParseAddr("2001:db8::ffff"), true); err == nil {
		t.Fatal("another address of the same network came in")
	}
	leave()
	if _, err := r.enter(netip.MustParseAddr("2001:db8:1::1"), false); err != nil {
		t.Fatal(err)
	}
}

func TestServerStops(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	o := options()
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { Serve(w, r, o, listen) }))
	srv.Config.BaseContext = func(net.Listener) context.Context { return ctx }
	srv.Start()
	t.Cleanup(srv.Close)
	c := dial(t, srv)
	stop()
	if ce := closedWith(t, c); ce.Code != websocket.StatusGoingAway {
		t.Fatal(ce)
	}
}

func TestLongReason(t *testing.T) {
	srv, _ := serve(t, options(), func(c *Conn) { c.Close(websocket.StatusPolicyViolation, strings.Repeat("é", 100)) })
	if ce := closedWith(t, dial(t, srv)); ce.Code != websocket.StatusPolicyViolation || ce.Reason != strings.Repeat("é", 60) {
		t.Fatal(ce)
	}
}
