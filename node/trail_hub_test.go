package node

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/aielon/edge/node/audit"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/wire"
)

// A hub vouches for the ledgers that were delivered to it; what it hands out proves the node's own disk.
func TestHubVouchesForWhatWasDelivered(t *testing.T) {
	h, b := start(t, hubConfig(t)), start(t, smallConfig(t))
	b.joinTo(h)
	by := edge.Actor{Kind: edge.Person, ID: "p-1", Site: "clinic"}
	r := audit.Record{Kind: audit.Access, Actor: by, Op: "patients.read", Object: audit.Object{Type: "patient", ID: "x"}, Class: edge.Clinical, Outcome: audit.OK}
	for range 3 {
		if _, err := b.trail.local.Append(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	b.setting("colour", "red")
	h.setting("colour", "blue")
	b.delivered()
	var list []AuditSeen
	eventually(t, "the hub vouches", func() error {
		if err := h.hub.mirror(t.Context(), map[wire.StreamID]edge.Pos{}); err != nil {
			return err
		}
		var err error
		if list, err = h.auditOf().Seen(t.Context()); err != nil {
			return err
		}
		own, site, others := 0, 0, 0
		for _, s := range list {
			if strings.Contains(s.Checkpoint, b.ID().String()+"/"+ownLedger) {
				own++
			}
			if strings.Contains(s.Checkpoint, "/clinic/site.ledger") {
				site++
			}
			if strings.Contains(s.Checkpoint, "/hub/site.ledger") {
				others++
			}
		}
		if own == 0 || site == 0 || others == 0 {
			return edge.E(edge.Unavailable, "%+v", list)
		}
		return nil
	})
	var q AuditRequest
	for _, s := range list {
		q.Keys, q.Witnessed = append(q.Keys, s.By), append(q.Witnessed, s.Checkpoint)
	}
	if _, err := json.Marshal(q); err != nil {
		t.Fatal(err)
	}
	reports, err := b.auditOf().Verify(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range reports {
		outside := 0
		for _, c := range newestEpoch(r).Checkpoints {
			if c.Outside && c.Matches && c.Cosigned[0].Node == h.ID() {
				outside++
			}
		}
		if r.Err() != nil || outside != 1 {
			t.Errorf("%s: %q, %d of the hub's checkpoints", r.Stream, r.Problems, outside)
		}
	}
}
