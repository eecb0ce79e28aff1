package state

import (
	"sync/atomic"
	"time"
)

// Stats are figures for metrics and for the health page.
type Stats struct {
	Commits  uint64        // transactions committed since Open
	Writes   uint64        // keys set or deleted since Open
	Bytes    uint64        // keys and sealed values since Open
	Waiting  int           // writers queued
	Slowest  time.Duration // longest commit since Open
	Last     time.Duration // duration of the last commit
	Views    int           // open views
	Free     int64         // bytes free on the disk, as last seen; negative: not known
	Version  uint64        // index of the last commit
	Writable bool
}

// counters are written by the one that commits and read by anyone.
type counters struct {
	commits, writes, bytes atomic.Uint64
	slowest, last          atomic.Int64
}

func (c *counters) commit(b *Batch, d time.Duration) {
	c.commits.Add(1)
	c.writes.Add(uint64(len(b.ops)))
	c.bytes.Add(uint64(b.size - len(b.ops)*opOverhead))
	c.last.Store(int64(d))
	if int64(d) > c.slowest.Load() {
		c.slowest.Store(int64(d))
	}
}

// Stats returns figures from memory.
func (s *Store) Stats() Stats {
	return Stats{
		Commits: s.stats.commits.Load(), Writes: s.stats.writes.Load(), Bytes: s.stats.bytes.Load(),
		Waiting: len(s.queue), Slowest: time.Duration(s.stats.slowest.Load()), Last: time.Duration(s.stats.last.Load()),
		Views: s.views.count(), Free: s.guard.free.Load(), Version: s.applied.Load(), Writable: s.Writable() == nil,
	}
}

func (v *views) count() (n int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, c := range v.counts {
		n += c
	}
	return n
}

// Size returns the bytes of the tables, as they are on disk, and the bytes free on the disk.
func (s *Store) Size() (lsm, free int64) {
	for _, t := range s.db.Load().Tables() {
		lsm += int64(t.OnDiskSize)
	}
	return lsm, s.guard.look()
}
