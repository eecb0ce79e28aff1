// Package books hands out what the ledger of the wallet holds as files: statements of one account, and journals and
// balances of all of it. It reads one view of the state and writes as it reads.
package books

import (
	"io"
	"iter"
	"strings"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/statement"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// A Book reads one view of a ledger. It is for one file.
type Book struct {
	led    *ledger.Ledger
	v      edge.View
	places map[edge.ID]ledger.Place
	scales map[string]int
}

// New reads a ledger as a view shows it.
func New(led *ledger.Ledger, v edge.View) *Book {
	return &Book{led: led, v: v, places: map[edge.ID]ledger.Place{}, scales: map[string]int{}}
}

// maxPlaces bounds the accounts that are remembered: some 4 MiB. Beyond, they are looked up again.
const maxPlaces = 1 << 15

func (b *Book) place(id edge.ID) (p ledger.Place, err error) {
	if p, ok := b.places[id]; ok {
		return p, nil
	}
	if p, err = b.led.Place(b.v, id); err != nil {
		return p, err
	}
	if len(b.places) >= maxPlaces {
		clear(b.places)
	}
	b.places[id] = p
	return p, nil
}

func (b *Book) scale(asset string) (n int, err error) {
	if n, ok := b.scales[asset]; ok {
		return n, nil
	}
	if n, err = ledger.Scale(b.v, asset); err == nil {
		b.scales[asset] = n
	}
	return n, err
}

// leg is a sum on an account as a journal has it: debits above zero.
func (b *Book) leg(id edge.ID, sum amount.Signed) (statement.Leg, error) {
	p, err := b.place(id)
	if err != nil {
		return statement.Leg{}, err
	}
	scale, err := b.scale(p.Asset)
	return statement.Leg{Root: rootOf(p.Kind), Account: []string{kindName(p.Kind), id.String()}, Fund: p.Fund, Currency: p.Asset, Scale: scale, Amount: sum}, err
}

func kindName(k ledger.Kind) string { return strings.ToLower(walletv1.AccountKind(k).String()) }

// rootOf is the side of the books an account is on.
func rootOf(k ledger.Kind) statement.Root {
	switch walletv1.AccountKind(k) {
	case walletv1.AccountKind_CASH, walletv1.AccountKind_BANK, walletv1.AccountKind_RECEIVABLE:
		return statement.Assets
	case walletv1.AccountKind_INCOME:
		return statement.Income
	case walletv1.AccountKind_EXPENSE:
		return statement.Expenses
	case walletv1.AccountKind_MEMBER, walletv1.AccountKind_PAYABLE, walletv1.AccountKind_ESCROW:
		return statement.Liabilities
	}
	return statement.Equity // clearing, transit, exchange, equity
}

// A journal is the whole ledger, or a time of it.
type journal struct {
	b           *Book
	from, until time.Time
}

// Entries implements statement.Journal.
func (j journal) Entries() iter.Seq2[statement.Entry, error] {
	return func(yield func(statement.Entry, error) bool) {
		for r, err := range j.b.led.Entries(j.b.v, j.from, j.until) {
			var e statement.Entry
			if err == nil {
				e, err = j.b.entry(&r)
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

func (b *Book) entry(r *ledger.Record) (statement.Entry, error) {
	e := statement.Entry{Time: r.Time, ID: r.ID.String(), Note: r.Purpose, Legs: make([]statement.Leg, 0, 2*len(r.Postings))}
	if e.Note == "" {
		e.Note = r.Kind
	}
	for _, p := range r.Postings {
		sum := amount.Signed{Amount: p.Amount}
		debit, err := b.leg(p.Debit, sum)
		if err != nil {
			return e, err
		}
		credit, err := b.leg(p.Credit, sum.Negated())
		if err != nil {
			return e, err
		}
		e.Legs = append(e.Legs, debit, credit)
	}
	return e, nil
}

// balances are those of all accounts, after all that moved before a moment.
func (b *Book) balances(until time.Time) iter.Seq2[statement.Balance, error] {
	return func(yield func(statement.Balance, error) bool) {
		for id, err := range b.led.Accounts(b.v) {
			var l statement.Leg
			if err == nil {
				l, err = b.balance(id, until)
			}
			if !yield(statement.Balance{Leg: l}, err) || err != nil {
				return
			}
		}
	}
}

func (b *Book) balance(id edge.ID, until time.Time) (statement.Leg, error) {
	p, err := b.led.Period(b.v, id, time.Time{}, until)
	if err != nil {
		return statement.Leg{}, err
	}
	return b.leg(id, p.Closing.Negated())
}

// Export writes a file of the whole ledger: journal.hledger, journal.ledger, journal.beancount, journal.csv or
// balances.csv. Zero times are no bound. It fails with Invalid for another name, and as package statement does.
func (b *Book) Export(w io.Writer, file string, from, until time.Time) error {
	formats := map[string]statement.Format{"journal.hledger": statement.Hledger, "journal.ledger": statement.Ledger, "journal.beancount": statement.Beancount, "journal.csv": statement.CSV}
	f, ok := formats[file]
	switch {
	case !from.IsZero() && !until.IsZero() && until.Before(from):
		return invalid("the end of the time is before its beginning", "exchange them")
	case ok:
		return statement.Write(w, f, journal{b, from, until})
	case file != "balances.csv":
		return invalid("there is no such file of the ledger", "use journal.hledger, journal.ledger, journal.beancount, journal.csv or balances.csv")
	case !from.IsZero():
		return invalid("balances have no beginning", "name only the moment they are of")
	}
	return statement.WriteBalances(w, b.balances(until))
}

// ContentType is the media type of a file by its name (RFC 7111, RFC 8118).
func ContentType(file string) string {
	switch file[strings.LastIndexByte(file, '.')+1:] {
	case "pdf":
		return "application/pdf"
	case "csv":
		return "text/csv; charset=utf-8"
	case "camt053":
		return "application/xml"
	}
	return "text/plain; charset=utf-8"
}

func invalid(what, hint string) error {
	return edge.E(edge.Invalid, "%s", what).WithHint("%s", hint).WithCode(ledger.CodeInvalid)
}
