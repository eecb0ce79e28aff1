package hubtest

import (
	"bytes"
	"context"
	"crypto/tls"
	"net"
	"sync"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/wire"
)

// Pipe returns the two ends of a link in memory that takes delay each way. It works in a synctest bubble.
func Pipe(delay time.Duration) (node, hub wire.Link) {
	done := make(chan struct{})
	once := new(sync.Once)
	a := &end{delay: delay, in: make(chan parcel, 256), done: done, once: once}
	b := &end{delay: delay, in: make(chan parcel, 256), done: done, once: once}
	a.peer, b.peer = b, a
	return a, b
}

// An end is one side of a pipe. Its lanes do not overtake each other.
type end struct {
	delay time.Duration
	in    chan parcel
	peer  *end
	done  chan struct{}
	once  *sync.Once

	mu   sync.Mutex
	sent uint64
}

type parcel struct {
	due time.Time
	b   []byte
}

func (e *end) Transport() string { return "quic" }

func (e *end) Send(ctx context.Context, l wire.Lane, f ...wire.Frame) error {
	for _, f := range f {
		b, err := wire.AppendFrame(nil, f)
		if err != nil {
			return err
		}
		if err := e.SendPaced(ctx, l, b, nil); err != nil {
			return err
		}
	}
	return nil
}

func (e *end) SendPaced(ctx context.Context, _ wire.Lane, frame []byte, pace wire.Pace) error {
	for left := len(frame); pace != nil && left > 0; left -= wire.Piece {
		if err := pace(ctx, min(left, wire.Piece)); err != nil {
			return err
		}
	}
	e.mu.Lock()
	e.sent += uint64(len(frame))
	e.mu.Unlock()
	select {
	case e.peer.in <- parcel{time.Now().Add(e.delay), frame}:
		return nil
	case <-e.done:
		return edge.E(edge.Unavailable, "the pipe is closed")
	}
}

func (e *end) SendRange(ctx context.Context, next wire.Next, pace wire.Pace) error {
	for ctx.Err() == nil {
		frame, err := next()
		if err != nil || frame == nil {
			return err
		}
		if err := e.SendPaced(ctx, wire.LaneOf(edge.Bulk), bytes.Clone(frame), pace); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (e *end) Serve(ctx context.Context, handle func(wire.Frame, int) error) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-e.done:
			return nil
		case p := <-e.in:
			time.Sleep(time.Until(p.due))
			f, _, err := wire.DecodeFrame(p.b)
			if err == nil && f != nil {
				err = handle(f, len(p.b))
			}
			if err != nil {
				e.Close(err)
				return err
			}
		}
	}
}

func (e *end) Stats() wire.Stats {
	e.mu.Lock()
	defer e.mu.Unlock()
	return wire.Stats{Latest: 2 * e.delay, Min: 2 * e.delay, Smoothed: 2 * e.delay, Sent: e.sent}
}

func (e *end) TLS() tls.ConnectionState { return tls.ConnectionState{} }
func (e *end) Remote() net.Addr         { return &net.UDPAddr{} }

func (e *end) Close(error) error {
	e.once.Do(func() { close(e.done) })
	return nil
}
