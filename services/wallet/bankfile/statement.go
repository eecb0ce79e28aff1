// Package bankfile reads what banks write of an account (ISO 20022 camt.053 and CSV), writes what banks read (camt.053
// of an account of ours, pain.001 for payouts), and pairs a bank's entries with what we wait for. It computes in whole
// minor units and keeps nothing.
package bankfile

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
)

// Bounds of a file of a bank. Whatever is larger is refused with Invalid, whole.
const (
	MaxBytes   = 16 << 20 // of the file as it came
	MaxEntries = 100_000  // of all statements in it together
	maxText    = 4096     // bytes of one text of an entry
)

// CodeInvalid is the code of a file or an order that cannot be used as it is.
const CodeInvalid = "invalid_request"

// A Scale says how many decimals a currency has, 0 to amount.MaxScale, and whether it is known here at all.
type Scale func(currency string) (decimals int, known bool)

// A Balance is what stood on the account at the start or the end of a day; Known tells nothing from not said.
type Balance struct {
	amount.Signed
	Date  time.Time
	Known bool
}

// A Statement is what a bank says happened on one account.
type Statement struct {
	edge.Redacted
	ID       string    // the bank's own, up to 35 characters; empty in CSV
	IBAN     string    // of the account, without spaces; empty where the bank names it by Other
	Other    string    // the account's number where it has no IBAN
	Currency string    // ISO 4217, three capitals
	From, To time.Time // both ends of the time it covers, as far as the bank says; else those of its entries
	Opening  Balance
	Closing  Balance
	Entries  []Entry
}

// An Entry is one movement that the bank has booked. Amount is in minor units, below zero where money left the account.
type Entry struct {
	edge.Redacted
	Booked, Value time.Time // days, as midnight UTC, unless the bank gave a time
	Amount        amount.Signed
	Reference     string // the bank's own (AcctSvcrRef, else NtryRef)
	Local         bool   // Reference is NtryRef: of one statement, where many banks just count
	EndToEnd      string // the payer's, carried to the end; "NOTPROVIDED" is read as none
	Structured    string // a creditor reference such as ISO 11649 "RF18..."
	Counterparty  string // the name of the other side
	CounterIBAN   string // and its account
	Remittance    string // what the payer wrote, lines joined by a space
	Purpose       string // only written: a code of ours, the proprietary bank transaction code
	Reversal      bool   // the bank takes an earlier entry back; Amount has the sign of this one
	Line          int    // of the file, from 1
}

// Check refuses, with Invalid, a statement whose entries do not lead from its opening to its closing balance. Where the
// bank does not give both there is nothing to check.
func (s *Statement) Check() error {
	if !s.Opening.Known || !s.Closing.Known {
		return nil
	}
	sum := s.Opening.Signed
	for i := range s.Entries {
		var ok bool
		if sum, ok = sum.Add(s.Entries[i].Amount); !ok {
			return s.Entries[i].wrong(i, "makes the balance larger than can be counted")
		}
	}
	if sum != s.Closing.Signed {
		return refuse("the statement's entries do not add up: %s and %d entries come to %s, the bank says %s (minor units)",
			s.Opening, len(s.Entries), sum, s.Closing).WithHint("ask the bank for the whole statement; a page may be missing")
	}
	return nil
}

// span fills in what the bank did not say of the time the statement covers.
func (s *Statement) span() {
	given, until := !s.From.IsZero(), !s.To.IsZero()
	for _, e := range s.Entries {
		if !given && (s.From.IsZero() || e.Booked.Before(s.From)) {
			s.From = e.Booked
		}
		if !until && e.Booked.After(s.To) {
			s.To = e.Booked
		}
	}
}

func (e *Entry) wrong(i int, format string, args ...any) *edge.Error {
	return refuse("entry %d (line %d) %s", i+1, e.Line, fmt.Sprintf(format, args...))
}

func refuse(format string, args ...any) *edge.Error {
	return edge.E(edge.Invalid, format, args...).WithCode(CodeInvalid)
}

// tidy makes one line of text out of what a file holds: no control and no direction characters, one space between words.
func tidy(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r), r == unicode.ReplacementChar:
			return -1
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

// provided drops the words that banks put where there is nothing (EPC guidelines, ISO 20022 usage).
func provided(s string) string {
	if s == "NOTPROVIDED" || s == "NOT PROVIDED" || s == "NONREF" {
		return ""
	}
	return s
}
