package hijri_test

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // for places, wherever the tests run

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/hijri"
)

// starts are the first days of months as the outside table has them, and the day after its last.
func starts(t *testing.T) (months []hijri.Date, days []time.Time) {
	t.Helper()
	f, err := os.Open("testdata/ummalqura-month-starts.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		month, day, _ := strings.Cut(s.Text(), ",")
		if month == "hijri_month" {
			continue
		}
		d, err := time.Parse(time.DateOnly, day)
		if err != nil {
			t.Fatal(err)
		}
		m := hijri.Date{Day: 1}
		if _, err := fmt.Sscanf(month, "%d-%d", &m.Year, &m.Month); err != nil {
			t.Fatal(err)
		}
		months, days = append(months, m), append(days, d)
	}
	return months, append(days, time.Date(2077, 11, 17, 0, 0, 0, 0, time.UTC))
}

// Every day of the table, both ways, against the table it was made from.
func TestTable(t *testing.T) {
	months, days := starts(t)
	if len(months) != 158*12 {
		t.Fatal(len(months))
	}
	seen, before := 0, hijri.Date{}
	for i, m := range months {
		length, err := hijri.MonthLength(m.Year, m.Month)
		if err != nil || days[i].AddDate(0, 0, length) != days[i+1] {
			t.Fatalf("%v has %d days, %v", m, length, err)
		}
		for n := range length {
			want, at := hijri.Date{Year: m.Year, Month: m.Month, Day: 1 + n}, days[i].AddDate(0, 0, n)
			got, err := hijri.FromTime(at, time.UTC)
			if err != nil || got != want {
				t.Fatalf("%v is %v, %v; want %v", at, got, err, want)
			}
			if back, err := got.ToGregorian(time.UTC); err != nil || !back.Equal(at) {
				t.Fatalf("%v is %v, %v; want %v", got, back, err, at)
			}
			if text, err := hijri.Parse(got.String()); err != nil || text != got {
				t.Fatalf("%s reads as %v, %v", got, text, err)
			}
			if before.Compare(got) != -1 || got.Compare(before) != 1 || got.Compare(got) != 0 {
				t.Fatalf("%v and %v", before, got)
			}
			before = got
			seen++
		}
	}
	if seen != 55991 {
		t.Errorf("%d days", seen)
	}
}

// The lengths that the specification of the wallet counted in the same source.
func TestYearLength(t *testing.T) {
	all, late := map[int]int{}, map[int]int{}
	for y := 1343; y <= 1500; y++ {
		n, err := hijri.YearLength(y)
		if err != nil {
			t.Fatal(err)
		}
		if all[n]++; y >= 1420 {
			late[n]++
		}
	}
	if len(late) != 2 || late[354] != 51 || late[355] != 30 || all[353] != 3 || all[356] != 2 || len(all) != 4 {
		t.Errorf("%v, from 1420 on %v", all, late)
	}
}

// A lunar year from every day of the table: the same day or the last one of the month, never a later one for an earlier
// beginning, and as long as lunar years are.
func TestAddYear(t *testing.T) {
	first, _ := hijri.Date{Year: 1343, Month: 1, Day: 1}.Days()
	last, _ := hijri.Date{Year: 1499, Month: 12, Day: 29}.Days()
	before, short := hijri.Date{}, 0
	for n := first; n <= last; n++ {
		d, err := hijri.FromDays(n)
		if err != nil {
			t.Fatal(err)
		}
		e, err := d.AddYear()
		if err != nil || e.Year != d.Year+1 || e.Month != d.Month || e.Day > d.Day {
			t.Fatalf("%v, %v, %v", d, e, err)
		}
		if e.Day != d.Day {
			if length, _ := hijri.MonthLength(e.Year, e.Month); e.Day != length {
				t.Fatalf("%v, %v", d, e)
			}
			short++
		}
		if e.Compare(before) < 0 {
			t.Fatalf("%v is due at %v, the day before at %v", d, e, before)
		}
		before = e
		due, _ := e.Days()
		if due-n < 352 || due-n > 357 || d.Year >= 1420 && (due-n < 353 || due-n > 355) {
			t.Fatalf("%v to %v are %d days", d, e, due-n)
		}
	}
	if short == 0 {
		t.Error("no month was shorter a year later")
	}
	d := hijri.Date{Year: 1445, Month: 9, Day: 30}
	for n := range 20 { // from the first day, a 30 comes back
		e, err := d.AddYears(n)
		length, _ := hijri.MonthLength(e.Year, 9)
		if err != nil || e.Day != length {
			t.Errorf("%v: %d, %v", e, length, err)
		}
	}
	if back, err := d.AddYears(-2); err != nil || back.Year != 1443 {
		t.Error(back, err)
	}
}

