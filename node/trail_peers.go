package node

import (
	"context"
	"encoding/json"
	"time"

	"github.com/aielon/edge/cluster/site"
	"github.com/aielon/edge/node/audit"
	"github.com/aielon/edge/node/edge"
)

// What one node asks another of the audit.
const (
	callCosign = "audit.cosign" // to cosign a checkpoint
	callLeaves = "audit.leaves" // for the hashes of records of the site that are gone
)

const (
	witnessEvery = 5 * time.Minute // how often those are asked who could not be reached
	witnessWait  = 10 * time.Second
)

// answerMember answers what another member of the site asks that is no command.
func (n *Node) answerMember(ctx context.Context, peer edge.NodeID, name string, body []byte) ([]byte, error) {
	switch name {
	case callCosign:
		q, err := audit.ParseRequest(body)
		if err != nil {
			return nil, err
		}
		a, err := n.trail.witness.Cosign(ctx, peer, q)
		if err != nil {
			return nil, err
		}
		return json.Marshal(a)
	case callDeliveries, callRedeliver, callTest:
		if !n.hooks.d.Delivers() {
			return nil, edge.E(edge.Unavailable, "this node does not lead any more").WithHint("try again in a moment")
		}
		return n.hooks.answer(ctx, name, body)
	case callLeaves:
		w, err := audit.ParseWish(body)
		if err != nil {
			return nil, err
		}
		p, err := n.trail.site.Grant(w)
		if err != nil {
			return nil, err
		}
		return json.Marshal(p)
	}
	return nil, edge.E(edge.Invalid, "this version answers nothing called %q", name)
}

// A member is another node of the site as a witness.
type member struct {
	c  *site.Client
	id edge.NodeID
}

// Node implements audit.Cosigner.
func (m member) Node() edge.NodeID { return m.id }

// Cosign implements audit.Cosigner.
func (m member) Cosign(ctx context.Context, q audit.Request) (a audit.Answer, err error) {
	err = m.ask(ctx, callCosign, q, &a)
	return a, err
}

// Grant implements audit.Giver.
func (m member) Grant(ctx context.Context, w audit.Wish) (p audit.Piece, err error) {
	err = m.ask(ctx, callLeaves, w, &p)
	return p, err
}

func (m member) ask(ctx context.Context, name string, q, a any) error {
	ctx, cancel := context.WithTimeout(ctx, witnessWait)
	defer cancel()
	b, err := json.Marshal(q)
	if err != nil {
		return edge.E(edge.Internal, "what node %s is asked cannot be written: %w", m.id.Short(), err)
	}
	if b, err = m.c.Call(ctx, m.id, name, b); err != nil {
		return err
	}
	if err := json.Unmarshal(b, a); err != nil {
		return edge.E(edge.Unavailable, "node %s answers what cannot be read: %w", m.id.Short(), err)
	}
	return nil
}

// askWitnesses has every other node of the site cosign the newest checkpoints. It uses connections of its own: a
// node of an earlier version ends one on which it is asked something it does not know.
func (n *Node) askWitnesses(ctx context.Context) error {
	c := site.NewClient(n.dialMember)
	defer c.Close()
	t := time.NewTicker(witnessEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-n.trail.wake:
		case <-t.C:
		}
		for _, m := range n.raft.Members() {
			if m.ID != n.keys.id.ID() && ctx.Err() == nil {
				n.askWitness(ctx, member{c, m.ID})
			}
		}
	}
}

func (n *Node) askWitness(ctx context.Context, m member) {
	if n.trail.site.Lost() && (roll{n}).Member(m.id) {
		if err := n.trail.site.Adopt(ctx, m); err != nil && ctx.Err() == nil {
			n.log.Info("the tree of another node is not taken over", "node", m.id.Short(), "error", err)
		}
	}
	for _, l := range []*audit.Log{n.trail.own, n.trail.site} {
		_, err := l.Gather(ctx, m)
		switch {
		case err == nil || ctx.Err() != nil:
		case edge.IsKind(err, edge.Unavailable):
			n.log.Debug("a node does not cosign now", "node", m.id.Short(), "stream", l.Stream(), "error", err)
		default:
			if edge.IsKind(err, edge.Conflict) {
				n.trail.doubt.Store(&err)
			}
			n.log.Warn("a node does not cosign", "node", m.id.Short(), "stream", l.Stream(), "error", err)
		}
	}
}
