// Package storetest is the conformance test of a hub's store.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/hub/store"
	"github.com/aielon/edge/sync/wire"
)

// An Opener opens the same store each time it is called; the store opened before is closed.
type Opener func(t testing.TB) store.Store

// Run checks everything a Store promises. fresh returns an Opener on an empty store.
func Run(t *testing.T, fresh func(t testing.TB) Opener) {
	for _, c := range []struct {
		name string
		f    func(*testing.T, Opener)
	}{
		{"records", testRecords}, {"conflict", testConflict}, {"gaps", testGaps}, {"epochs", testEpochs}, {"poison", testPoison},
		{"freeze", testFreeze}, {"trim", testTrim}, {"extents", testExtents}, {"rows", testRows}, {"large", testLarge}, {"race", testRace}, {"order", testOrder},
	} {
		t.Run(c.name, func(t *testing.T) { c.f(t, fresh(t)) })
	}
	t.Run("model", func(t *testing.T) { testModel(t, fresh(t)) })
}

// A Pen writes one stream as a node would.
type Pen struct {
	ID   wire.StreamID
	Site string
	Pos  edge.Pos // where the stream stands
	n    int
}

// NewPen starts stream name of a site.
func NewPen(site, name string) *Pen { return &Pen{ID: wire.SiteStream(site, name), Site: site} }

// At is the time of everything a Pen writes.
var at = time.Date(2026, 11, 22, 8, 0, 0, 123456789, time.UTC)

func (p *Pen) base() store.Append {
	return store.Append{ID: p.ID, Site: p.Site, Urgency: edge.Telemetry, Via: edge.NodeID{1}, Time: at, From: p.Pos}
}

// Open begins an epoch.
func (p *Pen) Open(epoch uint64) store.Append {
	a := p.base()
	a.To = edge.Genesis(p.ID.String(), epoch, p.Pos)
	a.Fork = &store.Fork{Genesis: a.To, From: p.Pos, At: p.Pos, Reason: "test", Time: at}
	p.Pos = a.To
	return a
}

// Event is the n-th event of a test.
func Event(n int, body string) edge.Event {
	return edge.Event{Type: "device.reading", Subject: fmt.Sprintf("fridge-%d", n%7), Class: edge.SiteOnly, Urgency: edge.Telemetry,
		Time: at.Add(time.Duration(n) * time.Millisecond), Body: []byte(body)}
}

// Write appends one record per body.
func (p *Pen) Write(bodies ...string) store.Append {
	a := p.base()
	for _, body := range bodies {
		p.n++
		p.raw(&a, edge.AppendEvent(nil, Event(p.n, body)))
	}
	return a
}

func (p *Pen) raw(a *store.Append, enc []byte) {
	p.Pos = p.Pos.Next(enc)
	a.Items = append(a.Items, wire.Item{Pos: p.Pos, Raw: enc})
	a.To = p.Pos
}

// Skip declares n records gone.
func (p *Pen) Skip(n uint64, why string) store.Append {
	a := p.base()
	a.Skip = why
	p.Pos.Seq += n
	p.Pos.Sum[0] ^= 0x5a
	a.To = p.Pos
	return a
}

func commit(t testing.TB, s store.Store, list ...store.Append) {
	t.Helper()
	res, err := s.Commit(t.Context(), list)
	if err != nil || len(res) != len(list) {
		t.Fatalf("commit: %d results, %v", len(res), err)
	}
	for i, r := range res {
		if r.Err != nil || r.Cursor != list[i].To {
			t.Fatalf("append %d: cursor %v, want %v, %v", i, r.Cursor, list[i].To, r.Err)
		}
	}
}

// collect turns what Read yields into lines.
func collect(seq iter.Seq2[edge.Record, error]) (out []string, err error) {
	for r, err := range seq {
		var g *edge.Gap
		switch {
		case errors.As(err, &g):
			out = append(out, fmt.Sprintf("gap %d-%d %s", g.From.Seq+1, g.To.Seq, g.Reason))
		case err != nil:
			return out, err
		default:
			out = append(out, fmt.Sprintf("%d %s", r.Pos.Seq, r.Body))
		}
	}
	return out, nil
}

func expect(t testing.TB, s store.Store, id wire.StreamID, after edge.Pos, want ...string) {
	t.Helper()
	got, err := collect(s.Read(t.Context(), id, after))
	if err != nil || strings.Join(got, "; ") != strings.Join(want, "; ") {
		t.Fatalf("read after %v:\n got %q, %v\nwant %q", after, got, err, want)
	}
}

