package hub

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"encoding/json"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/hub/store"
	"github.com/aielon/edge/sync/wire"
)

func TestWhoMayWriteWhat(t *testing.T) {
	w := newWorld(t, nil)
	n, stranger := w.node("alnoor"), w.node("baraka")
	c := n.connect("quic")
	for _, id := range []wire.StreamID{wire.NodeStream(stranger.id, "r"), wire.SiteStream("baraka", "r")} {
		l := w.log(id, edge.Care, 1)
		c.send(l.lane(), l.epoch())
		if f := await[*wire.Nack](c); f.Reason != wire.Forbidden || f.Stream != id {
			t.Fatalf("%+v", f)
		}
	}
	if a := w.hub.Alarms(); len(a) != 1 || a[0].Kind != AlarmForbidden {
		t.Fatalf("%+v", a)
	}
	// A hub below brings what it is registered for, and nothing else.
	child := w.node("district")
	if err := w.hub.Register(t.Context(), Node{ID: child.id, Site: "district", Hub: true, Origins: map[string]string{stranger.id.String(): "baraka", "site:baraka": "baraka"}}); err != nil {
		t.Fatal(err)
	}
	d := child.connect("quic")
	l := w.log(wire.NodeStream(stranger.id, "r"), edge.Care, 1)
	l.write(2, "x")
	d.send(l.lane(), l.epoch(), l.batch(0, 2))
	d.acked(l.id, l.pos)
	if s, err := w.store.Stream(t.Context(), l.id); err != nil || s.Site != "baraka" || s.Via != child.id {
		t.Fatalf("%+v, %v", s, err)
	}
	x := w.log(wire.SiteStream("alnoor", "r"), edge.Care, 1)
	d.send(x.lane(), x.epoch())
	if f := await[*wire.Nack](d); f.Reason != wire.Forbidden {
		t.Fatalf("%+v", f)
	}
	// A trusted hub brings anything that nobody else brings.
	any := w.node("region")
	if err := w.hub.Register(t.Context(), Node{ID: any.id, Site: "region", Hub: true, Any: true}); err != nil {
		t.Fatal(err)
	}
	e := any.connect("quic")
	far := w.log(wire.SiteStream("far", "r"), edge.Care, 1)
	e.send(far.lane(), far.epoch())
	e.acked(far.id, far.start)
	e.send(l.lane(), l.batch(0, 2)) // the district's
	if f := await[*wire.Nack](e); f.Reason != wire.Forbidden {
		t.Fatalf("%+v", f)
	}
	e.send(x.lane(), x.epoch()) // alnoor comes itself
	if f := await[*wire.Nack](e); f.Reason != wire.Forbidden {
		t.Fatalf("%+v", f)
	}
}

func TestNewerSessionWins(t *testing.T) {
	w := newWorld(t, nil)
	n := w.node("alnoor")
	a := n.connect("quic")
	b := n.connect("tcp")
	if g := await[*wire.Goaway](a); g.Reason != wire.Replaced {
		t.Fatalf("%+v", g)
	}
	<-a.ended
	c := n.raw("quic")
	old := n.hello()
	old.Session = 1 // came late
	c.send(wire.Control, old)
	c.closed(edge.Conflict)
	l := w.log(wire.NodeStream(n.id, "r"), edge.Care, 1)
	b.send(l.lane(), l.epoch())
	b.acked(l.id, l.start)
	if len(w.hub.Alarms()) != 0 {
		t.Fatalf("one process on two links is no clone: %+v", w.hub.Alarms())
	}
}

func TestClone(t *testing.T) {
	w := newWorld(t, nil)
	n := w.node("alnoor")
	copied := *n
	copied.boot = edge.NewID()
	n.connect("quic")
	copied.connect("quic")
	if len(w.hub.Alarms()) != 0 {
		t.Fatal("a restart is no clone")
	}
	n.connect("quic")
	if a := w.hub.Alarms(); len(a) != 1 || a[0].Kind != AlarmClone {
		t.Fatalf("%+v", a)
	}
	copied.connect("quic")
	c := n.raw("quic")
	c.send(wire.Control, n.hello())
	c.closed(edge.Denied)
	if _, err := n.dial("tcp"); err == nil {
		c := n.raw("tcp") // TLS 1.3: the client learns of the refusal when it reads
		c.closed(edge.Unavailable)
	}
}

