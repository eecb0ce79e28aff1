package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
)

// witness is a follower that remembers what it saw, and fails when told to.
type witness struct {
	mu       sync.Mutex
	seen     []string
	rebuilt  int
	failures int // to come
	panics   bool
}

func (w *witness) Name() string { return "witness" }

func (w *witness) Follow(_ context.Context, r edge.Record) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failures > 0 {
		w.failures--
		if w.panics {
			panic("boom")
		}
		return edge.E(edge.Unavailable, "not now")
	}
	w.seen = append(w.seen, string(r.Body))
	return nil
}

func (w *witness) Rebuild(context.Context, edge.View) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rebuilt++
	return nil
}

func (w *witness) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.seen)
}

func until(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !f(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited too long until %s", what)
		}
	}
}

// run drives r in the background; the returned function stops it.
func run(t *testing.T, r *Runner) func() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestFollowerSeesAllUrgentFirstAndResumes(t *testing.T) {
	store := memory(t)
	s := openTestSet(t, store, SetOptions{})
	for i := range 600 {
		appendOne(t, s, edge.Bulk, fmt.Sprint("bulk", i))
	}
	appendOne(t, s, edge.Critical, "fire")
	w := &witness{}
	stop := run(t, s.Follow(w, FollowOptions{}))
	until(t, "all are seen", func() bool { return w.count() == 601 })
	if w.seen[0] != "fire" || w.seen[600] != "bulk599" {
		t.Errorf("%q ... %q", w.seen[0], w.seen[600])
	}
	appendOne(t, s, edge.Ledger, "paid")
	until(t, "the next is seen", func() bool { return w.count() == 602 })
	stop()
	s.Close()
	s = openTestSet(t, store, SetOptions{})
	appendOne(t, s, edge.Bulk, "later")
	defer run(t, s.Follow(w, FollowOptions{}))()
	until(t, "it goes on", func() bool { return w.count() == 603 })
	if c := s.Journal(edge.Bulk).Counts("witness"); c.Lost != 0 {
		t.Errorf("%+v", c)
	}
}

func TestFollowerFailuresAreRetried(t *testing.T) {
	s := openTestSet(t, memory(t), SetOptions{})
	for i := range 5 {
		appendOne(t, s, edge.Care, fmt.Sprint(i))
	}
	w := &witness{failures: 3, panics: true}
	r := s.Follow(w, FollowOptions{Backoff: 10 * time.Millisecond, MaxDelay: 200 * time.Millisecond})
	defer run(t, r)()
	until(t, "it reports", func() bool { return r.Report(t.Context()).Level == edge.Degraded })
	until(t, "all are seen", func() bool { return w.count() == 5 })
	until(t, "it is well again", func() bool { return r.Report(t.Context()).Level == edge.OK })
	if !slices.Equal(w.seen, []string{"0", "1", "2", "3", "4"}) {
		t.Errorf("%q", w.seen)
	}
}

func TestFollowerBehindRetention(t *testing.T) {
	for name, c := range map[string]struct {
		accept  func(*edge.Gap) bool
		view    bool
		rebuilt int
		seen    int
		level   edge.Level
	}{
		"is rebuilt":           {nil, true, 1, 1, edge.OK},
		"can go on":            {func(*edge.Gap) bool { return true }, true, 0, 6, edge.OK},
		"goes on, and says so": {nil, false, 0, 6, edge.Degraded},
	} {
		t.Run(name, func(t *testing.T) {
			s := openTestSet(t, memory(t), SetOptions{Budgets: map[edge.Urgency]Budget{edge.Telemetry: {Keep: time.Hour}}})
			old := event(edge.Telemetry, "old")
			old.Time = time.Now().Add(-2 * time.Hour)
			if _, err := s.Append(t.Context(), old, old, old); err != nil {
				t.Fatal(err)
			}
			for i := range 5 {
				appendOne(t, s, edge.Telemetry, fmt.Sprint(i))
			}
			s.trimNow(t)
			w, o := &witness{}, FollowOptions{Accept: c.accept}
			if c.view {
				o.View = func() (edge.View, func()) { v := s.store.View(); return v, v.Close }
			}
			r := s.Follow(w, o)
			defer run(t, r)()
			until(t, "it caught up", func() bool { return s.Journal(edge.Telemetry).Mark("witness").Seq == 8 })
			appendOne(t, s, edge.Telemetry, "new")
			until(t, "the new one is seen", func() bool { return w.count() == c.seen })
			if st := r.Status(); int(st.Rebuilds) != c.rebuilt || st.Lag != 0 || r.Report(t.Context()).Level != c.level {
				t.Errorf("%+v %+v", st, r.Report(t.Context()))
			}
		})
	}
}

func TestMarksOfJournalsElsewhere(t *testing.T) {
	store := memory(t)
	s := openTestSet(t, store, SetOptions{})
	appendOne(t, s, edge.Ledger, "1")
	here := memory(t)
	m, err := OpenMarks(here, nil)
	if err != nil {
		t.Fatal(err)
	}
	w := &witness{}
	stop := run(t, NewRunner(w, FollowOptions{}, m.Source(s.Journal(edge.Critical)), m.Source(s.Journal(edge.Ledger))))
	appendOne(t, s, edge.Ledger, "2")
	until(t, "both are seen", func() bool { return w.count() == 2 })
	stop()
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if m, err = OpenMarks(here, nil); err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if p := m.Source(s.Journal(edge.Ledger)).Mark("witness"); p != s.Journal(edge.Ledger).Head() {
		t.Errorf("mark %v", p)
	}
}

