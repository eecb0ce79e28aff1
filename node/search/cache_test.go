package search

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aielon/edge/node/edge"
)

func changes(keys ...string) func(func(string)) {
	return func(yield func(string)) {
		for _, k := range keys {
			yield(k)
		}
	}
}

// A row is found by those who see the commit it was read from, or a later one that left it alone, and by nobody else.
func TestCacheIsNeverOld(t *testing.T) {
	c, k, other := &cache{}, []byte("k"), []byte("other")
	has := func(commit uint64, key []byte, want bool) {
		t.Helper()
		if _, ok := c.get(commit, key); ok != want {
			t.Errorf("%q at commit %d: %v, want %v", key, commit, ok, want)
		}
	}
	c.put(5, k, []byte("five")) // an empty one takes up the commit
	c.put(5, other, []byte("five"))
	has(5, k, true)
	has(6, k, false)             // committed, and not told yet
	c.put(6, []byte("new"), nil) // by a search that sees it already
	c.committed(6, changes("k"))
	has(5, k, false)
	has(6, k, false)
	has(6, other, true)
	has(5, other, false)
	c.put(5, k, []byte("five")) // by a search that began before
	has(6, k, false)
	c.committed(8, changes()) // 7 was not told
	has(8, other, false)
	if n := c.bytes(); n != 0 {
		t.Errorf("%d bytes are left", n)
	}
}

func TestCacheIsBounded(t *testing.T) {
	c := &cache{}
	for i := range 20_000 {
		c.put(1, fmt.Append(nil, i), make([]byte, i%3000))
		if i%7 == 0 {
			c.get(1, fmt.Append(nil, i/2))
		}
		if i%5000 == 0 {
			if n := c.bytes(); n > cacheBytes {
				t.Fatalf("%d bytes are held", n)
			}
		}
	}
	c.put(1, []byte("large"), make([]byte, cacheBytes/2))
	if _, ok := c.get(1, []byte("large")); ok {
		t.Error("one row may take everything")
	}
	c.timer.Stop()
}

// What nobody uses is given back.
func TestCacheEmptiesItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ix := openIndex(t, openStore(t, true))
		apply(t, ix, Document{Kind: "person", ID: "1", Title: "fever"})
		q := Query{Text: "fever", Grants: everything("person")}
		for range 5 {
			search(t, ix, q)
			time.Sleep(cacheIdle * 3 / 4)
			if st, _ := ix.Stats(); st.Cached == 0 {
				t.Fatal("it is empty although it is used")
			}
		}
		time.Sleep(2 * cacheIdle)
		if st, _ := ix.Stats(); st.Cached != 0 {
			t.Errorf("%d bytes are held although nobody searches", st.Cached)
		}
		if search(t, ix, q).Total != 1 {
			t.Error("nothing is found afterwards")
		}
		time.Sleep(2 * cacheIdle)
	})
}

// While documents are replaced all at once, every search sees all of them: before or after.
func TestSearchesSeeWholeCommits(t *testing.T) {
	ix := openIndex(t, openStore(t, true))
	put := func(round int) error {
		var ops []Op
		for i := range 40 {
			ops = append(ops, Op{Put: &Document{Kind: "person", ID: fmt.Sprint(i), Title: fmt.Sprintf("same round%c", 'a'+round%20), Class: edge.Class(i % 3)}})
		}
		return ix.Apply(t.Context(), ops...)
	}
	if err := put(0); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for ctx.Err() == nil {
				r, err := ix.Search(t.Context(), Query{Text: "same", Whole: true, Grants: everything("person"), Limit: 50})
				if err != nil || r.Total != 40 || len(r.Hits) != 40 {
					t.Errorf("%d of 40 are found: %v", r.Total, err)
					return
				}
				if slices.ContainsFunc(r.Hits, func(h Hit) bool { return h.Title != r.Hits[0].Title }) {
					t.Error("a search sees two rounds at once")
					return
				}
			}
		})
	}
	for round := range 12 {
		if err := put(round); err != nil {
			t.Error(err)
			break
		}
	}
	stop()
	readers.Wait()
}
