package raftlog

import (
	"context"
	"time"

	"github.com/hashicorp/raft"

	"github.com/aielon/edge/node/edge"
)

// Leadership says who leads the site, as far as this node knows.
type Leadership struct {
	Leader edge.NodeID // zero: nobody known
	Addr   string      // where the leader's log is reached
	Self   bool
	Ready  bool // Self, and the state here holds everything that was committed before this term
	Term   uint64
}

// Leadership returns the latest that is known.
func (l *Log) Leadership() Leadership { l.mu.Lock(); defer l.mu.Unlock(); return l.lead }

// Leader returns the leader's id in hexadecimal, empty where none is known, and whether it is this node.
func (l *Log) Leader() (id string, self bool) {
	_, leader := l.raft.LeaderWithID()
	return string(leader), leader == serverID(l.o.ID) && l.raft.State() == raft.Leader
}

// Subscribe returns a channel of changes in leadership, which starts with the present one. A reader that
// is slow misses what was overtaken, never the latest. cancel, or Close of the log, closes it.
func (l *Log) Subscribe() (changes <-chan Leadership, cancel func()) {
	c := make(chan Leadership, 1)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.subs == nil {
		close(c)
		return c, func() {}
	}
	c <- l.lead
	l.subs[c] = struct{}{}
	return c, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if _, ok := l.subs[c]; ok {
			delete(l.subs, c)
			close(c)
		}
	}
}

// leaderless reports whether no leader has been heard of for a while.
func (l *Log) leaderless() bool {
	if _, id := l.raft.LeaderWithID(); id != "" {
		l.lastSeen.Store(time.Now().UnixNano())
		return false
	}
	return time.Since(time.Unix(0, l.lastSeen.Load())) > 4*l.o.Timing.Election
}

// observe brings Leadership up to date. Only Run's goroutine calls it.
func (l *Log) observe(ctx context.Context) {
	addr, id := l.raft.LeaderWithID()
	now := Leadership{Addr: string(addr), Term: l.raft.CurrentTerm(), Self: l.raft.State() == raft.Leader && id == serverID(l.o.ID)}
	if n, err := edge.ParseNodeID(string(id)); err == nil {
		now.Leader = n
		l.lastSeen.Store(time.Now().UnixNano())
	}
	was := l.Leadership()
	now.Ready = now.Self && was.Ready && was.Term == now.Term
	l.publish(now)
	if now.Self && !now.Ready {
		l.watch.forget()
		if l.barrier(ctx) == nil && l.raft.State() == raft.Leader && l.raft.CurrentTerm() == now.Term {
			now.Ready = true
			l.publish(now)
			note(l.changed)
		}
	}
}

// barrier returns once everything committed so far has been applied here.
func (l *Log) barrier(ctx context.Context) error {
	done := make(chan error, 1)
	f := l.raft.Barrier(l.o.Timing.Election)
	go func() { done <- f.Error() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-l.closed:
		return edge.E(edge.Unavailable, "the log is closed")
	case <-l.failing:
		return l.Err()
	}
}

func (l *Log) publish(now Leadership) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now == l.lead {
		return
	}
	l.lead = now
	for c := range l.subs {
		select {
		case <-c:
		default:
		}
		c <- now // has room: only this function and Subscribe send, under l.mu
	}
}

// CommitIndex is the index of the newest committed entry the Applier will see. Raft's own entries, which
// it does not see, are not counted: waiting for Applied to reach it always ends.
func (l *Log) CommitIndex() uint64 {
	applied := l.o.Applier.Applied()
	for i := l.raft.CommitIndex(); i > applied; i-- {
		var e raft.Log
		if err := l.store.GetLog(i, &e); err != nil {
			break
		}
		if e.Type == raft.LogCommand {
			return i
		}
	}
	return applied
}
