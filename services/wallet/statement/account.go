package statement

import (
	"encoding/csv"
	"io"
	"iter"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
)

// MaxLines is how many entries one PDF may have: some 130 pages.
const MaxLines = 5000

// An Account is what a statement is about. Amounts are minor units as the holder sees them: what came is above zero.
type Account struct {
	edge.Redacted
	Site     string // its name, up to some 60 characters
	Number   string // of the account
	Owner    string // may be empty
	Fund     string // may be empty
	Currency string
	Scale    int // decimals
	From, To time.Time
	Made     time.Time      // when it was computed
	Zone     *time.Location // of the dates shown; nil is UTC
	Opening  amount.Signed
	Closing  amount.Signed
}

// A Line is one entry of an account.
type Line struct {
	edge.Redacted
	Time   time.Time
	ID     string
	Note   string // in the reader's language; what does not fit is cut in the PDF
	Amount amount.Signed
}

// A row is a line with the balance after it.
type row struct {
	Line
	balance amount.Signed
}

func (a *Account) zone() *time.Location {
	if a.Zone == nil {
		return time.UTC
	}
	return a.Zone
}

// rows yields lines with balances, and fails with Corrupt where they do not lead to the closing balance.
func (a *Account) rows(lines iter.Seq2[Line, error], yield func(row) error) error {
	balance := a.Opening
	for l, err := range lines {
		if err != nil {
			return err
		}
		var ok bool
		if balance, ok = balance.Add(l.Amount); !ok {
			return edge.E(edge.Corrupt, "the account's balance is larger than can be counted")
		}
		if err := yield(row{l, balance}); err != nil {
			return err
		}
	}
	if balance != a.Closing {
		return edge.E(edge.Corrupt, "the account's entries do not lead from its opening to its closing balance").WithHint("run the check of the wallet")
	}
	return nil
}

// AccountCSV writes a statement as CSV, UTF-8 with a byte order mark, line by line: time, id, note, in, out, balance. It
// fails as AccountPDF does, without a bound of lines.
func AccountCSV(w io.Writer, a Account, lines iter.Seq2[Line, error]) error {
	if _, err := io.WriteString(w, "\ufeff"); err != nil {
		return unwritten(err)
	}
	out := csv.NewWriter(w)
	out.Write([]string{"time", "id", "note", "in", "out", "balance", "currency"})
	out.Write([]string{a.From.In(a.zone()).Format(time.RFC3339), "", "opening", "", "", a.Opening.Decimal(a.Scale), a.Currency})
	err := a.rows(lines, func(r row) error {
		in, back := r.sides(a.Scale)
		out.Write([]string{r.Time.In(a.zone()).Format(time.RFC3339), cell(r.ID), cell(r.Note), in, back, r.balance.Decimal(a.Scale), a.Currency})
		return nil
	})
	if err != nil {
		return err
	}
	out.Write([]string{a.To.In(a.zone()).Format(time.RFC3339), "", "closing", "", "", a.Closing.Decimal(a.Scale), a.Currency})
	if out.Flush(); out.Error() != nil {
		return unwritten(out.Error())
	}
	return nil
}

// sides is a line's amount in the column it belongs to.
func (r *row) sides(scale int) (in, out string) {
	if r.Amount.Neg {
		return "", r.Amount.Negated().Decimal(scale)
	}
	return r.Amount.Decimal(scale), ""
}

func unwritten(err error) error {
	return edge.E(edge.Unavailable, "the statement could not be written: %w", err)
}