func TestOutside(t *testing.T) {
	bad := func(_ any, err error) {
		t.Helper()
		if !edge.IsKind(err, edge.Invalid) || edge.CodeOf(err) != "invalid_request" {
			t.Errorf("%v", err)
		}
	}
	bad(hijri.FromTime(time.Date(1924, 7, 31, 23, 59, 0, 0, time.UTC), time.UTC))
	bad(hijri.FromTime(time.Date(2077, 11, 17, 0, 0, 0, 0, time.UTC), time.UTC))
	bad(hijri.FromTime(time.Time{}, time.UTC))
	bad(hijri.FromTime(time.Unix(1<<60, 0), time.UTC))
	bad(hijri.FromDays(math.MinInt))
	for _, d := range []hijri.Date{{}, {1342, 12, 29}, {1501, 1, 1}, {1447, 0, 1}, {1447, 13, 1}, {1447, 1, 0}, {1447, 1, 31}, {1343, 9, 29}, {-1447, 1, 1}} {
		bad(d.Days())
		bad(d.ToGregorian(time.UTC))
		bad(d.AddYear())
	}
	bad(hijri.Date{Year: 1500, Month: 1, Day: 1}.AddYear())
	bad(hijri.Date{Year: 1447, Month: 1, Day: 1}.AddYears(math.MaxInt / 2))
	bad(hijri.MonthLength(1447, 13))
	bad(hijri.YearLength(1501))
	for _, s := range []string{"", "1447-9-1", "1447-09-31", "1447/09/01", "+447-09-01", "1447-09-1 ", "1447-09-01T", "١٤٤٧-٠٩-٠١"} {
		bad(hijri.Parse(s))
	}
}

// The day is that of the place, also where a clock skips midnight.
func TestPlaces(t *testing.T) {
	at := time.Date(2026, 2, 17, 20, 0, 0, 0, time.UTC)
	for zone, want := range map[string]hijri.Date{"UTC": {1447, 8, 29}, "Asia/Jakarta": {1447, 9, 1}, "America/New_York": {1447, 8, 29}} {
		loc, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		if d, err := hijri.FromTime(at, loc); err != nil || d != want {
			t.Errorf("%s: %v, %v", zone, d, err)
		}
	}
	for _, zone := range []string{"Asia/Beirut", "America/Sao_Paulo", "Africa/Cairo"} { // which turned their clocks at midnight
		loc, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		for n := range 8000 {
			midnight(t, 10000+n, loc)
		}
	}
}

// midnight asks that the day begins in the day, and that a moment before is none of it.
func midnight(t *testing.T, n int, loc *time.Location) {
	t.Helper()
	d, err := hijri.FromDays(n)
	if err != nil {
		t.Fatal(err)
	}
	g, err := d.ToGregorian(loc)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := hijri.FromTime(g, loc); err != nil || back != d {
		t.Fatalf("%v in %v begins at %v, which is %v", d, loc, g, back)
	}
	if eve, err := hijri.FromTime(g.Add(-time.Second), loc); err != nil || eve == d && g.Hour() > 0 {
		t.Fatalf("%v in %v begins before %v", d, loc, g)
	}
}

func TestMonthName(t *testing.T) {
	for _, lang := range []string{"en", "id", "ms", "ur", "ar"} {
		seen := map[string]bool{}
		for m := 1; m <= 12; m++ {
			name, ok := hijri.MonthName(lang, m)
			if !ok || name == "" || seen[name] {
				t.Errorf("%s %d: %q", lang, m, name)
			}
			seen[name] = true
		}
	}
	if name, ok := hijri.MonthName("fr", 9); !ok || name != "Ramadan" {
		t.Error(name)
	}
	for _, m := range []int{-1, 0, 13} {
		if _, ok := hijri.MonthName("en", m); ok {
			t.Error(m)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("1447-09-01")
	f.Add("1500-12-30")
	f.Fuzz(func(t *testing.T, s string) {
		if d, err := hijri.Parse(s); err == nil && d.String() != s {
			t.Errorf("%q reads as %v", s, d)
		}
	})
}
