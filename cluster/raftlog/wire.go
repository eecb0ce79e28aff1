package raftlog

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"

	"github.com/aielon/edge/node/edge"
)

// Bounds of the transport.
const (
	maxConns     = 64               // accepted connections
	maxUnproven  = 32               // of them, those whose peer is not known yet
	maxPeerConns = 12               // accepted connections of one peer
	handshakeMax = 5 * time.Second  // until a peer has proven who it is
	idleMax      = 2 * time.Minute  // between two requests on an accepted connection
	poolIdle     = 30 * time.Second // an unused connection is not trusted to be alive after this long
	poolSize     = 3                // unused connections kept per peer
	replyTimeout = 2 * time.Second  // for the other side to take an answer
	bulkTimeout  = 10 * time.Second // for one with entries, and between two chunks of a snapshot
	restoreMax   = 15 * time.Minute // for the other side to restore a snapshot
)

// wire is a raft.Transport over Streams. Unlike raft's own it knows who is at the other end of each
// connection and lets a request through only if the guard admits it from that node.
type wire struct {
	edge.Redacted

	o        Options
	guard    guard
	consumer chan raft.RPC
	closed   chan struct{}
	running  sync.WaitGroup
	refused  atomic.Uint64
	said     atomic.Int64 // when a refusal was last logged, Unix nanoseconds
	frameMax uint32
	patience time.Duration // for an answer to a small request

	mu        sync.Mutex // guards the fields below
	heartbeat func(raft.RPC)
	in        map[*tls.Conn]caller
	pool      map[raft.ServerID][]*link // unused
	out       map[*link]struct{}        // all of them
	done      bool
}

// A caller is who is at the other end of an accepted connection, and when it was last heard.
type caller struct {
	id   edge.NodeID // zero until proven
	used time.Time
}

func newWire(o Options, g guard) *wire {
	return &wire{o: o, guard: g, consumer: make(chan raft.RPC), closed: make(chan struct{}),
		frameMax: uint32(maxAppend*(o.MaxEntry+smallMessage) + smallMessage),
		patience: max(2*o.Timing.Heartbeat, time.Second),
		in:       map[*tls.Conn]caller{}, pool: map[raft.ServerID][]*link{}, out: map[*link]struct{}{}}
}

// start begins to accept. Raft must be there by now: the guard asks it.
func (w *wire) start() { w.running.Go(w.accept) }

func (w *wire) accept() {
	for wait := time.Duration(0); ; {
		conn, err := w.o.Streams.Accept()
		if err == nil {
			wait = 0
			w.take(conn)
			continue
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
		wait = min(2*wait+5*time.Millisecond, time.Second)
		select {
		case <-w.closed:
			return
		case <-time.After(wait):
		}
	}
}

func (w *wire) take(conn *tls.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	unproven := 0
	for _, c := range w.in {
		if c.id.IsZero() {
			unproven++
		}
	}
	if w.done || len(w.in) >= maxConns || unproven >= maxUnproven {
		conn.Close()
		return
	}
	w.in[conn] = caller{}
	w.running.Go(func() { w.serve(conn) })
}

// serve answers the requests of one accepted connection, one after the other.
func (w *wire) serve(conn *tls.Conn) {
	defer func() {
		conn.Close()
		w.mu.Lock()
		delete(w.in, conn)
		w.mu.Unlock()
	}()
	id, err := w.prove(conn)
	if err != nil {
		w.refuse("connection", conn, err)
		return
	}
	r := bufio.NewReaderSize(conn, 64<<10)
	for {
		conn.SetReadDeadline(time.Now().Add(idleMax))
		if _, err := r.Peek(1); err != nil || !w.heard(conn) {
			return
		}
		conn.SetReadDeadline(time.Now().Add(bulkTimeout))
		kind, body, err := readMessage(r, w.frameMax)
		if err != nil {
			w.refuse("request", conn, err)
			return
		}
		cmd, err := decodeRequest(kind, body)
		if err == nil {
			err = w.guard.admit(id, cmd)
		}
		if err != nil {
			w.refuse("request", conn, err)
			return
		}
		if err := w.answer(conn, r, cmd); err != nil {
			return
		}
	}
}

// prove returns the id of the node at the other end, if it may be heard.
func (w *wire) prove(conn *tls.Conn) (edge.NodeID, error) {
	ctx, cancel := context.WithTimeout(context.Background(), handshakeMax)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		return edge.NodeID{}, edge.E(edge.Denied, "the connection does not prove whose it is: %w", err)
	}
	id, err := w.o.PeerID(conn.ConnectionState())
	if err != nil {
		return id, edge.E(edge.Denied, "the connection does not prove whose it is: %w", err)
	}
	if _, _, ok := w.guard.peer(id); !ok {
		w.guard.l.stranger.called(id, time.Now())
		return id, edge.E(edge.Denied, "node %s is not a member of this site", id.Short())
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.makeRoomLocked(id)
	w.in[conn] = caller{id, time.Now()}
	return id, nil
}

// makeRoomLocked closes the connection of a peer that was silent longest, where it has as many as it may
// have. A box that lost its power or a firewall that forgot leave connections here that nobody ends, and
// those must not keep the peer out.
func (w *wire) makeRoomLocked(id edge.NodeID) {
	var oldest *tls.Conn
	n := 0
	for conn, c := range w.in {
		if c.id != id {
			continue
		}
		if n++; oldest == nil || c.used.Before(w.in[oldest].used) {
			oldest = conn
		}
	}
	if n >= maxPeerConns {
		delete(w.in, oldest)
		oldest.NetConn().Close() // not the TLS one: its good-bye could block here
	}
}

// heard notes that a peer speaks on a connection. It reports false where that was closed to make room.
func (w *wire) heard(conn *tls.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	c, ok := w.in[conn]
	if ok {
		c.used = time.Now()
		w.in[conn] = c
	}
	return ok
}

func (w *wire) refuse(what string, conn net.Conn, err error) {
	if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) {
		return
	}
	n := w.refused.Add(1)
	now, last := time.Now().UnixNano(), w.said.Load()
	if now-last > int64(time.Second) && w.said.CompareAndSwap(last, now) { // a flood is not worth a line each
		w.guard.l.log.Warn("something was refused", "what", what, "from", conn.RemoteAddr().String(), "error", err, "refused", n)
	}
}

