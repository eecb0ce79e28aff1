package limit

import (
	"sync"

	"github.com/aielon/edge/node/edge"
)

// Slots bounds how many calls are under way, of one key and of all. A key without calls takes no memory.
type Slots struct {
	each, all int
	mu        sync.Mutex // guards both below
	used      map[Key]int
	total     int
}

// NewSlots allows a key so many calls at a time, and all keys together so many. It fails with Invalid on less than 1.
func NewSlots(each, all int) (*Slots, error) {
	if each < 1 || all < each {
		return nil, edge.E(edge.Invalid, "a limit on calls under way needs 1 or more for each caller, and no fewer for all")
	}
	return &Slots{each: each, all: all, used: map[Key]int{}}, nil
}

// Take takes a slot; release gives it back, and does nothing a second time. It fails with Exhausted, at once: who
// waits for a slot holds memory, which is what is to be saved.
func (s *Slots) Take(k Key) (release func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.used[k] >= s.each:
		return nil, edge.E(edge.Exhausted, "you have %d calls under way already", s.each).WithHint("wait for one of them")
	case s.total >= s.all:
		return nil, edge.E(edge.Exhausted, "the node has its hands full").WithHint("try again in a moment")
	}
	s.used[k]++
	s.total++
	return sync.OnceFunc(func() { s.give(k) }), nil
}

func (s *Slots) give(k Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total--
	if s.used[k]--; s.used[k] == 0 {
		delete(s.used, k)
	}
}

// Used is how many calls are under way.
func (s *Slots) Used() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.total
}
