package books

import (
	"io"
	"iter"
	"strings"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/bankfile"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/statement"
)

// A Request is for a statement.
type Request struct {
	edge.Redacted

	Account     string
	File        string    // "statement.pdf": pdf, csv, hledger, ledger, beancount or camt053
	From, Until time.Time // zero: since it was opened, until now
	Language    string    // of a PDF: en, id, ms, ur or ar; empty: en
	Site        string    // its name
	Now         time.Time
}

// Statement writes the statement of an account. It fails with NotFound where there is no such account, Invalid where
// the request or the account does not fit the format, Exhausted where a PDF would be too long, and as package statement
// and package bankfile do.
func (b *Book) Statement(w io.Writer, q Request) error {
	if q.Account == "" {
		return invalid("the account is missing", "name one")
	}
	id, err := ledger.ParseID(q.Account)
	if err != nil {
		return err
	}
	p, err := b.led.Period(b.v, id, q.From, q.Until)
	if err != nil {
		return err
	}
	if p.From.IsZero() {
		p.From = p.Opened
	}
	if p.Until.IsZero() || p.Until.After(q.Now) {
		p.Until = q.Now
	}
	switch format := strings.TrimPrefix(q.File, "statement."); format {
	case "pdf":
		return b.paper(q, p, func(a statement.Account) error { return statement.AccountPDF(w, a, q.Language, b.lines(p, q.Language)) })
	case "csv":
		return b.paper(q, p, func(a statement.Account) error { return statement.AccountCSV(w, a, b.lines(p, q.Language)) })
	case "camt053":
		return b.camt(w, q, p)
	case "hledger", "ledger", "beancount":
		formats := map[string]statement.Format{"hledger": statement.Hledger, "ledger": statement.Ledger, "beancount": statement.Beancount}
		return statement.Write(w, formats[format], extract{b: b, p: p})
	}
	return invalid("there is no statement in this format", "use pdf, csv, hledger, ledger, beancount or camt053")
}

// paper describes an account to people.
func (b *Book) paper(q Request, p ledger.Period, write func(statement.Account) error) error {
	scale, err := b.scale(p.Asset)
	if err != nil {
		return err
	}
	return write(statement.Account{Site: q.Site, Number: p.ID.String(), Owner: p.Name, Fund: p.Fund, Currency: p.Asset, Scale: scale,
		From: p.From, To: p.Until, Made: q.Now, Opening: p.Opening, Closing: p.Closing})
}

func (b *Book) lines(p ledger.Period, lang string) iter.Seq2[statement.Line, error] {
	return func(yield func(statement.Line, error) bool) {
		for l, err := range b.led.Lines(b.v, p) {
			if !yield(statement.Line{Time: l.Time, ID: l.Transfer.String(), Note: note(&l, lang), Amount: l.Amount}, err) {
				return
			}
		}
	}
}

// note is what a line is called: by what people wrote, else by what it is.
func note(l *ledger.Line, lang string) string {
	var parts []string
	for _, s := range []string{l.Reference, l.Memo} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	if len(parts) == 0 {
		return statement.KindWord(lang, l.Kind)
	}
	return strings.Join(parts, " ")
}

// camt writes what banks read. Only currencies of ISO 4217 fit.
func (b *Book) camt(w io.Writer, q Request, p ledger.Period) error {
	scale, err := b.scale(p.Asset)
	if err != nil {
		return err
	}
	h := bankfile.Header{MessageID: "S" + q.Now.UTC().Format("20060102150405"), Created: q.Now, Account: p.ID.String(), Owner: p.Name, Currency: p.Asset, Decimals: scale,
		From: p.From, To: p.Until, Opening: p.Opening, Closing: p.Closing}
	return bankfile.WriteCAMT(w, h, func(yield func(bankfile.Entry, error) bool) {
		for l, err := range b.led.Lines(b.v, p) {
			if !yield(bankEntry(&l), err) {
				return
			}
		}
	})
}

func bankEntry(l *ledger.Line) bankfile.Entry {
	text := strings.TrimSpace(l.Reference + " " + l.Memo)
	return bankfile.Entry{Booked: l.Time, Value: l.Time, Amount: l.Amount, Reference: l.Transfer.String(), Remittance: text, Purpose: l.Kind, Reversal: l.Kind == "reverse"}
}

// An extract is the journal of one account: what it stood at, and then each entry with the account on the other side.
type extract struct {
	edge.Redacted
	b *Book
	p ledger.Period
}

// Entries implements statement.Journal.
func (x extract) Entries() iter.Seq2[statement.Entry, error] {
	return func(yield func(statement.Entry, error) bool) {
		if !x.p.Opening.IsZero() {
			e, err := x.opening()
			if !yield(e, err) || err != nil {
				return
			}
		}
		for l, err := range x.b.led.Lines(x.b.v, x.p) {
			var e statement.Entry
			if err == nil {
				e, err = x.entry(&l)
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

func (x extract) opening() (statement.Entry, error) {
	own, err := x.b.leg(x.p.ID, x.p.Opening.Negated())
	other := own
	other.Root, other.Account, other.Amount = statement.Equity, []string{"opening"}, x.p.Opening
	return statement.Entry{Time: x.p.From, ID: "opening", Note: "opening", Legs: []statement.Leg{own, other}}, err
}

func (x extract) entry(l *ledger.Line) (statement.Entry, error) {
	own, err := x.b.leg(x.p.ID, l.Amount.Negated())
	if err != nil {
		return statement.Entry{}, err
	}
	other, err := x.b.leg(l.Other, l.Amount)
	e := statement.Entry{Time: l.Time, ID: l.Transfer.String(), Note: l.Purpose, Legs: []statement.Leg{own, other}}
	if e.Note == "" {
		e.Note = l.Kind
	}
	return e, err
}
