package rpcws

import (
	"sync"
	"sync/atomic"
)

// A crew works on the calls of one connection, each on a goroutine of its own. One that is done waits for the next
// call where no other does: a new goroutine begins with a small stack, and growing it costs a tenth of a small call.
type crew struct {
	todo    chan func()
	waiting atomic.Int32 // 0 or 1
	wg      sync.WaitGroup
}

func newCrew() *crew { return &crew{todo: make(chan func())} }

// do begins f. It is for one goroutine, and not for after dismiss.
func (c *crew) do(f func()) {
	select {
	case c.todo <- f:
	default:
		c.wg.Go(func() { c.work(f) })
	}
}

func (c *crew) work(f func()) {
	for ok := true; ok; {
		f()
		if !c.waiting.CompareAndSwap(0, 1) {
			return
		}
		f, ok = <-c.todo
		c.waiting.Store(0)
	}
}

// dismiss returns when all that was begun is done.
func (c *crew) dismiss() {
	close(c.todo)
	c.wg.Wait()
}
