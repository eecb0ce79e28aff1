package hub

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/hub/store"
	"github.com/aielon/edge/sync/wire"
)

// maxStreams bounds the streams of one origin.
const maxStreams = 256

// A merged append stays below these, so that a block of a store stays small.
const (
	mergeBytes   = 256 << 10
	mergeRecords = wire.MaxRecords
)

// An intake moves frames from the queue to the store. All of it is owned by the goroutine in run, but for
// the cursors, which sessions read when they open.
type intake struct {
	h *Hub
	q *queue

	dups map[wire.StreamID]uint64 // duplicates to be booked with the stream's next append

	mu      sync.Mutex
	cursors map[wire.StreamID]store.Stream // guarded by mu: as in the store, as far as we know
	origins map[string]int                 // guarded by mu: streams of each origin in cursors
}

func newIntake(h *Hub, budget int64) *intake {
	return &intake{h: h, q: newQueue(budget), dups: map[wire.StreamID]uint64{}, cursors: map[wire.StreamID]store.Stream{}, origins: map[string]int{}}
}

// run works until ctx ends, and then until the queue is empty.
func (in *intake) run(ctx context.Context) {
	for {
		if group := in.q.take(); len(group) > 0 {
			in.group(context.WithoutCancel(ctx), group)
			continue
		}
		select {
		case <-in.q.wake:
		case <-ctx.Done():
			return
		}
	}
}

// A job is one frame with what it unpacked to.
type job struct {
	work
	items []wire.Item
	err   error
}

// group stores one group of frames. Of one stream a wave holds one append; frames that follow each other
// are merged into it.
func (in *intake) group(ctx context.Context, group []work) {
	jobs := in.open(group)
	for len(jobs) > 0 {
		w := wave{in: in, byID: map[wire.StreamID]*slot{}}
		var later []job
		for _, j := range jobs {
			if !w.add(ctx, j) {
				later = append(later, j)
			}
		}
		w.commit(ctx)
		jobs = later
	}
	for _, g := range group {
		g.s.consumed(g)
	}
}

// open unpacks batches on all processors.
func (in *intake) open(group []work) []job {
	jobs := make([]job, len(group))
	var wg sync.WaitGroup
	n := min(runtime.GOMAXPROCS(0), 8, len(group))
	for k := range n {
		wg.Go(func() {
			for i := k; i < len(group); i += n {
				jobs[i].work = group[i]
				if b, ok := group[i].f.(*wire.Batch); ok {
					jobs[i].items, jobs[i].err = in.h.codec.Open(b)
				}
			}
		})
	}
	wg.Wait()
	return jobs
}

// cursor returns where a stream stands; a stream that never was stands at zero.
func (in *intake) cursor(ctx context.Context, id wire.StreamID) (store.Stream, error) {
	in.mu.Lock()
	s, ok := in.cursors[id]
	in.mu.Unlock()
	if ok {
		return s, nil
	}
	s, err := in.h.o.Store.Stream(ctx, id)
	if edge.IsKind(err, edge.NotFound) {
		return store.Stream{ID: id}, nil
	}
	if err == nil {
		in.keep(s)
	}
	return s, err
}

func (in *intake) keep(s store.Stream) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if _, known := in.cursors[s.ID]; !known {
		in.origins[s.ID.Origin]++
	}
	in.cursors[s.ID] = s
}

// forget makes the next look go to the store: somebody else moved the cursor, or nothing is known.
func (in *intake) forget(id wire.StreamID) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if _, known := in.cursors[id]; known {
		delete(in.cursors, id)
		if in.origins[id.Origin]--; in.origins[id.Origin] <= 0 {
			delete(in.origins, id.Origin)
		}
	}
}

func (in *intake) full(origin string) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.origins[origin] >= maxStreams
}

// A slot is what a wave does to one stream.
type slot struct {
	before  store.Stream // as it is stored
	now     store.Stream // as it will be
	a       *store.Append
	bytes   int
	askers  []*session // who wants to know how it ends
	nacks   []nackFor
	closed  bool  // a frame of the stream waits for the next wave, and so must those behind it
	refused error // why the append was not kept
	stands  edge.Pos
}

