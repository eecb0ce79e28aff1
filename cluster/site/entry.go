package site

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"

	"github.com/aielon/edge/node/edge"
)

// The first two bytes of an entry of the site's log.
const (
	entryVersion byte = 1

	kindBatch byte = 1 // the outcome of one or more commands
	kindMark  byte = 2 // nothing; its place in the log is all that counts
)

// Bounds on one entry. Decoding checks them before it allocates.
const (
	maxEntry    = 8 << 20   // bytes
	maxKey      = 1 << 10   // bytes of one key
	maxValue    = 4 << 20   // bytes of one value or reply
	maxSentence = 2 << 10   // bytes of a refusal's sentence or hint
	sumLen      = 16        // bytes of a command's digest
	minWrite    = 1 + 1 + 1 // op, length of a key, one byte of it
	minEvent    = 14
	minOrder    = 2 + 48 + 1
	minResult   = 16 + sumLen + 2
)

// A head names one state of the site: how many batches made it, and a chain over their entries. Two
// replicas with the same head have the same state, because each batch says what it must be applied to.
type head struct {
	Count uint64
	Sum   [32]byte
}

// next is the head after the batch encoded in entry.
func (h head) next(entry []byte) head {
	d := sha256.New()
	d.Write(h.Sum[:])
	d.Write(entry)
	n := head{Count: h.Count + 1}
	d.Sum(n.Sum[:0])
	return n
}

// A result is the answer to one command, as it will be remembered.
type result struct {
	ID     edge.ID
	Digest [sumLen]byte // of the command, so that another command under the same ID is noticed
	Reply  []byte
	Err    *edge.Error
}

// A batch is what evaluating some commands one after another came to.
type batch struct {
	Base    head  // the state it was evaluated on, and the only one it may be applied to
	Now     int64 // the site's clock after it, Unix nanoseconds
	Writes  []edge.Write
	Events  []edge.Event
	Orders  []order
	Results []result
}

// An order is something to be done with one of the site's journals.
type order struct {
	Urgency edge.Urgency
	Do      byte     // orderTrim or orderEpoch
	Pos     edge.Pos // of a trim: up to and including; of a new epoch: its number
	Reason  string   // of a new epoch
}

const (
	orderTrim  byte = 1
	orderEpoch byte = 2
)

// appendBatch appends the entry for b:
//
//	version | kind | base count (8) | base sum (32) | now (8)
//	| uvarint writes  × { op (0 delete, 1 set) | key | value where op is 1 }     keys ascending
//	| uvarint events  × { edge.AppendEvent }
//	| uvarint orders  × { urgency | what | position (48) | reason }
//	| uvarint results × { id (16) | digest (16) | 0 reply | 1 kind sentence hint }
func appendBatch(dst []byte, b *batch) []byte {
	dst = append(dst, entryVersion, kindBatch)
	dst = binary.BigEndian.AppendUint64(dst, b.Base.Count)
	dst = append(dst, b.Base.Sum[:]...)
	dst = binary.BigEndian.AppendUint64(dst, uint64(b.Now))
	dst = binary.AppendUvarint(dst, uint64(len(b.Writes)))
	for _, w := range b.Writes {
		if w.Value == nil {
			dst = appendBytes(append(dst, 0), w.Key)
			continue
		}
		dst = appendBytes(append(dst, 1), w.Key)
		dst = appendBytes(dst, w.Value)
	}
	dst = binary.AppendUvarint(dst, uint64(len(b.Events)))
	for _, e := range b.Events {
		dst = edge.AppendEvent(dst, e)
	}
	dst = binary.AppendUvarint(dst, uint64(len(b.Orders)))
	for _, o := range b.Orders {
		dst = appendPos(append(dst, byte(o.Urgency), o.Do), o.Pos)
		dst = appendBytes(dst, clip(o.Reason, maxSentence))
	}
	dst = binary.AppendUvarint(dst, uint64(len(b.Results)))
	for _, r := range b.Results {
		dst = append(dst, r.ID[:]...)
		dst = append(dst, r.Digest[:]...)
		dst = appendAnswer(dst, r.Reply, r.Err)
	}
	return dst
}

