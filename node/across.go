package node

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/json"
	"slices"
	"time"

	"github.com/aielon/edge/node/auth/pki"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/across"
)

// deliverOrder is the command with which a hub hands a site the notes of others.
const deliverOrder = "wallet-deliver"

// A delivery is the body of that command: keys of sites, notes, and how far the recovery of a restored site is.
type delivery struct {
	Keys      []across.Proof `json:"keys,omitempty"`
	Notes     [][]byte       `json:"notes,omitempty"`
	Recovered *across.Epoch  `json:"recovered,omitempty"`
}

// A delivered says what the site has decided, and where its ledger journal stood then.
type delivered struct {
	Notes []across.TakenNote `json:"notes,omitempty"`
	Epoch uint64             `json:"epoch"`
	Seq   uint64             `json:"seq"`
}

// takeDelivery has the site decide on what a hub brings. Once it returns without an error the decision is durable.
func (n *Node) takeDelivery(ctx context.Context, body []byte) (out delivered, err error) {
	if n.forkDue.Load() {
		return out, edge.E(edge.Unavailable, "this site was restored and is not ready yet")
	}
	var d delivery
	if err := strictly(bytes.NewReader(body), &d); err != nil {
		return out, edge.E(edge.Invalid, "what the hub delivers cannot be read: %w", err)
	}
	for _, p := range d.Keys {
		if err := n.learnKey(ctx, p); err != nil {
			return out, err
		}
	}
	for part := range slices.Chunk(d.Notes, across.MaxTake) {
		var t across.Taken
		if err := n.propose(ctx, across.OpTake, across.Take{Notes: part}, &t); err != nil {
			return out, err
		}
		out.Notes = append(out.Notes, t.Notes...)
	}
	if d.Recovered != nil {
		if err := n.propose(ctx, across.OpRecovered, d.Recovered, nil); err != nil {
			return out, err
		}
	}
	head := n.siteJournal(edge.Ledger).Head()
	out.Epoch, out.Seq = head.Epoch, head.Seq
	return out, nil
}

// learnKey verifies that a node of the site it names has signed a key, and has the site believe it.
func (n *Node) learnKey(ctx context.Context, p across.Proof) error {
	if p.Site == n.keys.trust.Site() {
		return nil
	}
	name, key, err := n.keys.trust.Sibling(p.Chain, p.Time)
	if err != nil {
		return err
	}
	digest := p.Signed()
	if name.Site != p.Site || !ecdsa.VerifyASN1(key, digest[:], p.Sig) {
		return edge.E(edge.Denied, "the key of site %s is not signed by a node of that site", p.Site)
	}
	v := n.site.View()
	known, err := across.Believes(v, p.Site, p.Public)
	v.Close()
	if err != nil || known {
		return err
	}
	return n.propose(ctx, across.OpAccept, across.Accept{Site: p.Site, Public: p.Public}, nil)
}

// introduce makes the key with which this site signs notes, once it belongs to a region, and has a node certify it.
func (n *Node) introduce(ctx context.Context) error {
	chain := n.regional()
	if chain == nil || n.forkDue.Load() {
		return nil
	}
	v := n.site.View()
	me, found, err := across.Self(v)
	v.Close()
	if err != nil || found && len(me.Proof) > 0 {
		return err
	}
	where := n.keys.trust.Site()
	if err := n.propose(ctx, across.OpKey, across.KeyRequest{Site: where}, &me); err != nil {
		return err
	}
	p := across.Proof{Site: where, Public: me.Public, Time: n.keys.trust.Now().UTC().Truncate(time.Second), Chain: chain.DER}
	digest := p.Signed()
	if p.Sig, err = n.keys.id.Signer().Sign(rand.Reader, digest[:], crypto.SHA256); err != nil {
		return edge.E(edge.Internal, "the site's key cannot be certified: %w", err)
	}
	return n.propose(ctx, across.OpAnnounce, p, nil)
}

// regional is a chain of this node's that leads to the region's authority, or nil.
func (n *Node) regional() *pki.Chain {
	now := n.keys.trust.Now()
	if n.hub != nil && !n.hub.money.busy.Load() {
		return nil // nobody deals with others here yet
	}
	for _, u := range []pki.Use{pki.UseHub, pki.UseSite, pki.UseUp} {
		c := n.keys.id.Chain(u)
		if c == nil || u == pki.UseSite && !c.Cross() || now.Before(c.Leaf.NotBefore) || now.After(c.Leaf.NotAfter) {
			continue
		}
		return c
	}
	return nil
}

// dealAcross does what is due between sites. Nothing is written where nothing is due.
func (n *Node) dealAcross(ctx context.Context) error {
	if err := n.introduce(ctx); err != nil {
		return err
	}
	v := n.site.View()
	due, err := across.Due(v, n.keys.trust.Now())
	v.Close()
	if err != nil || !due {
		return err
	}
	return n.propose(ctx, across.OpTick, struct{}{}, nil)
}

// awaitAcross has a restored site wait for what its hub knows of it, before it deals with others.
func (n *Node) awaitAcross(ctx context.Context, epoch uint64) error {
	v := n.site.View()
	_, deals, err := across.Self(v)
	v.Close()
	if err != nil || !deals {
		return err
	}
	return n.propose(ctx, across.OpRestored, across.Epoch{Epoch: epoch}, nil)
}

func (n *Node) deliver(ctx context.Context, body []byte) ([]byte, error) {
	out, err := n.takeDelivery(ctx, body)
	if err != nil {
		return nil, err
	}
	b, err := json.Marshal(out)
	if err != nil {
		return nil, edge.E(edge.Internal, "what was decided cannot be told: %w", err)
	}
	return b, nil
}
