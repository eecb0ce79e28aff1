package pki

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/aielon/edge/node/edge"
)

// meet connects two configurations over loopback and says what each side makes of it. The server answers
// with one byte, so that tickets arrive and a refusal by the server is seen.
func meet(t testing.TB, server, client *tls.Config) (sc, cc tls.ConnectionState, serr, cerr error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer l.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		raw, err := l.Accept()
		if err != nil {
			serr = err
			return
		}
		c := tls.Server(raw, server)
		defer c.Close()
		c.SetDeadline(time.Now().Add(10 * time.Second))
		if serr = c.Handshake(); serr == nil {
			sc = c.ConnectionState()
			_, serr = c.Write([]byte{1})
		}
	}()
	raw, err := net.Dial("tcp", l.Addr().String())
	check(t, err)
	c := tls.Client(raw, client)
	c.SetDeadline(time.Now().Add(10 * time.Second))
	if cerr = c.Handshake(); cerr == nil {
		if _, cerr = io.ReadFull(c, make([]byte, 1)); cerr == nil {
			cc = c.ConnectionState()
		}
	}
	c.Close()
	<-done
	return
}

func TestWhoMayMeetWhom(t *testing.T) {
	w := newWorld(t)
	a1, b1 := w.site("clinic-a"), w.site("clinic-b")
	a2 := w.node(a1)
	lone := w.bare("clinic-a") // has no certificate

	// A thief of clinic-b's CA mints for clinic-a, and for a hub.
	thief := w.bare("clinic-a") // so that its own checks stop nothing
	thief.ca = b1.ca
	w.root(thief, RootAbove, w.region)
	w.root(thief, RootSite, a1.ca)
	steal := func(n Name) *box {
		n.ID = thief.ID.ID()
		leaf := must(b1.ca.issueURI(&thief.ID.key.PublicKey, n.String(), 0, 1, 2))
		c := &Endpoint{ID: &Identity{key: thief.ID.key, id: thief.ID.id}, Trust: thief.Trust, tickets: &ticketKeys{}, cache: tls.NewLRUClientSessionCache(1)}
		ch := &Chain{Name: n, DER: b1.ca.chain(leaf), tls: &tls.Certificate{Certificate: b1.ca.chain(leaf), PrivateKey: thief.ID.key}}
		c.ID.chains[UseSite].Store(ch)
		c.ID.chains[UseHub].Store(ch)
		return &box{Endpoint: c}
	}
	asA := steal(Name{Site: "clinic-a", Region: "punjab"})
	asHub := steal(Name{Site: "clinic-b", Region: "punjab", Role: RoleHub})
	elsewhere := newWorld(t)
	stranger := elsewhere.site("clinic-a") // same names, another region's key

	for _, tt := range []struct {
		what           string
		client, server *box
		proto          Proto
		pin            edge.NodeID
		ok             bool
	}{
		{"raft within a site", a1, a2, ProtoRaft, edge.NodeID{}, true},
		{"raft, the right pin", a1, a2, ProtoRaft, a2.ID.ID(), true},
		{"raft, the wrong pin", a1, a2, ProtoRaft, a1.ID.ID(), false},
		{"raft from another site", b1, a1, ProtoRaft, edge.NodeID{}, false},
		{"raft from the hub", w.hub, a1, ProtoRaft, edge.NodeID{}, false},
		{"raft with no certificate", lone, a1, ProtoRaft, edge.NodeID{}, false},
		{"uplink to the hub", a1, w.hub, ProtoSync, edge.NodeID{}, true},
		{"uplink to the hub, second node", a2, w.hub, ProtoSync, w.hub.ID.ID(), true},
		{"uplink to a site", a1, b1, ProtoSync, edge.NodeID{}, false},
		{"uplink from another region", stranger, w.hub, ProtoSync, edge.NodeID{}, false},
		{"uplink to another region's hub", a1, elsewhere.hub, ProtoSync, edge.NodeID{}, false},
		{"uplink by a stolen CA for another site", asA, w.hub, ProtoSync, edge.NodeID{}, false},
		{"uplink to a hub made by a stolen site CA", a1, asHub, ProtoSync, edge.NodeID{}, false},
		{"raft by a stolen CA for another site", asA, a1, ProtoRaft, edge.NodeID{}, false},
		{"renewal at the hub", a1, w.hub, ProtoRenew, edge.NodeID{}, true},
		{"renewal at a neighbour", a1, a2, ProtoRenew, edge.NodeID{}, true},
		{"renewal at another site", b1, a2, ProtoRenew, edge.NodeID{}, false},
		{"a protocol nobody knows", a1, a2, "h2", edge.NodeID{}, false},
	} {
		t.Run(tt.what, func(t *testing.T) {
			sc, cc, serr, cerr := meet(t, tt.server.ServerConfig(tt.proto), tt.client.ClientConfig(tt.proto, tt.pin))
			if ok := serr == nil && cerr == nil; ok != tt.ok {
				t.Fatalf("server: %v, client: %v", serr, cerr)
			}
			if !tt.ok {
				return
			}
			if id, n, err := PeerID(sc); err != nil || id != tt.client.ID.ID() || n.Site != tt.client.Trust.Site() {
				t.Errorf("the server saw %v %v %v", id, n, err)
			}
			if id, _, err := PeerID(cc); err != nil || id != tt.server.ID.ID() {
				t.Errorf("the client saw %v %v", id, err)
			}
		})
	}
}

