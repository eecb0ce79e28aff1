package site

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/aielon/edge/node/edge"
)

// dialTimeout bounds how long connecting to a node may take.
const dialTimeout = 3 * time.Second

// A link is one connection to one node, from before it is dialled until it broke. Its run goroutine reads.
type link struct {
	up chan struct{} // closed when dialling came to an end

	mu      sync.Mutex // guards the rest, and writing to conn
	conn    net.Conn
	err     error // why it is over
	ended   bool
	number  uint64
	pending map[uint64]chan message // closed without a value where the answer will not come
}

// run dials and then hands answers to those who wait for them.
func (l *link) run(dial func(context.Context, edge.NodeID) (net.Conn, error), node edge.NodeID) {
	ctx, cancel := context.WithTimeout(context.Background(), dialTimeout)
	conn, err := dial(ctx, node)
	cancel()
	l.mu.Lock()
	l.conn, l.err = conn, err
	if err != nil {
		l.ended = true
	} else if l.ended {
		conn.Close()
	}
	l.mu.Unlock()
	close(l.up)
	for err == nil {
		var m message
		if m, err = readFrame(conn); err == nil {
			l.deliver(m)
		}
	}
	l.end()
}

func (l *link) deliver(m message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if ch, ok := l.pending[m.number]; ok {
		delete(l.pending, m.number)
		ch <- m
	}
}

// send writes a request and returns where its answer will come. An error wraps NotRun where not all of
// the request can have left.
func (l *link) send(m *message) (<-chan message, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return nil, &NotRun{edge.E(edge.Unavailable, "the connection to the leading node broke")}
	}
	l.number++
	m.number = l.number
	ch := make(chan message, 1)
	l.pending[m.number] = ch
	l.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	if _, err := l.conn.Write(m.append(nil)); err != nil {
		l.close()
		return nil, edge.E(edge.Unavailable, "the connection to the leading node broke: %w", err)
	}
	return ch, nil
}

func (l *link) forget(number uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.pending, number)
}

// end closes the connection and tells all who wait.
func (l *link) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.close()
}

// close is end for those who hold mu.
func (l *link) close() {
	l.ended = true
	if l.conn != nil {
		l.conn.Close()
	}
	for n, ch := range l.pending {
		delete(l.pending, n)
		close(ch)
	}
}

func (l *link) over() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ended
}

func (l *link) failed() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil && l.ended {
		return edge.E(edge.Unavailable, "the connection broke")
	}
	return l.err
}
