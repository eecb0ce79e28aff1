package journal

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
)

func TestAppendReadReopen(t *testing.T) {
	dir := t.TempDir()
	store := openStore(t, state.Options{Dir: dir, MemTable: 4 << 20})
	s, err := OpenSet(store, family(SetOptions{}))
	if err != nil {
		t.Fatal(err)
	}
	appendOne(t, s, edge.Telemetry, "one")
	at := appendOne(t, s, edge.Telemetry, "two")
	appendOne(t, s, edge.Critical, "fire")
	p, err := s.Append(t.Context(), event(edge.Telemetry, "three"), event(edge.Ledger, "paid"), event(edge.Telemetry, "four"))
	if err != nil || p.Seq != 4 {
		t.Fatalf("%v %v", p, err)
	}
	check := func(s *Set) {
		t.Helper()
		for u, want := range map[edge.Urgency][]string{
			edge.Telemetry: {"one", "two", "three", "four"}, edge.Critical: {"fire"}, edge.Ledger: {"paid"}, edge.Bulk: nil,
		} {
			if got := bodies(s.Journal(u), edge.Pos{}); !slices.Equal(got, want) {
				t.Errorf("%v: %q, want %q", u, got, want)
			}
		}
		if got := bodies(s.Journal(edge.Telemetry), at); !slices.Equal(got, []string{"three", "four"}) {
			t.Errorf("after two: %q", got)
		}
		if got := s.Journal(edge.Telemetry).Head(); got != p {
			t.Errorf("head %v, want %v", got, p)
		}
		verifyAll(t, s)
	}
	check(s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(t.Context(), event(1, "late")); !edge.IsKind(err, edge.Unavailable) {
		t.Errorf("append after close: %v", err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	store = openStore(t, state.Options{Dir: dir, MemTable: 4 << 20})
	defer store.Close()
	check(openTestSet(t, store, SetOptions{}))
	o := family(SetOptions{})
	o.Origin[0]++
	if _, err := OpenSet(store, o); !edge.IsKind(err, edge.Conflict) {
		t.Errorf("another node's store: %v", err)
	}
}

func TestSubmitAnswersInOrder(t *testing.T) {
	s := openTestSet(t, memory(t), SetOptions{})
	var got []string
	var all sync.WaitGroup
	for i := range 5000 {
		all.Add(1)
		err := s.Submit(event(edge.Urgency(1+i%6), fmt.Sprint(i)), func(p edge.Pos, err error) {
			if err != nil || p.Seq != uint64(i/6+1) {
				t.Errorf("%d: %v %v", i, p, err)
			}
			got = append(got, fmt.Sprint(i)) // the committer's goroutine alone
			all.Done()
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	all.Wait()
	for i, g := range got {
		if g != fmt.Sprint(i) {
			t.Fatalf("answer %d is for %s", i, g)
		}
	}
	verifyAll(t, s)
}

func TestRefusals(t *testing.T) {
	s := openTestSet(t, memory(t), SetOptions{MaxPending: 10, MaxPendingBytes: 1 << 20})
	for name, c := range map[string]struct {
		events []edge.Event
		kind   edge.Kind
	}{
		"no type":        {[]edge.Event{{Urgency: 1}}, edge.Invalid},
		"no urgency":     {[]edge.Event{{Type: "x"}}, edge.Invalid},
		"no events":      {nil, edge.Invalid},
		"one is bad":     {[]edge.Event{event(1, "good"), {}}, edge.Invalid},
		"year 3000":      {[]edge.Event{{Type: "x", Urgency: 1, Time: time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC)}}, edge.Invalid},
		"body too large": {[]edge.Event{event(1, strings.Repeat("x", edge.MaxBody))}, edge.Invalid},
		"step too large": {slices.Repeat([]edge.Event{event(1, strings.Repeat("x", 300_000))}, 3), edge.Invalid},
		"queue too long": {slices.Repeat([]edge.Event{event(1, "x")}, 11), edge.Exhausted},
	} {
		if _, err := s.Append(t.Context(), c.events...); !edge.IsKind(err, c.kind) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := s.Journal(1).Head().Seq; got != 0 {
		t.Errorf("a refusal left %d records", got)
	}
	big := strings.Repeat("x", edge.MaxBody-1000)
	appendOne(t, s, edge.Bulk, big)
	appendOne(t, s, edge.Bulk, "small")
	if got := bodies(s.Journal(edge.Bulk), edge.Pos{}); !slices.Equal(got, []string{big, "small"}) {
		t.Error("a large record did not come back")
	}
}

func TestTimeIsFilledInAndNeverRunsBack(t *testing.T) {
	s := openTestSet(t, memory(t), SetOptions{})
	own := time.Date(2020, 5, 6, 7, 8, 9, 10, time.UTC)
	e := event(edge.Care, "own")
	e.Time = own
	before := time.Now()
	if _, err := s.Append(t.Context(), event(edge.Care, "a"), e, event(edge.Care, "b")); err != nil {
		t.Fatal(err)
	}
	var times []time.Time
	for r, err := range s.Journal(edge.Care).Read(t.Context(), edge.Pos{}) {
		if err != nil {
			t.Fatal(err)
		}
		times = append(times, r.Time)
	}
	if times[0].Before(before.Truncate(0)) || times[2].Before(times[0]) || !times[1].Equal(own) {
		t.Errorf("%v", times)
	}
	c := s.chains[edge.Care]
	c.add(state.NewBatch(), event(edge.Care, "clock set back"), nil, own, 0)
	if got := c.cur.row.lastTime; got < times[2].UnixNano() {
		t.Errorf("time ran back to %v", time.Unix(0, got))
	}
	c.Rollback()
}

func TestEpochs(t *testing.T) {
	store := memory(t)
	s := openTestSet(t, store, SetOptions{})
	j := s.Journal(edge.Ledger)
	first := appendOne(t, s, edge.Ledger, "1")
	fork := appendOne(t, s, edge.Ledger, "2")
	if err := s.NewEpoch(t.Context(), "restored"); err != nil {
		t.Fatal(err)
	}
	if err := s.NewEpoch(t.Context(), "restored again"); err != nil { // replaces the empty one
		t.Fatal(err)
	}
	second := appendOne(t, s, edge.Ledger, "3")
	if second.Seq != 1 || second.Epoch <= fork.Epoch {
		t.Fatalf("%v after %v", second, fork)
	}
	es := j.Epochs()
	if len(es) != 2 || es[1].Fork != fork || es[1].Reason != "restored again" || es[0].Last != fork {
		t.Fatalf("%+v", es)
	}
	for _, c := range []struct {
		after edge.Pos
		want  []string
	}{
		{edge.Pos{}, []string{"1", "2", "3"}},
		{es[0].First, []string{"1", "2", "3"}},
		{first, []string{"2", "3"}},
		{edge.Pos{Epoch: first.Epoch, Seq: 1}, []string{"2", "3"}}, // without a sum
		{edge.Pos{Epoch: first.Epoch, Seq: 1, Sum: [32]byte{1}}, []string{"conflict"}},
		{fork, []string{"3"}},
		{edge.Pos{Epoch: fork.Epoch, Seq: 2, Sum: [32]byte{1}}, []string{"conflict"}},
		{edge.Pos{Epoch: fork.Epoch, Seq: 90, Sum: [32]byte{1}}, []string{"3"}}, // the hub has more of the old epoch
		{edge.Pos{Epoch: fork.Epoch + 1, Seq: 9}, []string{"3"}},                // an epoch that left nothing here
		{es[1].First, []string{"3"}},
		{second, nil},
		{edge.Pos{Epoch: second.Epoch, Seq: 2}, []string{"conflict"}}, // this store lost its newest records
		{edge.Pos{Epoch: second.Epoch + 1}, []string{"conflict"}},
	} {
		if got := bodies(j, c.after); !slices.Equal(got, c.want) {
			t.Errorf("after %v: %q, want %q", c.after, got, c.want)
		}
	}
	if err := j.SetMark(t.Context(), "hub", edge.Pos{Epoch: fork.Epoch, Seq: 90}); err != nil {
		t.Error(err)
	}
	if c := j.Counts("hub"); c != (Counts{Accepted: 3, Acked: 2, Waiting: 1}) {
		t.Errorf("%+v", c)
	}
	if err := j.SetMark(t.Context(), "hub", edge.Pos{Epoch: second.Epoch, Seq: 90}); !edge.IsKind(err, edge.Conflict) {
		t.Errorf("a mark ahead: %v", err)
	}
	s.Close()
	verifyAll(t, openTestSet(t, store, SetOptions{}))
}

func TestNextEpochGrows(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	e := NextEpoch(now, 0)
	if e>>24 != 1_700_000_000 {
		t.Errorf("%x", e)
	}
	if n := NextEpoch(time.Unix(0, 0), e); n <= e { // the clock lost its battery
		t.Errorf("%x after %x", n, e)
	}
}

func TestWaitWakesOnAppend(t *testing.T) {
	s := openTestSet(t, memory(t), SetOptions{})
	j := s.Journal(edge.Critical)
	at := j.Head()
	woke := make(chan error, 1)
	go func() { woke <- j.Wait(context.Background(), at) }()
	appendOne(t, s, edge.Bulk, "elsewhere")
	select {
	case err := <-woke:
		t.Fatalf("woke too early: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	at = appendOne(t, s, edge.Critical, "here")
	if err := <-woke; err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := j.Wait(ctx, at); err == nil {
		t.Error("waited past the end of its context")
	}
	go func() { woke <- j.Wait(context.Background(), at) }()
	s.Close()
	if err := <-woke; !edge.IsKind(err, edge.Unavailable) {
		t.Errorf("after close: %v", err)
	}
}

func TestABrokenLoopHoldsNoView(t *testing.T) {
	store := memory(t)
	s := openTestSet(t, store, SetOptions{})
	for i := range 50 {
		appendOne(t, s, edge.Telemetry, fmt.Sprint(i))
	}
	for range s.Journal(edge.Telemetry).Read(t.Context(), edge.Pos{}) {
		if n := store.Stats().Views; n != 0 {
			t.Errorf("%d views are open while a record is looked at", n)
		}
		break
	}
	if n := store.Stats().Views; n != 0 {
		t.Errorf("%d views are open", n)
	}
}

func TestReaderOverManagedStore(t *testing.T) {
	store := openStore(t, state.Options{InMemory: true, Managed: true, MemTable: 8 << 20})
	defer store.Close()
	load := func() *Chain {
		v := store.View()
		defer v.Close()
		c, err := LoadChain(v, "site.ledger")
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c, b := load(), state.NewBatch()
	if _, _, err := c.Append(b, []edge.Event{event(2, "too early")}); !edge.IsKind(err, edge.Invalid) {
		t.Errorf("append before begin: %v", err)
	}
	if err := c.Begin(b, "site:north", 77, "first", unix(5)); err != nil {
		t.Fatal(err)
	}
	var ats []edge.Pos
	for i := range 5 {
		first, last, err := c.Append(b, []edge.Event{event(2, fmt.Sprint(i)), event(2, fmt.Sprint(i, "b"))})
		if err != nil || last.Seq != first.Seq+1 {
			t.Fatal(first, last, err)
		}
		ats = append(ats, last)
		if err := store.CommitAt(b, uint64(10+i)); err != nil {
			t.Fatal(err)
		}
		c.Committed()
		b = state.NewBatch()
	}
	if _, _, err := c.Append(b, []edge.Event{event(2, "dropped")}); err != nil {
		t.Fatal(err)
	}
	c.Rollback()
	if got := load(); !reflect.DeepEqual(got.cur, c.cur) {
		t.Errorf("loaded %+v\nhave %+v", got.cur, c.cur)
	}
	v := store.View()
	if n, err := c.Trim(v, b, ats[1], 100, unix(9)); err != nil || n.Records != 4 {
		t.Fatal(n, err)
	}
	v.Close()
	if err := store.CommitAt(b, 100); err != nil {
		t.Fatal(err)
	}
	r := NewReader(store.View, "site.ledger", nil)
	if got := bodies(r, edge.Pos{}); !slices.Equal(got, []string{"-4 trimmed", "2", "2b", "3", "3b", "4", "4b"}) {
		t.Errorf("%q", got)
	}
	if got := bodies(r, ats[0]); got[0] != "-2 trimmed" {
		t.Errorf("%q", got)
	}
	if r.Head() != ats[4] || r.Wait(t.Context(), ats[3]) != nil {
		t.Errorf("head %v", r.Head())
	}
	if got := bodies(NewReader(store.View, "nothing", nil), edge.Pos{}); got != nil {
		t.Errorf("%q", got)
	}
}

// TestFormatIsPinned fails when what lies on disk changes: old data must stay readable, so a new layout
// needs a new version byte and a reader for the old one.
func TestFormatIsPinned(t *testing.T) {
	g := edge.Genesis("origin/readings.telemetry", 3, edge.Pos{})
	e := edge.Event{Type: "a", Subject: "s", Class: edge.Clinical, Urgency: edge.Telemetry, Time: unix(9), Body: []byte("body")}
	key, value, after := buildBlock(g, e, e)
	gap := gapRow{g, after, Tally{2, 90}, 1, 7, ReasonShed}
	for name, c := range map[string]struct {
		bytes []byte
		want  string
	}{
		"key":    {key, "5ec78ad017ed8b7a"},
		"block":  {value, "a60b0e4cbbe3043b"},
		"head":   {headRow{after, g, 5, 1, Tally{2, 90}, Tally{2, 90}, Tally{}, Tally{}}.encode(), "21287e3617227568"},
		"epochs": {epochsRow{"origin/readings.telemetry", []Epoch{{3, edge.Pos{}, g, after, "first start", 4, 0}}}.encode(), "09b897eba3b26a78"},
		"gap":    {gap.encode(), "b089bf6e9c85d58b"},
		"mark":   {markRow{after, 2, 1, 0}.encode(), "c0a5b517038a2687"},
	} {
		sum := sha256.Sum256(c.bytes)
		if got := hex.EncodeToString(sum[:8]); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestOldAndDeliveredIsTrimmed(t *testing.T) {
	s := openTestSet(t, memory(t), SetOptions{Required: []string{"hub"}, Budgets: map[edge.Urgency]Budget{edge.Ledger: {Keep: time.Hour}}})
	j := s.Journal(edge.Ledger)
	appendOne(t, s, edge.Ledger, "1")
	at := appendOne(t, s, edge.Ledger, "2")
	appendOne(t, s, edge.Ledger, "3")
	now, later := time.Now(), time.Now().Add(2*time.Hour)
	if s.anyOld(later) {
		t.Error("what the hub does not have would be trimmed")
	}
	if err := j.SetMark(t.Context(), "hub", at); err != nil {
		t.Fatal(err)
	}
	if s.anyOld(now) || !s.anyOld(later) {
		t.Errorf("old now: %v, old later: %v", s.anyOld(now), s.anyOld(later))
	}
	b := state.NewBatch()
	w := &writer{s: s, trims: true}
	w.makeRoom(b, later)
	if got := w.removed[edge.Ledger]; len(got) != 1 || got[0].to != at || got[0].shed {
		t.Errorf("%+v", got)
	}
	s.chains[edge.Ledger].Rollback()
}

func TestALowerBudgetSheds(t *testing.T) {
	s := openTestSet(t, memory(t), SetOptions{Required: []string{"hub"}})
	for range 100 {
		appendOne(t, s, edge.Telemetry, string(make([]byte, 1000)))
	}
	s.SetDisk(50_000)
	for range 20 {
		appendOne(t, s, edge.Telemetry, "x")
	}
	if total := s.Journal(edge.Telemetry).Totals(); total.Stored.Bytes > 50_000 || total.Shed.Records == 0 {
		t.Errorf("%+v", total)
	}
	if c := s.Journal(edge.Telemetry).Counts("hub"); c.Lost != 0 {
		t.Errorf("%+v", c)
	}
}
