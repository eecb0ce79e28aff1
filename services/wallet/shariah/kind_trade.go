package shariah

import (
	"slices"
	"strconv"

	"github.com/aielon/edge/services/wallet/shariah/mcc"
)

// exchangeAtOnce wants both sides of an exchange of money in one step, now.
type exchangeAtOnce struct {
	standard
	Purposes []Purpose `json:"purposes"`
	NotMoney []string  `json:"not_money"` // assets that may be swapped at a later date
}

func (c *exchangeAtOnce) valid() error {
	if err := some("not_money", c.NotMoney); err != nil {
		return err
	}
	return list("purposes", c.Purposes)
}

func (c *exchangeAtOnce) when() trigger { return trigger{purposes: c.Purposes, exchange: true} }

func (c *exchangeAtOnce) judge(f *Facts) verdict {
	at := f.Chain && !f.Pending && f.ExecuteIn == 0 && f.AssetIn != ""
	if at || slices.Contains(c.NotMoney, f.AssetIn) || slices.Contains(c.NotMoney, f.AssetOut) {
		return pass
	}
	return hit
}

func (c *exchangeAtOnce) tells() []string {
	return []string{"asset_out", "asset_in", "one_step", "pending", "delay_seconds"}
}

func (c *exchangeAtOnce) used(f *Facts) []fact {
	return []fact{
		{Name: "asset_out", Value: f.AssetOut}, {Name: "asset_in", Value: f.AssetIn}, {Name: "one_step", Value: yes(f.Chain)},
		{Name: "pending", Value: yes(f.Pending)}, {Name: "delay_seconds", Value: strconv.FormatInt(int64(f.ExecuteIn.Seconds()), 10)},
	}
}

// exchangeEqual wants equal amounts where an asset is exchanged for itself.
type exchangeEqual struct {
	standard
	Purposes []Purpose `json:"purposes"`
}

func (c *exchangeEqual) valid() error  { return list("purposes", c.Purposes) }
func (c *exchangeEqual) when() trigger { return trigger{purposes: c.Purposes, exchange: true} }

func (c *exchangeEqual) judge(f *Facts) verdict {
	if f.AssetIn != f.AssetOut || f.AmountIn == f.AmountOut {
		return pass
	}
	return hit
}

func (c *exchangeEqual) tells() []string { return []string{"asset", "amount_out", "amount_in"} }

func (c *exchangeEqual) used(f *Facts) []fact {
	return []fact{{Name: "asset", Value: f.AssetOut}, {Name: "amount_out", Value: f.AmountOut.String()}, {Name: "amount_in", Value: f.AmountIn.String()}}
}

// completeOffer wants everything said that makes a sale certain, before it is paid.
type completeOffer struct {
	standard
	Purposes []Purpose `json:"purposes"`
}

func (c *completeOffer) valid() error  { return list("purposes", c.Purposes) }
func (c *completeOffer) when() trigger { return trigger{purposes: c.Purposes} }

func (c *completeOffer) judge(f *Facts) verdict {
	if f.Offer&complete == complete {
		return pass
	}
	return hit
}

func (c *completeOffer) tells() []string { return []string{"missing"} }
func (c *completeOffer) used(f *Facts) []fact {
	return []fact{{Name: "missing", Value: f.Offer.missing()}}
}

// ownedBeforeSale wants the seller to own what is sold before it is sold.
type ownedBeforeSale struct {
	standard
	Purposes []Purpose `json:"purposes"`
}

func (c *ownedBeforeSale) valid() error  { return list("purposes", c.Purposes) }
func (c *ownedBeforeSale) when() trigger { return trigger{purposes: c.Purposes} }

func (c *ownedBeforeSale) judge(f *Facts) verdict {
	if f.Owned {
		return pass
	}
	return hit
}

func (c *ownedBeforeSale) tells() []string { return []string{"purpose", "owned"} }
func (c *ownedBeforeSale) used(f *Facts) []fact {
	return []fact{{Name: "purpose", Value: f.Purpose.String()}, {Name: "owned", Value: yes(f.Owned)}}
}

