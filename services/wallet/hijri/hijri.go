// Package hijri is the Umm al-Qura calendar of Saudi Arabia as a table, 1343 to 1500 AH (1 August 1924 to 16 November
// 2077), for counting lunar years. It is a civil calendar: where the month begins by sighting, its days may differ by one
// or two, and who keeps a fast or a feast asks there.
package hijri

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aielon/edge/node/edge"
)

// A Date is a day of the calendar: Year 1343 to 1500, Month 1 to 12, Day from 1. The zero Date is none.
type Date struct{ Year, Month, Day int }

// A year is where its months begin, in days since 1 January 1970, and where the next year does.
type year [13]int32

// calendar unfolds the table, once.
var calendar = sync.OnceValue(func() *[lastYear - firstYear + 1]year {
	var years [lastYear - firstYear + 1]year
	day := int32(firstDay)
	for i, row := range strings.Fields(table) {
		for m := range 12 {
			years[i][m] = day
			day += 28 + int32(row[m]-'0')
		}
		years[i][12] = day
	}
	return &years
})

// yearOf is a year that the table has, or an error.
func yearOf(y int) (*year, error) {
	if y < firstYear || y > lastYear {
		return nil, outside()
	}
	return &calendar()[y-firstYear], nil
}

func outside() error {
	return edge.E(edge.Invalid, "the calendar knows the Hijri years %d to %d only", firstYear, lastYear).
		WithHint("1 August 1924 to 16 November 2077").WithCode("invalid_request")
}

// FromTime is the day of t in a place. Days begin at midnight, as in the printed calendar, and not at sunset. It fails
// with edge.Invalid outside of the table.
func FromTime(t time.Time, loc *time.Location) (Date, error) {
	y, m, d := t.In(loc).Date()
	n := time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400 // whole days, so it divides also before 1970
	if int64(int32(n)) != n {
		return Date{}, outside()
	}
	return FromDays(int(n))
}

// FromDays is the day that is n days after 1 January 1970. It fails with edge.Invalid outside of the table.
func FromDays(n int) (Date, error) {
	years := calendar()
	if n < firstDay || n >= int(years[len(years)-1][12]) {
		return Date{}, outside()
	}
	i := min((n-firstDay)/354, len(years)-1) // at or after the year: none is shorter on average
	for int(years[i][0]) > n {
		i--
	}
	m := 11
	for int(years[i][m]) > n {
		m--
	}
	return Date{firstYear + i, m + 1, n - int(years[i][m]) + 1}, nil
}

// Days is how many days after 1 January 1970 d is. It fails with edge.Invalid where there is no such day.
func (d Date) Days() (int, error) {
	length, err := MonthLength(d.Year, d.Month)
	if err != nil {
		return 0, err
	}
	if d.Day < 1 || d.Day > length {
		return 0, edge.E(edge.Invalid, "month %d of the Hijri year %d has %d days", d.Month, d.Year, length).WithCode("invalid_request")
	}
	return int(calendar()[d.Year-firstYear][d.Month-1]) + d.Day - 1, nil
}

// ToGregorian is the midnight at which d begins in a place (the first moment of the day, where a clock skips midnight). It
// fails as Days does.
func (d Date) ToGregorian(loc *time.Location) (time.Time, error) {
	n, err := d.Days()
	if err != nil {
		return time.Time{}, err
	}
	noon, t := time.Date(1970, 1, 1+n, 12, 0, 0, 0, loc), time.Date(1970, 1, 1+n, 0, 0, 0, 0, loc)
	for t.Day() != noon.Day() && t.Before(noon) { // at a skipped midnight time.Date may give the evening before
		t = t.Add(15 * time.Minute)
	}
	return t, nil
}

// MonthLength is how many days a month has: 29 or 30, before 1365 also 28 or 31. It fails with edge.Invalid where there
// is no such month.
func MonthLength(y, month int) (int, error) {
	row, err := yearOf(y)
	if err != nil {
		return 0, err
	}
	if month < 1 || month > 12 {
		return 0, edge.E(edge.Invalid, "a year has the months 1 to 12").WithCode("invalid_request")
	}
	return int(row[month] - row[month-1]), nil
}

// YearLength is how many days a year has: 354 or 355, before 1365 also 353 or 356. It fails with edge.Invalid outside of
// the table.
func YearLength(y int) (int, error) {
	row, err := yearOf(y)
	if err != nil {
		return 0, err
	}
	return int(row[12] - row[0]), nil
}

// AddYear is the day on which a lunar year that began on d is complete: the same day of the same month. See AddYears.
func (d Date) AddYear() (Date, error) { return d.AddYears(1) }

// AddYears is the same day and month n years later (or before, where n is below 0). Day 30 of a month that has 29 that
// year becomes its last day: twelve months have passed when the month that bears the name ends, and not a day into the
// next one. Whoever counts on from year to year does so from the first day and not from the day before, or a 30 is lost
// for ever. It fails with edge.Invalid where d is no day or the table ends.
func (d Date) AddYears(n int) (Date, error) {
	if _, err := d.Days(); err != nil {
		return Date{}, err
	}
	length, err := MonthLength(d.Year+n, d.Month)
	if err != nil {
		return Date{}, err
	}
	return Date{d.Year + n, d.Month, min(d.Day, length)}, nil
}

// Compare is -1, 0 or 1 as d is before, at or after e.
func (d Date) Compare(e Date) int {
	for _, p := range [][2]int{{d.Year, e.Year}, {d.Month, e.Month}, {d.Day, e.Day}} {
		if p[0] < p[1] {
			return -1
		} else if p[0] > p[1] {
			return 1
		}
	}
	return 0
}

// IsZero reports whether d is none.
func (d Date) IsZero() bool { return d == Date{} }

// String writes what Parse reads: "1447-09-01".
func (d Date) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day) }

// Parse reads a day written as "1447-09-01". It fails with edge.Invalid where there is no such day.
func Parse(s string) (d Date, err error) {
	if len(s) == 10 && s[4] == '-' && s[7] == '-' && strings.Trim(s[:4]+s[5:7]+s[8:], "0123456789") == "" {
		d.Year, _ = strconv.Atoi(s[:4])
		d.Month, _ = strconv.Atoi(s[5:7])
		d.Day, _ = strconv.Atoi(s[8:])
		if _, err := d.Days(); err != nil {
			return Date{}, err
		}
		return d, nil
	}
	return Date{}, edge.E(edge.Invalid, "a Hijri day is written as year, month and day").WithHint("for example 1447-09-01").WithCode("invalid_request")
}
