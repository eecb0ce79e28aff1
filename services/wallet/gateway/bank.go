package paygate

import (
	"fmt"
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

// FromEntry is the event that an entry of a bank is: Paid where money came, Returned where it left. account is the bank's
// account; nth is how many entries before this one in the file have its Reference and EndToEnd, or say the very same
// where there is no Reference. Importing an entry again, in this or another file, gives the same event.
func FromEntry(account, currency string, e *bankfile.Entry, nth int) Event {
	id := fmt.Sprintf("%s/%s/%s/%d", account, e.Reference, e.EndToEnd, nth)
	if e.Reference == "" {
		sum := digest(e.Booked.Format(time.DateOnly), e.Amount.String(), e.EndToEnd, e.Structured, e.Counterparty, e.CounterIBAN, e.Remittance)
		id = fmt.Sprintf("%s/%x/%d", account, sum[:16], nth)
	}
	if len(id) > maxText {
		sum := digest(id)
		id = fmt.Sprintf("%x", sum[:16])
	}
	kind := Paid
	if e.Amount.Neg {
		kind = Returned
	}
	return Event{ID: id, Source: Statement, Kind: kind, Money: id, Amount: e.Amount.Amount, Currency: currency, At: e.Booked}
}
