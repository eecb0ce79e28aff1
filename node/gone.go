package node

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway"
	"github.com/aielon/edge/node/journal"
	"github.com/aielon/edge/node/state"
	"github.com/aielon/edge/sync/hub/store"
)

// A goneRow is the account of one journal after the hub and this node went apart. It lies in the readings
// store; positions and counters of the journal itself know nothing of it.
type goneRow struct {
	// Gone are records that the hub had confirmed and this node no longer keeps, and that the hub does not
	// have any more: it was restored from a backup that is older.
	Gone []span `json:"gone,omitempty"`
	// Only are records that are on this node only: the hub has others under their numbers.
	Only []span `json:"only,omitempty"`
	// Again is how many of Only were written once more, under new numbers, and delivered.
	Again uint64 `json:"again,omitempty"`
	// Had is how far the hub had been before it went back, until what is gone between is in Gone.
	Had *edge.Pos `json:"had,omitempty"`
	// Tell are the bodies of records that tell of it, until they are written.
	Tell []json.RawMessage `json:"tell,omitempty"`
}

// A span is records of one epoch, after From up to and including To.
type span struct {
	Epoch uint64 `json:"epoch"`
	From  uint64 `json:"from"`
	To    uint64 `json:"to"`
}

const (
	gonePrefix = "uplink/gone/"
	maxTell    = 16  // records that are owed; beyond it the oldest is left out, what it counts stays counted
	maxSpans   = 256 // beyond it the two that are nearest count as one, with what lies between
)

// TypeGone is the event type of records that nobody has any more.
const TypeGone = "sync.gone"

func countOf(list []span) (n uint64) {
	for _, s := range list {
		n += s.To - s.From
	}
	return n
}

// reached is how many of the records lie at or before a position.
func reached(list []span, p edge.Pos) (n uint64) {
	for _, s := range list {
		switch {
		case s.Epoch < p.Epoch:
			n += s.To - s.From
		case s.Epoch == p.Epoch:
			n += min(max(p.Seq, s.From), s.To) - s.From
		}
	}
	return n
}

// joinSpans adds spans to others; what is in both counts once.
func joinSpans(list []span, more ...span) []span {
	all := append(slices.Clone(list), more...)
	slices.SortFunc(all, func(a, b span) int {
		return slices.Compare([]uint64{a.Epoch, a.From, a.To}, []uint64{b.Epoch, b.From, b.To})
	})
	out := all[:0]
	for _, s := range all {
		if n := len(out); n > 0 && out[n-1].Epoch == s.Epoch && (s.From <= out[n-1].To || n >= maxSpans) {
			out[n-1].To = max(out[n-1].To, s.To)
		} else if s.To > s.From {
			out = append(out, s)
		}
	}
	return out
}

func (n *Node) goneOf(stream string) goneRow {
	row, err := n.goneRow(stream)
	if err != nil {
		n.log.Error("the account of a stream cannot be read", "stream", stream, "error", err)
	}
	return row
}

func (n *Node) goneRow(stream string) (row goneRow, err error) {
	v := n.readings.View()
	defer v.Close()
	row, _, err = load[goneRow](v, []byte(gonePrefix+stream))
	return row, err
}

func (n *Node) keepGone(ctx context.Context, stream string, row goneRow) error {
	b, err := json.Marshal(row)
	if err != nil {
		return edge.E(edge.Internal, "the account of a stream cannot be written: %w", err)
	}
	defer n.nothing.forget(stream) // also where the commit failed: it may have got through
	return n.readings.Commit(ctx, func(out *state.Batch) { out.Set([]byte(gonePrefix+stream), b) })
}

// nothingOwed are the streams whose account was read by this process and asks for nothing, neither to book nor
// to tell: the mark moves with every batch, and the account is read again only after it was written. Its zero
// value knows of none.
type nothingOwed struct {
	mu      sync.Mutex
	writes  uint64 // of accounts, so that one that is read while another is written is not taken for the newest
	streams map[string]bool
}

