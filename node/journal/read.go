package journal

import (
	"context"
	"iter"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
)

// A page is what one view is opened for. Its blocks are copied out and the view is closed before the
// reader's caller sees the first of them, so that a slow caller pins nothing.
const (
	pageBytes  = 512 << 10
	pageBlocks = 256
)

// A Reader reads a journal in any store, by the views it is given.
type Reader struct {
	view   func() *state.View
	stream string
	wait   func(ctx context.Context, after edge.Pos) error
}

var _ edge.Journal = (*Reader)(nil)

// NewReader returns a Reader of a stream. view opens the newest state; wait returns when there may be
// a record after a position (it may return too early, never too late).
func NewReader(view func() *state.View, stream string, wait func(ctx context.Context, after edge.Pos) error) *Reader {
	return &Reader{view: view, stream: stream, wait: wait}
}

// Stream returns the journal's name.
func (r *Reader) Stream() string { return r.stream }

// Head is the newest position. It is the zero Pos where the journal does not exist or cannot be read;
// Read tells which.
func (r *Reader) Head() edge.Pos {
	v := r.view()
	defer v.Close()
	st, err := loadRows(v, r.stream)
	if err != nil {
		return edge.Pos{}
	}
	return st.row.head
}

// Read implements edge.Journal. Nothing is yielded that is not proved to belong to the chain. A
// position without a sum is taken as it is; otherwise it must be a position of this journal. Where it
// is ahead of the journal or of another history, Read fails with Conflict: the journal must begin a new
// epoch. Damage, and records that are missing for no recorded reason, are Corrupt. Bodies of records
// share memory with the rest of their block; copy what is kept long.
func (r *Reader) Read(ctx context.Context, after edge.Pos) iter.Seq2[edge.Record, error] {
	return read(ctx, r.view, r.stream, after)
}

// Wait returns once the journal has a record after the position. On a replica that lags behind the
// position it waits until the replica is past it: call Wait before Read where that may be.
func (r *Reader) Wait(ctx context.Context, after edge.Pos) error {
	for {
		v := r.view()
		st, err := loadRows(v, r.stream)
		v.Close()
		if err != nil {
			return err
		}
		if st.beyond(after) {
			return nil
		}
		if err := r.wait(ctx, after); err != nil {
			return err
		}
	}
}

// beyond reports whether the journal has, or had, a record after p.
func (st *chainState) beyond(p edge.Pos) bool {
	return st.passed(p) < st.row.accepted.Records
}

func read(ctx context.Context, view func() *state.View, stream string, after edge.Pos) iter.Seq2[edge.Record, error] {
	return func(yield func(edge.Record, error) bool) {
		p := pager{stream: stream, at: after}
		for more := true; more; {
			if err := ctx.Err(); err != nil {
				yield(edge.Record{}, err)
				return
			}
			var err error
			v := view()
			more, err = p.page(v)
			v.Close()
			if !p.deliver(ctx, yield) {
				return
			}
			if err != nil {
				yield(edge.Record{}, err)
				return
			}
		}
	}
}

// A pager walks a journal from a position, a page at a time. One goroutine owns it.
type pager struct {
	stream string
	st     chainState // as the current view shows it, without gaps
	at     edge.Pos   // everything up to here is in items or was delivered
	proved bool       // at is known to be a position of this journal
	until  edge.Pos   // the head when reading began
	begun  bool
	items  []step
}

// A step is a block or a gap. Of a block, the records up to from were asked for to be left out.
type step struct {
	gap   *edge.Gap
	block block
	from  edge.Pos
}

// page collects the next steps and reports whether there are more.
func (p *pager) page(v *state.View) (more bool, err error) {
	if p.st, err = loadRows(v, p.stream); err != nil || len(p.st.epochs) == 0 {
		return false, err
	}
	if !p.begun {
		p.begun, p.until = true, p.st.row.head
		if err := p.begin(); err != nil {
			return false, err
		}
	}
	size, prefix := 0, blocksOf(p.stream)
	for key, val := range v.ScanFrom(prefix, blockKey(p.stream, p.at.Epoch, p.at.Seq+1)) {
		if compare(p.at, p.until) >= 0 {
			return false, nil
		}
		if size >= pageBytes || len(p.items) >= pageBlocks {
			return true, nil
		}
		b, err := openBlock(key, prefix, val)
		if err != nil {
			return false, err
		}
		if err := p.take(v, b); err != nil {
			return false, err
		}
		size += b.size
	}
	if err := v.Err(); err != nil {
		return false, err
	}
	return false, p.advance(v, p.until)
}

