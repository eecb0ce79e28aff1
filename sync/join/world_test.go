package join

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/aielon/edge/node/auth/pki"
	"github.com/aielon/edge/node/edge"
)

var testStart = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// clock is the true time of a test; each box may be off by its own amount.
type clock struct {
	mu    sync.Mutex
	now   time.Time
	began time.Time // where set, time goes by from there on: in a bubble of synctest
}

func (c *clock) time() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.began.IsZero() {
		return c.now
	}
	return c.now.Add(time.Since(c.began))
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// box is one machine of a test: what node puts together in the program.
type box struct {
	*Server
	t     testing.TB
	clock *clock
	off   time.Duration
	site  *pki.Authority
	reg   *pki.Authority
	codes *codes
	list  *members
	addr  string
	dial  Dial // in place of addr
}

// newBox makes a machine with its own site CA, as the first start of a node does.
func newBox(t testing.TB, c *clock, site string) *box {
	b := &box{t: t, clock: c, list: &members{known: map[edge.NodeID]Registration{}, sites: map[string]edge.NodeID{}}}
	b.codes = &codes{now: c.time, kept: map[string]pki.CodeRecord{}}
	id := must(pki.NewIdentity())
	trust := must(pki.OpenTrust(pki.TrustState{Site: site, Region: pki.LocalRegion}, pki.TrustOptions{
		Clock: func() time.Time { return c.time().Add(b.off) }, Build: testStart.AddDate(0, -2, 0)}))
	end := pki.NewEndpoint(id, trust, b.list.has)
	b.Server = &Server{End: end, Codes: b.codes, Members: b.list,
		SiteCA:   func() *pki.Authority { return b.site },
		RegionCA: func() *pki.Authority { return b.reg },
		Welcome: func() Welcome {
			return Welcome{Hubs: []string{"hub:7700"}, Peers: []string{"a:7701"}, Members: []edge.NodeID{b.End.ID.ID()}, Secret: []byte("gossip secret of the site")}
		}}
	return b
}

// found gives the machine a site of its own.
func (b *box) found() *box {
	b.site = must(pki.NewAuthority(pki.ScopeSite, b.End.Trust.Site(), b.End.Trust.Now))
	check(b.t, b.End.Trust.AddRoot(pki.RootSite, b.site.Root()))
	b.leaf()
	return b
}

func (b *box) leaf() {
	id := b.End.ID
	n := pki.Name{Site: b.End.Trust.Site(), Region: b.End.Trust.Region(), ID: id.ID()}
	check(b.t, id.Install(pki.UseSite, must(b.site.IssueLeaf(must(id.CSR()), n, 0))))
}

// rule makes the machine a hub of a region.
func (b *box) rule(region string) *box {
	b.reg = must(pki.NewAuthority(pki.ScopeRegion, region, b.End.Trust.Now))
	check(b.t, b.End.Trust.AddRoot(pki.RootRegion, b.reg.Root()))
	b.hubLeaf()
	return b
}

func (b *box) hubLeaf() {
	id := b.End.ID
	n := pki.Name{Site: b.End.Trust.Site(), Region: b.reg.Label(), Role: pki.RoleHub, ID: id.ID()}
	check(b.t, id.Install(pki.UseHub, must(b.reg.IssueLeaf(must(id.CSR()), n, 0))))
}

type tlsListener struct {
	net.Listener
	cfg *tls.Config
}

func (l tlsListener) Accept() (*tls.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return tls.Server(c, l.cfg), nil
}

// serve opens the machine's port for the length of the test.
func (b *box) serve() *box {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(b.t, err)
	b.addr = l.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	var g sync.WaitGroup
	g.Go(func() { b.Run(ctx, tlsListener{l, b.End.ServerConfig(pki.ProtoJoin, pki.ProtoRenew)}) })
	b.t.Cleanup(func() { cancel(); l.Close(); g.Wait() })
	return b
}

