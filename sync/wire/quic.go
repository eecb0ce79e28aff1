package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/aielon/edge/node/edge"
)

// uniStreams is how many streams one side may have open: its lanes, ranges of objects, and ranges whose end
// the other side has not heard of yet.
const uniStreams = int64(lanes) - 1 + maxRanges + 2

// NodeQUIC returns the settings of a node's end. keepalive 0 sends none.
func NodeQUIC(keepalive, idle time.Duration) *quic.Config {
	return &quic.Config{Versions: []quic.Version{quic.Version1}, HandshakeIdleTimeout: 10 * time.Second, MaxIdleTimeout: idle,
		KeepAlivePeriod: keepalive, InitialStreamReceiveWindow: 64 << 10, MaxStreamReceiveWindow: 512 << 10,
		InitialConnectionReceiveWindow: 128 << 10, MaxConnectionReceiveWindow: 1 << 20,
		MaxIncomingStreams: -1, MaxIncomingUniStreams: uniStreams}
}

// HubQUIC returns the settings of a hub's end. grow is asked before a connection's window, and with it
// the memory one node can claim, becomes larger; it may not call into the connection. nil allows it.
func HubQUIC(idle time.Duration, grow func(c *quic.Conn, delta uint64) bool) *quic.Config {
	return &quic.Config{Versions: []quic.Version{quic.Version1}, HandshakeIdleTimeout: 10 * time.Second, MaxIdleTimeout: idle,
		InitialStreamReceiveWindow: 64 << 10, MaxStreamReceiveWindow: 256 << 10,
		InitialConnectionReceiveWindow: 128 << 10, MaxConnectionReceiveWindow: 1 << 20,
		MaxIncomingStreams: 1, MaxIncomingUniStreams: uniStreams, Allow0RTT: false,
		AllowConnectionWindowIncrease: grow}
}

// quicLink carries control on the one bidirectional stream and each lane on a stream of its own, opened
// when it is first used. The first byte of a lane's stream is its number.
type quicLink struct {
	conn    *quic.Conn
	control *quic.Stream
	out     [lanes]outLane

	mu   sync.Mutex
	open [lanes]bool // guarded by mu: lanes the other side has opened
	once sync.Once
	why  error // set once, before the connection is closed by us

	ranges atomic.Int32 // that are being read
}

type outLane struct {
	mu sync.Mutex       // held for one frame
	s  *quic.SendStream // guarded by mu
}

// DialQUIC connects to a hub and opens control. It fails with Unavailable, and with Denied where the hub
// is not one.
func DialQUIC(ctx context.Context, tr *quic.Transport, addr net.Addr, t *tls.Config, conf *quic.Config) (Link, error) {
	conn, err := tr.Dial(ctx, addr, t, conf)
	if err != nil {
		return nil, lost(err)
	}
	if err := Check(conn.ConnectionState().TLS); err != nil {
		conn.CloseWithError(codeBase+quic.ApplicationErrorCode(edge.Denied), text(err))
		return nil, err
	}
	s, err := conn.OpenStream()
	if err != nil {
		conn.CloseWithError(codeBase, "")
		return nil, lost(err)
	}
	return newQUIC(conn, s), nil
}

// AcceptQUIC waits until the node on an accepted connection has opened control.
func AcceptQUIC(ctx context.Context, conn *quic.Conn) (Link, error) {
	if err := Check(conn.ConnectionState().TLS); err != nil {
		conn.CloseWithError(codeBase+quic.ApplicationErrorCode(edge.Denied), text(err))
		return nil, err
	}
	s, err := conn.AcceptStream(ctx)
	if err != nil {
		conn.CloseWithError(codeBase+quic.ApplicationErrorCode(edge.Unavailable), "no HELLO came")
		return nil, lost(err)
	}
	return newQUIC(conn, s), nil
}

// ConnOf returns the QUIC connection under a link, for those who move it to another path.
func ConnOf(l Link) (*quic.Conn, bool) {
	q, ok := l.(*quicLink)
	if !ok {
		return nil, false
	}
	return q.conn, true
}

func newQUIC(conn *quic.Conn, control *quic.Stream) *quicLink {
	control.SetPriority(0, false)
	return &quicLink{conn: conn, control: control}
}

