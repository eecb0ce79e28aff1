package hub

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"log/slog"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
	"github.com/aielon/edge/sync/hub/badgerstore"
	"github.com/aielon/edge/sync/hub/store"
	"github.com/aielon/edge/sync/hub/storetest"
	"github.com/aielon/edge/sync/wire"
)

// A world is a CA, a hub and what its nodes need to reach it.
type world struct {
	t     testing.TB
	ca    *x509.Certificate
	caKey *ecdsa.PrivateKey
	z     *wire.Codec
	store store.Store
	hub   *Hub
	stop  func()
	sign  ed25519.PrivateKey
}

func peerID(cs tls.ConnectionState) (edge.NodeID, string, error) {
	c := cs.PeerCertificates[0]
	return edge.NodeID(sha256.Sum256(c.RawSubjectPublicKeyInfo)), c.Subject.CommonName, nil
}

func newWorld(t testing.TB, change func(*Options)) *world {
	t.Helper()
	w := &world{t: t}
	w.caKey, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, w.caKey.Public(), w.caKey)
	if err != nil {
		t.Fatal(err)
	}
	w.ca, _ = x509.ParseCertificate(der)
	if w.z, err = wire.NewCodec(2); err != nil {
		t.Fatal(err)
	}
	_, w.sign, _ = ed25519.GenerateKey(rand.Reader)
	s, err := state.Open(t.Context(), state.Options{Name: "hub", Key: bytes.Repeat([]byte{1}, 32), MemTable: 16 << 20, InMemory: true})
	if err != nil {
		t.Fatal(err)
	}
	if w.store, err = badgerstore.Open(s, w.z, true); err != nil {
		t.Fatal(err)
	}
	w.run(change)
	t.Cleanup(func() {
		w.stop()
		w.store.Close()
		w.z.Close()
	})
	return w
}

// run starts a hub on the store; the world's stop ends it.
func (w *world) run(change func(*Options)) {
	w.t.Helper()
	o := Options{Addr: "127.0.0.1:0", TLS: w.config(w.cert("hub")), PeerID: peerID, Store: w.store, Codec: w.z, Signer: w.sign,
		ResetKey: [32]byte{1}, TokenKey: [32]byte{2}, Logger: slog.New(slog.DiscardHandler)}
	o.TLS.ClientAuth, o.TLS.ClientCAs = tls.RequireAndVerifyClientCert, o.TLS.RootCAs
	if change != nil {
		change(&o)
	}
	h, err := Open(w.t.Context(), o)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { h.Run(ctx); close(done) }()
	w.hub = h
	w.stop = sync.OnceFunc(func() { cancel(); <-done })
}

func (w *world) cert(site string) tls.Certificate {
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: site}, NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"hub"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, w.ca, key.Public(), w.caKey)
	if err != nil {
		w.t.Fatal(err)
	}
	leaf, _ := x509.ParseCertificate(der)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func (w *world) config(c tls.Certificate) *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(w.ca)
	return &tls.Config{Certificates: []tls.Certificate{c}, RootCAs: pool, ServerName: "hub", NextProtos: []string{wire.ALPN}, MinVersion: tls.VersionTLS13}
}

// A node is the other end, driven by hand.
type node struct {
	w     *world
	cert  tls.Certificate
	id    edge.NodeID
	site  string
	boot  [16]byte
	count uint64
}

func (w *world) node(site string) *node {
	n := &node{w: w, cert: w.cert(site), site: site, boot: edge.NewID()}
	n.id = edge.NodeID(sha256.Sum256(n.cert.Leaf.RawSubjectPublicKeyInfo))
	return n
}

// A call is a session of a node.
type call struct {
	t       testing.TB
	link    wire.Link
	frames  chan wire.Frame
	ended   chan struct{}
	err     error
	welcome *wire.Welcome
	cursors map[wire.StreamID]wire.Cursor
}

func (n *node) dial(over string) (wire.Link, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	addr := n.w.hub.Addr()
	if over == "tcp" {
		return wire.DialTCP(ctx, time.Minute, func(ctx context.Context) (*tls.Conn, error) {
			c, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
			if err != nil {
				return nil, err
			}
			return tls.Client(c, n.w.config(n.cert)), nil
		})
	}
	udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	tr := &quic.Transport{Conn: udp}
	to, _ := net.ResolveUDPAddr("udp", addr)
	l, err := wire.DialQUIC(ctx, tr, to, n.w.config(n.cert), wire.NodeQUIC(0, time.Minute))
	n.w.t.Cleanup(func() { tr.Close(); udp.Close() })
	return l, err
}

// raw connects without saying anything.
func (n *node) raw(over string) *call {
	n.w.t.Helper()
	l, err := n.dial(over)
	if err != nil {
		n.w.t.Fatal(err)
	}
	c := &call{t: n.w.t, link: l, frames: make(chan wire.Frame, 10_000), ended: make(chan struct{}), cursors: map[wire.StreamID]wire.Cursor{}}
	go func() {
		c.err = l.Serve(context.Background(), func(f wire.Frame, _ int) error { c.frames <- f; return nil })
		close(c.ended)
	}()
	n.w.t.Cleanup(func() { l.Close(nil); <-c.ended })
	return c
}

