package wire

import (
	"context"
	"errors"

	"github.com/quic-go/quic-go"

	"github.com/aielon/edge/node/edge"
)

const (
	rangeKind    = 0x20 // first byte of a QUIC stream that carries a run of CHUNK frames
	rangeUrgency = 7    // below all lanes (RFC 9218)
	maxRanges    = 8    // that the other side may have open at a time
	rangeStopped = 1    // code of a range that its sender or reader gives up
)

// A Next yields the frames of a range, encoded, and nil at its end. A frame is used before the next call.
type Next func() ([]byte, error)

// SendRange writes a run of CHUNK frames to a stream of their own, which ends with them. A range that fails
// is cancelled and leaves the link as it is.
func (l *quicLink) SendRange(ctx context.Context, next Next, pace Pace) error {
	s, err := l.conn.OpenUniStreamSync(ctx)
	if err != nil {
		return rangeError(ctx, err)
	}
	s.SetPriority(rangeUrgency, true)
	stop := context.AfterFunc(ctx, func() { s.CancelWrite(rangeStopped) })
	defer stop()
	if _, err = s.Write([]byte{rangeKind}); err == nil {
		err = eachFrame(ctx, next, func(frame []byte) error { return writePieces(ctx, s, frame, pace) })
	}
	if err != nil {
		s.CancelWrite(rangeStopped)
		return rangeError(ctx, err)
	}
	return s.Close()
}

func eachFrame(ctx context.Context, next Next, write func([]byte) error) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		frame, err := next()
		if err != nil || frame == nil {
			return err
		}
		if err := write(frame); err != nil {
			return err
		}
	}
}

func rangeError(ctx context.Context, err error) error {
	var own *edge.Error
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &own):
		return own
	}
	return edge.E(edge.Unavailable, "sending a part of an object broke off: %w", err)
}

// readRange takes the chunks of one range. A range that its sender gave up is no fault of the link.
func (l *quicLink) readRange(s *quic.ReceiveStream, handle func(Frame, int) error) {
	defer s.CancelRead(rangeStopped)
	if l.ranges.Add(1) > maxRanges {
		l.Close(edge.E(edge.Invalid, "more than %d parts of objects are sent at a time", maxRanges))
	}
	defer l.ranges.Add(-1)
	r := NewReader(s)
	for {
		f, n, err := r.Next()
		var own *edge.Error
		switch {
		case errors.As(err, &own):
			l.Close(own)
			return
		case err != nil:
			return
		}
		if _, ok := f.(*Chunk); !ok {
			l.Close(edge.E(edge.Invalid, "a frame of type %d came among the chunks of an object", f.Type()))
			return
		}
		if err := handle(f, n); err != nil {
			l.Close(err)
			return
		}
	}
}

// SendRange writes a run of CHUNK frames to the bulk connection. It stops between frames only: half of one
// cannot be taken back.
func (l *tcpLink) SendRange(ctx context.Context, next Next, pace Pace) error {
	whole, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		select {
		case <-l.closed:
			cancel()
		case <-ended:
		}
	}()
	return eachFrame(ctx, next, func(frame []byte) error { return l.SendPaced(whole, LaneOf(edge.Bulk), frame, pace) })
}
