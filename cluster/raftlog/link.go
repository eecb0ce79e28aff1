package raftlog

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/aielon/edge/node/edge"
)

// A link is a connection this node opened, used for one request at a time or for a pipeline.
type link struct {
	w    *wire
	conn *tls.Conn
	r    *bufio.Reader
	id   raft.ServerID
	used time.Time
	buf  []byte // of the last request, for the next
}

// keepBuffer is the largest buffer a link keeps for its next request, in bytes.
const keepBuffer = 256 << 10

func (l *link) close() {
	l.conn.Close()
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	delete(l.w.out, l)
}

// pooled returns a link nobody uses, nil where there is none.
func (w *wire) pooled(id raft.ServerID) *link {
	w.mu.Lock()
	defer w.mu.Unlock()
	links := w.pool[id]
	if len(links) == 0 {
		return nil
	}
	l := links[len(links)-1]
	w.pool[id] = links[:len(links)-1]
	if time.Since(l.used) < poolIdle {
		return l
	}
	w.dropLocked(id)
	delete(w.out, l)
	l.conn.Close()
	return nil
}

// drop closes the unused links to a node: where one failed the others are no better.
func (w *wire) drop(id raft.ServerID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dropLocked(id)
}

func (w *wire) dropLocked(id raft.ServerID) {
	for _, l := range w.pool[id] {
		l.conn.Close()
		delete(w.out, l)
	}
	delete(w.pool, id)
}