// answer passes an admitted request to raft and its answer back. A snapshot is received and found sound
// before raft hears of it, so that raft goes on with its other duties meanwhile.
func (w *wire) answer(conn net.Conn, r io.Reader, cmd any) error {
	reply := make(chan raft.RPCResponse, 1)
	rpc := raft.RPC{Command: cmd, RespChan: reply}
	if req, ok := cmd.(*raft.InstallSnapshotRequest); ok {
		in, err := w.guard.l.stage(patient{conn, r})
		if err != nil {
			w.refuse("snapshot", conn, err)
			w.reply(conn, nil, err) // best effort: the stream may be out of step
			return err
		}
		ticket := w.guard.l.marks.hold(in)
		defer w.guard.l.marks.release(ticket)
		rpc.Reader, req.Size = bytes.NewReader(ticket), ticketSize
	}
	if req, ok := cmd.(*raft.AppendEntriesRequest); ok && isHeartbeat(req) {
		w.mu.Lock()
		beat := w.heartbeat
		w.mu.Unlock()
		if beat != nil {
			beat(rpc)
			return w.await(conn, reply)
		}
	}
	select {
	case w.consumer <- rpc:
	case <-w.closed:
		return net.ErrClosed
	}
	return w.await(conn, reply)
}

// isHeartbeat recognises, as raft's own transport does, what must not wait behind the disk.
func isHeartbeat(r *raft.AppendEntriesRequest) bool {
	return r.Term != 0 && r.PrevLogEntry == 0 && r.PrevLogTerm == 0 && len(r.Entries) == 0 && r.LeaderCommitIndex == 0
}

func (w *wire) await(conn net.Conn, reply <-chan raft.RPCResponse) error {
	select {
	case resp := <-reply:
		return w.reply(conn, resp.Response, resp.Error)
	case <-w.closed:
		return net.ErrClosed
	}
}

func (w *wire) reply(conn net.Conn, resp any, err error) error {
	kind, b := encodeReply(make([]byte, 5, 256), resp, err)
	conn.SetWriteDeadline(time.Now().Add(replyTimeout))
	return writeMessage(conn, kind, b)
}

// writeMessage sends b, which starts with 5 bytes of room for length and kind.
func writeMessage(w io.Writer, kind byte, b []byte) error {
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	b[4] = kind
	_, err := w.Write(b)
	return err
}

// eagerMessage is up to where the memory for a message is taken before it has arrived, in bytes: several
// batches of a busy site. It bounds what the connections of all peers can take by announcing it.
const eagerMessage = 512 << 10

// readMessage reads one message. Memory for large ones grows with what arrives, not with what is announced.
func readMessage(r io.Reader, limit uint32) (kind byte, body []byte, err error) {
	var h [5]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(h[:])
	if h[4] != kindAppend {
		limit = smallMessage
	}
	if n < 1 || n > limit {
		return 0, nil, edge.E(edge.Invalid, "a message of %d bytes is refused", n)
	}
	if n--; n <= eagerMessage {
		body = make([]byte, n)
		_, err = io.ReadFull(r, body)
		return h[4], body, err
	}
	var b bytes.Buffer
	if _, err := io.CopyN(&b, r, int64(n)); err != nil {
		return 0, nil, err
	}
	return h[4], b.Bytes(), nil
}

// patient moves the deadline on as long as bytes arrive.
type patient struct {
	conn net.Conn
	r    io.Reader
}

func (p patient) Read(b []byte) (int, error) {
	p.conn.SetReadDeadline(time.Now().Add(bulkTimeout))
	return p.r.Read(b)
}

// prune cuts the connections of nodes that may no longer be heard.
func (w *wire) prune() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for conn, c := range w.in {
		if c.id.IsZero() {
			continue
		}
		if _, _, ok := w.guard.peer(c.id); !ok {
			conn.Close()
		}
	}
	for id := range w.pool {
		if n, err := edge.ParseNodeID(string(id)); err == nil {
			if _, _, ok := w.guard.peer(n); !ok {
				w.dropLocked(id)
			}
		}
	}
}

// Close ends all connections, whoever waits on them.
func (w *wire) Close() error {
	w.mu.Lock()
	if w.done {
		w.mu.Unlock()
		return nil
	}
	w.done = true
	close(w.closed)
	err := w.o.Streams.Close()
	for conn := range w.in {
		conn.Close()
	}
	for l := range w.out {
		l.conn.Close()
	}
	w.mu.Unlock()
	w.running.Wait()
	return err
}
