package hub

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aielon/edge/node/blob"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
	"github.com/aielon/edge/sync/hub/badgerstore"
	"github.com/aielon/edge/sync/hub/pgstore"
	"github.com/aielon/edge/sync/hub/pgtest"
	"github.com/aielon/edge/sync/hub/store"
	"github.com/aielon/edge/sync/wire"
)

// idleNode is what an idle node may cost the hub.
const idleNode = 96 << 10

// The nodes live in another process, so that only the hub's end is measured.
func TestIdleMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("slow")
	}
	n := 300
	if s := os.Getenv("IDLE_NODES"); s != "" {
		n, _ = strconv.Atoi(s)
	}
	objects, err := blob.Open(blob.Options{Dir: t.TempDir(), Key: bytes.Repeat([]byte{1}, 32)})
	if err != nil {
		t.Fatal(err)
	}
	defer objects.Close()
	w := newWorld(t, func(o *Options) { o.Rate, o.Handshakes, o.Objects = 1<<20, 1<<20, &Objects{Store: objects} })
	warm := w.node("alnoor").connect("quic")
	key, _ := x509.MarshalECPrivateKey(w.caKey)
	before, goroutines := resident(), runtime.NumGoroutine()
	cmd := exec.Command(os.Args[0], "-test.run=^TestIdleNodes$")
	cmd.Env = append(os.Environ(), fmt.Sprintf("IDLE_HUB=%s %d %x %x", w.hub.Addr(), n, w.ca.Raw, key))
	in, _ := cmd.StdinPipe()
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer in.Close()
	for end := time.Now().Add(time.Minute); len(w.hub.Sessions()) < n+1; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d of %d nodes came", len(w.hub.Sessions())-1, n)
		}
	}
	time.Sleep(300 * time.Millisecond)
	per, g := (resident()-before)/n, float64(runtime.NumGoroutine()-goroutines)/float64(n)
	t.Logf("%d idle nodes: %d KiB and %.1f goroutines each", n, per>>10, g)
	if per > idleNode {
		t.Errorf("an idle node costs %d KiB", per>>10)
	}
	runtime.KeepAlive(warm)
}

// TestIdleNodes is the other process of TestIdleMemory.
func TestIdleNodes(t *testing.T) {
	f := strings.Fields(os.Getenv("IDLE_HUB"))
	if len(f) != 4 {
		t.Skip("only for TestIdleMemory")
	}
	n, _ := strconv.Atoi(f[1])
	der, _ := hex.DecodeString(f[2])
	key, _ := hex.DecodeString(f[3])
	w := &world{t: t, hub: &Hub{ports: &ports{tcp: fixed(f[0])}}}
	w.ca, _ = x509.ParseCertificate(der)
	w.caKey, _ = x509.ParseECPrivateKey(key)
	for i := range n {
		w.node(fmt.Sprintf("s%d", i)).connect("quic")
	}
	io.Copy(io.Discard, os.Stdin)
}

// fixed is a listener that is elsewhere.
type fixed string

func (f fixed) Addr() net.Addr            { a, _ := net.ResolveTCPAddr("tcp", string(f)); return a }
func (f fixed) Accept() (net.Conn, error) { return nil, net.ErrClosed }
func (f fixed) Close() error              { return nil }

// resident is what the heap and the stacks hold after a collection.
func resident() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapInuse + m.StackInuse)
}

// One node's news is not behind another's backlog, and urgent is before all.
func TestFairness(t *testing.T) {
	q := newQueue(1 << 20)
	a, b := &session{}, &session{}
	push := func(s *session, u edge.Urgency, n int) {
		for range n {
			if ok, err := q.push(work{s: s, u: u, size: 10, f: &wire.Batch{RawLen: 64 << 10}}); !ok || err != nil {
				t.Fatal(ok, err)
			}
		}
	}
	push(a, edge.Telemetry, 200) // a backlog
	push(b, edge.Telemetry, 1)
	push(b, edge.Critical, 1)
	group := q.take()
	if group[0].u != edge.Critical || group[1].s != a || group[2].s != b {
		t.Fatalf("%v %v %v", group[0].u, group[1].u, group[2].u)
	}
	push(b, edge.Critical, 400)
	group = q.take()
	var bulk int
	for _, w := range group {
		if w.u == edge.Telemetry {
			bulk++
		}
	}
	if bulk < 4 {
		t.Fatalf("a steady stream of urgent records left %d places for the rest", bulk)
	}
	q.drop(a)
	for len(q.take()) > 0 {
	}
	if q.size() != 0 {
		t.Fatalf("%d bytes are lost", q.size())
	}
	big := work{s: b, u: edge.Bulk, size: 1 << 20, f: &wire.Batch{}}
	q.push(big)
	if ok, _ := q.push(work{s: b, u: edge.Bulk, size: 1}); ok {
		t.Fatal("bulk went over the budget")
	}
	if ok, _ := q.push(work{s: b, u: edge.Critical, size: 1}); !ok {
		t.Fatal("what is urgent must get in where bulk no longer does")
	}
}

