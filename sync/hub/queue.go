package hub

import (
	"sync"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/wire"
)

// maxItems bounds the frames of one class that a session may have queued; credit bounds their bytes.
const maxItems = 8192

// work is one frame on its way from a session to the store.
type work struct {
	s    *session
	f    wire.Frame
	u    edge.Urgency
	size int
}

// raw is what the frame takes in memory once it is unpacked.
func (w work) raw() int {
	if b, ok := w.f.(*wire.Batch); ok {
		return int(b.RawLen)
	}
	return w.size
}

// A queue holds the frames of all sessions that wait for the store. It is taken from by class, and within
// a class from one session after the other, so that nobody's backlog stands before another's news.
type queue struct {
	budget int64
	wake   chan struct{} // capacity 1: there is something

	mu    sync.Mutex
	rings [edge.Bulk + 1][]*session // guarded by mu: sessions with frames of a class, next first
	bytes int64                     // guarded by mu: in all queues, as they came
}

func newQueue(budget int64) *queue { return &queue{budget: budget, wake: make(chan struct{}, 1)} }

// push queues a frame. It returns false where there is no room: the class's share of the budget is used.
// Classes 1 to 3 may use twice the budget, so that what is urgent gets in when bulk no longer does.
func (q *queue) push(w work) (bool, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	limit := q.budget
	if w.u <= edge.Care {
		limit *= 2
	}
	if w.s.gone {
		return true, nil
	}
	if q.bytes+int64(w.size) > limit {
		return false, nil
	}
	fifo := w.s.waiting[w.u]
	if len(fifo) >= maxItems {
		return false, edge.E(edge.Exhausted, "more than %d frames of one class wait", maxItems)
	}
	if len(fifo) == 0 {
		q.rings[w.u] = append(q.rings[w.u], w.s)
	}
	w.s.waiting[w.u] = append(fifo, w)
	q.bytes += int64(w.size)
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return true, nil
}

// What one commit takes at most: bytes unpacked, and frames. More would hardly be quicker, and what is
// urgent waits for the commit before its own. A quarter of the bytes is kept for classes
// 4 to 6, so that a steady stream of urgent records does not starve them.
const (
	groupBytes  = 1 << 20
	groupFrames = 512
)

// take removes the next frames to be stored, at least one where there is any.
func (q *queue) take() (group []work) {
	q.mu.Lock()
	defer q.mu.Unlock()
	room, frames := groupBytes*3/4, groupFrames*3/4
	for _, u := range edge.Urgencies() {
		if u == edge.Community {
			room, frames = room+groupBytes/4, frames+groupFrames/4
		}
		for len(q.rings[u]) > 0 && frames > 0 && room > 0 {
			w := q.next(u)
			room -= w.raw()
			frames--
			group = append(group, w)
		}
	}
	return group
}

// next takes one frame of the session whose turn it is, which then goes to the end of the ring.
func (q *queue) next(u edge.Urgency) work {
	ring := q.rings[u]
	s := ring[0]
	fifo := s.waiting[u]
	w := fifo[0]
	fifo[0] = work{}
	s.waiting[u] = fifo[1:]
	q.bytes -= int64(w.size)
	q.rings[u] = ring[1:]
	if len(s.waiting[u]) > 0 {
		q.rings[u] = append(q.rings[u], s)
	} else {
		s.waiting[u] = nil
	}
	return w
}

// drop forgets what a session has queued: its link is gone and it will send again.
func (q *queue) drop(s *session) {
	q.mu.Lock()
	defer q.mu.Unlock()
	s.gone = true
	for u, fifo := range s.waiting {
		if len(fifo) == 0 {
			continue
		}
		for _, w := range fifo {
			q.bytes -= int64(w.size)
		}
		s.waiting[u] = nil
		kept := q.rings[u][:0:0]
		for _, x := range q.rings[u] {
			if x != s {
				kept = append(kept, x)
			}
		}
		q.rings[u] = kept
	}
}

func (q *queue) size() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.bytes
}
