package site

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
)

// A testLog is an edge.Log in memory that applies to its sites at once. lose and doubt say what happens to
// the next append.
type testLog struct {
	mu      sync.Mutex // guards the rest
	index   uint64
	entries []edge.Entry
	sites   []*Site
	fate    func(entry []byte) fate
}

type fate int

const (
	fine       fate = iota
	lost            // the write was lost, and nobody knows
	through         // the write got through, and nobody knows
	impossible      // refused for good
)

func (l *testLog) Append(_ context.Context, entry []byte) (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := fine
	if l.fate != nil {
		f = l.fate(entry)
	}
	switch f {
	case lost:
		return 0, edge.E(edge.Unavailable, "leadership was lost")
	case impossible:
		return 0, edge.E(edge.Invalid, "too large")
	}
	return l.put(entry, f)
}

func (l *testLog) put(entry []byte, f fate) (uint64, error) {
	l.index += 2 // the log keeps some indexes for itself
	e := edge.Entry{Index: l.index, Data: entry}
	l.entries = append(l.entries, e)
	var err error
	for i, s := range l.sites {
		if e := s.Apply([]edge.Entry{e})[0]; i == 0 {
			err = e
		}
	}
	if f == through {
		return 0, edge.E(edge.Unavailable, "leadership was lost")
	}
	return l.index, err
}

func testShelf(t testing.TB, dir string) *Shelf {
	t.Helper()
	o := state.Options{Dir: dir, Name: "site", Key: make([]byte, 32), InMemory: dir == "", Reserve: -1, MinFree: 1}
	s, err := OpenShelf(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

type putIn struct{ Key, Value string }
type addIn struct{ Key string }

// testMux is a small service: registers and counters.
func testMux() *edge.Mux {
	m := edge.NewMux()
	edge.Do(m, edge.Op{Name: "put"}, func(tx edge.Tx, in putIn) (string, error) {
		old, err := tx.Get([]byte("r/" + in.Key))
		if err != nil && !edge.IsKind(err, edge.NotFound) {
			return "", err
		}
		tx.Set([]byte("r/"+in.Key), []byte(in.Value))
		tx.Emit(edge.Event{Type: "test.put", Subject: in.Key, Urgency: edge.Ledger, Body: []byte(in.Value)})
		return string(old), nil
	})
	edge.Do(m, edge.Op{Name: "add"}, func(tx edge.Tx, in addIn) (int, error) {
		n := number(tx, in.Key) + 1
		tx.Set([]byte("n/"+in.Key), fmt.Append(nil, n))
		tx.Emit(edge.Event{Type: "test.added", Subject: in.Key, Urgency: edge.Care})
		return n, nil
	})
	edge.Do(m, edge.Op{Name: "refuse"}, func(tx edge.Tx, in addIn) (int, error) {
		tx.Set([]byte("n/"+in.Key), []byte("wrong"))
		return 0, edge.E(edge.Denied, "no %s today", in.Key)
	})
	edge.Do(m, edge.Op{Name: "panic"}, func(tx edge.Tx, in addIn) (int, error) {
		tx.Set([]byte("n/"+in.Key), []byte("wrong"))
		panic("a fault of the test")
	})
	edge.Do(m, edge.Op{Name: "fill"}, func(tx edge.Tx, in struct{ Bytes int }) (int, error) {
		tx.Set([]byte("big"), make([]byte, in.Bytes))
		return in.Bytes, nil
	})
	edge.Do(m, edge.Op{Name: "tell"}, func(tx edge.Tx, in struct{ Bytes int }) (int, error) {
		tx.Emit(edge.Event{Type: "test.told", Urgency: edge.Bulk, Body: make([]byte, in.Bytes)})
		return in.Bytes, nil
	})
	edge.Ask(m, edge.Op{Name: "get"}, func(v edge.View, in addIn) (string, error) {
		b, err := v.Get([]byte("r/" + in.Key))
		return string(b), err
	})
	edge.Ask(m, edge.Op{Name: "number"}, func(v edge.View, in addIn) (int, error) { return number(v, in.Key), nil })
	return m
}

func number(v edge.View, key string) (n int) {
	b, _ := v.Get([]byte("n/" + key))
	fmt.Sscan(string(b), &n)
	return n
}

// testSites returns n replicas on one log, the first of which leads and runs.
func testSites(t testing.TB, n int, change func(*Options)) (*testLog, []*Site) {
	t.Helper()
	l := &testLog{}
	return l, openSites(t, l, n, change)
}

// openSites returns n replicas on a log, the first of which leads.
func openSites(t testing.TB, l *testLog, n int, change func(*Options)) []*Site {
	t.Helper()
	for i := range n {
		sh := testShelf(t, "")
		o := Options{Shelf: sh, Mux: testMux(), Site: "clinic", Node: edge.NodeID{byte(i + 1)}, Check: func(edge.View) error { return nil }}
		if change != nil {
			change(&o)
		}
		s, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		self := i == 0
		s.SetLog(l, func() (edge.NodeID, bool) { return edge.NodeID{1}, self })
		l.sites = append(l.sites, s)
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); s.Run(ctx) }()
		t.Cleanup(func() { cancel(); <-done; sh.Close() })
	}
	return l.sites
}

