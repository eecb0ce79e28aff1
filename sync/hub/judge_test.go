package hub

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/hub/store"
	"github.com/aielon/edge/sync/hub/storetest"
	"github.com/aielon/edge/sync/wire"
)

// truth is one stream as its origin has it, over all its epochs, and the frames that could be sent of it.
type truth struct {
	id     wire.StreamID
	epochs []era
}

type era struct {
	announce *wire.Epoch
	pos      []edge.Pos // pos[0] is the genesis
	items    []wire.Item
}

func (tr *truth) begin(epoch uint64, fork edge.Pos) {
	g := edge.Genesis(tr.id.String(), epoch, fork)
	tr.epochs = append(tr.epochs, era{announce: &wire.Epoch{Stream: tr.id, Urgency: edge.Care, Genesis: g, Fork: fork}, pos: []edge.Pos{g}})
}

func (tr *truth) write(body string) {
	e := &tr.epochs[len(tr.epochs)-1]
	enc := edge.AppendEvent(nil, storetest.Event(len(e.items), body))
	p := e.pos[len(e.pos)-1].Next(enc)
	e.pos, e.items = append(e.pos, p), append(e.items, wire.Item{Pos: p, Raw: enc})
}

func (e era) batch(id wire.StreamID, from, to int) *wire.Batch {
	return &wire.Batch{Stream: id, Urgency: edge.Care, Epoch: e.pos[0].Epoch, First: uint64(from + 1), Count: uint32(to - from), Before: e.pos[from].Sum, After: e.pos[to].Sum}
}

// Whatever an honest node sends, in whatever order, however often and with whatever lost, the hub holds
// each record at most once, in order, counts what it lacks, and never freezes.
func TestJudgeModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		tr := &truth{id: wire.SiteStream("alnoor", "r")}
		fork := edge.Pos{}
		for n := range rapid.IntRange(1, 4).Draw(rt, "epochs") {
			tr.begin(uint64(n+1)*10, fork)
			for i := range rapid.IntRange(0, 20).Draw(rt, "records") {
				tr.write(fmt.Sprintf("%d-%d", n, i))
			}
			last := tr.epochs[n]
			fork = last.pos[rapid.IntRange(0, len(last.pos)-1).Draw(rt, "fork")] // a backup of some age
		}
		var cur store.Stream
		cur.ID = tr.id
		var kept []wire.Item
		var genesis edge.Pos
		for range rapid.IntRange(1, 60).Draw(rt, "frames") {
			e := tr.epochs[rapid.IntRange(0, len(tr.epochs)-1).Draw(rt, "epoch")]
			v := draw(rt, tr, e, cur, genesis)
			if v.freeze != nil {
				rt.Fatalf("an honest stream is frozen at %v: %+v", cur.Cursor, v.freeze)
			}
			if v.nack != nil && v.nack.Pos != cur.Cursor {
				rt.Fatalf("told to go on at %v, standing at %v", v.nack.Pos, cur.Cursor)
			}
			if v.append == nil {
				continue
			}
			a := *v.append
			a.Site = "alnoor"
			if err := a.Check(); err != nil || a.From != cur.Cursor {
				rt.Fatalf("%v: from %v at %v", err, a.From, cur.Cursor)
			}
			if a.Fork != nil {
				genesis = a.To
			}
			kept = append(kept, a.Items...)
			cur = cur.Apply(a)
			check(rt, tr, cur, kept)
		}
	})
}

