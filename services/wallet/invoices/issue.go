package invoices

import (
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/book"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/shariah"
	"github.com/aielon/edge/services/wallet/shariah/mcc"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// spot is the delivery of what is handed over at once.
const spot = "spot"

// issue keeps a new invoice. What it lacks, the rules say.
func (s *Invoices) issue(tx edge.Tx, in *walletv1.IssueInvoiceRequest) (*walletv1.Invoice, error) {
	a, again, err := book.Begin(tx, "issue-invoice", in.GetId(), in)
	if err != nil {
		return nil, err
	}
	if again {
		return find(tx, a.Text)
	}
	inv, err := s.sides(tx, in)
	if err != nil {
		return nil, err
	}
	sum, offer, err := read(in)
	if err != nil {
		return nil, err
	}
	if err := s.complete(tx, a.ID, inv.Payee, offer, in.GetAsset(), sum); err != nil {
		return nil, err
	}
	if err := s.category(tx, a.ID, inv, in.GetMcc()); err != nil {
		return nil, err
	}
	inv.Id, inv.State, inv.Total, inv.Issued = a.Text, walletv1.InvoiceState_INVOICE_OPEN, sum.String(), timestamppb.New(tx.Now())
	inv.Lines, inv.Delivery, inv.Note = in.GetLines(), in.GetDelivery(), in.GetNote()
	for _, account := range []string{inv.Payee, inv.Payer} {
		if account != "" {
			invoices.Under(tx, account, inv.Id)
		}
	}
	a.Done(tx)
	return inv, keep(tx, inv, EventIssued)
}

// sides finds who sells and, where it is made out to somebody, who is to pay.
func (s *Invoices) sides(v edge.View, in *walletv1.IssueInvoiceRequest) (*walletv1.Invoice, error) {
	payee, err := s.seller(v, in.GetPayee())
	if err != nil {
		return nil, err
	}
	if in.GetAsset() != "" && in.GetAsset() != payee.Asset {
		return nil, currency(payee.Asset, in.GetAsset())
	}
	inv := &walletv1.Invoice{Payee: payee.ID.String(), Asset: payee.Asset}
	if in.GetPayer() == "" {
		return inv, nil
	}
	payer, err := s.money.Find(v, in.GetPayer())
	switch {
	case err != nil:
		return nil, err
	case payer.ID == payee.ID:
		return nil, book.Invalid("nobody sells to themselves")
	case payer.Asset != payee.Asset:
		return nil, currency(payee.Asset, payer.Asset)
	}
	inv.Payer = payer.ID.String()
	return inv, book.Own(payer, payee.Fund)
}

// seller finds an account that may be paid for something: a member's, or one that the income of the house comes to.
func (s *Invoices) seller(v edge.View, id string) (ledger.AccountInfo, error) {
	a, err := s.money.Find(v, id)
	if err != nil {
		return a, err
	}
	if !sells(a) {
		return a, book.Invalid("who sells needs an account of a member, or of the house one of kind INCOME").
			WithHint("the house sells for its general fund or for the yield of an endowment: other money was given for something else")
	}
	if !a.Open {
		return a, edge.E(edge.Refused, "the account is frozen or closed").WithHint("use another account").WithCode(ledger.CodeFrozen, edge.Fact{Name: "account", Value: a.ID.String()})
	}
	return a, nil
}

func sells(a ledger.AccountInfo) bool {
	if book.IsMember(a) {
		return a.Fund == book.Amanah
	}
	f, err := shariah.ParseFund(a.Fund)
	return err == nil && a.Kind == ledger.Kind(walletv1.AccountKind_INCOME) && (f.Kind == shariah.General || f.Kind == shariah.WaqfYield)
}

func currency(is, meant string) error {
	return edge.E(edge.Refused, "the account is of another currency").WithHint("use an account of the currency that is meant").
		WithCode(ledger.CodeCurrency, edge.Fact{Name: "account", Value: is}, edge.Fact{Name: "asset", Value: meant})
}

// read adds an invoice up, and says which of the things are there that make a sale certain. What is there and cannot be
// read is Invalid; a price or a quantity of nothing is not there.
func read(in *walletv1.IssueInvoiceRequest) (sum amount.Amount, has shariah.Offer, err error) {
	if n := len(in.GetLines()); n > 0 {
		has = shariah.HasPrice | shariah.HasQuantity | shariah.HasDescription
	}
	for _, l := range in.GetLines() {
		one, lacks, err := readLine(l)
		if err != nil {
			return sum, has, err
		}
		has &^= lacks
		var ok bool
		if sum, ok = sum.Add(one); !ok {
			return sum, has, tooMuch()
		}
	}
	if in.GetAsset() != "" {
		has |= shariah.HasCurrency
	}
	if _, err := time.Parse(time.DateOnly, in.GetDelivery()); err == nil || in.GetDelivery() == spot {
		has |= shariah.HasDelivery
	}
	if in.GetTotal() == "" {
		return sum, has, nil
	}
	said, err := amount.Parse(in.GetTotal())
	if err == nil && said != sum {
		err = edge.E(edge.Invalid, "the lines come to another total").WithHint("leave the total out, or correct it").
			WithCode(CodeAmount, edge.Fact{Name: "total", Value: said.String()}, edge.Fact{Name: "lines", Value: sum.String()})
	}
	return sum, has, err
}

func readLine(l *walletv1.InvoiceLine) (sum amount.Amount, lacks shariah.Offer, err error) {
	var price amount.Amount
	if l.GetPrice() != "" {
		if price, err = amount.Parse(l.GetPrice()); err != nil {
			return sum, 0, err
		}
	}
	if price.IsZero() {
		lacks |= shariah.HasPrice
	}
	if l.GetQuantity() == 0 {
		lacks |= shariah.HasQuantity
	}
	if strings.TrimSpace(l.GetDescription()) == "" {
		lacks |= shariah.HasDescription
	}
	sum, ok := price.MulDiv(l.GetQuantity(), 1, amount.Down)
	if !ok {
		err = tooMuch()
	}
	return sum, lacks, err
}

func tooMuch() error {
	return edge.E(edge.Invalid, "the invoice comes to more than can be paid").WithHint("check the quantities and prices").WithCode(amount.CodeInvalid)
}

// complete asks the rules whether what is sold is certain enough to be paid.
func (s *Invoices) complete(tx edge.Tx, id edge.ID, payee string, has shariah.Offer, asset string, sum amount.Amount) error {
	to, err := s.money.Find(tx, payee)
	if err != nil {
		return err
	}
	f := &shariah.Facts{Purpose: shariah.InvoicePayment, From: own, Chain: true, Offer: has, AssetOut: asset, AmountOut: sum, Price: sum}
	if f.To, err = shariah.ParseFund(to.Fund); err != nil {
		return err
	}
	return book.Permit(tx, s.rules, id, f)
}

// category notes what the seller sells, where that is said. What the rules deny to pay for is not asked for.
func (s *Invoices) category(tx edge.Tx, id edge.ID, inv *walletv1.Invoice, text string) error {
	if text == "" {
		return nil
	}
	code, err := mcc.Parse(text)
	if err != nil {
		return err
	}
	inv.Mcc = code.String()
	return s.merchant(tx, id, code)
}

// own is the fund of what belongs to people.
var own = shariah.Fund{Kind: shariah.Amanah}

// cancel takes an invoice back. One that was taken back stays so.
func (s *Invoices) cancel(tx edge.Tx, in *walletv1.CancelInvoiceRequest) (*walletv1.Invoice, error) {
	inv, err := find(tx, in.GetInvoice())
	if err != nil || inv.State == walletv1.InvoiceState_INVOICE_CANCELLED {
		return inv, err
	}
	if err := isOpen(inv); err != nil {
		return nil, err
	}
	end(inv, walletv1.InvoiceState_INVOICE_CANCELLED, tx.Now())
	return inv, keep(tx, inv, EventCancelled)
}
