package velocity

import (
	"encoding/binary"
	"slices"
	"time"
)

// MaxTimes is how many times Times remembers; a rule may ask for 50.
const MaxTimes = 64

// Times are when cash came in just below a threshold. The zero Times are empty.
type Times struct {
	at []int64 // seconds since 1970, in order
}

// Add remembers one more. The oldest is forgotten where there are more than MaxTimes.
func (t *Times) Add(now time.Time) {
	s := max(now.Unix(), 0)
	i, _ := slices.BinarySearch(t.at, s)
	t.at = slices.Insert(t.at, i, s)
	if extra := len(t.at) - MaxTimes; extra > 0 {
		t.at = slices.Delete(t.at, 0, extra)
	}
}

// Count is how many were within the last days before now; what lies after now counts as well.
func (t *Times) Count(now time.Time, days int) int {
	from := now.Unix() - int64(days)*86400
	i, _ := slices.BinarySearch(t.at, from)
	return len(t.at) - i
}

// Prune forgets what is more than days older than now. It reports whether anything is left.
func (t *Times) Prune(now time.Time, days int) bool {
	t.at = slices.Delete(t.at, 0, len(t.at)-t.Count(now, days))
	return len(t.at) > 0
}

// Append appends the encoding of t to dst: a version byte, how many, and the seconds from one to the next, as unsigned
// varints.
func (t *Times) Append(dst []byte) []byte {
	dst = binary.AppendUvarint(append(dst, version), uint64(len(t.at)))
	var last int64
	for _, s := range t.at {
		dst = binary.AppendUvarint(dst, uint64(s-last))
		last = s
	}
	return dst
}

// Decode reads what Append wrote, all of data. It fails with Corrupt and changes nothing.
func (t *Times) Decode(data []byte) error {
	r, n := open(data)
	if n > MaxTimes {
		return corrupt()
	}
	at := make([]int64, 0, n)
	var last uint64
	for range n {
		step := r.uvarint()
		if last += step; step > maxHour*3600 || last > maxHour*3600 {
			return corrupt()
		}
		at = append(at, int64(last))
	}
	if r.bad || len(r.rest) > 0 {
		return corrupt()
	}
	t.at = at
	return nil
}