// invite makes a code that pins this machine's CA for the role.
func (b *box) invite(role pki.JoinRole) pki.Code {
	ca := b.site
	if role != pki.JoinNode {
		ca = b.reg
	}
	code, rec, err := pki.NewCode(ca.ID(), role, "", "amina", b.clock.time(), 0)
	check(b.t, err)
	b.codes.kept[rec.Key] = rec
	return code
}

func (b *box) ask(code pki.Code, at *box, role pki.JoinRole) (Result, error) {
	q := Request{Code: code, Server: at.addr, Dial: at.dial, ID: b.End.ID, Role: role, Addr: "b:7701", Label: "box", Build: "test"}
	if role != pki.JoinNode {
		q.SiteCA = b.site
	}
	return Join(b.t.Context(), q)
}

func (b *box) join(at *box, role pki.JoinRole) Result {
	b.t.Helper()
	r, err := b.ask(at.invite(role), at, role)
	check(b.t, err)
	ca := b.site
	if role == pki.JoinNode {
		ca = nil
	}
	check(b.t, r.Apply(b.End.ID, b.End.Trust, ca, nil))
	return r
}

// codes keeps codes in memory, with a fault for each way of failing.
type codes struct {
	mu    sync.Mutex
	now   func() time.Time
	kept  map[string]pki.CodeRecord
	fault func(pki.CodeRecord) (keep bool, err error)
	asked int
}

func (c *codes) Spend(_ context.Context, key string, hash [32]byte, node edge.NodeID) (pki.CodeRecord, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked++
	r, ok := c.kept[key]
	if !ok {
		return r, pki.WrongCode()
	}
	r, err := r.Try(hash, node, c.now())
	keep := true
	if c.fault != nil {
		var ferr error
		if keep, ferr = c.fault(r); ferr != nil {
			err = ferr
		}
	}
	if keep {
		c.kept[key] = r
	}
	return r, err
}

type members struct {
	mu    sync.Mutex
	known map[edge.NodeID]Registration
	sites map[string]edge.NodeID
	fault error
	after func() error // its error is returned though the registration was kept
}

func (m *members) Register(_ context.Context, r Registration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fault != nil {
		return m.fault
	}
	if r.Role != pki.JoinNode {
		if ca, ok := m.sites[r.Name.Site]; ok && ca != r.SiteCA && ca != r.Was {
			return edge.E(edge.Conflict, "there is a site called %s already", r.Name.Site)
		}
		m.sites[r.Name.Site] = r.SiteCA
	}
	m.known[r.Name.ID] = r
	if m.after != nil && !r.Was.IsZero() {
		return m.after()
	}
	return nil
}

func (m *members) has(id edge.NodeID) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ok := m.known[id]
	return ok
}

func (m *members) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.known)
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

func refusedAs(t testing.TB, err error, k edge.Kind) {
	t.Helper()
	if !edge.IsKind(err, k) {
		t.Fatalf("got %v, want a refusal of kind %v", err, k)
	}
}

// meets reports whether two machines can open a connection under a protocol.
func meets(t testing.TB, client, server *box, p pki.Proto) error {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer l.Close()
	done := make(chan error, 1)
	go func() {
		raw, err := l.Accept()
		if err != nil {
			done <- err
			return
		}
		defer raw.Close()
		raw.SetDeadline(time.Now().Add(10 * time.Second))
		c := tls.Server(raw, server.End.ServerConfig(p))
		if err = c.Handshake(); err == nil && p == pki.ProtoSync {
			_, err = Admit(t.Context(), server.End, server.list, c.ConnectionState())
		}
		done <- err
	}()
	raw, err := net.Dial("tcp", l.Addr().String())
	check(t, err)
	defer raw.Close()
	c := tls.Client(raw, client.End.ClientConfig(p, edge.NodeID{}))
	cerr := c.HandshakeContext(t.Context())
	if cerr != nil {
		raw.Close()
	}
	serr := <-done
	if cerr != nil {
		return cerr
	}
	return serr
}
