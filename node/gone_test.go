package node

import (
	"context"
	"encoding/json"
	"iter"
	"testing"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/journal"
)

// A shortJournal no longer keeps its first records; its mark lives as long as a test wants.
type shortJournal struct {
	kept, head edge.Pos // what lies up to kept is trimmed
	mark       edge.Pos
	fails      error
}

func (j *shortJournal) Stream() string                       { return "readings.telemetry" }
func (j *shortJournal) Head() edge.Pos                       { return j.head }
func (j *shortJournal) Wait(context.Context, edge.Pos) error { return nil }
func (j *shortJournal) Mark(string) edge.Pos                 { return j.mark }
func (j *shortJournal) SetMark(_ context.Context, _ string, p edge.Pos) error {
	if j.fails == nil {
		j.mark = p
	}
	return j.fails
}
func (j *shortJournal) Read(_ context.Context, after edge.Pos) iter.Seq2[edge.Record, error] {
	return func(yield func(edge.Record, error) bool) {
		if after.Seq < j.kept.Seq {
			from := edge.Pos{Epoch: j.kept.Epoch, Seq: after.Seq}
			yield(edge.Record{}, &edge.Gap{From: from, To: j.kept, Count: j.kept.Seq - from.Seq, Reason: journal.ReasonTrimmed})
		}
	}
}

// TestGoneIsBookedOnce ends the process at every step between the hub's word and the record that tells what
// is gone, with the step written and not. Whatever the hub says next, it is counted and told, once.
func TestGoneIsBookedOnce(t *testing.T) {
	t.Parallel() // it mostly waits
	at := func(seq uint64) edge.Pos { return edge.Pos{Epoch: 1, Seq: seq} }
	had, back := at(250), at(0)
	row := func(t *testing.T, n *box, r goneRow) {
		t.Helper()
		if err := n.keepGone(t.Context(), "readings.telemetry", r); err != nil {
			t.Fatal(err)
		}
	}
	body, _ := json.Marshal(map[string]int{"records": 130})
	booked := goneRow{Gone: []span{{1, 0, 130}}, Tell: []json.RawMessage{body}}
	for name, c := range map[string]struct {
		before func(t *testing.T, n *box, j *shortJournal)
		says   edge.Pos // the hub, next
	}{
		"nothing was written": {func(*testing.T, *box, *shortJournal) {}, back},
		"the note was written": {func(t *testing.T, n *box, j *shortJournal) {
			j.fails = edge.E(edge.Unavailable, "test")
			if err := n.marker(j)(t.Context(), back); err == nil {
				t.Fatal("the mark was kept")
			}
			j.fails = nil
		}, back},
		"the mark was written too": {func(t *testing.T, n *box, j *shortJournal) {
			row(t, n, goneRow{Had: &had})
			j.mark = back
		}, back},
		"the mark was lost": {func(t *testing.T, n *box, j *shortJournal) {
			if err := n.marker(j)(t.Context(), back); err != nil {
				t.Fatal(err)
			}
			j.mark = had
		}, back},
		"the account was written": {func(t *testing.T, n *box, j *shortJournal) {
			row(t, n, booked)
			j.mark = back
		}, at(250)},
		"the record was written": {func(t *testing.T, n *box, j *shortJournal) {
			row(t, n, booked)
			j.mark = back
			e := edge.Event{Type: TypeGone, Subject: j.Stream(), Class: edge.SiteOnly, Urgency: edge.Ledger, Body: body}
			if _, err := n.journals.Append(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}, back},
	} {
		t.Run(name, func(t *testing.T) {
			n := start(t, smallConfig(t))
			j := &shortJournal{kept: at(130), head: at(250), mark: had}
			c.before(t, n, j)
			for _, p := range []edge.Pos{c.says, c.says, at(250)} {
				if err := n.marker(j)(t.Context(), p); err != nil {
					t.Fatal(err)
				}
			}
			r := n.goneOf(j.Stream())
			told := 0
			for _, x := range records(t, n.journals.Journal(edge.Ledger)) {
				if x.Type == TypeGone {
					told++
				}
			}
			if countOf(r.Gone) != 130 || r.Had != nil || r.Tell != nil || told != 1 || j.mark != at(250) {
				t.Errorf("the account says %+v, told %d times, the mark is %v", r, told, j.mark)
			}
		})
	}
}

// The account of a stream that owes nothing is not read with every mark, and is read again once something is
// booked, whichever marker the uplink holds by then.
func TestGoneIsReadOnceWhileNothingIsOwed(t *testing.T) {
	n := start(t, smallConfig(t))
	j := &shortJournal{kept: edge.Pos{Epoch: 1, Seq: 10}, head: edge.Pos{Epoch: 1, Seq: 100}}
	mark := n.marker(j)
	to := func(seq uint64) {
		t.Helper()
		if err := mark(t.Context(), edge.Pos{Epoch: 1, Seq: seq}); err != nil {
			t.Fatal(err)
		}
	}
	known := func() bool { known, _ := n.nothing.look(j.Stream()); return known }
	if known() {
		t.Error("a process that has read nothing knows that nothing is owed")
	}
	to(50)
	if !known() {
		t.Error("the account is read with every mark")
	}
	to(0)
	if r := n.goneOf(j.Stream()); countOf(r.Gone) != 10 || r.Tell != nil {
		t.Errorf("after the hub went back the account says %+v", r)
	}
	to(60)
	if !known() {
		t.Error("the account is read with every mark for ever, because something was owed once")
	}
	r := n.goneOf(j.Stream())
	r.Tell = []json.RawMessage{json.RawMessage(`{"records":1}`)}
	if err := n.keepGone(t.Context(), j.Stream(), r); err != nil {
		t.Fatal(err)
	}
	to(70)
	if r := n.goneOf(j.Stream()); r.Tell != nil {
		t.Error("what was owed is not written with the next mark")
	}
}

// An account that was read while another wrote it is not believed.
func TestNothingOwedIsOfTheNewestAccount(t *testing.T) {
	var o nothingOwed
	_, at := o.look("a")
	o.forget("a")
	if o.learn("a", at); o.streams["a"] {
		t.Error("what was read before the write is believed after it")
	}
	if _, at = o.look("a"); at == 0 {
		t.Error("the write does not count")
	}
	if o.learn("a", at); !o.streams["a"] {
		t.Error("what was read after the write is not believed")
	}
}
