package journal

import (
	"errors"
	"slices"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
)

// A Chain is the writer of one journal. It adds writes to a batch that somebody else commits, and
// holds the journal's head in memory. One goroutine owns it.
//
// Append, Begin and Trim move the head in memory at once, so that several calls may fill one batch.
// The caller then says how the commit ended: Committed, or Rollback, which takes the chain back to the
// last Committed (or to LoadChain). A commit of which the outcome is unknown allows neither: load the
// chain anew once the store is known to be well.
//
// A block holds up to 256 KiB, so the store's memtable must have 4 MiB or more; see Fits for events.
type Chain struct {
	stream   string
	maxBlock int
	open     builder
	cur      chainState
	saved    chainState
}

// chainState is all a chain knows of its journal. Copies are cheap and independent: the slices are
// replaced, never changed in place.
type chainState struct {
	row    headRow
	name   string // origin + "/" + stream, what the sums are bound to
	epochs []Epoch
	gaps   []gapRow
}

// Limits on what a journal keeps about its own past.
const (
	maxEpochs  = 4096 // epochs; the oldest that hold nothing any more are forgotten beyond keepEpochs
	keepEpochs = 1024
	maxGaps    = 64 // gap rows; beyond it the oldest two of one epoch become one
)

// LoadChain reads where the journal stands, and checks it against the last block. A journal that does
// not exist yet has no epochs; Begin makes it. It fails with Corrupt.
func LoadChain(v *state.View, stream string) (*Chain, error) {
	if err := checkName("journal", stream); err != nil {
		return nil, err
	}
	st, err := loadState(v, stream)
	if err != nil {
		return nil, err
	}
	c := &Chain{stream: stream, maxBlock: maxBlock, cur: st, saved: st}
	return c, c.check(v)
}

func loadState(v *state.View, stream string) (st chainState, err error) {
	st, err = loadRows(v, stream)
	if err != nil {
		return st, err
	}
	for _, val := range v.Scan(gapsOf(stream)) {
		g, err := decodeGap(val)
		if err != nil {
			return st, err
		}
		st.gaps = append(st.gaps, g)
	}
	return st, v.Err()
}

// loadRows reads everything but the gaps. A journal that does not exist gives the zero state.
func loadRows(v *state.View, stream string) (st chainState, err error) {
	val, err := v.Get(headKey(stream))
	if edge.IsKind(err, edge.NotFound) {
		return st, nil
	}
	if err != nil {
		return st, err
	}
	if st.row, err = decodeHead(val); err != nil {
		return st, err
	}
	if val, err = v.Get(epochKey(stream)); err != nil {
		return st, edge.E(edge.Corrupt, "the list of epochs of the journal %q cannot be read: %w", stream, err)
	}
	e, err := decodeEpochs(val)
	if err != nil {
		return st, err
	}
	if len(e.list) == 0 || e.list[len(e.list)-1].Number != st.row.head.Epoch {
		return st, edge.E(edge.Corrupt, "the head of the journal %q is not of its newest epoch", stream)
	}
	e.list[len(e.list)-1].Last = st.row.head
	st.name, st.epochs = e.chain, e.list
	return st, nil
}

// check compares the head row with the newest block, the counters with each other, and the end of the
// gaps with the oldest block.
func (c *Chain) check(v *state.View) error {
	st, prefix := &c.cur, blocksOf(c.stream)
	key, val, err := v.Last(prefix)
	switch {
	case edge.IsKind(err, edge.NotFound) && len(st.epochs) == 0:
		return nil
	case edge.IsKind(err, edge.NotFound) && st.row.blocks == 0:
		return st.balanced(c.stream)
	case edge.IsKind(err, edge.NotFound):
		return edge.E(edge.Corrupt, "the journal %q should hold %d blocks and holds none", c.stream, st.row.blocks)
	case err != nil:
		return err
	}
	b, err := openBlock(key, prefix, val)
	if err != nil {
		return err
	}
	if _, err := b.decode(); err != nil {
		return err
	}
	if !st.endsWith(b.after) {
		return edge.E(edge.Corrupt, "the journal %q ends at %v, but its head says %v", c.stream, b.after, st.row.head)
	}
	return errors.Join(c.checkOldest(v), st.balanced(c.stream))
}

