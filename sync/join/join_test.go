package join

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aielon/edge/node/auth/pki"
	"github.com/aielon/edge/node/edge"
)

func TestSiteJoinsRegionThenNodeJoinsSite(t *testing.T) {
	c := &clock{now: testStart}
	hub := newBox(t, c, "hub").found().rule("punjab").serve()
	first := newBox(t, c, "clinic-a").found().serve()

	r := first.join(hub, pki.JoinSite)
	if r.Region != "punjab" || r.Site != "clinic-a" || len(r.Hubs) != 1 || r.Secret != nil {
		t.Errorf("the site got %+v", r)
	}
	check(t, meets(t, first, hub, pki.ProtoSync))
	if reg := hub.list.known[first.End.ID.ID()]; reg.Name.Site != "clinic-a" || reg.SiteCA != first.site.ID() {
		t.Errorf("the hub knows %+v", reg)
	}

	second := newBox(t, c, "new-box")
	r = second.join(first, pki.JoinNode)
	if string(r.Secret) != "gossip secret of the site" || len(r.Peers) != 1 || len(r.Members) != 1 || r.Members[0] != first.End.ID.ID() {
		t.Errorf("the node got %+v", r)
	}
	check(t, meets(t, second, first, pki.ProtoRaft))
	check(t, meets(t, first, second, pki.ProtoRaft))
	check(t, meets(t, second, hub, pki.ProtoSync)) // and is registered by the way
	if reg := hub.list.known[second.End.ID.ID()]; reg.Name.Site != "clinic-a" || reg.SiteCA != first.site.ID() {
		t.Errorf("the hub knows %+v of the second node", reg)
	}
	if reg := first.list.known[second.End.ID.ID()]; reg.Addr != "b:7701" || reg.Invited != "amina" {
		t.Errorf("the site knows %+v of the second node", reg)
	}
	if err := meets(t, second, hub, pki.ProtoRaft); err == nil {
		t.Error("a node of a site got into the hub's consensus")
	}
}

func TestHubJoinsHub(t *testing.T) {
	c := &clock{now: testStart}
	top := newBox(t, c, "capital").found().rule("pakistan").serve()
	hub := newBox(t, c, "district-1").found().rule("punjab").serve()
	site := newBox(t, c, "clinic-a").found()
	site.join(hub, pki.JoinSite)
	hub.join(top, pki.JoinHub)
	if reg := top.list.known[hub.End.ID.ID()]; reg.Role != pki.JoinHub || reg.Name.Site != "district-1" {
		t.Errorf("the upper hub knows %+v", reg)
	}
	check(t, meets(t, hub, top, pki.ProtoSync))
	check(t, meets(t, site, hub, pki.ProtoSync)) // goes on serving its own region
	if err := meets(t, site, top, pki.ProtoSync); err == nil {
		t.Error("a site got past its own hub")
	}
	if err := meets(t, top, hub, pki.ProtoSync); err == nil {
		t.Error("a hub may call those below it as if it were a site")
	}
}

func TestCodesAtTheDoor(t *testing.T) {
	c := &clock{now: testStart}
	hub := newBox(t, c, "hub").found().rule("punjab").serve()
	fresh := func() *box { return newBox(t, c, "new-box") }
	for _, tt := range []struct {
		what  string
		role  pki.JoinRole
		ask   pki.JoinRole
		spoil func(*pki.Code)
		words string
	}{
		{"good", pki.JoinNode, pki.JoinNode, func(*pki.Code) {}, ""},
		{"second use", pki.JoinNode, pki.JoinNode, func(code *pki.Code) { fresh().ask(*code, hub, pki.JoinNode) }, "used already"},
		{"expired", pki.JoinNode, pki.JoinNode, func(*pki.Code) { c.move(pki.CodeLife) }, "expired"},
		{"wrong secret", pki.JoinNode, pki.JoinNode, func(code *pki.Code) { code.Secret[3] ^= 1 }, "not known here"},
		{"unknown code", pki.JoinNode, pki.JoinNode, func(code *pki.Code) { code.ID[3] ^= 1 }, "not known here"},
		{"a site's code for a node", pki.JoinSite, pki.JoinNode, func(code *pki.Code) { code.CA = hub.site.ID() }, "for a site"},
		{"a node's code for a site", pki.JoinNode, pki.JoinSite, func(code *pki.Code) { code.CA = hub.reg.ID() }, "for a node"},
		{"a site's code for a hub", pki.JoinSite, pki.JoinHub, func(*pki.Code) {}, "for a site"},
	} {
		t.Run(tt.what, func(t *testing.T) {
			c.move(time.Minute) // past the limit per address
			code := hub.invite(tt.role)
			tt.spoil(&code)
			b := fresh()
			if tt.ask != pki.JoinNode {
				b.found()
			}
			_, err := b.ask(code, hub, tt.ask)
			if tt.words == "" {
				check(t, err)
			} else if !edge.IsKind(err, edge.Denied) || !strings.Contains(err.Error(), tt.words) {
				t.Errorf("got %v, want %q", err, tt.words)
			}
		})
	}
}