// While many nodes come back with backlogs, what a connected node has to say that is urgent is stored
// about as fast as before.
func TestStorm(t *testing.T) {
	if testing.Short() {
		t.Skip("slow")
	}
	w := newWorld(t, func(o *Options) { o.Rate = 20 })
	n := w.node("alnoor")
	c := n.connect("quic")
	l := w.log(wire.NodeStream(n.id, "r"), edge.Critical, 1)
	c.send(l.lane(), l.epoch())
	c.acked(l.id, l.start)
	ask := func() time.Duration {
		l.write(1, "help")
		start := time.Now()
		c.send(l.lane(), l.batch(len(l.recs)-1, len(l.recs)))
		c.acked(l.id, l.pos)
		return time.Since(start)
	}
	quiet := ask()
	var wg sync.WaitGroup
	const many = 40
	for i := range many {
		m := w.node(fmt.Sprintf("s%d", i))
		wg.Go(func() {
			d := m.connect([]string{"quic", "tcp"}[i%2])
			x := w.log(wire.NodeStream(m.id, "r"), edge.Telemetry, 1)
			x.write(500, strings.Repeat("backlog ", 10))
			d.send(x.lane(), x.epoch())
			for k := 0; k < 500; k += 50 {
				d.send(x.lane(), x.batch(k, k+50))
			}
			d.acked(x.id, x.pos)
		})
	}
	var worst time.Duration
	began := time.Now()
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	for open := true; open; {
		select {
		case <-done:
			open = false
		default:
			worst = max(worst, ask())
		}
	}
	t.Logf("urgent: %v when quiet, at worst %v while %d nodes came back", quiet, worst, many)
	// Where it waited behind the backlogs it would wait for nearly all of them. The box of the test may be busy.
	if worst > max(2*time.Second, time.Since(began)*3/4) {
		t.Errorf("an urgent record waited %v", worst)
	}
	if got := w.hub.Counters().Records.Load(); got < many*500 {
		t.Errorf("%d records", got)
	}
}

// BenchmarkIntake is records a second from batches in the queue to the confirmed commit: unpacking,
// checking the chain, judging, storing with fsync.
func BenchmarkIntake(b *testing.B) {
	b.Run("badger", func(b *testing.B) {
		z, _ := wire.NewCodec(2)
		s, err := state.Open(b.Context(), state.Options{Dir: b.TempDir(), Name: "hub", Key: bytes.Repeat([]byte{1}, 32), MemTable: 64 << 20, Reserve: -1})
		if err != nil {
			b.Fatal(err)
		}
		st, err := badgerstore.Open(s, z, true)
		if err != nil {
			b.Fatal(err)
		}
		defer st.Close()
		intakeSpeed(b, st, z)
	})
	b.Run("postgres", func(b *testing.B) {
		z, _ := wire.NewCodec(2)
		st, err := pgstore.Open(b.Context(), pgstore.Options{URL: pgtest.Start(b).URL()})
		if err != nil {
			b.Fatal(err)
		}
		defer st.Close()
		intakeSpeed(b, st, z)
	})
}

func intakeSpeed(b *testing.B, st store.Store, z *wire.Codec) {
	const nodes, per = 50, 64
	h := &Hub{o: Options{Store: st, Clock: time.Now}, codec: z, waiters: map[wire.StreamID]chan struct{}{}}
	h.o.Budget = 64 << 20
	h.in = newIntake(h, h.o.Budget)
	w := &world{t: b, z: z}
	var logs []*log
	var sessions []*session
	for i := range nodes {
		site := fmt.Sprintf("s%d", i)
		l := w.log(wire.SiteStream(site, "r"), edge.Telemetry, 1)
		s := &session{h: h, peer: Peer{edge.NodeID{byte(i)}, site}}
		s.out.closed = true
		s.limit[edge.Telemetry] = 1 << 62
		h.in.group(context.Background(), []work{{s, l.epoch(), l.u, 100}})
		logs, sessions = append(logs, l), append(sessions, s)
	}
	body := string(make([]byte, 0)) + `[{"bn":"urn:dev:ops:fridge-07:","bt":1772355600.123,"clock":3,"n":"temperature","u":"Cel","v":4.52},{"n":"battery","u":"V","v":3.4}]`
	b.ReportAllocs()
	var spent time.Duration
	for b.Loop() {
		var group []work
		for i, l := range logs {
			l.write(per, body)
			n := len(l.recs)
			group = append(group, work{sessions[i], l.batch(n-per, n), l.u, 1000})
			l.start, l.recs = l.pos, nil
		}
		start := time.Now()
		h.in.group(context.Background(), group)
		spent += time.Since(start)
	}
	if got := h.count.Records.Load(); got != uint64(b.N)*nodes*per {
		b.Fatalf("%d records of %d", got, b.N*nodes*per)
	}
	b.ReportMetric(float64(b.N)*nodes*per/spent.Seconds(), "records/s")
	b.ReportMetric(float64(spent.Milliseconds())/float64(b.N), "ms/commit")
}
