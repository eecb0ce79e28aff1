package site

import (
	"bufio"
	"bytes"
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
)

// Whoever keeps what a view showed must hear of every change of it, on every replica and after a restore,
// and of nothing else.
func TestChanges(t *testing.T) {
	l := &testLog{}
	sites := openSites(t, l, 2, func(o *Options) { o.Watch = "r/m" })
	for i, c := range []struct {
		cmd   edge.Command
		grows bool
	}{
		{command("put", putIn{"l", "1"}), false}, {command("put", putIn{"m", "1"}), true}, {command("put", putIn{"n", "1"}), false},
		{command("put", putIn{"mm", "1"}), true}, {command("add", addIn{"m"}), false},
	} {
		before := [2]uint64{sites[0].Changes(), sites[1].Changes()}
		propose(t, sites[0], c.cmd)
		for k, s := range sites {
			if grew := s.Changes() > before[k]; grew != c.grows {
				t.Errorf("command %d, replica %d: grew: %v", i, k, grew)
			}
		}
	}
	before := sites[1].Changes()
	propose(t, sites[0], command("put", putIn{"l", "2"}))
	snap, err := sites[0].Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Release()
	var b bytes.Buffer
	if _, err := snap.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	if err := sites[1].Restore(&b); err != nil || sites[1].Changes() == before {
		t.Errorf("a restored state may hold anything: %v", err)
	}
}

// slowConn lets nothing out until it is opened.
type slowConn struct {
	net.Conn
	open   chan struct{}
	writes atomic.Int32
}

func (c *slowConn) Write(b []byte) (int, error) {
	<-c.open
	c.writes.Add(1)
	return c.Conn.Write(b)
}

// What waits for a connection is bounded, goes out in order and in few writes, and whoever has no room
// waits no longer than it wants.
func TestOutbox(t *testing.T) {
	near, far := net.Pipe()
	conn := &slowConn{Conn: near, open: make(chan struct{})}
	o := newOutbox()
	go o.write(conn)
	defer o.close()
	m := &message{kind: sayOutcome, out: edge.Outcome{Reply: make([]byte, 1000)}}
	for taken := true; taken; m.number++ {
		if taken, _ = o.offer(m); m.number > 2*outboxFull/1000 {
			t.Fatal("the outbox takes without end")
		}
	}
	m.number--
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	for o.put(ctx, m) { // the writer may have taken some to begin with
		m.number++
	}
	close(conn.open)
	last := m.number
	for want := range last {
		got, err := readFrame(far)
		if err != nil || got.number != want {
			t.Fatalf("%d came in place of %d: %v", got.number, want, err)
		}
	}
	if !o.put(context.Background(), m) {
		t.Error("there is room again")
	}
	if n := conn.writes.Load(); n > 4 {
		t.Errorf("%d writes for %d frames", n, last)
	}
}

// Frames of many senders arrive whole, however they meet in the outbox.
func TestOutboxKeepsFramesApart(t *testing.T) {
	near, far := net.Pipe()
	o := newOutbox()
	go o.write(near)
	defer o.close()
	const senders, each = 8, 300
	for s := range uint64(senders) {
		go func() {
			for k := range uint64(each) {
				n := s*each + k
				o.put(context.Background(), &message{kind: sayOutcome, number: n, out: edge.Outcome{Reply: bytes.Repeat([]byte{byte(n)}, int(n%50))}})
			}
		}()
	}
	in := bufio.NewReaderSize(far, readAhead)
	seen := map[uint64]bool{}
	for range senders * each {
		m, err := readFrame(in)
		if n := m.number; err != nil || seen[n] || !bytes.Equal(m.out.Reply, bytes.Repeat([]byte{byte(n)}, int(n%50))) {
			t.Fatalf("frame %d: %v", n, err)
		}
		seen[m.number] = true
	}
}
