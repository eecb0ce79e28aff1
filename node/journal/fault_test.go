package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
)

func countOf(t testing.TB, r edge.Record) uint64 {
	t.Helper()
	var s Shed
	if err := json.Unmarshal(r.Body, &s); err != nil {
		t.Fatal(err)
	}
	return s.Count
}

// faulty is a store whose next commit goes wrong in a chosen way.
type faulty struct {
	*state.Store
	next func(w state.Writer) state.Writer // nil: well
	dead error
}

func (f *faulty) Submit(w state.Writer) error {
	if f.dead != nil {
		return f.dead
	}
	if f.next != nil {
		w, f.next = f.next(w), nil
	}
	return f.Store.Submit(w)
}

// lost prepares into nowhere and then fails; through commits and then fails.
type lost struct {
	state.Writer
	err error
}

func (l lost) Prepare(b *state.Batch, now time.Time) { l.Writer.Prepare(state.NewBatch(), now) }
func (l lost) Done(error)                            { l.Writer.Done(l.err) }

type through struct {
	state.Writer
	err error
}

func (l through) Done(error) { l.Writer.Done(l.err) }

// unprepared is refused by the store before anything was prepared.
type unprepared struct {
	state.Writer
	err error
}

func (l unprepared) Prepare(*state.Batch, time.Time) {}
func (l unprepared) Done(error)                      { l.Writer.Done(l.err) }

