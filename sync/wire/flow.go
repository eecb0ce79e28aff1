package wire

import (
	"time"

	"github.com/aielon/edge/node/edge"
)

// A Cursor is how far the hub has a stream.
type Cursor struct {
	Stream StreamID
	Pos    edge.Pos // newest record it holds durably, in the epoch that is open
	Frozen bool     // it takes no more of this stream until a person has looked
}

// Cursors lists how far the hub has the streams this peer may write.
type Cursors struct {
	List []Cursor
	Last bool // nothing follows; the session is open
}

// Type returns TCursors.
func (*Cursors) Type() Type { return TCursors }

func (f *Cursors) appendBody(dst []byte) []byte {
	dst = putUint(append(dst, bit(f.Last)), uint64(len(f.List)))
	for _, c := range f.List {
		dst = append(putPos(putStream(dst, c.Stream), c.Pos), bit(c.Frozen))
	}
	return dst
}

func (f *Cursors) decodeBody(b []byte) error {
	d := dec{b: b}
	f.Last = d.flag()
	n := d.count(MaxCursors, 38)
	f.List = make([]Cursor, 0, n)
	for range n {
		f.List = append(f.List, Cursor{d.stream(), d.pos(), d.flag()})
	}
	return d.end()
}

// A Done is one line of an ACK.
type Done struct {
	Stream StreamID
	Pos    edge.Pos // everything up to here is on the hub's disk
}

// Ack is cumulative: losing one costs nothing. The hub sends it only after its fsync.
type Ack struct{ List []Done }

// Type returns TAck.
func (*Ack) Type() Type { return TAck }

func (f *Ack) appendBody(dst []byte) []byte {
	dst = putUint(dst, uint64(len(f.List)))
	for _, a := range f.List {
		dst = putPos(putStream(dst, a.Stream), a.Pos)
	}
	return dst
}

func (f *Ack) decodeBody(b []byte) error {
	d := dec{b: b}
	n := d.count(MaxAcks, 37)
	f.List = make([]Done, 0, n)
	for range n {
		f.List = append(f.List, Done{d.stream(), d.pos()})
	}
	return d.end()
}

// A Reason says why the hub did not take something.
type Reason uint8

const (
	Gap         Reason = iota + 1 // records are missing: go on right after Nack.Pos
	NoEpoch                       // the hub does not know this epoch: send EPOCH first
	OldEpoch                      // this epoch is closed; go on after Nack.Pos
	Frozen                        // the stream is frozen: another record was seen at the same place
	Forbidden                     // this peer may not write this stream
	Busy                          // not now: send again from Nack.Pos after Retry
	Quarantined                   // the record at Nack.Pos could not be read; it was set aside and the stream went on
)

var reasonNames = [...]string{"", "gap", "no_epoch", "old_epoch", "frozen", "forbidden", "busy", "quarantined"}

// String returns the name used in logs and counters.
func (r Reason) String() string { return reasonNames[min(int(r), len(reasonNames)-1)] }

// Nack says that something of a stream was not taken, and where to go on.
type Nack struct {
	Stream StreamID
	Pos    edge.Pos // the hub's position (for Quarantined: the record's)
	Reason Reason
	Retry  time.Duration // wait at least so long
	Text   string
}

// Type returns TNack.
func (*Nack) Type() Type { return TNack }

func (f *Nack) appendBody(dst []byte) []byte {
	dst = append(putPos(putStream(dst, f.Stream), f.Pos), byte(f.Reason))
	return putBytes(putMillis(dst, f.Retry), f.Text)
}

func (f *Nack) decodeBody(b []byte) error {
	d := dec{b: b}
	f.Stream, f.Pos = d.stream(), d.pos()
	if f.Reason = Reason(d.uint(uint64(Quarantined))); f.Reason == 0 {
		d.fail("a refusal has no reason")
	}
	f.Retry, f.Text = d.millis(24*time.Hour), d.str(MaxText)
	return d.end()
}

// Skip declares records that will never come: shed for want of room, or trimmed. It travels on the lane
// of its stream, in order with the batches.
type Skip struct {
	Stream  StreamID
	Urgency edge.Urgency
	From    edge.Pos // records after From, up to and including To, are gone
	To      edge.Pos
	Count   uint64
	Reason  string
}

// Type returns TSkip.
func (*Skip) Type() Type { return TSkip }

func (f *Skip) appendBody(dst []byte) []byte {
	dst = append(putStream(dst, f.Stream), byte(f.Urgency))
	dst = putUint(putPos(putPos(dst, f.From), f.To), f.Count)
	return putBytes(dst, f.Reason)
}

