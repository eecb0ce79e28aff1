package bankfile

import (
	"io"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
)

// A Version of pain.001 that banks take.
type Version uint8

const (
	Pain09 Version = iota // pain.001.001.09, of 2019, the SEPA schemes' own since November 2023
	Pain03                // pain.001.001.03, of 2009, what most banks still take
)

func (v Version) space() string {
	if v == Pain03 {
		return "urn:iso:std:iso:20022:tech:xsd:pain.001.001.03"
	}
	return "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"
}

// An Order asks our bank to pay others from one account of ours on one day.
type Order struct {
	edge.Redacted
	Version   Version
	MessageID string    // ours, up to 35 characters; a bank refuses one it has seen
	Created   time.Time // when the order was made
	Day       time.Time // when the bank shall pay
	Debtor    string    // our name, as the bank knows it, up to 70 characters
	Account   string    // our IBAN, or number
	BIC       string    // of our bank; empty where the account says it
	Currency  string
	Decimals  int
	Payments  []Payment // 1 to MaxEntries
}

// A Payment is one line of an Order.
type Payment struct {
	edge.Redacted
	ID         string        // end to end, up to 35 characters, once in an order; it comes back in the statement
	Amount     amount.Amount // minor units, more than nothing
	Creditor   string        // name, up to 70 characters
	Account    string        // IBAN, or number
	BIC        string        // of the creditor's bank; empty where the account says it
	Remittance string        // up to 140 characters
	Structured string        // a creditor reference such as ISO 11649; instead of Remittance
}

// WritePain writes o as pain.001. It refuses, with Invalid and the number of the payment, what a bank would refuse, and
// writes nothing then.
func WritePain(w io.Writer, o Order) error {
	sum, err := o.check()
	if err != nil {
		return err
	}
	x := newXML(w)
	x.open("Document xmlns=\"" + o.Version.space() + "\"")
	x.open("CstmrCdtTrfInitn")
	x.open("GrpHdr")
	x.leaf("MsgId", o.MessageID)
	x.leaf("CreDtTm", stamp(o.Created))
	o.totals(x, sum)
	x.open("InitgPty")
	x.leaf("Nm", tidy(o.Debtor))
	x.close()
	x.close()
	x.open("PmtInf")
	o.head(x, sum)
	for i := range o.Payments {
		o.payment(x, &o.Payments[i])
	}
	return x.end()
}

func (o *Order) check() (sum amount.Amount, err error) {
	h := Header{MessageID: o.MessageID, Account: o.Account, Currency: o.Currency, Decimals: o.Decimals}
	if err := h.check(); err != nil {
		return sum, err
	}
	switch {
	case !code(o.Debtor, 70):
		return sum, refuse("the name of the one who pays has 1 to 70 characters")
	case o.BIC != "" && !validBIC(o.BIC):
		return sum, refuse("our bank's BIC is not one: 8 or 11 capitals and digits")
	case len(o.Payments) == 0 || len(o.Payments) > MaxEntries:
		return sum, refuse("an order has 1 to %d payments", MaxEntries)
	case o.Day.IsZero() || o.Created.IsZero():
		return sum, refuse("an order needs the time it was made and the day the bank shall pay")
	}
	seen := make(map[string]bool, len(o.Payments))
	for i := range o.Payments {
		p := &o.Payments[i]
		if err := p.check(i+1, o.Decimals); err != nil {
			return sum, err
		}
		if seen[p.ID] {
			return sum, refuse("payment %d has the id of an earlier one", i+1).WithHint("leave one of them out; it may be the same payment twice")
		}
		seen[p.ID] = true
		var ok bool
		if sum, ok = sum.Add(p.Amount); !ok {
			return sum, refuse("payment %d makes the sum larger than can be counted", i+1)
		}
	}
	return sum, fits(amount.Signed{Amount: sum}, o.Decimals)
}

