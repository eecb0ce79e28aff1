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

// Compared with a list of everything: the day is exact to the hour, the month never less than what moved, and exact to
// the day once the days that were handed over are added up.
func TestAccountAgainstAList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type moved struct {
			at time.Time
			n  uint64
		}
		var all []moved
		var a velocity.Account
		days := map[int64]velocity.Sum{}
		now := start
		for range rapid.IntRange(1, 60).Draw(t, "dealings") {
			now = now.Add(time.Duration(rapid.Int64Range(0, 3*86400).Draw(t, "step")) * time.Second)
			for _, d := range a.Roll(now) {
				days[d.Day] = days[d.Day].Plus(d.Sum)
			}
			if rapid.Bool().Draw(t, "exact") {
				var older velocity.Sum
				for day, s := range days {
					if day >= velocity.DayOf(now)-velocity.Days {
						older = older.Plus(s)
					}
				}
				a.SetOlder(now, older)
			}
			m := moved{now, rapid.Uint64Range(0, 1e6).Draw(t, "amount")}
			all = append(all, m)
			a.Add(m.at, amount.Of(m.n))
			data := a.Append(nil)
			var back velocity.Account
			if err := back.Decode(data); err != nil || !bytes.Equal(back.Append(nil), data) {
				t.Fatalf("%x: %v", data, err)
			}
			a = velocity.Account{}
			if err := a.Decode(data); err != nil {
				t.Fatal(err)
			}
			within := func(d time.Duration) (s velocity.Sum) {
				for _, m := range all {
					if m.at.After(now.Add(-d)) {
						s = s.Plus(velocity.Sum{Amount: amount.Of(m.n), Count: 1})
					}
				}
				return s
			}
			day := a.Day(now)
			if least, most := within(24*time.Hour), within(25*time.Hour); day.Count < least.Count || day.Count > most.Count || day.Amount.Less(least.Amount) || most.Amount.Less(day.Amount) {
				t.Fatalf("day: %v, want %v to %v", day, least, most)
			}
			month, exact := a.Month(now)
			if least, most := within(30*24*time.Hour), within(31*24*time.Hour); month.Count < least.Count || exact && month.Count > most.Count {
				t.Fatalf("month: %v, want %v to %v", month, least, most)
			}
		}
	})
}

func TestAccountEncoding(t *testing.T) {
	var a velocity.Account
	a.Add(start, amount.Of(300))
	a.Roll(start.AddDate(0, 0, 3))
	want := []byte{1, 1, 0, 0xac, 2, 0, 1, 0}
	if got := a.Append(nil); !bytes.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
	for name, data := range map[string][]byte{"nothing": nil, "another version": {2, 0, 0, 0, 0, 1, 0}, "cut": want[:5], "more": append(bytes.Clone(want), 0)} {
		if err := a.Decode(data); !edge.IsKind(err, edge.Corrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := velocity.DecodeSum([]byte{1, 0}); !edge.IsKind(err, edge.Corrupt) {
		t.Errorf("half a sum: %v", err)
	}
	if !a.Idle(start) {
		t.Error("an account without hours is in use")
	}
}
