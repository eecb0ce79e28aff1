package nodetest

import (
	"context"
	"fmt"
	"testing"

	"github.com/aielon/edge/node"
	"github.com/aielon/edge/node/audit"
	"github.com/aielon/edge/node/edge"
)

// Three nodes vouch for each other: each has its own ledger cosigned by both others, and the site's by one at least.
func TestNodesOfASiteAreWitnesses(t *testing.T) {
	all := []*siteNode{newSiteNode(t), newSiteNode(t), newSiteNode(t)}
	all[0].start(t)
	all[0].set(t, "before", "anybody joined")
	for _, s := range all[1:] {
		s.joinTo(t, all[0])
	}
	for _, s := range all {
		s.voters(t, 3)
		s.set(t, "by-"+s.id()[:8], "x")
	}
	for i, s := range all {
		var others []edge.NodeID
		for _, o := range all {
			if o != s {
				others = append(others, o.n.ID())
			}
		}
		eventually(t, fmt.Sprintf("node %d is vouched for", i), func(ctx context.Context) error {
			if err := s.Call(ctx, "POST", "/v1/audit/checkpoint", nil, nil); err != nil {
				return err
			}
			var list []audit.Report
			if err := s.Call(ctx, "POST", "/v1/audit/verify", node.AuditRequest{Streams: []string{"site.ledger"}}, &list); err != nil {
				return err
			}
			if err := list[0].Err(); err != nil {
				return err
			}
			for _, e := range list[0].Epochs {
				for _, c := range e.Checkpoints {
					if len(c.Cosigned) > 0 {
						return s.ownVouched(ctx, others)
					}
				}
			}
			return fmt.Errorf("nobody has cosigned %+v", list)
		})
	}
}

// ownVouched asks for the node's own ledger. It may be empty: nothing was refused, nothing was shown.
func (s *siteNode) ownVouched(ctx context.Context, others []edge.NodeID) error {
	var list []audit.Report
	if err := s.Call(ctx, "POST", "/v1/audit/verify", node.AuditRequest{Streams: []string{"readings.ledger"}, Witnesses: others}, &list); err != nil {
		return err
	}
	return list[0].Err()
}
