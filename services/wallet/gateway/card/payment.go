package card

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/gateway"
)

// maxAmount is what the processors take in one payment: eight digits of minor units.
const maxAmount = 99_999_999

// An Intent is what is asked of the processor.
type Intent struct {
	Attempt  string        // our id; it comes back with every message about the payment
	Amount   amount.Amount // minor units, as the processor counts them, 1 to 99,999,999
	Currency string        // ISO 4217
}

// A Payment is what the processor says of one.
type Payment struct {
	edge.Redacted
	ID       string // the processor's
	Attempt  string // ours
	Status   string // "requires_payment_method", "processing", "succeeded", "canceled"...
	Amount   amount.Amount
	Received amount.Amount
	Currency string // in capitals
	Secret   string // what the payer's browser proves itself with to the processor; never kept
}

// A Refund is what the processor says of one.
type Refund struct {
	ID, Payment, Status string
	Amount              amount.Amount
	Currency            string
}

// Create asks for a payment. Asking again with the same key and intent gives the same payment. It fails with Conflict
// where the key was used for another intent, Refused where the card was declined, Invalid, Denied, and Unavailable: with
// code outcome_unknown where the processor may have made it.
func (c *Client) Create(ctx context.Context, key string, in Intent) (Payment, error) {
	if in.Amount.IsZero() || amount.Of(maxAmount).Less(in.Amount) || len(in.Currency) != 3 || in.Attempt == "" {
		return Payment{}, edge.E(edge.Invalid, "a payment by card is of 1 to %d minor units in a currency of three letters", maxAmount).WithCode(amount.CodeInvalid)
	}
	var got intent
	err := c.post(ctx, "/v1/payment_intents", key, url.Values{"amount": {in.Amount.String()}, "currency": {strings.ToLower(in.Currency)},
		"metadata[attempt]": {in.Attempt}}, &got)
	if err != nil {
		return Payment{}, err
	}
	p := got.payment()
	if p.ID == "" || p.Attempt != in.Attempt || p.Amount != in.Amount || p.Currency != in.Currency {
		return Payment{}, edge.E(edge.Unavailable, "the card processor answers about another payment").WithCode(CodeUnknown)
	}
	return p, nil
}

// Get asks what became of a payment.
func (c *Client) Get(ctx context.Context, id string) (Payment, error) {
	var got intent
	if err := c.get(ctx, "/v1/payment_intents/"+url.PathEscape(id), &got); err != nil {
		return Payment{}, err
	}
	if got.ID != id {
		return Payment{}, edge.E(edge.Unavailable, "the card processor answers about another payment")
	}
	return got.payment(), nil
}

// Refund sends part or all of a payment back. It is asked again and fails as Create is and does.
func (c *Client) Refund(ctx context.Context, key, payment string, sum amount.Amount) (Refund, error) {
	if sum.IsZero() || amount.Of(maxAmount).Less(sum) || payment == "" {
		return Refund{}, edge.E(edge.Invalid, "a refund is of 1 to %d minor units of one payment", maxAmount).WithCode(amount.CodeInvalid)
	}
	var got refund
	if err := c.post(ctx, "/v1/refunds", key, url.Values{"payment_intent": {payment}, "amount": {sum.String()}}, &got); err != nil {
		return Refund{}, err
	}
	r := got.refund()
	if r.ID == "" || r.Payment != payment || r.Amount != sum {
		return Refund{}, edge.E(edge.Unavailable, "the card processor answers about another refund").WithCode(CodeUnknown)
	}
	return r, nil
}

// GetRefund asks what became of a refund.
func (c *Client) GetRefund(ctx context.Context, id string) (Refund, error) {
	var got refund
	if err := c.get(ctx, "/v1/refunds/"+url.PathEscape(id), &got); err != nil {
		return Refund{}, err
	}
	if got.ID != id {
		return Refund{}, edge.E(edge.Unavailable, "the card processor answers about another refund")
	}
	return got.refund(), nil
}

// Event is what a payment says of its attempt. A payment waiting for its payer, or with a card that was declined and may
// be tried again, is Submitted: only what the processor calls canceled is Declined.
func (p *Payment) Event(now time.Time) paygate.Event {
	e := paygate.Event{ID: p.ID + "/" + p.Status, Source: paygate.Asked, Currency: p.Currency, At: now}
	e.Kind, e.Money, e.Amount = meaning(p)
	return e
}

func meaning(p *Payment) (paygate.Kind, string, amount.Amount) {
	switch {
	case p.Status == "succeeded" && !p.Received.IsZero():
		return paygate.Paid, p.ID, p.Received
	case p.Status == "canceled":
		return paygate.Declined, "", amount.Amount{}
	}
	return paygate.Submitted, "", amount.Amount{}
}

// Event is what a refund says; ok is false while no money has gone back.
func (r *Refund) Event(now time.Time) (e paygate.Event, ok bool) {
	return paygate.Event{ID: r.ID + "/" + r.Status, Source: paygate.Asked, Kind: paygate.Returned, Money: r.ID, Amount: r.Amount, Currency: r.Currency, At: now},
		r.Status == "succeeded" && !r.Amount.IsZero()
}

// intent and refund are the processor's own forms, as far as we read them.
type intent struct {
	edge.Redacted
	ID           string
	Object       string
	Amount       uint64
	Received     uint64 `json:"amount_received"`
	Currency     string
	Status       string
	ClientSecret string `json:"client_secret"`
	Metadata     struct{ Attempt string }
}

func (i *intent) payment() Payment {
	return Payment{ID: i.ID, Attempt: i.Metadata.Attempt, Status: code(i.Status), Amount: amount.Of(i.Amount), Received: amount.Of(i.Received),
		Currency: strings.ToUpper(i.Currency), Secret: i.ClientSecret}
}

type refund struct {
	ID       string
	Object   string
	Amount   uint64
	Currency string
	Status   string
	Payment  string `json:"payment_intent"`
}

func (r *refund) refund() Refund {
	return Refund{ID: r.ID, Payment: r.Payment, Status: code(r.Status), Amount: amount.Of(r.Amount), Currency: strings.ToUpper(r.Currency)}
}
