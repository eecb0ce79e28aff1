package zakat_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/hijri"
	"github.com/aielon/edge/services/wallet/zakat"
)

var (
	nisab  = amount.Of(1000)
	enough = amount.Of(1500)
	less   = amount.Of(999)
)

func day(t testing.TB, n int) hijri.Date {
	d, err := hijri.FromDays(n)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func see(t testing.TB, h zakat.Hawl, d hijri.Date, wealth amount.Amount) (zakat.Hawl, []zakat.Year) {
	next, years, err := h.Observe(d, wealth, nisab)
	if err != nil {
		t.Fatalf("%v: %v", d, err)
	}
	return next, years
}

func due(t testing.TB, h zakat.Hawl, d hijri.Date) []zakat.Year {
	years, err := h.Due(d)
	if err != nil {
		t.Fatalf("%v: %v", d, err)
	}
	return years
}

// table are the first day of the calendar and the last one from which a year still ends in it.
func table(t testing.TB) (first, last int) {
	first, err := hijri.Date{Year: 1343, Month: 1, Day: 1}.Days()
	if err != nil {
		t.Fatal(err)
	}
	last, err = hijri.Date{Year: 1499, Month: 12, Day: 29}.Days()
	if err != nil {
		t.Fatal(err)
	}
	return first, last
}

// From every day of the calendar: wealth that stays is due exactly a Hijri year later, not a day before; a dip on a day in
// between puts the year of the Shafi'i rule off and leaves that of the Hanafi rule.
func TestHawlOverTheTable(t *testing.T) {
	first, last := table(t)
	for n := first; n <= last; n++ {
		since := day(t, n)
		year, err := since.AddYear()
		if err != nil {
			t.Fatal(err)
		}
		end, err := year.Days()
		if err != nil {
			t.Fatal(err)
		}
		for _, rule := range []zakat.Rule{zakat.Shafii, zakat.Hanafi} {
			h, _ := see(t, zakat.Hawl{Rule: rule}, since, enough)
			if years := due(t, h, day(t, end-1)); len(years) != 0 {
				t.Fatalf("%s from %v: due before %v", rule, since, year)
			}
			if years := due(t, h, year); len(years) != 1 || years[0].Due != year || years[0].Began != since || years[0].Wealth != enough || years[0].Lowest != enough {
				t.Fatalf("%s from %v: %d years at %v", rule, since, len(years), year)
			}
			for _, dip := range []int{n, n + 1, n + 1 + (n-first)%(end-n-1), end - 1} {
				dips(t, h, since, year, day(t, dip))
			}
		}
	}
}

// dips lets wealth fall on a day and rise again on the same day.
func dips(t testing.TB, h zakat.Hawl, since, year, at hijri.Date) {
	h, early := see(t, h, at, less)
	h, more := see(t, h, at, enough)
	years := due(t, h, year)
	if len(early)+len(more) != 0 {
		t.Fatalf("%s from %v: due on %v", h.Rule, since, at)
	}
	if h.Rule == zakat.Hanafi {
		if len(years) != 1 || years[0].Due != year || years[0].Lowest != less || h.Since != since {
			t.Fatalf("hanafi from %v, less on %v: %d years at %v", since, at, len(years), year)
		}
		return
	}
	later, err := at.AddYear()
	soon := err == nil && later == year // also of day 30, where the month has 29 a year later
	if h.Since != at || (len(years) == 1) != soon {
		t.Fatalf("shafii from %v, less on %v: %d years at %v, since %v", since, at, len(years), year, h.Since)
	}
	if err == nil {
		if years := due(t, h, later); len(years) != 1 || years[0].Due != later || years[0].Began != at {
			t.Fatalf("shafii from %v, less on %v: %d years at %v", since, at, len(years), later)
		}
	}
}

// Every day of a few years as the day of the dip, lengths 354 and 355, short and long months.
func TestHawlEveryDip(t *testing.T) {
	for _, since := range []hijri.Date{{Year: 1446, Month: 1, Day: 1}, {Year: 1447, Month: 9, Day: 1}, {Year: 1445, Month: 9, Day: 30}, {Year: 1343, Month: 9, Day: 28}, {Year: 1448, Month: 12, Day: 29}} {
		n, err := since.Days()
		if err != nil {
			t.Fatal(err)
		}
		year, _ := since.AddYear()
		end, _ := year.Days()
		for at := n + 1; at < end; at++ {
			for _, rule := range []zakat.Rule{zakat.Shafii, zakat.Hanafi} {
				h, _ := see(t, zakat.Hawl{Rule: rule}, since, enough)
				dips(t, h, since, year, day(t, at))
			}
		}
	}
}

// Paying on the day takes nothing from the year that is complete; being below as the day begins does.
func TestHawlOnTheDay(t *testing.T) {
	since, year := hijri.Date{Year: 1446, Month: 9, Day: 1}, hijri.Date{Year: 1447, Month: 9, Day: 1}
	eve := hijri.Date{Year: 1447, Month: 8, Day: 29}
	for _, rule := range []zakat.Rule{zakat.Shafii, zakat.Hanafi} {
		start, _ := see(t, zakat.Hawl{Rule: rule}, since, enough)
		h, years := see(t, start, year, less) // paid, and less is left
		if len(years) != 1 || years[0].Wealth != enough {
			t.Errorf("%s: %d years", rule, len(years))
		}
		if again := due(t, h, year); len(again) != 0 {
			t.Errorf("%s: due twice", rule)
		}
		if rule == zakat.Shafii != h.Since.IsZero() {
			t.Errorf("%s: goes on since %v", rule, h.Since)
		}
		h, _ = see(t, start, eve, less)
		h, years = see(t, h, year, enough)
		if len(years) != 0 || h.Since != year {
			t.Errorf("%s: below at the end: %d years, since %v", rule, len(years), h.Since)
		}
	}
	// All lost breaks a Hanafi year too.
	h, _ := see(t, zakat.Hawl{Rule: zakat.Hanafi}, since, enough)
	h, _ = see(t, h, eve, amount.Amount{})
	if h, _ = see(t, h, eve, enough); h.Since != eve || len(due(t, h, year)) != 0 {
		t.Errorf("since %v", h.Since)
	}
	// Nisab that rises above wealth breaks a year as wealth that falls does.
	h, _ = see(t, zakat.Hawl{Rule: zakat.Shafii}, since, enough)
	if h, _, err := h.Observe(eve, enough, amount.Of(1501)); err != nil || !h.Since.IsZero() {
		t.Errorf("since %v, %v", h.Since, err)
	}
}

// The lowest wealth is that of its own year.
func TestHawlLowest(t *testing.T) {
	h, _ := see(t, zakat.Hawl{Rule: zakat.Shafii}, hijri.Date{Year: 1446, Month: 1, Day: 1}, enough)
	h, _ = see(t, h, hijri.Date{Year: 1446, Month: 5, Day: 1}, nisab)
	h, _ = see(t, h, hijri.Date{Year: 1446, Month: 6, Day: 1}, enough)
	years := due(t, h, hijri.Date{Year: 1448, Month: 1, Day: 1})
	if len(years) != 2 || years[0].Lowest != nisab || years[1].Lowest != enough {
		t.Errorf("%d years", len(years))
	}
}

// A month of 30 days comes back, and years that nobody asked for are all given, once.
func TestHawlLong(t *testing.T) {
	since := hijri.Date{Year: 1343, Month: 9, Day: 1}
	h, _ := see(t, zakat.Hawl{Rule: zakat.Shafii}, since, enough)
	end := hijri.Date{Year: 1500, Month: 12, Day: 30}
	h, years, err := h.Settle(end)
	if err != nil || len(years) != 157 || years[156].Due != (hijri.Date{Year: 1500, Month: 9, Day: 1}) {
		t.Fatalf("%d years, %v", len(years), err)
	}
	for i, y := range years {
		if y.Began.Year != 1343+i || y.Due.Year != 1344+i {
			t.Errorf("year %d: %v to %v", i, y.Began, y.Due)
		}
	}
	if again := due(t, h, end); len(again) != 0 {
		t.Errorf("%d years twice", len(again))
	}
	if _, ok := h.Next(); ok {
		t.Error("a year ends after the calendar")
	}
}

// Whatever is seen, in whatever steps: years do not overlap, each began with nisab and ended with it, a Shafi'i one never
// fell below, and looking on days between changes nothing.
func TestHawlProperties(t *testing.T) {
	first, last := table(t)
	rapid.Check(t, func(t *rapid.T) {
		rule := rapid.SampledFrom([]zakat.Rule{zakat.Shafii, zakat.Hanafi}).Draw(t, "rule")
		n := rapid.IntRange(first, last-9000).Draw(t, "start")
		plain, asked := zakat.Hawl{Rule: rule}, zakat.Hawl{Rule: rule}
		var a, b []zakat.Year
		for range rapid.IntRange(1, 30).Draw(t, "count") {
			n += rapid.SampledFrom([]int{0, 1, 29, 30, 150, 353, 354, 355, 700}).Draw(t, "days")
			wealth := rapid.SampledFrom([]amount.Amount{{}, less, nisab, enough, enough, enough}).Draw(t, "wealth")
			d, err := hijri.FromDays(n)
			if err != nil {
				return
			}
			var years []zakat.Year
			if plain, years, err = plain.Observe(d, wealth, nisab); err != nil {
				t.Fatal(err)
			}
			a = append(a, years...)
			if asked, years, err = asked.Observe(d, wealth, nisab); err != nil {
				t.Fatal(err)
			}
			b = append(b, years...)
			between, err := hijri.FromDays(n + rapid.IntRange(0, 400).Draw(t, "look"))
			if err != nil {
				return
			}
			if between.Compare(d) > 0 {
				continue
			}
			if asked, years, err = asked.Settle(between); err != nil {
				t.Fatal(err)
			}
			b = append(b, years...)
		}
		if fmt.Sprint(dates(a)) != fmt.Sprint(dates(b)) {
			t.Fatalf("%v, and when asked %v", dates(a), dates(b))
		}
		for i, y := range a {
			if y.Wealth.Less(nisab) || rule == zakat.Shafii && y.Lowest.Less(nisab) || y.Lowest.IsZero() || i > 0 && y.Began.Compare(a[i-1].Due) < 0 {
				t.Fatalf("%s: %v", rule, dates(a))
			}
		}
	})
}

func dates(years []zakat.Year) (out []string) {
	for _, y := range years {
		out = append(out, y.Began.String()+" to "+y.Due.String())
	}
	return out
}

func TestHawlRefuses(t *testing.T) {
	d := hijri.Date{Year: 1447, Month: 1, Day: 10}
	h, _ := see(t, zakat.Hawl{Rule: zakat.Shafii}, d, enough)
	for _, bad := range []hijri.Date{{}, {Year: 1447, Month: 1, Day: 9}, {Year: 1447, Month: 1, Day: 31}, {Year: 1501, Month: 1, Day: 1}} {
		if next, years, err := h.Observe(bad, enough, nisab); !edge.IsKind(err, edge.Invalid) || years != nil || next != h {
			t.Errorf("%v: %v", bad, err)
		}
		if _, err := h.Due(bad); !edge.IsKind(err, edge.Invalid) {
			t.Errorf("%v: %v", bad, err)
		}
	}
	if _, _, err := (zakat.Hawl{}).Observe(d, enough, nisab); !edge.IsKind(err, edge.Invalid) {
		t.Error(err)
	}
}
