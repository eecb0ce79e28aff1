package site

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/aielon/edge/node/edge"
)

// Bounds on one connection from another node of the site.
const (
	maxFlying    = 512              // requests being served
	idleTimeout  = 5 * time.Minute  // without a request, before the connection is closed
	writeTimeout = 10 * time.Second // for one answer
)

// Serve answers what another node of the site asks over conn, until ctx or the connection ends; it closes
// conn. Only members of the site may come here: whoever accepted the connection has proved who peer is.
// The actor of a forwarded command is believed, because the member's own door has proved it.
func (s *Site) Serve(ctx context.Context, conn net.Conn, peer edge.NodeID) error {
	defer conn.Close()
	if s.opt.Member != nil && !s.opt.Member(peer) {
		return edge.E(edge.Denied, "node %s is no member of this site", peer.Short())
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	sv := &server{site: s, out: newOutbox(), slots: make(chan struct{}, maxFlying)}
	sv.flying.Go(func() { sv.out.write(conn) })
	defer sv.flying.Wait()
	defer sv.out.close()
	defer cancel()
	for {
		conn.SetReadDeadline(time.Now().Add(idleTimeout))
		m, err := readFrame(conn)
		switch {
		case errors.Is(err, io.EOF) || ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		}
		if s.opt.Member != nil && !s.opt.Member(peer) { // it may have been removed since
			return edge.E(edge.Denied, "node %s is no member of this site", peer.Short())
		}
		if !sv.begin(ctx, m) {
			return edge.E(edge.Invalid, "node %s asked for something unknown", peer.Short())
		}
	}
}

// A server is one connection being served.
type server struct {
	site   *Site
	slots  chan struct{} // one value for each request being served
	flying sync.WaitGroup
	out    *outbox
}

// begin serves one request beside the others, or refuses it where too many are being served.
func (sv *server) begin(ctx context.Context, m message) (known bool) {
	if m.kind != askPropose && m.kind != askIndex {
		return false
	}
	select {
	case sv.slots <- struct{}{}:
	default:
		e := edge.E(edge.Exhausted, "the leading node serves as many requests as it can").WithHint("try again in a second")
		sv.out.put(ctx, (&message{kind: sayError, number: m.number, notRun: true, err: e}).append(nil))
		return true
	}
	sv.flying.Go(func() {
		defer func() { <-sv.slots }()
		wait, cancel := context.WithTimeout(ctx, m.wait)
		answer := sv.site.answer(wait, m)
		cancel()
		answer.number = m.number
		sv.out.put(ctx, answer.append(nil)) // where it cannot leave, the other side finds out that the outcome is unknown
	})
	return true
}

// answer does what a request asks, here or not at all: a request is not passed on twice.
func (s *Site) answer(ctx context.Context, m message) *message {
	var notRun *NotRun
	if m.kind == askIndex {
		index, err := s.markHere(ctx)
		if err != nil {
			return &message{kind: sayError, notRun: errors.As(err, &notRun), err: refusal(err)}
		}
		return &message{kind: sayIndex, index: index}
	}
	out, err := s.proposeHere(ctx, m.cmd)
	if err != nil {
		return &message{kind: sayError, notRun: errors.As(err, &notRun), err: refusal(err)}
	}
	return &message{kind: sayOutcome, out: out}
}
