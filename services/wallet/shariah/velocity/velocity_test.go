package velocity_test

import (
	"bytes"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/shariah/velocity"
)

var start = time.Date(2026, 3, 1, 12, 30, 0, 0, time.UTC)

func TestWindows(t *testing.T) {
	var b velocity.Buckets
	b.Add(start, amount.Of(100))
	b.Add(start.Add(time.Minute), amount.Of(1))
	for _, tc := range []struct {
		after      time.Duration
		day, month uint64
	}{
		{0, 101, 101}, {-48 * time.Hour, 101, 101}, {24*time.Hour + 29*time.Minute, 101, 101}, {25 * time.Hour, 0, 101},
		{30 * 24 * time.Hour, 0, 101}, {30*24*time.Hour + time.Hour, 0, 0},
	} {
		day, month := b.Sums(start.Add(tc.after))
		if day.Amount != amount.Of(tc.day) || month.Amount != amount.Of(tc.month) || (month.Count == 2) != (tc.month > 0) {
			t.Errorf("%s later: %v and %v", tc.after, day, month)
		}
	}
	if !b.Prune(start.Add(30*24*time.Hour)) || b.Prune(start.Add(31*24*time.Hour)) {
		t.Error("forgotten too early or too late")
	}
}

// A clock that once ran years ahead must not open a door for what comes after it was put right.
func TestClockThatRanAhead(t *testing.T) {
	var b velocity.Buckets
	b.Add(start.AddDate(3, 0, 0), amount.Of(1))
	b.Add(start, amount.Of(100))
	if day, month := b.Sums(start); day.Amount != amount.Of(101) || month.Count != 2 {
		t.Errorf("%v and %v", day, month)
	}
}

func TestTooMuch(t *testing.T) {
	var b velocity.Buckets
	b.Add(start, amount.Max())
	b.Add(start.Add(time.Hour), amount.Max())
	b.Add(start, amount.Of(1))
	if day, _ := b.Sums(start); day.Amount != amount.Max() || day.Count != 3 {
		t.Errorf("%v", day)
	}
}

// Compared with a list of everything: never less than what moved within the window, never more than what moved within
// an hour more, in whatever order it comes; and what is written is read again.
func TestAgainstAList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type moved struct {
			at time.Time
			n  uint64
		}
		var all []moved
		var b velocity.Buckets
		now := start
		for range rapid.IntRange(0, 60).Draw(t, "dealings") {
			now = now.Add(time.Duration(rapid.Int64Range(-3*3600, 5*86400).Draw(t, "step")) * time.Second)
			m := moved{now, rapid.Uint64Range(0, 1e6).Draw(t, "amount")}
			all = append(all, m)
			b.Add(m.at, amount.Of(m.n))
		}
		newest := start
		for _, m := range all {
			if m.at.After(newest) {
				newest = m.at
			}
		}
		within := func(d time.Duration) (sum, count uint64) {
			for _, m := range all {
				if m.at.After(newest.Add(-d)) {
					sum, count = sum+m.n, count+1
				}
			}
			return sum, count
		}
		day, month := b.Sums(newest)
		for name, tc := range map[string]struct {
			got velocity.Sum
			d   time.Duration
		}{"day": {day, 24 * time.Hour}, "month": {month, 30 * 24 * time.Hour}} {
			least, few := within(tc.d)
			most, many := within(tc.d + time.Hour)
			if tc.got.Amount.Less(amount.Of(least)) || amount.Of(most).Less(tc.got.Amount) || tc.got.Count < few || tc.got.Count > many {
				t.Fatalf("%s: %v; want %d in %d to %d in %d", name, tc.got, least, few, most, many)
			}
		}
		var back velocity.Buckets
		data := b.Append(nil)
		if err := back.Decode(data); err != nil || !bytes.Equal(back.Append(nil), data) {
			t.Fatalf("%x: %v", data, err)
		}
		if d, m := back.Sums(newest); d != day || m != month {
			t.Fatalf("read again: %v, %v", d, m)
		}
	})
}

func TestTimes(t *testing.T) {
	var x velocity.Times
	for i := range 100 {
		x.Add(start.Add(time.Duration(i) * time.Hour))
	}
	now := start.Add(99 * time.Hour)
	if got := x.Count(now, 30); got != velocity.MaxTimes {
		t.Errorf("%d remembered", got)
	}
	if got := x.Count(now, 1); got != 25 {
		t.Errorf("%d within a day, want 25", got)
	}
	x.Add(start) // late, and older than all
	if got := x.Count(now, 30); got != velocity.MaxTimes {
		t.Errorf("%d remembered", got)
	}
	var back velocity.Times
	if err := back.Decode(x.Append(nil)); err != nil || back.Count(now, 1) != 25 {
		t.Errorf("read again: %v", err)
	}
	if !x.Prune(now, 1) || x.Count(now, 30) != 25 || x.Prune(now.Add(48*time.Hour), 1) {
		t.Error("forgotten too early or too late")
	}
}

// The encodings are stored: they stay.
func TestEncoding(t *testing.T) {
	var b velocity.Buckets
	b.Add(start, amount.Of(300))
	b.Add(start.Add(2*time.Hour), amount.Amount{Hi: 1, Lo: 2})
	want := []byte{1, 2, 0xa4, 0x86, 0x1e, 1, 0, 0xac, 2, 2, 1, 1, 2}
	if got := b.Append(nil); !bytes.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
	for name, data := range map[string][]byte{
		"nothing": nil, "another version": {2, 0}, "cut": want[:9], "more": append(bytes.Clone(want), 0), "too many": {1, 0xff, 0xff, 0x7f},
		"an hour twice": {1, 2, 5, 1, 0, 1, 0, 1, 0, 1}, "an empty hour": {1, 1, 5, 0, 0, 1}, "a long varint": {1, 1, 0x85, 0, 1, 0, 1},
	} {
		if err := b.Decode(data); !edge.IsKind(err, edge.Corrupt) {
			t.Errorf("%s: %v", name, err)
		}
		var x velocity.Times
		if err := x.Decode(data); name != "an hour twice" && name != "an empty hour" && !edge.IsKind(err, edge.Corrupt) {
			t.Errorf("times, %s: %v", name, err)
		}
	}
	if got := b.Append(nil); !bytes.Equal(got, want) {
		t.Errorf("changed by what could not be read: %x", got)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{1, 2, 0xa4, 0x86, 0x1e, 1, 0, 0xac, 2, 2, 1, 1, 2})
	f.Add([]byte{1, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		var b velocity.Buckets
		if b.Decode(data) == nil {
			if again := b.Append(nil); !bytes.Equal(again, data) {
				t.Errorf("%x is written as %x", data, again)
			}
			b.Sums(start)
			b.Add(start, amount.Of(1))
		}
		var x velocity.Times
		if x.Decode(data) == nil {
			if again := x.Append(nil); !bytes.Equal(again, data) {
				t.Errorf("%x is written as %x", data, again)
			}
			x.Add(start)
		}
	})
}