func TestRevoke(t *testing.T) {
	both(t, func(t *testing.T, over string) {
		w := newWorld(t, nil)
		n := w.node("alnoor")
		c := n.connect(over)
		if err := w.hub.Revoke(t.Context(), n.id, "stolen"); err != nil {
			t.Fatal(err)
		}
		if g := await[*wire.Goaway](c); g.Reason != wire.Revoked {
			t.Fatalf("%+v", g)
		}
		c.closed(edge.Denied)
		l, err := n.dial(over)
		if err == nil {
			err = l.Serve(context.Background(), func(wire.Frame, int) error { return nil })
		}
		if err == nil {
			t.Fatal("a revoked node was let in")
		}
		w.stop()
		w.run(nil) // it stays so
		if n, err := w.hub.Node(n.id); err != nil || n.Revoked != "stolen" {
			t.Fatalf("%+v, %v", n, err)
		}
	})
}

func TestBrokenRules(t *testing.T) {
	both(t, func(t *testing.T, over string) {
		w := newWorld(t, nil)
		for name, f := range map[string]func(n *node, c *call){
			"no HELLO":      func(n *node, c *call) { c.send(wire.Control, &wire.Ping{Nonce: 1}) },
			"two HELLOs":    func(n *node, c *call) { c.send(wire.Control, n.hello(), n.hello()) },
			"wrong version": func(n *node, c *call) { c.send(wire.Control, &wire.Hello{Proto: 99}) },
			"unknown frame": func(n *node, c *call) { c.link.SendPaced(context.Background(), 0, []byte{99, 0}, nil) },
			"oversize": func(n *node, c *call) {
				c.link.SendPaced(context.Background(), 0, []byte{4, 0xff, 0xff, 0xff, 0x7f}, nil)
			},
			"length of 2^62": func(n *node, c *call) {
				c.link.SendPaced(context.Background(), 0, []byte{7, 255, 255, 255, 255, 255, 255, 255, 255, 0x3f}, nil)
			},
			"a hub's frame": func(n *node, c *call) { c.send(wire.Control, n.hello(), &wire.Twin{Version: 1, Doc: []byte("{}")}) },
		} {
			n := w.node("alnoor")
			c := n.raw(over)
			f(n, c)
			c.closed(edge.Invalid)
			_ = name
		}
		n := w.node("alnoor")
		c := n.connect(over)
		c.link.SendPaced(context.Background(), 0, []byte{98, 3, 1, 2, 3}, nil) // unknown, may be skipped
		c.send(wire.Control, &wire.Ping{Nonce: 7}, &wire.Time{T1: time.Now()})
		if p := await[*wire.Pong](c); p.Nonce != 7 {
			t.Fatalf("%+v", p)
		}
		if f := await[*wire.Time](c); f.T2.IsZero() || f.T3.Before(f.T2) {
			t.Fatalf("%+v", f)
		}
	})
}

// More than the credit is a broken rule; within it everything goes through, however large a record.
func TestCredit(t *testing.T) {
	gate := &gated{gate: make(chan struct{})}
	close(gate.gate)
	w := newWorld(t, func(o *Options) { gate.Store, o.Store, o.Budget = o.Store, gate, 4<<20 })
	n := w.node("alnoor")
	c := n.connect("quic")
	l := w.log(wire.NodeStream(n.id, "r"), edge.Bulk, 1)
	noise := make([]byte, 900<<10)
	for i := range noise {
		noise[i] = byte(i * i >> 7)
	}
	l.write(1, string(noise))
	c.send(l.lane(), l.epoch(), l.batch(0, 1))
	c.acked(l.id, l.pos)
	l.write(300, "x")
	var sent uint64
	limit := uint64(0)
	for _, x := range c.welcome.Credit {
		if x.Class == edge.Bulk {
			limit = x.Limit
		}
	}
	b, _ := wire.AppendFrame(nil, l.batch(0, 1))
	sent += uint64(len(b))
	for i := 1; i < 301; i++ {
		for sent >= limit {
			if g := await[*wire.Credit](c); g.Class == edge.Bulk {
				limit = max(limit, g.Limit)
			}
		}
		b, _ := wire.AppendFrame(nil, l.batch(i, i+1))
		sent += uint64(len(b))
		if err := c.link.SendPaced(t.Context(), l.lane(), b, nil); err != nil {
			t.Fatal(err)
		}
	}
	c.acked(l.id, l.pos)
	gate.set(make(chan struct{})) // the store stands still; now without looking
	defer close(gate.get())
	for range 100 {
		l.write(1, string(noise))
		b, _ := wire.AppendFrame(nil, l.batch(len(l.recs)-1, len(l.recs)))
		if c.link.SendPaced(t.Context(), l.lane(), b, nil) != nil {
			break
		}
	}
	c.closed(edge.Invalid)
}

