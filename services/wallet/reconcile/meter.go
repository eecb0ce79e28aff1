package reconcile

import (
	"encoding/json"

	"github.com/aielon/edge/node/edge"
)

// What one command may cost the site. A site takes 512 KiB and counts each write and event with so much besides its bytes;
// the rest is for the answer and the audit record.
const (
	maxCost   = 456 << 10
	writeCost = 256
	eventCost = 64
	tellCost  = 8 << 10 // more than telling a payment of an entry ever takes
)

// A meter counts what a command costs.
type meter struct {
	edge.Tx
	spent int
}

// Set implements edge.Tx.
func (m *meter) Set(key, value []byte) {
	m.spent += len(key) + len(value) + writeCost
	m.Tx.Set(key, value)
}

// Delete implements edge.Tx.
func (m *meter) Delete(key []byte) {
	m.spent += len(key) + writeCost
	m.Tx.Delete(key)
}

// Emit implements edge.Tx.
func (m *meter) Emit(e edge.Event) {
	m.spent += len(e.Type) + len(e.Subject) + len(e.Body) + eventCost
	m.Tx.Emit(e)
}

// cost is what keeping a new entry takes: its row, and that it is open or waits.
func (e *entry) cost() int {
	b, _ := json.Marshal(e) // save says what fails
	return len(b) + 2*(writeCost+len(underEntry)+len(e.ID))
}
