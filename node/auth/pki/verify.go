package pki

import (
	"crypto/x509"
	"time"

	"github.com/aielon/edge/node/edge"
)

const (
	maxChain = 4 // certificates a peer may show
	// Grace is how long after its end a leaf still opens the renewal lane.
	Grace = 90 * 24 * time.Hour
)

// Peers is a set of relations a connection may be about.
type Peers uint8

const (
	SameSite Peers = 1 << iota // nodes of this site, as the site's own root says
	Below                      // nodes of sites of the region this hub serves, as the region's root says
	Above                      // hubs of the region joined (or served), as the region's root itself says
)

// A Peer is whom a certificate chain has been proved to stand for.
type Peer struct {
	Name  Name
	As    Peers // the one relation it was accepted under
	Fresh bool  // the leaf is within its time; otherwise only the renewal lane accepts it
}

// judge says how a leaf's time is looked at.
type judge uint8

const (
	judgeStrict judge = iota
	// judgeLate is the renewal lane seen from the server: a leaf that is out of its time, by up to Grace,
	// may ask for a new one.
	judgeLate
	// judgeLost is the renewal lane seen from the client, whose own clock may be wrong by years: the
	// server's leaf must not have ended before the floor, and the time the server then tells must lie
	// within that leaf's time (see TimeWithin).
	judgeLost
)

// Verify checks a chain (leaf first) against what is trusted, for any of the wanted relations. side is the
// use the leaf must be good for. It fails with Denied and words that say which check failed.
func (t *Trust) verify(certs []*x509.Certificate, want Peers, side x509.ExtKeyUsage, j judge) (Peer, error) {
	if len(certs) == 0 || len(certs) > maxChain {
		return Peer{}, edge.E(edge.Denied, "the other side shows %d certificates instead of 1 to %d", len(certs), maxChain)
	}
	leaf := certs[0]
	name, err := leafName(leaf)
	if err != nil {
		return Peer{}, err
	}
	v := t.cur.Load()
	if v.revokedKey(name.ID) {
		return Peer{}, edge.E(edge.Denied, "node %s has been revoked", name.ID.Short())
	}
	at, fresh, err := t.judgeTime(leaf, j)
	if err != nil {
		return Peer{}, err
	}
	as, err := v.relation(certs, name, want, x509.VerifyOptions{CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{side}})
	if err != nil {
		return Peer{}, err
	}
	if j == judgeStrict {
		t.learn(leaf, as)
	}
	return Peer{Name: name, As: as, Fresh: fresh}, nil
}

// relation finds under which of the wanted relations the chain holds.
func (v *trustView) relation(certs []*x509.Certificate, name Name, want Peers, o x509.VerifyOptions) (Peers, error) {
	o.Intermediates = x509.NewCertPool()
	for _, c := range certs[1:] {
		o.Intermediates.AddCert(c)
	}
	refused := edge.E(edge.Denied, "%s is not known here: no authority trusted for this says so", name)
	for _, r := range [...]struct {
		as    Peers
		kinds []RootKind
	}{{SameSite, []RootKind{RootSite}}, {Above, []RootKind{RootAbove, RootRegion}}, {Below, []RootKind{RootRegion}}} {
		if want&r.as == 0 {
			continue
		}
		for _, kind := range r.kinds {
			if v.roots[kind] == nil {
				continue
			}
			o.Roots = v.roots[kind]
			chains, err := certs[0].Verify(o)
			if err != nil {
				refused = edge.E(edge.Denied, "the certificate of %s does not hold: %w", name, err)
				continue
			}
			for _, c := range chains {
				if err := v.allowed(c, name, r.as); err != nil {
					refused = err
					continue
				}
				return r.as, nil
			}
		}
	}
	return 0, refused
}

