package journal

import (
	"context"
	"errors"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
)

// Verified is what Verify found.
type Verified struct {
	Stream   string
	First    edge.Pos // the position before the oldest stored record
	Last     edge.Pos // the head
	Found    Tally    // records and bytes that are there and sound
	Claimed  Totals   // what the head row says
	Blocks   uint64
	Epochs   []Epoch
	Problems []error // the first of them, all of kind Corrupt unless the store failed
}

// maxProblems bounds what Verify keeps of a badly damaged journal.
const maxProblems = 100

// Verify recomputes a whole journal from its oldest stored record: every sum, the density of the
// sequence numbers, the genesis of every epoch, the gaps in front, and the counters. It goes on behind
// damage, so that Found is right. progress, which may be nil, is called after each block. The error is
// the first problem; a journal that does not exist is NotFound.
func Verify(ctx context.Context, v *state.View, stream string, progress func(done, of uint64)) (Verified, error) {
	out := Verified{Stream: stream}
	st, err := loadState(v, stream)
	if err == nil && len(st.epochs) == 0 {
		err = edge.E(edge.NotFound, "there is no journal called %q", stream)
	}
	if err != nil {
		out.problem(err)
		return out, err
	}
	out.First, out.Last, out.Claimed, out.Epochs = st.row.tail, st.row.head, st.totals(), st.epochs
	out.front(&st)
	if err := out.blocks(ctx, v, &st, progress); err != nil {
		return out, err
	}
	out.counters(&st)
	if len(out.Problems) > 0 {
		return out, out.Problems[0]
	}
	return out, nil
}

func (o *Verified) problem(err error) {
	if len(o.Problems) < maxProblems {
		o.Problems = append(o.Problems, err)
	}
}

func (o *Verified) corrupt(format string, args ...any) {
	o.problem(edge.E(edge.Corrupt, "journal %q: %w", o.Stream, errors.New(edge.E(edge.Corrupt, format, args...).Msg)))
}

// front checks that the gaps lead from the oldest epoch to the oldest stored record.
func (o *Verified) front(st *chainState) {
	at := st.epochs[0].First
	for _, g := range st.gaps {
		if !st.follows(at, g.from) {
			o.corrupt("the gap that begins at %v does not follow %v", g.from, at)
		}
		at = g.to
	}
	if !st.follows(at, st.row.tail) && at != st.row.tail {
		o.corrupt("what is recorded as removed ends at %v, but the oldest record follows %v", at, st.row.tail)
	}
}

func (o *Verified) blocks(ctx context.Context, v *state.View, st *chainState, progress func(done, of uint64)) error {
	at, prefix := st.row.tail, blocksOf(o.Stream)
	for key, val := range v.Scan(prefix) {
		if err := ctx.Err(); err != nil {
			return err
		}
		b, err := openBlock(key, prefix, val)
		if err == nil && !st.follows(at, b.before) {
			o.corrupt("the block up to %v does not follow %v", b.after, at)
		}
		if err == nil {
			at = b.after
			_, err = b.decode()
		}
		if err != nil {
			o.problem(err)
			continue
		}
		o.Blocks++
		o.Found = o.Found.plus(Tally{b.count(), uint64(b.size)})
		if progress != nil {
			progress(o.Found.Records, st.row.stored.Records)
		}
	}
	if err := v.Err(); err != nil {
		o.problem(err)
	}
	if at != st.row.head && !st.endsWith(at) && st.row.blocks > 0 {
		o.corrupt("the newest block ends at %v, but the head says %v", at, st.row.head)
	}
	return nil
}

func (o *Verified) counters(st *chainState) {
	if err := st.balanced(o.Stream); err != nil {
		o.problem(err)
	}
	if o.Found != st.row.stored || o.Blocks != st.row.blocks {
		o.corrupt("%d records in %d blocks should be stored, %d in %d are", st.row.stored.Records, st.row.blocks, o.Found.Records, o.Blocks)
	}
	if n := st.passed(st.row.head); n != st.row.accepted.Records {
		o.corrupt("its epochs account for %d records, its counters for %d", n, st.row.accepted.Records)
	}
}

// Audit verifies all journals of the set and corrects Counts by what is really there, so that records
// the store lost show as Lost. It reads everything that is stored. It returns the first problem.
func (s *Set) Audit(ctx context.Context) error {
	var first error
	for _, j := range s.journals[1:] {
		v := s.store.View()
		out, err := Verify(ctx, v, j.stream, nil)
		v.Close()
		if first == nil {
			first = err
		}
		if err != nil && !edge.IsKind(err, edge.Corrupt) {
			continue // the store could not be read to the end; that proves nothing
		}
		s.mu.Lock()
		j.missing = excess(out.Claimed.Stored.Records, out.Found.Records)
		s.mu.Unlock()
	}
	return first
}
