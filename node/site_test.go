package node

import (
	"slices"
	"testing"

	"github.com/aielon/edge/node/edge"
)

// A box that replaces a burnt one at its address can only be taken into the log when the burnt one is out of it,
// whichever of their random names comes first.
func TestRemovedNodesLeaveFirst(t *testing.T) {
	id := func(b byte) edge.NodeID { return edge.NodeID{b} }
	rows := []memberRow{{ID: id(1), Addr: "a:1"}, {ID: id(2), Addr: "b:1"}, {ID: id(3), Addr: "b:1", Removed: true}, {ID: id(4), Addr: "c:1"}}
	var order []byte
	for _, r := range removedFirst(rows) {
		order = append(order, r.ID[0])
	}
	if !slices.Equal(order, []byte{3, 1, 2, 4}) || rows[2].ID != id(3) {
		t.Errorf("%v", order)
	}
}