// begin finds where the caller's position lies.
func (p *pager) begin() error {
	i, known := p.st.find(p.at.Epoch)
	newest := len(p.st.epochs) - 1
	switch {
	case i > newest, i == newest && known && p.at.Seq > p.st.row.head.Seq:
		return edge.E(edge.Conflict, "the journal %q ends at %v and is asked for what comes after %v: it has lost its newest records", p.stream, p.st.row.head, p.at).
			WithHint("begin a new epoch")
	case known && p.at.Seq == 0 && p.at.Sum == [32]byte{}:
		p.at, p.proved = p.st.epochs[i].First, true
	case known && p.at.Seq > p.st.epochs[i].Last.Seq: // whoever asks has more of an old epoch than this store
		p.at, p.proved = p.st.epochs[i+1].First, true
	case !known: // before everything, or in an epoch that left nothing here
		if e := p.st.epochs[0]; i == 0 && e.base > 0 {
			p.items = append(p.items, step{gap: &edge.Gap{From: p.at, To: e.First, Count: e.base, Reason: ReasonTrimmed}})
		}
		p.at, p.proved = p.st.epochs[i].First, true
	}
	return nil
}

// take adds a block, and the gaps before it.
func (p *pager) take(v *state.View, b block) error {
	inside := !p.proved && b.before.Epoch == p.at.Epoch && b.before.Seq < p.at.Seq
	if !inside {
		if err := p.advance(v, b.before); err != nil {
			return err
		}
		if compare(p.at, p.until) >= 0 {
			return nil
		}
		if err := p.same(b.before); err != nil {
			return err
		}
	}
	p.items = append(p.items, step{block: b, from: p.at})
	p.at, p.proved = b.after, true
	return nil
}

// same checks that at and q, which have one place in the order, are one position.
func (p *pager) same(q edge.Pos) error {
	switch {
	case compare(p.at, q) != 0:
		return edge.E(edge.Corrupt, "the journal %q goes on at %v where %v was expected", p.stream, q, p.at)
	case p.at.Sum == q.Sum, !p.proved && p.at.Sum == [32]byte{}:
		return nil
	case p.proved:
		return edge.E(edge.Corrupt, "the chain of the journal %q is broken at %v", p.stream, q)
	}
	return p.errForeign(q)
}

func (p *pager) errForeign(q edge.Pos) error {
	return edge.E(edge.Conflict, "the journal %q knows %v where %v is asked for: they are two different histories", p.stream, q, p.at).
		WithHint("one of the two was restored or copied; begin a new epoch")
}

// advance moves at to target over the ends of epochs and recorded gaps, and stops at until. What is
// missing otherwise is Corrupt.
func (p *pager) advance(v *state.View, target edge.Pos) error {
	for compare(p.at, target) < 0 && compare(p.at, p.until) < 0 {
		i, known := p.st.find(p.at.Epoch)
		if !known {
			return edge.E(edge.Corrupt, "the epoch of %v is gone from the journal %q", p.at, p.stream)
		}
		if e := p.st.epochs[i]; e.Last.Seq == p.at.Seq {
			if err := p.same(e.Last); err != nil {
				return err
			}
			if i+1 == len(p.st.epochs) {
				return nil
			}
			p.at, p.proved = p.st.epochs[i+1].First, true
			continue
		}
		g, err := p.gapAt(v)
		if err != nil {
			return err
		}
		if g.to.Epoch == target.Epoch && g.to.Seq > target.Seq && compare(target, p.until) < 0 {
			return edge.E(edge.Corrupt, "the journal %q says that the records up to %v are gone, but has some of them", p.stream, g.to)
		}
		p.items = append(p.items, step{gap: &edge.Gap{From: p.at, To: g.to, Count: g.to.Seq - p.at.Seq, Reason: g.reason}})
		p.at, p.proved = g.to, true
	}
	return nil
}

// gapAt returns the recorded gap that covers the record after at.
func (p *pager) gapAt(v *state.View) (gapRow, error) {
	for _, val := range v.ScanFrom(gapsOf(p.stream), gapKey(p.stream, p.at.Epoch, p.at.Seq+1)) {
		g, err := decodeGap(val)
		if err != nil {
			return g, err
		}
		if g.from.Epoch != p.at.Epoch || g.from.Seq > p.at.Seq {
			break
		}
		if g.from.Seq == p.at.Seq {
			if err := p.same(g.from); err != nil {
				return g, err
			}
		}
		return g, nil
	}
	if err := v.Err(); err != nil {
		return gapRow{}, err
	}
	return gapRow{}, edge.E(edge.Corrupt, "the journal %q misses the records after %v, and nothing says why", p.stream, p.at).
		WithHint("check the disk, and restore this store from a backup")
}

// deliver yields the collected steps, each block proved first, and reports whether to go on.
func (p *pager) deliver(ctx context.Context, yield func(edge.Record, error) bool) bool {
	for _, s := range p.items {
		if s.gap != nil {
			if !yield(edge.Record{}, s.gap) {
				return false
			}
			continue
		}
		records, err := s.block.decode()
		if err != nil {
			yield(edge.Record{}, err)
			return false
		}
		if n := s.from.Seq - s.block.before.Seq; n > 0 {
			if q := records[n-1].Pos; s.from.Sum != [32]byte{} && s.from.Sum != q.Sum {
				p.at = s.from
				yield(edge.Record{}, p.errForeign(q))
				return false
			}
			records = records[n:]
		}
		for _, r := range records {
			if !yield(r, nil) {
				return false
			}
		}
		if err := ctx.Err(); err != nil {
			yield(edge.Record{}, err)
			return false
		}
	}
	p.items = p.items[:0]
	return true
}
