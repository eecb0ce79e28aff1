package journal

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
	"pgregory.net/rapid"
)

// model is what a set of journals should hold, kept as plainly as possible.
type model struct {
	store *state.Store
	set   *Set
	o     SetOptions
	all   [urgencies][]edge.Record // acknowledged, without the set's own shed reports
	marks [urgencies]edge.Pos      // of "hub"
}

func (m *model) open(t fataler) {
	t.Helper()
	var err error
	if m.set, err = OpenSet(m.store, m.o); err != nil {
		t.Fatal(err)
	}
}

func (m *model) append(t *rapid.T) {
	n := rapid.IntRange(1, 12).Draw(t, "events")
	var events []edge.Event
	for range n {
		u := rapid.SampledFrom([]edge.Urgency{edge.Critical, edge.Ledger, edge.Telemetry, edge.Telemetry, edge.Bulk}).Draw(t, "urgency")
		events = append(events, event(u, string(bytes.Repeat([]byte{byte(n)}, rapid.IntRange(0, 3000).Draw(t, "body")))))
	}
	if rapid.Bool().Draw(t, "together") {
		_, err := m.set.Append(context.Background(), events...)
		m.took(t, err, edge.Pos{}, events...)
		return
	}
	type answer struct {
		pos edge.Pos
		err error
	}
	answers := make(chan answer, n)
	for _, e := range events {
		if err := m.set.Submit(e, func(p edge.Pos, err error) { answers <- answer{p, err} }); err != nil {
			t.Fatal(err)
		}
	}
	for _, e := range events { // answers come in the order of Submit
		a := <-answers
		m.took(t, a.err, a.pos, e)
	}
}

// took notes what was said yes to. Only want of room may be a reason to say no. Positions that are not
// told are learned at the next check.
func (m *model) took(t *rapid.T, err error, p edge.Pos, events ...edge.Event) {
	if edge.IsKind(err, edge.Exhausted) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		m.all[e.Urgency] = append(m.all[e.Urgency], edge.Record{Pos: p, Event: e})
	}
}

func (m *model) mark(t *rapid.T) {
	u := rapid.SampledFrom(edge.Urgencies()).Draw(t, "urgency")
	if len(m.all[u]) == 0 {
		return
	}
	p := m.all[u][rapid.IntRange(0, len(m.all[u])-1).Draw(t, "record")].Pos
	if p.IsZero() {
		return
	}
	name := rapid.SampledFrom([]string{"hub", "hub", "page"}).Draw(t, "follower")
	if name == "hub" {
		m.marks[u] = p
	}
	if err := m.set.Journal(u).SetMark(context.Background(), name, p); err != nil {
		t.Fatal(err)
	}
}

// check reads every journal from its beginning and compares all there is to compare.
func (m *model) check(t fataler) {
	t.Helper()
	verifyAll(t, m.set)
	for _, j := range m.set.Journals() {
		m.checkJournal(t, j)
	}
}

func (m *model) checkJournal(t fataler, j *Journal) {
	t.Helper()
	own, i := m.all[j.urgency], 0
	at := j.Epochs()[0].First
	var gone, seen uint64
	for r, err := range j.Read(context.Background(), edge.Pos{}) {
		var gap *edge.Gap
		if errors.As(err, &gap) {
			if seen > 0 {
				t.Fatalf("%s: a gap after records", j.stream)
			}
			gone += gap.Count
			for i < len(own) && !own[i].Pos.IsZero() && compare(own[i].Pos, gap.To) <= 0 {
				i++
			}
			at = gap.To
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", j.stream, err)
		}
		if r.Pos.Epoch == at.Epoch && r.Pos.Seq != at.Seq+1 || r.Pos.Epoch != at.Epoch && r.Pos.Seq != 1 {
			t.Fatalf("%s: %v after %v", j.stream, r.Pos, at)
		}
		at = r.Pos
		seen++
		if r.Type == TypeShed {
			continue
		}
		if i >= len(own) || !bytes.Equal(own[i].Body, r.Body) || !own[i].Pos.IsZero() && own[i].Pos != r.Pos {
			t.Fatalf("%s: record %d at %v is not what was appended", j.stream, i, r.Pos)
		}
		own[i].Pos = r.Pos
		i++
	}
	total, c := j.Totals(), j.Counts("hub")
	switch {
	case i != len(own):
		t.Fatalf("%s: %d of %d records came back", j.stream, i, len(own))
	case total.Accepted.Records != gone+seen || total.Stored.Records != seen || total.Shed.Records+total.Trimmed.Records != gone:
		t.Fatalf("%s: %d gone, %d there, and the counters say %+v", j.stream, gone, seen, total)
	case c.Lost != 0 || c.Trimmed != 0 || j.Counts("page").Lost != 0 || j.Counts("nobody").Lost != 0:
		t.Fatalf("%s: hub %+v, page %+v, nobody %+v", j.stream, c, j.Counts("page"), j.Counts("nobody"))
	case !j.urgency.Sheddable() && total.Shed.Records > 0:
		t.Fatalf("%s: %d records were shed that must not be", j.stream, total.Shed.Records)
	case j.Mark("hub") != m.marks[j.urgency]:
		t.Fatalf("%s: mark %v, want %v", j.stream, j.Mark("hub"), m.marks[j.urgency])
	}
	m.checkMiddle(t, j, own)
}

