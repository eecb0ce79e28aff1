package paygate

import (
	"strconv"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
)

// A Source says who told of an event.
type Source uint8

const (
	Webhook   Source = iota // a message of the processor whose signature was right
	Asked                   // the processor's answer when we asked
	Statement               // an entry in a file of the bank
	Cashier                 // a person at the desk, or an officer who decides
)

// A Kind is what happened. Numbers are part of digests: add at the end, never reorder.
type Kind uint8

const (
	Submitted Kind = iota // the payer or the processor has begun
	Paid                  // money came: Money and Amount
	Declined              // for good: no money will come
	Returned              // money went back: Money and Amount
	Decided               // a person decided the conflict Conflict: Accept
)

// An Event is something somebody told of an attempt.
type Event struct {
	ID       string // its sender's, the same each time it is told; with Source it is unique
	Source   Source
	Kind     Kind
	Money    string // the id of the movement where it moved: a charge, a refund, the bank's reference
	Amount   amount.Amount
	Currency string
	At       time.Time // when it happened, as the sender says
	Conflict int       // of Decided: the place in Conflicts
	Accept   bool      // of Decided: the money is taken as it came (or went); else it is dealt with outside the ledger
}

func (e *Event) check() error {
	money := e.Kind == Paid || e.Kind == Returned
	switch {
	case e.ID == "" || len(e.ID) > maxText || len(e.Money) > maxText || len(e.Currency) > maxText:
		return invalid("an event of a payment needs an id, of at most %d bytes", maxText)
	case e.Source > Cashier || e.Kind > Decided:
		return invalid("the event of a payment is of no known kind")
	case money && (e.Money == "" || e.Amount.IsZero()):
		return invalid("an event of money needs the id and the amount of what moved")
	}
	return nil
}

func (e *Event) key() seen {
	return seen{
		short(strconv.Itoa(int(e.Source)), e.ID),
		short(strconv.Itoa(int(e.Kind)), e.Money, e.Amount.String(), e.Currency, strconv.Itoa(e.Conflict), strconv.FormatBool(e.Accept)),
	}
}

// A Reason says why an event is a conflict. Numbers are stored: add at the end, never reorder.
type Reason uint8

const (
	PaidAfterFailed   Reason = iota // money came for what had failed
	FailedAfterPaid                 // who said that it was paid says that it was not
	PaidTwice                       // a second movement of money for one attempt
	AmountDiffers                   // what came is not what was asked
	CurrencyDiffers                 // what moved is in another currency
	ReturnedTooMuch                 // more went back than came
	ReturnedUnpaid                  // money went back for what had failed
	SameIDOtherEvent                // an event's id came again with another content
	SameMoneyOtherSum               // a movement's id came again with another amount
)

// String is the reason's code.
func (r Reason) String() string {
	return [...]string{"paid_after_failed", "failed_after_paid", "paid_twice", "amount_differs", "currency_differs", "returned_too_much",
		"returned_unpaid", "same_id_other_event", "same_money_other_sum", "unknown"}[min(r, 9)]
}

// A Decision is what a person made of a conflict. Numbers are stored.
type Decision uint8

const (
	Undecided Decision = iota
	Accepted           // counted as it came
	Rejected           // dealt with outside the ledger
)

// A Conflict is an event a person must look at. It stays with the attempt for good.
type Conflict struct {
	Reason   Reason
	Decision Decision
	Kind     Kind
	Source   Source
	EventID  string
	Money    string
	Currency string
	Amount   amount.Amount
	At       time.Time
}

// A Posting is what the ledger must write because of an event: so much came, or so much went back.
type Posting struct {
	Money  string
	Amount amount.Amount
	Back   bool
}

// An Outcome is what an event did.
type Outcome struct {
	Again    bool      // it had been told before; nothing changed
	Postings []Posting // in this order
	Conflict bool      // a conflict was added
}

func full(what string, most int) error {
	return edge.E(edge.Exhausted, "this payment has more than %d %s", most, what).WithHint("a person must look at it; somebody outside may be repeating the same thing")
}

func notOpen() error {
	return edge.E(edge.Conflict, "this conflict is not open").WithHint("look at the payment again; somebody may have decided it")
}

func cannotAccept(why string) error {
	return edge.E(edge.Refused, "this conflict cannot be accepted: %s", why).WithCode("conflict_not_acceptable").
		WithHint("reject it here, and deal with the money by a transfer of its own")
}
