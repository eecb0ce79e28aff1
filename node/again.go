package node

import (
	"bytes"
	"context"
	"slices"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/journal"
)

// What is written once more in one commit.
const (
	againRecords = 200
	againBytes   = 128 << 10
)

// setApart books the records of one epoch that the hub cannot have under their numbers.
func (n *Node) setApart(ctx context.Context, stream string, s span) error {
	row := n.goneOf(stream)
	sum := joinSpans(row.Only, s)
	if countOf(sum) == countOf(row.Only) {
		return nil
	}
	row.Only = sum
	return n.keepGone(ctx, stream, row)
}

// sendAgain writes records that the hub cannot have under their numbers once more, under new ones, so that
// they reach it all the same. It goes on where it was interrupted.
func (n *Node) sendAgain(ctx context.Context, j *journal.Journal) error {
	row := n.goneOf(j.Stream())
	skip := row.Again
	for _, s := range row.Only {
		size := s.To - s.From
		if skip >= size {
			skip -= size
			continue
		}
		s.From += skip
		skip = 0
		if err := n.sendSpan(ctx, j, s, &row); err != nil {
			return err
		}
	}
	return nil
}

func (n *Node) sendSpan(ctx context.Context, j *journal.Journal, s span, row *goneRow) error {
	var chunk []edge.Event
	size, resumed := 0, true // an earlier process may have written the first and not noted it
	flush := func() error {
		if len(chunk) == 0 || j.Head().Epoch == s.Epoch {
			return nil
		}
		if !resumed || !wroteLast(ctx, j, chunk[0]) {
			if _, err := n.journals.Append(ctx, chunk...); err != nil {
				return err
			}
		}
		row.Again += uint64(len(chunk))
		chunk, size, resumed = nil, 0, false
		return n.keepGone(ctx, j.Stream(), *row)
	}
	for r, err := range j.Read(ctx, edge.Pos{Epoch: s.Epoch, Seq: s.From}) {
		if err != nil || r.Pos.Epoch != s.Epoch || r.Pos.Seq > s.To {
			break // shed meanwhile, or damaged: the rest stays counted as being here only
		}
		r.Body = bytes.Clone(r.Body)
		chunk, size = append(chunk, r.Event), size+len(r.Body)
		if len(chunk) == againRecords || size >= againBytes {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// wroteLast reports whether an event is among the newest: the commit it was in got through, and the note of
// it did not.
func wroteLast(ctx context.Context, j *journal.Journal, e edge.Event) bool {
	want := edge.AppendEvent(nil, e)
	return amongLast(ctx, j, func(x edge.Event) bool { return slices.Equal(edge.AppendEvent(nil, x), want) })
}

func amongLast(ctx context.Context, j *journal.Journal, is func(edge.Event) bool) bool {
	head := j.Head()
	from := edge.Pos{Epoch: head.Epoch, Seq: head.Seq - min(head.Seq, 2*againRecords)}
	for r, err := range j.Read(ctx, from) {
		if err != nil {
			return false
		}
		if is(r.Event) {
			return true
		}
	}
	return false
}

// sendRest goes on with what an earlier process did not finish.
func (n *Node) sendRest(ctx context.Context) error {
	for _, j := range n.journals.Journals() {
		if err := n.sendAgain(ctx, j); err != nil {
			return err
		}
	}
	return nil
}