func (f *Skip) decodeBody(b []byte) error {
	d := dec{b: b}
	f.Stream, f.Urgency, f.From, f.To = d.stream(), d.urgency(), d.pos(), d.pos()
	f.Count, f.Reason = d.uint(^uint64(0)), d.str(MaxText)
	if f.From.Epoch != f.To.Epoch || f.From.Seq >= f.To.Seq || f.Count != f.To.Seq-f.From.Seq {
		d.fail("a declared gap does not add up")
	}
	return d.end()
}

// Epoch announces a stream, or that it starts anew after a restore or doubt. It travels on the lane of
// its stream, before the first batch of the epoch.
type Epoch struct {
	Stream  StreamID
	Urgency edge.Urgency
	Genesis edge.Pos // position before the first record: the epoch, sequence number 0, its sum
	Fork    edge.Pos // the last record of the old epoch this one knows; zero for the first
	Reason  string   // "new", "restored from a backup of 3 May"
}

// Type returns TEpoch.
func (*Epoch) Type() Type { return TEpoch }

func (f *Epoch) appendBody(dst []byte) []byte {
	dst = append(putStream(dst, f.Stream), byte(f.Urgency))
	return putBytes(putPos(putPos(dst, f.Genesis), f.Fork), f.Reason)
}

func (f *Epoch) decodeBody(b []byte) error {
	d := dec{b: b}
	f.Stream, f.Urgency, f.Genesis, f.Fork = d.stream(), d.urgency(), d.pos(), d.pos()
	f.Reason = d.str(MaxText)
	if f.Genesis.Seq != 0 || f.Genesis.Epoch == 0 {
		d.fail("an epoch does not begin at its beginning")
	}
	return d.end()
}

// Goaway says that the sender will close the link soon and what to do then.
type Goaway struct {
	Reason Leave
	Text   string
	After  time.Duration // reconnect not before
	Within time.Duration // but before, spread at random
	Hubs   []string      // other hubs to try, host:port
}

// A Leave is the reason of a Goaway.
type Leave uint8

const (
	Restarting Leave = iota + 1
	Replaced         // a newer session of the same node took over
	Revoked          // the node is no longer welcome
	Overloaded       // come back later
	Leaving          // the node itself closes
)

// Type returns TGoaway.
func (*Goaway) Type() Type { return TGoaway }

func (f *Goaway) appendBody(dst []byte) []byte {
	dst = putBytes(append(dst, byte(f.Reason)), f.Text)
	dst = putUint(putMillis(putMillis(dst, f.After), f.Within), uint64(len(f.Hubs)))
	for _, h := range f.Hubs {
		dst = putBytes(dst, h)
	}
	return dst
}

func (f *Goaway) decodeBody(b []byte) error {
	d := dec{b: b}
	f.Reason, f.Text = Leave(d.uint(127)), d.str(MaxText)
	f.After, f.Within = d.millis(24*time.Hour), d.millis(24*time.Hour)
	for range d.count(16, 1) {
		f.Hubs = append(f.Hubs, d.str(256))
	}
	return d.end()
}

// ErrorFrame is the last frame before a link is closed for a broken rule.
type ErrorFrame struct {
	Kind edge.Kind
	Text string
}

// Type returns TError.
func (*ErrorFrame) Type() Type { return TError }

// Err returns the frame as an error of its kind.
func (f *ErrorFrame) Err() error { return edge.E(f.Kind, "the other side closed: %s", f.Text) }

func (f *ErrorFrame) appendBody(dst []byte) []byte {
	return putBytes(append(dst, byte(f.Kind)), f.Text)
}

func (f *ErrorFrame) decodeBody(b []byte) error {
	d := dec{b: b}
	f.Kind, f.Text = edge.Kind(d.uint(127)), d.str(MaxText)
	return d.end()
}

// Receipt is the hub's signed word that it holds a stream up to a position. The position's sum covers
// every record before it, so one signature covers them all.
type Receipt struct {
	Hub    edge.NodeID
	Stream StreamID
	Pos    edge.Pos
	Time   time.Time
	Sig    []byte // over SigningBytes
}

// Type returns TReceipt.
func (*Receipt) Type() Type { return TReceipt }

// SigningBytes returns what Sig signs.
func (f *Receipt) SigningBytes() []byte { return f.unsigned([]byte("aielon-edge/receipt/1\x00")) }

func (f *Receipt) unsigned(dst []byte) []byte {
	return putTime(putPos(putStream(append(dst, f.Hub[:]...), f.Stream), f.Pos), f.Time)
}

func (f *Receipt) appendBody(dst []byte) []byte { return putBytes(f.unsigned(dst), f.Sig) }

func (f *Receipt) decodeBody(b []byte) error {
	d := dec{b: b}
	copy(f.Hub[:], d.take(32))
	f.Stream, f.Pos, f.Time = d.stream(), d.pos(), d.time()
	f.Sig = d.bytes(128)
	return d.end()
}
