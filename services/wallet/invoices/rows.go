package invoices

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/book"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/walletv1"
)

var invoices = book.Table{Prefix: "winv/", What: "invoice", Lost: CodeInvoice}

// payingPrefix leads from the transfer that is under review to the invoice it is to pay.
const payingPrefix = "winp/"

func payingKey(transfer edge.ID) []byte { return append([]byte(payingPrefix), transfer[:]...) }

// find reads the invoice that a request names.
func find(v edge.View, text string) (*walletv1.Invoice, error) {
	if text == "" {
		return nil, book.Invalid("the invoice is missing")
	}
	id, err := ledger.ParseID(text)
	if err != nil {
		return nil, err
	}
	inv := &walletv1.Invoice{}
	return inv, invoices.Find(v, id.String(), inv)
}

// keep keeps an invoice and tells of a step.
func keep(tx edge.Tx, inv *walletv1.Invoice, event string) error {
	book.Emit(tx, event, "invoice:"+inv.Id, edge.Personal, map[string]any{"invoice": inv.Id, "state": inv.State.String(), "payee": inv.Payee, "paid_by": inv.PaidBy,
		"payment": inv.Payment, "asset": inv.Asset, "amount": inv.Total})
	return invoices.Save(tx, inv.Id, inv)
}

// end notes when an invoice was paid or cancelled.
func end(inv *walletv1.Invoice, state walletv1.InvoiceState, now time.Time) {
	inv.State, inv.Ended = state, timestamppb.New(now)
}

// total reads what an invoice comes to, from its row.
func total(inv *walletv1.Invoice) (amount.Amount, error) {
	a, err := amount.Parse(inv.Total)
	if err != nil {
		err = edge.E(edge.Corrupt, "an invoice cannot be read: %w", err)
	}
	return a, err
}

// isOpen refuses what can be done with an open invoice only.
func isOpen(inv *walletv1.Invoice) error {
	var code, sentence, hint string
	switch inv.State {
	case walletv1.InvoiceState_INVOICE_OPEN:
		return nil
	case walletv1.InvoiceState_INVOICE_PAID:
		code, sentence, hint = CodePaid, "the invoice is paid already", "look at what paid it"
	case walletv1.InvoiceState_INVOICE_PAYING:
		code, sentence, hint = CodePaying, "the invoice is being paid: somebody has to decide on the payment first", "wait until that is decided"
	default:
		code, sentence, hint = CodeCancelled, "the invoice was taken back", "ask for a new one"
	}
	return edge.E(edge.Conflict, "%s", sentence).WithHint("%s", hint).WithCode(code, edge.Fact{Name: "invoice", Value: inv.Id}, edge.Fact{Name: "payment", Value: inv.Payment})
}
