package site

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aielon/edge/node/edge"
)

// testForward connects the followers of testSites with the leader over pipes. wrap may break a connection.
func testForward(t testing.TB, l *testLog, wrap func(net.Conn) net.Conn) func(*Options) {
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	client := NewClient(func(_ context.Context, node edge.NodeID) (net.Conn, error) {
		near, far := net.Pipe()
		wg.Go(func() { l.sites[node[0]-1].Serve(ctx, far, edge.NodeID{2}) })
		if wrap != nil {
			near = wrap(near)
		}
		return near, nil
	})
	t.Cleanup(func() { client.Close(); cancel(); wg.Wait() })
	return func(o *Options) { o.Forward = client }
}

func TestFollowerForwards(t *testing.T) {
	l := &testLog{}
	sites := openSites(t, l, 3, testForward(t, l, nil))
	c := command("add", addIn{"x"})
	first := propose(t, sites[1], c)
	if string(first.Reply) != "1" || first.Index == 0 {
		t.Fatalf("%+v", first)
	}
	if again := propose(t, sites[2], c); !again.Again || again.Pos != first.Pos || again.Index != first.Index {
		t.Fatalf("%+v", again)
	}
	if out := propose(t, sites[1], command("refuse", addIn{"x"})); out.Err == nil || out.Err.Kind != edge.Denied {
		t.Fatalf("%+v", out)
	}
	reply, index, err := sites[2].Ask(context.Background(), "number", []byte(`{"Key":"x"}`), Strict)
	if err != nil || string(reply) != "1" || index < first.Index {
		t.Fatalf("%s at %d, %v", reply, index, err)
	}
}

// cutConn breaks after it has written, or read, so many bytes.
type cutConn struct {
	net.Conn
	write, read *atomic.Int64
}

func (c *cutConn) Write(b []byte) (int, error) {
	if c.write.Add(-int64(len(b))) < 0 {
		c.Close()
		return 0, io.ErrClosedPipe
	}
	return c.Conn.Write(b)
}

func (c *cutConn) Read(b []byte) (int, error) {
	if c.read.Add(-int64(len(b))) < 0 {
		c.Close()
		return 0, io.ErrClosedPipe
	}
	return c.Conn.Read(b)
}

// The connection breaks before the request left, and before the answer came back.
func TestForwardOverBrokenConnections(t *testing.T) {
	for name, budget := range map[string][2]int64{"request lost": {50, 1 << 30}, "answer lost": {1 << 30, 8}} {
		l := &testLog{}
		dials := 0
		sites := openSites(t, l, 2, testForward(t, l, func(c net.Conn) net.Conn {
			if dials++; dials > 2 {
				return c
			}
			cut := &cutConn{Conn: c, write: &atomic.Int64{}, read: &atomic.Int64{}}
			cut.write.Store(budget[0])
			cut.read.Store(budget[1])
			return cut
		}))
		for want := range 3 {
			if out := propose(t, sites[1], command("add", addIn{"x"})); string(out.Reply) != string('1'+rune(want)) {
				t.Fatalf("%s: %+v", name, out)
			}
		}
		if dials < 3 {
			t.Fatalf("%s: no connection broke", name)
		}
	}
}

func TestServeRefusesStrangersAndNonsense(t *testing.T) {
	l := &testLog{}
	sites := openSites(t, l, 1, func(o *Options) { o.Member = func(n edge.NodeID) bool { return n == edge.NodeID{2} } })
	near, far := net.Pipe()
	if err := sites[0].Serve(context.Background(), far, edge.NodeID{3}); !edge.IsKind(err, edge.Denied) {
		t.Fatal(err)
	}
	near.Close()
	for _, frame := range [][]byte{
		binary.BigEndian.AppendUint32(nil, maxFrame+1),
		{0, 0, 0, 3, 1, 2, 3},
		(&message{kind: sayIndex}).append(nil),
	} {
		near, far := net.Pipe()
		done := make(chan error)
		go func() { done <- sites[0].Serve(context.Background(), far, edge.NodeID{2}) }()
		near.Write(frame)
		if err := <-done; !edge.IsKind(err, edge.Invalid) {
			t.Fatalf("%x: %v", frame, err)
		}
		near.Close()
	}
}

// A node that forwards to one that does not lead is told so, and nothing is in doubt.
func TestForwardToOneWhoDoesNotLead(t *testing.T) {
	l := &testLog{}
	sites := openSites(t, l, 2, nil)
	near, far := net.Pipe()
	go sites[1].Serve(context.Background(), far, edge.NodeID{1})
	c := NewClient(func(context.Context, edge.NodeID) (net.Conn, error) { return near, nil })
	defer c.Close()
	_, err := c.Forward(context.Background(), edge.NodeID{2}, command("add", addIn{"x"}))
	if _, ok := err.(*NotRun); !ok || !edge.IsKind(err, edge.Unavailable) {
		t.Fatalf("%v", err)
	}
}

// Without a leader a command waits as long as its caller, and says that it was not carried out.
func TestNoLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &testLog{}
		sites := openSites(t, l, 1, nil)
		sites[0].SetLog(l, func() (edge.NodeID, bool) { return edge.NodeID{}, false })
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		start := time.Now()
		_, err := sites[0].Propose(ctx, command("add", addIn{"x"}))
		if !edge.IsKind(err, edge.Unavailable) || time.Since(start) != 5*time.Second {
			t.Fatalf("after %v: %v", time.Since(start), err)
		}
		if _, err := sites[0].Linearizable(ctx); !edge.IsKind(err, edge.Unavailable) {
			t.Fatal(err)
		}
	})
}
