package shariah

import (
	"strconv"

	"github.com/aielon/edge/services/wallet/amount"
)

// backing is what the ledger checks at every commit: customers' balances are there in cash and bank.
type backing struct {
	watch
	Fund FundKind `json:"fund"`
}

func (c *backing) valid() error {
	if c.Fund == NoFund {
		return wrong("fund names none")
	}
	return nil
}

func (c *backing) tells() []string { return []string{"fund", "owed", "held"} }

// Backing says whether what is owed to customers is held for them. The ledger asks at every commit.
func (c *Compiled) Backing(owed, held amount.Amount) Decision {
	for i := range c.rules {
		if b, ok := c.rules[i].check.(*backing); ok && held.Less(owed) {
			return c.spoken(&c.rules[i], c.rules[i].Act, fact{Name: "fund", Value: b.Fund.String()}, fact{Name: "owed", Value: owed.String()}, fact{Name: "held", Value: held.String()})
		}
	}
	return c.allowed()
}

// velocityLimits bound what moves through one account in a day and in thirty.
type velocityLimits struct {
	watch
	Limits []limit `json:"limits"`
}

// A limit is for accounts of one tier in one asset. Nought is no limit.
type limit struct {
	Tier       uint8  `json:"tier"`
	Asset      string `json:"asset"` // "*" for all
	DaySum     sum    `json:"day_sum"`
	DayCount   uint64 `json:"day_count"`
	MonthSum   sum    `json:"month_sum"`
	MonthCount uint64 `json:"month_count"`
	Act        Act    `json:"act"`
}

const maxLimits = 500

func (c *velocityLimits) valid() error {
	if len(c.Limits) > maxLimits {
		return wrong("limits may be at most %d", maxLimits)
	}
	for i, l := range c.Limits {
		if l.Asset == "" || len(l.Asset) > 16 {
			return wrong(`limits[%d]: asset is the code of a currency, or "*"`, i)
		}
		if l.Act != Deny && l.Act != Review && l.Act != Info {
			return wrong("limits[%d]: act is DENY, REVIEW or INFO", i)
		}
		if l.Asset == "*" && (!l.DaySum.IsZero() || !l.MonthSum.IsZero()) {
			return wrong("limits[%d]: a sum is one of some asset; only counts are for all", i)
		}
	}
	return nil
}

func (c *velocityLimits) tells() []string {
	return []string{"tier", "asset", "window", "measure", "value", "limit"}
}

// A Moved is what went through an account in a window of time, the dealing in question included.
type Moved struct {
	Sum   amount.Amount // minor units
	Count uint64
}

// Velocity says whether an account of a tier may move that much in 24 hours and in 30 days.
func (c *Compiled) Velocity(tier uint8, asset string, day, month Moved) Decision {
	worst := c.allowed()
	for _, i := range c.limits {
		v := c.rules[i].check.(*velocityLimits)
		for k := range v.Limits {
			l := &v.Limits[k]
			if l.Act <= worst.Act || l.Tier != tier || l.Asset != "*" && l.Asset != asset {
				continue
			}
			if facts := l.over(asset, day, month); facts != nil {
				worst = c.spoken(&c.rules[i], l.Act, facts...)
			}
		}
	}
	return worst
}

// over tells what is above the limit first; nil where nothing is.
func (l *limit) over(asset string, day, month Moved) []fact {
	above := func(window, measure, value, most string) []fact {
		return []fact{
			{Name: "tier", Value: strconv.Itoa(int(l.Tier))}, {Name: "asset", Value: asset}, {Name: "window", Value: window},
			{Name: "measure", Value: measure}, {Name: "value", Value: value}, {Name: "limit", Value: most},
		}
	}
	count := func(n uint64) string { return strconv.FormatUint(n, 10) }
	switch {
	case !l.DaySum.IsZero() && l.DaySum.Less(day.Sum):
		return above("24h", "sum", day.Sum.String(), l.DaySum.String())
	case l.DayCount > 0 && l.DayCount < day.Count:
		return above("24h", "count", count(day.Count), count(l.DayCount))
	case !l.MonthSum.IsZero() && l.MonthSum.Less(month.Sum):
		return above("30d", "sum", month.Sum.String(), l.MonthSum.String())
	case l.MonthCount > 0 && l.MonthCount < month.Count:
		return above("30d", "count", count(month.Count), count(l.MonthCount))
	}
	return nil
}

