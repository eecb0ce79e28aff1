package wire

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aielon/edge/node/edge"
)

type byteSource interface{ io.Reader }

// A tcpLink is two TLS connections: the urgent one carries control and classes 1 to 3, the bulk one, made
// when first needed, classes 4 to 6, so that TCP cannot put a month of readings before an emergency. Each
// begins with a preface: which of the two it is (1 byte), and a number that pairs them (16 bytes).
type tcpLink struct {
	nonce  [16]byte
	dial   func(context.Context) (*tls.Conn, error) // nil at the hub
	idle   time.Duration
	urgent *half
	closed chan struct{}
	remove func() // forgets the pairing at the hub

	mu   sync.Mutex
	bulk *half // guarded by mu

	serve  chan *half // bulk halves for Serve to read; capacity 1
	dialMu sync.Mutex // held while the bulk half is being made
	once   sync.Once
	why    error
	sent   atomic.Uint64
	recv   atomic.Uint64
}

// half is one of the two connections.
type half struct {
	mu sync.Mutex // held for one frame
	c  *tls.Conn
}

const (
	prefaceUrgent = 1
	prefaceBulk   = 2
)

// DialTCP makes a link over connections that dial makes; it is used once now and once when bulk is first
// sent. idle ends the link when nothing came for so long.
func DialTCP(ctx context.Context, idle time.Duration, dial func(context.Context) (*tls.Conn, error)) (Link, error) {
	l := &tcpLink{nonce: edge.NewID(), dial: dial, idle: idle, closed: make(chan struct{}), serve: make(chan *half, 1)}
	h, err := l.connect(ctx, prefaceUrgent)
	if err != nil {
		return nil, lost(err)
	}
	l.urgent = h
	return l, nil
}

func (l *tcpLink) connect(ctx context.Context, kind byte) (*half, error) {
	c, err := l.dial(ctx)
	if err != nil {
		return nil, err
	}
	err = c.HandshakeContext(ctx)
	if err == nil {
		err = Check(c.ConnectionState())
	}
	if err == nil {
		c.SetWriteDeadline(time.Now().Add(writeTimeout))
		_, err = c.Write(append([]byte{kind}, l.nonce[:]...))
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return &half{c: c}, nil
}

// Pairing finds the two connections of each TCP link at a hub.
type Pairing struct {
	idle time.Duration
	mu   sync.Mutex
	live map[pairKey]*tcpLink // guarded by mu
}

type pairKey struct {
	peer  edge.NodeID
	nonce [16]byte
}

// NewPairing returns an empty table. idle ends a link when nothing came for so long.
func NewPairing(idle time.Duration) *Pairing {
	return &Pairing{idle: idle, live: map[pairKey]*tcpLink{}}
}

// Accept takes a connection whose handshake is done and whose certificate is peer's. It returns a new
// Link, or nil where the connection became the second half of one. On error the connection is closed.
func (p *Pairing) Accept(ctx context.Context, c *tls.Conn, peer edge.NodeID) (Link, error) {
	l, err := p.accept(ctx, c, peer)
	if err != nil {
		c.Close()
		return nil, err
	}
	if l == nil {
		return nil, nil
	}
	return l, nil
}

func (p *Pairing) accept(ctx context.Context, c *tls.Conn, peer edge.NodeID) (*tcpLink, error) {
	if err := Check(c.ConnectionState()); err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { c.SetReadDeadline(time.Unix(1, 0)) })
	var pre [17]byte
	if _, err := io.ReadFull(c, pre[:]); err != nil {
		stop()
		return nil, lost(err)
	}
	if !stop() { // the deadline struck at the last moment
		return nil, lost(ctx.Err())
	}
	key := pairKey{peer, [16]byte(pre[1:])}
	p.mu.Lock()
	defer p.mu.Unlock()
	old := p.live[key]
	switch {
	case pre[0] == prefaceBulk && old != nil:
		return nil, old.attach(&half{c: c})
	case pre[0] == prefaceUrgent && old == nil:
		l := &tcpLink{nonce: key.nonce, idle: p.idle, urgent: &half{c: c}, closed: make(chan struct{}), serve: make(chan *half, 1)}
		l.remove = func() { p.drop(key) }
		p.live[key] = l
		return l, nil
	}
	return nil, edge.E(edge.Invalid, "a connection belongs to no link, or to one that has it already")
}

func (p *Pairing) drop(key pairKey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.live, key)
}

func (l *tcpLink) attach(h *half) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.bulk != nil {
		return edge.E(edge.Invalid, "a link has its second connection already")
	}
	select {
	case <-l.closed:
		return edge.E(edge.Unavailable, "the link is closed")
	default:
	}
	l.bulk = h
	l.serve <- h // has room: there is one bulk half in a link's life
	return nil
}

