package ledger

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
)

// A ref names one leg: the block it is in, and which of the block's legs it is. The zero ref is none.
type ref struct {
	block uint64 // 1, 2, 3, ...
	leg   uint32 // from 0
}

func appendRef(b []byte, r ref) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(b, r.block), uint64(r.leg))
}

func (r *reader) ref() ref {
	block, leg := r.uvarint(), r.uvarint()
	if leg > maxBlockLegs {
		r.fail()
	}
	return ref{block, uint32(leg)}
}

func appendNumber(b []byte, n uint64) []byte { return binary.AppendUvarint(b, n) }

// appendTime writes nanoseconds since 1970; the zero time is 0.
func appendTime(b []byte, t time.Time) []byte {
	var n int64
	if !t.IsZero() {
		n = t.UnixNano()
	}
	return binary.BigEndian.AppendUint64(b, uint64(n))
}

func (r *reader) time() time.Time {
	if n := int64(r.u64()); n != 0 {
		return time.Unix(0, n).UTC()
	}
	return time.Time{}
}

// An entryKind is what an entry is.
type entryKind uint8

const (
	transferEntry entryKind = iota + 1
	holdEntry
	postEntry    // posts the hold it names
	voidEntry    // ends the hold it names
	expireEntry  // ends the hold it names, whose time is over
	reverseEntry // moves back what the transfer it names moved
	releaseEntry // moves money between funds
	clearEntry   // is one end of a transfer between sites, or of an allotment
	dealEntry    // is a step of a contract or a gift, which another part of the wallet keeps
	swapEntry    // swaps what a waqf consists of for something of at least its value
)

var entryNames = [...]string{transferEntry: "transfer", holdEntry: "hold", postEntry: "post", voidEntry: "void", expireEntry: "expire", reverseEntry: "reverse", releaseEntry: "release", clearEntry: "clearing", dealEntry: "deal", swapEntry: "swap"}

// A leg is what one account is debited and another credited, with where both stood after it.
type leg struct {
	debit, credit edge.ID
	amount        amount.Amount
	debited       side
	credited      side
}

// A side is one account after a leg: its entry's number, where its entry before is, and its balances.
type side struct {
	n    uint64
	prev ref
	balances
}

// An entry is one transfer as the ledger keeps it for ever.
type entry struct {
	kind    entryKind
	flags   uint8
	id      edge.ID
	about   edge.ID // the hold it ends, the transfer it moves back
	expires int64   // of a hold: Unix seconds; 0: never
	of      universe
	purpose string
	memo    string
	ref     string
	mcc     uint16
	doc     [32]byte
	rules   string // set and version it was checked by
	legs    []leg

	first uint32 // which leg of the block is its first
}

// Flags of entries.
const (
	isBalancing uint8 = 1 << iota
	hasDocument
	hasAbout
	isReview // a person has to decide
	isMixed  // its legs are of several currencies or funds
	isFinal  // of a hold and what posts it: it was asked for as a deal, which nobody reverses
)

// A block is the entries of one command, chained to the one before.
type block struct {
	number  uint64
	first   uint64 // number of its first entry within the ledger, from 1
	time    time.Time
	actor   edge.Actor
	before  [32]byte // chain before it
	entries []entry
}

const (
	blockVersion = 1
	maxBlockLegs = 1 << 16
	maxEntries   = 1 << 14
)

// appendBlockHead writes what comes before the entries.
func appendBlockHead(b []byte, h block) []byte {
	b = append(b, blockVersion)
	b = appendNumber(appendNumber(b, h.number), h.first)
	b = appendTime(b, h.time)
	b = appendText(appendText(append(b, byte(h.actor.Kind)), h.actor.ID), h.actor.Site)
	return append(b, h.before[:]...)
}

func appendEntry(b []byte, e *entry) []byte {
	flags := e.flags &^ (hasDocument | hasAbout)
	if e.doc != [32]byte{} {
		flags |= hasDocument
	}
	if !e.about.IsZero() {
		flags |= hasAbout
	}
	b = append(b, byte(e.kind), flags)
	b = append(b, e.id[:]...)
	if flags&hasAbout != 0 {
		b = append(b, e.about[:]...)
	}
	if flags&hasDocument != 0 {
		b = append(b, e.doc[:]...)
	}
	b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(e.expires)), uint64(e.mcc))
	b = appendText(appendText(b, e.of.asset), e.of.fund)
	b = appendText(appendText(appendText(appendText(b, e.purpose), e.memo), e.ref), e.rules)
	b = binary.AppendUvarint(b, uint64(len(e.legs)))
	for i := range e.legs {
		b = appendLeg(b, &e.legs[i])
	}
	return b
}

