package node

import (
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"math"
	"time"

	"github.com/aielon/edge/node/edge"
)

// Bounds on one page of a search.
const (
	maxLooked = 50_000   // records
	maxSeen   = 16 << 20 // bytes of their bodies
	maxFound  = 1 << 20  // bytes of the bodies that are returned; one may be longer and is then alone
	// Journals are in the order of their times but for what is stored late, such as measurements of the box itself.
	// A search goes on for as long as one can be late, and then until so many in a row are too old.
	maxLate = 15 * time.Minute
	tooOld  = 64
)

// A backward is a journal that can be read from its end.
type backward interface {
	Head() edge.Pos
	Back(ctx context.Context, before edge.Pos) iter.Seq2[edge.Record, error]
	Until(ctx context.Context, t time.Time) (edge.Pos, error)
}

// A search goes through journals from the newest record to the oldest, a page at a time.
type search struct {
	name         string // what is searched for, with all that narrows it down: page tokens are good for it alone
	wants        func(edge.Record) bool
	since, until int64 // Unix nanoseconds; not before, before
	size         int
	journals     [2]backward // nil: left out
}

// A hit is a record that was looked for, and of which journal it is.
type hit struct {
	edge.Record
	i int
}

// done is where nothing is left to look for.
func done() edge.Pos { return edge.Pos{Seq: 1} }

// run returns one page and the token of the next, empty at the end.
func (q search) run(ctx context.Context, token string) (found []hit, next string, err error) {
	if q.since >= q.until {
		return nil, "", edge.E(edge.Invalid, "since must lie before until")
	}
	from, err := q.begin(ctx, token)
	if err != nil {
		return nil, "", err
	}
	var strands []*strand
	defer func() {
		for _, l := range strands {
			l.stop()
		}
	}()
	for i, j := range q.journals {
		if j == nil {
			continue
		}
		l := &strand{i: i, at: from[i]}
		l.pull, l.stop = iter.Pull2(j.Back(ctx, from[i]))
		strands = append(strands, l)
	}
	found, more, err := q.page(strands)
	if err != nil || !more {
		return found, "", err
	}
	var at []byte
	for _, l := range strands {
		from[l.i] = l.at
	}
	for _, p := range from {
		at = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(at, p.Epoch), p.Seq)
	}
	return found, edge.PageToken(q.of(), at), nil
}

// of is what tokens of this search are good for.
func (q search) of() string { return fmt.Sprintf("%s %d %d", q.name, q.since, q.until) }

// begin is before which record of each journal the page begins.
func (q search) begin(ctx context.Context, token string) (from [2]edge.Pos, err error) {
	if token != "" {
		at, err := edge.ParsePageToken(q.of(), token)
		if err != nil {
			return from, err
		}
		if len(at) != 16*len(from) {
			return from, edge.E(edge.Invalid, "page_token is of another version of this program").WithHint("begin at the first page again, without it")
		}
		for i := range from {
			from[i] = edge.Pos{Epoch: binary.BigEndian.Uint64(at[16*i:]), Seq: max(binary.BigEndian.Uint64(at[16*i+8:]), 1)}
		}
		return from, nil
	}
	for i, j := range q.journals {
		if j == nil {
			from[i] = done()
			continue
		}
		h := j.Head()
		from[i] = edge.Pos{Epoch: h.Epoch, Seq: h.Seq + 1}
		if q.until < math.MaxInt64-int64(maxLate) {
			if from[i], err = j.Until(ctx, time.Unix(0, q.until).Add(maxLate)); err != nil {
				return from, err
			}
		}
		if from[i].IsZero() {
			from[i] = done()
		}
	}
	return from, nil
}

// page takes the newest record of the strands, again and again, and reports whether there may be more.
func (q search) page(strands []*strand) (found []hit, more bool, err error) {
	looked, seen, room := 0, 0, maxFound
	for {
		var newest *strand
		for _, l := range strands {
			if err := l.fill(); err != nil {
				return nil, false, err
			}
			if l.held && (newest == nil || l.rec.Time.After(newest.rec.Time)) {
				newest = l
			}
		}
		if newest == nil {
			return found, false, nil
		}
		rec := newest.rec
		fits := q.fits(rec)
		if looked == maxLooked || seen > maxSeen || len(found) == q.size || fits && len(found) > 0 && len(rec.Body) > room {
			return found, true, nil
		}
		looked, seen = looked+1, seen+len(rec.Body)
		newest.pass(q.since)
		if fits {
			rec.Body = append([]byte(nil), rec.Body...) // it shares memory with its block
			room -= len(rec.Body)
			found = append(found, hit{rec, newest.i})
		}
	}
}

func (q search) fits(rec edge.Record) bool {
	t := rec.Time.UnixNano()
	return t >= q.since && t < q.until && q.wants(rec)
}

// A strand is one journal on the way back.
type strand struct {
	i    int      // of the journal
	at   edge.Pos // everything from here on was looked at
	pull func() (edge.Record, error, bool)
	stop func()
	rec  edge.Record // the next, where held
	held bool
	end  bool
	old  int // records in a row that are too old
}

// fill holds the next record, where there is one.
func (l *strand) fill() error {
	if l.held || l.end {
		return nil
	}
	rec, err, ok := l.pull()
	switch {
	case !ok:
		l.end, l.at = true, done()
	case err != nil:
		return err
	default:
		l.rec, l.held = rec, true
	}
	return nil
}

// pass goes on to the next record, and ends where a search since then has nothing more to find.
func (l *strand) pass(since int64) {
	l.at, l.held = edge.Pos{Epoch: l.rec.Pos.Epoch, Seq: l.rec.Pos.Seq}, false
	if since > math.MinInt64+int64(maxLate) && l.rec.Time.UnixNano() < since-int64(maxLate) {
		l.old++
	} else {
		l.old = 0
	}
	if l.old >= tooOld {
		l.end, l.at = true, done()
	}
}