type nackFor struct {
	s *session
	f wire.Nack
}

// A wave is one call of the store.
type wave struct {
	in    *intake
	byID  map[wire.StreamID]*slot
	order []*slot
}

func (w *wave) slot(ctx context.Context, id wire.StreamID) (*slot, error) {
	if s := w.byID[id]; s != nil {
		return s, nil
	}
	cur, err := w.in.cursor(ctx, id)
	if err != nil {
		return nil, err
	}
	s := &slot{before: cur, now: cur}
	w.byID[id] = s
	w.order = append(w.order, s)
	return s, nil
}

// add plans one frame. It returns false where the frame must wait for the next wave.
func (w *wave) add(ctx context.Context, j job) bool {
	id := streamOf(j.f)
	s, err := w.slot(ctx, id)
	if err != nil {
		j.s.refuse(wire.Nack{Stream: id, Reason: wire.Busy, Retry: busyRetry, Text: "the hub's store does not answer"})
		w.in.h.trouble("read a cursor", err)
		return true
	}
	if s.closed = s.closed || s.a != nil && !mergeable(s, j); s.closed {
		return false
	}
	v, err := w.judge(ctx, s, j)
	if err != nil {
		j.s.fail(err)
		return true
	}
	if s.closed = v.freeze != nil && s.a != nil; s.closed {
		return false // what was taken before stays taken: freeze behind it
	}
	w.apply(ctx, s, j, v)
	return true
}

// mergeable reports whether a frame may join the append that is planned.
func mergeable(s *slot, j job) bool {
	b, ok := j.f.(*wire.Batch)
	return ok && len(s.a.Items) > 0 && s.bytes+int(b.RawLen) <= mergeBytes && len(s.a.Items)+int(b.Count) <= mergeRecords && len(s.a.Rows) == 0
}

func (w *wave) judge(ctx context.Context, s *slot, j job) (verdict, error) {
	switch f := j.f.(type) {
	case *wire.Batch:
		if j.err != nil { // told as a gap: the node sends it again, and leaves a record out that never gets better
			w.in.h.count.Damaged.Add(1)
			return verdict{nack: &wire.Nack{Stream: f.Stream, Pos: s.now.Cursor, Reason: wire.Gap, Text: words(j.err)}}, nil
		}
		return judge(s.now, f, j.items), nil
	case *wire.Skip:
		return judgeSkip(s.now, f), nil
	case *wire.Epoch:
		if s.now.Cursor.IsZero() && w.in.full(f.Stream.Origin) {
			return verdict{nack: &wire.Nack{Stream: f.Stream, Reason: wire.Forbidden, Text: fmt.Sprintf("an origin may have %d streams", maxStreams)}}, nil
		}
		return w.judgeEpoch(ctx, s, f)
	}
	return verdict{}, edge.E(edge.Internal, "a frame of type %d was queued", j.f.Type())
}

func (w *wave) judgeEpoch(ctx context.Context, s *slot, f *wire.Epoch) (verdict, error) {
	var genesis edge.Pos
	if !s.now.Cursor.IsZero() {
		forks, err := w.in.h.o.Store.Forks(ctx, f.Stream)
		if err != nil || len(forks) == 0 {
			return verdict{nack: &wire.Nack{Stream: f.Stream, Pos: s.now.Cursor, Reason: wire.Busy, Retry: busyRetry, Text: "the hub's store does not answer"}}, nil
		}
		if genesis = forks[len(forks)-1].Genesis; len(forks) >= store.MaxEpochs && f.Genesis.Epoch > genesis.Epoch {
			return verdict{nack: &wire.Nack{Stream: f.Stream, Pos: s.now.Cursor, Reason: wire.Forbidden, Text: fmt.Sprintf("a stream may have %d epochs", store.MaxEpochs)}}, nil
		}
	}
	return judgeEpoch(s.now, genesis, f, w.in.h.now())
}

