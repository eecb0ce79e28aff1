package rpcws

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// TestCrew lets calls come one by one, which one goroutine serves, and all at once, which wait for nobody; what was
// begun is done when the crew is dismissed, and nobody stays.
func TestCrew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, done := newCrew(), atomic.Int32{}
		for range 3 {
			c.do(func() { done.Add(1) })
			synctest.Wait()
			if c.waiting.Load() != 1 {
				t.Fatal("nobody waits for the next call")
			}
		}
		hold := make(chan struct{})
		for range 10 {
			c.do(func() { <-hold; done.Add(1) })
		}
		synctest.Wait()
		if done.Load() != 3 {
			t.Fatalf("%d calls are done, and 3 may be", done.Load())
		}
		if len(c.todo) != 0 || c.waiting.Load() != 0 {
			t.Fatal("a call waits for another")
		}
		close(hold)
		c.dismiss()
		if done.Load() != 13 {
			t.Fatalf("%d of 13 calls are done", done.Load())
		}
	}) // fails where a goroutine is left
}
