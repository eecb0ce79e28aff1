package syncpair

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/edge/testport"
	"github.com/aielon/edge/node/journal"
	"github.com/aielon/edge/node/state"
	"github.com/aielon/edge/sync/badlink"
	"github.com/aielon/edge/sync/hub"
	"github.com/aielon/edge/sync/hub/badgerstore"
	"github.com/aielon/edge/sync/uplink"
	"github.com/aielon/edge/sync/uplink/hubtest"
	"github.com/aielon/edge/sync/wire"
)

// local is a local journal as the uplink sees it.
type local struct {
	*journal.Journal
	node edge.NodeID
}

func (l local) ID() wire.StreamID { return wire.NodeStream(l.node, l.Stream()) }

func (l local) Acked(ctx context.Context, p edge.Pos) error { return l.SetMark(ctx, "uplink", p) }

func (l local) Epoch(n uint64) (uplink.Epoch, bool) {
	for _, e := range l.Epochs() {
		if e.Number == n {
			return uplink.Epoch{First: e.First, Fork: e.Fork, Reason: e.Reason}, true
		}
	}
	return uplink.Epoch{}, false
}

// A real pair is a node's journals on disk, its uplink, a bad network, and a hub with its store on disk.
type realPair struct {
	testing.TB
	id    edge.NodeID
	set   *journal.Set
	disk  *state.Store
	dir   string // of disk
	certs *hubtest.Certs
	conf  *tls.Config
	link  *badlink.Link
	up    *uplink.Uplink

	hub      *hub.Hub
	store    *badgerstore.Store
	hubState *state.Store
	stopHub  func()
	tune     func(*hub.Options)
	keys     [2][32]byte // of the hub's QUIC, kept over its restarts as a hub keeps them: its nodes hear of a restart at once
	stopUp   func()
}

func peerID(cs tls.ConnectionState) (edge.NodeID, string, error) {
	return sha256.Sum256(cs.PeerCertificates[0].RawSubjectPublicKeyInfo), "clinic", nil
}

func logger() *slog.Logger {
	if os.Getenv("SYNCPAIR_LOG") == "" {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(os.Stderr, nil))
}

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func openReal(t testing.TB, bad badlink.Options, o uplink.Options) *realPair {
	t.Helper()
	return openTuned(t, bad, o, func(*hub.Options) {})
}

func openTuned(t testing.TB, bad badlink.Options, o uplink.Options, tune func(*hub.Options)) *realPair {
	t.Helper()
	p := &realPair{TB: t, tune: tune}
	rand.Read(p.keys[0][:])
	rand.Read(p.keys[1][:])
	p.certs = must[*hubtest.Certs](t)(hubtest.NewCerts())
	p.conf = must[*tls.Config](t)(p.certs.Config())
	leaf := must[*x509.Certificate](t)(x509.ParseCertificate(p.conf.Certificates[0].Certificate[0]))
	p.id = sha256.Sum256(leaf.RawSubjectPublicKeyInfo)
	p.startHub(testport.Addr(t), t.TempDir())
	bad.Target = p.hub.Addr()
	p.link = must[*badlink.Link](t)(badlink.Listen(bad))
	t.Cleanup(func() { p.link.Close() })
	p.openSet(t.TempDir())
	p.startUplink(o)
	return p
}

func (p *realPair) openSet(dir string) {
	p.Helper()
	p.dir, p.disk = dir, openState(p, "readings", dir)
	p.Cleanup(func() { p.disk.Close() })
	p.set = must[*journal.Set](p)(journal.OpenSet(p.disk, journal.SetOptions{Family: "readings", Origin: p.id}))
	p.Cleanup(func() { p.set.Close() })
}

func openState(t testing.TB, name, dir string) *state.Store {
	t.Helper()
	return must[*state.Store](t)(state.Open(context.Background(), state.Options{Dir: dir, Name: name, Key: make([]byte, 32), Reserve: -1}))
}

func (p *realPair) startHub(addr, dir string) {
	p.Helper()
	codec := must[*wire.Codec](p)(wire.NewCodec(2))
	p.hubState = openState(p, "hub", dir)
	p.store = must[*badgerstore.Store](p)(badgerstore.Open(p.hubState, codec, false))
	conf := must[*tls.Config](p)(p.certs.Config())
	o := hub.Options{Addr: addr, TLS: conf, PeerID: peerID, Store: p.store, Codec: codec, Logger: logger()}
	p.tune(&o)
	o.ResetKey, o.TokenKey = p.keys[0], p.keys[1]
	p.hub = must[*hub.Hub](p)(hub.Open(context.Background(), o))
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { p.hub.Run(ctx) })
	p.stopHub = sync.OnceFunc(func() { cancel(); wg.Wait(); p.hubState.Close(); codec.Close() })
	p.Cleanup(func() { p.stopHub() })
}