func command(typ string, in any) edge.Command {
	b, err := json.Marshal(in)
	if err != nil {
		panic(err)
	}
	return edge.Command{ID: edge.NewID(), Type: typ, Actor: edge.Actor{Kind: edge.Person, ID: "amina"}, Body: b}
}

func propose(t testing.TB, s *Site, c edge.Command) edge.Outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	out, err := s.Propose(ctx, c)
	if err != nil {
		t.Fatalf("%s: %v", c.Type, err)
	}
	return out
}

func TestRetryGetsTheFirstAnswer(t *testing.T) {
	_, sites := testSites(t, 3, nil)
	c := command("add", addIn{"x"})
	first := propose(t, sites[0], c)
	if string(first.Reply) != "1" || first.Again || first.Index == 0 {
		t.Fatalf("first: %+v", first)
	}
	again := propose(t, sites[0], c)
	if !again.Again {
		t.Fatal("the retry was evaluated")
	}
	again.Again = false
	if fmt.Sprint(again) != fmt.Sprint(first) {
		t.Fatalf("again %+v, first %+v", again, first)
	}
	other := c
	other.Body = []byte(`{"Key":"y"}`)
	if out := propose(t, sites[0], other); out.Err == nil || out.Err.Kind != edge.Conflict {
		t.Fatalf("another body under the same ID: %+v", out)
	}
	other = c
	other.Actor.ID = "bilal"
	if out := propose(t, sites[0], other); out.Err == nil || out.Err.Kind != edge.Conflict || out.Reply != nil {
		t.Fatalf("another actor under the same ID: %+v", out)
	}
}

func TestRefusalsAndPanicsChangeNothing(t *testing.T) {
	_, sites := testSites(t, 2, nil)
	c := command("refuse", addIn{"x"})
	for i := range 2 {
		out := propose(t, sites[0], c)
		if out.Err == nil || out.Err.Kind != edge.Denied || out.Err.Msg != "no x today" || out.Again != (i == 1) {
			t.Fatalf("try %d: %+v", i, out)
		}
	}
	for _, bad := range []edge.Command{command("panic", addIn{"x"}), command("fill", map[string]int{"Bytes": 600 << 10})} {
		if out := propose(t, sites[0], bad); out.Err == nil {
			t.Fatalf("%s: %+v", bad.Type, out)
		}
	}
	if n := sites[0].Stats(); n.Panics != 1 {
		t.Fatalf("%d panics counted", n.Panics)
	}
	v := sites[1].View()
	defer v.Close()
	if n := number(v, "x"); n != 0 {
		t.Fatal("a refused command left something behind")
	}
	if out := propose(t, sites[0], command("unknown", nil)); out.Err == nil || out.Err.Kind != edge.NotFound {
		t.Fatalf("unknown command: %+v", out)
	}
}

