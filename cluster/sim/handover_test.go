package sim

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aielon/edge/node/edge"
)

// Leadership is handed to a node that does not answer, twice, and is lost meanwhile. Whoever led must take
// changes again as soon as it leads again.
func TestHandOverToASilentNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := New(Options{Nodes: 3, Seed: 1, Mux: Mux()})
		if err != nil {
			t.Fatal(err)
		}
		add(t, c.Node(1))
		for range 10 {
			silentHandOver(t, c)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}

func silentHandOver(t *testing.T, c *Cluster) {
	lead, to, third := leaderOf(c)
	cut := func(b *Node, on bool) {
		c.Net.Cut(lead.Number, b.Number, on)
		c.Net.Cut(b.Number, lead.Number, on)
	}
	cut(to, true)
	add(t, lead) // the silent node lacks it
	for range 2 {
		go lead.Transfer(t.Context(), to)
		time.Sleep(700 * time.Millisecond)
	}
	cut(third, true)
	time.Sleep(3 * time.Second)
	cut(to, false)
	cut(third, false)
	for range 20 {
		time.Sleep(3 * time.Second)
		now, _, _ := leaderOf(c)
		if now == lead {
			break
		}
		now.Transfer(t.Context(), lead)
	}
	if now, _, _ := leaderOf(c); now != lead {
		t.Error("the first leader does not lead again")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if _, err := lead.Site().Propose(ctx, edge.Command{ID: edge.NewID(), Type: "add", Body: asJSON(addIn{"x"})}); err != nil {
		t.Errorf("the leader takes no changes: %v", err)
	}
}

// leaderOf waits for one leader and returns it and the others.
func leaderOf(c *Cluster) (lead, a, b *Node) {
	for range 1000 {
		lead, a, b = nil, nil, nil
		for _, n := range c.Nodes() {
			switch {
			case n.Leads() && lead == nil:
				lead = n
			case a == nil:
				a = n
			default:
				b = n
			}
		}
		if lead != nil {
			return lead, a, b
		}
		time.Sleep(20 * time.Millisecond)
	}
	return c.Node(1), c.Node(2), c.Node(3)
}
