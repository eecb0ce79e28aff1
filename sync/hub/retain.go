package hub

import (
	"context"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/hub/store"
)

// Keep says how much of one class a hub keeps. Zero is no limit.
type Keep struct {
	Age   time.Duration // since the hub took a record in, by its own clock
	Bytes uint64        // of records of the class in all streams, encoded, before the store packs them
}

// Droppable are the classes that may have a Keep. What is critical, a ledger's or clinical is never
// forgotten.
func Droppable(u edge.Urgency) bool { return u >= edge.Community && u <= edge.Bulk }

// What one step forgets at most. Between two steps what nodes send goes first.
const (
	stepRecords = 20_000
	stepBytes   = 4 << 20
	stepPieces  = 500
	stepPause   = 20 * time.Millisecond
)

// retain forgets old records now and then until ctx ends.
func (h *Hub) retain(ctx context.Context) {
	if len(h.o.Keep) == 0 {
		return
	}
	t := time.NewTicker(h.o.Sweep)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		err := h.Forget(ctx)
		if ctx.Err() != nil {
			return
		}
		h.mu.Lock()
		first := err != nil && h.retaining == nil
		h.retaining = err
		h.mu.Unlock()
		if first {
			h.o.Logger.Error("old records cannot be forgotten", "cause", err)
		}
	}
}

// Forget forgets, in small steps, what Options.Keep does not keep: first what is too old, then from the
// stream that takes most of its class what came first. Frozen streams are left as they are, and so is
// what a hub above does not have yet.
func (h *Hub) Forget(ctx context.Context) error {
	streams, err := h.Streams(ctx)
	if err != nil {
		return err
	}
	for _, u := range edge.Urgencies() {
		k, ok := h.o.Keep[u]
		if !ok {
			continue
		}
		list, kept := []*store.Stream{}, uint64(0)
		for i := range streams {
			s := &streams[i]
			if s.Urgency != u {
				continue
			}
			if kept += s.Counts.Kept(); s.Frozen == "" {
				list = append(list, s)
			}
		}
		for _, s := range list {
			n, err := h.expire(ctx, s, k.Age)
			if err != nil {
				return err
			}
			kept -= min(kept, n)
		}
		if err := h.shrinkTo(ctx, list, kept, k.Bytes); err != nil {
			return err
		}
	}
	return nil
}

// expire forgets what one stream took in too long ago, and returns the bytes that were.
func (h *Hub) expire(ctx context.Context, s *store.Stream, age time.Duration) (total uint64, err error) {
	if age <= 0 {
		return 0, nil
	}
	end := h.now().Add(-age)
	for {
		n, more, err := h.step(ctx, s, func(e store.Extent, _ uint64) bool {
			if e.Time.IsZero() && e.Records > 0 {
				e.Time = s.Updated // from before times were noted: later than that it cannot have come
			}
			return e.Time.Before(end)
		})
		total += n
		if err != nil || !more {
			return total, err
		}
	}
}

// shrinkTo forgets until no more than limit bytes of a class are kept, as far as that may be.
func (h *Hub) shrinkTo(ctx context.Context, list []*store.Stream, kept, limit uint64) error {
	for limit > 0 && kept > limit && len(list) > 0 {
		largest := 0
		for i, s := range list {
			if s.Counts.Kept() > list[largest].Counts.Kept() {
				largest = i
			}
		}
		n, more, err := h.step(ctx, list[largest], func(_ store.Extent, gone uint64) bool { return kept-min(kept, gone) > limit })
		if err != nil {
			return err
		}
		if kept -= min(kept, n); !more {
			list[largest] = list[len(list)-1]
			list = list[:len(list)-1]
		}
	}
	return nil
}

// step forgets the oldest pieces of a stream for as long as want says so, given the bytes before each. It
// returns the bytes it forgot, and whether there may be more to forget.
func (h *Hub) step(ctx context.Context, s *store.Stream, want func(e store.Extent, gone uint64) bool) (size uint64, more bool, err error) {
	end, err := h.mayForget(ctx, *s)
	if err != nil {
		return 0, false, err
	}
	var upTo edge.Pos
	records, pieces := uint64(0), 0
	for e, err := range h.o.Store.Extents(ctx, s.ID) {
		if err != nil {
			return 0, false, err
		}
		if store.Before(end, e.To) || !want(e, size) {
			break
		}
		upTo, records, size, pieces = e.To, records+e.Records, size+e.Bytes, pieces+1
		if more = records >= stepRecords || size >= stepBytes || pieces >= stepPieces; more {
			break
		}
	}
	if pieces == 0 {
		return 0, false, nil
	}
	n, err := h.o.Store.Trim(ctx, s.ID, upTo)
	if err != nil {
		return 0, false, err
	}
	s.Counts.Trimmed, s.Counts.TrimmedSize = s.Counts.Trimmed+n, s.Counts.TrimmedSize+size
	h.count.Trimmed.Add(n)
	h.count.TrimmedBytes.Add(size)
	select {
	case <-time.After(stepPause):
	case <-ctx.Done():
		return size, false, ctx.Err()
	}
	return size, more, nil
}

// mayForget is the position up to which nobody needs a stream any more.
func (h *Hub) mayForget(ctx context.Context, s store.Stream) (edge.Pos, error) {
	if h.o.Parent == nil || !h.o.Parent() {
		return s.Cursor, nil
	}
	mark, err := h.Source(s).Mark(ctx)
	if err == nil && store.Before(s.Cursor, mark) {
		mark = s.Cursor
	}
	return mark, err
}

// keeps checks what Options say of retention.
func (o *Options) keeps() error {
	for u := range o.Keep {
		if !Droppable(u) {
			return edge.E(edge.Invalid, "a hub never forgets %v records", u).WithHint("only community, telemetry and bulk records may be forgotten")
		}
	}
	return nil
}
