package invoices

import (
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/book"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/qr"
	"github.com/aielon/edge/services/wallet/shariah"
	"github.com/aielon/edge/services/wallet/shariah/mcc"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// A scan is what somebody is to pay by a code.
type scan struct {
	edge.Redacted

	m    qr.Merchant
	code mcc.Code
	at   place
	sum  amount.Amount
	inv  *walletv1.Invoice // nil: the code names none
}

// payQr pays by a code. The rules say first what they make of the merchant, whoever it is and whatever else is wrong.
func (s *Invoices) payQr(tx edge.Tx, in *walletv1.PayQrRequest) (*walletv1.QrPayment, error) {
	a, again, err := book.Begin(tx, "pay-qr", in.GetId(), in)
	if err != nil {
		return nil, err
	}
	x, err := scanned(in.GetText())
	if err != nil {
		return nil, err
	}
	if again {
		return s.shown(tx, a.ID, x)
	}
	if err := s.merchant(tx, a.ID, x.code); err != nil {
		return nil, err
	}
	from, err := s.money.Find(tx, in.GetFrom())
	if err != nil {
		return nil, err
	}
	if err := s.charge(tx, x, in.GetAmount()); err != nil {
		return nil, err
	}
	if from.Asset != x.m.Currency.Name {
		return nil, currency(from.Asset, x.m.Currency.Name)
	}
	if x.inv != nil {
		err = s.pay(tx, a, x.inv, from, x.code)
	} else {
		err = s.buy(tx, a, x, from)
	}
	if err != nil {
		return nil, err
	}
	return s.shown(tx, a.ID, x)
}

func scanned(text string) (x *scan, err error) {
	x = &scan{}
	if x.m, err = qr.DecodeMerchant(text); err != nil {
		return nil, err
	}
	if x.code, err = mcc.Parse(x.m.MCC); err != nil {
		return nil, edge.E(edge.Refused, "the code does not say what the merchant sells").WithHint("ask the merchant for a code that does").WithCode(CodeMerchant, edge.Fact{Name: "mcc", Value: x.m.MCC})
	}
	x.at, err = placeOf(&x.m)
	return x, err
}

// merchant fails where the rules deny payments to a kind of merchant. What they want looked at is held by the ledger.
func (s *Invoices) merchant(tx edge.Tx, id edge.ID, code mcc.Code) error {
	_, err := s.rules.Ask(tx, id, &shariah.Facts{MCC: code, Purpose: shariah.Purchase, From: own, To: own, Chain: true})
	return err
}

// charge finds who is to be paid, and how much.
func (s *Invoices) charge(tx edge.Tx, x *scan, said string) (err error) {
	if x.at.account.IsZero() {
		return edge.E(edge.Refused, "this merchant has no account here").WithHint("pay in cash, or with the app of the scheme whose sign is on the code").WithCode(CodeMerchant, edge.Fact{Name: "mcc", Value: x.code.String()})
	}
	if x.m.Tip.Kind != qr.NoTip {
		return edge.E(edge.Refused, "the code asks for a tip or a fee on top of the amount").WithHint("ask the merchant for a code without one").WithCode(CodeAmount)
	}
	to, err := s.led.Find(tx, x.at.account)
	switch {
	case edge.IsKind(err, edge.NotFound):
		return edge.E(edge.Refused, "the account of this merchant is not at this site").WithHint("ask the merchant where it is, and send the money there; or pay in cash").WithCode(CodeMerchant, edge.Fact{Name: "account", Value: x.at.account.String()})
	case err != nil:
		return err
	case to.Asset != x.m.Currency.Name:
		return currency(to.Asset, x.m.Currency.Name)
	}
	if x.sum = x.m.Amount; x.at.invoice != "" {
		if err := x.bill(tx); err != nil {
			return err
		}
	}
	return x.agree(said)
}

// bill finds the invoice that a code names. One of somebody else, or of another amount, was put there by somebody.
func (x *scan) bill(tx edge.Tx) error {
	inv, err := find(tx, x.at.invoice)
	if err != nil {
		return err
	}
	if inv.Payee != x.at.account.String() {
		return edge.E(edge.NotFound, "the merchant has no such invoice").WithHint("do not pay; ask the merchant for a new code").WithCode(CodeInvoice)
	}
	sum, err := total(inv)
	if err != nil {
		return err
	}
	if !x.m.Amount.IsZero() && x.m.Amount != sum {
		return differs(sum, x.m.Amount)
	}
	x.inv, x.sum = inv, sum
	return nil
}

// agree takes the amount from the payer where the code leaves it out, and nothing else where it does not.
func (x *scan) agree(said string) error {
	if said == "" && !x.sum.IsZero() {
		return nil
	}
	sum, err := book.ParseAmount(said)
	if err != nil {
		return err
	}
	if !x.sum.IsZero() && x.sum != sum {
		return differs(x.sum, sum)
	}
	x.sum = sum
	return nil
}

// buy pays for what is handed over at once.
func (s *Invoices) buy(tx edge.Tx, a book.Ask, x *scan, from ledger.AccountInfo) (err error) {
	m := ledger.Move{ID: a.ID, Kind: ledger.Transfer, Purpose: shariah.Purchase.String(), MCC: uint16(x.code)}
	if m.Postings, err = s.postings(tx, from, x.at.account.String(), x.sum.String()); err != nil {
		return err
	}
	if err := s.money.Move(tx, m); err != nil {
		return err
	}
	a.Done(tx)
	return nil
}

// shown is what became of a payment by code.
func (s *Invoices) shown(v edge.View, id edge.ID, x *scan) (*walletv1.QrPayment, error) {
	t, err := s.led.ShowTransfer(v, id)
	if err != nil || len(t.GetLegs()) == 0 {
		return nil, err
	}
	return &walletv1.QrPayment{Id: id.String(), Account: x.at.account.String(), Asset: x.m.Currency.Name, Amount: t.Legs[0].Amount, Mcc: x.code.String(), Invoice: x.at.invoice, Status: t.GetStatus()}, nil
}
