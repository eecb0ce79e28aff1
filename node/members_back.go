package node

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"github.com/aielon/edge/node/auth/pki"
	"github.com/aielon/edge/node/edge"
)

// knockEvery is how often a restored node asks its site to take it back.
const knockEvery = time.Second

// others are the nodes of the site that a restored node knows from its backup.
func (n *Node) others() (rows []memberRow, err error) {
	b, err := os.ReadFile(filepath.Join(n.cfg.DataDir, awayFile))
	if err == nil {
		err = json.Unmarshal(b, &rows)
	}
	if err != nil {
		return nil, edge.E(edge.Corrupt, "it is not known any more whom this restored node belongs to: %w", err).WithHint("restore the backup again")
	}
	return rows, nil
}

// comeBack lets a restored node take part in its site again. It has forgotten what it acknowledged and whom it
// voted for, so it first gets the site to commit something without its help, namely where it is reached now.
func (n *Node) comeBack(ctx context.Context) error {
	if !n.raft.Away() {
		<-ctx.Done()
		return nil
	}
	rows, err := n.others()
	if err != nil {
		return err
	}
	for ctx.Err() == nil {
		err := n.knock(ctx, rows)
		n.setKnocked(err)
		if err == nil {
			n.log.Info("the site takes this restored node back")
			if err := n.raft.Return(); err != nil {
				return err
			}
			if err := remove(filepath.Join(n.cfg.DataDir, awayFile)); err != nil {
				return err
			}
			<-ctx.Done()
			return nil
		}
		n.log.Warn("the site does not take this restored node back yet", "error", err)
		wait(ctx, knockEvery)
	}
	return nil
}

// knock asks one node after another; the one that leads decides.
func (n *Node) knock(ctx context.Context, rows []memberRow) (err error) {
	r := registration{Node: n.ID(), Role: pki.JoinNode, Addr: n.advertise(), Own: true}
	if n.gossip != nil {
		r.Gossip = n.gossip.Addr()
	}
	body, err := json.Marshal(r)
	if err != nil {
		return edge.E(edge.Internal, "a registration cannot be encoded: %w", err)
	}
	for _, row := range rows {
		// Each with an ID of its own: an answer from memory would not prove that anything is committed now.
		cmd := edge.Command{ID: edge.NewID(), Type: opMemberRegister, Actor: n.actor(), Body: body}
		one, cancel := context.WithTimeout(ctx, dialTime)
		o, ferr := n.client.Forward(one, row.ID, cmd)
		cancel()
		switch {
		case ferr == nil && o.Err == nil:
			return nil
		case ferr == nil:
			return o.Err
		}
		err = ferr
	}
	return err
}

func (n *Node) setKnocked(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.knocked = err
}

// awayError says why a restored node is not ready.
func (n *Node) awayError() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.knocked == nil {
		return edge.E(edge.Unavailable, "this node was restored and asks its site to take it back")
	}
	return edge.E(edge.Unavailable, "this node was restored, and its site does not take it back yet: %w", n.knocked).
		WithHint("switch on the other nodes of the site; if none of them has the site's state any more, restore one backup with --new-site")
}

// awayAddr is where a node is reached that is known from a backup only.
func (n *Node) awayAddr(id edge.NodeID) string {
	if !n.raft.Away() {
		return ""
	}
	rows, err := n.others()
	if err != nil {
		return ""
	}
	for _, r := range rows {
		if r.ID == id {
			return r.Addr
		}
	}
	return ""
}
