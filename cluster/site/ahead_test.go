package site

import (
	"context"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
)

// A slowLog takes a moment for each entry, so that there is time to evaluate ahead of it.
type slowLog struct{ *testLog }

func (l slowLog) Append(ctx context.Context, entry []byte) (uint64, error) {
	time.Sleep(200 * time.Microsecond)
	return l.testLog.Append(ctx, entry)
}

func openSlow(t *testing.T, l *testLog, nodes int, set func(*Options)) []*Site {
	sites := openSites(t, l, nodes, set)
	for i, s := range sites {
		s.SetLog(slowLog{l}, func() (edge.NodeID, bool) { return edge.NodeID{1}, i == 0 })
	}
	return sites
}

// crowd lets many count on one counter, each asking again as soon as it is answered, and returns how often
// each of the numbers was given.
func crowd(t *testing.T, s *Site, clients, each int) map[string]int {
	t.Helper()
	var mu sync.Mutex
	given := map[string]int{}
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for range each {
				c := command("add", addIn{"x"})
				out, err := s.Propose(t.Context(), c)
				if err != nil || out.Err != nil {
					t.Errorf("%+v, %v", out, err)
					return
				}
				again, err := s.Propose(t.Context(), c)
				if err != nil || !again.Again || string(again.Reply) != string(out.Reply) || again.Index != out.Index {
					t.Errorf("%s at %d, and a moment later %s at %d, again: %v, %v", out.Reply, out.Index, again.Reply, again.Index, again.Again, err)
				}
				mu.Lock()
				given[string(out.Reply)]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return given
}

func eachOnce(t *testing.T, given map[string]int, n int) {
	t.Helper()
	for i := range n {
		if k := given[strconv.Itoa(i+1)]; k != 1 {
			t.Errorf("the number %d was given %d times", i+1, k)
		}
	}
}

// Batches follow each other while commands come again at once, are forgotten, and the store's rows pile up.
func TestAhead(t *testing.T) {
	l := &testLog{}
	s := openSlow(t, l, 2, func(o *Options) { o.KeepOutcomes = 400; o.MaxCommands = 32 })[0]
	const clients, each = 48, 8 // more than fit into one batch
	eachOnce(t, crowd(t, s, clients, each), clients*each)
	st := s.Stats()
	if st.Ahead < clients*each/4 || st.GivenUp != 0 || st.Evaluated != clients*each {
		t.Errorf("%+v", st)
	}
	propose(t, s, edge.Command{ID: edge.NewID(), Type: OpEpoch, Actor: edge.Actor{Kind: edge.Service}, Body: []byte(`{"Reason":"test"}`)})
	var wg sync.WaitGroup
	for range 100 { // the oldest are forgotten while batches are on their way
		wg.Go(func() { propose(t, s, command("add", addIn{"y"})) })
	}
	wg.Wait()
	v := s.View()
	defer v.Close()
	kept := 0
	for range v.Scan([]byte(keyOutcome)) {
		kept++
	}
	r, err := loadRetention(v)
	if err != nil || r.Kept != uint64(kept) || kept > 400+32 {
		t.Errorf("%d outcomes are kept, counted as %d, %v", kept, r.Kept, err)
	}
}

// What was evaluated ahead of a batch that was refused, lost or got through unheard is evaluated anew, and
// every command is done once.
func TestAheadGivenUp(t *testing.T) {
	l := &testLog{}
	sites := openSlow(t, l, 2, nil)
	s := sites[0]
	rng := rand.New(rand.NewPCG(1, 2))
	var foreign uint64
	l.fate = func(entry []byte) fate {
		switch n := rng.IntN(20); {
		case n < 2:
			return lost
		case n < 4:
			return through
		case n < 7: // a batch of another leader comes first
			count, sum := s.Head()
			foreign++
			b := &batch{Base: head{Count: count, Sum: sum}, Now: int64(1 + foreign), Writes: []edge.Write{{Key: []byte("f"), Value: []byte("x")}}}
			if count > 0 {
				l.put(appendBatch(nil, b), fine)
			}
		}
		return fine
	}
	const clients, each = 12, 10
	eachOnce(t, crowd(t, s, clients, each), clients*each)
	if st := s.Stats(); st.GivenUp == 0 || st.Ahead == 0 || st.Refused == 0 || st.Doubts == 0 {
		t.Errorf("%+v", st)
	}
	if c1, s1 := sites[0].Head(); true {
		if c2, s2 := sites[1].Head(); c1 != c2 || s1 != s2 {
			t.Error("the replicas differ")
		}
	}
}

// A layered view shows the batch on its way in place of what it replaces, however it is read.
func TestScanFromOverlay(t *testing.T) {
	_, sites := testSites(t, 1, nil)
	for _, k := range []string{"b", "d", "f"} {
		propose(t, sites[0], command("put", putIn{k, "old"}))
	}
	v := sites[0].View()
	defer v.Close()
	o := newOverlay(v)
	for _, w := range []edge.Write{{Key: []byte("r/a"), Value: []byte("new")}, {Key: []byte("r/c"), Value: []byte("new")}, {Key: []byte("r/d")}, {Key: []byte("r/f"), Value: []byte("new")}, {Key: []byte("s")}} {
		o.set(w)
	}
	var got string
	for k, b := range scanFrom(newOverlay(o), []byte("r/"), []byte("r/b")) {
		got += string(k) + "=" + string(b) + " "
	}
	if want := "r/b=old r/c=new r/f=new "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// What the leader remembers of its own batches does not hide what another leader's changed.
func TestRecentRowsGiveWay(t *testing.T) {
	l := &testLog{}
	s := openSlow(t, l, 1, nil)[0]
	add := func(want string) {
		t.Helper()
		if out := propose(t, s, command("add", addIn{"x"})); string(out.Reply) != want {
			t.Fatalf("%s, want %s", out.Reply, want)
		}
	}
	add("1")
	add("2")
	for round, value := range []string{"41", ""} {
		count, sum := s.Head()
		w := edge.Write{Key: []byte("n/x")}
		if value != "" {
			w.Value = []byte(value)
		}
		if _, err := l.put(appendBatch(nil, &batch{Base: head{Count: count, Sum: sum}, Now: int64(1 + round), Writes: []edge.Write{w}}), fine); err != nil {
			t.Fatal(err)
		}
		if value != "" {
			add("42")
			add("43")
		} else {
			add("1")
			add("2")
		}
	}
}

// What is remembered is bounded.
func TestRecentIsBounded(t *testing.T) {
	r, base := recent{}, head{}
	for i := range uint64(20) {
		to := head{Count: i + 1}
		r.applied(base, to, []edge.Write{{Key: []byte{byte(i)}, Value: make([]byte, recentMost/4)}, {Key: []byte(keyQueue), Value: make([]byte, 9)}})
		base = to
		if r.size > 2*recentMost || len(r.rows) > 6 {
			t.Fatalf("%d rows, %d bytes", len(r.rows), r.size)
		}
	}
	if v := r.over(nil, head{Count: 3}); v != nil {
		t.Error("rows of another head are shown")
	}
}
