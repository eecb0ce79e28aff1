package velocity

import (
	"encoding/binary"
	"time"

	"github.com/aielon/edge/services/wallet/amount"
)

// An Account is what moves through one account, in a form of which only a little has to be read for each dealing: the
// hours of the present day and the one before, and one sum of the days before those. Whoever keeps accounts also keeps
// the sum of each day that Roll hands over. The zero Account is empty, and none must be copied. Days are those of UTC.
type Account struct {
	hours Buckets
	older Sum   // of days that were handed over; what grew too old since day exact is still in it
	exact int64 // the day on which older was right; 0: nothing was handed over
	room  [4]bucket
}

// A DaySum is what moved on one day, a number of days since 1970.
type DaySum struct {
	Day int64
	Sum
}

// DayOf is the day of a time, since 1970.
func DayOf(t time.Time) int64 { return hourOf(t) / 24 }

// Days is how many days before the present one count for the window of 30 days.
const Days = 30

// Add counts one dealing. Roll must have been called for the same time.
func (a *Account) Add(now time.Time, n amount.Amount) { a.hours.Add(now, n) }

// Roll takes out the days before yesterday. They have to be kept by whoever calls it.
func (a *Account) Roll(now time.Time) (out []DaySum) {
	from := (DayOf(now) - 1) * 24
	n := 0
	for ; n < len(a.hours.hours) && a.hours.hours[n].hour < from; n++ {
		h := a.hours.hours[n]
		if k := len(out); k == 0 || out[k-1].Day != h.hour/24 {
			out = append(out, DaySum{Day: h.hour / 24})
		}
		out[len(out)-1].add(h.Sum)
		a.older.add(h.Sum)
	}
	a.hours.hours = a.hours.hours[n:]
	return out
}

// Day is what moved in the last 24 hours, as Buckets.Sums says it.
func (a *Account) Day(now time.Time) Sum {
	day, _ := a.hours.Sums(now)
	return day
}

// Month is what moved in the last 30 days, and at most a day more; where it is not exact, more may be in it that is
// older, never less.
func (a *Account) Month(now time.Time) (s Sum, exact bool) {
	_, s = a.hours.Sums(now)
	s.add(a.older)
	return s, a.older.Count == 0 || a.exact == DayOf(now)
}

// SetOlder says what the days before yesterday came to, back to the first day of the window.
func (a *Account) SetOlder(now time.Time, s Sum) { a.older, a.exact = s, DayOf(now) }

// Plus is the sum of two sums.
func (s Sum) Plus(t Sum) Sum {
	s.add(t)
	return s
}

// Idle reports whether everything is older than the window.
func (a *Account) Idle(now time.Time) bool {
	n := len(a.hours.hours)
	return n == 0 || a.hours.hours[n-1].hour/24 < DayOf(now)-Days
}

// Append appends the encoding of a to dst: a version byte, the sum of older days and the day on which it was right as
// unsigned varints, then the hours as Buckets are encoded.
func (a *Account) Append(dst []byte) []byte {
	dst = binary.AppendUvarint(a.older.Append(append(dst, version)), uint64(a.exact))
	return a.hours.Append(dst)
}

// Append appends how many dealings there were, and the two halves of the sum, as unsigned varints.
func (s Sum) Append(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, s.Count)
	return binary.AppendUvarint(binary.AppendUvarint(dst, s.Amount.Hi), s.Amount.Lo)
}

// DecodeSum reads what Append wrote, all of data. It fails with Corrupt.
func DecodeSum(data []byte) (s Sum, err error) {
	r := reader{rest: data}
	s = r.sum()
	if r.bad || len(r.rest) > 0 {
		return Sum{}, corrupt()
	}
	return s, nil
}

func (r *reader) sum() Sum {
	return Sum{Count: r.uvarint(), Amount: amount.Amount{Hi: r.uvarint(), Lo: r.uvarint()}}
}

// Decode reads what Append wrote, all of data. It fails with Corrupt and changes nothing.
func (a *Account) Decode(data []byte) error {
	if len(data) == 0 || data[0] != version {
		return corrupt()
	}
	r := reader{rest: data[1:]}
	older, exact := r.sum(), r.uvarint()
	if r.bad || exact > maxHour {
		return corrupt()
	}
	hours := Buckets{a.room[:0:len(a.room)]} // few have more hours than that; what is there is kept until it is known
	if len(a.hours.hours) > 0 {
		hours = Buckets{}
	}
	if err := hours.Decode(r.rest); err != nil {
		return err
	}
	a.hours, a.older, a.exact = hours, older, int64(exact)
	return nil
}
