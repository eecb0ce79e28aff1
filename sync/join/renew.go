package join

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"time"

	"github.com/aielon/edge/node/auth/pki"
	"github.com/aielon/edge/node/edge"
)

// A Source is a machine that may renew this node's certificate or tell the time.
type Source struct {
	Addr string
	As   pki.Peers   // pki.SameSite: a node of the site; pki.Above: the hub
	ID   edge.NodeID // the very node expected, zero where any will do
}

// AskTime learns the time from a source and puts it in force; a neighbour's only until the hub knows
// better. It works with a clock that is wrong by years, because it opens only the renewal lane.
func AskTime(ctx context.Context, end *pki.Endpoint, dial Dial, s Source) error {
	a, err := exchange(ctx, end, dial, s, func(tls.ConnectionState) (renewRequest, error) { return renewRequest{Kind: renewTime}, nil })
	if err == nil {
		end.Trust.Adopt(a.Time)
	}
	return err
}

// AskLeaf gets a new leaf for this node's key and installs it: for use within the site where the source
// is one of the site's nodes, and for the uplink alone where it is the hub.
func AskLeaf(ctx context.Context, end *pki.Endpoint, dial Dial, s Source) error {
	a, err := exchange(ctx, end, dial, s, func(tls.ConnectionState) (renewRequest, error) {
		csr, err := end.ID.CSR()
		return renewRequest{Kind: renewLeaf, CSR: csr}, err
	})
	if err != nil {
		return err
	}
	use := pki.UseSite
	if s.As == pki.Above {
		use = pki.UseUp
	}
	if err := end.CheckChain(use, a.Chain); err != nil {
		return err
	}
	return end.ID.Install(use, a.Chain)
}

// AskCross gets the region's word for a site CA: a new one for the CA whose certificate this node shows
// (old nil or the same), or one for a successor next that old signs over to. The caller keeps next.
func AskCross(ctx context.Context, end *pki.Endpoint, dial Dial, s Source, next, old *pki.Authority) error {
	a, err := exchange(ctx, end, dial, s, func(cs tls.ConnectionState) (q renewRequest, err error) {
		q = renewRequest{Kind: renewCross, SiteCA: next.Root().Raw}
		if q.SiteProof, err = proveCA(cs, next, proofSite, q.SiteCA); err == nil && old != nil && old.ID() != next.ID() {
			q.OldProof, err = proveCA(cs, old, proofOld, q.SiteCA)
		}
		return q, err
	})
	if err != nil {
		return err
	}
	cross, err := x509.ParseCertificate(a.Cross)
	if err != nil {
		return edge.E(edge.Invalid, "the answer has no certificate for the site's CA in it: %w", err)
	}
	for _, region := range end.Trust.Roots(pki.RootAbove) {
		if err = next.SetCross(cross, region); err == nil {
			return nil
		}
	}
	return edge.E(edge.Invalid, "the hub's word for the site's CA does not hold: %w", err)
}

// exchange asks one question in the renewal lane. The time in a hub's answer is put in force.
func exchange(ctx context.Context, end *pki.Endpoint, dial Dial, s Source, ask func(tls.ConnectionState) (renewRequest, error)) (renewAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	c, err := connect(ctx, dial, s.Addr, end.RenewConfig(s.As, s.ID))
	if err != nil {
		return renewAnswer{}, err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) })()
	cs := c.ConnectionState()
	q, err := ask(cs)
	if err != nil {
		return renewAnswer{}, err
	}
	q.V = version
	if err := writeFrame(c, q); err != nil {
		return renewAnswer{}, err
	}
	var a renewAnswer
	if err := readFrame(c, &a); err != nil {
		return renewAnswer{}, err
	}
	if err := a.Refused.err(); err != nil {
		return renewAnswer{}, err
	}
	if err := end.Trust.TimeWithin(cs.PeerCertificates[0], a.Time); err != nil {
		return renewAnswer{}, err
	}
	if s.As == pki.Above {
		return a, end.Trust.TellTime(a.Time)
	}
	return a, nil
}
