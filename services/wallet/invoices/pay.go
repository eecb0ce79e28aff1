package invoices

import (
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/book"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/shariah"
	"github.com/aielon/edge/services/wallet/shariah/mcc"
	"github.com/aielon/edge/services/wallet/walletv1"
)

func (s *Invoices) payInvoice(tx edge.Tx, in *walletv1.PayInvoiceRequest) (*walletv1.Invoice, error) {
	a, again, err := book.Begin(tx, "pay-invoice", in.GetId(), in)
	if err != nil {
		return nil, err
	}
	inv, err := find(tx, in.GetInvoice())
	if err != nil || again {
		return inv, err
	}
	from, err := s.money.Find(tx, in.GetFrom())
	if err != nil {
		return nil, err
	}
	if err := s.pay(tx, a, inv, from, 0); err != nil {
		return nil, err
	}
	return inv, nil
}

// pay pays an invoice whole under an identifier, to a merchant of some kind where that is known. The rules are asked as
// they are now: they may have changed since the invoice was issued. An error is to be returned as it is.
func (s *Invoices) pay(tx edge.Tx, a book.Ask, inv *walletv1.Invoice, from ledger.AccountInfo, code mcc.Code) error {
	if err := isOpen(inv); err != nil {
		return err
	}
	if inv.Payer != "" && inv.Payer != from.ID.String() {
		return edge.E(edge.Refused, "the invoice is made out to another account").WithHint("pay it from the account it is made out to, or ask for one that anybody may pay").WithCode(CodePayer, edge.Fact{Name: "invoice", Value: inv.Id})
	}
	code, err := judgedBy(inv, code)
	if err != nil {
		return err
	}
	sum, has, err := read(&walletv1.IssueInvoiceRequest{Lines: inv.Lines, Asset: inv.Asset, Delivery: inv.Delivery, Total: inv.Total})
	if err != nil {
		return edge.E(edge.Corrupt, "an invoice cannot be read: %w", err)
	}
	if err := s.complete(tx, a.ID, inv.Payee, has, inv.Asset, sum); err != nil {
		return err
	}
	m := ledger.Move{ID: a.ID, Kind: ledger.Deal, Purpose: shariah.Purchase.String(), Reference: inv.Id, MCC: uint16(code)}
	if m.Postings, err = s.postings(tx, from, inv.Payee, inv.Total); err != nil {
		return err
	}
	if err := s.money.Move(tx, m); err != nil {
		return err
	}
	a.Done(tx)
	return s.moved(tx, a.ID, inv, from)
}

// judgedBy is what a seller sells: as the code says that is paid, and otherwise as was said before. What a code said is
// remembered with a payment that is held, so that paying by number is no way around the officer who declined it.
func judgedBy(inv *walletv1.Invoice, code mcc.Code) (mcc.Code, error) {
	if inv.Mcc == "" {
		if code != 0 {
			inv.Mcc = code.String()
		}
		return code, nil
	}
	said, err := mcc.Parse(inv.Mcc)
	switch {
	case err != nil:
		return 0, edge.E(edge.Corrupt, "an invoice cannot be read: %w", err)
	case code != 0 && code != said:
		return 0, otherMerchant(inv, code.String())
	}
	return said, nil
}

func otherMerchant(inv *walletv1.Invoice, code string) error {
	return edge.E(edge.Refused, "the code says another kind of merchant than the invoice").WithHint("ask the merchant for a new code").
		WithCode(CodeMerchant, edge.Fact{Name: "mcc", Value: code}, edge.Fact{Name: "invoice", Value: inv.Mcc})
}

// postings is how a sum goes to who is paid.
func (s *Invoices) postings(tx edge.Tx, from ledger.AccountInfo, payee, text string) ([]ledger.Posting, error) {
	to, err := s.seller(tx, payee)
	if err != nil {
		return nil, err
	}
	if err := book.Own(from, to.Fund); err != nil {
		return nil, err
	}
	sum, err := book.ParseAmount(text)
	if err != nil {
		return nil, err
	}
	return s.money.Path(tx, from, to, sum)
}

