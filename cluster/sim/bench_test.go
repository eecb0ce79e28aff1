package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/aielon/edge/cluster/raftlog"
	"github.com/aielon/edge/cluster/site"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
)

// One node with its log and its state on disk: every command is fsynced before it is answered.
func BenchmarkDurable(b *testing.B) {
	for _, clients := range []int{1, 16, 256} {
		b.Run(fmt.Sprint(clients), func(b *testing.B) {
			s := single(b)
			b.ResetTimer()
			start := time.Now()
			var wg sync.WaitGroup
			for i := range clients {
				wg.Go(func() {
					for j := i; j < b.N; j += clients {
						body := fmt.Appendf(nil, `{"Key":"k%d","Value":"some value of a register"}`, j%1000)
						out, err := s.Propose(context.Background(), edge.Command{ID: edge.NewID(), Type: "put", Body: body})
						if err != nil || out.Err != nil {
							b.Error(err, out.Err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "commands/s")
			st := s.Stats()
			b.ReportMetric(float64(st.Answered)/float64(max(st.Batches, 1)), "commands/batch")
		})
	}
}

// A linearizable read on an idle site costs one entry of the log.
func BenchmarkStrictRead(b *testing.B) {
	s := single(b)
	for b.Loop() {
		if _, _, err := s.Ask(context.Background(), "count", []byte(`{"Key":"x"}`), site.Strict); err != nil {
			b.Fatal(err)
		}
	}
}

// single starts a site of one node on disk.
func single(b *testing.B) *site.Site {
	dir, key := b.TempDir(), make([]byte, 32)
	sh, err := site.OpenShelf(context.Background(), state.Options{Dir: dir + "/state", Name: "site", Key: key, Reserve: -1, MinFree: 1})
	if err != nil {
		b.Fatal(err)
	}
	id := edge.NodeID{1}
	s, err := site.Open(site.Options{Shelf: sh, Mux: Mux(), Site: "bench", Node: id})
	if err != nil {
		b.Fatal(err)
	}
	net := NewNetwork(rand.New(rand.NewPCG(1, 1)))
	l, err := raftlog.Open(raftlog.Options{ID: id, Applier: s, Dir: dir + "/log", Key: key, Transport: net.endpoint(1), Bootstrap: true})
	if err != nil {
		b.Fatal(err)
	}
	s.SetLog(l, func() (edge.NodeID, bool) { at := l.Leadership(); return at.Leader, at.Self && at.Ready })
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { s.Run(ctx) })
	wg.Go(func() { l.Run(ctx) })
	b.Cleanup(func() { cancel(); wg.Wait(); l.Close(); sh.Close() })
	if _, err := s.Propose(ctx, edge.Command{ID: edge.NewID(), Type: "add", Body: []byte(`{"Key":"x"}`)}); err != nil {
		b.Fatal(err)
	}
	return s
}