func stream(t testing.TB, s store.Store, id wire.StreamID) store.Stream {
	t.Helper()
	row, err := s.Stream(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return row
}

func testRecords(t *testing.T, open Opener) {
	s := open(t)
	p := NewPen("alnoor", "readings.telemetry")
	if _, err := s.Stream(t.Context(), p.ID); !edge.IsKind(err, edge.NotFound) {
		t.Fatalf("a stream that never was: %v", err)
	}
	commit(t, s, p.Open(7))
	commit(t, s, p.Write("a", "b"))
	mid := p.Pos
	last := p.Write("c")
	commit(t, s, last)
	for range 2 { // now, and after it was opened anew
		expect(t, s, p.ID, edge.Pos{}, "1 a", "2 b", "3 c")
		expect(t, s, p.ID, mid, "3 c")
		expect(t, s, p.ID, p.Pos)
		row := stream(t, s, p.ID)
		if row.Cursor != p.Pos || row.Site != "alnoor" || row.Urgency != edge.Telemetry || row.Via != (edge.NodeID{1}) || row.Counts.Accepted != 3 || !row.Created.Equal(at.Truncate(time.Microsecond)) && !row.Created.Equal(at) {
			t.Fatalf("row %+v", row)
		}
		it, err := s.Raw(t.Context(), p.ID, 7, 3)
		if err != nil || it.Pos != p.Pos || !bytes.Equal(it.Raw, last.Items[0].Raw) {
			t.Fatalf("raw %v, %v", it, err)
		}
		if _, err := s.Raw(t.Context(), p.ID, 7, 4); !edge.IsKind(err, edge.NotFound) {
			t.Fatalf("raw beyond the end: %v", err)
		}
		s = open(t)
	}
	for r, err := range s.Read(t.Context(), p.ID, mid) { // byte for byte, nanoseconds and all
		if err != nil || r.Pos != p.Pos || !bytes.Equal(edge.AppendEvent(nil, r.Event), last.Items[0].Raw) {
			t.Fatalf("record %+v, %v", r, err)
		}
	}
}

func testConflict(t *testing.T, open Opener) {
	s := open(t)
	p, q := NewPen("alnoor", "a"), NewPen("baraka", "b")
	commit(t, s, p.Open(1), q.Open(1))
	one := p.Write("a")
	commit(t, s, one)
	res, err := s.Commit(t.Context(), []store.Append{one, q.Write("b")})
	if err != nil || !edge.IsKind(res[0].Err, edge.Conflict) || res[0].Cursor != p.Pos || res[1].Err != nil {
		t.Fatalf("an append from elsewhere must not hold up the others: %+v, %v", res, err)
	}
	early := p.Write("x", "y")
	early.From = edge.Pos{Epoch: 1, Seq: 9, Sum: p.Pos.Sum}
	early.To = edge.Pos{Epoch: 1, Seq: 11}
	res, err = s.Commit(t.Context(), []store.Append{early})
	if err != nil || !edge.IsKind(res[0].Err, edge.Conflict) {
		t.Fatalf("an append with a hole before it: %+v, %v", res, err)
	}
	expect(t, s, p.ID, edge.Pos{}, "1 a")
	expect(t, s, q.ID, edge.Pos{}, "1 b")
	if row := stream(t, s, p.ID); row.Counts.Accepted != 1 {
		t.Fatalf("counted %d", row.Counts.Accepted)
	}
}

func testGaps(t *testing.T, open Opener) {
	s := open(t)
	p := NewPen("alnoor", "a")
	commit(t, s, p.Open(1))
	commit(t, s, p.Write("a"))
	commit(t, s, p.Skip(5, "shed: disk budget"))
	commit(t, s, p.Write("b"))
	expect(t, s, p.ID, edge.Pos{}, "1 a", "gap 2-6 shed: disk budget", "7 b")
	expect(t, s, p.ID, edge.Pos{Epoch: 1, Seq: 4}, "gap 5-6 shed: disk budget", "7 b")
	if c := stream(t, s, p.ID).Counts; c.Accepted != 2 || c.Skipped != 5 {
		t.Fatalf("counts %+v", c)
	}
}

func testEpochs(t *testing.T, open Opener) {
	s := open(t)
	p := NewPen("alnoor", "a")
	commit(t, s, p.Open(3))
	commit(t, s, p.Write("a", "b"))
	end := p.Pos
	f := p.Open(9)
	f.Fork.Missing = 4
	commit(t, s, f)
	commit(t, s, p.Write("c"))
	expect(t, s, p.ID, edge.Pos{}, "1 a", "2 b", "1 c")
	expect(t, s, p.ID, end, "1 c")
	s = open(t)
	forks, err := s.Forks(t.Context(), p.ID)
	if err != nil || len(forks) != 2 || forks[1].At != end || forks[1].Genesis != f.To || forks[1].Missing != 4 || forks[1].Reason != "test" {
		t.Fatalf("forks %+v, %v", forks, err)
	}
	if c := stream(t, s, p.ID).Counts; c.Missing != 4 || c.Accepted != 3 {
		t.Fatalf("counts %+v", c)
	}
}

func testPoison(t *testing.T, open Opener) {
	s := open(t)
	p := NewPen("alnoor", "a")
	commit(t, s, p.Open(1))
	a := p.Write("a")
	p.raw(&a, []byte("\x09nobody can read this"))
	bad := p.Pos
	b := p.Write("b")
	a.Items, a.To = append(a.Items, b.Items...), b.To
	a.Poison = map[uint64]string{2: "unknown version"}
	a.Rows = []store.Row{{Site: "alnoor", Kind: "quarantine", Key: "x/2", Value: []byte("why")}}
	commit(t, s, a)
	expect(t, s, p.ID, edge.Pos{}, "1 a", "gap 2-2 set aside: unknown version", "3 b")
	it, err := s.Raw(t.Context(), p.ID, 1, 2)
	if err != nil || it.Pos != bad || string(it.Raw) != "\x09nobody can read this" {
		t.Fatalf("raw %q, %v", it.Raw, err)
	}
	if r, err := s.Row(t.Context(), "alnoor", "quarantine", "x/2"); err != nil || string(r.Value) != "why" {
		t.Fatalf("row %q, %v", r.Value, err)
	}
	if c := stream(t, s, p.ID).Counts; c.Quarantined != 1 || c.Accepted != 3 {
		t.Fatalf("counts %+v", c)
	}
}

func testFreeze(t *testing.T, open Opener) {
	s := open(t)
	p := NewPen("alnoor", "a")
	if err := s.Freeze(t.Context(), p.ID, "x"); !edge.IsKind(err, edge.NotFound) {
		t.Fatalf("freezing nothing: %v", err)
	}
	commit(t, s, p.Open(1))
	if err := s.Freeze(t.Context(), p.ID, "two records at one place", store.Row{Site: "alnoor", Kind: "evidence", Key: "k", Value: []byte("e")}); err != nil {
		t.Fatal(err)
	}
	s = open(t)
	a := p.Write("a")
	res, err := s.Commit(t.Context(), []store.Append{a})
	if err != nil || !edge.IsKind(res[0].Err, edge.Denied) {
		t.Fatalf("a frozen stream took records: %+v, %v", res, err)
	}
	if _, err := s.Row(t.Context(), "alnoor", "evidence", "k"); err != nil {
		t.Fatal(err)
	}
	if err := s.Freeze(t.Context(), p.ID, ""); err != nil {
		t.Fatal(err)
	}
	commit(t, s, a)
}

func testTrim(t *testing.T, open Opener) {
	s := open(t)
	p := NewPen("alnoor", "a")
	commit(t, s, p.Open(1))
	commit(t, s, p.Write("a", "b"))
	mid := p.Pos
	commit(t, s, p.Write("c"))
	n, err := s.Trim(t.Context(), p.ID, mid)
	if err != nil || n != 2 {
		t.Fatalf("trimmed %d, %v", n, err)
	}
	expect(t, s, p.ID, edge.Pos{}, "gap 1-2 "+store.TrimmedReason, "3 c")
	var g *edge.Gap
	for _, err := range s.Read(t.Context(), p.ID, edge.Pos{}) {
		if !errors.As(err, &g) || g.To != mid {
			t.Fatalf("a gap must end at a position with its sum: %v, %v", g, mid)
		}
		break
	}
	if n, err = s.Trim(t.Context(), p.ID, p.Pos); err != nil || n != 1 {
		t.Fatalf("trimmed %d, %v", n, err)
	}
	expect(t, s, p.ID, edge.Pos{}, "gap 1-3 "+store.TrimmedReason)
	commit(t, s, p.Write("d"))
	expect(t, s, p.ID, p.Pos)
	if c := stream(t, s, p.ID).Counts; c.Trimmed != 3 || c.Accepted != 4 {
		t.Fatalf("counts %+v", c)
	}
}

// What is kept is listed in pieces, each of which can be forgotten, and what is forgotten is counted.
func testExtents(t *testing.T, open Opener) {
	s := open(t)
	p := NewPen("alnoor", "a")
	for range s.Extents(t.Context(), p.ID) {
		t.Fatal("a stream that never was has something")
	}
	later := func(a store.Append, hours int) store.Append {
		a.Time = at.Add(time.Duration(hours) * time.Hour)
		return a
	}
	commit(t, s, p.Open(1))
	commit(t, s, later(p.Write("a", "bb"), 1))
	commit(t, s, later(p.Skip(3, "shed"), 2))
	commit(t, s, later(p.Write("c"), 3))
	commit(t, s, later(p.Open(4), 4))
	commit(t, s, later(p.Write("d"), 5))
	s = open(t)
	records, size, _ := extents(t, s, p.ID, at.Add(6*time.Hour))
	if c := stream(t, s, p.ID).Counts; records != 4 || size != c.Bytes || c.Kept() != size {
		t.Fatalf("%d records of %d bytes are kept, counted %+v", records, size, c)
	}
	_, _, upTo := extents(t, s, p.ID, at.Add(4*time.Hour))
	if n, err := s.Trim(t.Context(), p.ID, upTo); err != nil || n != 3 {
		t.Fatalf("trimmed %d, %v", n, err)
	}
	records, size, _ = extents(t, s, p.ID, at.Add(6*time.Hour))
	if c := stream(t, s, p.ID).Counts; records != 1 || size == 0 || c.Kept() != size || c.Trimmed != 3 {
		t.Fatalf("%d records of %d bytes are kept, counted %+v", records, size, c)
	}
	commit(t, s, later(p.Write("e"), 7))
	if c := stream(t, open(t), p.ID).Counts; c.Trimmed != 3 || c.TrimmedSize == 0 || c.Accepted != 5 {
		t.Fatalf("a later append lost the counts: %+v", c)
	}
}

// extents adds up what came before a time, and returns where that ends.
func extents(t testing.TB, s store.Store, id wire.StreamID, before time.Time) (records, size uint64, upTo edge.Pos) {
	t.Helper()
	for e, err := range s.Extents(t.Context(), id) {
		switch {
		case err != nil:
			t.Fatal(err)
		case e.Records > 0 && e.Time.IsZero():
			t.Fatalf("when %v came is not known", e.To)
		case store.Before(e.To, upTo):
			t.Fatalf("%v after %v", e.To, upTo)
		}
		if e.Time.Before(before) {
			records, size, upTo = records+e.Records, size+e.Bytes, e.To
		}
	}
	return records, size, upTo
}

func testRows(t *testing.T, open Opener) {
	s := open(t)
	row := func(site, key, v string) store.Row {
		return store.Row{Site: site, Kind: "node", Key: key, Value: []byte(v)}
	}
	if err := s.Put(t.Context(), row("b", "2", "x"), row("a", "1", "y"), row("a", "10", "z"), store.Row{Site: "a", Kind: "other", Key: "1", Value: []byte{0, 255}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), row("b", "2", "new"), store.Row{Site: "a", Kind: "node", Key: "10"}); err != nil {
		t.Fatal(err)
	}
	list := func(site, prefix string) (out string) {
		for r, err := range s.Rows(t.Context(), site, "node", prefix) {
			if err != nil {
				t.Fatal(err)
			}
			out += r.Site + r.Key + string(r.Value) + " "
		}
		return out
	}
	s = open(t)
	if all, one, none := list("", ""), list("a", "1"), list("a", "2"); all != "a1y b2new " || one != "a1y " || none != "" {
		t.Fatalf("rows %q %q %q", all, one, none)
	}
	if _, err := s.Row(t.Context(), "a", "node", "10"); !edge.IsKind(err, edge.NotFound) {
		t.Fatalf("a deleted row: %v", err)
	}
	if err := s.Put(t.Context(), store.Row{Site: "a", Kind: "node", Key: "x", Value: make([]byte, store.MaxRow+1)}); !edge.IsKind(err, edge.Invalid) {
		t.Fatalf("a row that is too long: %v", err)
	}
}

func testLarge(t *testing.T, open Opener) {
	s := open(t)
	p := NewPen("alnoor", "a")
	commit(t, s, p.Open(1))
	noise := make([]byte, edge.MaxBody)
	x := uint32(1)
	for i := range noise {
		x = x*1664525 + 1013904223
		noise[i] = byte(x >> 24)
	}
	a := p.Write(string(noise))
	commit(t, s, a)
	for r, err := range s.Read(t.Context(), p.ID, edge.Pos{}) {
		if err != nil || !bytes.Equal(r.Body, noise) {
			t.Fatalf("%d bytes came back, %v", len(r.Body), err)
		}
	}
	if _, err := s.Trim(t.Context(), p.ID, p.Pos); err != nil {
		t.Fatal(err)
	}
}

// Many at once on one stream: of each position exactly one wins.
func testRace(t *testing.T, open Opener) {
	s := open(t)
	p := NewPen("alnoor", "a")
	commit(t, s, p.Open(1))
	for round := range 5 {
		var mu sync.Mutex
		var wg sync.WaitGroup
		won := 0
		base := *p
		for i := range 4 {
			q := base
			a := q.Write(fmt.Sprintf("%d-%d", round, i))
			wg.Go(func() {
				res, err := s.Commit(context.WithoutCancel(t.Context()), []store.Append{a})
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				} else if res[0].Err == nil {
					won++
					p.Pos = a.To
				}
			})
		}
		wg.Wait()
		if won != 1 {
			t.Fatalf("%d of 4 writers won", won)
		}
	}
	got, err := collect(s.Read(t.Context(), p.ID, edge.Pos{}))
	if err != nil || len(got) != 5 {
		t.Fatalf("%q, %v", got, err)
	}
}

