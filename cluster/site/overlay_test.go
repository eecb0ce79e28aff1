package site

import (
	"bytes"
	"maps"
	"slices"
	"testing"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
	"pgregory.net/rapid"
)

// A transaction on an overlay shows exactly what a map would that was written the same way.
func TestTxIsAMap(t *testing.T) {
	sh := testShelf(t, "")
	defer sh.Close()
	at := uint64(0)
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SampledFrom([]string{"a", "a/1", "a/2", "a/3", "b", "b/1", "c"})
		st, world := sh.Store(), map[string]string{}
		base := state.NewBatch()
		for _, k := range []string{"a", "a/1", "a/2", "a/3", "b", "b/1", "c"} {
			base.Delete([]byte(k))
		}
		for k, v := range rapid.MapOf(key, rapid.StringN(0, 3, 9)).Draw(t, "base") {
			base.Set([]byte(k), []byte(v))
			world[k] = v
		}
		at++
		if err := st.CommitAt(base, at); err != nil {
			t.Fatal(err)
		}
		v := st.View()
		defer v.Close()
		o := newOverlay(v)
		for range 3 {
			commandOn(t, o, world, key)
		}
	})
}

// command lets one command write and compares all it reads; it goes through or not.
func commandOn(t *rapid.T, o *overlay, world map[string]string, key *rapid.Generator[string]) {
	x, mine := &tx{under: o, room: 1 << 20, store: roomy{}, writes: map[string][]byte{}}, maps.Clone(world)
	for range rapid.IntRange(0, 6).Draw(t, "steps") {
		k := key.Draw(t, "key")
		switch rapid.IntRange(0, 3).Draw(t, "what") {
		case 0:
			val := rapid.StringN(0, 3, 9).Draw(t, "value")
			x.Set([]byte(k), []byte(val))
			mine[k] = val
		case 1:
			x.Delete([]byte(k))
			delete(mine, k)
		case 2:
			got, err := x.Get([]byte(k))
			if want, ok := mine[k]; ok != (err == nil) || string(got) != want {
				t.Fatalf("%s: %q, %v; want %q", k, got, err, want)
			}
		case 3:
			compareScan(t, x, mine, k[:rapid.IntRange(0, len(k)).Draw(t, "prefix")], rapid.IntRange(1, 9).Draw(t, "stop"))
		}
	}
	if x.fail != nil {
		t.Fatal(x.fail)
	}
	if rapid.Bool().Draw(t, "through") {
		for _, w := range sorted(x.writes, "") {
			o.set(w)
		}
		clear(world)
		maps.Copy(world, mine)
	}
}

func compareScan(t *rapid.T, x *tx, mine map[string]string, prefix string, stop int) {
	var want, got []string
	for _, k := range slices.Sorted(maps.Keys(mine)) {
		if bytes.HasPrefix([]byte(k), []byte(prefix)) && len(want) < stop {
			want = append(want, k+"="+mine[k])
		}
	}
	for k, v := range x.Scan([]byte(prefix)) {
		if got = append(got, string(k)+"="+string(v)); len(got) == stop {
			break
		}
	}
	if !slices.Equal(want, got) || x.Err() != nil {
		t.Fatalf("prefix %q: %q, want %q (%v)", prefix, got, want, x.Err())
	}
}

func TestTxRefusesWhatNoStoreCanHold(t *testing.T) {
	sh := testShelf(t, "")
	defer sh.Close()
	v := sh.view()
	defer v.Close()
	for name, do := range map[string]func(*tx){
		"no key":     func(x *tx) { x.Set(nil, []byte("v")) },
		"long key":   func(x *tx) { x.Set(make([]byte, maxKey+1), nil) },
		"site's own": func(x *tx) { x.Delete(outcomeKey(edge.NewID())) },
		"journal's":  func(x *tx) { x.Set([]byte("jh/site.ledger"), nil) },
		"too much":   func(x *tx) { x.Set([]byte("k"), make([]byte, 1<<20)) },
		"too many": func(x *tx) {
			for i := range 5000 {
				x.Set([]byte{1, byte(i >> 8), byte(i)}, nil)
			}
		},
		"bad event": func(x *tx) { x.Emit(edge.Event{}) },
	} {
		x := &tx{under: newOverlay(v), room: 512 << 10, store: roomy{}, writes: map[string][]byte{}}
		if do(x); x.fail == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	x := &tx{under: newOverlay(v), room: 512 << 10, store: roomy{}, writes: map[string][]byte{}}
	if x.Set([]byte("jobs/1"), []byte("v")); x.fail != nil {
		t.Error(x.fail)
	}
}

// roomy is a store that takes every event.
type roomy struct{}

func (roomy) MaxValue() int { return 2 << 20 }
