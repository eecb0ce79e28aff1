package alms

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/book"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/walletv1"
	"github.com/aielon/edge/services/wallet/zakat"
)

const (
	gram     = 1000 // milligrams
	maxAhead = time.Hour
)

// prices are by currency: those that were set last.
var prices = book.Table{Prefix: "wpri/", What: "price of metals", Lost: CodePrice}

// putMetalPrice sets what metals cost. Who may is for the permission; that it was them is in the audit record.
func putMetalPrice(tx edge.Tx, in *walletv1.PutMetalPriceRequest) (*walletv1.MetalPrice, error) {
	if _, err := ledger.Scale(tx, in.GetAsset()); err != nil {
		return nil, err
	}
	p := &walletv1.MetalPrice{Asset: in.GetAsset(), Gold: in.GetGold(), GoldMg: in.GetGoldMg(), Silver: in.GetSilver(), SilverMg: in.GetSilverMg(), Time: in.GetTime(), Put: timestamppb.New(tx.Now())}
	if p.GoldMg == 0 {
		p.GoldMg = gram
	}
	if p.SilverMg == 0 {
		p.SilverMg = gram
	}
	if p.Time == nil {
		p.Time = p.Put
	}
	if !p.Time.IsValid() || p.Time.AsTime().After(tx.Now().Add(maxAhead)) {
		return nil, book.Invalid("the time of the price has not come").WithHint("give the time of the market, or leave it out")
	}
	x, err := priced(p)
	if err != nil {
		return nil, err
	}
	for _, s := range zakat.Builtin() { // a price that makes no nisab is none
		if _, err := zakat.NisabOf(s, x); err != nil {
			return nil, err
		}
	}
	old := &walletv1.MetalPrice{}
	if found, err := prices.Load(tx, p.Asset, old); err != nil {
		return nil, err
	} else if found && p.Time.AsTime().Before(old.Time.AsTime()) {
		return nil, edge.E(edge.Conflict, "a later price is set already").WithHint("look at it first").WithCode(CodeOldPrice, edge.Fact{Name: "time", Value: old.Time.AsTime().Format(time.RFC3339)})
	}
	book.Emit(tx, EventPrice, "asset:"+p.Asset, edge.SiteOnly, map[string]any{"asset": p.Asset, "gold": p.Gold, "gold_mg": p.GoldMg, "silver": p.Silver, "silver_mg": p.SilverMg, "time": p.Time.AsTime()})
	return p, prices.Save(tx, p.Asset, p)
}

// priced reads prices as they are computed with.
func priced(p *walletv1.MetalPrice) (x zakat.Prices, err error) {
	read := func(text string, mg uint64) (zakat.Price, error) {
		a, err := book.ParseAmount(text)
		return zakat.Price{Amount: a, Milligrams: mg, At: p.Time.AsTime()}, err
	}
	if x.Gold, err = read(p.Gold, p.GoldMg); err != nil {
		return x, err
	}
	x.Silver, err = read(p.Silver, p.SilverMg)
	return x, err
}

// pricesOf are those of a currency. It fails with NotFound where none were set.
func pricesOf(v edge.View, asset string) (zakat.Prices, *walletv1.MetalPrice, error) {
	p := &walletv1.MetalPrice{}
	if err := prices.Find(v, asset, p); err != nil {
		return zakat.Prices{}, nil, err
	}
	x, err := priced(p)
	return x, p, err
}

// findSet finds a set of parameters; the first is that where nobody chose.
func findSet(name string) (zakat.Set, error) {
	all := zakat.Builtin()
	if name == "" {
		return all[0], nil
	}
	for _, s := range all {
		if s.String() == name {
			return s, nil
		}
	}
	return zakat.Set{}, book.Invalid("there is no such set of parameters for zakat").WithHint("the answer about nisab lists them")
}

func getNisab(v edge.View, in *walletv1.GetNisabRequest) (*walletv1.Nisab, error) {
	x, p, err := pricesOf(v, in.GetAsset())
	if err != nil {
		return nil, err
	}
	out := &walletv1.Nisab{Asset: in.GetAsset(), Price: p}
	for _, s := range zakat.Builtin() {
		n, err := zakat.NisabOf(s, x)
		if err != nil {
			return nil, err
		}
		mg, at := s.GoldMg, x.Gold.At
		if s.Nisab == zakat.Silver {
			mg, at = s.SilverMg, x.Silver.At
		}
		out.Sets = append(out.Sets, &walletv1.NisabOfSet{Set: s.String(), Metal: string(s.Nisab), Milligrams: mg, Amount: n.String(), Rate: s.Lunar.String(), FitrGrams: s.FitrG,
			Stale: time.Since(at) > time.Duration(s.StaleDays)*24*time.Hour})
	}
	return out, nil
}

// share is a rate of an amount, rounded as a set says.
func share(s zakat.Set, a amount.Amount) (amount.Amount, error) {
	due, ok := a.MulDiv(s.Lunar.Num, s.Lunar.Den, amount.Rounding(s.Rounding))
	if !ok {
		return due, book.Invalid("the wealth is more than can be reckoned with")
	}
	return due, nil
}