// look says whether a stream is known to owe nothing, and what to give to learn after its account was read.
func (o *nothingOwed) look(stream string) (known bool, at uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.streams[stream], o.writes
}

func (o *nothingOwed) learn(stream string, at uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if at != o.writes {
		return
	}
	if o.streams == nil {
		o.streams = map[string]bool{}
	}
	o.streams[stream] = true
}

func (o *nothingOwed) forget(stream string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.writes++
	delete(o.streams, stream)
}

// movesBack is called before the mark of a journal moves to p. Where that is back, because the hub has no more,
// it notes how far the hub had been, durably: what comes of it is booked from that note, whatever happens to
// this process and to the mark meanwhile.
func (n *Node) movesBack(ctx context.Context, j marked, p edge.Pos) error {
	old := j.Mark(uplinkFollower)
	if !store.Before(p, old) {
		return nil
	}
	row, err := n.goneRow(j.Stream())
	if edge.IsKind(err, edge.Corrupt) { // an account that is lost anyway must not hold up the records
		n.log.Error("the account of a stream cannot be read and begins anew", "stream", j.Stream(), "error", err)
		row, err = goneRow{}, nil
	}
	if err != nil || row.Had != nil && !store.Before(*row.Had, old) {
		return err
	}
	row.Had = &old
	return n.keepGone(ctx, j.Stream(), row)
}

// movedBack books what a mark that went back to p left behind. What this node still keeps is sent again by
// itself. What it does not keep any more is gone: that is counted, journaled and shown.
func (n *Node) movedBack(ctx context.Context, j edge.Journal, p edge.Pos) error {
	known, at := n.nothing.look(j.Stream())
	if known {
		return nil
	}
	row, err := n.goneRow(j.Stream())
	if edge.IsKind(err, edge.Corrupt) {
		return nil // the page says so
	}
	if err != nil {
		return err
	}
	if row.Had == nil && len(row.Tell) == 0 {
		n.nothing.learn(j.Stream(), at)
		return nil
	}
	if row.Had != nil {
		if err := n.bookGone(ctx, j, &row, p); err != nil {
			return err
		}
	}
	if err := n.tellGone(ctx, j.Stream(), &row); err != nil {
		// There may be no room until what waits is delivered: the record is owed, and written with a later mark.
		n.log.Warn("what is gone is counted, and its record waits to be written", "stream", j.Stream(), "error", err)
	}
	return nil
}

func (n *Node) bookGone(ctx context.Context, j edge.Journal, row *goneRow, p edge.Pos) error {
	had := *row.Had
	// Records that were being removed while the mark moved are removed once this is written, and no others.
	if err := n.keepGone(ctx, j.Stream(), *row); err != nil {
		return err
	}
	gone, err := trimmedAfter(ctx, j, p, had)
	if err != nil {
		return err
	}
	sum := joinSpans(row.Gone, gone...)
	more := countOf(sum) - min(countOf(sum), countOf(row.Gone))
	n.log.Warn("the hub has less than it had: it was restored from an older backup, or its disk forgot. What is here is sent again",
		"stream", j.Stream(), "hub", p, "had", had, "gone", more)
	row.Gone, row.Had = sum, nil
	if more > 0 {
		body, _ := json.Marshal(struct { // plain fields always encode
			Stream  string `json:"stream"`
			Hub     string `json:"hub"`
			Had     string `json:"had"`
			Records uint64 `json:"records"`
			Spans   []span `json:"spans"`
		}{j.Stream(), p.String(), had.String(), more, gone})
		row.Tell = append(row.Tell, body)
		row.Tell = row.Tell[max(0, len(row.Tell)-maxTell):]
	}
	return n.keepGone(ctx, j.Stream(), *row)
}

