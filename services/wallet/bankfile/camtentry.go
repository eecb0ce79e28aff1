package bankfile

import (
	"errors"
	"strings"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
)

// entry adds what one Ntry says: nothing where it is not booked, its parts where it is a batch.
func (c *camt) entry(n *tree) error {
	switch status := n.first("Sts/Cd", "Sts"); status {
	case "BOOK":
	case "PDNG", "INFO", "FUTR":
		return nil
	default:
		return refuse("line %d: the entry's status must be BOOK, PDNG, INFO or FUTR", n.line)
	}
	e, err := c.base(n)
	if err != nil {
		return err
	}
	var details []*tree
	for _, d := range n.all("NtryDtls") {
		details = append(details, d.all("TxDtls")...)
	}
	parts := c.parts(e, details)
	if parts == nil {
		if len(details) == 1 {
			e.detail(details[0])
		}
		parts = []Entry{e}
	}
	if c.entries += len(parts); c.entries > MaxEntries {
		return tooMany()
	}
	c.s.Entries = append(c.s.Entries, parts...)
	return nil
}

func tooMany() *edge.Error {
	return refuse("the file has more than %d entries", MaxEntries).WithHint("ask the bank for a shorter time")
}

// base is what is said of the entry as a whole.
func (c *camt) base(n *tree) (e Entry, err error) {
	e.Line = n.line
	if e.Amount, err = c.money(n); err != nil {
		return e, err
	}
	if e.Booked, err = when(n.at("BookgDt")); err != nil {
		return e, err
	}
	if e.Value, err = when(n.at("ValDt")); err != nil {
		return e, err
	}
	if e.Booked.IsZero() {
		e.Booked = e.Value
	}
	if e.Value.IsZero() {
		e.Value = e.Booked
	}
	if e.Booked.IsZero() {
		return e, refuse("line %d: the entry has no date of booking and none of value", n.line)
	}
	e.Reversal = n.get("RvslInd") == "true" || n.get("RvslInd") == "1"
	if e.Reference = provided(n.get("AcctSvcrRef")); e.Reference == "" {
		e.Reference, e.Local = provided(n.get("NtryRef")), true
	}
	e.Remittance = n.get("AddtlNtryInf")
	return e, nil
}

// detail fills in what is said of one transaction: of the entry where it is the only one, of a part of a batch else.
// The fields of version 08 that moved are looked for in both places.
func (e *Entry) detail(d *tree) {
	side := "Dbtr"
	if e.Amount.Neg {
		side = "Cdtr"
	}
	e.EndToEnd = provided(d.get("Refs", "EndToEndId"))
	if ref := provided(d.get("Refs", "AcctSvcrRef")); ref != "" {
		e.Reference, e.Local = ref, false
	}
	e.Counterparty = d.first("RltdPties/"+side+"/Pty/Nm", "RltdPties/"+side+"/Nm")
	e.CounterIBAN = Compact(d.get("RltdPties", side+"Acct", "Id", "IBAN"))
	e.Structured = Compact(d.get("RmtInf", "Strd", "CdtrRefInf", "Ref"))
	var lines []string
	for _, u := range d.at("RmtInf").all("Ustrd") {
		lines = append(lines, u.text)
	}
	if text := strings.Join(lines, " "); text != "" {
		e.Remittance = strings.ToValidUTF8(text[:min(len(text), maxText)], "")
	}
}

// parts are the transactions of a batch, where each has an amount in the account's currency and together they are the
// entry; else nil: what is not sure is not taken apart.
func (c *camt) parts(whole Entry, details []*tree) []Entry {
	if len(details) < 2 {
		return nil
	}
	decimals, _ := c.scale(c.s.Currency)
	var sum amount.Signed
	parts := make([]Entry, 0, len(details))
	for _, d := range details {
		at := d.at("Amt")
		if at == nil {
			at = d.at("AmtDtls", "TxAmt", "Amt")
		}
		if at == nil || at.ccy != c.s.Currency {
			return nil
		}
		part := whole
		part.Line = d.line
		var err error
		if part.Amount, err = amount.ParseDecimal(at.text, decimals); err != nil || part.Amount.Neg {
			return nil
		}
		if side := d.get("CdtDbtInd"); side == "DBIT" || side == "" && whole.Amount.Neg {
			part.Amount = part.Amount.Negated()
		}
		part.detail(d)
		var ok bool
		if sum, ok = sum.Add(part.Amount); !ok {
			return nil
		}
		parts = append(parts, part)
	}
	if sum != whole.Amount {
		return nil
	}
	return parts
}

// wrap puts the line in front of what is wrong with an amount.
func (n *tree) wrap(err error) error { return atLine(n.line, err) }

func atLine(line int, err error) error {
	var e *edge.Error
	if !errors.As(err, &e) {
		return err
	}
	c := *e
	c.Msg = refuse("line %d: %s", line, e.Msg).Msg
	return &c
}