func TestNoProtocolNoEntry(t *testing.T) {
	w := newWorld(t)
	a := w.site("clinic-a")
	client := a.ClientConfig(ProtoRaft, edge.NodeID{})
	client.NextProtos = nil
	if _, _, serr, cerr := meet(t, a.ServerConfig(ProtoRaft, ProtoRenew), client); serr == nil || cerr == nil {
		t.Fatalf("a caller without a protocol got in: %v %v", serr, cerr)
	}
	old := a.ClientConfig(ProtoRaft, edge.NodeID{})
	old.MinVersion, old.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	if _, _, serr, _ := meet(t, a.ServerConfig(ProtoRaft), old); serr == nil {
		t.Fatal("TLS 1.2 got in")
	}
}

func TestRevocationHoldsOnResumedSessions(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct {
		what   string
		revoke func(a *box) error
	}{
		{"the node", func(a *box) error { return w.hub.Trust.Revoke(a.ID.ID()) }},
		{"its site", func(a *box) error { return w.hub.Trust.RevokeSite(a.Trust.Site()) }},
		{"its site's CA", func(a *box) error { return w.hub.Trust.Revoke(a.ca.ID()) }},
		{"the region's root", func(a *box) error {
			return w.hub.Trust.Update(func(s *TrustState) {
				s.Roots = []Root{s.Roots[0]} // the hub's own site
			})
		}},
	} {
		a := w.site("clinic-" + string(rune('a'+len(tt.what))))
		server, client := w.hub.ServerConfig(ProtoSync), a.ClientConfig(ProtoSync, edge.NodeID{})
		_, first, serr, cerr := meet(t, server, client)
		if serr != nil || cerr != nil || first.DidResume {
			t.Fatal(serr, cerr, first.DidResume)
		}
		_, second, serr, cerr := meet(t, server, client)
		if serr != nil || cerr != nil || !second.DidResume {
			t.Fatalf("the second session was not resumed, so this test shows nothing: %v %v", serr, cerr)
		}
		check(t, tt.revoke(a))
		if _, third, serr, cerr := meet(t, server, client); serr == nil || cerr == nil {
			t.Errorf("with %s revoked a session got in (resumed: %v)", tt.what, third.DidResume)
		}
	}
}

func TestRevokedServerIsNotResumed(t *testing.T) {
	w := newWorld(t)
	a := w.site("clinic-a")
	server, client := w.hub.ServerConfig(ProtoSync), a.ClientConfig(ProtoSync, edge.NodeID{})
	meet(t, server, client)
	check(t, a.Trust.Revoke(w.hub.ID.ID()))
	if _, _, _, cerr := meet(t, server, client); cerr == nil {
		t.Error("a client resumed with a revoked hub")
	}
}

func TestSessionsEndWithTheirTicketKeysAndProtocols(t *testing.T) {
	w := newWorld(t)
	a := w.site("clinic-a")
	b := w.node(a)
	server, client := b.ServerConfig(ProtoRaft, ProtoSite), a.ClientConfig(ProtoRaft, edge.NodeID{})
	resumed := func(c *tls.Config) bool {
		_, cs, serr, cerr := meet(t, server, c)
		if serr != nil || cerr != nil {
			t.Fatal(serr, cerr)
		}
		return cs.DidResume
	}
	if resumed(client) || !resumed(client) {
		t.Fatal("resumption does not work at all")
	}
	w.now = w.now.Add(25 * time.Hour)
	if !resumed(client) {
		t.Error("the key before the last should still open tickets")
	}
	w.now = w.now.Add(TicketLife + time.Hour)
	if resumed(client) {
		t.Error("a ticket outlived its key")
	}
	crossed := a.ClientConfig(ProtoSite, edge.NodeID{})
	crossed.ClientSessionCache = client.ClientSessionCache // what an attacker would do
	if resumed(crossed) {
		t.Error("a session was resumed under another protocol")
	}
}