// dial opens a link to the node called id and to no other, whoever answers at its address.
func (w *wire) dial(id raft.ServerID, addr raft.ServerAddress) (*link, error) {
	ctx, cancel := context.WithTimeout(context.Background(), w.patience)
	defer cancel()
	conn, err := w.o.Streams.Dial(ctx, string(addr), Proto)
	if err != nil {
		return nil, err
	}
	if err = conn.HandshakeContext(ctx); err == nil {
		var got edge.NodeID
		if got, err = w.o.PeerID(conn.ConnectionState()); err == nil && serverID(got) != id {
			err = edge.E(edge.Denied, "at %s answers node %s, not the one expected", addr, got.Short())
		}
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	l := &link{w: w, conn: conn, r: bufio.NewReaderSize(conn, 4<<10), id: id}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done {
		conn.Close()
		return nil, net.ErrClosed
	}
	w.out[l] = struct{}{}
	return l, nil
}

// back puts a link aside whose last answer has been read.
func (w *wire) back(l *link) {
	l.used = time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done || len(w.pool[l.id]) >= poolSize {
		delete(w.out, l)
		l.conn.Close()
		return
	}
	w.pool[l.id] = append(w.pool[l.id], l)
}

func (l *link) send(cmd any) error {
	if l.buf == nil {
		l.buf = make([]byte, 5, 512)
	}
	kind, b := encodeRequest(l.buf[:5], cmd)
	if l.buf = b; cap(b) > keepBuffer {
		l.buf = nil
	}
	l.conn.SetWriteDeadline(time.Now().Add(l.w.timeoutFor(cmd)))
	return writeMessage(l.conn, kind, b)
}

func (l *link) receive(resp any, timeout time.Duration) error {
	l.conn.SetReadDeadline(time.Now().Add(timeout))
	kind, b, err := readMessage(l.r, smallMessage)
	if err != nil {
		return err
	}
	return decodeReply(kind, b, resp)
}

func (w *wire) timeoutFor(cmd any) time.Duration {
	if r, ok := cmd.(*raft.AppendEntriesRequest); ok && len(r.Entries) > 0 {
		return bulkTimeout
	}
	return w.patience
}

// call makes one request. A link from the pool may have died unnoticed, so its failure is tried again on
// a new one: every request of raft may arrive twice.
func (w *wire) call(id raft.ServerID, addr raft.ServerAddress, cmd, resp any) error {
	if l := w.pooled(id); l != nil {
		err := w.callOn(l, cmd, resp)
		var slow net.Error
		if err == nil || errors.As(err, &slow) && slow.Timeout() || edge.IsKind(err, edge.Unavailable) {
			return err
		}
	}
	l, err := w.dial(id, addr)
	if err != nil {
		return err
	}
	return w.callOn(l, cmd, resp)
}

func (w *wire) callOn(l *link, cmd, resp any) error {
	err := l.send(cmd)
	if err == nil {
		err = l.receive(resp, w.timeoutFor(cmd))
	}
	if err != nil && !edge.IsKind(err, edge.Unavailable) { // an answer that says no leaves the link in order
		l.close()
		w.drop(l.id)
		return err
	}
	w.back(l)
	return err
}

// Consumer, LocalAddr and the rest are raft's Transport, WithPreVote and WithClose.
func (w *wire) Consumer() <-chan raft.RPC { return w.consumer }

// LocalAddr is the address in the configuration, not the one listened on.
func (w *wire) LocalAddr() raft.ServerAddress { return raft.ServerAddress(w.o.Advertise) }

func (w *wire) EncodePeer(_ raft.ServerID, a raft.ServerAddress) []byte { return []byte(a) }
func (w *wire) DecodePeer(b []byte) raft.ServerAddress                  { return raft.ServerAddress(b) }

func (w *wire) SetHeartbeatHandler(f func(raft.RPC)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.heartbeat = f
}

func (w *wire) AppendEntries(id raft.ServerID, a raft.ServerAddress, args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	return w.call(id, a, args, resp)
}

func (w *wire) RequestVote(id raft.ServerID, a raft.ServerAddress, args *raft.RequestVoteRequest, resp *raft.RequestVoteResponse) error {
	return w.call(id, a, args, resp)
}

func (w *wire) RequestPreVote(id raft.ServerID, a raft.ServerAddress, args *raft.RequestPreVoteRequest, resp *raft.RequestPreVoteResponse) error {
	return w.call(id, a, args, resp)
}

func (w *wire) TimeoutNow(id raft.ServerID, a raft.ServerAddress, args *raft.TimeoutNowRequest, resp *raft.TimeoutNowResponse) error {
	return w.call(id, a, args, resp)
}

// InstallSnapshot streams a snapshot on a connection of its own.
func (w *wire) InstallSnapshot(id raft.ServerID, a raft.ServerAddress, args *raft.InstallSnapshotRequest, resp *raft.InstallSnapshotResponse, data io.Reader) error {
	l, err := w.dial(id, a)
	if err != nil {
		return err
	}
	defer l.close()
	if err := l.send(args); err != nil {
		return err
	}
	b := make([]byte, 64<<10)
	for {
		n, rerr := data.Read(b)
		if n > 0 {
			l.conn.SetWriteDeadline(time.Now().Add(bulkTimeout))
			if _, err := l.conn.Write(b[:n]); err != nil {
				return err
			}
		}
		if rerr == io.EOF {
			break
		}
		if rerr != nil {
			return rerr
		}
	}
	return l.receive(resp, restoreMax)
}

// AppendEntriesPipeline sends appends without waiting for the answer to the one before.
func (w *wire) AppendEntriesPipeline(id raft.ServerID, a raft.ServerAddress) (raft.AppendPipeline, error) {
	l, err := w.dial(id, a)
	if err != nil {
		return nil, err
	}
	p := &pipeline{l: l, flying: make(chan *flight), done: make(chan raft.AppendFuture), closed: make(chan struct{})}
	go p.read()
	return p, nil
}

// A pipeline has two requests under way: one sent, one being sent. More would help only on links far
// slower than a site's and costs latency there (hashicorp/raft pull request 541).
type pipeline struct {
	l      *link
	flying chan *flight
	done   chan raft.AppendFuture
	closed chan struct{}
	once   sync.Once
}

type flight struct {
	start time.Time
	args  *raft.AppendEntriesRequest
	resp  *raft.AppendEntriesResponse
	ready chan struct{}
	err   error
}

func (f *flight) Error() error                          { <-f.ready; return f.err }
func (f *flight) Start() time.Time                      { return f.start }
func (f *flight) Request() *raft.AppendEntriesRequest   { return f.args }
func (f *flight) Response() *raft.AppendEntriesResponse { return f.resp }

func (p *pipeline) AppendEntries(args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) (raft.AppendFuture, error) {
	f := &flight{start: time.Now(), args: args, resp: resp, ready: make(chan struct{})}
	if err := p.l.send(args); err != nil {
		return nil, err
	}
	select {
	case p.flying <- f:
		return f, nil
	case <-p.closed:
		return nil, raft.ErrPipelineShutdown
	}
}

func (p *pipeline) read() {
	for {
		select {
		case f := <-p.flying:
			// Raft tries again without a pipeline, and then with more patience. Until then nothing is agreed
			// on where this connection died without a word while the one of the heartbeats lives.
			f.err = p.l.receive(f.resp, 2*p.l.w.patience)
			close(f.ready)
			if f.err != nil {
				p.l.w.drop(p.l.id)
				// Raft would count whatever it is handed as a sign of life. It notices at its next send.
				p.Close()
				return
			}
			select {
			case p.done <- f:
			case <-p.closed:
				return
			}
		case <-p.closed:
			return
		}
	}
}

func (p *pipeline) Consumer() <-chan raft.AppendFuture { return p.done }

func (p *pipeline) Close() error {
	p.once.Do(func() {
		close(p.closed)
		p.l.close()
	})
	return nil
}