// Each fault of the log twice: the write was lost, the write got through.
func TestUnknownOutcomes(t *testing.T) {
	for _, f := range []fate{lost, through} {
		l, sites := testSites(t, 2, nil)
		propose(t, sites[0], command("add", addIn{"x"}))
		left := 3
		l.fate = func(entry []byte) fate {
			if left--; left >= 0 {
				return f
			}
			return fine
		}
		out := propose(t, sites[0], command("add", addIn{"x"}))
		if string(out.Reply) != "2" || out.Again != (f == through) {
			t.Fatalf("fate %d: %+v", f, out)
		}
		if d := sites[0].Stats().Doubts; d == 0 {
			t.Fatal("no doubt was met")
		}
	}
}

func TestBatchOnAnotherStateIsRefusedByAll(t *testing.T) {
	l, sites := testSites(t, 3, nil)
	propose(t, sites[0], command("add", addIn{"x"}))
	stale := l.entries[len(l.entries)-1].Data
	l.mu.Lock()
	if _, err := l.put(stale, fine); err == nil {
		t.Fatal("a batch was applied twice")
	}
	l.mu.Unlock()
	out := propose(t, sites[0], command("add", addIn{"x"}))
	if string(out.Reply) != "2" {
		t.Fatalf("%s", out.Reply)
	}
	for _, s := range sites {
		if s.Stats().TurnedOff != 1 {
			t.Fatalf("%d refused", s.Stats().TurnedOff)
		}
		c1, s1 := sites[0].Head()
		c2, s2 := s.Head()
		if c1 != c2 || s1 != s2 {
			t.Fatal("replicas differ")
		}
	}
}

// A leader that did not know of another's batch evaluates anew.
func TestForeignBatch(t *testing.T) {
	l, sites := testSites(t, 2, nil)
	propose(t, sites[0], command("add", addIn{"x"}))
	var once sync.Once
	l.fate = func(entry []byte) fate {
		once.Do(func() {
			b := &batch{Now: 1, Writes: []edge.Write{{Key: []byte("n/x"), Value: []byte("41")}}}
			b.Base.Count, b.Base.Sum = sites[0].Head()
			l.put(appendBatch(nil, b), fine)
		})
		return fine
	}
	out := propose(t, sites[0], command("add", addIn{"x"}))
	if string(out.Reply) != "42" {
		t.Fatalf("%s", out.Reply)
	}
	if sites[0].Stats().Refused != 1 {
		t.Fatal("nothing was refused")
	}
}

func TestManyAtOnce(t *testing.T) {
	_, sites := testSites(t, 3, nil)
	var wg sync.WaitGroup
	same := command("add", addIn{"same"})
	for range 50 {
		wg.Go(func() {
			for range 20 {
				propose(t, sites[0], command("add", addIn{"x"}))
				propose(t, sites[0], same)
			}
		})
	}
	wg.Wait()
	for _, s := range sites {
		v := s.View()
		if x, same := number(v, "x"), number(v, "same"); x != 1000 || same != 1 {
			t.Fatalf("x %d, same %d", x, same)
		}
		v.Close()
	}
	if st := sites[0].Stats(); st.Batches >= 1001 {
		t.Fatalf("%d batches for %d commands", st.Batches, st.Answered)
	}
}

func TestUnknownEntryStopsTheReplica(t *testing.T) {
	for _, data := range [][]byte{{9, 1}, {1, 9}, {1, 1, 2}, nil} {
		alarm := make(chan error, 1)
		l, sites := testSites(t, 1, func(o *Options) { o.Alarm = func(err error) { alarm <- err } })
		propose(t, sites[0], command("add", addIn{"x"}))
		at := sites[0].Applied()
		l.mu.Lock()
		_, err := l.put(data, fine)
		l.mu.Unlock()
		if !edge.IsKind(err, edge.Corrupt) || sites[0].Applied() != at {
			t.Fatalf("%x: %v", data, err)
		}
		<-alarm
		_, err = sites[0].Propose(context.Background(), command("add", addIn{"x"}))
		if !edge.IsKind(err, edge.Corrupt) {
			t.Fatalf("after: %v", err)
		}
		if h := sites[0].Report(context.Background()); h.Level != edge.Failed {
			t.Fatalf("%+v", h)
		}
	}
}
