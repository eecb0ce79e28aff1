package sim

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aielon/edge/node/edge"
)

// How long a client of another node waits for an answer when the leader goes, in one of four ways.
func TestFailover(t *testing.T) {
	rounds := 40
	if testing.Short() {
		rounds = 10
	}
	for name, gone := range map[string]func(c *Cluster, n, m *Node, on bool){
		"cut": func(c *Cluster, n, m *Node, on bool) {
			c.Net.Cut(n.Number, m.Number, on)
			c.Net.Cut(m.Number, n.Number, on)
		},
		"mute": func(c *Cluster, n, m *Node, on bool) { c.Net.Cut(n.Number, m.Number, on) },
		"deaf": func(c *Cluster, n, m *Node, on bool) { c.Net.Cut(m.Number, n.Number, on) },
		"pause": func(c *Cluster, n, m *Node, on bool) {
			c.Net.Hold(n.Number, m.Number, on)
			c.Net.Hold(m.Number, n.Number, on)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { failover(t, rounds, gone) })
		})
	}
}

func failover(t *testing.T, rounds int, gone func(c *Cluster, n, m *Node, on bool)) {
	c, err := New(Options{Nodes: 3, Seed: 1, Mux: Mux()})
	if err != nil {
		t.Fatal(err)
	}
	var gaps []time.Duration
	for range rounds {
		add(t, c.Node(1))
		var leader, other *Node
		for _, n := range c.Nodes() {
			if n.Leads() {
				leader = n
			} else {
				other = n
			}
		}
		set := func(on bool) {
			for _, m := range c.Nodes() {
				if m != leader {
					gone(c, leader, m, on)
				}
			}
		}
		set(true)
		start := time.Now()
		add(t, other)
		gaps = append(gaps, time.Since(start))
		set(false)
		time.Sleep(2 * time.Second)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(gaps)
	half, most := gaps[len(gaps)/2], gaps[len(gaps)-1]
	t.Logf("half of %d within %v, all within %v", rounds, half, most)
	if half > 2*time.Second || most > 5*time.Second {
		t.Error("too long")
	}
}

func add(t *testing.T, n *Node) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	out, err := n.Site().Propose(ctx, edge.Command{ID: edge.NewID(), Type: "add", Body: asJSON(addIn{"x"})})
	if err != nil || out.Err != nil {
		t.Fatal(err, out.Err)
	}
}
