package join

import (
	"context"
	"crypto/tls"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aielon/edge/node/auth/pki"
	"github.com/aielon/edge/node/edge"
)

const day = 24 * time.Hour

// trio is a hub, a site's first node with the CA, and a second node without it.
func trio(t testing.TB) (c *clock, hub, first, second *box) {
	c = &clock{now: testStart}
	hub = newBox(t, c, "hub").found().rule("punjab").serve()
	first = newBox(t, c, "clinic-a").found().serve()
	first.join(hub, pki.JoinSite)
	second = newBox(t, c, "new-box")
	second.join(first, pki.JoinNode)
	check(t, meets(t, second, hub, pki.ProtoSync)) // registered at the hub
	return
}

func (b *box) renewer(src ...Source) *Renewer {
	return &Renewer{End: b.End, SiteCA: b.SiteCA, RegionCA: b.RegionCA, Sources: func() []Source { return src }}
}

func leafEnd(b *box, u pki.Use) time.Time { return b.End.ID.Chain(u).Leaf.NotAfter }

// Sixty days offline: every certificate is dead. The renewal lane is all that is open; then all is well.
func TestExpiredCertificateRescue(t *testing.T) {
	c, hub, first, second := trio(t)
	c.move(60 * day)
	hub.hubLeaf() // the hub was never away
	if err := meets(t, second, hub, pki.ProtoSync); err == nil {
		t.Fatal("an expired node has an uplink")
	}

	// The hub alone can be reached: the uplink comes back, the site stays shut.
	up := second.renewer(Source{Addr: hub.addr, As: pki.Above})
	_, err := up.round(t.Context())
	refusedAs(t, err, edge.Unavailable) // still asks for the site's own
	check(t, meets(t, second, hub, pki.ProtoSync))
	if err := meets(t, second, first, pki.ProtoRaft); err == nil {
		t.Error("the hub's certificate opens the site")
	}

	// The site's own CA renews its holder, which then renews the second node.
	_, err = first.renewer(Source{Addr: hub.addr, As: pki.Above}).round(t.Context())
	check(t, err)
	_, err = second.renewer(Source{Addr: first.addr, As: pki.SameSite}).round(t.Context())
	check(t, err)
	check(t, meets(t, second, first, pki.ProtoRaft))
	check(t, meets(t, first, hub, pki.ProtoSync))
	if n := second.End.ID.Chain(pki.UseSite).Name; n.ID != second.End.ID.ID() || n.Region != "punjab" {
		t.Errorf("renewed as %v", n)
	}
}

func TestRescueHasItsLimits(t *testing.T) {
	for _, tt := range []struct {
		what  string
		after time.Duration
		spoil func(hub, second *box)
	}{
		{"revoked", 60 * day, func(hub, second *box) { hub.End.Trust.Revoke(second.End.ID.ID()) }},
		{"its site revoked", 60 * day, func(hub, _ *box) { hub.End.Trust.RevokeSite("clinic-a") }},
		{"unknown", 60 * day, func(hub, second *box) { delete(hub.list.known, second.End.ID.ID()) }},
		{"too long ago", 7*day + pki.Grace + day, func(hub, second *box) {}},
	} {
		t.Run(tt.what, func(t *testing.T) {
			c, hub, _, second := trio(t)
			c.move(tt.after)
			hub.hubLeaf()
			tt.spoil(hub, second)
			if err := AskLeaf(t.Context(), second.End, nil, Source{Addr: hub.addr, As: pki.Above}); err == nil {
				t.Error("a certificate was given")
			}
		})
	}
}

func TestRenewalIsForTheSameKeyOnly(t *testing.T) {
	_, _, first, second := trio(t)
	other := must(pki.NewIdentity())
	_, err := exchange(t.Context(), second.End, nil, Source{Addr: first.addr, As: pki.SameSite}, func(tls.ConnectionState) (renewRequest, error) {
		csr, err := other.CSR()
		return renewRequest{Kind: renewLeaf, CSR: csr}, err
	})
	refusedAs(t, err, edge.Invalid)
	for _, q := range []renewRequest{{}, {Kind: "throne"}, {Kind: renewLeaf}, {Kind: renewLeaf, CSR: []byte{1}}, {Kind: renewCross}} {
		_, err := exchange(t.Context(), second.End, nil, Source{Addr: first.addr, As: pki.SameSite}, func(tls.ConnectionState) (renewRequest, error) { return q, nil })
		if err == nil {
			t.Errorf("%+v was answered", q)
		}
	}
}

