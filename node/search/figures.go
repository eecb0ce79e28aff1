package search

import (
	"sync/atomic"
	"time"

	"github.com/aielon/edge/node/edge"
)

// counts are what searches have cost since the start.
type counts struct {
	answered, refused, failed, rows atomic.Uint64
	took                            atomic.Int64 // nanoseconds of those that were answered
}

// done counts a search that ended.
func (c *counts) done(start time.Time, err error) {
	switch {
	case err == nil:
		c.answered.Add(1)
		c.took.Add(int64(time.Since(start)))
	case edge.IsKind(err, edge.Invalid) || edge.IsKind(err, edge.Exhausted):
		c.refused.Add(1)
	default:
		c.failed.Add(1)
	}
}

// Stats says how much is in the index, and what was asked of it since it was opened.
type Stats struct {
	Documents uint64
	Terms     int // in memory: words without digits, and stems, of the dictionaries that were read
	Bytes     int // that they take there
	Cached    int // bytes of rows that searches have left in memory

	Answered uint64
	Refused  uint64        // broke a limit
	Failed   uint64        // took too long, or the store could not be read
	Rows     uint64        // of the store read for searches and suggestions
	Took     time.Duration // by those that were answered, together
}

// Stats counts.
func (ix *Index) Stats() (s Stats, err error) {
	v := ix.store.View()
	defer v.Close()
	m, err := loadMeta(v)
	if err != nil {
		return s, err
	}
	for _, p := range m.Parts {
		if m.Kinds[p.Kind] != p.Gen {
			continue
		}
		s.Documents += p.Docs
		words, bytes := ix.dict(p.Part).size()
		s.Terms, s.Bytes = s.Terms+words, s.Bytes+bytes
	}
	s.Cached = ix.cache.bytes()
	c := &ix.counts
	s.Answered, s.Refused, s.Failed, s.Rows = c.answered.Load(), c.refused.Load(), c.failed.Load(), c.rows.Load()
	s.Took = time.Duration(c.took.Load())
	return s, nil
}