// TestVersionsOfAProtocolMeet: nodes of two versions speak the older one, and whoever may not come in does not come in
// under the older one.
func TestVersionsOfAProtocolMeet(t *testing.T) {
	w := newWorld(t)
	a := w.site("clinic-a")
	b, stranger := w.node(a), w.site("clinic-b")
	for _, c := range []struct{ server, client, want Proto }{
		{ProtoSite, ProtoSite, ProtoSite}, {protoSite1, ProtoSite, protoSite1}, {ProtoSite, protoSite1, protoSite1},
	} {
		server := b.ServerConfig(ProtoRaft, c.server)
		if _, cs, serr, cerr := meet(t, server, a.ClientConfig(c.client, b.ID.ID())); serr != nil || cerr != nil || cs.NegotiatedProtocol != string(c.want) {
			t.Errorf("%+v: %q, %v, %v", c, cs.NegotiatedProtocol, serr, cerr)
		}
		if _, _, serr, _ := meet(t, server, stranger.ClientConfig(c.client, edge.NodeID{})); serr == nil {
			t.Errorf("%+v: a node of another site was let in", c)
		}
	}
}

func TestExpiredLeafOpensTheRenewalLaneOnly(t *testing.T) {
	w := newWorld(t)
	a := w.site("clinic-a")
	b := w.node(a)
	for _, tt := range []struct {
		what   string
		after  time.Duration
		known  bool
		revoke bool
		proto  Proto
		ok     bool
	}{
		{"fresh, raft", time.Hour, false, false, ProtoRaft, true},
		{"expired, raft", 60 * 24 * time.Hour, true, false, ProtoRaft, false},
		{"expired, site", 60 * 24 * time.Hour, true, false, ProtoSite, false},
		{"expired and known, renewal", 60 * 24 * time.Hour, true, false, ProtoRenew, true},
		{"expired and unknown, renewal", 60 * 24 * time.Hour, false, false, ProtoRenew, false},
		{"expired and revoked, renewal", 60 * 24 * time.Hour, true, true, ProtoRenew, false},
		{"expired too long ago, renewal", Grace + LeafLife + time.Hour, true, false, ProtoRenew, false},
	} {
		t.Run(tt.what, func(t *testing.T) {
			w.now = testStart
			old := w.node(a)
			w.now = testStart.Add(tt.after)
			w.leaf(b, 0)
			b.known = map[edge.NodeID]bool{old.ID.ID(): tt.known}
			if tt.revoke {
				check(t, b.Trust.Revoke(old.ID.ID()))
			}
			_, _, serr, cerr := meet(t, b.ServerConfig(ProtoRaft, ProtoSite, ProtoRenew), old.ClientConfig(tt.proto, edge.NodeID{}))
			if ok := serr == nil && cerr == nil; ok != tt.ok {
				t.Fatalf("server: %v, client: %v", serr, cerr)
			}
		})
	}
}

func TestWrongClocks(t *testing.T) {
	year := 365 * 24 * time.Hour
	for _, tt := range []struct {
		what string
		off  time.Duration
	}{{"1970", -56 * year}, {"three years ahead", 3 * year}, {"a day behind", -24 * time.Hour}} {
		t.Run(tt.what, func(t *testing.T) {
			w := newWorld(t)
			a := w.site("clinic-a")
			a.clock = tt.off
			w.now = w.now.Add(30 * 24 * time.Hour) // everyone else has renewed since
			w.certify(w.hub, UseHub, w.region, Name{Site: "hub", Region: "punjab", Role: RoleHub, ID: w.hub.ID.ID()})
			w.hub.known[a.ID.ID()] = true

			_, cc, serr, cerr := meet(t, w.hub.ServerConfig(ProtoSync, ProtoRenew), a.ClientConfig(ProtoRenew, edge.NodeID{}))
			if serr != nil || cerr != nil {
				t.Fatalf("the renewal lane is shut: %v %v", serr, cerr)
			}
			check(t, a.Trust.TimeWithin(cc.PeerCertificates[0], w.now))
			check(t, a.Trust.TellTime(w.now))
			if d := a.Trust.Now().Sub(w.now); d.Abs() > time.Second {
				t.Fatalf("after being told, the clock is off by %v", d)
			}
			w.leaf(a, 0)
			w.now = w.now.Add(time.Hour)
			if _, _, serr, cerr := meet(t, w.hub.ServerConfig(ProtoSync), a.ClientConfig(ProtoSync, edge.NodeID{})); serr != nil || cerr != nil {
				t.Fatalf("the uplink is shut: %v %v", serr, cerr)
			}
			if a.saved.KnownGood.Before(testStart) {
				t.Errorf("the time was not kept: %v", a.saved.KnownGood)
			}
		})
	}
}

