package journal

import (
	"slices"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
)

// Reasons of gaps.
const (
	ReasonTrimmed = "trimmed"           // every required follower had the records
	ReasonShed    = "shed: disk budget" // they made room for newer or more urgent ones
	reasonMixed   = "shed and trimmed"  // old gaps of both kinds, merged
)

// removal is what one call of remove took away.
type removal struct {
	from, to edge.Pos // to is the new tail; they may lie in different epochs
	sum      Tally
	shed     bool
}

func (r removal) reason() string {
	if r.shed {
		return ReasonShed
	}
	return ReasonTrimmed
}

// Trim removes the stored blocks that end at or before upTo, at most limit of them, and records the
// gap with the reason ReasonTrimmed. It returns how much that was. Whoever calls it knows that nobody
// needs the records any more. It fails with Corrupt; then the batch must not be committed, and
// Rollback must follow.
func (c *Chain) Trim(v *state.View, b *state.Batch, upTo edge.Pos, limit int, now time.Time) (Tally, error) {
	r, err := c.remove(v, b, now, false, func(x block, n Tally, blocks int) bool {
		return blocks < limit && compare(x.after, upTo) <= 0
	})
	if err == nil {
		b.Set(headKey(c.stream), c.cur.row.encode())
	}
	return r.sum, err
}

// remove takes whole blocks from the front for as long as want says so, given the next block and what
// was taken before it. v may be older than the chain. The head row is the caller's to write. Where
// damage ends it, what was taken before the damage stays taken.
func (c *Chain) remove(v *state.View, b *state.Batch, now time.Time, shed bool, want func(x block, n Tally, blocks int) bool) (removal, error) {
	st, prefix := &c.cur, blocksOf(c.stream)
	r := removal{from: st.row.tail, to: st.row.tail, shed: shed}
	var g gapRow
	var blocks int
	end := func(err error) (removal, error) {
		c.addGap(b, g)
		st.row.tail, st.row.stored = r.to, st.row.stored.minus(r.sum)
		st.row.blocks -= uint64(blocks)
		if shed {
			st.row.shed = st.row.shed.plus(r.sum)
		} else {
			st.row.trimmed = st.row.trimmed.plus(r.sum)
		}
		return r, err
	}
	for key, val := range v.ScanFrom(prefix, blockKey(c.stream, r.to.Epoch, r.to.Seq+1)) {
		x, err := openBlock(key, prefix, val)
		if err != nil {
			return end(err)
		}
		if !st.follows(r.to, x.before) {
			return end(edge.E(edge.Corrupt, "the journal %q misses what lay between %v and %v", c.stream, r.to, x.before))
		}
		if !want(x, r.sum, blocks) {
			break
		}
		b.Delete(key)
		t := Tally{x.count(), uint64(x.size)}
		if g.sum.Records > 0 && g.to.Epoch != x.before.Epoch {
			c.addGap(b, g)
			g = gapRow{}
		}
		if g.sum.Records == 0 {
			g = gapRow{from: x.before, time: now.UnixNano(), reason: r.reason()}
		}
		g.to, g.sum = x.after, g.sum.plus(t)
		if shed {
			g.shed += t.Records
		}
		r.to, r.sum = x.after, r.sum.plus(t)
		blocks++
	}
	return end(v.Err())
}

// follows reports whether the records right after p begin after q: q is p, or the start of the next
// epoch that has records where p ends its own.
func (st *chainState) follows(p, q edge.Pos) bool {
	if p == q {
		return true
	}
	i, known := st.find(p.Epoch)
	if known && st.epochs[i].Last.Seq > p.Seq {
		return false
	}
	if known {
		i++
	}
	for ; i < len(st.epochs); i++ {
		if e := st.epochs[i]; e.Last.Seq > 0 {
			return e.First == q
		}
	}
	return false
}

// addGap records g, joined with the gap before it where both have one reason. The number of gap rows
// stays bounded: the oldest are merged whatever their reasons.
func (c *Chain) addGap(b *state.Batch, g gapRow) {
	if g.sum.Records == 0 {
		return
	}
	list := slices.Clone(c.cur.gaps)
	if n := len(list); n > 0 && list[n-1].to == g.from && list[n-1].reason == g.reason {
		b.Delete(gapKey(c.stream, list[n-1].to.Epoch, list[n-1].to.Seq))
		g, list = list[n-1].join(g), list[:n-1]
	}
	list = append(list, g)
	b.Set(gapKey(c.stream, g.to.Epoch, g.to.Seq), g.encode())
	for i := 0; len(list) > maxGaps && i+1 < len(list); i++ {
		if x := list[i]; x.to == list[i+1].from {
			b.Delete(gapKey(c.stream, x.to.Epoch, x.to.Seq))
			list[i+1] = x.join(list[i+1])
			b.Set(gapKey(c.stream, list[i+1].to.Epoch, list[i+1].to.Seq), list[i+1].encode())
			list = slices.Delete(list, i, i+1)
			i--
		}
	}
	c.cur.gaps = list
}

// join returns one gap for g and the one right after it.
func (g gapRow) join(next gapRow) gapRow {
	if g.reason != next.reason {
		next.reason = reasonMixed
	}
	next.from, next.sum, next.shed = g.from, g.sum.plus(next.sum), g.shed+next.shed
	return next
}
