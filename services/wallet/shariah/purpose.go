package shariah

// A Purpose says why money moves. Numbers are stored: add at the end, never reorder.
type Purpose uint8

const (
	Transfer           Purpose = iota // between accounts, nothing is owed
	Purchase                          // at a counter, goods handed over at once
	Sale                              // of something described
	InvoicePayment                    //
	Refund                            //
	Salary                            //
	Rent                              //
	Fee                               // for a service, flat
	Interest                          // on a loan or a debt
	OverdraftInterest                 //
	DepositInterest                   //
	LatePayment                       // what a late debtor undertook to give
	DelayCompensation                 // to the creditor, for time or opportunity lost
	CollectionCost                    // of collecting a debt
	QardDisbursement                  // a good loan is paid out
	QardRepayment                     //
	QardFee                           //
	QardForgiveness                   //
	Gift                              // to a person
	Exchange                          // of currencies, gold, silver
	Donation                          // to a fund
	ZakatIn                           //
	ZakatGrant                        // to one of the eight categories
	Amil                              // to those who collect and distribute zakat
	Fitr                              // zakat al-fitr
	Fidya                             //
	MurabahaPurchase                  // the financier buys the thing
	MurabahaSale                      // and sells it at cost and markup
	MurabahaInstalment                //
	MurabahaRebate                    // a gift of the financier to who pays early
	FundRelease                       // by the matrix of funds
	Istibdal                          // swap of a waqf's property
	WaqfSpend                         // of a waqf's yield
	Upkeep                            // of a building
	Purification                      // of impermissible income
	Dividend                          //
	SharePurchase                     //
	RaffleTicket                      //
	RafflePrize                       //
	Bet                               //
	Lottery                           //
	CashIn                            //
	CashOut                           //
	Qurban                            //
	Insurance                         // conventional
	Takaful                           //
	Reversal                          // of an earlier transfer, once; Facts.Reverses says which purpose it had
	purposes                          // how many there are
)

var purposeNames = [purposes]string{
	"transfer", "purchase", "sale", "invoice", "refund", "salary", "rent", "fee", "interest", "overdraft_interest", "deposit_interest",
	"late_payment", "delay_compensation", "collection_cost", "qard_disbursement", "qard_repayment", "qard_fee", "qard_forgiveness", "gift", "exchange",
	"donation", "zakat_in", "zakat_grant", "amil", "fitr", "fidya", "murabaha_purchase", "murabaha_sale", "murabaha_instalment", "murabaha_rebate",
	"fund_release", "istibdal", "waqf_spend", "upkeep", "purification", "dividend", "share_purchase", "raffle_ticket", "raffle_prize", "bet", "lottery",
	"cash_in", "cash_out", "qurban", "insurance", "takaful", "reversal",
}

// ParsePurpose reads a name such as "zakat_grant". It fails with Invalid.
func ParsePurpose(s string) (p Purpose, err error) {
	err = parseName(&p, purposeNames[:], s, "purpose")
	return p, err
}

// String returns the name used in sets and on the wire.
func (p Purpose) String() string { return name(purposeNames[:], int(p)) }

// MarshalText writes what UnmarshalText reads.
func (p Purpose) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads like ParsePurpose.
func (p *Purpose) UnmarshalText(text []byte) error {
	return parseName(p, purposeNames[:], string(text), "purpose")
}

// Class says to which kind of dealing a purpose belongs: for pages that group them, and for sets that name a class
// instead of each purpose.
func (p Purpose) Class() Class {
	switch p {
	case Purchase, Sale, InvoicePayment, Rent, MurabahaPurchase, MurabahaSale, MurabahaInstalment, SharePurchase:
		return Trade
	case Interest, OverdraftInterest, DepositInterest:
		return InterestClass
	case LatePayment, DelayCompensation, CollectionCost:
		return Delay
	case QardDisbursement, QardRepayment, QardFee, QardForgiveness:
		return Loan
	case Exchange:
		return ExchangeClass
	case Gift, Donation, MurabahaRebate, Qurban:
		return Giving
	case ZakatIn, ZakatGrant, Amil, Fitr, Fidya:
		return ZakatClass
	case FundRelease, Istibdal, WaqfSpend, Upkeep, Purification:
		return FundClass
	case RaffleTicket, RafflePrize, Bet, Lottery:
		return Gaming
	}
	return Plain
}

// A Class is a kind of dealing.
type Class uint8

const (
	Plain Class = iota
	Trade
	InterestClass
	Delay
	Loan
	ExchangeClass
	Giving
	ZakatClass
	FundClass
	Gaming
)

var classNames = [...]string{"plain", "trade", "interest", "delay", "loan", "exchange", "giving", "zakat", "fund", "gaming"}

// String returns the name used in sets and on the wire.
func (c Class) String() string { return name(classNames[:], int(c)) }

// MarshalText writes what UnmarshalText reads.
func (c Class) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads a name. It fails with Invalid.
func (c *Class) UnmarshalText(text []byte) error {
	return parseName(c, classNames[:], string(text), "class")
}
