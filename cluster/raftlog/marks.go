package raftlog

import (
	"bytes"
	"fmt"
	"io"
	"sync"

	"github.com/hashicorp/raft"

	"github.com/aielon/edge/node/edge"
)

// markStore is raft's SnapshotStore. It holds marks instead of snapshots; the state itself is the content
// of the newest one, and is streamed live when a follower needs it.
type markStore struct {
	l *Log

	mu       sync.Mutex // guards the fields below
	staged   map[string]*staged
	incoming *staged // content of the pending mark
}

func markID(m Mark) string { return fmt.Sprintf("%d-%d", m.Term, m.Index) }

func (s *markStore) meta(m Mark) *raft.SnapshotMeta {
	return &raft.SnapshotMeta{Version: 1, ID: markID(m), Index: m.Index, Term: m.Term,
		Configuration: m.Config, ConfigurationIndex: m.ConfigIndex}
}

// List returns the mark in force.
func (s *markStore) List() ([]*raft.SnapshotMeta, error) {
	m := s.l.store.Marks().Done
	if m.Index == 0 {
		return nil, nil
	}
	return []*raft.SnapshotMeta{s.meta(m)}, nil
}

// Open returns the staged content of a pending mark, or the live state for the mark in force. The live
// state is at or after the mark, never before: the mark was made after Sync. See DESIGN.md.
func (s *markStore) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	marks := s.l.store.Marks()
	s.mu.Lock()
	in := s.incoming
	s.mu.Unlock()
	if p := marks.Pending; p != nil && in != nil && id == markID(*p) {
		r, err := in.open()
		return s.meta(*p), r, err
	}
	if id != markID(marks.Done) || marks.Done.Index == 0 {
		return nil, nil, edge.E(edge.NotFound, "there is no snapshot %s", id)
	}
	meta := s.meta(marks.Done)
	live, err := s.l.openLive(marks.Done)
	if err != nil {
		return nil, nil, err
	}
	if s.l.wire != nil {
		return meta, live, nil
	}
	// An injected transport wants to know the size beforehand; it only occurs in tests.
	defer live.Close()
	b, err := io.ReadAll(live)
	meta.Size = int64(len(b))
	return meta, io.NopCloser(bytes.NewReader(b)), err
}

// Create begins a mark, of this node's state or of a snapshot the leader sent: what is written tells.
func (s *markStore) Create(_ raft.SnapshotVersion, index, term uint64, c raft.Configuration, cIndex uint64, _ raft.Transport) (raft.SnapshotSink, error) {
	return &sink{s: s, mark: Mark{Index: index, Term: term, Config: c.Clone(), ConfigIndex: cIndex}}, nil
}

// pending returns the mark whose snapshot waits to be restored.
func (s *markStore) pending() *Mark { return s.l.store.Marks().Pending }

// adopt puts the pending mark in force. The state holds it by now, durably.
func (s *markStore) adopt() error {
	m := s.l.store.Marks()
	m.Done, m.Pending = *m.Pending, nil
	s.mu.Lock()
	in := s.incoming
	s.incoming = nil
	s.mu.Unlock()
	if in != nil {
		in.Close()
	}
	return s.l.store.SaveMarks(m)
}

// hold keeps a verified snapshot until raft asks for it by the ticket it returns.
func (s *markStore) hold(in *staged) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.staged == nil {
		s.staged = map[string]*staged{}
	}
	t := newTicket()
	s.staged[string(t)] = in
	return t
}

// release drops a ticket raft did not take.
func (s *markStore) release(ticket []byte) {
	s.mu.Lock()
	in := s.staged[string(ticket)]
	delete(s.staged, string(ticket))
	s.mu.Unlock()
	if in != nil {
		in.Close()
	}
}

func (s *markStore) take(ticket []byte) *staged {
	s.mu.Lock()
	defer s.mu.Unlock()
	in := s.staged[string(ticket)]
	delete(s.staged, string(ticket))
	return in
}

// sink takes what raft writes into a snapshot: nothing for a mark of this node, a ticket for a snapshot
// our own transport staged, or the whole stream where the transport is an injected one.
type sink struct {
	s     *markStore
	mark  Mark
	local bool
	buf   bytes.Buffer
}

func (k *sink) ID() string                  { return markID(k.mark) }
func (k *sink) Write(b []byte) (int, error) { return k.buf.Write(b) }
func (k *sink) Cancel() error               { k.buf.Reset(); return nil }

// Close makes the mark durable: at once if the state already is, else as pending until it is restored.
func (k *sink) Close() error {
	marks := k.s.l.store.Marks()
	if k.local {
		marks.Done = k.mark
		return k.s.l.store.SaveMarks(marks)
	}
	in, err := k.content()
	if err != nil {
		return err
	}
	if err := k.stale(in); err != nil {
		in.Close()
		return err
	}
	k.mark.Applied, k.mark.Content = in.head.applied, in.head.at
	marks.Pending = &k.mark
	k.s.mu.Lock()
	if k.s.incoming != nil {
		k.s.incoming.Close()
	}
	k.s.incoming = in
	k.s.mu.Unlock()
	return k.s.l.store.SaveMarks(marks)
}

func (k *sink) content() (*staged, error) {
	if b := k.buf.Bytes(); isTicket(b) {
		if in := k.s.take(b); in != nil {
			return in, nil
		}
		return nil, edge.E(edge.Invalid, "the snapshot was not received here")
	}
	return k.s.l.stage(&k.buf)
}

// stale refuses a snapshot that says nothing new, say one that was overtaken on its way: adopting it would
// make raft drop entries this node has acknowledged since.
func (k *sink) stale(in *staged) error {
	if in.head.index != k.mark.Index || in.head.term != k.mark.Term {
		return edge.E(edge.Invalid, "the snapshot is of entry %d, not of %d", in.head.index, k.mark.Index)
	}
	if k.s.l.holds(k.mark.Index, k.mark.Term) {
		return edge.E(edge.Conflict, "the snapshot of entry %d is not needed here", k.mark.Index)
	}
	return nil
}
