package raftlog

import (
	"os"
	"path/filepath"

	"github.com/hashicorp/raft"

	"github.com/aielon/edge/node/edge"
)

// openStorage opens the storage and brings log, mark and state into a relation raft can start from. Where
// that cannot be and Options.Resync allows it, it starts over with an empty log that has no vote yet.
func (l *Log) openStorage() (Storage, error) {
	s, err := l.tryStorage()
	if err == nil || !edge.IsKind(err, edge.Corrupt) || !l.o.Resync || l.o.Dir == "" || l.o.Streams == nil {
		return s, err
	}
	l.log.Error("the log or the state is damaged; all of it will be fetched from the others", "error", err)
	if aside := setAside(l.o.Dir, l.o.Key); aside != nil {
		return nil, edge.E(edge.Corrupt, "%v; and the damaged log cannot be set aside: %w", err, aside)
	}
	return l.tryStorage()
}

func (l *Log) tryStorage() (Storage, error) {
	s, err := l.o.Storage, error(nil)
	if s == nil {
		os.Remove(filepath.Join(l.o.Dir, stagingName))
		if s, err = openDisk(l.o.Dir, l.o.Key); err != nil {
			return nil, err
		}
	}
	for _, step := range []func(Storage, edge.Applier) error{finishRestore, fitLog, l.catchUp} {
		if err := step(s, l.o.Applier); err != nil {
			if l.o.Storage == nil {
				s.Close()
			}
			return nil, err
		}
	}
	return s, nil
}

// finishRestore ends what a crash interrupted: the state either holds the snapshot that was being restored
// or is as before.
func finishRestore(s Storage, a edge.Applier) error {
	m := s.Marks()
	if m.Pending == nil {
		return nil
	}
	if a.Applied() >= m.Pending.Applied {
		m.Done = *m.Pending
	}
	m.Pending = nil
	return s.SaveMarks(m)
}

// fitLog drops a log that a restored snapshot has overtaken, and refuses one that does not reach from the
// mark to where the state is.
func fitLog(s Storage, a edge.Applier) error {
	m := s.Marks().Done
	first, err := s.FirstIndex()
	if err != nil {
		return err
	}
	last, err := s.LastIndex()
	if err != nil {
		return err
	}
	var at raft.Log
	switch {
	case m.Index == 0 || last == 0:
	case last < m.Index:
		if err := s.DeleteRange(first, last); err != nil {
			return err
		}
		last = 0
	case first > m.Index+1:
		return edge.E(edge.Corrupt, "the log starts at entry %d but the state is durable only up to %d", first, m.Index)
	case first <= m.Index:
		if err := s.GetLog(m.Index, &at); err != nil {
			return err
		}
		if at.Term != m.Term { // its entries were never committed, for the mark is
			if err := s.DeleteRange(first, last); err != nil {
				return err
			}
			last = 0
		}
	}
	if applied := a.Applied(); applied > max(last, m.Index, m.Applied, m.Content) && !s.Marks().NoVote {
		return edge.E(edge.Corrupt, "the log ends at entry %d but the state holds %d: acknowledged entries are missing from the log", max(last, m.Index), applied)
	}
	return nil
}

// catchUp applies to the state what it lost below the mark and below Options.Reached, as far as the log holds
// it: all of that was applied once, so it is committed, whoever leads now. What lies above raft applies by
// itself once it knows what is committed.
func (l *Log) catchUp(s Storage, a edge.Applier) error {
	marks, applied := s.Marks(), a.Applied()
	m, from, goal := marks.Done, applied+1, uint64(0)
	if applied < m.Applied {
		goal = m.Index
	} else {
		from = max(applied, m.Index) + 1 // what lies up to the mark holds no commands that are missing
	}
	if l.o.Reached > applied && !marks.NoVote {
		goal = max(goal, l.o.Reached)
	}
	if goal == 0 {
		return nil
	}
	first, err := s.FirstIndex()
	if err != nil {
		return err
	}
	last, err := s.LastIndex()
	switch {
	case err != nil:
		return err
	case last < goal && m.Index < goal:
		return edge.E(edge.Corrupt, "the state had reached entry %d and is at %d, and the log ends at entry %d: acknowledged entries are missing", goal, applied, max(last, m.Index)).
			WithHint("let this node fetch the state from another one, or restore a backup")
	case first == 0 || first > from:
		return edge.E(edge.Corrupt, "the state is at entry %d, had reached %d, and the log no longer holds what lies between", applied, goal).
			WithHint("let this node fetch the state from another one, or restore a backup")
	}
	return l.replay(s, a, from, goal, m.Index)
}

// replay applies entries of the log to the state. Where the disk has no room for those beyond the mark, raft
// tries again later.
func (l *Log) replay(s Storage, a edge.Applier, from, to, mark uint64) error {
	var batch []edge.Entry
	for i := from; i <= to; i++ {
		var e raft.Log
		if err := s.GetLog(i, &e); err != nil {
			return err
		}
		if e.Type == raft.LogCommand {
			batch = append(batch, edge.Entry{Index: i, Data: e.Data})
		}
		if len(batch) < maxAppend && i < to || len(batch) == 0 {
			continue
		}
		errs := a.Apply(batch) // an entry refused now was refused then
		if last := batch[len(batch)-1].Index; a.Applied() < last {
			if i > mark && len(errs) > 0 && edge.IsKind(errs[len(errs)-1], edge.Exhausted) {
				l.log.Warn("the site's state waits for room on the disk", "entry", last, "error", errs[len(errs)-1])
				return nil
			}
			return edge.E(edge.Corrupt, "the state does not take entry %d again", last)
		}
		batch = nil
	}
	return nil
}
