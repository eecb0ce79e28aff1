// Package statement writes what others read of our accounts: journals for the double-entry checkers hledger, ledger and
// beancount, CSV, and statements of an account for people as PDF. It computes nothing that the ledger did not, streams,
// and writes the same bytes for the same input.
package statement

import (
	"iter"
	"strings"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
)

// A Root is the first level of an account's name, which all three checkers know.
type Root uint8

const (
	Assets Root = iota
	Liabilities
	Equity
	Income
	Expenses
)

// String is the root as it is written.
func (r Root) String() string {
	return [...]string{"Assets", "Liabilities", "Equity", "Income", "Expenses"}[min(r, Expenses)]
}

// A Leg is one side of an entry. The legs of one fund and currency add up to nothing.
type Leg struct {
	Root     Root
	Account  []string // the levels under Root: kind, then id; names nobody
	Fund     string   // "amanah", "sadaqah:roof": the last levels
	Currency string   // 2 to 24 of A-Z 0-9 ' . _ - with a letter in front and a letter or digit behind
	Scale    int      // decimals of the currency, 0 to amount.MaxScale
	Amount   amount.Signed
}

// An Entry is one transfer.
type Entry struct {
	Time time.Time
	ID   string
	Note string // a code: the purpose
	Legs []Leg
}

// A Journal yields entries in the order of their times, and ends at the first error.
type Journal interface {
	Entries() iter.Seq2[Entry, error]
}

// MaxAccounts is how many accounts, each with its fund, one journal may name: the checkers want each declared before its
// first use, so the names are held while a journal is written, some 150 bytes each.
const MaxAccounts = 500_000

// Name is a leg's account as all three checkers take it: levels of letters, digits and dashes with a capital or digit in
// front. No two accounts have one name. It fails with Invalid where a level is empty.
func (l *Leg) Name() (string, error) {
	var b strings.Builder
	b.WriteString(l.Root.String())
	for _, part := range l.Account {
		if err := level(&b, part); err != nil {
			return "", err
		}
	}
	for part := range strings.SplitSeq(l.Fund, ":") {
		if err := level(&b, part); err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

// level writes one level. A small letter in front becomes its capital; what cannot stand in front is marked by "Z--", and
// bytes that are no letter or digit become a dash and two digits of hex. A dash itself does so too, so "--" has one meaning.
func level(b *strings.Builder, part string) error {
	if part == "" {
		return edge.E(edge.Invalid, "an account or fund of the journal has an empty name").WithCode("invalid_request")
	}
	b.WriteByte(':')
	switch c := part[0]; {
	case c >= 'a' && c <= 'z':
		b.WriteByte(c - 'a' + 'A')
		part = part[1:]
	case c < '0' || c > '9':
		b.WriteString("Z--")
	}
	escape(b, part, "-", func(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' })
	return nil
}

// escape writes s, and what may not stand there as mark and two digits of hex.
func escape(b *strings.Builder, s, mark string, may func(byte) bool) {
	const hex = "0123456789abcdef"
	for i := range len(s) {
		if c := s[i]; may(c) {
			b.WriteByte(c)
		} else {
			b.WriteString(mark)
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		}
	}
}

// word is a note or id as it can stand in all three: ASCII, percent-encoded where a checker would take it for its own.
func word(s string) string {
	var b strings.Builder
	escape(&b, s, "%", func(c byte) bool {
		return c > ' ' && c < 0x7f && !strings.ContainsRune(`%;"\|()[]{}<>#*!&=@~^`, rune(c))
	})
	return b.String()
}

// currency reports whether beancount takes a currency's name; the other two take more.
func currency(s string) bool {
	if len(s) < 2 || len(s) > 24 {
		return false
	}
	for i := range len(s) {
		letter, digit := s[i] >= 'A' && s[i] <= 'Z', s[i] >= '0' && s[i] <= '9'
		inside := i > 0 && i < len(s)-1
		if !letter && !(digit && i > 0) && !(inside && strings.IndexByte("'._-", s[i]) >= 0) {
			return false
		}
	}
	return true
}

func (l *Leg) check() error {
	switch {
	case !currency(l.Currency):
		return edge.E(edge.Invalid, "the currency %.24q cannot be written in a journal", l.Currency).WithCode("invalid_request").
			WithHint("currencies of a journal have 2 to 24 capitals and digits")
	case l.Scale < 0 || l.Scale > amount.MaxScale:
		return edge.E(edge.Invalid, "the currency %s has %d decimals, which is not 0 to %d", l.Currency, l.Scale, amount.MaxScale).WithCode("invalid_request")
	}
	return nil
}

// check refuses an entry that does not balance in each fund and currency: the ledger never made one.
func (e *Entry) check() error {
	type universe struct{ fund, currency string }
	sums := make(map[universe]amount.Signed, 2)
	for i := range e.Legs {
		l := &e.Legs[i]
		if err := l.check(); err != nil {
			return err
		}
		at := universe{l.Fund, l.Currency}
		sum, ok := sums[at].Add(l.Amount)
		if !ok {
			return edge.E(edge.Corrupt, "entry %s is larger than can be counted", word(e.ID))
		}
		sums[at] = sum
	}
	for at, sum := range sums {
		if !sum.IsZero() {
			return edge.E(edge.Corrupt, "entry %s does not balance in fund %s, %s", word(e.ID), at.fund, at.currency).WithHint("run the check of the wallet")
		}
	}
	return nil
}