func TestMarksAreWrittenOnceAndIdleWritesNothing(t *testing.T) {
	t.Parallel()
	store := memory(t)
	s := openTestSet(t, store, SetOptions{})
	p := appendOne(t, s, edge.Ledger, "1")
	before := store.Stats().Commits
	for i := range 50 {
		p.Seq = uint64(i % 2)
		if err := s.Journal(edge.Ledger).SetMark(t.Context(), "hub", p); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "the marks are durable", func() bool { return store.Stats().Commits == before+1 })
	time.Sleep(1500 * time.Millisecond)
	if n := store.Stats().Commits; n != before+1 {
		t.Errorf("%d commits while idle", n-before-1)
	}
	v := store.View()
	defer v.Close()
	if marks, err := loadMarks(v, "readings.ledger"); err != nil || marks["hub"].row.pos != p {
		t.Errorf("%+v, %v", marks, err)
	}
}

// TestManyAtOnce has everything happen at the same time; it is for the race detector and for Lost.
func TestManyAtOnce(t *testing.T) {
	store := openStore(t, state.Options{InMemory: true, MemTable: 8 << 20})
	defer store.Close()
	s := openTestSet(t, store, SetOptions{Disk: 400_000, Required: []string{"witness"}, Budgets: map[edge.Urgency]Budget{edge.Bulk: {Keep: time.Nanosecond}}})
	w := &witness{}
	r := s.Follow(w, FollowOptions{})
	stop := run(t, r)
	var producers, watchers sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	watchers.Go(func() {
		for ctx.Err() == nil {
			for _, j := range s.Journals() {
				if c := j.Counts("witness"); c.Lost != 0 {
					t.Errorf("%s: %+v", j.Stream(), c)
					return
				}
				for _, err := range j.Read(ctx, edge.Pos{}) {
					if gap := (*edge.Gap)(nil); err != nil && ctx.Err() == nil && !errors.As(err, &gap) {
						t.Error(err)
					}
				}
			}
			s.Report(ctx)
			r.Status()
			s.trimNow(t)
		}
	})
	for k := range 8 {
		producers.Go(func() {
			for i := range 150 {
				_, err := s.Append(t.Context(), event(edge.Urgency(1+(k+i)%6), fmt.Sprintf("%d/%d %0500d", k, i, 0)))
				if err != nil && !edge.IsKind(err, edge.Exhausted) {
					t.Error(err)
				}
				if i == 75 && k < 3 {
					if err := s.NewEpoch(t.Context(), "doubt"); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	producers.Wait()
	until(t, "the follower caught up", func() bool { return r.Status().Lag == 0 })
	cancel()
	watchers.Wait()
	stop()
	verifyAll(t, s)
}

// gatherer keeps what it follows in memory until Flush, which fails when told to.
type gatherer struct {
	witness
	kept     []string
	failures int
}

func (g *gatherer) Flush(context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.failures > 0 {
		g.failures--
		g.seen = nil // as if the process had died with it
		return edge.E(edge.Unavailable, "not now")
	}
	g.kept = append(g.kept, g.seen...)
	g.seen = nil
	return nil
}

// A mark never stands behind what a follower has gathered and not made durable.
func TestFollowerIsFlushedBeforeTheMark(t *testing.T) {
	s := openTestSet(t, memory(t), SetOptions{})
	for i := range 700 {
		appendOne(t, s, edge.Bulk, fmt.Sprint(i))
	}
	g := &gatherer{failures: 2}
	stop := run(t, s.Follow(g, FollowOptions{Backoff: time.Millisecond}))
	j := s.Journal(edge.Bulk)
	until(t, "the mark is at the head", func() bool { return j.Mark("witness") == j.Head() })
	stop()
	if len(g.kept) != 700 || g.kept[0] != "0" || g.kept[699] != "699" {
		t.Errorf("%d of 700 records were kept", len(g.kept))
	}
}

// A runner that may come late rests between turns, and is still done in the end.
func TestRestsBetweenTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openTestSet(t, memory(t), SetOptions{})
		for i := range 20 {
			appendOne(t, s, edge.Ledger, fmt.Sprint(i))
		}
		slow := &sleeper{each: time.Second}
		began := time.Now()
		stop := run(t, s.Follow(slow, FollowOptions{Turn: 4, Rest: 9}))
		for slow.count() < 20 {
			time.Sleep(time.Second)
		}
		if took := time.Since(began); took < 140*time.Second { // 20 s of work, and 30 s of rest after each of four turns
			t.Errorf("20 s of work were done in %v", took)
		}
		stop()
	})
}

type sleeper struct {
	witness
	each time.Duration
}

func (s *sleeper) Follow(ctx context.Context, r edge.Record) error {
	time.Sleep(s.each)
	return s.witness.Follow(ctx, r)
}
