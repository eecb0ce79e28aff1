package sim

import (
	"context"
	"fmt"
	"time"

	"github.com/aielon/edge/node/edge"
)

// faults breaks the site in one way after another.
func (r *Run) faults() {
	end := time.Now().Add(r.Length)
	for time.Now().Before(end) {
		time.Sleep(time.Duration(100+r.rng.IntN(900)) * time.Millisecond)
		r.fault()
	}
}

// pick chooses a node: the leader half of the time.
func (r *Run) pick() *Node {
	if r.rng.IntN(2) == 0 {
		for _, n := range r.c.Nodes() {
			if n.Leads() {
				return n
			}
		}
	}
	return r.c.nodes[1+r.rng.IntN(len(r.c.nodes)-1)]
}

func (r *Run) fault() {
	n := r.pick()
	switch r.rng.IntN(12) {
	case 0:
		r.off(n, "crash", n.Crash)
	case 1:
		r.off(n, "power cut", n.PowerCut)
	case 2, 3:
		r.around(n, "isolated", r.c.Net.Cut, true, true)
	case 4:
		r.around(n, "deaf", r.c.Net.Cut, true, false)
	case 5:
		r.around(n, "mute", r.c.Net.Cut, false, true)
	case 6:
		r.around(n, "paused", r.c.Net.Hold, true, true)
	case 7:
		r.around(n, "answers held", r.c.Net.Hold, true, false)
	case 8:
		r.fired("transfer")
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		n.Transfer(ctx, r.c.nodes[1+r.rng.IntN(len(r.c.nodes)-1)])
		cancel()
	case 9:
		r.fired("clock")
		n.Skew(time.Duration(r.rng.IntN(21)-10) * []time.Duration{time.Second, time.Hour, 365 * 24 * time.Hour}[r.rng.IntN(3)])
	case 10:
		r.fired("weather")
		r.c.Net.Weather(time.Duration(1+r.rng.IntN(300))*time.Millisecond, float64(r.rng.IntN(3))*0.1)
		time.Sleep(time.Duration(r.rng.IntN(2000)) * time.Millisecond)
		r.c.Net.Weather(2*time.Millisecond, 0)
	case 11:
		r.fired("log cut short")
		n.mem.shrink.Store(!n.mem.shrink.Load())
	}
}

// off switches a node off for a while.
func (r *Run) off(n *Node, name string, how func() error) {
	r.fired(name)
	if err := how(); err != nil {
		r.fail(fmt.Errorf("%s of n%d: %w", name, n.Number, err))
	}
	time.Sleep(time.Duration(r.rng.IntN(2500)) * time.Millisecond)
	if r.rng.IntN(3) == 0 {
		r.burst()
	}
	if err := n.Start(); err != nil {
		r.fail(fmt.Errorf("start of n%d: %w", n.Number, err))
	}
}

// burst makes the log grow past what it keeps and cuts it short, so that the node that is off will need a
// snapshot.
func (r *Run) burst() {
	r.fired("burst")
	for _, n := range r.c.Nodes() {
		n.mem.shrink.Store(true)
	}
	for i := range 40 {
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		if s := r.c.nodes[1+i%(len(r.c.nodes)-1)].Site(); s != nil {
			s.Propose(ctx, edge.Command{ID: edge.NewID(), Type: "put", Body: []byte(`{"Key":"burst","Value":"x"}`)})
		}
		cancel()
	}
}

// around does something to all ways to and from a node, and undoes it after a while.
func (r *Run) around(n *Node, name string, do func(from, to int, on bool), in, out bool) {
	r.fired(name)
	set := func(on bool) {
		for _, m := range r.c.Nodes() {
			if m == n {
				continue
			}
			if in {
				do(m.Number, n.Number, on)
			}
			if out {
				do(n.Number, m.Number, on)
			}
		}
	}
	set(true)
	time.Sleep(time.Duration(200+r.rng.IntN(2800)) * time.Millisecond)
	set(false)
}

// recover ends all faults.
func (r *Run) recover() error {
	r.c.Net.Heal()
	r.c.Net.Weather(2*time.Millisecond, 0)
	for _, n := range r.c.Nodes() {
		n.mem.shrink.Store(false)
		if n.Site() == nil {
			if err := n.Start(); err != nil {
				return err
			}
		}
	}
	return r.failed
}

func (r *Run) fail(err error) {
	if r.failed == nil {
		r.failed = err
	}
}
