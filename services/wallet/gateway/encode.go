package paygate

import (
	"encoding/binary"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
)

// version is the first byte of a stored attempt. Old versions stay readable.
const version = 1

// Append appends a as it is stored: numbers as varints, texts with their length in front. What Decode reads of it is a.
func (a *Attempt) Append(b []byte) []byte {
	b = append(b, version, byte(a.State))
	for _, s := range []string{a.ID, a.Gateway, a.Reference, a.Currency} {
		b = text(b, s)
	}
	for _, n := range []amount.Amount{a.Asked, a.Confirmed, a.Returned} {
		b = number(b, n)
	}
	b = moment(b, a.Since)
	b = binary.AppendUvarint(b, uint64(len(a.Conflicts)))
	for i := range a.Conflicts {
		c := &a.Conflicts[i]
		b = append(b, byte(c.Reason), byte(c.Decision), byte(c.Kind), byte(c.Source))
		b = moment(number(text(text(text(b, c.EventID), c.Money), c.Currency), c.Amount), c.At)
	}
	b = binary.AppendUvarint(b, uint64(len(a.money)))
	for _, m := range a.money {
		b = append(b, bit(m.back)|bit(m.waits)<<1)
		b = number(text(b, m.id), m.amount)
	}
	b = binary.AppendUvarint(b, uint64(len(a.seen)))
	for _, s := range a.seen {
		b = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, s.id), s.content)
	}
	return b
}

func bit(v bool) byte {
	if v {
		return 1
	}
	return 0
}

func text(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func number(b []byte, n amount.Amount) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(b, n.Hi), n.Lo)
}

func moment(b []byte, t time.Time) []byte {
	return binary.AppendUvarint(binary.AppendVarint(b, t.Unix()), uint64(t.Nanosecond()))
}

// Decode reads what Append wrote. It fails with Corrupt.
func Decode(b []byte) (Attempt, error) {
	r := reader{b: b}
	if r.byte(0xff) != version {
		return Attempt{}, edge.E(edge.Corrupt, "a stored payment is of a version that is not known").WithHint("was this site run by a newer program?")
	}
	a := Attempt{State: State(r.byte(byte(Refunded)))}
	for _, s := range []*string{&a.ID, &a.Gateway, &a.Reference, &a.Currency} {
		*s = r.text()
	}
	for _, n := range []*amount.Amount{&a.Asked, &a.Confirmed, &a.Returned} {
		*n = r.number()
	}
	a.Since = r.moment()
	for range r.count(MaxConflicts) {
		c := Conflict{Reason: Reason(r.byte(byte(SameMoneyOtherSum))), Decision: Decision(r.byte(byte(Rejected))), Kind: Kind(r.byte(byte(Decided))), Source: Source(r.byte(byte(Cashier)))}
		c.EventID, c.Money, c.Currency = r.text(), r.text(), r.text()
		c.Amount, c.At = r.number(), r.moment()
		a.Conflicts = append(a.Conflicts, c)
	}
	for range r.count(MaxEvents) {
		flags := r.byte(3)
		a.money = append(a.money, movement{back: flags&1 != 0, waits: flags&2 != 0, id: r.text(), amount: r.number()})
	}
	for range r.count(MaxEvents) {
		a.seen = append(a.seen, seen{r.eight(), r.eight()})
	}
	if r.bad || len(r.b) > 0 || a.Confirmed.Less(a.Returned) {
		return Attempt{}, edge.E(edge.Corrupt, "a stored payment is not what was written").WithHint("run the check of the wallet")
	}
	return a, nil
}

// A reader takes a stored attempt apart; after the first thing that is wrong it gives nothing.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n uint64) []byte {
	if r.bad || n > uint64(len(r.b)) {
		r.bad, r.b = true, nil
		return nil
	}
	p := r.b[:n]
	r.b = r.b[n:]
	return p
}

func (r *reader) byte(most byte) byte {
	p := r.take(1)
	if p == nil || p[0] > most {
		r.bad = true
		return 0
	}
	return p[0]
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.bad = true
		return 0
	}
	r.take(uint64(n))
	return v
}

func (r *reader) count(most uint64) uint64 {
	n := r.uvarint()
	if n > most {
		r.bad = true
	}
	if r.bad {
		return 0
	}
	return n
}

func (r *reader) text() string { return string(r.take(r.count(maxText))) }

func (r *reader) number() amount.Amount { return amount.Amount{Hi: r.uvarint(), Lo: r.uvarint()} }

func (r *reader) eight() uint64 {
	if p := r.take(8); p != nil {
		return binary.BigEndian.Uint64(p)
	}
	return 0
}

func (r *reader) moment() time.Time {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.bad = true
		return time.Time{}
	}
	r.take(uint64(n))
	return time.Unix(v, int64(r.count(999_999_999))).UTC()
}
