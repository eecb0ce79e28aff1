package pki

import (
	"crypto/x509"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aielon/edge/node/edge"
)

// A RootKind says what a root is trusted for.
type RootKind string

const (
	RootSite   RootKind = "site"   // this site's own CA: vouches for its nodes and devices
	RootRegion RootKind = "region" // the region this node serves as a hub: vouches for sites below
	RootAbove  RootKind = "above"  // the region this site has joined: vouches for its hubs
)

// A Root is a CA certificate (DER) and what it is trusted for.
type Root struct {
	Kind RootKind
	Cert []byte
}

// TrustState is what a node trusts, in the form in which it is kept. It holds no secret.
type TrustState struct {
	Site         string // this node's site
	Region       string // the region of that site; LocalRegion where it is in none
	Roots        []Root
	Revoked      []edge.NodeID // nodes, and CAs: what a revoked CA signed is not accepted either
	RevokedSites []string      // sites of the region served, by name
	KnownGood    time.Time     // a moment known to have passed
}

// TrustOptions are the surroundings of a Trust. All may be left zero.
type TrustOptions struct {
	Clock func() time.Time       // the system clock; time.Now
	Build time.Time              // when the program was built: no certificate is judged by an earlier time
	Save  func(TrustState) error // keeps the state durably; called with changes, and at most daily for KnownGood
}

// A Trust decides which certificates count. It is used by many goroutines.
type Trust struct {
	*Clock
	save func(TrustState) error

	mu  sync.Mutex // guards writing cur, and saved
	cur atomic.Pointer[trustView]
}

// trustView is one state made ready for use. It is never changed.
type trustView struct {
	TrustState
	roots   map[RootKind]*x509.CertPool
	certs   map[RootKind][]*x509.Certificate
	labels  map[edge.NodeID]string // root key -> name of its site or region
	changed chan struct{}          // closed when this view is replaced
}

// saveEvery bounds the writes for KnownGood on flash; a day is far below the life of a leaf.
const saveEvery = 24 * time.Hour

// OpenTrust starts from a kept state. It fails with Invalid where the state cannot be used.
func OpenTrust(s TrustState, o TrustOptions) (*Trust, error) {
	v, err := newTrustView(s)
	if err != nil {
		return nil, err
	}
	t := &Trust{Clock: NewClock(o.Clock, o.Build, s.KnownGood), save: o.Save}
	t.cur.Store(v)
	return t, nil
}

func newTrustView(s TrustState) (*trustView, error) {
	if err := CheckLabel(s.Site); err != nil {
		return nil, err
	}
	if err := CheckLabel(s.Region); err != nil {
		return nil, err
	}
	v := &trustView{TrustState: s, roots: map[RootKind]*x509.CertPool{}, certs: map[RootKind][]*x509.Certificate{}, labels: map[edge.NodeID]string{}, changed: make(chan struct{})}
	for _, r := range s.Roots {
		c, err := x509.ParseCertificate(r.Cert)
		if err != nil {
			return nil, edge.E(edge.Invalid, "a trusted root cannot be read: %w", err)
		}
		scope, label, err := CheckRoot(c)
		if err != nil {
			return nil, err
		}
		if (scope == ScopeSite) != (r.Kind == RootSite) || r.Kind == RootSite && label != s.Site {
			return nil, edge.E(edge.Invalid, "the root of %s %s cannot be trusted as %q", scope, label, clip(string(r.Kind), 20))
		}
		if v.roots[r.Kind] == nil {
			v.roots[r.Kind] = x509.NewCertPool()
		}
		v.roots[r.Kind].AddCert(c)
		v.certs[r.Kind] = append(v.certs[r.Kind], c)
		v.labels[KeyID(c)] = label
	}
	return v, nil
}

// State returns a copy of what is trusted now.
func (t *Trust) State() TrustState {
	s := t.cur.Load().TrustState
	s.Roots, s.Revoked, s.RevokedSites = slices.Clone(s.Roots), slices.Clone(s.Revoked), slices.Clone(s.RevokedSites)
	s.KnownGood = t.Floor()
	return s
}

