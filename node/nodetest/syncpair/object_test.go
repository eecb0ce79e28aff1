package syncpair

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aielon/edge/node/blob"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/badlink"
	"github.com/aielon/edge/sync/hub"
	"github.com/aielon/edge/sync/uplink"
	"github.com/aielon/edge/sync/wire"
)

// shelf is a node's objects as the uplink sees them.
type shelf struct {
	s *blob.Store

	mu      sync.Mutex // guards what follows
	waiting []blob.Hash
	refused []error
	wanted  []blob.Hash
	missed  []error
}

func (x *shelf) Wanted() []blob.Hash {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Clone(x.wanted)
}

func (x *shelf) want(h blob.Hash) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.wanted = append(x.wanted, h)
}

func (x *shelf) Fetched(_ context.Context, h blob.Hash) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.wanted = slices.DeleteFunc(x.wanted, func(y blob.Hash) bool { return y == h })
}

func (x *shelf) Missed(_ context.Context, _ blob.Hash, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.missed = append(x.missed, err)
}

func (x *shelf) Store() *blob.Store { return x.s }

func (x *shelf) Waiting() []blob.Hash {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Clone(x.waiting)
}

func (x *shelf) Delivered(_ context.Context, h blob.Hash) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.waiting = slices.DeleteFunc(x.waiting, func(y blob.Hash) bool { return y == h })
	return nil
}

func (x *shelf) Refused(_ context.Context, _ blob.Hash, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.refused = append(x.refused, err)
}

func (x *shelf) refusals() []error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Clone(x.refused)
}

func (x *shelf) put(t testing.TB, b []byte) blob.Hash {
	t.Helper()
	h := must[blob.Hash](t)(x.s.Put(context.Background(), bytes.NewReader(b), 1<<30))
	x.mu.Lock()
	defer x.mu.Unlock()
	x.waiting = append(x.waiting, h)
	return h
}

func openBlobs(t testing.TB, dir string, limit int64) *blob.Store {
	t.Helper()
	return must[*blob.Store](t)(blob.Open(blob.Options{Dir: dir, Key: bytes.Repeat([]byte{9}, 32), Limit: limit, MinFree: 1}))
}

func random(n int, seed byte) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

// same fails unless a store has exactly b.
func same(t testing.TB, s *blob.Store, h blob.Hash, b []byte) {
	t.Helper()
	r := must[io.ReadCloser](t)(s.Get(h))
	defer r.Close()
	if got := must[[]byte](t)(io.ReadAll(r)); !bytes.Equal(got, b) {
		t.Fatalf("%d bytes came, other ones than were sent", len(got))
	}
}

// openObjects is openReal with a shelf and a hub that takes objects.
func openObjects(t testing.TB, bad badlink.Options, o uplink.Options, dir string, conf hub.Objects) (*realPair, *shelf, *blob.Store) {
	t.Helper()
	x := &shelf{s: openBlobs(t, t.TempDir(), 0)}
	t.Cleanup(func() { x.s.Close() })
	at := openBlobs(t, dir, 0)
	t.Cleanup(func() { at.Close() })
	conf.Store = at
	o.Objects = x
	return openTuned(t, bad, o, func(ho *hub.Options) { ho.Objects = &conf }), x, at
}

func TestObjectsReachTheHub(t *testing.T) {
	for _, c := range []struct {
		name string
		o    uplink.Options
	}{{"quic", uplink.Options{NoTCP: true}}, {"tcp", uplink.Options{NoQUIC: true}}, {"full", uplink.Options{NoTCP: true, Profile: uplink.Full}}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, x, at := openObjects(t, badlink.Options{}, c.o, t.TempDir(), hub.Objects{})
			began := time.Now()
			want := map[blob.Hash][]byte{}
			for i, n := range []int{0, 1, blob.ChunkSize, blob.ChunkSize + 1, 8 * blob.ChunkSize} {
				b := random(n, byte(i))
				want[x.put(t, b)] = b
			}
			p.up.Kick()
			await(t, 20*time.Second, "all at the hub", func() bool { return len(x.Waiting()) == 0 })
			t.Logf("%d objects in %v", len(want), time.Since(began).Round(time.Millisecond))
			for h, b := range want {
				same(t, at, h, b)
			}
			if list := must[[]hub.ObjectRow](t)(p.hub.ListObjects(context.Background(), "clinic")); len(list) != len(want) || list[0].Node != p.id || list[0].Hash == (blob.Hash{}) {
				t.Errorf("the hub lists %+v", list)
			}
			if e := x.refusals(); len(e) > 0 {
				t.Errorf("refused: %v", e)
			}
		})
	}
}

