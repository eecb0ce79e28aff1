package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aielon/edge/node/edge"
)

func TestSmoke(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := New(Options{Nodes: 3, Seed: 1, Mux: Mux(), Invariant: func(edge.View) error { return nil }})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		for i := range 9 {
			body, _ := json.Marshal(addIn{"x"})
			out, err := c.Node(i%3+1).Site().Propose(ctx, edge.Command{ID: edge.NewID(), Type: "add", Body: body})
			if err != nil {
				t.Fatal(err)
			}
			fmt.Println(i, string(out.Reply), out.Index, out.Pos, time.Since(start))
		}
		for _, n := range c.Nodes() {
			i, err := n.Site().Linearizable(ctx)
			fmt.Println(n.Number, i, err, n.Leads())
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	})
}
