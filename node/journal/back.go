package journal

import (
	"context"
	"iter"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
)

// Back yields the records before a position, newest first, down to the oldest that is stored; from the newest on
// for the zero Pos. Of the position only epoch and number count, and it may be of a record that is gone. What is
// yielded is proved to belong to the chain, as by Read, and what is missing between two records is Corrupt: what
// was trimmed or shed lies before all that is stored. One view is open for as long as the caller ranges, so a
// caller that has enough, or is slow, ends the loop. Bodies share memory with the rest of their block.
func (j *Journal) Back(ctx context.Context, before edge.Pos) iter.Seq2[edge.Record, error] {
	return NewReader(j.set.store.View, j.stream, nil).Back(ctx, before)
}

// Back is Journal.Back.
func (r *Reader) Back(ctx context.Context, before edge.Pos) iter.Seq2[edge.Record, error] {
	return func(yield func(edge.Record, error) bool) {
		v := r.view()
		defer v.Close()
		if err := back(ctx, v, r.stream, before, yield); err != nil {
			yield(edge.Record{}, err)
		}
	}
}

// errEnough ends a walk whose caller wants no more.
var errEnough = edge.E(edge.Unavailable, "nobody reads on")

func back(ctx context.Context, v *state.View, stream string, before edge.Pos, yield func(edge.Record, error) bool) error {
	st, err := loadRows(v, stream)
	if err != nil || len(st.epochs) == 0 {
		return err
	}
	w := backward{st: &st, stream: stream, limit: before, yield: yield}
	prefix := blocksOf(stream)
	from, err := lastBefore(v, stream, before)
	if err != nil {
		return err
	}
	for key, val := range v.ScanDownFrom(prefix, from) {
		if err := ctx.Err(); err != nil {
			return err
		}
		b, err := openBlock(key, prefix, val)
		if err == nil {
			err = w.block(b)
		}
		switch {
		case err == errEnough:
			return nil
		case err != nil:
			return err
		}
	}
	if err := v.Err(); err != nil {
		return err
	}
	return w.end()
}

// lastBefore is the key of the block that holds the record before a position, or a key right above those of the
// blocks that lie before it.
func lastBefore(v *state.View, stream string, p edge.Pos) ([]byte, error) {
	prefix := blocksOf(stream)
	switch {
	case p.IsZero():
		return at(prefix, ^uint64(0), ^uint64(0)), nil
	case p.Seq <= 1:
		return at(prefix, p.Epoch, 0), nil
	}
	from := at(prefix, p.Epoch, p.Seq-1)
	for key := range v.ScanFrom(blocksOf(stream), from) {
		if epoch, _, ok := cutAt(key, blocksOf(stream)); ok && epoch == p.Epoch {
			return key, nil
		}
		break
	}
	return from, v.Err()
}

// backward checks that each block it is given leads to the one given before.
type backward struct {
	st     *chainState
	stream string
	limit  edge.Pos // nothing from here on is yielded; zero: no limit
	next   edge.Pos // where the block given last begins
	begun  bool
	yield  func(edge.Record, error) bool
}

func (w *backward) block(b block) error {
	if !w.begun && w.limit.IsZero() && !w.st.endsWith(b.after) {
		return edge.E(edge.Corrupt, "the journal %q ends at %v, but its head says %v", w.stream, b.after, w.st.row.head)
	}
	if w.begun && !w.st.follows(b.after, w.next) {
		return edge.E(edge.Corrupt, "the journal %q misses what lay between %v and %v", w.stream, b.after, w.next)
	}
	records, err := b.decode()
	if err != nil {
		return err
	}
	w.begun, w.next = true, b.before
	for i := len(records) - 1; i >= 0; i-- {
		if !w.limit.IsZero() && compare(records[i].Pos, w.limit) >= 0 {
			continue
		}
		if !w.yield(records[i], nil) {
			return errEnough
		}
	}
	return nil
}

// end checks that nothing but what was removed lies before the oldest block.
func (w *backward) end() error {
	if !w.begun && w.limit.IsZero() && w.st.row.blocks > 0 {
		return edge.E(edge.Corrupt, "the journal %q should hold %d blocks and holds none", w.stream, w.st.row.blocks)
	}
	if w.begun && !w.st.follows(w.st.row.tail, w.next) {
		return edge.E(edge.Corrupt, "the journal %q misses what lay between %v and %v", w.stream, w.st.row.tail, w.next)
	}
	return nil
}

// Until returns a position behind which no record is older than t, where to begin with Back when only what is
// older is wanted. That holds for a journal whose records are in the order of their times; where they are not, it
// holds for a time as much later than t as any record is late. It looks at about one block for each time the
// number of records can be halved.
func (j *Journal) Until(ctx context.Context, t time.Time) (edge.Pos, error) {
	return NewReader(j.set.store.View, j.stream, nil).Until(ctx, t)
}

// Until is Journal.Until.
func (r *Reader) Until(ctx context.Context, t time.Time) (edge.Pos, error) {
	v := r.view()
	defer v.Close()
	st, err := loadRows(v, r.stream)
	if err != nil || len(st.epochs) == 0 {
		return edge.Pos{}, err
	}
	best := edge.Pos{Epoch: st.row.head.Epoch, Seq: st.row.head.Seq + 1}
	lo, hi := st.passed(st.row.tail), st.row.accepted.Records // numbers counted over all epochs
	for lo < hi {
		if err := ctx.Err(); err != nil {
			return edge.Pos{}, err
		}
		b, err := st.blockOf(v, r.stream, lo+(hi-lo)/2)
		if err != nil {
			return edge.Pos{}, err
		}
		if b.newest < t.UnixNano() {
			lo = st.passed(b.after)
			continue
		}
		hi, best = st.passed(b.before), edge.Pos{Epoch: b.after.Epoch, Seq: b.after.Seq + 1}
	}
	return best, nil
}

// blockOf finds the stored block that holds the record after the first n of the journal.
func (st *chainState) blockOf(v *state.View, stream string, n uint64) (block, error) {
	i := len(st.epochs) - 1
	for i > 0 && st.epochs[i].base > n {
		i--
	}
	e, prefix := st.epochs[i], blocksOf(stream)
	for key, val := range v.ScanFrom(prefix, blockKey(stream, e.Number, n-e.base+1)) {
		b, err := openBlock(key, prefix, val)
		if err == nil && (b.before.Epoch != e.Number || b.before.Seq > n-e.base) {
			break
		}
		return b, err
	}
	if err := v.Err(); err != nil {
		return block{}, err
	}
	return block{}, edge.E(edge.Corrupt, "the journal %q misses record %d of epoch %x", stream, n-e.base+1, e.Number)
}
