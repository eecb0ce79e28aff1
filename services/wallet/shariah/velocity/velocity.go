// Package velocity counts what moves through one account, in buckets of an hour, and cash that came in just below a
// threshold. It keeps no clock: whoever asks says what time it is. Encodings are stored and stay.
package velocity

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
)

// Windows, in hours.
const (
	Day   = 24
	Month = 30 * 24
)

// A Sum is what moved within a window.
type Sum struct {
	Amount amount.Amount // minor units; stays at the largest Amount where it is more
	Count  uint64
}

func (s *Sum) add(t Sum) {
	all, ok := s.Amount.Add(t.Amount)
	if !ok {
		all = amount.Max()
	}
	s.Amount = all
	if s.Count += t.Count; s.Count < t.Count {
		s.Count = ^uint64(0)
	}
}

// Buckets are what moved through one account in one asset, by the hour. The zero Buckets are empty. They hold at most
// Month+1 hours.
type Buckets struct {
	hours []bucket // in order of time
}

type bucket struct {
	hour int64 // since 1970
	Sum
}

func hourOf(t time.Time) int64 {
	s := t.Unix()
	if s < 0 {
		return 0
	}
	return s / 3600
}

// Add counts one dealing. Times may come out of order. What is more than 30 days older than the newest counts as new:
// the clock was wrong once, and nobody may move money uncounted for that.
func (b *Buckets) Add(now time.Time, a amount.Amount) {
	h := hourOf(now)
	if n := len(b.hours); n > 0 && h < b.hours[n-1].hour-Month {
		h = b.hours[n-1].hour
	}
	i, found := slices.BinarySearchFunc(b.hours, h, func(x bucket, h int64) int { return int(x.hour - h) })
	if !found {
		b.hours = slices.Insert(b.hours, i, bucket{hour: h})
	}
	b.hours[i].add(Sum{a, 1})
	b.drop(b.hours[len(b.hours)-1].hour)
}

// Sums returns what moved in the last 24 hours and in the last 30 days. The hour in which a window begins counts as a
// whole: the sums are never less than what moved, and at most an hour too much. What lies after now counts as well, so
// that a clock which is set back opens no door.
func (b *Buckets) Sums(now time.Time) (day, month Sum) {
	h := hourOf(now)
	for i := len(b.hours) - 1; i >= 0 && b.hours[i].hour >= h-Month; i-- {
		month.add(b.hours[i].Sum)
		if b.hours[i].hour >= h-Day {
			day.add(b.hours[i].Sum)
		}
	}
	return day, month
}

// Prune forgets what is older than 30 days before now. It reports whether anything is left.
func (b *Buckets) Prune(now time.Time) bool {
	b.drop(hourOf(now))
	return len(b.hours) > 0
}

func (b *Buckets) drop(h int64) {
	old := 0
	for old < len(b.hours) && b.hours[old].hour < h-Month {
		old++
	}
	b.hours = slices.Delete(b.hours, 0, old)
}

// version of both encodings; the first byte.
const version = 1

// Append appends the encoding of b to dst: a version byte, how many buckets, then for each how many hours after the one
// before, how many dealings, and the two halves of the sum, all as unsigned varints.
func (b *Buckets) Append(dst []byte) []byte {
	dst = binary.AppendUvarint(append(dst, version), uint64(len(b.hours)))
	var last int64
	for _, x := range b.hours {
		dst = binary.AppendUvarint(dst, uint64(x.hour-last))
		dst = binary.AppendUvarint(dst, x.Count)
		dst = binary.AppendUvarint(dst, x.Amount.Hi)
		dst = binary.AppendUvarint(dst, x.Amount.Lo)
		last = x.hour
	}
	return dst
}

// maxHour is far beyond any clock: 9999-12-31.
const maxHour = 253402300799 / 3600

// Decode reads what Append wrote, all of data. It fails with Corrupt and changes nothing.
func (b *Buckets) Decode(data []byte) error {
	r, n := open(data)
	if n > Month+1 {
		return corrupt()
	}
	hours := b.hours[len(b.hours):cap(b.hours)][:0]
	if uint64(cap(hours)) <= n {
		hours = make([]bucket, 0, n+1) // most that are read get one more
	}
	var last uint64
	for i := range n {
		step := r.uvarint()
		x := bucket{hour: int64(last + step), Sum: Sum{Count: r.uvarint(), Amount: amount.Amount{Hi: r.uvarint(), Lo: r.uvarint()}}}
		if r.bad || i > 0 && step == 0 || step > maxHour || last+step > maxHour || x.Count == 0 {
			return corrupt()
		}
		last += step
		hours = append(hours, x)
	}
	if r.bad || len(r.rest) > 0 || n > 0 && hours[n-1].hour-hours[0].hour > Month {
		return corrupt()
	}
	b.hours = hours
	return nil
}

// reader reads varints until one is bad.
type reader struct {
	rest []byte
	bad  bool
}

// open reads the version and a count.
func open(data []byte) (reader, uint64) {
	if len(data) == 0 || data[0] != version {
		return reader{bad: true}, 0
	}
	r := reader{rest: data[1:]}
	n := r.uvarint()
	return r, n
}

// uvarint reads one in its shortest form.
func (r *reader) uvarint() uint64 {
	if len(r.rest) > 0 && r.rest[0] < 0x80 { // most are small
		v := uint64(r.rest[0])
		r.rest = r.rest[1:]
		return v
	}
	v, n := binary.Uvarint(r.rest)
	if n <= 0 || n > 1 && r.rest[n-1] == 0 {
		r.bad, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func corrupt() error {
	return edge.E(edge.Corrupt, "what was counted for this account is not what was written")
}
