package hub

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// A crowd is followed by collections, and by one release when it is over.
func TestSettle(t *testing.T) {
	for _, c := range []struct {
		name  string
		live  int64
		moves []int // sessions that begin or end, a second apart
		want  []bool
	}{
		{"a few", 10, []int{crowd - 1}, nil},
		{"a crowd", 10, []int{crowd}, []bool{false, true}},
		{"a crowd bit by bit", 10, []int{crowd / 2, crowd / 2}, []bool{false, true}},
		{"crowds in a row", 10, []int{crowd, crowd, crowd + 1}, []bool{false, false, false, true}},
		{"few of many", 100 * crowd, []int{crowd, crowd}, nil},
		{"a part of many", 100 * crowd, []int{100 * crowd / portion}, []bool{false, true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got []bool
				h := &Hub{o: Options{Collect: func(release bool) {
					time.Sleep(50 * time.Millisecond)
					got = append(got, release)
				}}, crowded: make(chan struct{}, 1)}
				h.live.Store(c.live)
				ctx, stop := context.WithCancel(t.Context())
				go h.settle(ctx)
				for _, n := range c.moves {
					for range n {
						h.moved()
					}
					time.Sleep(time.Second)
				}
				time.Sleep(time.Hour)
				synctest.Wait()
				if !slices.Equal(got, c.want) {
					t.Errorf("collections, true for those that release: %v, want %v", got, c.want)
				}
				stop()
			})
		})
	}
}

// However many come and go, collecting takes a tenth of the time.
func TestSettleSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n int
		h := &Hub{o: Options{Collect: func(bool) { n++; time.Sleep(100 * time.Millisecond) }}, crowded: make(chan struct{}, 1)}
		ctx, stop := context.WithCancel(t.Context())
		go h.settle(ctx)
		for range 10_000 {
			for range crowd {
				h.moved()
			}
			time.Sleep(time.Millisecond)
		}
		stop()
		time.Sleep(time.Second) // what is under way ends
		synctest.Wait()
		if n < 9 || n > 11 {
			t.Errorf("%d collections of 100 ms in 10 s", n)
		}
	})
}

// Nodes that come and nodes that go both count.
func TestSettleNodes(t *testing.T) {
	collected := make(chan bool, 10)
	w := newWorld(t, func(o *Options) { o.Rate, o.Collect = 1<<20, func(release bool) { collected <- release } })
	await := func(when string) {
		t.Helper()
		late := time.After(10 * time.Second)
		for release := true; release; { // a slow box may have been calm in between
			select {
			case release = <-collected:
			case <-late:
				t.Fatal("nothing was collected when many nodes", when)
			}
		}
	}
	var calls []*call
	for range crowd {
		calls = append(calls, w.node("alnoor").connect("quic"))
	}
	await("came")
	for _, c := range calls {
		c.link.Close(nil)
	}
	await("went")
}
