package badlink

import (
	"container/heap"
	"sync"
	"time"
)

// maxUnderway bounds the datagrams a lane holds, whatever the delay: beyond it they are dropped as overflow.
const maxUnderway = 1 << 16

// A lane is one direction: the bottleneck and the datagrams under way behind it. One goroutine, run,
// delivers all of them in order of their time.
type lane struct {
	mu    sync.Mutex // guards all below
	b     *bottleneck
	line  parcels
	seq   uint64
	count Counts
	wake  chan struct{} // capacity 1: the earliest parcel changed
	stop  chan struct{}
}

// A parcel is one datagram on its way.
type parcel struct {
	due  time.Time
	seq  uint64 // breaks ties, so that equal times keep their order
	data []byte
	to   func([]byte)
}

func newLane(s Shape, seed, n uint64) *lane {
	return &lane{b: newBottleneck(s, seed, n), wake: make(chan struct{}, 1), stop: make(chan struct{})}
}

func (n *lane) reshape(s Shape) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.b.reshape(s)
}

func (n *lane) counts() Counts {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.count
}

func (n *lane) backlog(now time.Time) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.b.backlog(now)
}

// send takes one datagram, which it copies where it has to wait, and hands it to deliver when it is due.
func (n *lane) send(data []byte, open bool, deliver func([]byte)) {
	now := time.Now()
	n.mu.Lock()
	n.count.InPackets++
	n.count.InBytes += uint64(len(data))
	if !open {
		n.count.Cut++
		n.mu.Unlock()
		return
	}
	f, due, again, held := n.b.datagram(now, len(data))
	if f == pass && len(n.line) >= maxUnderway {
		f = overflow
	}
	switch {
	case f == lost:
		n.count.Lost++
	case f == overflow:
		n.count.Overflow++
	case !due.After(now) && again.IsZero():
		n.delivered(len(data))
		n.mu.Unlock()
		deliver(data)
		return
	default:
		n.queue(append([]byte(nil), data...), due, again, held, deliver)
	}
	n.mu.Unlock()
}

func (n *lane) queue(data []byte, due, again time.Time, held bool, to func([]byte)) {
	if held {
		n.count.Reordered++
	}
	heap.Push(&n.line, parcel{due, n.seq, data, to})
	if !again.IsZero() {
		n.count.Duplicated++
		heap.Push(&n.line, parcel{again, n.seq + 1, data, to})
	}
	n.seq += 2
	if n.line[0].seq >= n.seq-2 { // a new earliest parcel
		select {
		case n.wake <- struct{}{}:
		default:
		}
	}
}

func (n *lane) delivered(size int) {
	n.count.OutPackets++
	n.count.OutBytes += uint64(size)
}

// run delivers what is due until close.
func (n *lane) run() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(n.deliverDue())
		select {
		case <-n.stop:
			return
		case <-n.wake:
		case <-timer.C:
		}
	}
}

// deliverDue hands over every parcel whose time has come and returns how long to wait for the next.
func (n *lane) deliverDue() time.Duration {
	for {
		n.mu.Lock()
		if len(n.line) == 0 {
			n.mu.Unlock()
			return time.Hour
		}
		if wait := time.Until(n.line[0].due); wait > 0 {
			n.mu.Unlock()
			return wait
		}
		p := heap.Pop(&n.line).(parcel)
		n.delivered(len(p.data))
		n.mu.Unlock()
		p.to(p.data)
	}
}

func (n *lane) close() { close(n.stop) }

// parcels is a heap by time.
type parcels []parcel

func (h parcels) Len() int { return len(h) }
func (h parcels) Less(i, j int) bool {
	if !h[i].due.Equal(h[j].due) {
		return h[i].due.Before(h[j].due)
	}
	return h[i].seq < h[j].seq
}
func (h parcels) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *parcels) Push(x any)   { *h = append(*h, x.(parcel)) }
func (h *parcels) Pop() any {
	old := *h
	p := old[len(old)-1]
	old[len(old)-1] = parcel{}
	*h = old[:len(old)-1]
	return p
}
