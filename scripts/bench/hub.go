package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aielon/edge/node/auth/pki"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/join"
	"github.com/aielon/edge/sync/uplink"
)

// idleNodes is how many nodes are connected to the hub at the same time.
const idleNodes = 1000

// hubSettle is how long the nodes are left alone before the hub is weighed: handshakes leave garbage, and
// the collector of an idle process comes every two minutes.
const hubSettle = 150 * time.Second

const hubPerNode = "hub: memory (PSS) for each of 1,000 idle nodes"

// hubMemory connects idle nodes, each with a key and a certificate of its own and mutual TLS over QUIC, to
// a real hub, and measures by how much the hub's memory grows.
func hubMemory(b *bench) error {
	hubAddr := freeAddr()
	hub, err := b.box("crowd", fmt.Sprintf("[hub]\naddr = %q\njoin_addr = %q\nadvertise = [%q]\n", hubAddr, freeAddr(), hubAddr))
	if err != nil {
		return err
	}
	defer os.RemoveAll(hub.dir)
	defer hub.kill()
	c, err := enter(b.ctx, hub)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(b.ctx)
	var all sync.WaitGroup
	defer all.Wait()
	defer stop()
	if err := c.connect(ctx, &all, 10); err != nil { // what the first connections cost once is not each node's
		return err
	}
	time.Sleep(3 * time.Second)
	before, err := hub.pss()
	if err != nil {
		return err
	}
	if err := c.connect(ctx, &all, idleNodes); err != nil {
		return err
	}
	time.Sleep(hubSettle)
	after, err := hub.pss()
	if err != nil {
		return err
	}
	b.out.add("hub: memory (PSS) before", "MiB", before/(1<<20))
	b.out.add("hub: memory (PSS) with 1,000 idle nodes", "MiB", after/(1<<20))
	b.out.add(hubPerNode, "KiB", (after-before)/idleNodes/1024)
	b.out.atMost(hubPerNode+", KiB", hubPerNode, 120)
	return nil
}

// A crowd is one large site whose nodes all live in this process.
type crowd struct {
	hub   string
	site  *pki.Authority
	trust *pki.Trust
}

// enter makes a site's authority and joins the hub with it.
func enter(ctx context.Context, hub *box) (*crowd, error) {
	i, err := hub.invite("site")
	if err != nil {
		return nil, err
	}
	code, err := pki.ParseCode(i.Code)
	if err != nil {
		return nil, err
	}
	c := &crowd{}
	if c.trust, err = pki.OpenTrust(pki.TrustState{Site: "crowd", Region: pki.LocalRegion}, pki.TrustOptions{}); err != nil {
		return nil, err
	}
	if c.site, err = pki.NewAuthority(pki.ScopeSite, "crowd", c.trust.Now); err != nil {
		return nil, err
	}
	id, err := pki.NewIdentity()
	if err != nil {
		return nil, err
	}
	res, err := join.Join(ctx, join.Request{Code: code, Server: i.Addr, ID: id, Role: pki.JoinSite, SiteCA: c.site})
	if err != nil {
		return nil, err
	}
	c.hub = res.Hubs[0]
	return c, res.Apply(id, c.trust, c.site, nil)
}

// connect starts n more nodes and returns when all are connected.
func (c *crowd) connect(ctx context.Context, all *sync.WaitGroup, n int) error {
	var ready atomic.Int64
	for range n {
		u, err := c.member(&ready)
		if err != nil {
			return err
		}
		all.Go(func() { u.Run(ctx) })
		time.Sleep(10 * time.Millisecond) // a hundred newcomers a second
	}
	for end := time.Now().Add(2 * time.Minute); ready.Load() < int64(n); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			return fmt.Errorf("%d of %d nodes are connected", ready.Load(), n)
		}
	}
	return ctx.Err()
}

// member makes a node of the site that has nothing to say.
func (c *crowd) member(ready *atomic.Int64) (*uplink.Uplink, error) {
	id, err := pki.NewIdentity()
	if err != nil {
		return nil, err
	}
	csr, err := id.CSR()
	if err != nil {
		return nil, err
	}
	chain, err := c.site.IssueLeaf(csr, pki.Name{Site: c.trust.Site(), Region: c.trust.Region(), ID: id.ID()}, 0)
	if err != nil {
		return nil, err
	}
	if err := id.Install(pki.UseSite, chain); err != nil {
		return nil, err
	}
	end := pki.NewEndpoint(id, c.trust, nil)
	var u *uplink.Uplink
	var once sync.Once
	u, err = uplink.New(uplink.Options{Hubs: []string{c.hub}, Node: id.ID(), NoTCP: true, Sources: func() []uplink.Source { return nil },
		TLS: func(string) (*tls.Config, error) { return end.ClientConfig(pki.ProtoSync, edge.NodeID{}), nil },
		Calls: uplink.Callbacks{Changed: func() {
			if u.Status().Connected {
				once.Do(func() { ready.Add(1) })
			}
		}}})
	return u, err
}