// checkOldest proves that the oldest block follows what is recorded as removed.
func (c *Chain) checkOldest(v *state.View) error {
	tail, prefix := c.cur.row.tail, blocksOf(c.stream)
	for key, val := range v.ScanFrom(prefix, blockKey(c.stream, tail.Epoch, tail.Seq+1)) {
		b, err := openBlock(key, prefix, val)
		if err != nil {
			return err
		}
		if !c.cur.follows(tail, b.before) {
			return edge.E(edge.Corrupt, "the journal %q misses what lay between %v and %v", c.stream, tail, b.before)
		}
		break
	}
	return v.Err()
}

// endsWith reports whether p, the end of the newest block, is the end of the newest epoch that has records.
func (st *chainState) endsWith(p edge.Pos) bool {
	for _, e := range slices.Backward(st.epochs) {
		if e.Last.Seq > 0 {
			return e.Last == p
		}
	}
	return false
}

func (st *chainState) balanced(stream string) error {
	r := st.row
	if r.accepted != r.stored.plus(r.shed).plus(r.trimmed) {
		return edge.E(edge.Corrupt, "the counters of the journal %q do not add up: accepted %d, stored %d, shed %d, trimmed %d",
			stream, r.accepted.Records, r.stored.Records, r.shed.Records, r.trimmed.Records)
	}
	return nil
}

// Stream returns the journal's name.
func (c *Chain) Stream() string { return c.stream }

// Head is the position of the newest record, uncommitted ones included; the zero Pos before Begin.
func (c *Chain) Head() edge.Pos { return c.cur.row.head }

// Epochs lists the epochs of the journal, oldest first.
func (c *Chain) Epochs() []Epoch { return slices.Clone(c.cur.epochs) }

// Totals returns the journal's counters, uncommitted changes included.
func (c *Chain) Totals() Totals { return c.cur.totals() }

// Committed says that all writes since the last Committed or Rollback are durable.
func (c *Chain) Committed() { c.saved = c.cur }

// Rollback forgets what was added since the last Committed. Use it where nothing of the batch was kept.
func (c *Chain) Rollback() { c.cur, c.open = c.saved, builder{} }

// NextEpoch returns a number for a new epoch: seconds since 1970 and 24 random bits, and above previous
// even where the clock is wrong.
func NextEpoch(now time.Time, previous uint64) uint64 {
	sec := uint64(max(now.Unix(), 1)) & (1<<40 - 1)
	return max(sec, previous>>24+1)<<24 | random24()
}

// Begin starts a new epoch. origin is who speaks, a node's id or "site:<site>"; it must not change
// within a journal. An epoch that never had a record is replaced. It fails with Invalid or, with too
// many epochs, Exhausted, and then changes nothing.
func (c *Chain) Begin(b *state.Batch, origin string, epoch uint64, reason string, now time.Time) error {
	if err := checkName("journal's origin", origin); err != nil {
		return err
	}
	st, name := &c.cur, origin+"/"+c.stream
	switch {
	case len(st.epochs) > 0 && st.name != name:
		return edge.E(edge.Conflict, "the journal %q belongs to %s, not to %s", c.stream, st.name, name)
	case epoch <= st.row.head.Epoch:
		return edge.E(edge.Invalid, "a new epoch must have a number above %x, %x is not", st.row.head.Epoch, epoch)
	case len(reason) > maxName:
		return edge.E(edge.Invalid, "the reason for a new epoch may have %d bytes, this one has %d", maxName, len(reason))
	}
	c.flush(b)
	list, fork, base := slices.Clone(st.epochs), edge.Pos{}, st.row.accepted.Records
	if n := len(list); n > 0 && list[n-1].Last.Seq == 0 {
		list = list[:n-1]
	}
	if n := len(list); n > 0 {
		fork = list[n-1].Last
	}
	list = c.forget(b, list)
	if len(list) >= maxEpochs {
		return edge.E(edge.Exhausted, "the journal %q has %d epochs that still hold records", c.stream, len(list)).
			WithHint("let the hub catch up, so that old records can be removed")
	}
	first := edge.Genesis(name, epoch, fork)
	if len(list) == 0 || list[len(list)-1].Number < st.row.tail.Epoch {
		st.row.tail = first // the tail stood at the start of an epoch that is replaced, or nowhere
	}
	st.name, st.row.head = name, first
	st.epochs = append(list, Epoch{Number: epoch, Fork: fork, First: first, Last: first, Reason: reason, Time: now.UnixNano(), base: base})
	b.Set(epochKey(c.stream), epochsRow{chain: name, list: st.epochs}.encode())
	b.Set(headKey(c.stream), st.row.encode())
	return nil
}

