package join

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/aielon/edge/node/auth/pki"
	"github.com/aielon/edge/node/edge"
)

const (
	firstRetry = time.Second
	lastRetry  = 5 * time.Minute
	maxSleep   = 6 * time.Hour // also bounds how late a jump of the system clock is noticed
)

// A Renewer keeps a node's certificates alive and its clock credible. It renews at half of a leaf's life:
// by the site's own CA where this node can use it, else from another node of the site, and, when the leaf
// has run out and the site does not answer, from the hub for the uplink alone.
type Renewer struct {
	End      *pki.Endpoint
	SiteCA   func() *pki.Authority // nil, or returning nil, where this node cannot use it
	RegionCA func() *pki.Authority // hubs only
	Sources  func() []Source       // in order of preference; asked anew each time
	Dial     Dial
	Log      *slog.Logger

	rounds

	mu    sync.Mutex // guards doubt
	doubt bool       // the clock is in doubt until a source has told the time
}

// Name implements edge.Part.
func (r *Renewer) Name() string { return "certificates" }

// Kick asks for a look at once, and for the time: a connection was refused for reasons of time, or the
// site's CA became usable.
func (r *Renewer) Kick() {
	r.mu.Lock()
	r.doubt = true
	r.mu.Unlock()
	r.Wake()
}

// Run renews until ctx ends.
func (r *Renewer) Run(ctx context.Context) error {
	retry := firstRetry
	for {
		changed := r.End.Trust.Changed()
		wait, err := r.round(ctx)
		if ctx.Err() != nil {
			return nil
		}
		r.note(r.Log, "a certificate could not be renewed", err)
		if err == nil {
			retry = firstRetry
		} else {
			wait = retry/2 + rand.N(retry/2+1) // spread, so that a site does not come back as one
			retry = min(2*retry, lastRetry)
		}
		t := time.NewTimer(min(wait, maxSleep))
		select {
		case <-ctx.Done():
		case <-t.C:
		case <-changed:
		case <-r.woken():
		}
		t.Stop()
	}
}

// round does what is due and says when to look again.
func (r *Renewer) round(ctx context.Context) (time.Duration, error) {
	id, t := r.End.ID, r.End.Trust
	timeErr := r.settleClock(ctx)
	site, region := usable(r.SiteCA), usable(r.RegionCA)
	if region != nil && r.due(id.Chain(pki.UseHub), region, region.Label()) {
		if err := r.issue(pki.UseHub, region, pki.Name{Site: t.Site(), Region: region.Label(), Role: pki.RoleHub, ID: id.ID()}); err != nil {
			return 0, err
		}
	}
	if r.due(id.Chain(pki.UseSite), site, t.Region()) {
		var err error
		if site != nil {
			err = r.issue(pki.UseSite, site, pki.Name{Site: t.Site(), Region: t.Region(), ID: id.ID()})
		} else {
			err = r.ask(ctx)
		}
		if err != nil {
			return 0, err
		}
	}
	if timeErr != nil {
		return 0, timeErr
	}
	return r.sleep(), nil
}

// settleClock asks for the time where there is reason to doubt our own: the leaf we hold says that it is
// another time, or the clock stands at its floor, or somebody kicked.
func (r *Renewer) settleClock(ctx context.Context) error {
	now := r.End.Trust.Now()
	c := r.End.ID.Chain(pki.UseSite)
	r.mu.Lock()
	r.doubt = r.doubt || r.End.Trust.Behind() || c != nil && (now.Before(c.Leaf.NotBefore) || now.After(c.Leaf.NotAfter))
	doubt := r.doubt
	r.mu.Unlock()
	if !doubt || c == nil {
		return nil
	}
	var last error
	for _, as := range [...]pki.Peers{pki.Above, pki.SameSite} { // the hub's clock is the better one
		for _, s := range r.sources(as) {
			if last = AskTime(ctx, r.End, r.Dial, s); last == nil {
				r.mu.Lock()
				r.doubt = as != pki.Above && len(r.sources(pki.Above)) > 0 // a neighbour's word is good until the hub can be asked
				r.mu.Unlock()
				return nil
			}
		}
	}
	return last // nil where there is nobody to ask: then our own clock is all there is
}