func appendAnswer(dst, reply []byte, e *edge.Error) []byte {
	if e != nil {
		return appendError(append(dst, 1), e)
	}
	return appendBytes(append(dst, 0), reply)
}

func (r *reader) answer() (reply []byte, e *edge.Error) {
	switch r.u8() {
	case 0:
		reply = r.bytes(maxValue)
	case 1:
		e = r.error()
	default:
		r.bad = true
	}
	return reply, e
}

// mark is the entry that changes nothing.
func mark() []byte { return []byte{entryVersion, kindMark} }

// decodeEntry reads what appendBatch or mark wrote; a mark is a nil batch. The batch aliases b. It fails
// with Corrupt: an entry that cannot be read must stop the replica, for skipping it would split the site.
func decodeEntry(b []byte) (*batch, error) {
	if len(b) < 2 || len(b) > maxEntry {
		return nil, edge.E(edge.Corrupt, "an entry of %d bytes cannot be one of this site's", len(b))
	}
	if b[0] != entryVersion {
		return nil, edge.E(edge.Corrupt, "an entry has version %d and this program knows version %d", b[0], entryVersion).
			WithHint("a newer node leads this site: upgrade this one")
	}
	switch {
	case b[1] == kindMark && len(b) == 2:
		return nil, nil
	case b[1] == kindBatch:
		return decodeBatch(b[2:])
	}
	return nil, edge.E(edge.Corrupt, "an entry has the unknown kind %d", b[1]).WithHint("a newer node leads this site: upgrade this one")
}

func decodeBatch(data []byte) (*batch, error) {
	r := &reader{b: data}
	b := &batch{}
	b.Base.Count = r.u64()
	copy(b.Base.Sum[:], r.take(len(b.Base.Sum)))
	b.Now = int64(r.u64())
	b.Writes = r.writes()
	b.Events = r.events()
	b.Orders = r.orders()
	b.Results = make([]result, r.count(minResult))
	for i := range b.Results {
		x := &b.Results[i]
		copy(x.ID[:], r.take(len(x.ID)))
		copy(x.Digest[:], r.take(sumLen))
		x.Reply, x.Err = r.answer()
	}
	if r.bad || len(r.b) > 0 {
		return nil, edge.E(edge.Corrupt, "an entry of the site's log is damaged")
	}
	return b, nil
}

func (r *reader) writes() []edge.Write {
	ws := make([]edge.Write, r.count(minWrite))
	for i := range ws {
		op := r.u8()
		ws[i].Key = r.bytes(maxKey)
		if op == 1 {
			ws[i].Value = r.bytes(maxValue)
		}
		if op > 1 || len(ws[i].Key) == 0 || i > 0 && bytes.Compare(ws[i-1].Key, ws[i].Key) >= 0 {
			r.bad = true
		}
		if r.bad {
			return nil
		}
	}
	return ws
}

func (r *reader) events() []edge.Event {
	n := r.count(minEvent)
	es := make([]edge.Event, 0, n)
	for range n {
		e, rest, err := edge.DecodeEvent(r.b)
		if err != nil {
			r.bad = true
			return nil
		}
		r.b, es = rest, append(es, e)
	}
	return es
}

func (r *reader) orders() []order {
	os := make([]order, r.count(minOrder))
	for i := range os {
		o := &os[i]
		o.Urgency, o.Do, o.Pos = edge.Urgency(r.u8()), r.u8(), r.pos()
		o.Reason = string(r.bytes(maxSentence))
		r.bad = r.bad || !o.Urgency.Valid() || o.Do != orderTrim && o.Do != orderEpoch
	}
	return os
}

// digest names what a command asks for: everything but its ID.
func digest(c edge.Command) (d [sumLen]byte) {
	b := make([]byte, 0, 64+len(c.Type)+len(c.Actor.ID)+len(c.Actor.Site))
	b = append(b, byte(c.Actor.Kind))
	b = appendBytes(b, c.Actor.ID)
	b = appendBytes(b, c.Actor.Site)
	b = appendBytes(b, c.Type)
	h := sha256.New()
	h.Write(b)
	h.Write(c.Body)
	var s [32]byte
	copy(d[:], h.Sum(s[:0]))
	return d
}
