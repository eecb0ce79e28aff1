package zakat

import (
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
)

// A Category is one of the eight that zakat may be given to (asnaf; Qur'an 9:60).
type Category string

// The eight categories, in the order of the verse.
const (
	Faqir        Category = "faqir"         // has next to nothing
	Miskin       Category = "miskin"        // has not enough
	Amil         Category = "amil"          // collects and hands out zakat
	Muallaf      Category = "muallaf"       // whose heart is to be won
	Riqab        Category = "riqab"         // in bondage
	Gharim       Category = "gharim"        // in debt
	FiSabilillah Category = "fi_sabilillah" // in the way of God
	IbnSabil     Category = "ibn_sabil"     // traveller in need
)

// Categories are all eight.
func Categories() []Category {
	return []Category{Faqir, Miskin, Amil, Muallaf, Riqab, Gharim, FiSabilillah, IbnSabil}
}

// ParseCategory reads the name of a category. It fails with edge.Invalid.
func ParseCategory(s string) (Category, error) {
	for _, c := range Categories() {
		if string(c) == s {
			return c, nil
		}
	}
	return "", invalid("zakat is given to one of eight groups of people").WithHint("faqir, miskin, amil, muallaf, riqab, gharim, fi_sabilillah or ibn_sabil")
}

// A Grant is zakat about to be given.
type Grant struct {
	Category    Category
	Beneficiary string // id of a person or a case, never a name
	Amount      amount.Amount
	Building    bool // it pays for a building or its upkeep
}

// A Fund is what a zakat fund took in and gave to its workers in one Hijri year (hijri.FromTime says which), in minor
// units.
type Fund struct {
	Income   amount.Amount
	ToAmilin amount.Amount // without the grant that is asked for
}

// Codes of refusals: "shariah_" and the rule of the wallet's rule set.
const (
	CodeAsnaf    = "shariah_asnaf_1"
	CodeBuilding = "shariah_asnaf_2"
	CodeAmil     = "shariah_asnaf_3"
)

// CanGrant reports why g may not be given out of a fund, as far as figures can tell: whether somebody is poor is for
// people. It fails with edge.Refused: code shariah_asnaf_1 where the category is none of the eight or nobody is named, _2 for
// a building where the set allows none, _3 where workers would get more than their share of the year.
func CanGrant(s Set, g Grant, f Fund) error {
	refused := func(code, rule, format string, args ...any) *edge.Error {
		return edge.E(edge.Refused, format, args...).WithCode(code, edge.Fact{Name: "rule", Value: rule}, edge.Fact{Name: "set", Value: s.String()}, edge.Fact{Name: "category", Value: string(g.Category)})
	}
	if _, err := ParseCategory(string(g.Category)); err != nil {
		return edge.E(edge.Refused, "zakat is given to one of eight groups of people").WithHint("choose the group the person belongs to").
			WithCode(CodeAsnaf, edge.Fact{Name: "rule", Value: "ASNAF-1"}, edge.Fact{Name: "set", Value: s.String()}) // what stands there is nobody's word to repeat
	}
	if g.Beneficiary == "" {
		return refused(CodeAsnaf, "ASNAF-1", "zakat is given to somebody, and nobody is named").WithHint("open a case for the person first")
	}
	if g.Amount.IsZero() {
		return invalid("a grant of nothing")
	}
	if g.Building && !s.Buildings {
		return refused(CodeBuilding, "ASNAF-2", "zakat may not be spent on buildings under these parameters").WithHint("use the building fund")
	}
	if g.Category != Amil {
		return nil
	}
	room, err := AmilRoom(s, f)
	if err != nil {
		return err
	}
	if room.Less(g.Amount) {
		return edge.E(edge.Refused, "those who work for the fund would get more than their share of the year's zakat").
			WithHint("this year they may get %s more, in the smallest unit of the currency", room).
			WithCode(CodeAmil, edge.Fact{Name: "rule", Value: "ASNAF-3"}, edge.Fact{Name: "set", Value: s.String()}, edge.Fact{Name: "cap", Value: s.AmilCap.String()},
				edge.Fact{Name: "income", Value: f.Income.String()}, edge.Fact{Name: "given", Value: f.ToAmilin.String()}, edge.Fact{Name: "room", Value: room.String()})
	}
	return nil
}

// AmilRoom is what may still go to the workers of a fund this year, rounded down. It fails with edge.Invalid where the
// income is out of reason.
func AmilRoom(s Set, f Fund) (amount.Amount, error) {
	most, ok := f.Income.MulDiv(s.AmilCap.Num, s.AmilCap.Den, amount.Down)
	if !ok {
		return amount.Amount{}, tooLarge()
	}
	room, ok := most.Sub(f.ToAmilin)
	if !ok {
		return amount.Amount{}, nil
	}
	return room, nil
}
