package amount

import (
	"math/bits"

	"github.com/aielon/edge/node/edge"
)

// Split divides total by weights, so that the parts add up to it exactly: each gets its share rounded down, and the
// units that are left go one each to the earliest parts with a weight. 15 by 80, 8, 12 is 13, 1, 1. It fails with
// Invalid where the weights are all 0 or their sum does not fit 64 bits.
func Split(total Amount, weights []uint64) ([]Amount, error) {
	var sum, carry uint64
	for _, w := range weights {
		if sum, carry = bits.Add64(sum, w, 0); carry != 0 {
			return nil, edge.E(edge.Invalid, "the shares are too large to add up")
		}
	}
	if sum == 0 {
		return nil, edge.E(edge.Invalid, "there is nobody to share among").WithHint("give at least one share that is not 0")
	}
	parts, rest := make([]Amount, len(weights)), total
	for i, w := range weights {
		parts[i], _ = total.MulDiv(w, sum, Down) // at most total, so it fits
		rest, _ = rest.Sub(parts[i])
	}
	for i := 0; !rest.IsZero(); i++ { // fewer units are left than there are weights above 0
		if weights[i] == 0 {
			continue
		}
		parts[i], _ = parts[i].Add(Of(1))
		rest, _ = rest.Sub(Of(1))
	}
	return parts, nil
}