// A large object gets through a line that loses, is cut, and has both ends restarted, without being sent
// twice; meanwhile urgent records fly.
func TestObjectSurvivesCutsAndRestarts(t *testing.T) {
	t.Parallel()
	size, rate := 20<<20, int64(24_000_000)
	if !long {
		size, rate = 2<<20, 6_000_000
	}
	shape := badlink.Shape{Rate: rate, Delay: 2 * time.Millisecond, Loss: .05, Queue: 128 << 10}
	down := badlink.Shape{Delay: 2 * time.Millisecond, Loss: .05}
	o := uplink.Options{NoTCP: true}
	hubDir, hubState := t.TempDir(), t.TempDir()
	p, x, at := openObjects(t, badlink.Options{Up: shape, Down: down, Seed: 3}, o, hubDir, hub.Objects{})
	addr := p.hub.Addr()
	p.stopHub()
	p.startHub(addr, hubState)
	b := random(size, 7)
	h := x.put(t, b)
	o.Objects = x
	p.up.Kick()
	var slowest time.Duration
	urgent := 0
	began := time.Now()
	for i := range 10 {
		time.Sleep(200 * time.Millisecond)
		await(t, 20*time.Second, "a session", func() bool { return p.up.Status().Connected })
		wrote := time.Now()
		p.write(edge.Critical, urgent, urgent+1)
		urgent++
		await(t, 20*time.Second, "an urgent record", p.has(edge.Critical, urgent))
		slowest = max(slowest, time.Since(wrote))
		p.link.Cut(badlink.Direction(i % 3))
		switch i {
		case 3:
			p.link.Heal()
			p.stopHub()
			p.startHub(addr, hubState)
		case 6:
			p.stopUp()
			p.startUplink(o)
		default:
			time.Sleep(50 * time.Millisecond)
		}
		p.link.Heal()
		for _, s := range p.hub.Sessions() { // so that a dead link need not be found out: the test is about what is sent again
			p.hub.Cut(s.Node, "cut")
		}
		p.up.Kick()
	}
	before := len(x.Waiting())
	await(t, 120*time.Second, "the object at the hub", func() bool { p.up.Kick(); return len(x.Waiting()) == 0 })
	if before == 0 {
		t.Error("the object was there before the last cut: the line is too fast for the test")
	}
	same(t, at, h, b)
	sent := p.link.Meter(badlink.Up).InBytes
	t.Logf("%d MiB in %v: %.3f times its size was sent (UDP payload); %d urgent records meanwhile, the slowest took %v",
		size>>20, time.Since(began).Round(time.Millisecond), float64(sent)/float64(size), urgent, slowest.Round(time.Millisecond))
	if slowest > 3*time.Second {
		t.Errorf("an urgent record took %v", slowest)
	}
	if float64(sent) > 1.3*float64(size) {
		t.Errorf("%d bytes were sent for an object of %d", sent, size)
	}
}

// The tests that follow are not about how fast an object may go beside others: nothing is paced in them, for the
// pacer takes two seconds to find out what a line can do.