func (l *tcpLink) Transport() string        { return "tcp" }
func (l *tcpLink) TLS() tls.ConnectionState { return l.urgent.c.ConnectionState() }
func (l *tcpLink) Remote() net.Addr         { return l.urgent.c.RemoteAddr() }

func (l *tcpLink) Stats() Stats {
	s := Stats{Sent: l.sent.Load(), Received: l.recv.Load()}
	s.Smoothed, s.Min, s.PacketsSent, s.PacketsLost = tcpInfo(l.urgent.c.NetConn())
	l.mu.Lock()
	bulk := l.bulk
	l.mu.Unlock()
	s.Latest = s.Smoothed
	if bulk != nil { // queueing shows on the connection that fills the queue
		s.Latest, _, _, _ = tcpInfo(bulk.c.NetConn())
	}
	return s
}

func (l *tcpLink) Send(ctx context.Context, lane Lane, f ...Frame) error {
	b, err := encode(f)
	if err != nil {
		return err
	}
	return l.SendPaced(ctx, lane, b, nil)
}

func (l *tcpLink) SendPaced(ctx context.Context, lane Lane, frame []byte, pace Pace) error {
	if int(lane) >= lanes {
		return edge.E(edge.Internal, "there is no lane %d", lane)
	}
	h, err := l.half(ctx, lane)
	if err == nil {
		h.mu.Lock()
		defer h.mu.Unlock()
		err = writePieces(ctx, h.c, frame, pace)
	}
	if err != nil {
		l.Close(ended(err))
		return lost(err)
	}
	l.sent.Add(uint64(len(frame)))
	return nil
}

// half returns the connection of a lane. A hub that has nothing but the urgent one uses that.
func (l *tcpLink) half(ctx context.Context, lane Lane) (*half, error) {
	if lane < Lane(edge.Community) {
		return l.urgent, nil
	}
	l.dialMu.Lock()
	defer l.dialMu.Unlock()
	l.mu.Lock()
	bulk := l.bulk
	l.mu.Unlock()
	switch {
	case bulk != nil:
		return bulk, nil
	case l.dial == nil:
		return l.urgent, nil
	}
	h, err := l.connect(ctx, prefaceBulk)
	if err != nil {
		return nil, err
	}
	if err := l.attach(h); err != nil {
		h.c.Close()
		return nil, err
	}
	return h, nil
}

func (l *tcpLink) Serve(ctx context.Context, handle func(Frame, int) error) error {
	stop := context.AfterFunc(ctx, func() { l.Close(nil) })
	defer stop()
	var wg sync.WaitGroup
	wg.Go(func() {
		select {
		case h := <-l.serve:
			if err := readFrames(&meter{h.c, &l.recv, 0}, handle); err != nil {
				l.Close(err)
			}
		case <-l.closed:
		}
	})
	l.Close(readFrames(&meter{l.urgent.c, &l.recv, l.idle}, handle))
	wg.Wait()
	return l.why
}

// A meter counts what is read and, where idle is set, gives up on silence.
type meter struct {
	c    *tls.Conn
	n    *atomic.Uint64
	idle time.Duration
}

func (m *meter) Read(p []byte) (int, error) {
	if m.idle > 0 {
		m.c.SetReadDeadline(time.Now().Add(m.idle))
	}
	n, err := m.c.Read(p)
	m.n.Add(uint64(n))
	return n, err
}

func (l *tcpLink) Close(why error) error {
	l.once.Do(func() {
		l.why = why
		if why != nil {
			l.sayWhy(why)
		}
		l.mu.Lock()
		close(l.closed)
		bulk := l.bulk
		l.mu.Unlock()
		l.urgent.c.Close()
		if bulk != nil {
			bulk.c.Close()
		}
		if l.remove != nil {
			l.remove()
		}
	})
	return nil
}

// sayWhy writes the last words, unless a frame is stuck half way, and reads on for a moment: what is still
// on its way to a closed socket would make the kernel throw our words away. A broken line holds us up for
// a fraction of a second.
func (l *tcpLink) sayWhy(why error) {
	got := l.urgent.mu.TryLock()
	for try := 0; !got && try < 20; try++ {
		time.Sleep(5 * time.Millisecond)
		got = l.urgent.mu.TryLock()
	}
	if !got {
		return
	}
	defer l.urgent.mu.Unlock()
	c := l.urgent.c
	c.SetWriteDeadline(time.Now().Add(500 * time.Millisecond))
	b, err := AppendFrame(nil, &ErrorFrame{Kind: edge.KindOf(why), Text: text(why)})
	if err != nil {
		return
	}
	if _, err := c.Write(b); err != nil || c.CloseWrite() != nil {
		return
	}
	c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	io.CopyN(io.Discard, c.NetConn(), 1<<20)
}
