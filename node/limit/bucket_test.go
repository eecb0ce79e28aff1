package limit

import (
	"fmt"
	"hash/maphash"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/aielon/edge/node/edge"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func newBuckets(t testing.TB, o Options) *Buckets {
	t.Helper()
	b, err := NewBuckets(o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func keyN(i int) Key {
	return KeyOf(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}))
}

func TestKeys(t *testing.T) {
	addr := netip.MustParseAddr
	amina := edge.Actor{Kind: edge.Person, ID: "amina"}
	for _, c := range []struct {
		name string
		a, b Key
		same bool
	}{
		{"one person at two places", KeyFor(amina, addr("10.0.0.1")), KeyFor(amina, addr("10.0.0.2")), true},
		{"a person and a device of one name", KeyFor(amina, netip.Addr{}), KeyFor(edge.Actor{Kind: edge.Device, ID: "amina"}, netip.Addr{}), false},
		{"a claim that was not proven", KeyFor(edge.Actor{ID: "amina"}, addr("10.0.0.1")), KeyOf(addr("10.0.0.1")), true},
		{"two IPv4 addresses", KeyOf(addr("10.0.0.1")), KeyOf(addr("10.0.0.2")), false},
		{"IPv4 in IPv6 clothes", KeyOf(addr("10.0.0.1")), KeyOf(addr("::ffff:10.0.0.1")), true},
		{"one household", KeyOf(addr("2001:db8::1")), KeyOf(addr("2001:db8::ffff:1")), true},
		{"two households", KeyOf(addr("2001:db8::1")), KeyOf(addr("2001:db8:0:1::1")), false},
		{"two zones", KeyOf(addr("fe80::1%eth0")), KeyOf(addr("fe80::1%eth1")), true},
		{"no address", KeyOf(netip.Addr{}), Key{}, true},
	} {
		if (c.a == c.b) != c.same {
			t.Errorf("%s: %v and %v, same is %v", c.name, c.a, c.b, !c.same)
		}
	}
}

func TestBuckets(t *testing.T) {
	b := newBuckets(t, Options{Rate: 2, Burst: 10, Keys: 160})
	k, other := keyN(1), keyN(2)
	step := func(name string, k Key, cost int, at time.Duration, ok bool, after time.Duration) {
		t.Helper()
		if gotOK, gotAfter := b.Allow(k, cost, noon.Add(at)); gotOK != ok || gotAfter != after {
			t.Errorf("%s: got %v, %v; want %v, %v", name, gotOK, gotAfter, ok, after)
		}
	}
	step("all at once", k, 10, 0, true, 0)
	step("one more", k, 1, 0, false, 500*time.Millisecond)
	step("the refusal took nothing", k, 1, 500*time.Millisecond, true, 0)
	step("something dear", k, 5, 500*time.Millisecond, false, 2500*time.Millisecond)
	step("somebody else", other, 10, 500*time.Millisecond, true, 0)
	step("what nobody may", k, 11, time.Hour, false, -1)
	step("what costs nothing", k, 0, 0, true, 0)
	step("full again", k, 10, time.Hour, true, 0)
	step("the clock is set back", k, 1, 0, false, 500*time.Millisecond)
	step("and forward again: nothing was won", k, 1, time.Hour, false, 500*time.Millisecond)
}

func TestBucketsAreBounded(t *testing.T) {
	b := newBuckets(t, Options{Rate: 1, Burst: 2, Keys: 64})
	allowed := 0
	for i := range 100_000 {
		if ok, _ := b.Allow(keyN(i), 2, noon); ok {
			allowed++
		}
		if b.Len() > 64 && i%1000 == 0 {
			t.Fatalf("%d keys are kept", b.Len())
		}
	}
	// each key that is kept once, and each shard's shared bucket once
	if allowed > 64+shards || b.Len() > 64 {
		t.Errorf("a crowd of addresses was allowed %d times, with %d keys", allowed, b.Len())
	}
	// those who left are forgotten, and newcomers have their own again
	own, later := 0, noon.Add(3*time.Second)
	for i := range 64 {
		if ok, _ := b.Allow(keyN(1_000_000+i), 2, later); ok {
			own++
		}
	}
	if own <= 2*shards || b.Len() > 64 {
		t.Errorf("%d of 64 newcomers have a bucket of their own, and %d keys are kept", own, b.Len())
	}
}

// Who is there all the time does not keep those who left from being forgotten.
func TestTheLeastRecentlyUsedIsForgotten(t *testing.T) {
	b := newBuckets(t, Options{Rate: 1, Burst: 2, Keys: 3 * shards})
	var keys []Key // of one shard
	for i := 0; len(keys) < 5; i++ {
		if k := keyN(i); maphash.Comparable(b.seed, k)%shards == 0 {
			keys = append(keys, k)
		}
	}
	for _, k := range keys[:3] {
		b.Allow(k, 1, noon)
	}
	for s := range 3 {
		b.Allow(keys[0], 1, noon.Add(time.Duration(s)*time.Second))
	}
	for _, k := range keys[3:] {
		if ok, _ := b.Allow(k, 2, noon.Add(2500*time.Millisecond)); !ok {
			t.Errorf("%v has no bucket of its own", k)
		}
	}
	if ok, _ := b.Allow(keys[0], 2, noon.Add(2500*time.Millisecond)); ok {
		t.Error("who was there all the time was forgotten")
	}
}