func (w *wave) apply(ctx context.Context, s *slot, j job, v verdict) {
	h := w.in.h
	h.count.Duplicates.Add(v.dups)
	if v.append == nil && v.dups > 0 {
		w.in.dups[s.now.ID] += v.dups
	}
	switch {
	case v.nack != nil:
		s.nacks = append(s.nacks, nackFor{j.s, *v.nack})
		return
	case v.freeze != nil:
		w.in.freeze(ctx, s, j, v.freeze)
		return
	case v.append == nil:
		s.askers = append(s.askers, j.s)
		return
	}
	a := v.append
	a.Site, a.Via, a.Time, a.Duplicates = j.s.siteOf(a.ID), j.s.peer.ID, h.now(), v.dups+w.in.dups[a.ID]
	delete(w.in.dups, a.ID)
	w.poison(s, j, a)
	if s.a == nil {
		s.a = a
	} else {
		s.a.Items, s.a.To = append(s.a.Items, a.Items...), a.To
		s.a.Duplicates += a.Duplicates
		s.a.Poison, s.a.Rows = a.Poison, a.Rows // what is merged into has none
	}
	for _, it := range a.Items {
		s.bytes += len(it.Raw)
	}
	s.now = s.before.Apply(*s.a)
	s.askers = append(s.askers, j.s)
}

// poison sets aside the records nobody can read: the stream goes on, and each is kept with its reason.
func (w *wave) poison(s *slot, j job, a *store.Append) {
	for _, it := range a.Items {
		why := unreadable(it.Raw)
		if why == "" {
			continue
		}
		if a.Poison == nil {
			a.Poison = map[uint64]string{}
		}
		a.Poison[it.Pos.Seq] = why
		a.Rows = append(a.Rows, setAsideRow(a, it, why))
		if len(a.Poison) <= tellPoison {
			s.nacks = append(s.nacks, nackFor{j.s, wire.Nack{Stream: a.ID, Pos: it.Pos, Reason: wire.Quarantined, Text: clip(why, wire.MaxText)}})
		}
	}
}

func placeKey(id wire.StreamID, p edge.Pos) string {
	return fmt.Sprintf("%s/%016x/%016x", id, p.Epoch, p.Seq)
}

// tellPoison bounds what the sender is told of one batch; all of it is on record here.
const tellPoison = 8

// maxKept bounds the bytes of a record that are kept in a row beside it; the record itself is in the
// stream (store.Raw).
const maxKept = 64 << 10

func setAsideRow(a *store.Append, it wire.Item, why string) store.Row {
	b, _ := json.Marshal(SetAside{Stream: a.ID.String(), Epoch: it.Pos.Epoch, Seq: it.Pos.Seq, Time: a.Time, Reason: why, Size: len(it.Raw), Raw: it.Raw[:min(len(it.Raw), maxKept)]})
	return store.Row{Site: a.Site, Kind: kindQuarantine, Key: placeKey(a.ID, it.Pos), Value: b}
}

const busyRetry = 5 * time.Second

// commit stores the wave and tells everybody how it ended.
func (w *wave) commit(ctx context.Context) {
	var list []store.Append
	var slots []*slot
	for _, s := range w.order {
		if s.a != nil {
			list, slots = append(list, *s.a), append(slots, s)
		}
	}
	if len(list) > 0 {
		ctx, cancel := context.WithTimeout(ctx, commitTimeout)
		res, err := w.in.h.o.Store.Commit(ctx, list)
		cancel()
		for i, s := range slots {
			if err != nil {
				s.refused = err
			} else {
				s.refused, s.stands = res[i].Err, res[i].Cursor
			}
			w.after(s)
		}
	}
	for _, s := range w.order {
		w.tell(s)
	}
}

const commitTimeout = 60 * time.Second