// moved notes what became of the payment.
func (s *Invoices) moved(tx edge.Tx, id edge.ID, inv *walletv1.Invoice, from ledger.AccountInfo) error {
	t, err := s.led.ShowTransfer(tx, id)
	if err != nil {
		return err
	}
	inv.PaidBy, inv.Payment = from.ID.String(), id.String()
	if inv.PaidBy != inv.Payer {
		invoices.Under(tx, inv.PaidBy, inv.Id)
	}
	switch t.GetStatus() {
	case walletv1.TransferStatus_POSTED:
		end(inv, walletv1.InvoiceState_INVOICE_PAID, tx.Now())
		return keep(tx, inv, EventPaid)
	case walletv1.TransferStatus_UNDER_REVIEW:
		inv.State = walletv1.InvoiceState_INVOICE_PAYING
		tx.Set(payingKey(id), []byte(inv.Id))
		return keep(tx, inv, EventPaying)
	}
	return edge.E(edge.Internal, "a payment of an invoice neither moved nor waits")
}

// reviewed is told by the ledger that a payment under review went through or ended: the invoice is paid, or open again.
func (s *Invoices) reviewed(tx edge.Tx, e ledger.Ended) error {
	id, err := tx.Get(payingKey(e.Hold))
	if edge.IsKind(err, edge.NotFound) {
		return nil // it was no payment of an invoice
	} else if err != nil {
		return err
	}
	inv := &walletv1.Invoice{}
	if err := invoices.Find(tx, string(id), inv); err != nil {
		return edge.E(edge.Corrupt, "the invoice of a payment cannot be read: %w", err)
	}
	tx.Delete(payingKey(e.Hold))
	if e.Posted {
		end(inv, walletv1.InvoiceState_INVOICE_PAID, tx.Now())
		return keep(tx, inv, EventPaid)
	}
	inv.State, inv.PaidBy, inv.Payment = walletv1.InvoiceState_INVOICE_OPEN, "", ""
	return keep(tx, inv, EventReopened)
}

// getInvoice shows an invoice. One that is made out to somebody is not there for others.
func (s *Invoices) getInvoice(v edge.View, in *walletv1.GetInvoiceRequest) (*walletv1.Invoice, error) {
	inv, err := find(v, in.GetInvoice())
	if err != nil || in.GetAccount() == "" {
		return inv, err
	}
	a, err := s.money.Find(v, in.GetAccount())
	if err != nil {
		return nil, err
	}
	if who := a.ID.String(); who == inv.Payee || who == inv.PaidBy || inv.Payer == "" || who == inv.Payer {
		return inv, nil
	}
	return nil, edge.E(edge.NotFound, "there is no such invoice").WithHint("check its number, and that it is made out to this account").WithCode(CodeInvoice)
}

func (s *Invoices) listInvoices(v edge.View, in *walletv1.ListInvoicesRequest) (out *walletv1.ListInvoicesResponse, err error) {
	account := ""
	if in.GetAccount() != "" {
		a, err := s.money.Find(v, in.GetAccount())
		if err != nil {
			return nil, err
		}
		account = a.ID.String()
	}
	of := in.GetState().String()
	if in.GetPayable() {
		of += "/payable"
	}
	out = &walletv1.ListInvoicesResponse{}
	out.NextPageToken, err = book.List(v, invoices, book.Page{Under: account, Of: of, After: in.GetPageToken(), Size: in.GetPageSize()},
		func() *walletv1.Invoice { return &walletv1.Invoice{} }, func(inv *walletv1.Invoice) (bool, error) {
			if !listed(inv, account, in.GetPayable(), in.GetState()) {
				return false, nil
			}
			out.Invoices = append(out.Invoices, inv)
			return true, nil
		})
	return out, err
}

// listed reports whether an invoice belongs to a list.
func listed(inv *walletv1.Invoice, account string, payable bool, state walletv1.InvoiceState) bool {
	if state != 0 && inv.State != state {
		return false
	}
	if account == "" {
		return true
	}
	if payable {
		return inv.PaidBy == account || inv.PaidBy == "" && inv.Payer == account
	}
	return inv.Payee == account
}
