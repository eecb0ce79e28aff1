package edge

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"
)

// A Class says who may see a thing.
type Class uint8

const (
	Public   Class = iota // anyone
	SiteOnly              // people of the site
	Personal              // about a person
	Clinical              // about a person's health
)

// An Urgency says who goes first on a thin link. The numbers are QUIC urgencies too (RFC 9218: lower
// goes first) and cross the wire: never reorder.
type Urgency uint8

const (
	Critical  Urgency = iota + 1 // emergency, lab-critical, fraud stop; never dropped
	Ledger                       // money, audit, consent; never dropped
	Care                         // clinical writes, appointments; never dropped
	Community                    // announcements, events, chat; expire by their own time to live
	Telemetry                    // readings and metrics; oldest shed first when the disk is full
	Bulk                         // images, models, backups; windows only
)

// Urgencies lists all of them, most urgent first.
func Urgencies() []Urgency {
	return []Urgency{Critical, Ledger, Care, Community, Telemetry, Bulk}
}

var urgencyNames = [...]string{"", "critical", "ledger", "clinical", "community", "telemetry", "bulk"}

// String returns the name used in stream names, pages and configuration.
func (u Urgency) String() string {
	if u.Valid() {
		return urgencyNames[u]
	}
	return fmt.Sprintf("urgency(%d)", uint8(u))
}

// Valid reports whether u is one of the six.
func (u Urgency) Valid() bool { return u >= Critical && u <= Bulk }

// Sheddable reports whether records of this urgency may be dropped, oldest first, to keep the disk
// within its budget. What is shed is counted and journaled.
func (u Urgency) Sheddable() bool { return u >= Telemetry }

// ParseUrgency reads what String wrote. It fails with Invalid.
func ParseUrgency(s string) (Urgency, error) {
	for _, u := range Urgencies() {
		if u.String() == s {
			return u, nil
		}
	}
	return 0, E(Invalid, "%q is not an urgency: critical, ledger, clinical, community, telemetry or bulk is expected", clip(s, 40))
}

// A Pos names one point in one journal. Two journals that agree on a Pos agree on every record before it.
// The zero Pos is before the first record.
type Pos struct {
	Epoch uint64   // starts anew after a restore or a forced recovery
	Seq   uint64   // 1, 2, 3, ... without gaps within an epoch
	Sum   [32]byte // chained over every record up to and including Seq
}

// String returns epoch, sequence number and the first digits of the sum.
func (p Pos) String() string { return fmt.Sprintf("%x/%d/%x", p.Epoch, p.Seq, p.Sum[:4]) }

// IsZero reports whether p is before everything.
func (p Pos) IsZero() bool { return p.Epoch == 0 && p.Seq == 0 }

// Genesis is the position before the first record of a new epoch of a stream. It binds the stream's
// name and the position the new epoch forked from, so that no two epochs share a sum.
func Genesis(stream string, epoch uint64, fork Pos) Pos {
	h := sha256.New()
	h.Write([]byte("aielon-edge/journal/2\x00" + stream + "\x00"))
	var b [24]byte
	binary.BigEndian.PutUint64(b[0:], epoch)
	binary.BigEndian.PutUint64(b[8:], fork.Epoch)
	binary.BigEndian.PutUint64(b[16:], fork.Seq)
	h.Write(b[:])
	h.Write(fork.Sum[:])
	p := Pos{Epoch: epoch}
	h.Sum(p.Sum[:0])
	return p
}

// Next is the position of a record, given its encoding (see AppendEvent) and the position before it. Its sum
// is SHA-256(sum before | head of the encoding | SHA-256(rest of the encoding)), so that whoever takes a record
// in can hash the long part of it before its place and its time are known.
func (p Pos) Next(encoded []byte) Pos {
	return p.NextDigest(encoded, sha256.Sum256(encoded[min(recordHead, len(encoded)):]))
}

// NextDigest is Next where the Digest of the record is known.
func (p Pos) NextDigest(encoded []byte, digest [32]byte) Pos {
	var room [32 + recordHead + 32]byte
	in := append(append(append(room[:0], p.Sum[:]...), encoded[:min(recordHead, len(encoded))]...), digest[:]...)
	return Pos{Epoch: p.Epoch, Seq: p.Seq + 1, Sum: sha256.Sum256(in)}
}

