package zakat

import (
	"github.com/aielon/edge/node/edge"
)

// An Animal is a kind of livestock, or one that is given.
type Animal string

// Kinds of livestock that graze; goats count as sheep and buffaloes as cattle.
const (
	Sheep  Animal = "sheep"
	Cattle Animal = "cattle"
	Camels Animal = "camels"
)

// Animals that are given.
const (
	OneSheep   Animal = "sheep"
	Tabi       Animal = "tabi"        // cattle of one year
	Musinnah   Animal = "musinnah"    // cattle of two years
	BintMakhad Animal = "bint_makhad" // she-camel of one year
	BintLabun  Animal = "bint_labun"  // of two years
	Hiqqah     Animal = "hiqqah"      // of three years
	Jadhaah    Animal = "jadhaah"     // of four years
)

// A Herd is the table of one kind: fixed steps, and above them one animal for each full number of heads. Below the first
// step nothing is due.
type Herd struct {
	Steps []Step `json:"steps"`           // ascending
	Above *Above `json:"above,omitempty"` // nil: the set says nothing above Known
	Known uint64 `json:"known,omitempty"` // the largest herd the steps hold for, where Above is nil
}

// A Step says what is due from a number of heads on.
type Step struct {
	From uint64 `json:"from"`
	Give Given  `json:"give"`
}

// An Above says what is due from From heads on: for each Small.Heads of them one Small.Animal, or for each Large.Heads
// one Large.Animal, mixed so that as few heads as can be are left over. Without a Large all is Small.
type Above struct {
	From  uint64 `json:"from"`
	Small Unit   `json:"small"`
	Large *Unit  `json:"large,omitempty"`
}

// A Unit is one animal for so many heads.
type Unit struct {
	Heads  uint64 `json:"heads"`
	Animal Animal `json:"animal"`
}

// Given is one kind of animal.
type Given struct {
	Count  uint64 `json:"count"`
	Animal Animal `json:"animal"`
}

// A Flock is what is due on a herd.
type Flock struct {
	Set   string
	Due   []Given // nothing where the herd is below its nisab
	Or    []Given // another mix that is as good: 120 cattle are three musinnah or four tabi
	Lines []Line
}

// maxHerd is how many heads are computed with.
const maxHerd = 10_000_000

// LineHerd is the step that takes in a herd.
const LineHerd = "herd"

// OnLivestock computes what is due on heads that grazed most of a lunar year. It fails with edge.Invalid for a kind or a
// number nobody has, and with edge.Refused where the set has no table for it.
func OnLivestock(s Set, kind Animal, heads uint64) (Flock, error) {
	if kind != Sheep && kind != Cattle && kind != Camels || heads > maxHerd {
		return Flock{}, invalid("livestock is sheep, cattle or camels, at most %d heads", maxHerd)
	}
	herd, ok := s.Livestock[kind]
	if !ok || herd.Above == nil && heads > herd.Known {
		return Flock{}, edge.E(edge.Refused, "the parameters %s do not say what is due on %d %s", s, heads, kind).
			WithHint("ask a scholar of the school, or choose another set").WithCode("zakat_not_covered")
	}
	out := Flock{Set: s.String(), Lines: []Line{{Step: LineHerd, Facts: []edge.Fact{{Name: "kind", Value: string(kind)}, {Name: "heads", Value: count(heads)}}}}}
	out.Due, out.Or = herd.due(heads)
	if len(out.Due) == 0 {
		out.Lines = append(out.Lines, Line{Step: LineBelow, Facts: []edge.Fact{{Name: "nisab", Value: count(herd.Steps[0].From)}}})
	}
	for _, g := range out.Due {
		out.Lines = append(out.Lines, Line{Step: LineDue, Facts: []edge.Fact{{Name: "animal", Value: string(g.Animal)}, {Name: "count", Value: count(g.Count)}}})
	}
	return out, nil
}

func (h Herd) due(heads uint64) (due, or []Given) {
	if h.Above != nil && heads >= h.Above.From {
		return h.Above.mix(heads)
	}
	for _, s := range h.Steps {
		if heads >= s.From {
			due = []Given{s.Give}
		}
	}
	return due, nil
}

// mix gives the mix with the most large animals among those that leave the fewest heads over, and the one with the
// fewest where that is another.
func (a Above) mix(heads uint64) (due, or []Given) {
	if a.Large == nil {
		return []Given{{heads / a.Small.Heads, a.Small.Animal}}, nil
	}
	left := heads
	var most, fewest uint64
	for large := uint64(0); large*a.Large.Heads <= heads; large++ {
		switch rest := (heads - large*a.Large.Heads) % a.Small.Heads; {
		case rest < left:
			left, most, fewest = rest, large, large
		case rest == left:
			most = large
		}
	}
	due = a.given(heads, most)
	if most != fewest {
		or = a.given(heads, fewest)
	}
	return due, or
}

func (a Above) given(heads, large uint64) (out []Given) {
	if small := (heads - large*a.Large.Heads) / a.Small.Heads; small > 0 {
		out = append(out, Given{small, a.Small.Animal})
	}
	if large > 0 {
		out = append(out, Given{large, a.Large.Animal})
	}
	return out
}

func (h Herd) check(kind Animal) error {
	bad := invalid("the table of %s in the parameters of zakat does not hold together", kind)
	if kind != Sheep && kind != Cattle && kind != Camels || len(h.Steps) == 0 || len(h.Steps) > 100 {
		return bad
	}
	var last uint64
	for _, s := range h.Steps {
		if s.From <= last || s.Give.Count == 0 || s.Give.Count > maxHerd || s.Give.Animal == "" {
			return bad
		}
		last = s.From
	}
	switch a := h.Above; {
	case a == nil && h.Known < last, a != nil && (h.Known != 0 || a.From <= last || a.Small.Heads == 0 || a.Small.Heads > a.From || a.Small.Animal == ""),
		a != nil && a.Large != nil && (a.Large.Heads <= a.Small.Heads || a.Large.Heads > a.From || a.Large.Animal == ""):
		return bad
	}
	return nil
}