// A node that sends other bytes than it announces is told so, counted, and after a few times not listened
// to; its other objects get through.
func TestPoisonedObject(t *testing.T) {
	t.Parallel()
	p, x, at := openObjects(t, badlink.Options{}, uplink.Options{Profile: uplink.Full, NoTCP: true}, t.TempDir(), hub.Objects{})
	l := p.dial(t)
	b := random(3*blob.ChunkSize, 1)
	h := blob.Hash(sha256.Sum256(b))
	b[blob.ChunkSize]++
	for try := range 4 {
		l.say(&wire.Object{ID: wire.ObjectID(h), Size: uint64(len(b))})
		if try == 3 {
			if d := next[*wire.Decline](l); d.Kind != edge.Denied {
				t.Errorf("after three times: %+v", d)
			}
			break
		}
		if f := next[*wire.Have](l); f.Next != 0 || len(f.Bits) > 0 {
			t.Fatalf("try %d: the hub has %+v of what it threw away", try, f)
		}
		l.chunks(h, b)
		if d := next[*wire.Decline](l); d.Kind != edge.Corrupt || d.Text == "" {
			t.Fatalf("try %d: %+v", try, d)
		}
	}
	c := &p.hub.Counters().Objects
	if c.Damaged.Load() != 3 || c.Taken.Load() != 0 || at.Has(h) || at.Used() != 0 || len(p.hub.Alarms()) != 1 {
		t.Errorf("%d damaged, %d taken, %d bytes used, alarms %+v", c.Damaged.Load(), c.Taken.Load(), at.Used(), p.hub.Alarms())
	}
	l.say(&wire.Object{ID: wire.ObjectID{1}, Size: 5})
	next[*wire.Have](l)
	l.say(&wire.Chunk{ID: wire.ObjectID{1}, Number: 7, Data: []byte("x")})
	if err := l.end(); !edge.IsKind(err, edge.Invalid) {
		t.Errorf("a chunk that cannot be: %v", err)
	}
	good := random(100_000, 2)
	g := x.put(t, good)
	await(t, 20*time.Second, "the other object", func() bool { p.up.Kick(); return len(x.Waiting()) == 0 })
	same(t, at, g, good)
}

// Limits of a node, of one object and of the hub are refusals with a kind, after which nothing is lost: once
// there is room, the object gets through.
func TestObjectLimits(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p, x, at := openObjects(t, badlink.Options{}, uplink.Options{Profile: uplink.Full, NoTCP: true}, dir, hub.Objects{PerNode: 500_000, Largest: 450_000})
	first, second := random(300_000, 1), random(350_000, 2)
	h1 := x.put(t, first)
	await(t, 20*time.Second, "the first", func() bool { p.up.Kick(); return len(x.Waiting()) == 0 })
	large := x.put(t, random(500_000, 3))
	await(t, 20*time.Second, "a refusal", func() bool { p.up.Kick(); return len(x.refusals()) > 0 })
	if err := x.refusals()[0]; !edge.IsKind(err, edge.Invalid) {
		t.Errorf("too large: %v", err)
	}
	x.Delivered(context.Background(), large)
	h2 := x.put(t, second)
	await(t, 20*time.Second, "a refusal", func() bool { p.up.Kick(); return len(x.refusals()) > 1 })
	if err := x.refusals()[1]; !edge.IsKind(err, edge.Exhausted) {
		t.Errorf("over the quota: %v", err)
	}
	if err := p.hub.RemoveObject(context.Background(), "clinic", h1); err != nil || at.Has(h1) {
		t.Errorf("the first is still here: %v", err)
	}
	p.stopUp() // a new process remembers no pauses
	p.startUplink(uplink.Options{Profile: uplink.Full, NoTCP: true, Objects: x})
	await(t, 20*time.Second, "the second", func() bool { p.up.Kick(); return len(x.Waiting()) == 0 })
	same(t, at, h2, second)
}

