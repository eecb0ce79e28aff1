package raftlog

import (
	"io"
	"time"

	"github.com/hashicorp/raft"

	"github.com/aielon/edge/node/edge"
)

// machine is what raft drives. Its methods run on raft's one goroutine for it.
type machine struct{ l *Log }

// Apply is never called: raft prefers ApplyBatch.
func (m *machine) Apply(l *raft.Log) any { return m.ApplyBatch([]*raft.Log{l})[0] }

// ApplyBatch hands committed commands to the Applier and gives each its error. Entries the state already
// holds are skipped: after a restart raft begins at the last mark, not where the state is.
func (m *machine) ApplyBatch(logs []*raft.Log) []any {
	<-m.l.started
	out := make([]any, len(logs))
	entries, at := make([]edge.Entry, 0, len(logs)), make([]int, 0, len(logs))
	applied := m.l.o.Applier.Applied()
	for i, l := range logs {
		switch {
		case l.Type == raft.LogConfiguration:
			m.l.configured()
		case l.Type == raft.LogCommand && l.Index > applied:
			entries, at = append(entries, edge.Entry{Index: l.Index, Data: l.Data}), append(at, i)
		}
	}
	for i, err := range m.l.apply(entries) {
		if err != nil {
			out[at[i]] = err
		}
	}
	m.l.reached(logs[len(logs)-1].Index)
	return out
}

// apply runs entries through the Applier. After a failure that leaves an entry out of the state nothing
// is applied any more, here or in a later call.
func (l *Log) apply(entries []edge.Entry) []error {
	if len(entries) == 0 {
		return nil
	}
	errs := make([]error, len(entries))
	if failed := l.Err(); failed != nil {
		for i := range errs {
			errs[i] = failed
		}
		return errs
	}
	got := l.take(entries)
	copy(errs, got)
	if last := entries[len(entries)-1].Index; len(got) != len(entries) || l.o.Applier.Applied() < last {
		l.fail(stopped(entries, got, l.o.Applier.Applied()))
		for i, e := range entries {
			if e.Index > l.o.Applier.Applied() {
				errs[i] = l.Err()
			}
		}
	}
	return errs
}

// roomEvery is how often the state is offered again what the disk had no room for.
const roomEvery = 200 * time.Millisecond

// take hands entries to the Applier. They are decided, so where the disk has no room for them it waits until
// it has: what is applied already can be read meanwhile, and nothing new is proposed on a full disk.
func (l *Log) take(entries []edge.Entry) []error {
	errs := make([]error, 0, len(entries))
	for waiting := false; ; waiting = true {
		l.state.RLock()
		got, applied := l.o.Applier.Apply(entries[len(errs):]), l.o.Applier.Applied()
		l.state.RUnlock()
		if len(got) != len(entries)-len(errs) {
			return got
		}
		for len(got) > 0 && entries[len(errs)].Index <= applied {
			errs, got = append(errs, got[0]), got[1:]
		}
		if len(got) == 0 || !edge.IsKind(got[0], edge.Exhausted) {
			return append(errs, got...)
		}
		if !waiting {
			l.cramped.Store(true)
			defer l.cramped.Store(false)
			l.log.Warn("the site's state waits for room on the disk", "entry", entries[len(errs)].Index, "error", got[0])
		}
		select {
		case <-time.After(roomEvery):
		case <-l.closed:
			return append(errs, got...)
		}
	}
}

// stopped says why the state did not take all entries.
func stopped(entries []edge.Entry, errs []error, applied uint64) error {
	for i, e := range entries {
		if e.Index > applied && i < len(errs) && errs[i] != nil {
			return edge.E(edge.KindOf(errs[i]), "the state of the site stopped at entry %d: %w", e.Index, errs[i])
		}
	}
	return edge.E(edge.Internal, "the state of the site stopped at entry %d and does not say why", applied)
}

// Snapshot is asked for when the log has grown; the entries up to here have all been applied.
func (m *machine) Snapshot() (raft.FSMSnapshot, error) {
	if err := m.l.Err(); err != nil {
		return nil, err
	}
	return &mark{l: m.l, applied: m.l.o.Applier.Applied()}, nil
}

// Restore replaces the state by a staged snapshot, unless the state holds all of it already.
func (m *machine) Restore(r io.ReadCloser) error {
	pending := m.l.marks.pending()
	if pending == nil {
		return edge.E(edge.Internal, "there is no snapshot to restore")
	}
	if m.l.o.Applier.Applied() < pending.Applied {
		start := time.Now()
		m.l.state.Lock()
		err := m.l.o.Applier.Restore(r)
		m.l.state.Unlock()
		if err != nil {
			return err
		}
		m.l.log.Info("state restored from the leader", "index", m.l.o.Applier.Applied(), "took", time.Since(start))
	}
	return m.l.marks.adopt()
}

// mark is a raft snapshot with nothing in it: once the Applier is synced, the state on disk is the snapshot.
type mark struct {
	l       *Log
	applied uint64
}

// Persist makes the state durable, so that the log up to here may go.
func (m *mark) Persist(s raft.SnapshotSink) error {
	m.l.state.RLock()
	defer m.l.state.RUnlock()
	if err := m.l.o.Applier.Sync(); err != nil {
		return err
	}
	m.l.fitTrailing()
	s.(*sink).local, s.(*sink).mark.Applied = true, m.applied
	return nil
}

// Release has nothing to release.
func (m *mark) Release() {}
