package mqtt

import (
	"bufio"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// A conn stands between a network connection and the engine. Reading, it takes packets off the wire
// whole and checked, deals with those the front owns and hands the others on. Writing, it never keeps
// its caller waiting for the network, so that one client that takes nothing cannot hold up the rest.
type conn struct {
	nc net.Conn
	l  *Limits
	br *bufio.Reader // owned by the reading goroutine

	idle    time.Duration // longest silence allowed, 0: any
	ahead   []byte        // handed to the engine before anything from the wire
	sess    *session      // whose packets these are; set before the engine sees the connection
	version byte
	why     error // why reading ended; set by the reading goroutine

	mu       sync.Mutex // guards all below
	out      []byte     // written, not yet sent
	spare    []byte
	flushing bool          // a goroutine is sending
	room     chan struct{} // closed when out was sent; nil while nobody waits
	closing  bool
	err      error
	window   int      // most unacknowledged messages the client takes, 0: any
	unacked  int      // of them
	held     [][]byte // messages waiting for the window
	heldSize int
	sending  int // bytes taken from out that the network has not taken yet
	dropped  uint64
}

func newConn(nc net.Conn, l *Limits) *conn {
	return &conn{nc: nc, l: l, br: bufio.NewReaderSize(nc, 2048), version: 4}
}

// next reads one packet. The first byte may take as long as the client may be silent; once it is there
// the rest must follow at a kibibyte a second or better.
func (c *conn) next(limit int) (frame, error) {
	if c.br.Buffered() == 0 {
		var until time.Time
		if c.idle > 0 {
			until = time.Now().Add(c.idle)
		}
		c.nc.SetReadDeadline(until)
		if c.stopped() { // Close may have set its deadline before we set ours
			return frame{}, net.ErrClosed
		}
	}
	head, err := c.br.ReadByte()
	if err != nil {
		return frame{}, err
	}
	if err := checkHead(head); err != nil {
		return frame{}, err
	}
	if b, _ := c.br.Peek(min(1, c.br.Buffered())); len(b) == 0 || b[0] >= 0x80 || int(b[0]) >= c.br.Buffered() {
		c.nc.SetReadDeadline(time.Now().Add(c.l.PacketTime))
	}
	n, err := readLength(c.br)
	if err != nil {
		return frame{}, err
	}
	if n+5 > limit {
		return frame{}, &wireError{rcTooLarge, "a packet is too large"}
	}
	if n > c.br.Buffered() && n > 1024 {
		c.nc.SetReadDeadline(time.Now().Add(c.l.PacketTime + time.Duration(n)*time.Second/1024))
	}
	body, err := readBody(c.br, n)
	return frame{head, body}, err
}

// Read gives the engine the packets that are its business. It is called from one goroutine.
func (c *conn) Read(p []byte) (int, error) {
	for len(c.ahead) == 0 {
		f, err := c.next(c.l.Packet)
		if err != nil {
			return 0, c.ended(err)
		}
		pass, err := c.sess.handle(f)
		if err != nil {
			return 0, c.ended(err)
		}
		if pass {
			c.ahead = appendFrame(c.ahead[:0], f.head, f.body)
		}
	}
	n := copy(p, c.ahead)
	c.ahead = c.ahead[n:]
	return n, nil
}

func (c *conn) session() *session { return c.sess }

// ended remembers why reading ended and tells a client of MQTT 5 what it did wrong.
func (c *conn) ended(err error) error {
	var w *wireError
	if errors.As(err, &w) && c.version >= 5 {
		c.send(appendDisconnect(nil, w.code))
	}
	if c.why == nil {
		c.why = err
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return io.EOF
	}
	return err
}

// Write takes whole packets from the engine. Over the limit of bytes, messages of quality 0 are dropped
// and counted. Four times over it the caller waits for StallTime, once; a client that still takes
// nothing is let go, and finds what it has not acknowledged in its session.
func (c *conn) Write(p []byte) (int, error) {
	n := len(p)
	c.mu.Lock()
	for len(p) > 0 {
		size := packetSize(p)
		if size <= 0 || size > len(p) {
			size = len(p)
		}
		c.packet(p[:size])
		p = p[size:]
	}
	var room chan struct{}
	if len(c.out)+c.sending+c.heldSize > 4*c.l.OutgoingBytes && c.err == nil {
		if c.room == nil {
			c.room = make(chan struct{})
		}
		room = c.room
	}
	err := c.err
	c.mu.Unlock()
	if err != nil {
		return 0, err
	}
	if room == nil {
		return n, nil
	}
	t := time.NewTimer(c.l.StallTime)
	defer t.Stop()
	select {
	case <-room:
		return n, nil
	case <-t.C:
		c.fail(errStalled)
		return 0, errStalled
	}
}

// packet queues, holds back or drops one packet of the engine's. The caller holds mu. A message beyond
// the client's receive maximum is held back (MQTT 5 section 4.9).
func (c *conn) packet(p []byte) {
	if p[0]>>4 == tPublish {
		switch quality := p[0] >> 1 & 3; {
		case quality == 0 && len(c.out)+c.sending > c.l.OutgoingBytes:
			c.dropped++
			return
		case quality > 0 && c.window > 0 && c.unacked >= c.window:
			c.held = append(c.held, append([]byte(nil), p...))
			c.heldSize += len(p)
			return
		case quality > 0 && c.window > 0:
			c.unacked++
		}
	}
	c.push(p)
}

var errStalled = errors.New("the client takes no messages")

// send queues bytes of the front's own. They are acknowledgements and farewells, few and short.
func (c *conn) send(p []byte) {
	c.mu.Lock()
	c.push(p)
	c.mu.Unlock()
}

// push appends and sees to it that somebody sends. The caller holds mu.
func (c *conn) push(p []byte) {
	if c.err != nil || c.closing {
		return
	}
	c.out = append(c.out, p...)
	if !c.flushing {
		c.flushing = true
		go c.flush()
	}
}

// flush sends until nothing is left. One runs at a time, and none while there is nothing to send.
func (c *conn) flush() {
	for {
		c.mu.Lock()
		if len(c.out) == 0 || c.err != nil {
			c.flushing = false
			c.signal()
			closing := c.closing
			if cap(c.spare) > 16<<10 {
				c.spare = nil
			}
			c.mu.Unlock()
			if closing {
				c.nc.Close()
			}
			return
		}
		b := c.out
		c.out, c.spare = c.spare[:0], nil
		c.sending = len(b)
		c.mu.Unlock()
		if err := c.transmit(b); err != nil {
			c.fail(err)
		}
		c.mu.Lock()
		c.spare, c.sending = b[:0], 0
		c.signal()
		c.mu.Unlock()
	}
}

// transmit sends in pieces, so that a slow client that takes something now and then is kept.
func (c *conn) transmit(b []byte) error {
	for len(b) > 0 {
		piece := b[:min(len(b), 16<<10)]
		wait := c.l.WriteTime
		if c.isClosing() {
			wait = min(wait, time.Second)
		}
		c.nc.SetWriteDeadline(time.Now().Add(wait))
		if _, err := c.nc.Write(piece); err != nil {
			return err
		}
		b = b[len(piece):]
		c.mu.Lock()
		c.sending -= len(piece)
		c.signal()
		c.mu.Unlock()
	}
	return nil
}

// lost counts the messages that were dropped because the client did not take them.
func (c *conn) lost() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dropped
}

