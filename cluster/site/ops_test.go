package site

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aielon/edge/node/edge"
)

// records reads a journal of a site to its end.
func records(t testing.TB, s *Site, u edge.Urgency) (rs []edge.Record, gaps uint64) {
	t.Helper()
	for r, err := range s.Journal(u).Read(context.Background(), edge.Pos{}) {
		var gap *edge.Gap
		if errors.As(err, &gap) {
			gaps += gap.Count
		} else if err != nil {
			t.Fatal(err)
		} else {
			rs = append(rs, r)
		}
	}
	return rs, gaps
}

func TestJournals(t *testing.T) {
	_, sites := testSites(t, 2, nil)
	var last edge.Outcome
	for i := range 5 {
		last = propose(t, sites[0], command("put", putIn{"k", fmt.Sprint(i)}))
	}
	rs, _ := records(t, sites[1], edge.Ledger)
	if len(rs) != 5 || rs[4].Pos != last.Pos || rs[4].Time.IsZero() || string(rs[4].Body) != "4" {
		t.Fatalf("%+v", rs)
	}
	if j := sites[1].Journal(edge.Ledger); j.Stream() != "site.ledger" || j.Head() != last.Pos {
		t.Fatalf("%s %v", j.Stream(), j.Head())
	}
	waited := make(chan error, 1)
	go func() { waited <- sites[1].Journal(edge.Ledger).Wait(context.Background(), last.Pos) }()
	select {
	case err := <-waited:
		t.Fatal("Wait did not wait", err)
	case <-time.After(10 * time.Millisecond):
	}
	propose(t, sites[0], command("put", putIn{"k", "5"}))
	if err := <-waited; err != nil {
		t.Fatal(err)
	}
}

func TestTrim(t *testing.T) {
	_, sites := testSites(t, 2, nil)
	for range 10 {
		propose(t, sites[0], command("put", putIn{"k", "v"}))
	}
	rs, _ := records(t, sites[0], edge.Ledger)
	if err := sites[0].Trim(context.Background(), edge.Ledger, rs[5].Pos); err != nil {
		t.Fatal(err)
	}
	for _, s := range sites {
		if left, gone := records(t, s, edge.Ledger); len(left) != 4 || gone != 6 {
			t.Fatalf("%d records are left, %d gone", len(left), gone)
		}
	}
	if out := propose(t, sites[0], command(OpTrim, TrimRequest{Urgency: edge.Ledger})); out.Err == nil || out.Err.Kind != edge.Denied {
		t.Fatalf("a person trimmed: %+v", out)
	}
}

func TestNewEpoch(t *testing.T) {
	_, sites := testSites(t, 2, nil)
	before := propose(t, sites[0], command("put", putIn{"k", "v"})).Pos
	if err := sites[0].NewEpoch(context.Background(), "restored from a backup"); err != nil {
		t.Fatal(err)
	}
	after := propose(t, sites[0], command("put", putIn{"k", "v"})).Pos
	if after.Epoch <= before.Epoch || after.Seq != 1 {
		t.Fatalf("%v, then %v", before, after)
	}
	for _, s := range sites {
		if rs, _ := records(t, s, edge.Ledger); len(rs) != 2 || rs[0].Pos != before || rs[1].Pos != after {
			t.Fatalf("%+v", rs)
		}
	}
}

// timeMux tells when commands happened.
func timeMux() *edge.Mux {
	m := testMux()
	edge.Do(m, edge.Op{Name: "now"}, func(tx edge.Tx, _ struct{}) (time.Time, error) {
		if first := tx.Now(); tx.Now() != first {
			return time.Time{}, edge.E(edge.Internal, "time went by within a command")
		}
		tx.Set([]byte("last"), []byte("x"))
		return tx.Now(), nil
	})
	return m
}

func now(t testing.TB, s *Site) time.Time {
	t.Helper()
	out := propose(t, s, command("now", struct{}{}))
	at, err := time.Parse(`"`+time.RFC3339Nano+`"`, string(out.Reply))
	if err != nil {
		t.Fatal(err, out.Err)
	}
	return at
}

func TestClockNeverRunsBackAndIsNotDraggedAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var skew time.Duration
		_, sites := testSites(t, 1, func(o *Options) {
			o.Mux = timeMux()
			o.Wall = func() time.Time { mu.Lock(); defer mu.Unlock(); return time.Now().Add(skew) }
		})
		last := now(t, sites[0])
		for _, years := range []int{10, -10, -30, 0} {
			mu.Lock()
			skew = time.Duration(years) * 365 * 24 * time.Hour
			mu.Unlock()
			for range 5 {
				time.Sleep(time.Second)
				at := now(t, sites[0])
				if d := at.Sub(last); d < time.Second || d > 2*time.Second {
					t.Fatalf("with a clock off by %d years %v went by in a second", years, d)
				}
				last = at
			}
			if h := sites[0].Report(context.Background()); (h.Level == edge.Degraded) != (years != 0) {
				t.Fatalf("%d years: %+v", years, h)
			}
		}
		skew = 400 * 24 * time.Hour // switched off for a year, and an operator says so
		if err := sites[0].ask(context.Background(), OpClock, ClockRequest{Time: time.Now().Add(skew)}); err != nil {
			t.Fatal(err)
		}
		if at := now(t, sites[0]); at.Sub(last) < skew {
			t.Fatal("the clock was not set")
		}
		if err := sites[0].ask(context.Background(), OpClock, ClockRequest{Time: time.Now()}); !edge.IsKind(err, edge.Invalid) {
			t.Fatal("the clock was set back", err)
		}
	})
}

