// Package paygate keeps one attempt to pay from outside (over the counter, by bank transfer, by card) as a pure state
// machine: an attempt and an event in, the attempt after it and what the ledger must post out. It asks no clock and no
// network. What may be money is never dropped: it is posted, waits, or is a conflict for a person.
package paygate

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
)

// A State is how far an attempt has come. Numbers are stored: add at the end, never reorder.
type State uint8

const (
	Created   State = iota // made here; nobody outside was told that we know of
	Pending                // somebody outside works on it; money may be moving
	Confirmed              // the money is there, all of it or, after refunds, a part
	Failed                 // whoever could move the money said that it did not
	Refunded               // all that was confirmed went back
)

// String is the state's code.
func (s State) String() string {
	return [...]string{"created", "pending", "confirmed", "failed", "refunded", "unknown"}[min(s, 5)]
}

// Bounds of one attempt. An event beyond them is refused with Exhausted, and its sender asks again: nothing is lost.
const (
	MaxEvents    = 512
	MaxConflicts = 64
	maxText      = 255
)

// An Attempt is one payment that somebody tries to make. The zero Attempt is none; New makes one. Methods that change
// return a changed copy.
type Attempt struct {
	ID        string // ours
	Gateway   string // "cash", "bank", "card"
	Reference string // what the payer writes, or the processor's id
	Currency  string
	Asked     amount.Amount // minor units, more than nothing
	Confirmed amount.Amount // came
	Returned  amount.Amount // went back; never more than Confirmed
	State     State
	Since     time.Time // of the state, as the events say
	Conflicts []Conflict

	money []movement // every movement of money that was counted, is waiting or is in conflict
	seen  []seen     // events by id
}

// A movement is money that came or went back, by the id it has where it moved.
type movement struct {
	id     string
	amount amount.Amount
	back   bool
	waits  bool // a refund that came before the payment it returns
}

// seen remembers an event by eight bytes each of its id's and its content's digest.
type seen struct{ id, content uint64 }

// New is an attempt to pay asked. It refuses, with Invalid, an attempt of nothing and texts longer than 255 bytes.
func New(id, gateway, reference, currency string, asked amount.Amount, at time.Time) (Attempt, error) {
	a := Attempt{ID: id, Gateway: gateway, Reference: reference, Currency: currency, Asked: asked, Since: at.UTC()}
	if asked.IsZero() {
		return Attempt{}, invalid("a payment of nothing cannot be made")
	}
	for _, text := range []string{id, gateway, currency} {
		if text == "" || len(text) > maxText {
			return Attempt{}, invalid("a payment needs an id, a gateway and a currency of at most %d bytes", maxText)
		}
	}
	if len(reference) > maxText {
		return Attempt{}, invalid("a payment's reference has at most %d bytes", maxText)
	}
	return a, nil
}

// Left is what of the money that came is still here.
func (a *Attempt) Left() amount.Amount {
	left, _ := a.Confirmed.Sub(a.Returned)
	return left
}

// Open are the conflicts that nobody has decided, by their places in Conflicts.
func (a *Attempt) Open() (open []int) {
	for i := range a.Conflicts {
		if a.Conflicts[i].Decision == Undecided {
			open = append(open, i)
		}
	}
	return open
}

// clone is a copy that shares nothing that is written to.
func (a *Attempt) clone() Attempt {
	c := *a
	c.Conflicts, c.money, c.seen = slices.Clone(a.Conflicts), slices.Clone(a.money), slices.Clone(a.seen)
	return c
}

func (a *Attempt) move(s State, at time.Time) {
	if a.State != s {
		a.State, a.Since = s, at.UTC()
	}
}

func (a *Attempt) movement(id string, back bool) *movement {
	for i := range a.money {
		if a.money[i].id == id && a.money[i].back == back {
			return &a.money[i]
		}
	}
	return nil
}

// digest is of texts, each with its length, so that none runs into the next.
func digest(parts ...string) [32]byte {
	h := sha256.New()
	for _, p := range parts {
		h.Write(binary.AppendUvarint(nil, uint64(len(p))))
		h.Write([]byte(p))
	}
	return [32]byte(h.Sum(nil))
}

func short(parts ...string) uint64 {
	sum := digest(parts...)
	return binary.BigEndian.Uint64(sum[:])
}

func invalid(format string, args ...any) *edge.Error {
	return edge.E(edge.Invalid, format, args...).WithCode("invalid_request")
}
