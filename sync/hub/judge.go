package hub

import (
	"bytes"
	"fmt"
	"math"
	"time"
	"unicode/utf8"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/hub/store"
	"github.com/aielon/edge/sync/wire"
)

// A verdict is what is to be done about one frame. With no field set the frame is a duplicate that only
// needs its acknowledgement again.
type verdict struct {
	append *store.Append
	nack   *wire.Nack
	dups   uint64        // records that are here already
	freeze *equivocation // two histories of one stream
}

// equivocation is what was seen where something else is stored.
type equivocation struct {
	at     edge.Pos  // ours
	theirs edge.Pos  // at the same sequence number
	next   wire.Item // their record at that place, or the next one, where it was sent
}

// judge decides about records, given where the stream stands. It is pure.
func judge(cur store.Stream, f *wire.Batch, items []wire.Item) verdict {
	c := cur.Cursor
	if v, done := judgePlace(cur, f.Epoch, f.From(), f.To()); done {
		if v.freeze != nil {
			v.freeze.next = items[0]
		}
		if v.append == nil && v.nack == nil && v.freeze == nil {
			v.dups = uint64(f.Count)
		}
		return v
	}
	have := 0
	if f.From().Seq < c.Seq { // the first records are here already
		have = int(c.Seq - f.From().Seq)
		if last := items[have-1]; last.Pos != c {
			return verdict{freeze: &equivocation{at: c, theirs: last.Pos, next: last}}
		}
	}
	return verdict{dups: uint64(have), append: &store.Append{ID: f.Stream, Urgency: f.Urgency, From: c, To: f.To(), Items: items[have:]}}
}

// judgePlace decides what depends on places alone. done is false where what reaches beyond the cursor
// follows it, or overlaps it.
func judgePlace(cur store.Stream, epoch uint64, from, to edge.Pos) (v verdict, done bool) {
	c := cur.Cursor
	refuse := func(r wire.Reason, text string) (verdict, bool) {
		return verdict{nack: &wire.Nack{Stream: cur.ID, Pos: c, Reason: r, Text: text}}, true
	}
	switch {
	case cur.Frozen != "":
		return refuse(wire.Frozen, cur.Frozen)
	case epoch > c.Epoch:
		return refuse(wire.NoEpoch, "this epoch was not announced")
	case epoch < c.Epoch:
		return refuse(wire.OldEpoch, "a later epoch has begun")
	case from.Seq > c.Seq:
		return refuse(wire.Gap, fmt.Sprintf("records %d to %d are missing", c.Seq+1, from.Seq))
	case from.Seq == c.Seq && from.Sum != c.Sum:
		return verdict{freeze: &equivocation{at: c, theirs: from}}, true
	case to.Seq == c.Seq && to.Sum != c.Sum:
		return verdict{freeze: &equivocation{at: c, theirs: to}}, true
	}
	return verdict{}, to.Seq <= c.Seq
}

// judgeSkip decides about a declared gap. Where it begins before the cursor, what is here already counts
// as accepted and the rest as skipped.
func judgeSkip(cur store.Stream, f *wire.Skip) verdict {
	v, done := judgePlace(cur, f.From.Epoch, f.From, f.To)
	if done {
		return v
	}
	why := f.Reason
	if why == "" {
		why = "no reason given"
	}
	return verdict{append: &store.Append{ID: f.Stream, Urgency: f.Urgency, From: cur.Cursor, To: f.To, Skip: why}}
}

// judgeEpoch decides about a new epoch. genesis is that of the open epoch.
func judgeEpoch(cur store.Stream, genesis edge.Pos, f *wire.Epoch, now time.Time) (verdict, error) {
	g := f.Genesis
	if g.Epoch > math.MaxInt64 || edge.Genesis(f.Stream.String(), g.Epoch, f.Fork) != g || f.Fork.Epoch >= g.Epoch {
		return verdict{}, edge.E(edge.Invalid, "epoch %x of stream %s does not begin as epochs do", g.Epoch, f.Stream)
	}
	c := cur.Cursor
	refuse := func(r wire.Reason, text string) (verdict, error) {
		return verdict{nack: &wire.Nack{Stream: f.Stream, Pos: c, Reason: r, Text: text}}, nil
	}
	switch {
	case cur.Frozen != "":
		return refuse(wire.Frozen, cur.Frozen)
	case g.Epoch < c.Epoch:
		return refuse(wire.OldEpoch, "a later epoch has begun")
	case g.Epoch == c.Epoch && g == genesis:
		return verdict{}, nil
	case g.Epoch == c.Epoch:
		return verdict{freeze: &equivocation{at: genesis, theirs: g}}, nil
	}
	fork := store.Fork{Genesis: g, From: f.Fork, At: c, Reason: f.Reason, Time: now}
	switch {
	case f.Fork.Epoch == c.Epoch && f.Fork.Seq > c.Seq:
		fork.Missing = f.Fork.Seq - c.Seq
	case f.Fork.Epoch > c.Epoch: // an epoch we never heard of lies between
		fork.Missing = f.Fork.Seq
	}
	return verdict{append: &store.Append{ID: f.Stream, Urgency: f.Urgency, From: c, To: g, Fork: &fork}}, nil
}

// unreadable says why a record cannot be read, and "" where it can. What reads well but is of a type or
// schema nobody here knows is kept as it is.
func unreadable(raw []byte) string {
	e, rest, err := edge.DecodeEvent(raw)
	switch {
	case err != nil:
		return err.Error()
	case len(rest) > 0:
		return "something follows the record's end"
	case !utf8.ValidString(e.Type) || bytes.IndexByte([]byte(e.Type), 0) >= 0:
		return "the record's type is not text"
	case !bytes.Equal(edge.AppendEvent(nil, e), raw):
		return "the record is not in its canonical form"
	}
	return ""
}
