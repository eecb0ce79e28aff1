package shariah

import (
	"time"

	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/shariah/mcc"
)

// Facts is what the ledger knows of one dealing. A dealing may take several postings, each within its own fund: Facts
// tell of the whole, from the account that gives to the one that gets. What has to be attested is false, and what has to
// be shown is zero, until it is: leaving it out makes no dealing look better than it is. The ledger always knows Pending,
// ExecuteIn, AssetIn, MCC, OwesPayee and AfterPrayer. Amounts are in minor units of the asset beside them.
type Facts struct {
	Purpose  Purpose
	Reverses Purpose // what the reversed transfer was for; counts for Reversal only
	MCC      mcc.Code
	From, To Fund
	Within   bool // the money stays with the fund: from its own cash desk to its own bank account
	Pending  bool // a leg waits: hold, condition
	Chain    bool // all legs are in one atomic chain

	// An exchange: what is given and what comes back. AssetIn is empty where nothing does.
	AssetOut, AssetIn   string
	AmountOut, AmountIn amount.Amount
	ExecuteIn           time.Duration // how far in the future it is to be done; 0 is now

	// What is attested, by case or by document.
	Document        bool  // the hash of a document is attached
	Approvals       uint8 // of different officers, none of them who asked
	Asnaf           Asnaf
	Beneficiary     bool // a beneficiary is named by id
	DeedPurpose     bool // it is among the purposes of the waqf's deed
	CampaignPurpose bool // it is among the purposes of the campaign
	CampaignEnded   bool
	DonorsConsent   bool

	// What is sold.
	Offer      Offer
	Owned      bool // the seller holds an earlier record of ownership or possession
	Cost       amount.Amount
	Markup     amount.Amount
	Price      amount.Amount // as it is now
	FirstPrice amount.Amount // as it was agreed; zero where this is the agreement
	Separate   bool          // a rebate is a separate credit that nobody was promised

	// What is lent. ScheduleSum is that of all instalments, of a loan or of a sale on credit.
	Principal, ScheduleSum amount.Amount
	ActualCost             amount.Amount // documented: of lending, or of collecting a debt
	FeeFlat                bool          // the fee depends neither on the amount nor on time
	OwesPayee              bool          // who gives has an open loan from who gets

	// What is played. A ticket that costs something, for a prize that the tickets pay, is a game of chance.
	TicketFree, PrizeDonated bool

	// Totals of the Hijri year and the fund, this dealing included.
	AmilTaken, ZakatReceived amount.Amount

	AfterPrayer       bool          // zakat al-fitr comes after the Eid prayer
	ValueOut, ValueIn amount.Amount // of an istibdal, as valued in the same currency
	Shares            *Figures      // of the company whose shares are bought
}

// An Offer says which parts of a sale or an invoice are there.
type Offer uint8

const (
	HasPrice Offer = 1 << iota
	HasCurrency
	HasQuantity
	HasDescription
	HasDelivery // a date, or "spot"
	complete    = HasPrice | HasCurrency | HasQuantity | HasDescription | HasDelivery
)

var offerNames = [...]string{"price", "currency", "quantity", "description", "delivery"}

// missing lists the parts that o lacks, as words.
func (o Offer) missing() string {
	var text string
	for i, n := range offerNames {
		if o&(1<<i) == 0 {
			if text != "" {
				text += ", "
			}
			text += n
		}
	}
	return text
}

// known reports whether every number of f that picks a rule is one of those above.
func (f *Facts) known() bool {
	return f.From.Kind != NoFund && f.To.Kind != NoFund && f.Purpose < purposes && f.Reverses < purposes && f.From.Kind < fundKinds && f.To.Kind < fundKinds && f.MCC <= mcc.Max
}

// leaves reports whether money leaves the From fund: for another one, or for good.
func (f *Facts) leaves() bool { return !f.Within || f.From != f.To }
