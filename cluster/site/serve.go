package site

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync/atomic"
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
	sv := &server{site: s, peer: peer, ctx: ctx, out: newOutbox()}
	done := make(chan struct{})
	go func() { defer close(done); sv.out.write(conn) }()
	defer func() { <-done }()
	defer sv.out.close()
	defer cancel()
	in := bufio.NewReaderSize(conn, readAhead)
	for {
		if in.Buffered() == 0 {
			conn.SetReadDeadline(time.Now().Add(idleTimeout))
		}
		m, err := readFrame(in)
		switch {
		case errors.Is(err, io.EOF) || ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		}
		if s.opt.Member != nil && !s.opt.Member(peer) { // it may have been removed since
			return edge.E(edge.Denied, "node %s is no member of this site", peer.Short())
		}
		if !sv.begin(m) {
			return edge.E(edge.Invalid, "node %s asked for something unknown", peer.Short())
		}
	}
}

// A server is one connection being served. Requests wait in the sequencer's queue, not in goroutines of
// their own.
type server struct {
	site   *Site
	peer   edge.NodeID
	ctx    context.Context // ends with the connection
	flying atomic.Int32    // requests being served
	out    *outbox
}

// begin hands one request to the sequencer, or refuses it where too many are being served.
func (sv *server) begin(m message) (known bool) {
	if m.kind != askPropose && m.kind != askIndex && m.kind != askCall {
		return false
	}
	number := m.number
	if sv.flying.Add(1) > maxFlying {
		e := edge.E(edge.Exhausted, "the leading node serves as many requests as it can").WithHint("try again in a second")
		sv.tell(&message{kind: sayError, number: number, notRun: true, err: e})
		return true
	}
	if m.kind == askCall {
		go sv.answer(m)
		return true
	}
	if m.kind == askIndex {
		sv.site.markThen(func(out edge.Outcome, err error) {
			sv.note(m, err)
			sv.tell(answerOf(&message{kind: sayIndex, number: number, index: out.Index}, err))
		})
		return true
	}
	sv.site.proposeThen(m.cmd, func(out edge.Outcome, err error) {
		if sv.note(m, err); out.Err != nil {
			sv.note(m, out.Err)
		}
		sv.tell(answerOf(&message{kind: sayOutcome, number: number, out: out}, err))
	})
	return true
}

// answer has Options.Answer say what a node is told that called. There are at most maxFlying at once.
func (sv *server) answer(m message) {
	ctx, cancel := context.WithTimeout(edge.WithRequest(sv.ctx, m.asker), m.wait)
	defer cancel()
	var reply []byte
	err := error(edge.E(edge.Invalid, "this version answers nothing called %q", clip(m.name, 40)))
	if f := sv.site.opt.Answer; f != nil {
		reply, err = f(ctx, sv.peer, m.name, m.body)
	}
	if err == nil && len(reply) > maxBody {
		err = edge.E(edge.Internal, "the answer to %q is too long", clip(m.name, 40))
	}
	sv.note(m, err)
	sv.tell(answerOf(&message{kind: sayReply, number: m.number, body: reply}, err))
}

// note writes a line of the log where another node is told no, with the id of the request that came to it. The node that
// asked tells its caller, and says so in its own log: here it is told at debug only.
func (sv *server) note(m message, err error) {
	ctx := sv.ctx
	if err == nil || !sv.site.logger.Enabled(ctx, slog.LevelDebug) {
		return
	}
	what := map[byte]string{askPropose: m.cmd.Type, askIndex: "read index", askCall: clip(m.name, 40)}[m.kind]
	sv.site.logger.DebugContext(edge.WithRequest(ctx, m.asker), "what another node asked for was refused", "node", sv.peer.Short(), "what", what, "kind", edge.KindOf(err).String())
}

// answerOf is the answer m, or what is to be said in its place.
func answerOf(m *message, err error) *message {
	if err == nil {
		return m
	}
	var notRun *NotRun
	return &message{kind: sayError, number: m.number, notRun: errors.As(err, &notRun), err: refusal(err)}
}

// tell sends the answer to one request. It never waits, since the sequencer calls it: where the connection
// is slow, something that can wait is left with the answer. An answer that cannot leave is none; the other
// side finds out that the outcome is unknown.
func (sv *server) tell(m *message) {
	taken, _ := sv.out.offer(m)
	if taken || sv.out.over() {
		sv.flying.Add(-1)
		return
	}
	go func() {
		defer sv.flying.Add(-1)
		sv.out.put(sv.ctx, m)
	}()
}