// after takes in how the commit of one stream ended.
func (w *wave) after(s *slot) {
	h := w.in.h
	if s.refused != nil {
		s.nacks = nil
		w.in.forget(s.a.ID)
		if !edge.IsKind(s.refused, edge.Conflict) {
			h.trouble("store records", s.refused)
		}
		return
	}
	w.in.keep(s.now)
	h.count.Records.Add(uint64(len(s.a.Items)))
	h.count.SetAside.Add(uint64(len(s.a.Poison)))
	if s.a.Skip != "" {
		h.count.Skipped.Add(s.a.To.Seq - s.a.From.Seq)
	}
	if n := len(s.a.Poison); n > 0 {
		h.alarm(AlarmPoison, s.a.Via, s.a.ID, fmt.Sprintf("%d records up to %d could not be read and were set aside", n, s.a.To.Seq))
	}
	if f := s.a.Fork; f != nil {
		h.forked(s.a.ID, s.a.Via, *f)
	}
	h.stored(s.a.ID, s.before.Cursor.IsZero())
}

// tell acknowledges what is stored, or says where to go on.
func (w *wave) tell(s *slot) {
	for _, n := range s.nacks {
		n.s.refuse(n.f)
	}
	if s.refused == nil {
		for _, a := range s.askers {
			a.ack(s.now.ID, s.now.Cursor, s.now.Urgency)
		}
		return
	}
	n := wire.Nack{Stream: s.now.ID, Pos: s.before.Cursor, Reason: wire.Busy, Retry: busyRetry, Text: words(s.refused)}
	if edge.IsKind(s.refused, edge.Denied) {
		n.Reason, n.Retry = wire.Frozen, 0
	}
	if edge.IsKind(s.refused, edge.Conflict) {
		n.Pos, n.Retry = s.stands, 0 // another hub process moved the stream
	}
	for _, a := range s.askers {
		a.refuse(n)
	}
}

// freeze stops a stream that has two histories and keeps both sides of the story.
func (in *intake) freeze(ctx context.Context, s *slot, j job, e *equivocation) {
	h, id := in.h, streamOf(j.f)
	why := fmt.Sprintf("two histories: the hub has %v, node %s sent %v", e.at, j.s.peer.ID.Short(), e.theirs)
	ev := Evidence{Stream: id.String(), Via: j.s.peer.ID, Time: h.now(), At: e.at.String(), Theirs: e.theirs.String(),
		OurSum: e.at.Sum[:], TheirSum: e.theirs.Sum[:], TheirRecord: e.next.Raw[:min(len(e.next.Raw), maxKept)], TheirSeq: e.next.Pos.Seq}
	if e.at.Seq > 0 {
		if ours, err := h.o.Store.Raw(ctx, id, e.at.Epoch, e.at.Seq); err == nil {
			ev.OurRecord = ours.Raw[:min(len(ours.Raw), maxKept)]
		}
	}
	b, _ := json.Marshal(ev)
	row := store.Row{Site: j.s.siteOf(id), Kind: kindEvidence, Key: placeKey(id, e.at), Value: b}
	frozen := s.now
	frozen.Frozen = why
	if err := h.o.Store.Freeze(ctx, id, why, row); err != nil {
		h.trouble("freeze a stream", err)
		s.nacks = append(s.nacks, nackFor{j.s, wire.Nack{Stream: id, Pos: s.now.Cursor, Reason: wire.Busy, Retry: busyRetry, Text: "the hub's store does not answer"}})
		return
	}
	in.keep(frozen)
	s.now, s.before = frozen, frozen
	h.alarm(AlarmFork, j.s.peer.ID, id, why)
	s.nacks = append(s.nacks, nackFor{j.s, wire.Nack{Stream: id, Pos: frozen.Cursor, Reason: wire.Frozen, Text: clip(why, wire.MaxText)}})
}

func streamOf(f wire.Frame) wire.StreamID {
	switch f := f.(type) {
	case *wire.Batch:
		return f.Stream
	case *wire.Skip:
		return f.Stream
	case *wire.Epoch:
		return f.Stream
	}
	return wire.StreamID{}
}
