package paygate

import (
	"time"

	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/bankfile"
)

// Items are the attempts that a bank's file may tell of, for bankfile.Match: those that nobody was paid for yet. Their
// dates are when the attempt was made.
func Items(open []Attempt) []bankfile.Item {
	items := make([]bankfile.Item, 0, len(open))
	for i := range open {
		if a := &open[i]; a.State == Created || a.State == Pending {
			items = append(items, bankfile.Item{ID: a.ID, Amount: amount.Signed{Amount: a.Asked}, Reference: a.Reference, Date: a.Since})
		}
	}
	return items
}

// EntryKey is what an entry of a bank is known by, whichever file it comes in: entries that have the same are told apart by
// how many of them stand before it in a statement. Where the bank gives a reference, the texts
// may change from file to file. Day and amount are always part of it: some banks begin their references anew.
func EntryKey(e *bankfile.Entry) string {
	parts := []string{e.Booked.UTC().Format(time.DateOnly), e.Amount.String()}
	if e.Reference != "" && !e.Local {
		parts = append(parts, "reference", e.Reference)
	} else {
		parts = append(parts, "text", e.EndToEnd, e.Structured, e.Counterparty, e.CounterIBAN, e.Remittance)
	}
	sum := digest(parts...)
	return string(sum[:])
}

// FromEntry is the event that an entry of a bank is: Paid where money came, Returned where it left. id is the entry's, the
// same whichever file it comes in.
func FromEntry(id, currency string, e *bankfile.Entry) Event {
	kind := Paid
	if e.Amount.Neg {
		kind = Returned
	}
	return Event{ID: id, Source: Statement, Kind: kind, Money: id, Amount: e.Amount.Amount, Currency: currency, At: e.Booked}
}
