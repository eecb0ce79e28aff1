package site

import (
	"bufio"
	"context"
	"crypto/tls"
	"net"
	"runtime"
	"sync"
	"time"

	"github.com/aielon/edge/node/edge"
)

const (
	dialTimeout = 3 * time.Second        // for connecting to a node
	silence     = 800 * time.Millisecond // without an answer, before a connection is given up
	readAhead   = 16 << 10               // bytes taken from a connection at once: a record of TLS
)

// A link is one connection to one node, from before it is dialled until it broke. Its run goroutine dials
// and reads, another writes.
type link struct {
	up   chan struct{} // closed when dialling came to an end
	out  *outbox
	stop context.CancelFunc // of dialling

	named bool // ids of requests may be told there; set before up is closed

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
	l.named = err == nil && named(conn) // a connection that failed may be a nil of a type
	l.mu.Unlock()
	close(l.up)
	in := bufio.NewReaderSize(conn, readAhead)
	for err == nil {
		var m message
		if m, err = readFrame(in); err == nil {
			l.deliver(m)
		}
	}
	l.end()
}

// named reports whether the other side understands ids of requests. Only a handshake tells: a node of the first version
// ends a connection on which something follows what it knows.
func named(conn net.Conn) bool {
	c, ok := conn.(interface{ ConnectionState() tls.ConnectionState })
	return ok && c.ConnectionState().NegotiatedProtocol == Proto
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
	if !l.named {
		m.asker = ""
	}
	ch := make(chan message, 1)
	l.pending[m.number] = ch
	l.mu.Unlock()
	if !l.out.put(ctx, m) {
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

// An outbox is what waits to be written to one connection, a bounded number of bytes. One goroutine writes,
// so that nobody who sends holds a lock while the network is slow, and what came while it wrote goes out in
// one write.
type outbox struct {
	wake   chan struct{} // has one value when there may be something to write
	closed chan struct{}
	once   sync.Once

	mu      sync.Mutex // guards the rest
	waiting []byte
	room    chan struct{} // closed and replaced when what waited was taken
}

const (
	outboxFull = 256 << 10 // bytes waiting, from which on nothing more is taken
	outboxKeep = 64 << 10  // bytes of memory kept for the next frames
)

func newOutbox() *outbox {
	return &outbox{wake: make(chan struct{}, 1), closed: make(chan struct{}), room: make(chan struct{})}
}

// put adds a frame. It returns false where there was no room before ctx ended, or the connection is over.
func (o *outbox) put(ctx context.Context, m *message) bool {
	for {
		taken, room := o.offer(m)
		if taken {
			return true
		}
		select {
		case <-room:
		case <-o.closed:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

// offer adds a frame where there is room for it now. Otherwise it returns a channel that is closed when
// there may be.
func (o *outbox) offer(m *message) (taken bool, room <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.over() || len(o.waiting) >= outboxFull {
		return false, o.room
	}
	o.waiting = m.append(o.waiting)
	select {
	case o.wake <- struct{}{}:
	default:
	}
	return true, nil
}

// take returns all that waits and goes on with the memory of free.
func (o *outbox) take(free []byte) []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.waiting) >= outboxFull {
		close(o.room)
		o.room = make(chan struct{})
	}
	b := o.waiting
	o.waiting = free[:0]
	return b
}

// write writes frames until the outbox or the connection ends, and closes both.
func (o *outbox) write(conn net.Conn) {
	defer conn.Close()
	defer o.close()
	var free []byte
	for {
		select {
		case <-o.wake:
		case <-o.closed:
			return
		}
		runtime.Gosched() // those who were woken together add theirs first
		b := o.take(free)
		if free = b; cap(free) > outboxKeep { // what was free before is the outbox's now
			free = nil
		}
		if len(b) == 0 {
			continue
		}
		conn.SetWriteDeadline(time.Now().Add(writeTimeout))
		if _, err := conn.Write(b); err != nil {
			return
		}
	}
}

func (o *outbox) over() bool {
	select {
	case <-o.closed:
		return true
	default:
		return false
	}
}

func (o *outbox) close() { o.once.Do(func() { close(o.closed) }) }