// tellGone writes the records of what is gone, each once, also where an earlier process was ended in between.
func (n *Node) tellGone(ctx context.Context, stream string, row *goneRow) error {
	for len(row.Tell) > 0 {
		e := edge.Event{Type: TypeGone, Subject: stream, Class: edge.SiteOnly, Urgency: edge.Ledger, Body: row.Tell[0]}
		told := func(x edge.Event) bool {
			return x.Type == e.Type && x.Subject == e.Subject && bytes.Equal(x.Body, e.Body)
		}
		if !amongLast(ctx, n.journals.Journal(edge.Ledger), told) {
			if _, err := n.journals.Append(ctx, e); err != nil {
				return err
			}
		}
		row.Tell = row.Tell[1:]
		if err := n.keepGone(ctx, stream, *row); err != nil {
			return err
		}
	}
	return nil
}

// trimmedAfter lists what lies after p, up to old, and is not kept any more although the hub had it.
func trimmedAfter(ctx context.Context, j edge.Journal, p, old edge.Pos) (list []span, err error) {
	for _, err := range j.Read(ctx, p) {
		var g *edge.Gap
		if !errors.As(err, &g) {
			if edge.IsKind(err, edge.Conflict) {
				err = nil // another history: that is doubt's business
			}
			return list, err
		}
		if g.Reason == journal.ReasonShed || store.Before(old, g.To) && old.Epoch != g.To.Epoch {
			continue // never was on the hub
		}
		s := span{Epoch: g.To.Epoch, From: g.To.Seq - min(g.To.Seq, g.Count), To: g.To.Seq}
		if g.To.Epoch != g.From.Epoch {
			s = span{Epoch: g.From.Epoch, From: g.From.Seq, To: g.From.Seq + g.Count}
		}
		if s.Epoch == old.Epoch {
			s.To = max(min(s.To, old.Seq), s.From)
		}
		list = append(list, s)
	}
	return list, nil
}

// book takes into account what the hub confirmed once and does not have.
func (n *Node) book(row *gateway.LedgerRow, j edge.Journal, mark edge.Pos, site bool) {
	g := n.goneOf(j.Stream())
	gone, only := countOf(g.Gone), countOf(g.Only)
	again := min(g.Again, only)
	passed := gone + reached(g.Only, mark)
	if site { // its figures follow from positions
		passed = reached(g.Gone, mark) + reached(g.Only, mark)
		row.Waiting -= min(row.Waiting, gone+only-passed)
	}
	row.OnHub -= min(row.OnHub, passed)
	row.Lost += gone + only - again
	row.Accepted -= min(row.Accepted, again) // counted where they were written once more
}

// reportGone says in words what the column "lost" counts.
func (n *Node) reportGone() edge.Health {
	v := n.readings.View()
	defer v.Close()
	var gone, only uint64
	var where []string
	for key, b := range v.Scan([]byte(gonePrefix)) {
		var row goneRow
		if err := json.Unmarshal(b, &row); err != nil {
			return edge.Health{Level: edge.Failed, Msg: fmt.Sprintf("the account %q cannot be read", key)}
		}
		here := countOf(row.Only) - min(row.Again, countOf(row.Only))
		if gone, only = gone+countOf(row.Gone), only+here; countOf(row.Gone)+here > 0 && len(where) < 4 {
			where = append(where, strings.TrimPrefix(string(key), gonePrefix))
		}
	}
	var msg []string
	if gone > 0 {
		msg = append(msg, fmt.Sprintf("%d records are gone: the hub had confirmed them, has lost them since, and this box no longer keeps them", gone))
	}
	if only > 0 {
		msg = append(msg, fmt.Sprintf("%d records are on this box only: the hub has others under their numbers", only))
	}
	if len(msg) == 0 {
		return edge.Health{Msg: "whatever the hub has confirmed is on the hub"}
	}
	return edge.Health{Level: edge.Degraded, Msg: strings.Join(msg, "; ") + " (" + strings.Join(where, ", ") + ")",
		Hint: "restore the hub from its newest backup; the journal's " + TypeGone + " and " + TypeParted + " records say which ones"}
}
