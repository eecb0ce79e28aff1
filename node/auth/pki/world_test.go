package pki

import (
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
)

// world is a region with a hub and sites, made in memory, on one clock that tests move.
type world struct {
	t      testing.TB
	now    time.Time
	region *Authority
	hub    *box
}

// box is one node with its site's authority.
type box struct {
	*Endpoint
	ca    *Authority
	clock time.Duration // how far this box's system clock is off
	saved TrustState
	known map[edge.NodeID]bool
}

var testStart = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func newWorld(t testing.TB) *world {
	w := &world{t: t, now: testStart}
	w.region = must(NewAuthority(ScopeRegion, "punjab", w.time))
	w.hub = w.site("hub")
	w.hub.ca = nil
	w.root(w.hub, RootRegion, w.region)
	w.certify(w.hub, UseHub, w.region, Name{Site: "hub", Region: "punjab", Role: RoleHub, ID: w.hub.ID.ID()})
	return w
}

func (w *world) time() time.Time { return w.now }

// site makes the first node of a new site that joined the region.
func (w *world) site(label string) *box {
	b := w.bare(label)
	b.ca = must(NewAuthority(ScopeSite, label, w.time))
	cross := must(w.region.CrossSign(b.ca.Root()))
	check(w.t, b.ca.SetCross(cross, w.region.Root()))
	w.root(b, RootSite, b.ca)
	w.root(b, RootAbove, w.region)
	w.leaf(b, 0)
	return b
}

// node makes one more node of a site.
func (w *world) node(of *box) *box {
	b := w.bare(of.Trust.Site())
	b.ca = of.ca
	w.root(b, RootSite, of.ca)
	w.root(b, RootAbove, w.region)
	w.leaf(b, 0)
	return b
}

func (w *world) bare(label string) *box {
	b := &box{known: map[edge.NodeID]bool{}}
	id := must(NewIdentity())
	s := TrustState{Site: label, Region: "punjab"}
	trust := must(OpenTrust(s, TrustOptions{
		Clock: func() time.Time { return w.now.Add(b.clock) },
		Build: testStart.AddDate(0, -1, 0),
		Save:  func(s TrustState) error { b.saved = s; return nil },
	}))
	b.Endpoint = NewEndpoint(id, trust, func(n edge.NodeID) bool { return b.known[n] })
	return b
}

func (w *world) root(b *box, k RootKind, a *Authority) {
	w.t.Helper()
	check(w.t, b.Trust.AddRoot(k, a.Root()))
}

func (w *world) leaf(b *box, ttl time.Duration) {
	w.t.Helper()
	n := Name{Site: b.Trust.Site(), Region: "punjab", ID: b.ID.ID()}
	check(w.t, b.ID.Install(UseSite, must(b.ca.IssueLeaf(must(b.ID.CSR()), n, ttl))))
}

func (w *world) certify(b *box, u Use, a *Authority, n Name) {
	w.t.Helper()
	check(w.t, b.ID.Install(u, must(a.IssueLeaf(must(b.ID.CSR()), n, 0))))
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// refused fails the test unless err is of the kind.
func refused(t testing.TB, err error, k edge.Kind) {
	t.Helper()
	if !edge.IsKind(err, k) {
		t.Fatalf("got %v, want a refusal of kind %v", err, k)
	}
}