// gated is a store that stands still until its gate is closed.
type gated struct {
	store.Store
	mu   sync.Mutex
	gate chan struct{}
}

func (g *gated) get() chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.gate
}

func (g *gated) set(c chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.gate = c
}

func (g *gated) Commit(ctx context.Context, list []store.Append) ([]store.Result, error) {
	<-g.get()
	return g.Store.Commit(ctx, list)
}

func TestStrangers(t *testing.T) {
	w := newWorld(t, nil)
	other := newWorld(t, nil)
	addr := w.hub.Addr()
	good := w.config(w.cert("alnoor"))
	for name, change := range map[string]func(*tls.Config){
		"no certificate":      func(c *tls.Config) { c.Certificates = nil },
		"another authority's": func(c *tls.Config) { c.Certificates = []tls.Certificate{other.cert("alnoor")} },
		"wrong protocol":      func(c *tls.Config) { c.NextProtos = []string{"h3"} },
		"no protocol":         func(c *tls.Config) { c.NextProtos = nil },
		"TLS 1.2":             func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS12, tls.VersionTLS12 },
	} {
		t.Run(name, func(t *testing.T) {
			conf := good.Clone()
			change(conf)
			c, err := tls.Dial("tcp", addr, conf)
			if err == nil {
				c.Write(append([]byte{1}, make([]byte, 16)...))
				c.SetReadDeadline(time.Now().Add(5 * time.Second))
				if _, err = c.Read(make([]byte, 1)); err == nil {
					t.Fatal("let in over TCP")
				}
				c.Close()
			}
			if conf.MaxVersion == tls.VersionTLS12 {
				return // QUIC has no TLS 1.2
			}
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			q, err := quic.DialAddr(ctx, addr, conf, wire.NodeQUIC(0, time.Minute))
			if err == nil { // the server's refusal comes after the client's handshake
				select {
				case <-q.Context().Done():
				case <-ctx.Done():
					t.Fatal("let in over QUIC")
				}
			}
		})
	}
	if len(w.hub.Sessions()) != 0 {
		t.Fatal("strangers have sessions")
	}
}

