package node

import (
	"log/slog"
	"testing"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/edge/testport"
)

// A node that joined a site and has no list of its nodes yet hears those of the site it joined. Others may have
// certificates of the same authority: nodes of a site that was begun anew without them, to whom this node may have
// belonged and who may still fill its empty log with theirs.
func TestNewcomerHearsOnlyTheSiteItJoined(t *testing.T) {
	cfg := smallConfig(t)
	cfg.Cluster.Addr = testport.Addr(t)
	host := start(t, cfg)
	inv, err := host.Invite(t.Context(), InviteRequest{})
	if err != nil {
		t.Fatal(err)
	}
	cfg = smallConfig(t)
	cfg.Cluster.Addr = testport.Addr(t)
	if _, err := Join(t.Context(), cfg, JoinRequest{Addr: inv.Addr, Code: inv.Code}); err != nil {
		t.Fatal(err)
	}
	host.stop()
	n, err := New(t.Context(), cfg, Options{Logger: slog.New(slog.DiscardHandler), Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	if !(roll{n}).Member(host.ID()) {
		t.Error("the site it joined is not heard")
	}
	if (roll{n}).Member(edge.NodeID{9}) {
		t.Error("a node is heard that was none of the site it joined")
	}
}