// allowed makes the checks X.509 has no words for, on a chain from leaf to root.
func (v *trustView) allowed(chain []*x509.Certificate, name Name, as Peers) *edge.Error {
	for _, c := range chain {
		if v.revokedKey(KeyID(c)) {
			return edge.E(edge.Denied, "%s was certified by a revoked authority", name)
		}
	}
	direct := len(chain) == 2 // the root itself signed the leaf
	label := v.labels[KeyID(chain[len(chain)-1])]
	ok := false
	switch as {
	case SameSite:
		// Whoever holds the site's root could write any region; while the site joins one, its nodes differ.
		ok = direct && name.Role == RoleNode && name.Site == v.Site
	case Below:
		// Only the region's CA can make hubs: a site CA's URI constraint covers the host and not the path.
		ok = name.Region == label && (direct || len(chain) == 3 && name.Role == RoleNode)
		if v.revokedSite(name) {
			return edge.E(edge.Denied, "site %s has been revoked", name.Site)
		}
	case Above:
		ok = direct && name.Role == RoleHub && name.Region == label
	}
	if !ok {
		return edge.E(edge.Denied, "%s may not speak here", name)
	}
	return nil
}

// judgeTime picks the time a chain is checked at, and says whether the leaf is within its own.
func (t *Trust) judgeTime(leaf *x509.Certificate, j judge) (at time.Time, fresh bool, err error) {
	now := t.Now()
	early, late := now.Before(leaf.NotBefore), now.After(leaf.NotAfter)
	switch {
	case !early && !late:
		return now, true, nil
	case early && (j != judgeStrict || t.Behind()):
		// An authority we trust signed this, so its time has come; it is our clock that has not.
		return leaf.NotBefore, j == judgeStrict, nil
	case early:
		return now, false, edge.E(edge.Denied, "the certificate is good from %s only, and here it is %s", stamp(leaf.NotBefore), stamp(now)).
			WithHint("check the clocks of both machines")
	case j == judgeLate && now.Sub(leaf.NotAfter) <= Grace, j == judgeLost && !leaf.NotAfter.Before(t.Floor()):
		return leaf.NotAfter, false, nil
	}
	return now, false, edge.E(edge.Denied, "the certificate ended at %s, and here it is %s", stamp(leaf.NotAfter), stamp(now)).
		WithHint("the node renews by itself when it reaches its site or its hub; if the date here is wrong, set the clock")
}

// learn takes the time from a leaf of our hub or of our own site while the system clock is known to be
// behind: what they have signed has happened. Other sites' authorities get no say over our time.
func (t *Trust) learn(leaf *x509.Certificate, as Peers) {
	switch {
	case as == Above && t.Behind():
		t.raise(leaf.NotBefore)
	case as == SameSite && t.Behind() && leaf.NotBefore.After(t.Now()):
		t.Adopt(leaf.NotBefore)
	}
}

// TimeWithin checks a time told by the holder of leaf: within the leaf's own time and not before what is
// known to have passed. So the thief of an old key can tell old times only, and those only to a node that
// has heard from nobody since.
func (t *Trust) TimeWithin(leaf *x509.Certificate, told time.Time) error {
	if told.Before(leaf.NotBefore) || told.After(leaf.NotAfter) || told.Before(t.Floor()) {
		return edge.E(edge.Denied, "the other side says it is %s, which cannot be true", stamp(told))
	}
	return nil
}

// leafName returns what a leaf certificate of a node says, refusing with Denied any that is not exactly
// of the form IssueLeaf makes.
func leafName(c *x509.Certificate) (Name, error) {
	bad := edge.E(edge.Denied, "a certificate is not one of a node")
	if len(c.URIs) != 1 || len(c.DNSNames)+len(c.IPAddresses)+len(c.EmailAddresses) != 0 || c.IsCA || !isP256(c) {
		return Name{}, bad
	}
	n, err := ParseName(c.URIs[0].String())
	if err != nil {
		return Name{}, bad
	}
	if n.ID != KeyID(c) {
		return Name{}, edge.E(edge.Denied, "a certificate names node %s and holds the key of %s", n.ID.Short(), KeyID(c).Short())
	}
	return n, nil
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