// nameMatch says from which likeness on a name on a list is looked at by an officer.
type nameMatch struct {
	watch
	Permille uint16 `json:"permille"`
}

func (c *nameMatch) valid() error {
	if c.Permille < 500 || c.Permille > 1000 {
		return wrong("permille is 500 to 1000")
	}
	return nil
}

func (c *nameMatch) tells() []string { return []string{"list", "entry", "likeness", "limit"} }

// Likeness is the lowest likeness, 0 to 1, at which a name on a list counts; it is not ok where the set has no rule
// about names.
func (c *Compiled) Likeness() (p float64, ok bool) {
	for i := range c.rules {
		if n, ok := c.rules[i].check.(*nameMatch); ok {
			return float64(n.Permille) / 1000, true
		}
	}
	return 0, false
}

// NameMatch decides about a name that is like an entry of a list, by ids: no names. Likeness is 0 to 1.
func (c *Compiled) NameMatch(list, entry string, likeness float64) Decision {
	for i := range c.rules {
		if n, ok := c.rules[i].check.(*nameMatch); ok && likeness >= float64(n.Permille)/1000 {
			return c.spoken(&c.rules[i], c.rules[i].Act, fact{Name: "list", Value: list}, fact{Name: "entry", Value: entry},
				fact{Name: "likeness", Value: strconv.Itoa(int(likeness * 1000))}, fact{Name: "limit", Value: strconv.Itoa(int(n.Permille))})
		}
	}
	return c.allowed()
}

// structuring finds cash that comes in again and again just below a threshold.
type structuring struct {
	watch
	Thresholds    []threshold `json:"thresholds"`
	WithinPercent uint8       `json:"within_percent"`
	Count         uint8       `json:"count"`
	Days          uint8       `json:"days"`
}

type threshold struct {
	Asset  string `json:"asset"`
	Amount sum    `json:"amount"`
}

func (c *structuring) valid() error {
	if c.WithinPercent < 1 || c.WithinPercent > 100 || c.Count < 1 || c.Count > 50 || c.Days < 1 || c.Days > 30 {
		return wrong("within_percent is 1 to 100, count 1 to 50, days 1 to 30")
	}
	if len(c.Thresholds) > maxLimits {
		return wrong("thresholds may be at most %d", maxLimits)
	}
	for i, t := range c.Thresholds {
		if t.Asset == "" || t.Amount.IsZero() {
			return wrong("thresholds[%d] needs an asset and an amount", i)
		}
	}
	return nil
}

func (c *structuring) tells() []string {
	return []string{"asset", "count", "days", "threshold", "within_percent"}
}

// A Band is where amounts are just below a threshold.
type Band struct {
	From, Below amount.Amount // minor units; Below itself is not in it
	Days, Count int           // how many within how many days are too many
}

// Contains reports whether a is just below the threshold.
func (b Band) Contains(a amount.Amount) bool { return !a.Less(b.From) && a.Less(b.Below) }

// Band returns where cash in an asset is just below the threshold; it is not ok where the set has none for it.
func (c *Compiled) Band(asset string) (b Band, ok bool) {
	for i := range c.rules {
		s, ok := c.rules[i].check.(*structuring)
		if !ok {
			continue
		}
		for _, t := range s.Thresholds {
			if t.Asset == asset {
				from, _ := t.Amount.MulDiv(100-uint64(s.WithinPercent), 100, amount.Up)
				return Band{from, t.Amount.Amount, int(s.Days), int(s.Count)}, true
			}
		}
	}
	return Band{}, false
}

// Structuring decides about an account into which cash of an asset came count times just below the threshold, within
// the days of the Band, the present one included.
func (c *Compiled) Structuring(asset string, count int) Decision {
	b, ok := c.Band(asset)
	for i := range c.rules {
		if s, is := c.rules[i].check.(*structuring); ok && is && count >= b.Count {
			return c.spoken(&c.rules[i], c.rules[i].Act, fact{Name: "asset", Value: asset}, fact{Name: "count", Value: strconv.Itoa(count)}, fact{Name: "days", Value: strconv.Itoa(b.Days)},
				fact{Name: "threshold", Value: b.Below.String()}, fact{Name: "within_percent", Value: strconv.Itoa(int(s.WithinPercent))})
		}
	}
	return c.allowed()
}
