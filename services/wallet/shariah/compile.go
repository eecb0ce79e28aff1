package shariah

import (
	"math/bits"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/shariah/mcc"
)

// Compiled is a Set as tables: which rules to ask of a dealing is looked up, not searched. It never changes, so that
// many may use it at once. It takes about 25 KiB.
type Compiled struct {
	name      string
	version   uint32
	rules     []Rule // in the order in which they are asked
	byPurpose [purposes]marks
	byFrom    [fundKinds]marks
	crossing  marks
	exchange  marks
	byMCC     [mcc.Max + 1]uint16 // places in mccMarks
	mccMarks  []marks
	limits    []int // places of the rules about velocity
}

// marks says which rules are to be asked: bit i for the i-th.
type marks [MaxRules / 64]uint64

func (m *marks) set(i int) { m[i/64] |= 1 << (i % 64) }

func (m *marks) add(n *marks) {
	for i := range m {
		m[i] |= n[i]
	}
}

// next is the first mark from i on; -1 where there is none.
func (m *marks) next(i int) int {
	for w := i / 64; w < len(m); w++ {
		word := m[w]
		if w == i/64 {
			word &= ^uint64(0) << (i % 64)
		}
		if word != 0 {
			return w*64 + bits.TrailingZeros64(word)
		}
	}
	return -1
}

// Compile makes tables of a set from Parse. It fails with Invalid where the set was made otherwise.
func Compile(s *Set) (*Compiled, error) {
	c := &Compiled{name: s.Name, version: s.Version, rules: append([]Rule(nil), s.Rules...)}
	codes := make([]marks, mcc.Max+1)
	public := map[mcc.Code]bool{0: true}
	for code := range mcc.All() {
		public[code] = true
	}
	for i := range c.rules {
		if c.rules[i].check == nil || len(c.rules) > MaxRules {
			return nil, edge.E(edge.Invalid, "the rule set %s was not read by Parse", s.Name)
		}
		if _, ok := c.rules[i].check.(*velocityLimits); ok {
			c.limits = append(c.limits, i)
		}
		t := c.rules[i].check.when()
		c.pick(i, t)
		for code := range codes {
			if t.unknown && !public[mcc.Code(code)] {
				codes[code].set(i)
			}
		}
		for _, code := range t.codes {
			codes[code].set(i)
		}
	}
	c.withoutKnown(codes, public)
	c.fold(codes)
	return c, nil
}

func (c *Compiled) pick(i int, t trigger) {
	for _, p := range t.purposes {
		c.byPurpose[p].set(i)
	}
	for _, k := range t.from {
		c.byFrom[k].set(i)
	}
	if t.crossing {
		c.crossing.set(i)
	}
	if t.exchange {
		c.exchange.set(i)
	}
}

// withoutKnown takes rules for unknown codes from codes that a rule of the set allows by name: the set knows those.
func (c *Compiled) withoutKnown(codes []marks, public map[mcc.Code]bool) {
	for i := range c.rules {
		if c.rules[i].Act != Allow {
			continue
		}
		for _, code := range c.rules[i].check.when().codes {
			if !public[code] {
				codes[code] = marks{}
				codes[code].set(i)
			}
		}
	}
}

// fold keeps each combination of rules once.
func (c *Compiled) fold(codes []marks) {
	places := map[marks]uint16{}
	for code, m := range codes {
		at, ok := places[m]
		if !ok {
			at = uint16(len(c.mccMarks))
			places[m] = at
			c.mccMarks = append(c.mccMarks, m)
		}
		c.byMCC[code] = at
	}
}

// Name returns the name and the version of the set.
func (c *Compiled) Name() (name string, version uint32) { return c.name, c.version }

// Rules returns the rows of the set, in the order in which they are asked. They must not be changed.
func (c *Compiled) Rules() []Rule { return c.rules }

// Classify says what the set makes of a merchant code by itself: Deny, Review, Info or Allow, and by which rule; no
// rule where none names the code.
func (c *Compiled) Classify(code mcc.Code) (act Act, rule string) {
	own := Fund{Kind: Amanah}
	d := c.Decide(&Facts{MCC: code, Purpose: Purchase, From: own, To: own})
	return d.Act, d.Rule
}