// A node that woke in 1970 still meets its site when nobody can tell it the time.
func TestClockBehindWithinTheSite(t *testing.T) {
	w := newWorld(t)
	a := w.site("clinic-a")
	b := w.node(a)
	w.now = w.now.Add(6 * 24 * time.Hour)
	w.leaf(b, 0)
	a.clock = -50 * 365 * 24 * time.Hour
	if _, _, serr, cerr := meet(t, b.ServerConfig(ProtoRaft), a.ClientConfig(ProtoRaft, edge.NodeID{})); serr != nil || cerr != nil {
		t.Fatal(serr, cerr)
	}
	if a.Trust.Now().Before(w.now.Add(-time.Hour)) {
		t.Errorf("nothing was learned from the neighbour: %v", a.Trust.Now())
	}
}

// While a site joins a region its nodes learn of it one after the other, and must not lose each other.
func TestSiteHoldsTogetherWhileItJoins(t *testing.T) {
	w := newWorld(t)
	a := w.site("clinic-a")
	b := w.node(a)
	check(t, b.Trust.Update(func(s *TrustState) { s.Region = LocalRegion }))
	for _, p := range [][2]*box{{a, b}, {b, a}} {
		if _, _, serr, cerr := meet(t, p[0].ServerConfig(ProtoRaft), p[1].ClientConfig(ProtoRaft, edge.NodeID{})); serr != nil || cerr != nil {
			t.Fatal(serr, cerr)
		}
	}
}

func TestQUICRevocationOnResumption(t *testing.T) {
	w := newWorld(t)
	a := w.site("clinic-a")
	cfg := &quic.Config{HandshakeIdleTimeout: 5 * time.Second}
	l, err := quic.ListenAddr("127.0.0.1:0", w.hub.ServerConfig(ProtoSync), cfg)
	check(t, err)
	defer l.Close()
	seen := make(chan error, 8)
	go func() {
		for {
			c, err := l.Accept(context.Background())
			if err != nil {
				return
			}
			go func() {
				st, err := c.OpenUniStream()
				if err == nil {
					_, err = st.Write([]byte{1})
					st.Close()
				}
				id, _, perr := PeerID(c.ConnectionState().TLS)
				if id != a.ID.ID() {
					perr = errors.New("wrong peer")
				}
				seen <- errors.Join(err, perr)
			}()
		}
	}()
	client := a.ClientConfig(ProtoSync, edge.NodeID{})
	call := func() (resumed bool, err error) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		c, err := quic.DialAddr(ctx, l.Addr().String(), client, cfg)
		if err != nil {
			return false, err
		}
		defer c.CloseWithError(0, "")
		st, err := c.AcceptUniStream(ctx)
		if err != nil {
			return false, err
		}
		_, err = io.ReadAll(st)
		return c.ConnectionState().TLS.DidResume, err
	}
	for i, want := range []bool{false, true} {
		if got, err := call(); err != nil || got != want {
			t.Fatalf("call %d: resumed %v, err %v", i, got, err)
		}
		check(t, <-seen)
	}
	check(t, w.hub.Trust.Revoke(a.ID.ID()))
	if resumed, err := call(); err == nil {
		t.Fatalf("a revoked node got in over QUIC (resumed %v)", resumed)
	}
}

// What a connection costs both sides together, with all checks.
func BenchmarkHandshake(b *testing.B) {
	w := newWorld(b)
	a := w.site("clinic-a")
	server := w.hub.ServerConfig(ProtoSync)
	for _, resume := range []bool{false, true} {
		name := "full"
		if resume {
			name = "resumed"
		}
		b.Run(name, func(b *testing.B) {
			client := a.ClientConfig(ProtoSync, edge.NodeID{})
			client.SessionTicketsDisabled = !resume
			for b.Loop() {
				if _, _, serr, cerr := meet(b, server, client); serr != nil || cerr != nil {
					b.Fatal(serr, cerr)
				}
			}
		})
	}
}
