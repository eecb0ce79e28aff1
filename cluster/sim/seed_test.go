package sim

import (
	"flag"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"testing"
	"testing/synctest"
)

var (
	seeds = flag.Int("seeds", 24, "how many seeds to run")
	first = flag.Uint64("seed", 1, "the first seed")
	loud  = flag.Bool("loud", false, "log what the nodes say")
)

// run runs one seed and its checks.
func run(t *testing.T, r *Run) (err error) {
	synctest.Test(t, func(*testing.T) { err = r.Do() })
	if err == nil {
		err = r.Check()
	}
	return err
}

func TestSeeds(t *testing.T) {
	var mu sync.Mutex
	fired := map[string]int{}
	t.Run("all", func(t *testing.T) {
		for part := range 2 {
			t.Run(fmt.Sprint(part), func(t *testing.T) {
				t.Parallel()
				for seed := *first + uint64(part); seed < *first+uint64(*seeds); seed += 2 {
					r := &Run{Seed: seed}
					if *loud {
						r.Log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
					}
					if err := run(t, r); err != nil {
						t.Errorf("seed %d: %v\nagain: go test ./cluster/sim -run TestSeeds -seed %d -seeds 1", seed, err, seed)
					}
					mu.Lock()
					for what, n := range r.Fired {
						fired[what] += n
					}
					for what, n := range r.c.Net.Fired {
						fired["message "+what] += n
					}
					mu.Unlock()
				}
			})
		}
	})
	t.Log(fired)
}