func (n *node) hello() *wire.Hello {
	n.count++
	return &wire.Hello{Proto: wire.Version, Boot: n.boot, Session: n.count, Build: "test", Clock: time.Now()}
}

// connect opens a session and reads all cursors.
func (n *node) connect(over string) *call {
	n.w.t.Helper()
	c := n.raw(over)
	c.send(wire.Control, n.hello())
	c.welcome = await[*wire.Welcome](c)
	for {
		f := await[*wire.Cursors](c)
		for _, x := range f.List {
			c.cursors[x.Stream] = x
		}
		if f.Last {
			return c
		}
	}
}

func (c *call) send(l wire.Lane, f ...wire.Frame) {
	c.t.Helper()
	if err := c.link.Send(context.Background(), l, f...); err != nil {
		c.t.Fatalf("send: %v", err)
	}
}

// await returns the next frame of a type, passing over others.
func await[F wire.Frame](c *call) F {
	c.t.Helper()
	limit := time.After(10 * time.Second)
	for {
		select {
		case f := <-c.frames:
			if f, ok := f.(F); ok {
				return f
			}
		case <-c.ended:
			for len(c.frames) > 0 {
				if f, ok := (<-c.frames).(F); ok {
					return f
				}
			}
			var zero F
			c.t.Fatalf("the link ended before a %T came: %v", zero, c.err)
		case <-limit:
			var zero F
			c.t.Fatalf("no %T came", zero)
		}
	}
}

// acked waits until the hub has said that it has a stream up to a position.
func (c *call) acked(id wire.StreamID, p edge.Pos) {
	c.t.Helper()
	for {
		for _, d := range await[*wire.Ack](c).List {
			if d.Stream == id && d.Pos == p {
				return
			}
		}
	}
}

// closed waits for the end of the link and checks its kind.
func (c *call) closed(k edge.Kind) {
	c.t.Helper()
	select {
	case <-c.ended:
	case <-time.After(10 * time.Second):
		c.t.Fatal("the link is still open")
	}
	if !edge.IsKind(c.err, k) {
		c.t.Fatalf("the link ended with %v (%v), want %v", c.err, edge.KindOf(c.err), k)
	}
}

// A log is a stream as its origin has it.
type log struct {
	id    wire.StreamID
	u     edge.Urgency
	fork  edge.Pos
	start edge.Pos // genesis of the open epoch
	pos   edge.Pos
	recs  []edge.Record // of the open epoch
	z     *wire.Codec
}

func (w *world) log(id wire.StreamID, u edge.Urgency, epoch uint64) *log {
	g := edge.Genesis(id.String(), epoch, edge.Pos{})
	return &log{id: id, u: u, start: g, pos: g, z: w.z}
}

// write adds n records.
func (l *log) write(n int, body string) {
	for range n {
		e := storetest.Event(int(l.pos.Seq), body)
		e.Urgency = l.u
		l.pos = l.pos.Next(edge.AppendEvent(nil, e))
		l.recs = append(l.recs, edge.Record{Pos: l.pos, Event: e})
	}
}

func (l *log) epoch() *wire.Epoch {
	return &wire.Epoch{Stream: l.id, Urgency: l.u, Genesis: l.start, Fork: l.fork, Reason: "test"}
}

// restart begins a new epoch as if the newest records but for keep had been lost.
func (l *log) restart(epoch uint64, keep int) {
	l.fork = l.at(keep)
	l.start = edge.Genesis(l.id.String(), epoch, l.fork)
	l.pos, l.recs = l.start, nil
}

// at is the position after n records of the epoch.
func (l *log) at(n int) edge.Pos {
	if n == 0 {
		return l.start
	}
	return l.recs[n-1].Pos
}

// batch packs the records after from up to and including to.
func (l *log) batch(from, to int) *wire.Batch {
	b := wire.NewBuilder(l.id, l.u, l.at(from), wire.MaxRaw)
	for _, r := range l.recs[from:to] {
		if ok, err := b.Add(r); err != nil || !ok {
			panic(err)
		}
	}
	return b.Seal(l.z, wire.DictReadings)
}

func (l *log) lane() wire.Lane { return wire.LaneOf(l.u) }

// count checks how many records of a stream the store yields, and that they are those of the log.
func (w *world) expect(l *log, n int) {
	w.t.Helper()
	i := 0
	for r, err := range w.store.Read(context.Background(), l.id, l.start) {
		if err != nil {
			w.t.Fatal(err)
		}
		if i >= len(l.recs) || r.Pos != l.recs[i].Pos {
			w.t.Fatalf("record %d is %v", i, r.Pos)
		}
		i++
	}
	if i != n {
		w.t.Fatalf("the hub holds %d records, want %d", i, n)
	}
}

func (w *world) counts(id wire.StreamID) store.Counts {
	w.t.Helper()
	s, err := w.store.Stream(context.Background(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return s.Counts
}