// spy counts what a client sends after the handshake began; the ClientHello holds nothing secret.
type spy struct {
	net.Conn
	sent *bytes.Buffer
	n    *atomic.Int64
}

func (s spy) Write(b []byte) (int, error) {
	s.sent.Write(b)
	s.n.Add(int64(len(b)))
	return s.Conn.Write(b)
}

func TestWrongServerGetsNothing(t *testing.T) {
	c := &clock{now: testStart}
	hub := newBox(t, c, "hub").found().rule("punjab").serve()
	imposter := newBox(t, c, "hub").found().rule("punjab").serve()
	member := newBox(t, c, "clinic-b").found().serve() // a site of the region, with the region's word
	member.join(hub, pki.JoinSite)
	for what, at := range map[string]*box{"an imposter": imposter, "another site of the region": member} {
		for _, role := range []pki.JoinRole{pki.JoinSite, pki.JoinNode} {
			b := newBox(t, c, "clinic-a").found()
			var sent bytes.Buffer
			var n atomic.Int64
			q := Request{Code: hub.invite(role), Server: at.addr, ID: b.End.ID, Role: role, Dial: func(ctx context.Context, addr string) (net.Conn, error) {
				raw, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
				return spy{raw, &sent, &n}, err
			}}
			if role != pki.JoinNode {
				q.SiteCA = b.site
			}
			_, err := Join(t.Context(), q)
			if err == nil {
				t.Fatalf("%s let a %s in", what, role)
			}
			if at.codes.asked != 0 {
				t.Errorf("%s was asked about the code", what)
			}
			// ClientHello, perhaps a ChangeCipherSpec, and an alert: TLS 1.3 application data would be a record of type 23 beyond an alert's 24 bytes.
			if k := n.Load(); k > 2500 {
				t.Errorf("%s was sent %d bytes", what, k)
			}
		}
	}
}

// Pinning is by signature, not by presence: a chain that merely contains the pinned CA is refused.
func TestPinnedCAMustHaveSignedTheLeaf(t *testing.T) {
	c := &clock{now: testStart}
	hub := newBox(t, c, "hub").found().rule("punjab").serve()
	member := newBox(t, c, "clinic-b").found()
	member.join(hub, pki.JoinSite)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer l.Close()
	chain := member.End.ID.Chain(pki.UseSite)
	var got atomic.Int64
	go hostile(l, [][]byte{chain.DER[0], chain.DER[1], hub.reg.Root().Raw}, member.End.ID.Signer(), func(conn net.Conn) {
		b := make([]byte, 1024)
		n, _ := conn.Read(b)
		got.Add(int64(n))
	})
	b := newBox(t, c, "clinic-a").found()
	_, err = Join(t.Context(), Request{Code: hub.invite(pki.JoinSite), Server: l.Addr().String(), ID: b.End.ID, Role: pki.JoinSite, SiteCA: b.site})
	refusedAs(t, err, edge.Denied)
	if got.Load() != 0 {
		t.Errorf("%d bytes were sent to it", got.Load())
	}
}

// The answer may be lost after the code was burned, or the store may fail before and after: the same box
// tries again with the same code and gets in; another box never does.
func TestLostAnswers(t *testing.T) {
	lost := edge.E(edge.Unavailable, "the outcome is unknown")
	for _, tt := range []struct {
		what string
		set  func(*box, bool)
	}{
		{"burning failed", func(b *box, on bool) { b.codes.fault = fault(on, false, lost) }},
		{"burning got through, its answer was lost", func(b *box, on bool) { b.codes.fault = fault(on, true, lost) }},
		{"registering failed", func(b *box, on bool) {
			b.list.fault = nil
			if on {
				b.list.fault = lost
			}
		}},
	} {
		t.Run(tt.what, func(t *testing.T) {
			c := &clock{now: testStart}
			first := newBox(t, c, "clinic-a").found().serve()
			b := newBox(t, c, "new-box")
			code := first.invite(pki.JoinNode)
			tt.set(first, true)
			_, err := b.ask(code, first, pki.JoinNode)
			refusedAs(t, err, edge.Unavailable)
			tt.set(first, false)
			r, err := b.ask(code, first, pki.JoinNode)
			check(t, err)
			check(t, r.Apply(b.End.ID, b.End.Trust, nil, nil))
			check(t, meets(t, b, first, pki.ProtoRaft))
			_, err = newBox(t, c, "thief").ask(code, first, pki.JoinNode)
			refusedAs(t, err, edge.Denied)
		})
	}
}

func fault(on, keep bool, err error) func(pki.CodeRecord) (bool, error) {
	if !on {
		return nil
	}
	return func(pki.CodeRecord) (bool, error) { return keep, err }
}