func (p *realPair) startUplink(o uplink.Options) {
	p.Helper()
	o.Hubs, o.Node, o.Logger = []string{p.link.Addr()}, p.id, logger()
	o.TLS = func(string) (*tls.Config, error) { return p.conf, nil }
	o.Sources = func() (list []uplink.Source) {
		for _, j := range p.set.Journals() {
			list = append(list, local{j, p.id})
		}
		return list
	}
	o.Calls.Doubt = func(ctx context.Context, _ wire.StreamID, _ edge.Pos) error {
		return p.set.NewEpoch(ctx, "the hub has more")
	}
	p.up = must[*uplink.Uplink](p)(uplink.New(o))
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { p.up.Run(ctx) })
	p.stopUp = sync.OnceFunc(func() { cancel(); wg.Wait() })
	p.Cleanup(func() { p.stopUp() })
}

func (p *realPair) write(u edge.Urgency, from, to int) {
	p.Helper()
	for i := from; i < to; i += 200 {
		var list []edge.Event
		for k := i; k < min(i+200, to); k++ {
			list = append(list, edge.Event{Type: edge.TypeReading, Urgency: u, Time: time.Now(), Body: fmt.Appendf(nil, `[{"n":"t","v":%d}]`, k)})
		}
		if _, err := p.set.Append(context.Background(), list...); err != nil {
			p.Fatal(err)
		}
	}
}

// check fails unless the hub's store has records 0 to n-1 of an urgency, once and in order.
func (p *realPair) check(u edge.Urgency, n int) {
	p.Helper()
	// The store counts a record a moment before it is durable; the mark moves after that.
	j := p.set.Journal(u)
	await(p, 20*time.Second, "the mark at the head", func() bool { return j.Mark("uplink") == j.Head() })
	id := p.stream(u)
	i := 0
	for r, err := range p.store.Read(context.Background(), id, edge.Pos{}) {
		if err != nil {
			p.Fatal(err)
		}
		if want := fmt.Sprintf(`[{"n":"t","v":%d}]`, i); string(r.Body) != want {
			p.Fatalf("record %d of %v is %s", i, u, r.Body)
		}
		i++
	}
	st, err := p.store.Stream(context.Background(), id)
	if err != nil || i != n || st.Counts.Accepted != uint64(n) || st.Frozen != "" {
		p.Fatalf("the hub has %d records of %v, want %d: %+v %v", i, u, n, st, err)
	}
	p.Logf("%v: %d records once and in order, %d came again and were dropped", u, n, st.Counts.Duplicates)
}

func (p *realPair) stream(u edge.Urgency) wire.StreamID {
	return wire.NodeStream(p.id, "readings."+u.String())
}

func (p *realPair) has(u edge.Urgency, n int) func() bool {
	return func() bool {
		st, err := p.store.Stream(context.Background(), wire.NodeStream(p.id, "readings."+u.String()))
		return err == nil && st.Counts.Accepted >= uint64(n)
	}
}

func TestRealHubGetsEveryRecordOnce(t *testing.T) {
	t.Parallel()
	n, cuts := 10_000, 5
	if testing.Short() {
		n, cuts = 2000, 2
	}
	p := openReal(t, badlink.Options{Up: loss, Down: loss, Seed: 5}, uplink.Options{})
	var wg sync.WaitGroup
	wg.Go(func() { p.write(edge.Telemetry, 0, n) })
	wg.Go(func() { p.write(edge.Ledger, 0, n/10) })
	for i := range cuts {
		time.Sleep(200 * time.Millisecond)
		p.link.Cut(badlink.Direction(i % 3))
		time.Sleep(150 * time.Millisecond)
		p.link.Heal()
		if i%2 == 1 {
			p.link.Rebind()
		}
		p.up.Kick()
	}
	wg.Wait()
	await(t, time.Minute, "all at the hub", func() bool { return p.has(edge.Telemetry, n)() && p.has(edge.Ledger, n/10)() })
	p.check(edge.Telemetry, n)
	p.check(edge.Ledger, n/10)
}

func TestRealHubRestarts(t *testing.T) {
	t.Parallel()
	p := openReal(t, badlink.Options{}, uplink.Options{})
	dir, addr := t.TempDir(), p.hub.Addr()
	p.stopHub()
	p.startHub(addr, dir)
	p.write(edge.Critical, 0, 100)
	await(t, 20*time.Second, "the first hundred", func() bool { p.up.Kick(); return p.has(edge.Critical, 100)() })
	p.stopHub()
	p.write(edge.Critical, 100, 300)
	p.startHub(addr, dir)
	await(t, 20*time.Second, "all three hundred", func() bool { p.up.Kick(); return p.has(edge.Critical, 300)() })
	p.check(edge.Critical, 300)
}