func TestWrongSourceIsRefused(t *testing.T) {
	_, hub, first, second := trio(t)
	for what, s := range map[string]Source{
		"a site as a hub":   {Addr: first.addr, As: pki.Above},
		"a hub as a site":   {Addr: hub.addr, As: pki.SameSite},
		"another node":      {Addr: first.addr, As: pki.SameSite, ID: hub.End.ID.ID()},
		"nobody at all":     {Addr: "127.0.0.1:1", As: pki.SameSite},
		"no relation named": {Addr: first.addr},
	} {
		if err := AskLeaf(t.Context(), second.End, nil, s); err == nil {
			t.Errorf("%s was believed", what)
		}
	}
}

// The clock of a running box jumps, or the box wakes with a wrong one: it finds the time, then renews.
func TestRenewerMendsTheClock(t *testing.T) {
	for what, off := range map[string]time.Duration{"1970": -56 * 365 * day, "three years ahead": 3 * 365 * day} {
		for who, local := range map[string]bool{"with the CA": true, "without the CA": false} {
			t.Run(what+" "+who, func(t *testing.T) {
				c, hub, first, second := trio(t)
				b := second
				if local {
					b = first
				}
				b.off = off
				c.move(30 * day)
				hub.hubLeaf()
				if !local {
					first.leaf()
				}
				r := b.renewer(Source{Addr: hub.addr, As: pki.Above}, Source{Addr: first.addr, As: pki.SameSite})
				_, err := r.round(t.Context())
				check(t, err)
				if d := b.End.Trust.Now().Sub(c.time()); d.Abs() > time.Minute {
					t.Errorf("the clock is off by %v", d)
				}
				check(t, meets(t, b, hub, pki.ProtoSync))
				if h := r.Report(t.Context()); h.Level != edge.Degraded || !strings.Contains(h.Msg, "system clock is off") {
					t.Errorf("nobody is told: %+v", h)
				}
			})
		}
	}
}

// A neighbour's clock is two months ahead. What it says is believed only while there is nobody better, and
// leaves no mark: once the hub answers, all is as it should be.
func TestNeighbourWithAWrongClock(t *testing.T) {
	c, hub, first, second := trio(t)
	c.move(10 * day) // the second node was off; its leaf has run out
	hub.hubLeaf()
	first.off = 60 * day
	first.leaf()
	neighbour, above := Source{Addr: first.addr, As: pki.SameSite}, Source{Addr: hub.addr, As: pki.Above}
	floor := second.End.Trust.Floor()
	r := second.renewer(neighbour, Source{Addr: "127.0.0.1:1", As: pki.Above})
	r.round(t.Context())
	if d := second.End.Trust.Now().Sub(c.time()); d < 59*day {
		t.Errorf("this test shows nothing: the neighbour was not believed, off by %v", d)
	}
	if !second.End.Trust.Floor().Equal(floor) {
		t.Error("a neighbour moved the floor")
	}
	r.Sources = func() []Source { return []Source{neighbour, above} }
	r.round(t.Context())
	if d := second.End.Trust.Now().Sub(c.time()); d.Abs() > time.Minute {
		t.Errorf("the hub could not set it right: off by %v", d)
	}
	r.round(t.Context())
	check(t, meets(t, second, hub, pki.ProtoSync))
}

// Nobody can be reached: a box with the CA of its site goes on, on its own word and its own clock.
func TestAloneWithTheCA(t *testing.T) {
	c, _, first, _ := trio(t)
	c.move(60 * day)
	r := first.renewer(Source{Addr: "127.0.0.1:1", As: pki.Above})
	_, err := r.round(t.Context())
	refusedAs(t, err, edge.Unavailable) // the time could not be had, which is said
	if !leafEnd(first, pki.UseSite).After(c.time()) {
		t.Error("no certificate was made")
	}
	if h := r.Report(t.Context()); h.Level != edge.OK {
		t.Errorf("%+v", h)
	}
}

func TestReport(t *testing.T) {
	c, _, _, second := trio(t)
	r := second.renewer()
	for _, tt := range []struct {
		after time.Duration
		level edge.Level
		words string
	}{{0, edge.OK, "7.0 days"}, {3 * day, edge.OK, "4.0 days"}, {3 * day, edge.Degraded, "1.0 days"}, {2 * day, edge.Failed, "ended 1.0 days ago"}} {
		c.move(tt.after)
		if h := r.Report(t.Context()); h.Level != tt.level || !strings.Contains(h.Msg, tt.words) {
			t.Errorf("after %v: %+v", tt.after, h)
		}
	}
	none := newBox(t, c, "empty").renewer()
	if h := none.Report(t.Context()); h.Level != edge.Failed || h.Hint == "" {
		t.Errorf("%+v", h)
	}
}

