package node

import (
	"errors"
	"testing"

	"github.com/aielon/edge/node/edge"
)

// TestHostEvery: a node that does not measure its box begins to as soon as the hub asks for it, goes on
// after a restart without a hub, and does not store a word that it cannot use.
func TestHostEvery(t *testing.T) {
	cfg := smallConfig(t)
	n := start(t, cfg)
	if err := n.desired.Apply(t.Context(), 1, []byte(`{"host_every":"1ms"}`)); !edge.IsKind(err, edge.Invalid) {
		t.Errorf("a thousand measurements a second: %v", err)
	}
	if err := n.desired.Apply(t.Context(), 2, []byte(`{"host_every":"1s"}`)); err != nil {
		t.Fatal(err)
	}
	measured := func() error {
		for _, r := range records(t, n.journals.Journal(edge.Telemetry)) {
			if r.Subject == "node-"+n.ID().Short() {
				return nil
			}
		}
		return errors.New("nothing measured")
	}
	eventually(t, "a measurement", measured)
	n.stop()
	n = start(t, cfg)
	if v, _ := n.desired.Current(); v != 2 || string(n.desired.InForce()) != `{"host_every":"1s"}` {
		t.Errorf("after a restart version %d, %s", v, n.desired.InForce())
	}
	if err := n.desired.Apply(t.Context(), 3, []byte(`{}`)); err != nil || string(n.desired.InForce()) != `{"host_every":"0s"}` {
		t.Errorf("%v, %s: the node's own file counts again", err, n.desired.InForce())
	}
}
