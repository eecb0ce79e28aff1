package zakat

import (
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
)

// A Water says how a field was watered.
type Water string

// Ways of watering.
const (
	Rain      Water = "rain"
	Irrigated Water = "irrigated"
	Mixed     Water = "mixed"
)

// A Share is what is due of something that is not money: grams of a harvest, minor units of a find. It is due on the
// day; no year runs.
type Share struct {
	Set     string
	Reached bool     // nisab, where there is one
	Exact   Fraction // before rounding
	Due     amount.Amount
	Lines   []Line
}

// Harvest computes the share of grams of a crop, in grams. It fails with edge.Invalid where there is no such water.
func Harvest(s Set, grams uint64, w Water) (Share, error) {
	rate, ok := map[Water]Rate{Rain: s.Crops.Rain, Irrigated: s.Crops.Irrigated, Mixed: s.Crops.Mixed}[w]
	if !ok {
		return Share{}, invalid("a field is watered by rain, irrigated or mixed")
	}
	first := Line{Step: LineNisab, Facts: []edge.Fact{{Name: "grams", Value: count(grams)}, {Name: "nisab_g", Value: count(s.Crops.NisabG)}, {Name: "water", Value: string(w)}}}
	if grams < s.Crops.NisabG {
		return Share{Set: s.String(), Exact: Fraction{Den: 1}, Lines: []Line{first, {Step: LineBelow}}}, nil
	}
	return share(s, amount.Of(grams), rate, "grams", first)
}

// Rikaz computes the share of a find worth value minor units; it has no nisab. It fails with edge.Invalid where value is
// out of reason.
func Rikaz(s Set, value amount.Amount) (Share, error) {
	return share(s, value, s.Rikaz, "minor_units", Line{Step: LineTotal, Amount: amount.Signed{Amount: value}})
}

func share(s Set, base amount.Amount, rate Rate, unit string, lines ...Line) (Share, error) {
	due, ok := base.MulDiv(rate.Num, rate.Den, amount.Rounding(s.Rounding))
	exact, ok2 := base.MulDiv(rate.Num, 1, amount.Down)
	if !ok || !ok2 {
		return Share{}, tooLarge()
	}
	lines = append(lines,
		Line{Step: LineRate, Facts: []edge.Fact{{Name: "rate", Value: rate.String()}, {Name: "exact", Value: exact.String() + "/" + count(rate.Den)}, {Name: "rounding", Value: s.Rounding.String()}}},
		Line{Step: LineDue, Facts: []edge.Fact{{Name: unit, Value: due.String()}}})
	return Share{s.String(), true, Fraction{exact, rate.Den}, due, lines}, nil
}

// Steps of what is counted by heads.
const (
	LineHeads = "heads" // persons, or persons times days
	LineGrams = "grams"
	LineMoney = "money"
)

// A Staple is zakat al-fitr or fidya: food, or money in its place where the owner's school allows it.
type Staple struct {
	Heads uint64 // persons of a household; for fidya the days that were missed, of all persons together
	Grams uint64
	Money amount.Amount // minor units; 0 where food is given
	Lines []Line
}

// maxHeads is how many persons or days one calculation takes.
const maxHeads = 1_000_000

// Fitr computes zakat al-fitr for persons: the grams of the set for each, and what they cost where each is paid with
// rate minor units. It fails with edge.Invalid where there is nobody.
func Fitr(s Set, persons uint64, rate amount.Amount) (Staple, error) {
	return PerHead(persons, s.FitrG, rate)
}

// PerHead computes food and money for heads: fidya is so many grams, or so much money, for each day. It fails with
// edge.Invalid where there is no head, or nothing for it.
func PerHead(heads, grams uint64, rate amount.Amount) (Staple, error) {
	switch {
	case heads == 0 || heads > maxHeads:
		return Staple{}, invalid("count 1 to %d persons or days", maxHeads)
	case grams == 0 && rate.IsZero():
		return Staple{}, invalid("nothing is given for each person or day").WithHint("enter the grams of food or the amount of money for each")
	case grams > maxPer:
		return Staple{}, tooLarge()
	}
	money, ok := rate.MulDiv(heads, 1, amount.Down)
	if !ok {
		return Staple{}, tooLarge()
	}
	out := Staple{Heads: heads, Grams: grams * heads, Money: money, Lines: []Line{{Step: LineHeads, Facts: []edge.Fact{{Name: "heads", Value: count(heads)}}}}}
	if grams > 0 {
		out.Lines = append(out.Lines, Line{Step: LineGrams, Facts: []edge.Fact{{Name: "each_g", Value: count(grams)}, {Name: "grams", Value: count(out.Grams)}}})
	}
	if !rate.IsZero() {
		out.Lines = append(out.Lines, Line{Step: LineMoney, Amount: amount.Signed{Amount: money}, Facts: []edge.Fact{{Name: "each", Value: rate.String()}}})
	}
	return out, nil
}