// In virtual time: half a year alone, and the node never holds a certificate with less than a third of
// its life left, nor renews more often than need be.
func TestRenewerRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id := must(pki.NewIdentity())
		trust := must(pki.OpenTrust(pki.TrustState{Site: "clinic-a", Region: pki.LocalRegion}, pki.TrustOptions{}))
		ca := must(pki.NewAuthority(pki.ScopeSite, "clinic-a", trust.Now))
		check(t, trust.AddRoot(pki.RootSite, ca.Root()))
		end := pki.NewEndpoint(id, trust, nil)
		r := &Renewer{End: end, SiteCA: func() *pki.Authority { return ca }}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- r.Run(ctx) }()
		seen := map[string]bool{}
		for range 180 * 4 {
			time.Sleep(6 * time.Hour)
			synctest.Wait()
			c := id.Chain(pki.UseSite)
			if left := time.Until(c.Leaf.NotAfter); left < 2*day {
				t.Fatalf("only %v left", left)
			}
			seen[c.Leaf.SerialNumber.String()] = true
		}
		if n := len(seen); n < 180/5 || n > 180/3 {
			t.Errorf("%d certificates in 180 days", n)
		}
		cancel()
		check(t, <-done)
	})
}

// A change of trust (the site joined a region) is taken up at once.
func TestRenewerFollowsTheRegion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id := must(pki.NewIdentity())
		trust := must(pki.OpenTrust(pki.TrustState{Site: "clinic-a", Region: pki.LocalRegion}, pki.TrustOptions{}))
		ca := must(pki.NewAuthority(pki.ScopeSite, "clinic-a", trust.Now))
		r := &Renewer{End: pki.NewEndpoint(id, trust, nil), SiteCA: func() *pki.Authority { return ca }}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- r.Run(ctx) }()
		synctest.Wait()
		check(t, trust.Update(func(s *pki.TrustState) { s.Region = "punjab" }))
		synctest.Wait()
		if n := id.Chain(pki.UseSite).Name; n.Region != "punjab" {
			t.Errorf("still %v", n)
		}
		cancel()
		check(t, <-done)
	})
}

// A site's CA gets a successor: the region's word moves with it, by the old key's signature and no other way.
func TestSiteCASuccession(t *testing.T) {
	_, hub, first, second := trio(t)
	at := Source{Addr: hub.addr, As: pki.Above}
	old := first.site
	next := must(pki.NewAuthority(pki.ScopeSite, "clinic-a", first.End.Trust.Now))
	refusedAs(t, AskCross(t.Context(), first.End, nil, at, next, nil), edge.Denied) // nobody signed it over
	thief := must(pki.NewAuthority(pki.ScopeSite, "clinic-a", first.End.Trust.Now))
	refusedAs(t, AskCross(t.Context(), first.End, nil, at, next, thief), edge.Denied) // the wrong one did
	other := must(pki.NewAuthority(pki.ScopeSite, "clinic-z", first.End.Trust.Now))
	refusedAs(t, AskCross(t.Context(), first.End, nil, at, other, old), edge.Denied) // for another site
	check(t, AskCross(t.Context(), first.End, nil, at, next, old))

	for _, b := range []*box{first, second} { // both roots are trusted while both are in use
		check(t, b.End.Trust.AddRoot(pki.RootSite, next.Root()))
	}
	first.site = next
	_, err := first.renewer().round(t.Context())
	check(t, err)
	check(t, meets(t, first, second, pki.ProtoRaft))
	check(t, meets(t, second, first, pki.ProtoRaft))
	check(t, meets(t, first, hub, pki.ProtoSync))
	check(t, AskCross(t.Context(), first.End, nil, at, next, nil)) // prolonging the known one needs no predecessor
}

// What waits for a hub is tried again as soon as there is a link, not at the end of a pause of minutes.
func TestRenewerWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id := must(pki.NewIdentity())
		trust := must(pki.OpenTrust(pki.TrustState{Site: "clinic-a", Region: pki.LocalRegion}, pki.TrustOptions{}))
		var tries atomic.Int64
		r := &Renewer{End: pki.NewEndpoint(id, trust, nil), Sources: func() []Source { return []Source{{Addr: "a", As: pki.SameSite}} },
			Dial: func(context.Context, string) (net.Conn, error) {
				tries.Add(1)
				return nil, edge.E(edge.Unavailable, "no route")
			}}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- r.Run(ctx) }()
		time.Sleep(time.Hour)
		synctest.Wait()
		was := tries.Load()
		r.Wake()
		synctest.Wait()
		if tries.Load() != was+1 {
			t.Errorf("%d tries, then %d", was, tries.Load())
		}
		cancel()
		check(t, <-done)
	})
}