// checkMiddle reads from a position in the middle: what follows must be the same.
func (m *model) checkMiddle(t fataler, j *Journal, own []edge.Record) {
	t.Helper()
	if len(own) < 2 {
		return
	}
	k := len(own) / 2
	var got int
	for r, err := range j.Read(context.Background(), own[k].Pos) {
		var gap *edge.Gap
		switch {
		case errors.As(err, &gap):
			for k+1 < len(own) && compare(own[k+1].Pos, gap.To) <= 0 {
				k++
			}
		case err != nil:
			t.Fatalf("%s after %v: %v", j.stream, own[k].Pos, err)
		case r.Type != TypeShed:
			if k++; k >= len(own) || own[k].Pos != r.Pos {
				t.Fatalf("%s: %v from the middle", j.stream, r.Pos)
			}
			got++
		}
	}
	if k != len(own)-1 {
		t.Fatalf("%s: reading from the middle ended %d records early", j.stream, len(own)-1-k)
	}
}

func TestJournalsAgainstAModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &model{store: openStore(t, state.Options{InMemory: true, MemTable: 4 << 20})}
		defer m.store.Close()
		m.o = family(SetOptions{
			Disk: rapid.Int64Range(30_000, 300_000).Draw(t, "disk"), Required: []string{"hub"},
			Budgets: map[edge.Urgency]Budget{
				edge.Bulk:      {Bytes: rapid.Int64Range(0, 60_000).Draw(t, "bulk"), Keep: time.Nanosecond},
				edge.Telemetry: {Bytes: rapid.Int64Range(0, 90_000).Draw(t, "telemetry")},
				edge.Ledger:    {Keep: time.Nanosecond},
			},
		})
		m.open(t)
		defer func() { m.set.Close() }()
		t.Repeat(map[string]func(*rapid.T){
			"append": m.append,
			"more":   m.append,
			"mark":   m.mark,
			"trim":   func(t *rapid.T) { m.set.trimNow(t) },
			"epoch": func(t *rapid.T) {
				if err := m.set.NewEpoch(context.Background(), "doubt"); err != nil {
					t.Fatal(err)
				}
			},
			"reopen": func(t *rapid.T) {
				if err := m.set.Close(); err != nil {
					t.Fatal(err)
				}
				m.open(t)
			},
			"": func(t *rapid.T) { m.check(t) },
		})
	})
}

func TestShedOldestAndTell(t *testing.T) {
	s := openTestSet(t, memory(t), SetOptions{Disk: 256 << 10, Required: []string{"hub"}})
	j, ledger := s.Journal(edge.Telemetry), s.Journal(edge.Ledger)
	body := string(make([]byte, 1000))
	for range 600 {
		appendOne(t, s, edge.Telemetry, body)
	}
	total := j.Totals()
	if total.Shed.Records == 0 || total.Accepted.Records != 600 || s.Journal(edge.Telemetry).Totals().Stored.Bytes > 256<<10 {
		t.Fatalf("%+v", total)
	}
	got := bodies(j, edge.Pos{})
	if want := int(total.Stored.Records) + 1; len(got) != want { // one gap, however often was shed
		t.Errorf("%d records and gaps, want %d", len(got), want)
	}
	var told uint64
	for r, err := range ledger.Read(t.Context(), edge.Pos{}) {
		if err != nil || r.Type != TypeShed || r.Subject != j.Stream() {
			t.Fatal(r.Type, err)
		}
		told += countOf(t, r)
	}
	if told != total.Shed.Records {
		t.Errorf("%d were shed, the ledger tells of %d", total.Shed.Records, told)
	}
	if h := s.Report(t.Context()); h.Level != edge.Degraded {
		t.Errorf("report: %+v", h)
	}
	// The reserve: what is urgent still gets in, and once everything else is gone it is refused, not dropped.
	var refused error
	for refused == nil {
		_, refused = s.Append(t.Context(), event(edge.Critical, body))
	}
	c := s.Journal(edge.Critical).Totals()
	if !edge.IsKind(refused, edge.Exhausted) || c.Accepted.Records < 150 || c.Shed.Records != 0 {
		t.Errorf("%v after %d", refused, c.Accepted.Records)
	}
	if _, err := s.Append(t.Context(), event(edge.Telemetry, body)); !edge.IsKind(err, edge.Exhausted) {
		t.Errorf("a reading pushed out an emergency: %v", err)
	}
	if err := s.Journal(edge.Critical).SetMark(t.Context(), "hub", s.Journal(edge.Critical).Head()); err != nil {
		t.Fatal(err)
	}
	appendOne(t, s, edge.Critical, body) // delivered ones make room
	verifyAll(t, s)
}

func TestGapRowsStayFew(t *testing.T) {
	s := openTestSet(t, memory(t), SetOptions{})
	c := s.chains[edge.Telemetry]
	for i := range 5 * maxGaps {
		appendOne(t, s, edge.Telemetry, "x")
		err := s.store.Commit(t.Context(), func(b *state.Batch) {
			v := s.store.View()
			defer v.Close()
			if _, err := c.remove(v, b, unix(1), i%2 == 0, func(block, Tally, int) bool { return true }); err != nil {
				t.Error(err)
			}
			c.write(b)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := len(c.cur.gaps); n > maxGaps {
		t.Errorf("%d gap rows", n)
	}
	sum := c.cur.gaps[0].shed
	for _, g := range c.cur.gaps[1:] {
		sum += g.shed
	}
	if sum != 5*maxGaps/2 || !slices.ContainsFunc(c.cur.gaps, func(g gapRow) bool { return g.reason == reasonMixed }) {
		t.Errorf("%d shed records are accounted for", sum)
	}
	s.Close()
	s = openTestSet(t, s.store, SetOptions{})
	verifyAll(t, s)
	if n := len(bodies(s.Journal(edge.Telemetry), edge.Pos{})); n > maxGaps {
		t.Errorf("%d gaps are told", n)
	}
}