func TestFailedCommits(t *testing.T) {
	unknown := edge.E(edge.Unavailable, "the disk went away")
	refused := edge.E(edge.Exhausted, "the disk is full")
	for name, c := range map[string]struct {
		next    func(w state.Writer) state.Writer
		err     error
		want    []string
		restart bool
	}{
		"refused before it was prepared": {func(w state.Writer) state.Writer { return unprepared{w, refused} }, refused, []string{"1", "3"}, false},
		"refused, nothing kept":          {func(w state.Writer) state.Writer { return lost{w, refused} }, refused, []string{"1", "3"}, false},
		"unknown, the write was lost":    {func(w state.Writer) state.Writer { return lost{w, unknown} }, unknown, []string{"1", "3"}, true},
		"unknown, the write got through": {func(w state.Writer) state.Writer { return through{w, unknown} }, unknown, []string{"1", "2", "3"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			f := &faulty{Store: memory(t)}
			s := openTestSet(t, f, SetOptions{Required: []string{"hub"}})
			j := s.Journal(edge.Ledger)
			one := appendOne(t, s, edge.Ledger, "1")
			if err := j.SetMark(t.Context(), "hub", one); err != nil {
				t.Fatal(err)
			}
			f.next = c.next
			if p, err := s.Append(t.Context(), event(edge.Ledger, "2")); !errors.Is(err, c.err) || !p.IsZero() {
				t.Fatalf("%v %v", p, err)
			}
			if j.Head() != one {
				t.Fatalf("the head moved to %v", j.Head())
			}
			if c.restart { // what is on disk is not known: nothing may build on it before it was read again
				if _, err := s.Append(t.Context(), event(edge.Ledger, "no")); !edge.IsKind(err, edge.Unavailable) {
					t.Fatalf("went on after an unknown outcome: %v", err)
				}
				if h := s.Report(t.Context()); h.Level != edge.Failed {
					t.Errorf("report: %+v", h)
				}
				s.Close()
				s = openTestSet(t, f.Store, SetOptions{Required: []string{"hub"}})
				j = s.Journal(edge.Ledger)
			}
			appendOne(t, s, edge.Ledger, "3")
			if got := bodies(j, edge.Pos{}); !slices.Equal(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
			if n := j.Counts("hub").Lost; n != 0 {
				t.Errorf("%d lost: %+v", n, j.Counts("hub"))
			}
			s.mu.Lock()
			if s.pending != 0 || s.bytes != 0 || len(s.inflight) != 0 {
				t.Errorf("%d records and %d bytes still count as pending", s.pending, s.bytes)
			}
			s.mu.Unlock()
			verifyAll(t, s)
		})
	}
}

func TestASheddingThatFailsIsTakenBack(t *testing.T) {
	f := &faulty{Store: memory(t)}
	s := openTestSet(t, f, SetOptions{Disk: 40_000, Required: []string{"hub"}})
	j, body := s.Journal(edge.Telemetry), string(make([]byte, 1000))
	for j.Totals().Shed.Records == 0 {
		appendOne(t, s, edge.Telemetry, body)
	}
	before := j.Totals()
	for j.Totals() == before {
		f.next = func(w state.Writer) state.Writer { return lost{w, edge.E(edge.Exhausted, "full")} }
		if _, err := s.Append(t.Context(), event(edge.Telemetry, body)); err == nil {
			t.Fatal("a lost commit was acknowledged")
		}
		if j.Totals() != before || j.Counts("hub").Lost != 0 {
			t.Fatalf("%+v, %+v", j.Totals(), j.Counts("hub"))
		}
		appendOne(t, s, edge.Telemetry, body)
	}
	verifyAll(t, s)
}

// damage applies f to the stored writes of the telemetry journal of a set with blocks 1..5, 6..10, ...
func damaged(t *testing.T, f func(s *Set, b *state.Batch)) *Set {
	t.Helper()
	s := openTestSet(t, memory(t), SetOptions{})
	for i := range 6 {
		var events []edge.Event
		for k := range 5 {
			events = append(events, event(edge.Telemetry, fmt.Sprint(i*5+k+1)))
		}
		if _, err := s.Append(t.Context(), events...); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.store.Commit(context.Background(), func(b *state.Batch) { f(s, b) }); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestDamageIsNeverSkipped(t *testing.T) {
	block := func(s *Set, last uint64) ([]byte, []byte) {
		key := blockKey(testStream, s.Journal(edge.Telemetry).Head().Epoch, last)
		v := s.store.View()
		defer v.Close()
		val, err := v.Get(key)
		if err != nil {
			t.Fatal(err)
		}
		return key, val
	}
	for name, c := range map[string]struct {
		f    func(s *Set, b *state.Batch)
		read int // records before the damage is met
		lost uint64
		open bool // a reopened set still opens
	}{
		"a block in the middle is missing": {func(s *Set, b *state.Batch) { k, _ := block(s, 15); b.Delete(k) }, 10, 5, true},
		"the first block is missing":       {func(s *Set, b *state.Batch) { k, _ := block(s, 5); b.Delete(k) }, 0, 5, false},
		"the last block is missing":        {func(s *Set, b *state.Batch) { k, _ := block(s, 30); b.Delete(k) }, 25, 5, false},
		"a block is put in twice":          {func(s *Set, b *state.Batch) { _, v := block(s, 15); k, _ := block(s, 20); b.Set(k, v) }, 15, 5, true},
		"a record is altered":              {func(s *Set, b *state.Batch) { k, v := block(s, 20); v[len(v)-1] ^= 1; b.Set(k, v) }, 15, 5, true},
		"an older head row": {func(s *Set, b *state.Batch) {
			c := *s.chains[edge.Telemetry]
			c.cur.row.head.Seq = 25
			b.Set(headKey(testStream), c.cur.row.encode())
		}, 25, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := damaged(t, c.f)
			j := s.Journal(edge.Telemetry)
			got := bodies(j, edge.Pos{})
			if len(got) < c.read || len(got) > c.read+1 || len(got) == c.read+1 && got[c.read] != "corrupt" {
				t.Errorf("%q", got)
			}
			if err := s.Audit(t.Context()); !edge.IsKind(err, edge.Corrupt) {
				t.Errorf("audit: %v", err)
			}
			if n := j.Counts("hub").Lost; n != c.lost {
				t.Errorf("%d records count as lost, want %d", n, c.lost)
			}
			s.Close()
			if again, err := openSet(s.store, family(SetOptions{})); c.open != (err == nil) {
				t.Errorf("reopened: %v", err)
			} else if err == nil {
				again.Close()
			}
		})
	}
}