func (p *Payment) check(n, decimals int) error {
	switch {
	case !code(p.ID, 35):
		return refuse("payment %d needs an id of 1 to 35 characters", n)
	case p.Amount.IsZero():
		return refuse("payment %d is of nothing", n)
	case fits(amount.Signed{Amount: p.Amount}, decimals) != nil:
		return refuse("payment %d has more than 18 digits", n)
	case !code(p.Creditor, 70):
		return refuse("payment %d needs a creditor's name of 1 to 70 characters", n)
	case !code(p.Account, 34):
		return refuse("payment %d needs the creditor's account, 1 to 34 characters", n)
	case looksIBAN(p.Account) && !ValidIBAN(Compact(p.Account)):
		return refuse("payment %d goes to an IBAN whose check digits are wrong", n).WithHint("ask the creditor for it again")
	case p.BIC != "" && !validBIC(p.BIC):
		return refuse("payment %d has a BIC that is not one: 8 or 11 capitals and digits", n)
	case p.Remittance != "" && !code(p.Remittance, 140) || p.Structured != "" && !code(p.Structured, 35):
		return refuse("payment %d has more than 140 characters of text or 35 of reference", n)
	case p.Remittance != "" && p.Structured != "":
		return refuse("payment %d has a text and a reference; banks carry only one of them", n)
	}
	return nil
}

// looksIBAN reports whether a number begins as IBANs do; a number of a bank that has none does not.
func looksIBAN(s string) bool {
	s = Compact(s)
	return len(s) >= 15 && letter(s[0]) && letter(s[1]) && digit(s[2]) && digit(s[3])
}

func (o *Order) totals(x *writer, sum amount.Amount) {
	x.leaf("NbOfTxs", amount.Of(uint64(len(o.Payments))).String())
	x.leaf("CtrlSum", amount.Signed{Amount: sum}.Decimal(o.Decimals))
}

// head is what all payments share.
func (o *Order) head(x *writer, sum amount.Amount) {
	x.leaf("PmtInfId", o.MessageID)
	x.leaf("PmtMtd", "TRF")
	o.totals(x, sum)
	if o.Version == Pain03 {
		x.leaf("ReqdExctnDt", o.Day.Format(time.DateOnly))
	} else {
		x.open("ReqdExctnDt")
		x.leaf("Dt", o.Day.Format(time.DateOnly))
		x.close()
	}
	x.open("Dbtr")
	x.leaf("Nm", tidy(o.Debtor))
	x.close()
	x.open("DbtrAcct")
	x.account(o.Account)
	x.leaf("Ccy", o.Currency)
	x.close()
	o.agent(x, "DbtrAgt", o.BIC, true)
	x.leaf("ChrgBr", "SLEV")
}

// agent names a bank; where it must be named and its BIC is not known, in the words of the EPC's guidelines.
func (o *Order) agent(x *writer, tag, bic string, must bool) {
	if bic == "" && !must {
		return
	}
	x.open(tag)
	x.open("FinInstnId")
	switch {
	case bic == "":
		x.open("Othr")
		x.leaf("Id", "NOTPROVIDED")
		x.close()
	case o.Version == Pain03:
		x.leaf("BIC", bic)
	default:
		x.leaf("BICFI", bic)
	}
	x.close()
	x.close()
}

func (o *Order) payment(x *writer, p *Payment) {
	x.open("CdtTrfTxInf")
	x.open("PmtId")
	x.leaf("EndToEndId", p.ID)
	x.close()
	x.open("Amt")
	x.leaf("InstdAmt Ccy=\""+o.Currency+"\"", amount.Signed{Amount: p.Amount}.Decimal(o.Decimals))
	x.close()
	o.agent(x, "CdtrAgt", p.BIC, false)
	x.open("Cdtr")
	x.leaf("Nm", tidy(p.Creditor))
	x.close()
	x.open("CdtrAcct")
	x.account(p.Account)
	x.close()
	x.remittance(p.Remittance, p.Structured)
	x.close()
}