func (c *conn) isClosing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closing
}

// signal wakes writers that wait for room. The caller holds mu.
func (c *conn) signal() {
	if c.room != nil {
		close(c.room)
		c.room = nil
	}
}

// fail ends the connection now; nothing more is sent.
func (c *conn) fail(err error) {
	c.mu.Lock()
	if c.err == nil {
		c.err = err
	}
	c.out, c.held = nil, nil
	c.signal()
	c.mu.Unlock()
	c.nc.Close()
}

// acked opens the window by one and sends what waited for it.
func (c *conn) acked() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.window == 0 {
		return
	}
	c.unacked = max(0, c.unacked-1)
	for len(c.held) > 0 && c.unacked < c.window {
		c.unacked++
		c.heldSize -= len(c.held[0])
		c.push(c.held[0])
		c.held = c.held[1:]
	}
}

// packetSize is how long the first packet in p is, 0 where its head is not complete.
func packetSize(p []byte) int {
	n := 0
	for i := 1; i < len(p) && i <= 4; i++ {
		n |= int(p[i]&0x7f) << (7 * (i - 1))
		if p[i] < 0x80 {
			return i + 1 + n
		}
	}
	return 0
}

func (c *conn) stopped() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closing || c.err != nil
}

// Close ends reading at once, and the connection when what was written is sent, within a second.
func (c *conn) Close() error {
	c.mu.Lock()
	was := c.closing
	c.closing = true
	flushing := c.flushing
	c.mu.Unlock()
	if was {
		return nil
	}
	c.nc.SetReadDeadline(time.Unix(1, 0))
	if !flushing {
		return c.nc.Close()
	}
	c.nc.SetWriteDeadline(time.Now().Add(time.Second))
	return nil
}

func (c *conn) LocalAddr() net.Addr  { return c.nc.LocalAddr() }
func (c *conn) RemoteAddr() net.Addr { return c.nc.RemoteAddr() }

// The engine's deadlines are not used: the front reads more than the engine sees.
func (c *conn) SetDeadline(time.Time) error      { return nil }
func (c *conn) SetReadDeadline(time.Time) error  { return nil }
func (c *conn) SetWriteDeadline(time.Time) error { return nil }