// In any time a key gets no more than its burst and what flowed in since, whoever else comes by, and is never
// forgotten while its bucket is not full.
func TestNobodyGetsMoreThanItsShare(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := Options{Rate: rapid.Float64Range(0.5, 50).Draw(t, "rate"), Burst: rapid.IntRange(1, 20).Draw(t, "burst"), Keys: 16}
		b, err := NewBuckets(o)
		if err != nil {
			t.Fatal(err)
		}
		at, taken, k := noon, 0, keyN(1)
		b.Allow(k, 1, at) // it has a bucket of its own
		taken++
		for range rapid.IntRange(1, 60).Draw(t, "calls") {
			at = at.Add(time.Duration(rapid.IntRange(0, 2000).Draw(t, "ms")) * time.Millisecond)
			b.Allow(keyN(rapid.IntRange(2, 500).Draw(t, "another")), 1, at)
			cost := rapid.IntRange(1, 20).Draw(t, "cost")
			if ok, after := b.Allow(k, cost, at); ok {
				taken += cost
			} else if cost <= o.Burst && after <= 0 {
				t.Fatalf("refused %d, to come again after %v", cost, after)
			} else if after > 0 {
				if ok, _ := b.Allow(k, cost, at.Add(after+time.Microsecond)); !ok {
					t.Fatalf("told to come after %v, and refused then", after)
				}
				at, taken = at.Add(after+time.Microsecond), taken+cost
			}
		}
		if most := float64(o.Burst) + o.Rate*at.Sub(noon).Seconds() + 1e-3; float64(taken) > most {
			t.Fatalf("took %d of at most %.3f", taken, most)
		}
	})
}

func TestOptionsAreChecked(t *testing.T) {
	nan := func() float64 { z := 0.0; return z / z }()
	for _, o := range []Options{{}, {Rate: -1, Burst: 1, Keys: 16}, {Rate: nan, Burst: 1, Keys: 16}, {Rate: 1, Keys: 16}, {Rate: 1, Burst: 1, Keys: 15}} {
		if _, err := NewBuckets(o); !edge.IsKind(err, edge.Invalid) {
			t.Errorf("%+v: got %v, want Invalid", o, err)
		}
	}
	for _, n := range [][2]int{{0, 1}, {2, 1}} {
		if _, err := NewSlots(n[0], n[1]); !edge.IsKind(err, edge.Invalid) {
			t.Errorf("%v: got %v, want Invalid", n, err)
		}
	}
	for _, n := range [][2]float64{{-0.1, 0}, {1.1, 0}, {0.1, -1}, {nan, 0}, {0, nan}} {
		if _, err := NewBudget(n[0], n[1]); !edge.IsKind(err, edge.Invalid) {
			t.Errorf("%v: got %v, want Invalid", n, err)
		}
	}
	for _, o := range []BreakerOptions{{Least: -1}, {Ratio: 2}, {Ratio: nan}, {Open: -1}, {Open: time.Hour}} {
		if _, err := NewBreaker(o); !edge.IsKind(err, edge.Invalid) {
			t.Errorf("%+v: got %v, want Invalid", o, err)
		}
	}
}

func TestSlots(t *testing.T) {
	s, err := NewSlots(2, 3)
	if err != nil {
		t.Fatal(err)
	}
	take := func(k Key, ok bool) func() {
		t.Helper()
		release, err := s.Take(k)
		if (err == nil) != ok || err != nil && !edge.IsKind(err, edge.Exhausted) {
			t.Fatalf("got %v, want it to be %v", err, ok)
		}
		return release
	}
	a := take(keyN(1), true)
	take(keyN(1), true)
	take(keyN(1), false)
	take(keyN(2), true)
	take(keyN(3), false)
	a()
	a() // a second time: nothing
	if s.Used() != 2 {
		t.Errorf("%d are in use, want 2", s.Used())
	}
	take(keyN(3), true)
	take(keyN(4), false)
}

func TestManyAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s := newBuckets(t, Options{Rate: 10, Burst: 10, Keys: 64}), &Slots{each: 4, all: 8, used: map[Key]int{}}
		var wg sync.WaitGroup
		var mu sync.Mutex
		allowed := 0
		for i := range 32 {
			wg.Go(func() {
				for range 100 {
					if release, err := s.Take(keyN(i % 4)); err == nil {
						if ok, _ := b.Allow(keyN(1), 1, time.Now()); ok {
							mu.Lock()
							allowed++
							mu.Unlock()
						}
						time.Sleep(time.Millisecond)
						release()
					} else {
						time.Sleep(10 * time.Millisecond)
					}
				}
			})
		}
		start := time.Now()
		wg.Wait()
		if most := 10 + int(10*time.Since(start).Seconds()) + 1; allowed > most || allowed < 10 {
			t.Errorf("%d were allowed, want 10 to %d", allowed, most)
		}
		if s.Used() != 0 || len(s.used) != 0 {
			t.Errorf("%d slots are in use at the end, of %d keys", s.Used(), len(s.used))
		}
	})
}

func BenchmarkAllow(b *testing.B) {
	l := newBuckets(b, Options{Rate: 1e9, Burst: 1e9, Keys: 100_000})
	keys := make([]Key, 1<<16)
	for i := range keys {
		keys[i] = KeyFor(edge.Actor{Kind: edge.Person, ID: fmt.Sprint("person-", i)}, netip.Addr{})
	}
	b.Run("one key", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			l.Allow(keys[0], 1, noon)
		}
	})
	b.Run("many keys, all processors", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				l.Allow(keys[i&(len(keys)-1)], 1, noon)
			}
		})
	})
	b.Run("always somebody new", func(b *testing.B) {
		l := newBuckets(b, Options{Rate: 1, Burst: 2, Keys: 10_000})
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			l.Allow(keyN(i), 1, noon)
		}
	})
}
