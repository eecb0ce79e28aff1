package sim

import "testing"

// A check that cannot fail proves nothing: each protection that is switched off must be noticed.
func TestMutantsAreCaught(t *testing.T) {
	for _, m := range []Mutant{StaleReads, NoBase, NoMemory} {
		t.Run(string(m), func(t *testing.T) {
			t.Parallel()
			for seed := uint64(1); seed <= 60; seed++ {
				r := &Run{Seed: seed, Mutant: m}
				if err := run(t, r); err != nil {
					t.Logf("caught by seed %d: %v", seed, err)
					return
				}
			}
			t.Error("60 seeds did not notice")
		})
	}
}
