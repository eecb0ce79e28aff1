package invoices

import (
	"fmt"
	"strings"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/book"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/qr"
	"github.com/aielon/edge/services/wallet/shariah/mcc"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// What marks an account of this wallet in a merchant's code: a template of MPM (26 to 51) with a domain turned around,
// and the account in its first field. The invoice stands in the additional data, in a template for schemes (50 to 99 of
// 62), since its number is longer than the 25 characters other fields have.
const (
	scheme       = "ORG.AIELON.WALLET"
	accountAt    = "26"
	accountField = "01"
	invoiceAt    = "50"
)

// invoiceHead is what comes before the number of an invoice in its template.
var invoiceHead = fmt.Sprintf("00%02d%s0126", len(scheme), scheme)

// encodeQr makes the code by which others pay into an account, or pay an invoice of it.
func (s *Invoices) encodeQr(v edge.View, in *walletv1.EncodeQrRequest) (*walletv1.PaymentCode, error) {
	a, err := s.seller(v, in.GetAccount())
	if err != nil {
		return nil, err
	}
	code, err := mcc.Parse(in.GetMcc())
	if err != nil {
		return nil, err
	}
	if err := s.rules.Forbids(v, code); err != nil {
		return nil, err
	}
	m := qr.Merchant{MCC: code.String(), Country: in.GetCountry(), Name: in.GetName(), City: in.GetCity(),
		Accounts: []qr.Account{{ID: accountAt, GUID: scheme, Fields: []qr.Object{{ID: accountField, Value: a.ID.String()}}}}}
	if m.Currency, err = known(v, a.Asset); err != nil {
		return nil, err
	}
	if in.GetAmount() != "" {
		if m.Amount, err = book.ParseAmount(in.GetAmount()); err != nil {
			return nil, err
		}
	}
	if in.GetInvoice() != "" {
		if err := bill(v, &m, in.GetInvoice(), a.ID.String()); err != nil {
			return nil, err
		}
	}
	out := &walletv1.PaymentCode{}
	if out.Text, err = m.Encode(); err != nil {
		return nil, err
	}
	out.Svg, err = qr.SVG(out.Text)
	return out, err
}

// known is the currency of an account as codes have it.
func known(v edge.View, asset string) (qr.Currency, error) {
	c, ok := qr.CurrencyOf(asset)
	scale, err := ledger.Scale(v, asset)
	if err == nil && (!ok || scale != c.Scale) {
		err = edge.E(edge.Refused, "codes of merchants are for currencies of ISO 4217 only").WithHint("use an account of such a currency").WithCode(ledger.CodeCurrency, edge.Fact{Name: "account", Value: asset})
	}
	return c, err
}

// bill puts an invoice into a code: it is made for one payment then.
func bill(v edge.View, m *qr.Merchant, id, account string) error {
	inv, err := find(v, id)
	if err != nil {
		return err
	}
	if inv.Payee != account {
		return edge.E(edge.NotFound, "the account has no such invoice").WithHint("check the invoice and the account").WithCode(CodeInvoice)
	}
	if err := isOpen(inv); err != nil {
		return err
	}
	sum, err := total(inv)
	if err != nil {
		return err
	}
	if !m.Amount.IsZero() && m.Amount != sum {
		return differs(sum, m.Amount)
	}
	if inv.Mcc != "" && inv.Mcc != m.MCC {
		return otherMerchant(inv, m.MCC)
	}
	m.Dynamic, m.Amount = true, sum
	m.Additional.Others = []qr.Object{{ID: invoiceAt, Value: invoiceHead + inv.Id}}
	return nil
}

func differs(says, is amount.Amount) error {
	return edge.E(edge.Refused, "the code or the invoice says another amount").WithHint("pay exactly what it says").
		WithCode(CodeAmount, edge.Fact{Name: "says", Value: says.String()}, edge.Fact{Name: "amount", Value: is.String()})
}

// A place is where the money of a code goes, as far as it is a code of this wallet.
type place struct {
	account edge.ID // zero: of another scheme
	invoice string
}

// placeOf finds our own account in a code. It fails with Invalid where there are two, or it cannot be read: it is not for a
// payer to guess which is meant.
func placeOf(m *qr.Merchant) (p place, err error) {
	for _, a := range m.Accounts {
		if a.GUID != scheme {
			continue
		}
		id, ok := edge.ID{}, false
		for _, f := range a.Fields {
			if f.ID == accountField {
				id, ok = edge.ReadID(f.Value)
			}
		}
		if !ok || id.IsZero() || !p.account.IsZero() {
			return p, unreadable()
		}
		p.account = id
	}
	for _, o := range m.Additional.Others {
		text, ours := strings.CutPrefix(o.Value, invoiceHead)
		if !ours {
			continue
		}
		id, ok := edge.ReadID(text)
		if !ok || id.IsZero() || p.invoice != "" || p.account.IsZero() {
			return p, unreadable()
		}
		p.invoice = id.String()
	}
	return p, nil
}

func unreadable() error {
	return edge.E(edge.Invalid, "the payment code does not name its account as this wallet does").WithHint("ask the merchant for a new code").WithCode(qr.Invalid)
}

// decodeQr says what a code says. It looks at nothing that belongs to others.
func (s *Invoices) decodeQr(v edge.View, in *walletv1.DecodeQrRequest) (*walletv1.DecodedQr, error) {
	m, err := qr.DecodeMerchant(in.GetText())
	if err != nil {
		return nil, err
	}
	at, err := placeOf(&m)
	if err != nil {
		return nil, err
	}
	out := &walletv1.DecodedQr{Name: m.Name, City: m.City, Country: m.Country, Mcc: m.MCC, Asset: m.Currency.Name, Dynamic: m.Dynamic, Tip: m.Tip.Kind != qr.NoTip, Invoice: at.invoice}
	if !m.Amount.IsZero() {
		out.Amount = m.Amount.String()
	}
	if !at.account.IsZero() {
		out.Account = at.account.String()
	}
	if q, ok, err := m.QRIS(); ok && err == nil {
		out.Nmid = q.NMID
	}
	if _, err := mcc.Parse(m.MCC); err != nil { // 0000 is given out to nobody, and on stickers all the same
		return out, nil
	}
	if out.Verdict, err = s.rules.Screen(v, m.MCC, in.GetLanguage()); err != nil {
		return nil, err
	}
	out.Payable, err = s.payable(v, &m, at, out.Verdict)
	return out, err
}

// payable reports whether payQr would look at who pays and how much, and find nothing else against it.
func (s *Invoices) payable(v edge.View, m *qr.Merchant, at place, verdict *walletv1.MccVerdict) (bool, error) {
	if at.account.IsZero() || m.Tip.Kind != qr.NoTip || verdict.GetAct() == walletv1.RuleAct_RULE_DENY {
		return false, nil
	}
	a, err := s.led.Find(v, at.account)
	if edge.IsKind(err, edge.NotFound) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	if here := sells(a) && a.Open && a.Asset == m.Currency.Name; !here || at.invoice == "" {
		return here, nil
	}
	inv, err := find(v, at.invoice)
	if edge.IsKind(err, edge.NotFound) {
		return false, nil
	}
	return err == nil && inv.Payee == a.ID.String() && isOpen(inv) == nil, err
}