func TestOutcomesAreForgottenAlike(t *testing.T) {
	_, sites := testSites(t, 2, func(o *Options) {
		o.KeepOutcomes = 20
		o.Forever = func(op string) bool { return op == "put" }
	})
	keep := command("put", putIn{"k", "v"})
	propose(t, sites[0], keep)
	var ids []edge.ID
	var wg sync.WaitGroup
	var mu sync.Mutex
	for range 100 { // one large batch, then single ones that take it apart
		wg.Go(func() {
			c := command("add", addIn{"x"})
			propose(t, sites[0], c)
			mu.Lock()
			defer mu.Unlock()
			ids = append(ids, c.ID)
		})
	}
	wg.Wait()
	for range 60 {
		c := command("add", addIn{"x"})
		ids = append(ids, c.ID)
		propose(t, sites[0], c)
	}
	for _, s := range sites {
		v := s.View()
		left := 0
		for range v.Scan([]byte(keyOutcome)) {
			left++
		}
		if _, err := v.Get(outcomeKey(keep.ID)); err != nil {
			t.Fatal("an outcome that is kept for ever is gone", err)
		}
		if _, err := v.Get(outcomeKey(ids[len(ids)-1])); err != nil {
			t.Fatal("the newest outcome is gone", err)
		}
		tally, err := loadRetention(v)
		if err != nil || int(tally.Kept) != left-1 || left-1 > 21 || left-1 < 20 {
			t.Fatalf("%d are left, %d counted (%v)", left-1, tally.Kept, err)
		}
		v.Close()
	}
	if out := propose(t, sites[0], keep); !out.Again {
		t.Fatal("forgotten")
	}
}

func TestOutcomesGrowOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, sites := testSites(t, 1, func(o *Options) { o.KeepFor = time.Hour })
		c := command("add", addIn{"x"})
		propose(t, sites[0], c)
		time.Sleep(59 * time.Minute)
		if out := propose(t, sites[0], c); !out.Again {
			t.Fatal("forgotten too early")
		}
		time.Sleep(2 * time.Minute)
		propose(t, sites[0], command("add", addIn{"x"}))
		v := sites[0].View()
		defer v.Close()
		if _, err := v.Get(outcomeKey(c.ID)); !edge.IsKind(err, edge.NotFound) {
			t.Fatal("not forgotten", err)
		}
	})
}

func TestBackpressure(t *testing.T) {
	hold := make(chan struct{})
	l, sites := testSites(t, 1, func(o *Options) { o.MaxCommands = 4 })
	propose(t, sites[0], command("add", addIn{"x"}))
	l.fate = func([]byte) fate { <-hold; return fine }
	var wg sync.WaitGroup
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	results := make(chan error, 100)
	for range 100 {
		wg.Go(func() {
			_, err := sites[0].Propose(ctx, command("add", addIn{"x"}))
			results <- err
		})
	}
	for refused := 0; refused < 76; refused++ { // 16 wait, 4 are on their way, 4 are evaluated ahead of them
		if err := <-results; !edge.IsKind(err, edge.Exhausted) {
			t.Fatalf("%v", err)
		}
	}
	close(hold)
	wg.Wait()
	close(results)
	done := 0
	for err := range results {
		if err == nil {
			done++
		} else if !edge.IsKind(err, edge.Exhausted) {
			t.Fatal(err)
		}
	}
	v := sites[0].View()
	defer v.Close()
	if n := number(v, "x"); n != done+1 {
		t.Fatalf("%d were answered and %d done", done+1, n)
	}
}

// What is held waits until it may go on; what is not goes through meanwhile, and nothing was decided of the rest.
func TestHeldCommandsWait(t *testing.T) {
	var held atomic.Bool
	held.Store(true)
	_, sites := testSites(t, 1, func(o *Options) {
		o.Held = func(op string) error {
			if held.Load() && op != OpEpoch {
				return edge.E(edge.Unavailable, "not yet")
			}
			return nil
		}
	})
	s := sites[0]
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.Propose(short, command("add", addIn{"x"})); !edge.IsKind(err, edge.Unavailable) {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		out, err := s.Propose(t.Context(), command("add", addIn{"x"}))
		if err == nil && string(out.Reply) != "1" {
			err = edge.E(edge.Internal, "%s", out.Reply)
		}
		done <- err
	}()
	before := s.Journal(edge.Ledger).Head().Epoch
	if err := s.NewEpoch(t.Context(), "a test"); err != nil {
		t.Fatal(err)
	}
	if s.Journal(edge.Ledger).Head().Epoch == before {
		t.Error("no new epoch")
	}
	held.Store(false)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}