func (l *quicLink) Transport() string        { return "quic" }
func (l *quicLink) TLS() tls.ConnectionState { return l.conn.ConnectionState().TLS }
func (l *quicLink) Remote() net.Addr         { return l.conn.RemoteAddr() }

func (l *quicLink) Stats() Stats {
	s := l.conn.ConnectionStats()
	return Stats{s.LatestRTT, s.MinRTT, s.SmoothedRTT, s.BytesSent, s.BytesReceived, s.PacketsSent, s.PacketsLost}
}

func (l *quicLink) Send(ctx context.Context, lane Lane, f ...Frame) error {
	b, err := encode(f)
	if err != nil {
		return err
	}
	return l.SendPaced(ctx, lane, b, nil)
}

func (l *quicLink) SendPaced(ctx context.Context, lane Lane, frame []byte, pace Pace) error {
	if int(lane) >= lanes {
		return edge.E(edge.Internal, "there is no lane %d", lane)
	}
	o := &l.out[lane]
	o.mu.Lock()
	defer o.mu.Unlock()
	w, err := l.writer(o, lane)
	if err == nil {
		err = writePieces(ctx, w, frame, pace)
	}
	if err != nil {
		l.Close(ended(err))
		return lost(err)
	}
	return nil
}

// writer returns the lane's stream; the lane is locked by the caller.
func (l *quicLink) writer(o *outLane, lane Lane) (deadliner, error) {
	if lane == Control {
		return l.control, nil
	}
	if o.s == nil {
		s, err := l.conn.OpenUniStream()
		if err != nil {
			return nil, err
		}
		s.SetPriority(int8(lane), lane >= Lane(edge.Community))
		if _, err := s.Write([]byte{byte(lane)}); err != nil {
			return nil, err
		}
		o.s = s
	}
	return o.s, nil
}

func (l *quicLink) Serve(ctx context.Context, handle func(Frame, int) error) error {
	stop := context.AfterFunc(ctx, func() { l.Close(nil) })
	defer stop()
	var wg sync.WaitGroup
	wg.Go(func() { l.acceptLanes(&wg, handle) })
	l.Close(readFrames(l.control, handle))
	wg.Wait()
	return l.why
}

// acceptLanes starts one reader for each lane the other side opens.
func (l *quicLink) acceptLanes(wg *sync.WaitGroup, handle func(Frame, int) error) {
	for {
		s, err := l.conn.AcceptUniStream(context.Background()) // ends with the connection
		if err != nil {
			l.Close(ended(err))
			return
		}
		wg.Go(func() { l.readLane(s, handle) })
	}
}

func (l *quicLink) readLane(s *quic.ReceiveStream, handle func(Frame, int) error) {
	var b [1]byte
	if _, err := s.Read(b[:]); err != nil {
		var reset *quic.StreamError
		if !errors.As(err, &reset) { // a range may be given up before its first byte has arrived
			l.Close(ended(err))
		}
		return
	}
	if b[0] == rangeKind {
		l.readRange(s, handle)
		return
	}
	if !l.claim(int(b[0])) {
		l.Close(edge.E(edge.Invalid, "lane %d does not exist or is open already", b[0]))
		return
	}
	err := readFrames(s, handle)
	if err != nil {
		l.Close(err)
	}
	l.mu.Lock()
	l.open[b[0]] = false
	l.mu.Unlock()
}

// claim makes sure that a lane has one stream at a time; two would break its order.
func (l *quicLink) claim(lane int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if lane < 1 || lane >= lanes || l.open[lane] {
		return false
	}
	l.open[lane] = true
	return true
}

func (l *quicLink) Close(why error) error {
	l.once.Do(func() {
		if l.why = why; why == nil {
			l.conn.CloseWithError(0, "")
			return
		}
		l.conn.CloseWithError(codeBase+quic.ApplicationErrorCode(edge.KindOf(why)), text(why))
	})
	return nil
}

// readFrames returns nil where the stream ends in peace.
func readFrames(r byteSource, handle func(Frame, int) error) error {
	fr := NewReader(r)
	for {
		f, n, err := fr.Next()
		if err != nil {
			return ended(err)
		}
		if e, ok := f.(*ErrorFrame); ok {
			return e.Err()
		}
		if err := handle(f, n); err != nil {
			return err
		}
	}
}
