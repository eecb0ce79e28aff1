package node

import (
	"fmt"
	"testing"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/hub/store"
	"github.com/aielon/edge/sync/wire"
)

// streamOf is what a hub knows of one stream.
func (b *box) streamOf(id wire.StreamID) store.Stream {
	b.t.Helper()
	s, err := b.hub.store.Stream(b.t.Context(), id)
	if err != nil && !edge.IsKind(err, edge.NotFound) {
		b.t.Fatal(err)
	}
	return s
}

// joinHubTo makes b, a hub, one of the hubs below another.
func (b *box) joinHubTo(above *box) {
	b.t.Helper()
	inv, err := above.Invite(b.t.Context(), InviteRequest{Role: "hub"})
	if err == nil {
		_, err = b.JoinHub(b.t.Context(), JoinRequest{Addr: inv.Addr, Code: inv.Code})
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// TestHubOfHubs sends records from a node over a district's hub to a region's. Each is there once, under
// the name and the numbers its origin gave it, also after each of the three was started again.
func TestHubOfHubs(t *testing.T) {
	topCfg, midCfg, cfg := hubConfig(t), hubConfig(t), smallConfig(t)
	topCfg.Site, topCfg.Region = "top", "country"
	midCfg.Site = "district"
	top, mid, n := start(t, topCfg), start(t, midCfg), start(t, cfg)
	n.joinTo(mid)
	n.number(1)
	n.delivered()
	mid.joinHubTo(top)
	n.number(2)
	id := telemetryOf(n)
	arrived := func(count int) {
		t.Helper()
		eventually(t, "the records at the top", func() error {
			a, b := mid.streamOf(id), top.streamOf(id)
			if b.Cursor != n.journals.Journal(edge.Telemetry).Head() || a.Cursor != b.Cursor {
				return fmt.Errorf("the node is at %v, the hubs at %v and %v; %v; alarms %v", n.journals.Journal(edge.Telemetry).Head(), a.Cursor, b.Cursor, mid.up.get().Report(t.Context()), top.hub.h.Alarms())
			}
			return nil
		})
		got := numbers(top.hubHas(id))
		for i := 1; i <= count; i++ {
			if got[i] != 1 {
				t.Fatalf("the top has number %d %d times", i, got[i])
			}
		}
		if s := top.streamOf(id); s.Via != mid.ID() || s.ID.Origin != n.ID().String() || s.Counts.Accepted != uint64(len(records(t, n.journals.Journal(edge.Telemetry)))) || s.Counts.Skipped+s.Counts.Missing > 0 {
			t.Fatalf("at the top: %+v", s)
		}
	}
	arrived(2)
	mid.stop() // the node goes on alone
	n.number(3)
	mid = start(t, midCfg)
	arrived(3)
	top.stop()
	n.number(4)
	n.delivered()
	top = start(t, topCfg)
	arrived(4)
	n.stop()
	n = start(t, cfg)
	n.number(5)
	arrived(5)
	if x, err := top.hub.h.Node(mid.ID()); err != nil || !x.Hub || !x.Any {
		t.Errorf("the top knows the hub below as %+v, %v", x, err)
	}
	for _, a := range top.hub.h.Alarms() {
		t.Errorf("alarm %+v", a)
	}
	if x, err := mid.hub.h.Node(n.ID()); err != nil || x.Hub {
		t.Errorf("a node counts as a hub: %+v, %v", x, err)
	}
}