func TestCutConnections(t *testing.T) {
	c := &clock{now: testStart}
	first := newBox(t, c, "clinic-a").found().serve()
	b := newBox(t, c, "new-box")
	code := first.invite(pki.JoinNode)
	for cut := range 4 { // after how many writes the line goes dead: hello, finished, request, never
		q := Request{Code: code, Server: first.addr, ID: b.End.ID, Role: pki.JoinNode, Dial: func(ctx context.Context, addr string) (net.Conn, error) {
			raw, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
			return &cutter{Conn: raw, left: cut}, err
		}}
		r, err := Join(t.Context(), q)
		if err == nil {
			check(t, r.Apply(b.End.ID, b.End.Trust, nil, nil))
			check(t, meets(t, b, first, pki.ProtoRaft))
			return
		}
		if k := edge.KindOf(err); k != edge.Unavailable {
			t.Errorf("cut at %d: %v", cut, err)
		}
	}
	_, err := b.ask(code, first, pki.JoinNode)
	check(t, err)
}

type cutter struct {
	net.Conn
	left int
}

func (c *cutter) Write(b []byte) (int, error) {
	if c.left == 0 {
		c.Conn.Close()
		return 0, errors.New("cut")
	}
	c.left--
	return c.Conn.Write(b)
}

func TestTooManyTriesFromOneAddress(t *testing.T) {
	c := &clock{now: testStart}
	first := newBox(t, c, "clinic-a").found().serve()
	b := newBox(t, c, "new-box")
	code := first.invite(pki.JoinNode)
	wrong := code
	var last error
	for range triesPerMinute + 1 {
		wrong.ID[0]++
		_, last = b.ask(wrong, first, pki.JoinNode)
	}
	refusedAs(t, last, edge.Exhausted)
	asked := first.codes.asked
	if _, err := b.ask(code, first, pki.JoinNode); !edge.IsKind(err, edge.Exhausted) || first.codes.asked != asked {
		t.Errorf("the limit lets a good code be burned: %v", err)
	}
	c.move(time.Minute)
	_, err := b.ask(code, first, pki.JoinNode)
	check(t, err)
}

func TestTwoSitesOfOneName(t *testing.T) {
	c := &clock{now: testStart}
	hub := newBox(t, c, "hub").found().rule("punjab").serve()
	newBox(t, c, "clinic-a").found().join(hub, pki.JoinSite)
	for _, name := range []string{"clinic-a", "hub"} {
		_, err := newBox(t, c, name).found().ask(hub.invite(pki.JoinSite), hub, pki.JoinSite)
		refusedAs(t, err, edge.Conflict)
	}
}

func TestRevokedBoxCannotComeBack(t *testing.T) {
	c := &clock{now: testStart}
	hub := newBox(t, c, "hub").found().rule("punjab").serve()
	b := newBox(t, c, "clinic-a").found()
	b.join(hub, pki.JoinSite)
	check(t, hub.End.Trust.Revoke(b.End.ID.ID()))
	_, err := b.ask(hub.invite(pki.JoinSite), hub, pki.JoinSite)
	refusedAs(t, err, edge.Denied)
	if err := meets(t, b, hub, pki.ProtoSync); err == nil {
		t.Error("a revoked node has an uplink")
	}
}

// A joiner without a battery for its clock, and one with a bad one, get in and stay in.
func TestJoinWithAWrongClock(t *testing.T) {
	for what, off := range map[string]time.Duration{"1970": -56 * 365 * 24 * time.Hour, "three years ahead": 3 * 365 * 24 * time.Hour} {
		t.Run(what, func(t *testing.T) {
			c := &clock{now: testStart}
			hub := newBox(t, c, "hub").found().rule("punjab").serve()
			b := newBox(t, c, "clinic-a")
			b.off = off
			b.found().join(hub, pki.JoinSite)
			check(t, meets(t, b, hub, pki.ProtoSync))
			second := newBox(t, c, "new-box")
			b.serve()
			second.join(b, pki.JoinNode)
			check(t, meets(t, second, b, pki.ProtoRaft))
			check(t, meets(t, second, hub, pki.ProtoSync))
		})
	}
}

// Over 200 kbit/s and 100 ms round trip a site is in well within five seconds.
func TestJoinOverAThinLink(t *testing.T) {
	c := &clock{now: testStart}
	hub := newBox(t, c, "hub").found().rule("punjab").serve()
	b := newBox(t, c, "clinic-a").found()
	var bytes atomic.Int64
	start := time.Now()
	_, err := Join(t.Context(), Request{Code: hub.invite(pki.JoinSite), Server: hub.addr, ID: b.End.ID, Role: pki.JoinSite, SiteCA: b.site,
		Dial: func(ctx context.Context, addr string) (net.Conn, error) {
			time.Sleep(100 * time.Millisecond) // SYN and its answer
			raw, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
			return thin{raw, &bytes}, err
		}})
	check(t, err)
	t.Logf("%d bytes in %v", bytes.Load(), time.Since(start))
	if time.Since(start) > 5*time.Second || bytes.Load() > 16<<10 {
		t.Error("that is too much for a thin link")
	}
}

// thin delays what passes by half a round trip and by its length at 200 kbit/s.
type thin struct {
	net.Conn
	n *atomic.Int64
}

func (c thin) pass(n int) {
	c.n.Add(int64(n))
	time.Sleep(50*time.Millisecond + time.Duration(n)*time.Second/25000)
}

func (c thin) Write(b []byte) (int, error) {
	c.pass(len(b))
	return c.Conn.Write(b)
}

func (c thin) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.pass(n)
	return n, err
}
