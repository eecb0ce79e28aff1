package bankfile

import (
	"encoding/xml"
	"io"
	"strings"
	"time"

	"github.com/aielon/edge/services/wallet/amount"
)

// The two namespaces of camt.053 that are read: what banks in Asia and Europe mostly write, and its successor.
const (
	camt02 = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"
	camt08 = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"
)

// ReadCAMT reads the statements of a camt.053 file, version 001.02 or 001.08. Only what is booked counts; a batch comes
// as its parts where the bank gives the amount of each. It refuses, with Invalid and the entry and line, whatever is not
// sound, currencies that scale does not know, and statements that do not add up.
func ReadCAMT(r io.Reader, scale Scale) ([]*Statement, error) {
	c := &camt{src: newSource(r), scale: scale}
	if err := c.root(); err != nil {
		return nil, err
	}
	for {
		t, err := c.src.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		start, ok := t.(xml.StartElement)
		if !ok || start.Name.Space != c.src.space {
			continue
		}
		switch start.Name.Local {
		case "BkToCstmrStmt":
		case "Stmt":
			err = c.statement()
		default:
			_, err = c.src.read(start)
		}
		if err != nil {
			return nil, err
		}
	}
	if len(c.done) == 0 {
		return nil, refuse("the file holds no statement").WithHint("ask the bank for camt.053; camt.052 and camt.054 are not statements")
	}
	return c.done, nil
}

type camt struct {
	src     *source
	scale   Scale
	s       *Statement
	done    []*Statement
	entries int // of all statements
}

// root finds the document's first element and the version it is in.
func (c *camt) root() error {
	for {
		t, err := c.src.next()
		if err == io.EOF {
			return refuse("the file is empty")
		}
		if err != nil {
			return err
		}
		start, ok := t.(xml.StartElement)
		if !ok {
			continue
		}
		if space := start.Name.Space; start.Name.Local != "Document" || space != camt02 && space != camt08 {
			return refuse("line %d: this is not a camt.053 statement of version 001.02 or 001.08", c.src.line()).
				WithHint("ask the bank for one of these two, or for CSV")
		}
		c.src.space = start.Name.Space
		return nil
	}
}

// statement reads one, part by part: its entries may be many.
func (c *camt) statement() error {
	c.s = &Statement{}
	for {
		t, err := c.src.next()
		if err == io.EOF {
			return refuse("line %d: the file ends in the middle", c.src.line()).WithHint("fetch it from the bank again")
		}
		if err != nil {
			return err
		}
		switch t := t.(type) {
		case xml.EndElement:
			c.s.span()
			c.done = append(c.done, c.s)
			return c.s.Check()
		case xml.StartElement:
			n, err := c.src.read(t)
			if err == nil {
				err = c.part(n)
			}
			if err != nil {
				return err
			}
		}
	}
}

func (c *camt) part(n *tree) (err error) {
	switch n.name {
	case "Id":
		c.s.ID = n.text
	case "FrToDt":
		if c.s.From, err = when(n.at("FrDtTm")); err == nil {
			c.s.To, err = when(n.at("ToDtTm"))
		}
	case "Acct":
		c.s.IBAN, c.s.Other = Compact(n.get("Id", "IBAN")), n.get("Id", "Othr", "Id")
		if c.s.IBAN != "" && !ValidIBAN(c.s.IBAN) {
			return refuse("line %d: the account's IBAN is not one: its check digits are wrong", n.line)
		}
		if ccy := n.get("Ccy"); ccy != "" {
			_, err = c.currency(n.line, ccy)
		}
	case "Bal":
		err = c.balance(n)
	case "Ntry":
		err = c.entry(n)
	}
	return err
}

func (c *camt) balance(n *tree) error {
	var to *Balance
	switch n.get("Tp", "CdOrPrtry", "Cd") {
	case "OPBD", "PRCD":
		to = &c.s.Opening
	case "CLBD":
		to = &c.s.Closing
	default:
		return nil
	}
	if to.Known {
		return nil // PRCD beside OPBD says the same
	}
	sum, err := c.money(n)
	if err != nil {
		return err
	}
	day, err := when(n.at("Dt"))
	*to = Balance{sum, day, true}
	return err
}

// money is the amount under n in the statement's currency, below zero for a debit.
func (c *camt) money(n *tree) (amount.Signed, error) {
	at := n.at("Amt")
	if at == nil {
		return amount.Signed{}, refuse("line %d: the amount is missing", n.line)
	}
	decimals, err := c.currency(at.line, at.ccy)
	if err != nil {
		return amount.Signed{}, err
	}
	sum, err := amount.ParseDecimal(strings.TrimSuffix(strings.TrimPrefix(at.text, "+"), "."), decimals)
	switch side := n.get("CdtDbtInd"); {
	case err != nil:
		return amount.Signed{}, at.wrap(err)
	case sum.Neg:
		return amount.Signed{}, refuse("line %d: an amount has a sign of its own, where CdtDbtInd says the side", at.line)
	case side == "DBIT":
		return sum.Negated(), nil
	case side != "CRDT":
		return amount.Signed{}, refuse("line %d: CdtDbtInd must say CRDT or DBIT", n.line)
	}
	return sum, nil
}

// currency holds everything in a statement to one currency, the account's.
func (c *camt) currency(line int, ccy string) (int, error) {
	if c.s.Currency == "" {
		c.s.Currency = ccy
	}
	decimals, known := c.scale(ccy)
	switch {
	case ccy != c.s.Currency:
		return 0, refuse("line %d: an amount is not in the account's currency", line).WithCode("currency_mismatch")
	case !known:
		return 0, refuse("line %d: the currency %.3q is not one of this site", line, ccy).WithHint("define the currency first, then import again")
	}
	return decimals, nil
}

// when reads a day or a time, right in n or in a Dt or DtTm under it. Without a zone it is UTC. No element is no time.
func when(n *tree) (time.Time, error) {
	if n == nil {
		return time.Time{}, nil
	}
	text := n.first("DtTm", "Dt")
	if text == "" {
		text = n.text
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02Z07:00"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, refuse("line %d: the date is not one (2026-01-31 or 2026-01-31T10:00:00Z)", n.line)
}