func TestObjectWaitsForRoomAtTheHub(t *testing.T) {
	t.Parallel()
	dir, hubState := t.TempDir(), t.TempDir()
	x := &shelf{s: openBlobs(t, t.TempDir(), 0)}
	defer x.s.Close()
	at := openBlobs(t, dir, 1<<20)
	o := uplink.Options{Profile: uplink.Full, NoTCP: true, Objects: x}
	p := openTuned(t, badlink.Options{}, o, func(ho *hub.Options) { ho.Objects = &hub.Objects{Store: at} })
	addr := p.hub.Addr()
	p.stopHub()
	p.startHub(addr, hubState)
	b := random(2<<20, 1)
	h := x.put(t, b)
	await(t, 20*time.Second, "a refusal", func() bool { p.up.Kick(); return len(x.refusals()) > 0 })
	if err := x.refusals()[0]; !edge.IsKind(err, edge.Exhausted) || at.Used() != 0 {
		t.Errorf("no room: %v, %d bytes used", err, at.Used())
	}
	p.write(edge.Ledger, 0, 100) // records do not suffer
	await(t, 20*time.Second, "records", p.has(edge.Ledger, 100))
	p.stopHub()
	at.Close()
	at = openBlobs(t, dir, 0)
	defer at.Close()
	p.startHub(addr, hubState)
	p.stopUp()
	p.startUplink(o)
	await(t, 20*time.Second, "the object", func() bool { p.up.Kick(); return len(x.Waiting()) == 0 })
	same(t, at, h, b)
	p.stopHub()
}

// What the site has brought is not sent again; what another site has brought is not known to be there.
func TestKnownObjectsAreNotSentAgain(t *testing.T) {
	t.Parallel()
	p, x, at := openObjects(t, badlink.Options{}, uplink.Options{Profile: uplink.Full, NoTCP: true}, t.TempDir(), hub.Objects{})
	b := random(500_000, 1)
	h := x.put(t, b)
	await(t, 20*time.Second, "the object", func() bool { p.up.Kick(); return len(x.Waiting()) == 0 })
	x.put(t, b)
	await(t, 20*time.Second, "the object again", func() bool { p.up.Kick(); return len(x.Waiting()) == 0 })
	if c := &p.hub.Counters().Objects; c.Known.Load() != 1 || c.Taken.Load() != 1 {
		t.Errorf("%d known, %d taken", c.Known.Load(), c.Taken.Load())
	}
	foreign := random(1000, 2)
	must[blob.Hash](t)(at.Put(context.Background(), bytes.NewReader(foreign), 1<<20)) // as if another site had brought it
	l := p.dial(t)
	l.say(&wire.Object{ID: wire.ObjectID(sha256.Sum256(foreign)), Size: 1000})
	if f := next[*wire.Have](l); f.Done || f.Next != 0 {
		t.Errorf("the hub gives away what another site has: %+v", f)
	}
	l.say(&wire.Object{ID: wire.ObjectID(h), Size: uint64(len(b))})
	if f := next[*wire.Have](l); !f.Done {
		t.Errorf("of our own: %+v", f)
	}
}

// A node fetches what is meant for it and nothing else, over either transport, through cuts.
func TestObjectsComeFromTheHub(t *testing.T) {
	for _, c := range []struct {
		name string
		o    uplink.Options
	}{{"quic", uplink.Options{Profile: uplink.Full, NoTCP: true}}, {"tcp", uplink.Options{Profile: uplink.Full, NoQUIC: true}}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			shape := badlink.Shape{Rate: 20_000_000, Delay: 2 * time.Millisecond, Loss: .01, Stall: 20 * time.Millisecond, Queue: 128 << 10}
			p, x, at := openObjects(t, badlink.Options{Up: shape, Down: shape, Seed: 4}, c.o, t.TempDir(), hub.Objects{})
			ctx := context.Background()
			b, secret := random(1<<20, 1), random(1000, 2)
			h := must[blob.Hash](t)(at.Put(ctx, bytes.NewReader(b), 1<<30))
			other := must[blob.Hash](t)(at.Put(ctx, bytes.NewReader(secret), 1<<30))
			await(t, 20*time.Second, "the node", func() bool { p.up.Kick(); return len(p.hub.Sessions()) > 0 })
			if err := p.hub.Give(ctx, p.id, blob.Hash{1}); !edge.IsKind(err, edge.NotFound) {
				t.Errorf("what is not there was given: %v", err)
			}
			if err := p.hub.Give(ctx, p.id, h); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			x.want(h)
			x.want(other)
			for range 4 {
				time.Sleep(100 * time.Millisecond)
				p.link.Cut(badlink.Both)
				p.link.Heal()
				for _, s := range p.hub.Sessions() {
					p.hub.Cut(s.Node, "cut")
				}
				p.up.Kick()
			}
			if !slices.Contains(x.Wanted(), h) {
				t.Error("the object was there before the last cut: the line is too fast for the test")
			}
			await(t, 60*time.Second, "the object", func() bool { p.up.Kick(); return !slices.Contains(x.Wanted(), h) })
			same(t, x.s, h, b)
			sent := p.link.Meter(badlink.Down).InBytes
			t.Logf("1 MiB in %v, %.3f times their size was sent", time.Since(began).Round(time.Millisecond), float64(sent)/float64(len(b)))
			if float64(sent) > 1.3*float64(len(b)) {
				t.Errorf("%d bytes came for %d", sent, len(b))
			}
			await(t, 20*time.Second, "the gift to be forgotten", func() bool {
				list, err := p.hub.Gifts(ctx, p.id)
				return err == nil && len(list) == 0
			})
			x.mu.Lock()
			defer x.mu.Unlock()
			if x.s.Has(other) || len(x.missed) == 0 || !edge.IsKind(x.missed[0], edge.Denied) {
				t.Errorf("what is not meant for the node: %v", x.missed)
			}
		})
	}
}

