package statement

import (
	"bufio"
	"encoding/csv"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
)

// A Format is a language of journals.
type Format uint8

const (
	Hledger   Format = iota // hledger 1.25 and later
	Ledger                  // ledger 3.3 and later
	Beancount               // beancount 2.3 and later
	CSV                     // UTF-8 with a byte order mark, one line for each leg
)

// beancountDigits is the precision of the decimals beancount computes with; it rounds what is longer without a word.
const beancountDigits = 28

// Write writes j in a format, entry by entry. It fails with Invalid where something has no name in the format, with
// Corrupt where an entry does not balance, with Exhausted beyond MaxAccounts, and with Unavailable where w fails; what is
// written then is of no use.
func Write(w io.Writer, f Format, j Journal) error {
	t := &text{w: bufio.NewWriter(w), format: f, seen: map[string]struct{}{}, scales: map[string]int{}}
	if f == CSV {
		t.csv = csv.NewWriter(t.w)
	}
	t.head()
	for e, err := range j.Entries() {
		if err == nil {
			err = e.check()
		}
		if err == nil {
			err = t.entry(&e)
		}
		if err != nil {
			return err
		}
	}
	if t.csv != nil {
		t.csv.Flush()
	}
	if err := t.w.Flush(); err != nil {
		return edge.E(edge.Unavailable, "the journal could not be written: %w", err)
	}
	return nil
}

// A text is a journal while it is written. A failure to write stays in w until the end.
type text struct {
	w      *bufio.Writer
	csv    *csv.Writer
	format Format
	seen   map[string]struct{} // accounts that are declared
	scales map[string]int      // of currencies that are declared
}

func (t *text) put(parts ...string) {
	for _, s := range parts {
		t.w.WriteString(s)
	}
}

func (t *text) head() {
	switch t.format {
	case Hledger:
		t.put("decimal-mark .\n\n")
	case Ledger:
		t.put("tag time\n\n")
	case CSV:
		t.put("\ufeff")
		t.csv.Write([]string{"time", "id", "note", "account", "fund", "currency", "amount"})
	}
}

func (t *text) entry(e *Entry) error {
	names := make([]string, len(e.Legs))
	for i := range e.Legs {
		if t.format == Beancount && len(e.Legs[i].Amount.Amount.String()) > beancountDigits {
			return edge.E(edge.Invalid, "entry %s has an amount of more than the %d digits beancount counts with", word(e.ID), beancountDigits).
				WithCode("invalid_request").WithHint("use hledger or ledger for this journal")
		}
		var err error
		if names[i], err = e.Legs[i].Name(); err != nil {
			return err
		}
		if err := t.declare(e, &e.Legs[i], names[i]); err != nil {
			return err
		}
	}
	if t.format == CSV {
		for i, l := range e.Legs {
			t.csv.Write([]string{e.Time.UTC().Format(time.RFC3339Nano), cell(e.ID), cell(e.Note), names[i], cell(l.Fund), l.Currency, l.Amount.Decimal(l.Scale)})
		}
		return nil
	}
	t.title(e)
	for i := range e.Legs {
		l := &e.Legs[i]
		t.put("  ", names[i], "  ", l.Amount.Decimal(l.Scale), " ", t.commodity(l.Currency), "\n")
	}
	t.put("\n")
	return nil
}

func (t *text) title(e *Entry) {
	date, at := e.Time.UTC().Format(time.DateOnly), e.Time.UTC().Format(time.RFC3339Nano)
	if t.format == Beancount {
		t.put(date, " * \"", word(e.Note), "\"\n  id: \"", word(e.ID), "\"\n  time: \"", at, "\"\n")
		return
	}
	t.put(date, " * (", word(e.ID), ") ", word(e.Note), "\n  ; time: ", at, "\n")
}

// commodity is a currency's name in a journal: ledger and hledger want those in quotation marks that are not all letters.
func (t *text) commodity(name string) string {
	if t.format != Beancount && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return `"` + name + `"`
	}
	return name
}

// declare writes, before the first entry that needs them, what the checkers want to know of an account and a currency.
func (t *text) declare(e *Entry, l *Leg, name string) error {
	if scale, known := t.scales[l.Currency]; known && scale != l.Scale {
		return edge.E(edge.Corrupt, "entry %s has another number of decimals for %s than an earlier one", word(e.ID), l.Currency).WithHint("run the check of the wallet")
	} else if !known {
		t.scales[l.Currency] = l.Scale
		t.declareCurrency(e, l)
	}
	if _, known := t.seen[name]; known || t.format == CSV {
		return nil
	}
	if len(t.seen) == MaxAccounts {
		return edge.E(edge.Exhausted, "the journal names more than %d accounts", MaxAccounts).WithHint("ask for a shorter time")
	}
	t.seen[name] = struct{}{}
	if t.format == Beancount {
		t.put(e.Time.UTC().Format(time.DateOnly), " open ", name, "\n")
	} else {
		t.put("account ", name, "\n")
	}
	return nil
}

func (t *text) declareCurrency(e *Entry, l *Leg) {
	switch t.format {
	case Beancount:
		t.put(e.Time.UTC().Format(time.DateOnly), " commodity ", l.Currency, "\n")
	case Ledger:
		t.put("commodity ", t.commodity(l.Currency), "\n")
	case Hledger: // the amount must have a decimal mark, also where there are no decimals
		sample := amount.Signed{Amount: amount.Of(0)}.Decimal(l.Scale)
		if l.Scale == 0 {
			sample += "."
		}
		t.put("commodity ", sample, " ", t.commodity(l.Currency), "\n")
	}
}

// cell is text as a cell of CSV that no table program takes for a formula.
func cell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

// A Balance is what the ledger says stands on an account, in one fund and currency. Amount is of the side the journal
// has: what is owed to a member is below zero in Liabilities.
type Balance struct{ Leg }

// WriteBalances writes balances as CSV for scripts/ledgers.sh, which holds them against what the checkers computed:
// account, currency, amount, in the order they come; those of nothing are left out, as the checkers do.
func WriteBalances(w io.Writer, list iter.Seq2[Balance, error]) error {
	out := csv.NewWriter(w)
	out.Write([]string{"account", "currency", "balance"})
	for b, err := range list {
		name := ""
		if err == nil {
			name, err = b.Name()
		}
		if err == nil {
			err = b.check()
		}
		if err != nil {
			return err
		}
		if !b.Amount.IsZero() {
			out.Write([]string{name, b.Currency, b.Amount.Decimal(b.Scale)})
		}
	}
	if out.Flush(); out.Error() != nil {
		return edge.E(edge.Unavailable, "the balances could not be written: %w", out.Error())
	}
	return nil
}
