package uplink_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/uplink"
	"github.com/aielon/edge/sync/uplink/hubtest"
)

// A bookkeeper is a source that takes its time to keep a mark, and may fail to.
type bookkeeper struct {
	*hubtest.Journal

	mu    sync.Mutex
	takes time.Duration
	fails error
	told  []edge.Pos
}

func (b *bookkeeper) Acked(ctx context.Context, p edge.Pos) error {
	b.mu.Lock()
	takes, fails := b.takes, b.fails
	b.told = append(b.told, p)
	b.mu.Unlock()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(takes):
	}
	if fails != nil {
		return fails
	}
	return b.Journal.Acked(ctx, p)
}

func (b *bookkeeper) now(takes time.Duration, fails error) (told []edge.Pos) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.takes, b.fails, told, b.told = takes, fails, b.told, nil
	return told
}

// TestNothingIsSentBeforeTheSourceKnows puts a hub back behind what it had confirmed, with a source that is slow
// to book that, cannot, or is interrupted by the link's end. What it keeps is sent only when it has booked:
// otherwise the hub's next word would hide that it ever had less.
func TestNothingIsSentBeforeTheSourceKnows(t *testing.T) {
	broken := errors.New("no room")
	for name, c := range map[string]struct {
		takes time.Duration
		fails error
		cut   bool
	}{
		"slow":    {takes: 30 * time.Second},
		"fails":   {fails: broken},
		"cut off": {takes: 30 * time.Second, cut: true},
	} {
		t.Run(name, func(t *testing.T) {
			j := &bookkeeper{Journal: journal("ledger", edge.Ledger)}
			j.Append(bodies(500)...)
			o := uplink.Options{Sources: func() []uplink.Source { return []uplink.Source{j} }}
			live(t, o, func(w *world) {
				rest(10 * time.Second)
				w.whole(j.Journal, 500)
				j.now(c.takes, c.fails)
				w.hub.Forget(j.ID(), 200)
				w.cut()
				for range 4 {
					rest(5 * time.Second)
					if c.cut {
						w.cut()
					}
					if n := len(w.hub.Stream(j.ID()).Records); n != 300 {
						w.Fatalf("the hub has %d records before the source has booked", n)
					}
				}
				for _, p := range j.now(0, nil) {
					if p.Seq != 300 {
						w.Errorf("the source was told %v", p)
					}
				}
				rest(time.Minute)
				w.whole(j.Journal, 500)
			})
		})
	}
}

// TestHubPutBackUnderTheLink has the hub's store go back while the link holds.
func TestHubPutBackUnderTheLink(t *testing.T) {
	j := &bookkeeper{Journal: journal("ledger", edge.Ledger)}
	j.Append(bodies(500)...)
	o := uplink.Options{Sources: func() []uplink.Source { return []uplink.Source{j} }}
	live(t, o, func(w *world) {
		rest(10 * time.Second)
		w.whole(j.Journal, 500)
		w.hub.Forget(j.ID(), 200)
		j.now(0, nil)
		j.Append(bodies(501)[500])
		rest(time.Minute)
		w.whole(j.Journal, 501)
		if told := j.now(0, nil); len(told) == 0 || told[0].Seq != 300 {
			w.Errorf("the source was told %v", told)
		}
	})
}
