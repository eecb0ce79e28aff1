package wire

import (
	"time"

	"github.com/aielon/edge/node/edge"
)

// maxTold bounds every count of a BACKLOG, so that the counts of all nodes of a hub can be added up.
const maxTold = 1 << 48

// Backlog is what a node says of its own ledger: what still waits there, and what will never come. It is for
// people to see; the hub decides nothing by it. A hub that does not know the frame skips it.
type Backlog struct {
	Time    time.Time // the node's clock
	Classes []Waiting // by urgency, each at most once; a class without anything to say is left out
	Extra   Extra
}

// Waiting is the ledger of one class, in records.
type Waiting struct {
	Class   edge.Urgency
	Records uint64    // not on the hub's disk, as far as the node knows
	Oldest  time.Time // when the oldest of them was taken in, by the node's clock; zero: none waits, or not known
	Lost    uint64    // nobody has them any more, or only this node, which cannot deliver them
	Apart   uint64    // gaps at the hub that the node accounts for: in Lost, or written once more and counted there
	Shed    uint64    // removed before they were delivered, because there was no room
}

// Type returns TBacklog.
func (*Backlog) Type() Type { return TBacklog }

func (f *Backlog) appendBody(dst []byte) []byte {
	dst = putUint(putTime(dst, f.Time), uint64(len(f.Classes)))
	for _, c := range f.Classes {
		dst = putTime(putUint(append(dst, byte(c.Class)), min(c.Records, maxTold)), c.Oldest)
		dst = putUint(putUint(putUint(dst, min(c.Lost, maxTold)), min(c.Apart, maxTold)), min(c.Shed, maxTold))
	}
	return f.Extra.put(dst)
}

func (f *Backlog) decodeBody(b []byte) error {
	d := dec{b: b}
	f.Time = d.time()
	for range d.count(len(edge.Urgencies()), 6) {
		c := Waiting{Class: d.urgency(), Records: d.uint(maxTold), Oldest: d.time(), Lost: d.uint(maxTold), Apart: d.uint(maxTold), Shed: d.uint(maxTold)}
		if n := len(f.Classes); n > 0 && f.Classes[n-1].Class >= c.Class {
			d.fail("classes are not in order")
		}
		f.Classes = append(f.Classes, c)
	}
	f.Extra = d.extra()
	return d.end()
}