// Streams whose names begin alike do not see each other.
func testOrder(t *testing.T, open Opener) {
	s := open(t)
	a, b, c := NewPen("a", "x"), NewPen("a", "x.y"), NewPen("ab", "x")
	for i, p := range []*Pen{a, b, c} {
		commit(t, s, p.Open(uint64(i+1)))
		commit(t, s, p.Write("of "+p.ID.String()))
	}
	for _, p := range []*Pen{a, b, c} {
		expect(t, s, p.ID, edge.Pos{}, "1 of "+p.ID.String())
	}
	n := 0
	for row, err := range s.Streams(t.Context(), wire.SitePrefix+"a") {
		if err != nil || row.Site != "a" {
			t.Fatal(row, err)
		}
		n++
	}
	if n != 2 {
		t.Fatalf("%d streams of site a", n)
	}
}

// Whatever is done, in any order, what is read is what was accepted.
func testModel(t *testing.T, open Opener) {
	s := open(t)
	round := 0
	rapid.Check(t, func(rt *rapid.T) {
		round++
		p := NewPen("alnoor", fmt.Sprintf("m%d", round))
		epoch := rapid.Uint64Range(1, 1<<40).Draw(rt, "epoch")
		commit(t, s, p.Open(epoch))
		var want []string
		for range rapid.IntRange(1, 6).Draw(rt, "steps") {
			switch rapid.IntRange(0, 9).Draw(rt, "what") {
			case 0:
				epoch += rapid.Uint64Range(1, 9).Draw(rt, "more")
				commit(t, s, p.Open(epoch))
			case 1:
				n := rapid.Uint64Range(1, 50).Draw(rt, "gone")
				want = append(want, fmt.Sprintf("gap %d-%d shed", p.Pos.Seq+1, p.Pos.Seq+n))
				commit(t, s, p.Skip(n, "shed"))
			case 2: // late, and refused
				a := p.Write("never")
				p.Pos = a.From
				a.From.Sum[31] ^= 1
				if res, err := s.Commit(t.Context(), []store.Append{a}); err != nil || !edge.IsKind(res[0].Err, edge.Conflict) {
					rt.Fatalf("%+v, %v", res, err)
				}
			default:
				var bodies []string
				for range rapid.IntRange(1, 5).Draw(rt, "records") {
					bodies = append(bodies, rapid.StringN(0, 20, 60).Draw(rt, "body"))
				}
				for i, b := range bodies {
					want = append(want, fmt.Sprintf("%d %s", p.Pos.Seq+uint64(i)+1, b))
				}
				commit(t, s, p.Write(bodies...))
			}
		}
		got, err := collect(s.Read(t.Context(), p.ID, edge.Pos{}))
		if err != nil || strings.Join(got, "\n") != strings.Join(want, "\n") {
			rt.Fatalf("got %q, %v\nwant %q", got, err, want)
		}
	})
}