// Digest hashes what AppendEvent writes behind its head: all of e but urgency, class and time. It works in the
// memory of scratch, which it returns, grown where that was too short.
func Digest(e Event, scratch []byte) (digest [32]byte, _ []byte) {
	scratch = appendRest(scratch[:0], e)
	return sha256.Sum256(scratch), scratch
}

// An Event is a fact other parts may rely on. Type and Body are a public contract; keys and values are not.
type Event struct {
	Type    string    // "wallet.transferred", "device.reading"
	Subject string    // whom or what it is about
	Class   Class     // who may see it
	Urgency Urgency   // who goes first on a thin link
	Time    time.Time // when this node (or site) took it in; zero: the journal fills it in
	Body    []byte
}

// A Record is an Event at its place in a journal.
type Record struct {
	Pos Pos
	Event
}

// Limits on one event, checked by CheckEvent before anything is stored.
const (
	MaxType    = 128     // bytes
	MaxSubject = 512     // bytes
	MaxBody    = 1 << 20 // bytes
)

// CheckEvent refuses, with Invalid, what no journal may hold.
func CheckEvent(e Event) error {
	switch {
	case e.Type == "" || len(e.Type) > MaxType:
		return E(Invalid, "an event's type must have 1 to %d bytes, this one has %d", MaxType, len(e.Type))
	case len(e.Subject) > MaxSubject:
		return E(Invalid, "an event's subject may have %d bytes, this one has %d", MaxSubject, len(e.Subject))
	case len(e.Body) > MaxBody:
		return E(Invalid, "an event's body may have %d bytes, this one has %d", MaxBody, len(e.Body)).WithHint("put large values in the blob store and refer to them by hash")
	case !e.Urgency.Valid():
		return E(Invalid, "an event needs an urgency from 1 to 6, this one has %d", e.Urgency)
	case e.Class > Clinical:
		return E(Invalid, "an event's class must be 0 to 3, this one is %d", e.Class)
	}
	return nil
}

// AppendEvent appends the canonical encoding of e to dst. The encoding is what positions chain over,
// what lies on disk and what crosses the wire, byte for byte:
//
//	version (1 byte, 1) | urgency | class | time (8 bytes, big endian, Unix nanoseconds)
//	| uvarint length, type | uvarint length, subject | uvarint length, body
func AppendEvent(dst []byte, e Event) []byte {
	dst = append(dst, 1, byte(e.Urgency), byte(e.Class))
	dst = binary.BigEndian.AppendUint64(dst, uint64(e.Time.UnixNano()))
	return appendRest(dst, e)
}

// recordHead is the length of what precedes the type in an encoding, in bytes.
const recordHead = 11

func appendRest(dst []byte, e Event) []byte {
	dst = appendBytes(dst, e.Type)
	dst = appendBytes(dst, e.Subject)
	return appendBytes(dst, e.Body)
}

// DecodeEvent reads one event from the front of b and returns what follows it. The event's Body
// aliases b. It fails with Corrupt on anything AppendEvent would not have written.
func DecodeEvent(b []byte) (e Event, rest []byte, err error) {
	if len(b) < recordHead || b[0] != 1 {
		return e, nil, E(Corrupt, "a record's head is damaged or of an unknown version")
	}
	e.Urgency, e.Class = Urgency(b[1]), Class(b[2])
	e.Time = time.Unix(0, int64(binary.BigEndian.Uint64(b[3:]))).UTC()
	typ, b, ok1 := cutBytes(b[recordHead:], MaxType)
	sub, b, ok2 := cutBytes(b, MaxSubject)
	body, rest, ok3 := cutBytes(b, MaxBody)
	if !ok1 || !ok2 || !ok3 {
		return Event{}, nil, E(Corrupt, "a record ends in the middle or is too long")
	}
	e.Type, e.Subject, e.Body = string(typ), string(sub), body
	if err := CheckEvent(e); err != nil {
		return Event{}, nil, E(Corrupt, "a record is not well formed: %w", err)
	}
	return e, rest, nil
}

func appendBytes[S ~string | ~[]byte](dst []byte, s S) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// cutBytes takes one length-prefixed string off b, refusing lengths that are not in their shortest form.
func cutBytes(b []byte, limit uint64) (s, rest []byte, ok bool) {
	n, w := binary.Uvarint(b)
	if w <= 0 || n > limit || n > uint64(len(b)-w) || (w > 1 && b[w-1] == 0) {
		return nil, nil, false
	}
	return b[w : w+int(n) : w+int(n)], b[w+int(n):], true
}
