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
	bubble(t, r, &err)
	if err == nil {
		err = r.Check()
	}
	return err
}

// bubble runs a seed in a bubble of its own, which nothing may outlive.
func bubble(t *testing.T, r *Run, err *error) {
	synctest.Test(t, func(*testing.T) { *err = r.Do() })
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
	if *seeds < 24 {
		return
	}
	for _, what := range []string{
		"crash", "power cut", "isolated", "deaf", "mute", "paused", "answers held", "transfer", "clock", "weather", "burst",
		"append lost", "append got through", "append twice", "message cut", "message hold", "message drop", // happened
		"retry", "again", "doubt", "refused base", "restored", "ahead", "given up", // and mattered
	} {
		if what == "restored" && *seeds < 200 {
			continue // too rare for a few dozen seeds
		}
		if fired[what] == 0 {
			t.Errorf("in %d seeds this never happened: %s", *seeds, what)
		}
	}
}
