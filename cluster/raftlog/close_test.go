package raftlog

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"

	"github.com/aielon/edge/node/edge"
)

// simThree starts a site of three in memory.
func simThree(t *testing.T) *simSite {
	t.Helper()
	s := &simSite{t: t, down: map[*simNode]bool{}}
	for i := range 3 {
		s.nodes = append(s.nodes, &simNode{id: edge.NodeID{byte(i + 1)}, store: NewMemory(), app: &ledger{}})
	}
	for i, n := range s.nodes {
		s.start(n, i == 0)
		if i > 0 {
			if err := s.leader().log.Add(t.Context(), n.id, string(n.tr.LocalAddr())); err != nil {
				t.Fatal(err)
			}
		}
	}
	for votes := 0; votes < 3; time.Sleep(100 * time.Millisecond) {
		votes = 0
		for _, m := range s.leader().log.Members() {
			if m.Voter {
				votes++
			}
		}
	}
	return s
}

// Close ends a leader whose Run nobody has told to end, and Run returns too.
func TestCloseWhileItRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := simThree(t)
		for i := range 30 {
			l := s.leader()
			if i%2 == 0 {
				go l.log.Transfer(context.Background(), edge.NodeID{})
			}
			closed := make(chan error, 1)
			go func() { closed <- l.log.Close() }()
			for range 2 {
				select {
				case err := <-closed:
					if err != nil {
						t.Error(err)
					}
					closed = nil
				case <-l.ran:
					l.ran = nil
				case <-time.After(time.Minute):
					t.Fatalf("Close has ended: %t, Run has ended: %t", closed == nil, l.ran == nil)
				}
			}
			s.start(l, false)
			s.put("x")
		}
		for _, n := range s.nodes {
			n.stop()
		}
		time.Sleep(time.Minute)
	})
}

// A leader that is cut off in the middle of handing over, again and again, leaves nothing behind: no goroutine
// for the bubble to find, and no note that keeps the next leader from taking changes.
func TestHandOverThatIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := simThree(t)
		for i := range 40 {
			s.put("x")
			l := s.leader()
			go l.log.Append(t.Context(), []byte("on its way"))
			if i%2 == 0 {
				s.isolate(l)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			moved := make(chan error, 1)
			go func() { moved <- l.log.Transfer(ctx, edge.NodeID{}) }()
			time.Sleep(time.Duration(i) * 10 * time.Millisecond)
			s.isolate(l)
			select {
			case <-moved:
			case <-time.After(time.Minute):
				t.Fatal("a hand-over has no end")
			}
			cancel()
			s.wire()
			if s.leader() == nil {
				return
			}
		}
		for range 3 { // everybody can lead and take changes
			l := s.leader()
			s.put("y")
			l.log.Transfer(t.Context(), edge.NodeID{})
			time.Sleep(3 * time.Second)
		}
		for _, n := range s.nodes {
			n.stop()
		}
		time.Sleep(time.Minute)
	})
}

// Raft asks for "all of them" with the highest number there is.
func TestMemoryForgetsAll(t *testing.T) {
	m := NewMemory()
	for _, hi := range []uint64{0, 1<<64 - 1} {
		for i := range uint64(5) {
			if err := m.StoreLog(&raft.Log{Index: 10 + i}); err != nil {
				t.Fatal(err)
			}
		}
		done := make(chan error, 1)
		go func() { done <- m.DeleteRange(0, hi) }()
		select {
		case err := <-done:
			if last, _ := m.LastIndex(); err != nil || (last == 0) != (hi > 20) {
				t.Errorf("up to %d: last %d, %v", hi, last, err)
			}
		case <-time.After(5 * time.Second):
			t.Fatal("it counts up to the end of all numbers")
		}
	}
}
