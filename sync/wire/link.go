package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/aielon/edge/node/edge"
)

// A Lane is one ordered way through a link. Frames of one lane arrive in order; lanes overtake each
// other. Lanes 1 to 6 are the urgencies of records.
type Lane uint8

// Control is the lane of everything that is not BATCH, SKIP or EPOCH. It is always read.
const Control Lane = 0

const lanes = int(edge.Bulk) + 1

// LaneOf is the lane that BATCH, SKIP and EPOCH of a stream of this urgency travel on.
func LaneOf(u edge.Urgency) Lane { return Lane(u) }

// Piece is the most a paced write hands to the transport at once: what fits in one packet.
const Piece = 1150

// writeTimeout ends a link whose other side takes nothing any more.
const writeTimeout = 30 * time.Second

// A Pace is asked before each piece of n bytes and returns when it may go.
type Pace func(ctx context.Context, n int) error

// Stats says how a link does. On TCP the losses are not known.
type Stats struct {
	Latest, Min, Smoothed time.Duration // round trip; zero where not known yet
	Sent, Received        uint64        // bytes: QUIC packets, or TLS payload on TCP
	PacketsSent           uint64
	PacketsLost           uint64
}

// A Link is one live connection between a node and its hub. All methods may be used concurrently.
type Link interface {
	// Transport is "quic" or "tcp".
	Transport() string
	// Send writes frames to a lane, in order. After an error the link is closed: a frame may have been
	// cut in the middle.
	Send(ctx context.Context, l Lane, f ...Frame) error
	// SendPaced writes one frame, encoded by AppendFrame, asking pace before each Piece.
	SendPaced(ctx context.Context, l Lane, frame []byte, pace Pace) error
	// SendRange writes the CHUNK frames that next yields, below everything else, asking pace before each
	// Piece. It may be given up at any time through ctx and leaves the link usable.
	SendRange(ctx context.Context, next Next, pace Pace) error
	// Serve reads until the link or ctx ends and hands every frame, with its size on the wire, to handle:
	// in order within a lane or range, at the same time for different ones. handle must not block for long: on
	// TCP it holds up control. It returns nil where either side closed in peace, and otherwise why not.
	// It is called once.
	Serve(ctx context.Context, handle func(f Frame, size int) error) error
	Stats() Stats
	TLS() tls.ConnectionState
	Remote() net.Addr
	// Close ends the link and tells the other side why; nil is in peace. What was not sent is dropped.
	Close(why error) error
}

// codes of QUIC's application close: the kind of the error above this, or 0 for peace.
const codeBase = 0x100

// Check fails with Denied where a connection is not TLS 1.3 with our protocol and a client's or server's
// certificate.
func Check(cs tls.ConnectionState) error {
	switch {
	case cs.NegotiatedProtocol != ALPN:
		return edge.E(edge.Denied, "the other side speaks %q and not %q", cs.NegotiatedProtocol, ALPN)
	case cs.Version != tls.VersionTLS13:
		return edge.E(edge.Denied, "the other side does not use TLS 1.3")
	case len(cs.PeerCertificates) == 0:
		return edge.E(edge.Denied, "the other side showed no certificate")
	}
	return nil
}

func encode(f []Frame) (out []byte, err error) {
	for _, f := range f {
		if out, err = AppendFrame(out, f); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// writePieces is the inside of SendPaced once the lane is ours.
func writePieces(ctx context.Context, w deadliner, frame []byte, pace Pace) error {
	for len(frame) > 0 {
		n := len(frame)
		if pace != nil {
			n = min(n, Piece)
			if err := pace(ctx, n); err != nil {
				return err
			}
		}
		if err := w.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
			return err
		}
		if _, err := w.Write(frame[:n]); err != nil {
			return err
		}
		frame = frame[n:]
	}
	return nil
}

type deadliner interface {
	io.Writer
	SetWriteDeadline(time.Time) error
}

// ended turns what a reader or writer ran into to what it means. It returns nil for peace.
func ended(err error) error {
	var app *quic.ApplicationError
	var idle *quic.IdleTimeoutError
	var own *edge.Error
	switch {
	case err == nil, errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return nil
	case errors.As(err, &app):
		if app.ErrorCode < codeBase {
			return nil
		}
		return edge.E(edge.Kind(min(app.ErrorCode-codeBase, 127)), "the other side closed the link: %s", clip(app.ErrorMessage))
	case errors.As(err, &own):
		return own
	case errors.As(err, &idle), errors.Is(err, context.DeadlineExceeded):
		return edge.E(edge.Unavailable, "the link went silent: %w", err)
	}
	return edge.E(edge.Unavailable, "the link broke: %w", err)
}

// lost is ended for those who have to give up: never nil.
func lost(err error) error {
	if e := ended(err); e != nil {
		return e
	}
	return edge.E(edge.Unavailable, "the other side closed the link")
}

// text is what Close tells the other side: the sentence, never what lies beneath.
func text(why error) string {
	var e *edge.Error
	if errors.As(why, &e) {
		return clip(e.Msg)
	}
	return "internal error"
}
