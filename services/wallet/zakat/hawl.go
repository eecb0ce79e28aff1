package zakat

import (
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/hijri"
)

// A Hawl follows the lunar year of one owner's wealth. It is a value: keep it between observations; the zero Hawl with a
// Rule has seen nothing. Between two observations wealth is what it was at the first of them. A year that began on a day
// is complete as the same day of the next year begins, so that zakat can be paid on that day out of the same wealth.
type Hawl struct {
	edge.Redacted
	Rule   Rule
	Since  hijri.Date    // the day on which nisab was reached; zero while no year runs
	Years  int           // complete years since then that were given out
	Lowest amount.Amount // in the year that runs
	Wealth amount.Amount // as last observed
	Nisab  amount.Amount // then
	Last   hijri.Date    // the day of it, or the one up to which years were given out
}

// A Year is a lunar year that is complete, so that zakat is due on what there was at its end.
type Year struct {
	edge.Redacted
	Began, Due hijri.Date
	Wealth     amount.Amount // as the day Due began
	Lowest     amount.Amount // at any time of it
}

// Observe takes wealth and nisab as they are from some moment of a day on, and gives the years that were complete before.
// Observe whenever wealth or a price of metal changed, also more than once a day. It fails with edge.Invalid for a day
// before the last one, or none of the calendar; h is then unchanged.
func (h Hawl) Observe(day hijri.Date, wealth, nisab amount.Amount) (Hawl, []Year, error) {
	next, years, err := h.Settle(day)
	if err != nil {
		return h, nil, err
	}
	next.Wealth, next.Nisab = wealth, nisab
	switch reached := !wealth.Less(nisab); {
	case next.Since.IsZero():
		if reached {
			next.Since, next.Years, next.Lowest = day, 0, wealth
		}
	case !reached && next.Rule != Hanafi, wealth.IsZero():
		next.stop()
	case wealth.Less(next.Lowest):
		next.Lowest = wealth
	}
	return next, years, nil
}

// Settle gives the years that are complete as a day begins, and the Hawl that does not give them again. It fails like
// Observe.
func (h Hawl) Settle(day hijri.Date) (Hawl, []Year, error) {
	if err := h.follows(day); err != nil {
		return h, nil, err
	}
	next, years := h.settle(day)
	next.Last = day
	return next, years, nil
}

// Due are the years that Settle would give for a day.
func (h Hawl) Due(day hijri.Date) ([]Year, error) {
	_, years, err := h.Settle(day)
	return years, err
}

// Next is the day on which the running year will be complete. It is not ok where none runs or the calendar ends.
func (h Hawl) Next() (day hijri.Date, ok bool) {
	if h.Since.IsZero() {
		return day, false
	}
	day, err := h.Since.AddYears(h.Years + 1) // from the first day, so that a day 30 is not lost
	return day, err == nil
}

func (h Hawl) follows(day hijri.Date) error {
	if h.Rule != Shafii && h.Rule != Hanafi {
		return invalid("the rule of the lunar year is shafii or hanafi")
	}
	if _, err := day.Days(); err != nil {
		return err
	}
	if day.Compare(h.Last) < 0 {
		return invalid("wealth was already seen on a later day").WithHint("the last day was %s", h.Last)
	}
	return nil
}

func (h Hawl) settle(day hijri.Date) (Hawl, []Year) {
	var years []Year
	for {
		due, ok := h.Next()
		if !ok || due.Compare(day) > 0 {
			return h, years
		}
		if h.Wealth.Less(h.Nisab) { // only a Hanafi year can come here so
			h.stop()
			return h, years
		}
		began, _ := h.Since.AddYears(h.Years) // a day of the calendar, as the later one is
		years = append(years, Year{Began: began, Due: due, Wealth: h.Wealth, Lowest: h.Lowest})
		h.Years++
		h.Lowest = h.Wealth
	}
}

func (h *Hawl) stop() { h.Since, h.Years, h.Lowest = hijri.Date{}, 0, amount.Amount{} }