// Early data is never accepted, also with a ticket that would allow it: it can be replayed.
func TestNoEarlyData(t *testing.T) {
	w := newWorld(t, nil)
	n := w.node("alnoor")
	conf := w.config(n.cert)
	conf.ClientSessionCache = tls.NewLRUClientSessionCache(4)
	for range 3 {
		c, err := quic.DialAddrEarly(t.Context(), w.hub.Addr(), conf, wire.NodeQUIC(0, time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		<-c.HandshakeComplete()
		if c.ConnectionState().Used0RTT {
			t.Fatal("early data was taken")
		}
		time.Sleep(20 * time.Millisecond) // the ticket
		c.CloseWithError(0, "")
	}
}

// A resumed session does not come around the question whether the node is welcome.
func TestRevokedOnResumption(t *testing.T) {
	w := newWorld(t, nil)
	n := w.node("alnoor")
	conf := w.config(n.cert)
	conf.ClientSessionCache = tls.NewLRUClientSessionCache(4)
	try := func() (resumed bool, err error) {
		c, err := tls.Dial("tcp", w.hub.Addr(), conf)
		if err != nil {
			return false, err
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(5 * time.Second))
		pair := edge.NewID()
		if _, err := c.Write(append([]byte{1}, pair[:]...)); err != nil {
			return false, err
		}
		b, _ := wire.AppendFrame(nil, n.hello())
		c.Write(b)
		_, err = c.Read(make([]byte, 1))
		return c.ConnectionState().DidResume, err
	}
	if _, err := try(); err != nil {
		t.Fatal(err)
	}
	if resumed, err := try(); err != nil || !resumed {
		t.Fatalf("resumed %v, %v", resumed, err)
	}
	if err := w.hub.Revoke(t.Context(), n.id, "stolen"); err != nil {
		t.Fatal(err)
	}
	if _, err := try(); err == nil {
		t.Fatal("a revoked node came in on a resumed session")
	}
}

func TestTwin(t *testing.T) {
	w := newWorld(t, nil)
	n := w.node("alnoor")
	c := n.connect("quic")
	big := `{"a":1,"long":"` + string(make([]byte, 0)) + `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx","b":{"x":1,"y":2}}`
	if v, err := w.hub.SetDesired(t.Context(), n.id, []byte(big)); err != nil || v != 1 {
		t.Fatal(v, err)
	}
	f := await[*wire.Twin](c)
	if f.Version != 1 || f.Base != 0 || !json.Valid(f.Doc) {
		t.Fatalf("%+v", f)
	}
	c.send(wire.Control, &wire.Reported{Version: 1, Hash: f.Hash, Doc: []byte(`{"up":3}`)})
	waitFor(t, func() bool { r, err := w.hub.Desired(t.Context(), n.id); return err == nil && r.Base == 1 })
	if _, err := w.hub.SetDesired(t.Context(), n.id, []byte(`{"long":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx","b":{"x":1,"y":3},"a":1}`)); err != nil {
		t.Fatal(err)
	}
	if f = await[*wire.Twin](c); f.Base != 1 || string(f.Doc) != `{"b":{"y":3}}` {
		t.Fatalf("%+v %s", f, f.Doc)
	}
	c.send(wire.Control, &wire.Reported{Version: 1, Err: "cannot"})
	waitFor(t, func() bool { r, err := w.hub.Reported(t.Context(), n.id); return err == nil && r.Err == "cannot" })
	c.link.Close(nil)
	c = n.connect("quic") // whole, because what the node has is not known yet
	if f = await[*wire.Twin](c); f.Version != 2 || f.Base != 0 {
		t.Fatalf("%+v", f)
	}
	for _, bad := range []string{"", "{", `{} {}`} {
		if _, err := w.hub.SetDesired(t.Context(), n.id, []byte(bad)); !edge.IsKind(err, edge.Invalid) {
			t.Fatalf("%q: %v", bad, err)
		}
	}
}

func TestCommands(t *testing.T) {
	w := newWorld(t, nil)
	n := w.node("alnoor")
	c := n.connect("quic")
	cmd := Command{ID: edge.NewID(), Node: n.id, Name: "restart", Body: []byte("now"), Expires: time.Now().Add(time.Hour)}
	for range 2 { // the second changes nothing
		if err := w.hub.Send(t.Context(), cmd); err != nil {
			t.Fatal(err)
		}
	}
	f := await[*wire.Cmd](c)
	if !ed25519.Verify(w.sign.Public().(ed25519.PublicKey), f.SigningBytes(), f.Sig) || f.Target != n.id || f.Name != "restart" {
		t.Fatalf("%+v", f)
	}
	c.link.Close(nil)
	c = n.connect("quic") // not answered: it comes again
	f = await[*wire.Cmd](c)
	c.send(wire.Control, &wire.CmdResult{ID: f.ID, Status: wire.DoneOK, Body: []byte("ok")}, &wire.CmdResult{ID: f.ID, Status: wire.DoneError}, &wire.CmdResult{ID: edge.NewID(), Status: wire.DoneOK})
	waitFor(t, func() bool { p, _ := w.hub.Pending(t.Context(), n.id); return len(p) == 0 })
	c.send(wire.Control, &wire.Ping{})
	await[*wire.Pong](c)
	r, err := w.hub.Results(t.Context(), n.id)
	if err != nil || len(r) != 1 || r[0].Status != wire.DoneOK || string(r[0].Body) != "ok" {
		t.Fatalf("%+v, %v", r, err)
	}
	if err := w.hub.Send(t.Context(), cmd); err != nil { // answered: it does not come again
		t.Fatal(err)
	}
	if p, _ := w.hub.Pending(t.Context(), n.id); len(p) != 0 {
		t.Fatal("an answered command waits again")
	}
	for range maxCommands {
		if err := w.hub.Send(t.Context(), Command{ID: edge.NewID(), Node: n.id, Name: "x", Expires: time.Now().Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.hub.Send(t.Context(), Command{ID: edge.NewID(), Node: n.id, Name: "x", Expires: time.Now().Add(time.Hour)}); !edge.IsKind(err, edge.Exhausted) {
		t.Fatal(err)
	}
	if err := w.hub.Send(t.Context(), Command{ID: edge.NewID(), Node: n.id, Name: "x", Expires: time.Now()}); !edge.IsKind(err, edge.Invalid) {
		t.Fatal(err)
	}
}

func TestReceipts(t *testing.T) {
	w := newWorld(t, nil)
	n := w.node("alnoor")
	c := n.connect("quic")
	l := w.log(wire.NodeStream(n.id, "r"), edge.Care, 1)
	l.write(3, "x")
	c.send(l.lane(), l.epoch(), l.batch(0, 3))
	c.acked(l.id, l.pos)
	w.hub.Receipts(t.Context(), n.id)
	r := await[*wire.Receipt](c)
	if r.Pos != l.pos || !ed25519.Verify(w.sign.Public().(ed25519.PublicKey), r.SigningBytes(), r.Sig) {
		t.Fatalf("%+v", r)
	}
}

// A hub is a source for the hub above it.
func TestSource(t *testing.T) {
	var kicked = make(chan wire.StreamID, 10)
	w := newWorld(t, func(o *Options) { o.Kick = func(id wire.StreamID) { kicked <- id } })
	n := w.node("alnoor")
	c := n.connect("quic")
	l := w.log(wire.NodeStream(n.id, "r"), edge.Care, 1)
	l.write(3, "x")
	c.send(l.lane(), l.epoch())
	if id := <-kicked; id != l.id {
		t.Fatal(id)
	}
	list, err := w.hub.Sources(t.Context())
	if err != nil || len(list) != 1 || list[0].ID() != l.id || list[0].Urgency() != edge.Care || list[0].Stream() != "r" {
		t.Fatal(list, err)
	}
	src := list[0]
	done := make(chan error, 1)
	go func() { done <- src.Wait(context.Background(), l.start) }()
	c.send(l.lane(), l.batch(0, 3))
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if src.Head() != l.pos {
		t.Fatal(src.Head())
	}
	i := 0
	for r, err := range src.Read(t.Context(), l.start) {
		if err != nil || r.Pos != l.recs[i].Pos {
			t.Fatal(r, err)
		}
		i++
	}
	if err := src.Acked(t.Context(), l.pos); err != nil || i != 3 {
		t.Fatal(err, i)
	}
	if p, err := src.Mark(t.Context()); err != nil || p != l.pos {
		t.Fatal(p, err)
	}
	if g, _, _, ok := src.Epoch(1); !ok || g != l.start {
		t.Fatal(g, ok)
	}
}

// Two connections with one number and another's certificate do not become one link.
func TestPairingIsBoundToTheNode(t *testing.T) {
	w := newWorld(t, nil)
	a, b := w.node("alnoor"), w.node("alnoor")
	pre := make([]byte, 17)
	open := func(n *node, kind byte) net.Conn {
		c, err := tls.Dial("tcp", w.hub.Addr(), w.config(n.cert))
		if err != nil {
			t.Fatal(err)
		}
		pre[0] = kind
		c.Write(pre)
		return c
	}
	first := open(a, 1)
	defer first.Close()
	hello, _ := wire.AppendFrame(nil, a.hello())
	first.Write(hello)
	waitFor(t, func() bool { return len(w.hub.Sessions()) == 1 })
	thief := open(b, 2)
	defer thief.Close()
	thief.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := thief.Read(make([]byte, 1)); err == nil {
		t.Fatal("another node's connection was taken for the second half")
	}
}

func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatal("it did not happen")
}
