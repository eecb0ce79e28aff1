package uplink

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aielon/edge/node/edge"
)

func idleLine() sample { return sample{} }

// fill keeps a class writing until ctx ends and returns a counter of its bytes.
func fill(ctx context.Context, wg *sync.WaitGroup, g *gate, class edge.Urgency, n *int) {
	wg.Go(func() {
		for {
			k, err := g.take(ctx, class, 1<<20)
			if err != nil {
				return
			}
			*n += k
		}
	})
}

func run(t *testing.T, rate float64, span time.Duration, classes ...edge.Urgency) map[edge.Urgency]int {
	counts := map[edge.Urgency]int{}
	synctest.Test(t, func(t *testing.T) {
		g := newGate(newPacer(rate), idleLine)
		ctx, cancel := context.WithTimeout(t.Context(), span)
		defer cancel()
		var wg sync.WaitGroup
		each := make([]int, len(classes))
		for i, c := range classes {
			fill(ctx, &wg, g, c, &each[i])
		}
		wg.Wait()
		for i, c := range classes {
			counts[c] = each[i]
		}
	})
	return counts
}

func TestGateKeepsTheRate(t *testing.T) {
	for _, rate := range []float64{5_000, 50_000, 5_000_000} {
		got := float64(run(t, rate, 10*time.Second, edge.Telemetry)[edge.Telemetry]) / 10
		if got < 0.97*rate || got > 1.05*rate+packetWrite {
			t.Errorf("%.0f bytes/s passed, %.0f allowed", got, rate)
		}
	}
}

func TestGateSharesByWeight(t *testing.T) {
	n := run(t, 100_000, 20*time.Second, edge.Community, edge.Telemetry, edge.Bulk)
	total := float64(n[edge.Community] + n[edge.Telemetry] + n[edge.Bulk])
	for c, want := range map[edge.Urgency]float64{edge.Community: .5, edge.Telemetry: .375, edge.Bulk: .125} {
		if got := float64(n[c]) / total; got < want-.03 || got > want+.03 {
			t.Errorf("%v got %.3f of the line, want %.3f", c, got, want)
		}
	}
}

// A week of ledger and clinical records is paced too, goes first, and leaves a fifth to the rest.
func TestGateGivesLedgerTheMostAndTheRestAFifth(t *testing.T) {
	n := run(t, 100_000, 20*time.Second, edge.Ledger, edge.Care, edge.Telemetry)
	total := float64(n[edge.Ledger] + n[edge.Care] + n[edge.Telemetry])
	if share := float64(n[edge.Telemetry]) / total; share < .15 || share > .27 {
		t.Errorf("telemetry got %.3f of the line, want a fifth", share)
	}
	if total > 1.15*20*100_000 {
		t.Errorf("%.0f bytes passed in 20 s on a line of 100,000 bytes/s", total)
	}
}

func TestCriticalNeverWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(newPacer(5_000), idleLine)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		var wg sync.WaitGroup
		var n int
		fill(ctx, &wg, g, edge.Telemetry, &n)
		for range 20 {
			time.Sleep(300 * time.Millisecond)
			began := time.Now()
			for _, c := range []edge.Urgency{edge.Critical, edge.Ledger, edge.Care} {
				if _, err := g.take(ctx, c, 300); err != nil {
					t.Fatal(err)
				}
			}
			if d := time.Since(began); d > 0 {
				t.Fatalf("an urgent record waited %v", d)
			}
		}
		cancel()
		wg.Wait()
	})
}

func TestGateEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(newPacer(floorRate), idleLine)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		for {
			if _, err := g.take(ctx, edge.Bulk, 1<<20); err != nil {
				return
			}
		}
	})
}

func TestBackoffIsJitteredAndBounded(t *testing.T) {
	var b backoff
	seen := map[time.Duration]bool{}
	for i := range 40 {
		d := b.fail()
		if top := min(firstRetry<<min(i, 20), lastRetry) + 50*time.Millisecond; d > top || d < 0 {
			t.Fatalf("attempt %d waits %v, at most %v is allowed", i, d, top)
		}
		seen[d] = true
	}
	if len(seen) < 30 {
		t.Error("the waits are not spread")
	}
	b.floor = time.Minute
	if d := b.fail(); d < time.Minute {
		t.Errorf("%v is under the floor the hub asked for", d)
	}
}

func TestKeepaliveGrowsAndHalves(t *testing.T) {
	var k keepalive
	var got []time.Duration
	for range 12 {
		got = append(got, k.every())
		k.success()
	}
	if got[0] != 25*time.Second || got[3] != 50*time.Second || got[6] != 90*time.Second || got[9] != 120*time.Second {
		t.Errorf("pauses %v", got)
	}
	k.failure()
	if k.every() != 50*time.Second {
		t.Errorf("half of 120 s became %v", k.every())
	}
	k.failure()
	k.failure()
	if k.every() != 25*time.Second {
		t.Errorf("the shortest pause became %v", k.every())
	}
}
