package identity

import (
	"testing"

	"github.com/aielon/edge/node/auth"
)

// What every request of somebody signed in costs, beside the two reads of the store.
func BenchmarkAuthenticate(b *testing.B) {
	w := newWorld(b, 1)
	c := auth.Credentials{Cookie: w.owner().Session}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.nodes[0].Authenticate(b.Context(), c); err != nil {
			b.Fatal(err)
		}
	}
}