// costPlus wants the price of a murabaha to be cost and markup, its instalments to come to the price, the price not to
// rise, and a rebate to be a gift.
type costPlus struct {
	standard
	Sales   []Purpose `json:"sales"`
	Later   []Purpose `json:"later"`
	Rebates []Purpose `json:"rebates"`
}

func (c *costPlus) valid() error {
	if err := list("sales", c.Sales); err != nil {
		return err
	}
	if err := some("later", c.Later); err != nil {
		return err
	}
	return some("rebates", c.Rebates)
}

func (c *costPlus) when() trigger {
	return trigger{purposes: slices.Concat(c.Sales, c.Later, c.Rebates)}
}

func (c *costPlus) judge(f *Facts) verdict {
	if slices.Contains(c.Rebates, f.Purpose) {
		if f.Separate {
			return pass
		}
		return hit
	}
	price, ok := f.Cost.Add(f.Markup)
	first := f.FirstPrice
	if slices.Contains(c.Sales, f.Purpose) {
		first = f.Price
	}
	if ok && !f.Price.IsZero() && price == f.Price && f.ScheduleSum == f.Price && !first.Less(f.Price) {
		return pass
	}
	return hit
}

func (c *costPlus) tells() []string {
	return []string{"purpose", "cost", "markup", "price", "first_price", "schedule_sum", "separate"}
}

func (c *costPlus) used(f *Facts) []fact {
	return []fact{
		{Name: "purpose", Value: f.Purpose.String()}, {Name: "cost", Value: f.Cost.String()}, {Name: "markup", Value: f.Markup.String()}, {Name: "price", Value: f.Price.String()},
		{Name: "first_price", Value: f.FirstPrice.String()}, {Name: "schedule_sum", Value: f.ScheduleSum.String()}, {Name: "separate", Value: yes(f.Separate)},
	}
}

// gambling forbids merchants and dealings of games of chance, and raffles whose prizes the tickets pay.
type gambling struct {
	standard
	MCC      []mcc.Code `json:"mcc"`
	Purposes []Purpose  `json:"purposes"`
	Raffles  []Purpose  `json:"raffles"`
}

func (c *gambling) valid() error {
	if err := some("raffles", c.Raffles); err != nil {
		return err
	}
	if err := some("purposes", c.Purposes); err != nil {
		return err
	}
	return list("mcc", c.MCC)
}

func (c *gambling) when() trigger {
	return trigger{purposes: slices.Concat(c.Purposes, c.Raffles), codes: c.MCC}
}

func (c *gambling) judge(f *Facts) verdict {
	code := f.MCC != 0 && slices.Contains(c.MCC, f.MCC)
	raffle := slices.Contains(c.Raffles, f.Purpose) && !f.TicketFree && !f.PrizeDonated
	if code || raffle || slices.Contains(c.Purposes, f.Purpose) {
		return hit
	}
	return pass
}

func (c *gambling) tells() []string { return []string{"purpose", "mcc", "merchant"} }

func (c *gambling) used(f *Facts) []fact {
	return append(ofMerchant(f), fact{Name: "purpose", Value: f.Purpose.String()})
}

func ofMerchant(f *Facts) []fact {
	if f.MCC == 0 {
		return []fact{{Name: "mcc", Value: "-"}, {Name: "merchant", Value: "-"}}
	}
	sells, ok := mcc.Name(f.MCC)
	if !ok {
		sells = "?"
	}
	return []fact{{Name: "mcc", Value: f.MCC.String()}, {Name: "merchant", Value: sells}}
}

// merchant judges by what a merchant sells.
type merchant struct {
	MCC     []mcc.Code `json:"mcc"`
	Unknown bool       `json:"unknown"` // codes that the public list lacks, too
}

func (c *merchant) valid() error          { return list("mcc", c.MCC) }
func (c *merchant) mayBe(a Act) bool      { return a != Route }
func (c *merchant) destination() FundKind { return NoFund }
func (c *merchant) when() trigger         { return trigger{codes: c.MCC, unknown: c.Unknown} }
func (c *merchant) judge(*Facts) verdict  { return hit }
func (c *merchant) tells() []string       { return []string{"mcc", "merchant"} }
func (c *merchant) used(f *Facts) []fact  { return ofMerchant(f) }
