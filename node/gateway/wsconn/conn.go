// Package wsconn is a WebSocket connection (RFC 6455) that stays within bounds whatever its client does: the
// length of messages and how long one may take, pings, what waits to be read, how long a client may be silent.
// It ends within seconds once what proved its caller is revoked.
package wsconn

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"
	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway/call"
	"github.com/aielon/edge/node/gateway/problem"
)

// Bounds of one connection.
const (
	maxMessage  = 1 << 20          // bytes of a message from the client
	messageTime = 10 * time.Second // how long a message may take, from its first frame to its last
	queue       = 256              // messages that wait to be read by the client
	queueBytes  = 4 << 20          // and their bytes, or one longer message
	slowest     = 10 * time.Second // how long a full queue is waited for
	idle        = 20 * time.Second // between two pings
	pongTime    = 10 * time.Second // how long a ping may stay without a pong
	pings       = 1                // of the client in a second, and
	pingBurst   = 30               // as many at once
	flushTime   = 2 * time.Second  // for what is queued when the connection closes, and then
	grace       = 8 * time.Second  // for all of the closing
)

// Options say who may connect and how the connection ends.
type Options struct {
	Room      *Room
	Protocols []string                                        // subprotocols, best first
	Origins   []string                                        // hosts whose pages may connect, besides the one that is asked
	While     func(context.Context) (context.Context, func()) // ends with what proved the caller
	Prove     func(context.Context) (proven bool, err error)  // says whether it is somebody, refuses who may not connect at all
	Idle      time.Duration                                   // between two pings; 0: 20 s
	Pong      time.Duration                                   // how long a ping may stay without a pong; 0: 10 s
	Slowest   time.Duration                                   // how long a full queue is waited for; 0: 10 s
	Message   time.Duration                                   // how long a message may take; 0: 10 s
}

// A Conn is a connection. Read is for one goroutine, the rest for any.
type Conn struct {
	ws       *websocket.Conn
	raw      net.Conn
	ctx      context.Context
	cancel   context.CancelFunc
	room     *Room
	out      chan []byte
	queued   *semaphore.Weighted
	writing  atomic.Bool
	pingRate *rate.Limiter
	once     sync.Once
	closing  chan struct{} // closed once the connection is being closed
	cut      atomic.Bool   // it is closed because its client does not read
	flushed  chan struct{} // closed once what was queued is sent, or never will be
	closed   chan struct{} // closed once it is
	wg       sync.WaitGroup

	idle, pong, slowest, message time.Duration
}

// Serve upgrades a request, calls handle, and closes the connection when handle returns; nothing may be sent after
// that. Whoever may not connect is answered with problem details.
func Serve(w http.ResponseWriter, r *http.Request, o Options, handle func(*Conn)) {
	from := call.From(r.Context())
	proven, err := o.Prove(r.Context())
	if err != nil {
		problem.Write(w, err, from.ID)
		return
	}
	leave, err := o.Room.enter(from.Peer, proven)
	if err != nil {
		problem.Write(w, problem.WithStatus(http.StatusServiceUnavailable, err.(*edge.Error)), from.ID)
		return
	}
	defer leave()
	c := &Conn{room: o.Room, out: make(chan []byte, queue), queued: semaphore.NewWeighted(queueBytes), pingRate: rate.NewLimiter(pings, pingBurst),
		closing: make(chan struct{}), flushed: make(chan struct{}), closed: make(chan struct{}), idle: cmp.Or(o.Idle, idle), pong: cmp.Or(o.Pong, pongTime), slowest: cmp.Or(o.Slowest, slowest), message: cmp.Or(o.Message, messageTime)}
	k := &keeper{ResponseWriter: w}
	ws, err := websocket.Accept(k, r, &websocket.AcceptOptions{Subprotocols: o.Protocols, OriginPatterns: o.Origins, CompressionMode: websocket.CompressionDisabled, OnPingReceived: c.pinged})
	if err != nil {
		return // Accept has answered
	}
	ws.SetReadLimit(maxMessage)
	c.ws, c.raw = ws, k.conn
	defer c.raw.Close()
	still, stop := o.While(r.Context())
	defer stop()
	c.ctx, c.cancel = context.WithCancel(still)
	defer c.cancel()
	c.wg.Go(c.write)
	c.wg.Go(c.keepAlive)
	c.wg.Go(func() { c.watch(r.Context(), still) })
	handle(c)
	c.Close(websocket.StatusNormalClosure, "")
	c.wg.Wait()
	<-c.closed
	for len(c.out) > 0 {
		c.release(<-c.out)
	}
}

// keeper remembers the connection below, since the library can wait for a silent client without end.
type keeper struct {
	http.ResponseWriter
	conn net.Conn
}

// Hijack implements http.Hijacker.
func (k *keeper) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, rw, err := http.NewResponseController(k.ResponseWriter).Hijack()
	k.conn = c
	return c, rw, err
}

// Context ends when the connection does, and when what proved the caller is revoked.
func (c *Conn) Context() context.Context { return c.ctx }

// Protocol is the subprotocol that was agreed on, empty for none.
func (c *Conn) Protocol() string { return c.ws.Subprotocol() }