func draw(rt *rapid.T, tr *truth, e era, cur store.Stream, genesis edge.Pos) verdict {
	n := len(e.items)
	from := rapid.IntRange(0, n).Draw(rt, "from")
	to := rapid.IntRange(from, n).Draw(rt, "to")
	kind := rapid.IntRange(0, 9).Draw(rt, "kind")
	switch {
	case kind == 0 || from == to:
		v, err := judgeEpoch(cur, genesis, e.announce, time.Unix(1, 0))
		if err != nil {
			rt.Fatal(err)
		}
		return v
	case kind == 1:
		return judgeSkip(cur, &wire.Skip{Stream: tr.id, Urgency: edge.Care, From: e.pos[from], To: e.pos[to], Count: uint64(to - from), Reason: "shed"})
	case kind < 6 && cur.Cursor.Epoch == e.pos[0].Epoch && int(cur.Cursor.Seq) < n: // what comes next, as usual
		from = int(cur.Cursor.Seq)
		to = rapid.IntRange(from+1, n).Draw(rt, "upto")
	}
	return judge(cur, e.batch(tr.id, from, to), e.items[from:to])
}

func check(rt *rapid.T, tr *truth, cur store.Stream, kept []wire.Item) {
	if int(cur.Counts.Accepted) != len(kept) {
		rt.Fatalf("counted %d of %d", cur.Counts.Accepted, len(kept))
	}
	for i := 1; i < len(kept); i++ {
		if !store.Before(kept[i-1].Pos, kept[i].Pos) {
			rt.Fatalf("%v was kept before %v", kept[i-1].Pos, kept[i].Pos)
		}
	}
	for _, e := range tr.epochs {
		if e.pos[0].Epoch == cur.Cursor.Epoch && e.pos[cur.Cursor.Seq] != cur.Cursor {
			rt.Fatalf("stands at %v, which never was", cur.Cursor)
		}
	}
	// In the open epoch every number is accounted for.
	var here uint64
	for _, it := range kept {
		if it.Pos.Epoch == cur.Cursor.Epoch {
			here++
		}
	}
	if here > cur.Cursor.Seq {
		rt.Fatalf("%d records up to number %d", here, cur.Cursor.Seq)
	}
}

// A record at the same place with other content is always seen, wherever batches are cut.
func TestJudgeSeesLies(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		id := wire.SiteStream("alnoor", "r")
		honest, liar := &truth{id: id}, &truth{id: id}
		honest.begin(1, edge.Pos{})
		liar.begin(1, edge.Pos{})
		n := rapid.IntRange(2, 20).Draw(rt, "records")
		lie := rapid.IntRange(0, n-1).Draw(rt, "lie")
		for i := range n {
			honest.write("x")
			if i == lie {
				liar.write("y")
			} else {
				liar.write("x")
			}
		}
		h, l := honest.epochs[0], liar.epochs[0]
		stands := rapid.IntRange(lie+1, n).Draw(rt, "stands")
		cur := store.Stream{ID: id, Cursor: h.pos[stands]}
		from := rapid.IntRange(0, stands).Draw(rt, "from")
		to := rapid.IntRange(max(stands, from+1), n+1).Draw(rt, "to")
		if to > n {
			to = n
		}
		if to <= from {
			return
		}
		if v := judge(cur, l.batch(id, from, to), l.items[from:to]); v.freeze == nil {
			rt.Fatalf("not seen: %+v", v)
		}
	})
}

func TestDiff(t *testing.T) {
	for _, c := range []struct {
		from, to, want string
		ok             bool
	}{
		{`{"a":1,"b":2}`, `{"a":1,"b":3}`, `{"b":3}`, true},
		{`{"a":1,"b":2}`, `{"a":1}`, `{"b":null}`, true},
		{`{"a":{"x":1,"y":2}}`, `{"a":{"x":1}}`, `{"a":{"y":null}}`, true},
		{`{"a":1}`, `{"a":null}`, ``, false},
		{`{"a":1}`, `{"a":{"b":null}}`, ``, false},
		{`{"a":1}`, `{"a":[null]}`, `{"a":[null]}`, true},
		{`[1]`, `{"a":1}`, ``, false},
	} {
		got, ok := diff([]byte(c.from), []byte(c.to))
		if ok != c.ok || string(got) != c.want {
			t.Errorf("%s to %s: %s, %v", c.from, c.to, got, ok)
		}
	}
}
