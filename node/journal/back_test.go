package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
)

func backwards(j *Journal, before edge.Pos) (out []edge.Record, err error) {
	for r, err := range j.Back(context.Background(), before) {
		if err != nil {
			return out, err
		}
		out = append(out, r)
	}
	return out, nil
}

// Back is Read from the end, from every position, over epochs and with the oldest records removed.
func TestBackIsReadBackwards(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		store := openStore(rt, state.Options{InMemory: true, MemTable: 8 << 20})
		defer store.Close()
		budget := int64(rapid.SampledFrom([]int{0, 2000, 4000}).Draw(rt, "budget"))
		s, err := openSet(store, family(SetOptions{Budgets: map[edge.Urgency]Budget{edge.Telemetry: {Bytes: budget}}}))
		if err != nil {
			rt.Fatal(err)
		}
		defer s.Close()
		j, n := s.Journal(edge.Telemetry), int64(0)
		for range rapid.IntRange(0, 30).Draw(rt, "commits") {
			if rapid.IntRange(0, 9).Draw(rt, "epoch") == 0 {
				if err := s.NewEpoch(context.Background(), "test"); err != nil {
					rt.Fatal(err)
				}
				continue
			}
			var group []edge.Event
			for range rapid.IntRange(1, 6).Draw(rt, "group") {
				n++
				e := event(edge.Telemetry, fmt.Sprint(n))
				e.Time = unix(n / 3)
				group = append(group, e)
			}
			if _, err := s.Append(context.Background(), group...); err != nil {
				rt.Fatal(err)
			}
		}
		var all []edge.Record
		for r, err := range j.Read(context.Background(), edge.Pos{}) {
			var gap *edge.Gap
			if err != nil && !errors.As(err, &gap) {
				rt.Fatal(err)
			} else if err == nil {
				all = append(all, r)
			}
		}
		slices.Reverse(all)
		checkBack(rt, j, all)
	})
}

func checkBack(rt *rapid.T, j *Journal, all []edge.Record) {
	same := func(what string, from edge.Pos, want []edge.Record) {
		got, err := backwards(j, from)
		if err != nil || !slices.EqualFunc(got, want, func(a, b edge.Record) bool { return a.Pos == b.Pos && string(a.Body) == string(b.Body) }) {
			rt.Fatalf("%s: %d records, want %d, %v", what, len(got), len(want), err)
		}
	}
	same("from the head", edge.Pos{}, all)
	for i, r := range all {
		same(fmt.Sprint("before ", r.Pos), edge.Pos{Epoch: r.Pos.Epoch, Seq: r.Pos.Seq}, all[i+1:])
		p, err := j.Until(context.Background(), r.Time)
		if err != nil {
			rt.Fatal(err)
		}
		for _, q := range all {
			if q.Time.Before(r.Time) && compare(q.Pos, p) >= 0 {
				rt.Fatalf("%v is older than %v and lies behind %v", q.Pos, r.Time, p)
			}
		}
	}
	h := j.Head()
	same("behind the head", edge.Pos{Epoch: h.Epoch, Seq: h.Seq + 100}, all)
	same("a later epoch", edge.Pos{Epoch: h.Epoch + 1, Seq: 7}, all)
	same("before everything", edge.Pos{Epoch: 1, Seq: 1}, nil)
}

// A search does not look at much more than the page it ends on.
func TestUntilIsClose(t *testing.T) {
	s := openTestSet(t, memory(t), SetOptions{})
	j := s.Journal(edge.Telemetry)
	for i := range 500 {
		e := event(edge.Telemetry, "x")
		e.Time = unix(int64(i) * int64(time.Second))
		if _, err := s.Append(t.Context(), e, e); err != nil {
			t.Fatal(err)
		}
	}
	for _, sec := range []int64{-5, 0, 1, 250, 499, 1000} {
		p, err := j.Until(t.Context(), unix(sec*int64(time.Second)))
		want := uint64(2*min(max(sec, 0)+1, 500) + 1) // right behind the first block that is not older
		if err != nil || p.Seq != want {
			t.Errorf("second %d: record %d, want %d, %v", sec, p.Seq, want, err)
		}
	}
}

func TestBackNoticesDamage(t *testing.T) {
	for name, c := range map[string]struct {
		f    func(s *Set, b *state.Batch)
		read int // records after the damage
	}{
		"a block in the middle is missing": {func(s *Set, b *state.Batch) { b.Delete(blockAt(s, 15)) }, 15},
		"the first block is missing":       {func(s *Set, b *state.Batch) { b.Delete(blockAt(s, 5)) }, 25},
		"the last block is missing":        {func(s *Set, b *state.Batch) { b.Delete(blockAt(s, 30)) }, 0},
		"all blocks are missing": {func(s *Set, b *state.Batch) {
			for i := uint64(5); i <= 30; i += 5 {
				b.Delete(blockAt(s, i))
			}
		}, 0},
	} {
		j := damaged(t, c.f).Journal(edge.Telemetry)
		got, err := backwards(j, edge.Pos{})
		if len(got) != c.read || !edge.IsKind(err, edge.Corrupt) {
			t.Errorf("%s: %d records, %v", name, len(got), err)
		}
	}
}

func blockAt(s *Set, last uint64) []byte {
	return blockKey(testStream, s.Journal(edge.Telemetry).Head().Epoch, last)
}

func TestBackOfNothing(t *testing.T) {
	j := openTestSet(t, memory(t), SetOptions{}).Journal(edge.Care)
	if got, err := backwards(j, edge.Pos{}); len(got) != 0 || err != nil {
		t.Errorf("%d records, %v", len(got), err)
	}
	if _, err := j.Until(t.Context(), time.Now()); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := openTestSet(t, memory(t), SetOptions{})
	appendOne(t, s, edge.Care, "x")
	for _, err := range s.Journal(edge.Care).Back(ctx, edge.Pos{}) {
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
}
