package raftlog

import (
	"sync"

	"github.com/hashicorp/raft"
)

// Memory is a Storage for tests and simulations. It survives Close, as a disk would.
type Memory struct {
	*raft.InmemStore
	mu    sync.Mutex // guards marks
	marks Marks
}

// NewMemory returns an empty one.
func NewMemory() *Memory { return &Memory{InmemStore: raft.NewInmemStore()} }

// IsMonotonic tells raft to leave no gaps, as with a log on disk.
func (m *Memory) IsMonotonic() bool { return true }

// DeleteRange keeps raft's store in memory from counting up to 2^64 where raft means all of them.
func (m *Memory) DeleteRange(lo, hi uint64) error {
	first, err := m.FirstIndex()
	if err != nil {
		return err
	}
	last, err := m.LastIndex()
	if err != nil || first == 0 {
		return err
	}
	if lo, hi = max(lo, first), min(hi, last); lo > hi {
		return nil
	}
	return m.InmemStore.DeleteRange(lo, hi)
}

// Marks and SaveMarks keep the marks.
func (m *Memory) Marks() Marks { m.mu.Lock(); defer m.mu.Unlock(); return m.marks }

// SaveMarks never fails.
func (m *Memory) SaveMarks(v Marks) error { m.mu.Lock(); defer m.mu.Unlock(); m.marks = v; return nil }

// Writable, Err, Size and Close have nothing to say.
func (m *Memory) Writable() error { return nil }

// Err returns nil.
func (m *Memory) Err() error { return nil }

// Size returns 0.
func (m *Memory) Size() int64 { return 0 }

// Close does nothing.
func (m *Memory) Close() error { return nil }
