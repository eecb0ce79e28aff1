package site

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/aielon/edge/node/edge"
)

const (
	dialTimeout = 3 * time.Second        // for connecting to a node
	silence     = 800 * time.Millisecond // without an answer, before a connection is given up
)

// A link is one connection to one node, from before it is dialled until it broke. Its run goroutine dials
// and reads, another writes.
type link struct {
	up   chan struct{} // closed when dialling came to an end
	out  *outbox
	stop context.CancelFunc // of dialling

	mu      sync.Mutex // guards the rest
	err     error      // why it is over
	ended   bool
	heard   time.Time // when the last answer came
	number  uint64
	pending map[uint64]chan message // closed without a value where the answer will not come
}

func newLink(dial func(context.Context, edge.NodeID) (net.Conn, error), node edge.NodeID) *link {
	ctx, cancel := context.WithTimeout(context.Background(), dialTimeout)
	l := &link{up: make(chan struct{}), out: newOutbox(), stop: cancel, pending: map[uint64]chan message{}}
	go func() {
		conn, err := dial(ctx, node)
		cancel()
		l.run(conn, err)
	}()
	return l
}

// run hands answers to those who wait for them.
func (l *link) run(conn net.Conn, err error) {
	if err == nil {
		go l.out.write(conn)
		defer conn.Close()
	}
	l.mu.Lock()
	l.err, l.ended = err, l.ended || err != nil
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
	l.heard = time.Now()
	if ch, ok := l.pending[m.number]; ok {
		delete(l.pending, m.number)
		ch <- m
	}
}

// send sends a request and returns where its answer will come. An error wraps NotRun where nothing of the
// request can have left.
func (l *link) send(ctx context.Context, m *message) (<-chan message, error) {
	l.mu.Lock()
	if l.ended {
		l.mu.Unlock()
		return nil, &NotRun{edge.E(edge.Unavailable, "the connection to the leading node broke")}
	}
	l.number++
	m.number = l.number
	ch := make(chan message, 1)
	l.pending[m.number] = ch
	l.mu.Unlock()
	if !l.out.put(ctx, m.append(nil)) {
		l.forget(m.number)
		return nil, &NotRun{edge.E(edge.Unavailable, "the connection to the leading node is stuck")}
	}
	return ch, nil
}

func (l *link) forget(number uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.pending, number)
}

// suspect ends a connection on which nothing was heard for most of a try: TCP may take minutes to notice
// that the other end is gone or has forgotten it, and where it is only slow a new one does no harm.
func (l *link) suspect(sent time.Time) {
	l.mu.Lock()
	dead := l.heard.Before(sent) && time.Since(sent) > silence
	l.mu.Unlock()
	if dead {
		l.end()
	}
}

// end closes the connection and tells all who wait.
func (l *link) end() {
	l.stop()
	l.out.close()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
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

// An outbox is what waits to be written to one connection, a bounded number of frames. One goroutine
// writes, so that nobody who sends holds a lock while the network is slow.
type outbox struct {
	frames chan []byte
	closed chan struct{}
	once   sync.Once
}

func newOutbox() *outbox {
	return &outbox{frames: make(chan []byte, 32), closed: make(chan struct{})}
}

// put adds a frame. It returns false where there was no room before ctx ended, or the connection is over.
func (o *outbox) put(ctx context.Context, frame []byte) bool {
	select {
	case <-o.closed:
		return false
	default:
	}
	select {
	case o.frames <- frame:
		return true
	case <-o.closed:
	case <-ctx.Done():
	}
	return false
}

// write writes frames until the outbox or the connection ends, and closes both.
func (o *outbox) write(conn net.Conn) {
	defer conn.Close()
	defer o.close()
	for {
		select {
		case f := <-o.frames:
			conn.SetWriteDeadline(time.Now().Add(writeTimeout))
			if _, err := conn.Write(f); err != nil {
				return
			}
		case <-o.closed:
			return
		}
	}
}

func (o *outbox) close() { o.once.Do(func() { close(o.closed) }) }