// forget drops the oldest epochs that hold nothing any more, with their gaps, beyond keepEpochs.
func (c *Chain) forget(b *state.Batch, list []Epoch) []Epoch {
	for len(list) > keepEpochs && list[0].Number < c.cur.row.tail.Epoch {
		gone := list[0].Number
		list = list[1:]
		var kept []gapRow
		for _, g := range c.cur.gaps {
			if g.to.Epoch != gone {
				kept = append(kept, g)
			} else {
				b.Delete(gapKey(c.stream, gone, g.to.Seq))
			}
		}
		c.cur.gaps = kept
	}
	return list
}

// Append adds events to the journal and to b, and returns the positions of the first and the last. An
// event without a time gets the newest time the journal ever filled in, so that replicas which apply
// the same events agree; whoever wants another time sets it. It fails with Invalid, before anything
// was added.
func (c *Chain) Append(b *state.Batch, events []edge.Event) (first, last edge.Pos, err error) {
	if len(events) == 0 {
		return first, last, edge.E(edge.Invalid, "there is nothing to append to the journal %q", c.stream)
	}
	if len(c.cur.epochs) == 0 {
		return first, last, edge.E(edge.Invalid, "the journal %q has no epoch yet", c.stream)
	}
	for _, e := range events {
		if err := checkEvent(e); err != nil {
			return first, last, err
		}
	}
	for i, e := range events {
		last = c.add(b, e, nil, time.Unix(0, c.cur.row.lastTime), len(events)*encodedSize(e))
		if i == 0 {
			first = last
		}
	}
	c.write(b)
	return first, last, nil
}

func checkEvent(e edge.Event) error {
	if err := edge.CheckEvent(e); err != nil {
		return err
	}
	if !e.Time.IsZero() && !storable(e.Time) {
		return edge.E(edge.Invalid, "an event's time must lie between the years 1679 and 2261, %v does not", e.Time)
	}
	return nil
}

// add puts one checked event into the open block; write, or flush, must follow. room is how many bytes
// of encodings the caller expects to add, and digest is nil or e's.
func (c *Chain) add(b *state.Batch, e edge.Event, digest *[32]byte, now time.Time, room int) edge.Pos {
	if len(c.open.buf) > 0 && len(c.open.buf)+encodedSize(e) > c.maxBlock {
		c.flush(b)
	}
	row := &c.cur.row
	if e.Time.IsZero() {
		row.lastTime = max(row.lastTime, now.UnixNano())
		e.Time = time.Unix(0, row.lastTime)
	}
	row.head = c.open.add(row.head, e, digest, min(room, c.maxBlock))
	return row.head
}

// flush ends the open block.
func (c *Chain) flush(b *state.Batch) {
	if len(c.open.buf) == 0 {
		return
	}
	row := &c.cur.row
	n := row.head.Seq - c.open.before.Seq
	key, val := blockKey(c.stream, row.head.Epoch, row.head.Seq), c.open.value(row.head)
	b.Set(key, val)
	t := Tally{n, uint64(len(key) + len(val))}
	row.accepted, row.stored = row.accepted.plus(t), row.stored.plus(t)
	row.blocks++
	list := slices.Clone(c.cur.epochs)
	list[len(list)-1].Last = row.head
	c.cur.epochs = list
}

// write ends the open block and writes the head row.
func (c *Chain) write(b *state.Batch) {
	c.flush(b)
	b.Set(headKey(c.stream), c.cur.row.encode())
}

// passed is how many records the journal ever held up to and including p.
func (st *chainState) passed(p edge.Pos) uint64 {
	i, known := st.find(p.Epoch)
	switch {
	case i == len(st.epochs):
		return st.row.accepted.Records
	case known:
		return st.epochs[i].base + min(p.Seq, st.epochs[i].Last.Seq)
	}
	return st.epochs[i].base
}

// find returns the index of the first epoch that is not below number.
func (st *chainState) find(number uint64) (int, bool) {
	return slices.BinarySearchFunc(st.epochs, number, func(e Epoch, n uint64) int {
		switch {
		case e.Number < n:
			return -1
		case e.Number > n:
			return 1
		}
		return 0
	})
}

// Totals are a journal's counters since it began. Accepted = Stored + Shed + Trimmed.
type Totals struct {
	Accepted, Stored, Shed, Trimmed Tally
	Blocks                          uint64 // stored
}

func (st *chainState) totals() Totals {
	r := st.row
	return Totals{Accepted: r.accepted, Stored: r.stored, Shed: r.shed, Trimmed: r.trimmed, Blocks: r.blocks}
}