// due reports whether a chain needs replacing: at half its life, or where it no longer says what it should.
// A tenth of the life is spread by node id, so that the nodes of a site do not all ask at once.
func (r *Renewer) due(c *pki.Chain, ca *pki.Authority, region string) bool {
	if c == nil || c.Name.Site != r.End.Trust.Site() || c.Name.Region != region {
		return true
	}
	if ca != nil && ca.Scope() == pki.ScopeSite && (ca.Cross() != nil) != c.Cross() {
		return true
	}
	if ca != nil && c.Leaf.CheckSignatureFrom(ca.Root()) != nil {
		return true // the CA has a successor
	}
	now := r.End.Trust.Now()
	return now.Before(c.Leaf.NotBefore) || !now.Before(r.renewAt(c))
}

func (r *Renewer) renewAt(c *pki.Chain) time.Time {
	life := c.Leaf.NotAfter.Sub(c.Leaf.NotBefore)
	spread := life / 10 * time.Duration(r.End.ID.ID()[0]) / 256
	return c.Leaf.NotBefore.Add(life/2 + spread)
}

func (r *Renewer) sleep() time.Duration {
	next := maxSleep
	for _, u := range [...]pki.Use{pki.UseSite, pki.UseHub} {
		if c := r.End.ID.Chain(u); c != nil {
			next = min(next, r.renewAt(c).Sub(r.End.Trust.Now()))
		}
	}
	return max(next, firstRetry)
}

func (r *Renewer) issue(u pki.Use, ca *pki.Authority, n pki.Name) error {
	csr, err := r.End.ID.CSR()
	if err != nil {
		return err
	}
	chain, err := ca.IssueLeaf(csr, n, 0)
	if err != nil {
		return err
	}
	return r.End.ID.Install(u, chain)
}

// ask renews from the site; when the leaf is out of its time and no node of the site helps, from the hub.
func (r *Renewer) ask(ctx context.Context) error {
	last := error(edge.E(edge.Unavailable, "nobody is known who could renew this node's certificate").WithHint("this mends itself when another node of the site or the hub is reached"))
	for _, s := range r.sources(pki.SameSite) {
		if last = AskLeaf(ctx, r.End, r.Dial, s); last == nil {
			return nil
		}
	}
	c, up := r.End.ID.Chain(pki.UseSite), r.End.ID.Chain(pki.UseUp)
	now := r.End.Trust.Now()
	inTime := c != nil && !now.Before(c.Leaf.NotBefore) && now.Before(c.Leaf.NotAfter)
	if c == nil || inTime || up != nil && !now.Before(up.Leaf.NotBefore) && now.Before(r.renewAt(up)) {
		return last
	}
	for _, s := range r.sources(pki.Above) {
		if err := AskLeaf(ctx, r.End, r.Dial, s); err == nil {
			break // the uplink is safe; within the site the node still asks
		}
	}
	return last
}

func (r *Renewer) sources(as pki.Peers) (s []Source) {
	if r.Sources == nil {
		return nil
	}
	for _, x := range r.Sources() {
		if x.As == as {
			s = append(s, x)
		}
	}
	return s
}

// Report says how many days the node's certificate is still good for.
func (r *Renewer) Report(context.Context) edge.Health {
	last := r.trouble()
	c := r.End.ID.Chain(pki.UseSite)
	if c == nil {
		return edge.Health{Level: edge.Failed, Msg: "this node has no certificate" + because(last), Hint: "it has not joined its site yet"}
	}
	left := c.Leaf.NotAfter.Sub(r.End.Trust.Now())
	h := edge.Health{Msg: fmt.Sprintf("the certificate is good for another %.1f days", left.Hours()/24)}
	switch {
	case left <= 0:
		h = edge.Health{Level: edge.Failed, Msg: fmt.Sprintf("the certificate ended %.1f days ago", -left.Hours()/24) + because(last), Hint: "it renews by itself as soon as another node of the site or the hub is reached"}
	case left < c.Leaf.NotAfter.Sub(c.Leaf.NotBefore)/4:
		h.Level, h.Msg, h.Hint = edge.Degraded, h.Msg+because(last), "it should have been renewed by now: check that the other nodes of the site can be reached"
	}
	if skew := r.End.Trust.Skew(); skew != 0 && h.Level == edge.OK {
		h.Level, h.Msg, h.Hint = edge.Degraded, fmt.Sprintf("%s; the system clock is off by %s", h.Msg, skew.Round(time.Second)), "set the clock of the box"
	}
	return h
}

func because(err error) string {
	if err == nil {
		return ""
	}
	return ": " + err.Error()
}