func appendLeg(b []byte, l *leg) []byte {
	b = append(append(b, l.debit[:]...), l.credit[:]...)
	b = appendAmount(b, l.amount)
	return appendSide(appendSide(b, &l.debited), &l.credited)
}

func appendSide(b []byte, s *side) []byte {
	return s.balances.append(appendRef(binary.AppendUvarint(b, s.n), s.prev))
}

// decodeBlock reads a block. It fails with Corrupt on anything that was not written so.
func decodeBlock(row []byte) (*block, error) {
	r := reader{b: row}
	if r.byte() != blockVersion {
		r.fail()
	}
	b := &block{number: r.uvarint(), first: r.uvarint(), time: r.time()}
	b.actor = edge.Actor{Kind: edge.ActorKind(r.byte()), ID: r.text(), Site: r.text()}
	copy(b.before[:], r.take(32))
	for legs := uint32(0); len(r.b) > 0 && len(b.entries) < maxEntries; {
		e := r.entry()
		e.first = legs
		legs += uint32(len(e.legs))
		b.entries = append(b.entries, e)
	}
	return b, r.done("a block of the ledger")
}

func (r *reader) entry() (e entry) {
	e.kind, e.flags, e.id = entryKind(r.byte()), r.byte(), r.id()
	if e.flags&hasAbout != 0 {
		e.about = r.id()
	}
	if e.flags&hasDocument != 0 {
		copy(e.doc[:], r.take(32))
	}
	e.expires = int64(r.uvarint())
	mcc := r.uvarint()
	e.mcc = uint16(mcc)
	e.of = universe{r.text(), r.text()}
	e.purpose, e.memo, e.ref, e.rules = r.text(), r.text(), r.text(), r.text()
	n := r.uvarint()
	if e.flags&hasAbout != 0 && e.about.IsZero() || e.flags&hasDocument != 0 && e.doc == [32]byte{} || e.flags >= isFinal<<1 {
		r.fail()
	}
	if e.kind == 0 || int(e.kind) >= len(entryNames) || mcc > 9999 || n > uint64(len(r.b)) || n > maxBlockLegs {
		r.fail()
		return e
	}
	e.legs = make([]leg, n)
	for i := range e.legs {
		e.legs[i] = leg{debit: r.id(), credit: r.id(), amount: r.amount(), debited: r.side(), credited: r.side()}
	}
	return e
}

func (r *reader) side() side { return side{n: r.uvarint(), prev: r.ref(), balances: r.balances()} }

// find returns the entry that a leg of the block belongs to, and the leg.
func (b *block) find(n uint32) (*entry, *leg, error) {
	for i := range b.entries {
		e := &b.entries[i]
		if n < e.first+uint32(len(e.legs)) {
			return e, &e.legs[n-e.first], nil
		}
	}
	return nil, nil, edge.E(edge.Corrupt, "block %d of the ledger has no leg %d", b.number, n)
}

// number is the entry's number within the ledger.
func (b *block) numberOf(e *entry) uint64 {
	for i := range b.entries {
		if &b.entries[i] == e {
			return b.first + uint64(i)
		}
	}
	return 0
}

// chained is the chain after a block, which holds the chain before it.
func chained(row []byte) [32]byte {
	h := sha256.New()
	h.Write([]byte("aielon-edge/wallet/1\x00"))
	h.Write(row)
	var sum [32]byte
	h.Sum(sum[:0])
	return sum
}

// loadBlock reads one block of the ledger.
func loadBlock(v edge.View, number uint64) (*block, error) {
	row, err := v.Get(numberKey(rowBlock, number))
	if err != nil {
		if edge.IsKind(err, edge.NotFound) {
			err = edge.E(edge.Corrupt, "block %d of the ledger is missing", number)
		}
		return nil, err
	}
	b, err := decodeBlock(row)
	if err == nil && b.number != number {
		err = edge.E(edge.Corrupt, "block %d of the ledger is in the place of block %d", b.number, number)
	}
	return b, err
}
