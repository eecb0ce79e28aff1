//go:build fault

package e2e

import (
	"testing"
	"time"

	"github.com/aielon/edge/node/nodetest/proc"
)

// TestSingleKill kills the node, the hub or both, at random moments, while devices publish and people give
// commands. Everything acknowledged must be at the hub, once, in order.
func TestSingleKill(t *testing.T) {
	rounds, r := full(200), dice(t)
	w := newWorld(t, outfit{})
	w.connect(12, 0)
	for _, d := range w.devices {
		d.Run(0, 2*time.Millisecond)
	}
	w.people = newPeople(t, w.node, 6)
	var ready []time.Duration
	kills, fired := map[string]int{}, 0
	for range rounds {
		before, _ := w.acked()
		time.Sleep(time.Duration(50+r.IntN(1200)) * time.Millisecond)
		after, _ := w.acked()
		victims := [][]*proc.Process{{w.node}, {w.node}, {w.hub}, {w.node, w.hub}}[r.IntN(4)]
		for _, p := range victims {
			if !p.Running() {
				t.Fatalf("the %s ended by itself: %s", p.Name, p.Log(8))
			}
			p.Kill()
			kills[p.Name]++
		}
		if after > before {
			fired++
		}
		again := r.IntN(10) == 0 // the next kill meets a node that is just starting
		for _, p := range victims {
			p.Start()
			if again {
				time.Sleep(time.Duration(r.IntN(300)) * time.Millisecond)
				p.Kill()
				kills[p.Name+" while starting"]++
				p.Start()
			}
			d, err := p.WaitReady(30 * time.Second)
			if err != nil {
				t.Fatal(err)
			}
			ready = append(ready, d)
		}
	}
	w.finish(rounds, fired, kills, ready)
}

// finish ends the load, lets the hub catch up, and checks.
func (w *world) finish(rounds, fired int, kills map[string]int, ready []time.Duration) {
	w.t.Helper()
	w.each((*proc.Device).Stop)
	acked, again := w.acked()
	commands, retries := w.people.check()
	w.drained(2 * time.Minute)
	got := w.check()
	if fired < rounds*8/10 {
		w.t.Errorf("only %d of %d faults met a working load", fired, rounds)
	}
	if got.Epochs != 1 {
		w.t.Errorf("the journal began %d epochs: the node doubted itself", got.Epochs)
	}
	row(w.t, "%d rounds, %d under load %v; %d readings acknowledged, %d at the hub exactly as in the node's journal, %d sent again by devices (%d repeats); %d commands (%d retries); ready again p50 %v p99 %v max %v",
		rounds, fired, kills, acked, got.Records, got.Again, again, commands, retries, percentile(ready, .5), percentile(ready, .99), percentile(ready, 1))
}
