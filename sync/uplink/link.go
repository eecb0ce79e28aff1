package uplink

import (
	"context"
	"sync/atomic"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/wire"
)

// inboxSize bounds the control frames that wait for the session. A full inbox holds the hub up.
const inboxSize = 64

// packetOverhead is what IPv4 and UDP add to a packet, which the network operator charges too.
const packetOverhead = 28

// A link is one connection to a hub and the frames that came over it.
type link struct {
	wire.Link
	hub   string
	inbox chan wire.Frame
	dead  chan struct{}                           // closed when Serve has ended
	err   error                                   // why; set before dead is closed
	chunk atomic.Pointer[func(*wire.Chunk) error] // takes chunks of objects; they do not go through the inbox
}

// serve starts reading. The goroutine ends with the link.
func serve(l wire.Link, hub string) *link {
	k := &link{Link: l, hub: hub, inbox: make(chan wire.Frame, inboxSize), dead: make(chan struct{})}
	go func() {
		defer close(k.dead)
		k.err = l.Serve(context.Background(), k.handle)
		if k.err == nil {
			k.err = edge.E(edge.Unavailable, "the hub closed the link")
		}
	}()
	return k
}

func (k *link) handle(f wire.Frame, _ int) error {
	if f == nil {
		return nil
	}
	if c, ok := f.(*wire.Chunk); ok {
		if take := k.chunk.Load(); take != nil {
			return (*take)(c)
		}
		return nil // nothing was asked for
	}
	k.inbox <- f
	return nil
}

// next returns the next frame from the hub.
func (k *link) next(ctx context.Context) (wire.Frame, error) {
	select {
	case f := <-k.inbox:
		return f, nil
	default:
	}
	select {
	case f := <-k.inbox:
		return f, nil
	case <-k.dead:
		return nil, k.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// say sends a control frame.
func (k *link) say(ctx context.Context, f wire.Frame) error {
	return k.Send(ctx, wire.Control, f)
}

// end closes the link and waits until its reader has gone, throwing away what still comes.
func (k *link) end(why error) {
	k.Close(why)
	for {
		select {
		case <-k.inbox:
		case <-k.dead:
			return
		}
	}
}

// traffic is what the network operator charges for the link so far. The hub's packets are not counted by
// the transport and are reckoned from their bytes.
func (k *link) traffic() uint64 {
	st := k.Stats()
	in := st.Received / 1000
	if k.Transport() == "tcp" {
		return st.Sent + st.Received + 52*((st.Sent+st.Received)/1300+1)
	}
	return st.Sent + st.Received + packetOverhead*(st.PacketsSent+in)
}