// Read returns the next message, a text in UTF-8. What is none closes the connection, with the code that says why.
func (c *Conn) Read() ([]byte, error) {
	kind, r, err := c.ws.Reader(context.Background())
	if err != nil {
		return nil, c.broken(err)
	}
	late := time.AfterFunc(c.message, func() { c.Close(websocket.StatusPolicyViolation, "a message took too long") })
	b, err := io.ReadAll(r)
	late.Stop()
	switch {
	case err != nil:
		return nil, c.broken(err)
	case kind != websocket.MessageText:
		return nil, c.refuse(websocket.StatusUnsupportedData, "messages are texts")
	case !utf8.Valid(b):
		return nil, c.refuse(websocket.StatusInvalidFramePayloadData, "a text must be UTF-8")
	}
	return b, nil
}

func (c *Conn) refuse(code websocket.StatusCode, why string) error {
	c.Close(code, why)
	return edge.E(edge.Invalid, "%s", why)
}

// broken closes a connection on which reading failed: what broke the protocol is told so, who is gone is not.
func (c *Conn) broken(err error) error {
	var ne net.Error
	switch {
	case errors.Is(err, websocket.ErrMessageTooBig):
		c.Close(websocket.StatusMessageTooBig, "the message is too long")
	case websocket.CloseStatus(err) != -1, errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed), errors.As(err, &ne):
		c.Close(websocket.StatusNormalClosure, "")
	default:
		c.Close(websocket.StatusProtocolError, "that is no WebSocket frame we know")
	}
	return err
}

// Send queues a message. Where the queue is full it waits; a client that has read nothing for so long is cut off.
func (c *Conn) Send(b []byte) error {
	if c.sendNow(b) {
		return nil
	}
	ctx, cancel := context.WithTimeout(c.ctx, c.slowest)
	defer cancel()
	n := min(int64(len(b)), queueBytes)
	if err := c.queued.Acquire(ctx, n); err != nil {
		return c.full(err)
	}
	if err := c.room.queued.Acquire(ctx, n); err != nil {
		c.queued.Release(n)
		return c.full(err)
	}
	select {
	case c.out <- b:
		return nil
	case <-ctx.Done():
		c.release(b)
		return c.full(ctx.Err())
	}
}

// sendNow queues a message where it need not wait.
func (c *Conn) sendNow(b []byte) bool {
	n := min(int64(len(b)), queueBytes)
	if c.ctx.Err() != nil || !c.queued.TryAcquire(n) {
		return false
	}
	if !c.room.queued.TryAcquire(n) {
		c.queued.Release(n)
		return false
	}
	select {
	case c.out <- b:
		return true
	default:
		c.release(b)
		return false
	}
}

func (c *Conn) full(err error) error {
	if c.ctx.Err() == nil {
		c.cutOff()
	}
	return err
}

func (c *Conn) cutOff() {
	c.cut.Store(true)
	c.Close(websocket.StatusTryAgainLater, "you read too slowly")
}

func (c *Conn) release(b []byte) {
	n := min(int64(len(b)), queueBytes)
	c.queued.Release(n)
	c.room.queued.Release(n)
}

// write sends what is queued until the connection is being closed, and then what is queued still.
func (c *Conn) write() {
	defer close(c.flushed)
	for {
		var b []byte
		select {
		case b = <-c.out:
		case <-c.closing:
			if c.cut.Load() || len(c.out) == 0 {
				return
			}
			b = <-c.out
		}
		c.writing.Store(true)
		err := c.ws.Write(context.Background(), websocket.MessageText, b)
		c.writing.Store(false)
		c.release(b)
		if err != nil {
			c.Close(websocket.StatusNormalClosure, "")
			return
		}
	}
}

// Close ends the connection with a code and a reason of at most 120 bytes. It returns at once where another
// Close came first.
func (c *Conn) Close(code websocket.StatusCode, reason string) {
	c.once.Do(func() {
		close(c.closing)
		c.cancel()
		time.AfterFunc(grace, func() { c.raw.Close() })
		for len(reason) > 120 || !utf8.ValidString(reason) {
			reason = reason[:min(len(reason)-1, 120)]
		}
		go func() {
			defer close(c.closed)
			if !c.cut.Load() {
				select {
				case <-c.flushed:
				case <-time.After(flushTime):
				}
			}
			c.ws.Close(code, reason)
			c.raw.Close()
		}()
	})
}

// watch ends the connection with what proved its caller, or with the server.
func (c *Conn) watch(server, still context.Context) {
	select {
	case <-still.Done():
	case <-c.closing:
		return
	}
	if server.Err() != nil {
		c.Close(websocket.StatusGoingAway, "the node stops")
		return
	}
	why := "sign in again"
	if e, ok := errors.AsType[*edge.Error](context.Cause(still)); ok {
		why = e.Msg
	}
	c.Close(websocket.StatusPolicyViolation, why)
}

// pinged reports whether a ping is answered. Who sends too many is cut off.
func (c *Conn) pinged(context.Context, []byte) bool {
	if c.pingRate.Allow() {
		return true
	}
	c.Close(websocket.StatusPolicyViolation, "too many pings")
	return false
}

// keepAlive looks whether the client is still there.
func (c *Conn) keepAlive() {
	t := time.NewTicker(c.idle)
	defer t.Stop()
	for {
		select {
		case <-c.closing:
			return
		case <-t.C:
		}
		ctx, cancel := context.WithTimeout(c.ctx, c.pong)
		stuck := c.writing.Load()
		err := c.ws.Ping(ctx)
		cancel()
		switch {
		case err == nil:
		case stuck && c.writing.Load():
			c.cutOff()
			return
		default:
			c.Close(websocket.StatusPolicyViolation, "no answer to a ping")
			return
		}
	}
}