// byHand is a session of another node of the site, driven by the test.
type byHand struct {
	t      testing.TB
	link   wire.Link
	frames chan wire.Frame
	ended  chan error
}

func (p *realPair) dial(t testing.TB) *byHand {
	t.Helper()
	conf := must[*tls.Config](t)(p.certs.Config())
	conf.NextProtos = []string{wire.ALPN}
	l := must[wire.Link](t)(wire.DialTCP(context.Background(), time.Minute, func(ctx context.Context) (*tls.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", p.hub.Addr())
		if err != nil {
			return nil, err
		}
		return tls.Client(c, conf), nil
	}))
	b := &byHand{t, l, make(chan wire.Frame, 1000), make(chan error, 1)}
	go func() {
		b.ended <- l.Serve(context.Background(), func(f wire.Frame, _ int) error { b.frames <- f; return nil })
	}()
	t.Cleanup(func() { l.Close(nil) })
	b.say(&wire.Hello{Proto: wire.Version, Boot: edge.NewID(), Session: 1})
	if w := next[*wire.Welcome](b); w.Extra.Get(wire.Objects) == "" {
		t.Fatal("the hub takes no objects")
	}
	return b
}

func (b *byHand) say(f wire.Frame) {
	b.t.Helper()
	if err := b.link.Send(context.Background(), wire.Control, f); err != nil {
		b.t.Fatal(err)
	}
}

// chunks sends all chunks of an object.
func (b *byHand) chunks(h blob.Hash, data []byte) {
	b.t.Helper()
	i, n := -1, blob.Chunks(int64(len(data)))
	err := b.link.SendRange(context.Background(), func() ([]byte, error) {
		if i++; i == n {
			return nil, nil
		}
		return wire.AppendFrame(nil, &wire.Chunk{ID: wire.ObjectID(h), Number: uint64(i), Data: data[i*blob.ChunkSize : min(len(data), (i+1)*blob.ChunkSize)]})
	}, nil)
	if err != nil {
		b.t.Fatal(err)
	}
}

// next returns the next frame of a type, passing over others.
func next[F wire.Frame](b *byHand) F {
	b.t.Helper()
	var zero F
	for limit := time.After(20 * time.Second); ; {
		select {
		case f := <-b.frames:
			if f, ok := f.(F); ok {
				return f
			}
		case err := <-b.ended:
			b.t.Fatalf("the link ended before a %T came: %v", zero, err)
		case <-limit:
			b.t.Fatalf("no %T came", zero)
		}
	}
}

func (b *byHand) end() error {
	select {
	case err := <-b.ended:
		return err
	case <-time.After(20 * time.Second):
		return nil
	}
}