// Site is the name of this node's site.
func (t *Trust) Site() string { return t.cur.Load().Site }

// Region is the name of the region of this node's site, or LocalRegion.
func (t *Trust) Region() string { return t.cur.Load().Region }

// Roots returns the roots trusted as kind.
func (t *Trust) Roots(kind RootKind) []*x509.Certificate {
	return slices.Clone(t.cur.Load().certs[kind])
}

// Changed returns a channel that is closed when what is trusted changes, so that whoever holds
// connections can look at them again with Revoked.
func (t *Trust) Changed() <-chan struct{} { return t.cur.Load().changed }

// Update changes what is trusted: f edits a copy, which is kept and then put in force. Where it cannot be
// used (Invalid) or kept, nothing changes.
func (t *Trust) Update(f func(*TrustState)) error { return t.update(f, false) }

// Revoke ends the trust in nodes or CAs by the hash of their keys. It is in force at once, even where it
// cannot be kept; the error then says that it will not outlive the process.
func (t *Trust) Revoke(ids ...edge.NodeID) error {
	return t.update(func(s *TrustState) {
		for _, id := range ids {
			if !slices.Contains(s.Revoked, id) {
				s.Revoked = append(s.Revoked, id)
			}
		}
	}, true)
}

// RevokeSite ends the trust in all nodes of a site of the region this hub serves, in force as Revoke is.
func (t *Trust) RevokeSite(site string) error {
	return t.update(func(s *TrustState) {
		if !slices.Contains(s.RevokedSites, site) {
			s.RevokedSites = append(s.RevokedSites, site)
		}
	}, true)
}

// AddRoot trusts a CA certificate as kind, beside those already trusted.
func (t *Trust) AddRoot(kind RootKind, c *x509.Certificate) error {
	for _, have := range t.Roots(kind) {
		if sameDER(have, c) {
			return nil
		}
	}
	return t.Update(func(s *TrustState) { s.Roots = append(s.Roots, Root{kind, c.Raw}) })
}

func (t *Trust) update(f func(*TrustState), force bool) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.State()
	f(&s)
	v, err := newTrustView(s)
	if err != nil {
		return err
	}
	if t.save != nil {
		err = t.save(s)
	}
	if err == nil || force {
		close(t.cur.Swap(v).changed)
	}
	if err != nil {
		return edge.E(edge.Unavailable, "the change of what is trusted cannot be kept: %w", err)
	}
	return nil
}

// Revoked reports whether a node has been revoked, by itself or with its site.
func (t *Trust) Revoked(n Name) bool {
	v := t.cur.Load()
	return v.revokedKey(n.ID) || v.revokedSite(n)
}

// RevokedKey reports whether a key, of a node or of a CA, has been revoked.
func (t *Trust) RevokedKey(id edge.NodeID) bool { return t.cur.Load().revokedKey(id) }

func (v *trustView) revokedKey(id edge.NodeID) bool { return slices.Contains(v.Revoked, id) }

// revokedSite judges names in the regions served here; the own site cannot be revoked by its own list.
func (v *trustView) revokedSite(n Name) bool {
	return n.Site != v.Site && slices.Contains(v.RevokedSites, n.Site)
}

// TellTime takes the time from the hub (see Clock.Tell) and keeps it now and then. The uplink calls it
// whenever the hub has told the time over a connection made under ProtoSync.
func (t *Trust) TellTime(now time.Time) error {
	t.Tell(now)
	return t.keepFloor()
}

// keepFloor saves the floor where it has moved by a day since it was last kept.
func (t *Trust) keepFloor() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	v := t.cur.Load()
	f := t.Floor()
	if t.save == nil || f.Sub(v.KnownGood) < saveEvery {
		return nil
	}
	s := t.State()
	if err := t.save(s); err != nil {
		return edge.E(edge.Unavailable, "the time cannot be kept: %w", err)
	}
	next := *v // same trust, so nobody needs waking
	next.KnownGood = f
	t.cur.Store(&next)
	return nil
}
