package payments

import (
	"encoding/json"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/gateway"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// Rows of payments, under prefixes of their own.
const (
	underGateway  = "wp/g/" // name
	underPayment  = "wp/p/" // id
	underAccount  = "wp/a/" // account / id of a payment
	underConflict = "wp/c/" // id of a payment that a person must look at
	underOpen     = "wp/o/" // gateway / id of a payment that may still be paid
	underKnown    = "wp/x/" // gateway / the processor's id -> id of a payment
	underWork     = "wp/w/" // id of a payment / id of a refund that the processor is to make
	underAsked    = "wp/d/" // id of a payment / id of a refund that was asked for
	underRef      = "wp/r/" // reference / id of the payment whose payer writes it
	rowNumber     = "wp/n"  // the last number of a reference
)

// A payment is one attempt, with what the ledger must know of it.
type payment struct {
	edge.Redacted

	ID        edge.ID   `json:"id"`
	Account   edge.ID   `json:"account"`  // who is paid
	Settle    edge.ID   `json:"settle"`   // the desk or the bank where the money is
	Suspense  edge.ID   `json:"suspense"` // takes what cannot be credited
	Known     string    `json:"known,omitempty"`
	By        string    `json:"by"`
	Created   time.Time `json:"created"`
	Suspended bool      `json:"suspended,omitempty"`
	Refunding string    `json:"refunding,omitempty"` // minor units that the processor is asked to give back
	Stored    []byte    `json:"attempt"`

	attempt paygate.Attempt
}

func paymentKey(id edge.ID) []byte { return append([]byte(underPayment), id[:]...) }

func join(under string, parts ...string) []byte {
	b := []byte(under)
	for i, p := range parts {
		if i > 0 {
			b = append(b, '/')
		}
		b = append(b, p...)
	}
	return b
}

// get reads a row of JSON that need not be there.
func get(v edge.View, k []byte, into any) (found bool, err error) {
	row, err := v.Get(k)
	if edge.IsKind(err, edge.NotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := json.Unmarshal(row, into); err != nil {
		return true, edge.E(edge.Corrupt, "a row of the payments cannot be read: %w", err)
	}
	return true, nil
}

func set(tx edge.Tx, k []byte, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return edge.E(edge.Internal, "a row of the payments cannot be written: %w", err)
	}
	tx.Set(k, b)
	return nil
}

// load finds a payment. It fails with NotFound.
func load(v edge.View, id edge.ID) (*payment, error) {
	p := &payment{}
	found, err := get(v, paymentKey(id), p)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, edge.E(edge.NotFound, "there is no such payment").WithHint("check its identifier").WithCode(CodePayment)
	}
	p.attempt, err = paygate.Decode(p.Stored)
	return p, err
}

// find reads the payment that a request names.
func find(v edge.View, text string) (*payment, error) {
	if text == "" {
		return nil, invalid("the payment is missing")
	}
	id, err := ledger.ParseID(text)
	if err != nil {
		return nil, err
	}
	return load(v, id)
}

// save keeps a payment and the lists it is on.
func (p *payment) save(tx edge.Tx) error {
	p.Stored = p.attempt.Append(nil)
	if err := set(tx, paymentKey(p.ID), p); err != nil {
		return err
	}
	mark := func(k []byte, on bool) {
		if _, err := tx.Get(k); on == (err == nil) {
			return
		}
		if on {
			tx.Set(k, []byte{})
		} else {
			tx.Delete(k)
		}
	}
	st := p.attempt.State
	mark(join(underOpen, p.attempt.Gateway, string(p.ID[:])), st == paygate.Created || st == paygate.Pending)
	mark(append([]byte(underConflict), p.ID[:]...), len(p.attempt.Open()) > 0)
	if p.attempt.Reference != "" {
		mark(join(underRef, p.attempt.Reference, string(p.ID[:])), true)
	}
	mark(join(underAccount, string(p.Account[:]), string(p.ID[:])), true)
	return nil
}

// announce tells how far a payment is.
func (p *payment) announce(tx edge.Tx) {
	b, _ := json.Marshal(map[string]any{"payment": p.ID.String(), "gateway": p.attempt.Gateway, "account": p.Account.String(), "state": p.attempt.State.String(),
		"asset": p.attempt.Currency, "amount": p.attempt.Asked.String(), "confirmed": p.attempt.Confirmed.String(), "returned": p.attempt.Returned.String(), "conflicts": len(p.attempt.Open())}) // strings and numbers, which always encode
	tx.Emit(edge.Event{Type: EventPayment, Subject: "payment:" + p.ID.String(), Class: edge.Personal, Urgency: edge.Ledger, Body: b})
}

var decisions = [...]string{paygate.Undecided: "undecided", paygate.Accepted: "accepted", paygate.Rejected: "rejected"}

func (p *payment) message() *walletv1.Payment {
	a := &p.attempt
	m := &walletv1.Payment{Id: p.ID.String(), Gateway: a.Gateway, Account: p.Account.String(), Asset: a.Currency, Amount: a.Asked.String(), Confirmed: a.Confirmed.String(),
		Returned: a.Returned.String(), State: walletv1.PaymentState(a.State) + walletv1.PaymentState_PAYMENT_CREATED, Reference: paygate.Spaced(a.Reference),
		Created: timestamppb.New(p.Created), Since: timestamppb.New(a.Since), Suspended: p.Suspended, Refunding: p.Refunding}
	for i, c := range a.Conflicts {
		m.Conflicts = append(m.Conflicts, &walletv1.PaymentConflict{Number: int32(i), Reason: c.Reason.String(), Decision: decisions[c.Decision], Amount: c.Amount.String(), Asset: c.Currency, Time: timestamppb.New(c.At)})
	}
	return m
}
