package raftlog

import (
	"github.com/hashicorp/raft"
)

// An inlet stands before raft's door and mends what raft 1.8.0 answers so that the leader never gets on. A leader
// whose knowledge of a follower is old, because answers were lost, begins behind what the follower has cut off its
// log as durable and applied. Raft then refuses to compare ("failed to get previous log"), the leader goes back
// further still, and in the end sends a snapshot the follower must refuse, for it would undo what it acknowledged
// since. But all up to the follower's mark is committed, so every leader has the same: it need not be compared.
type inlet struct {
	l      *Log
	inner  raft.Transport
	rpcs   chan raft.RPC
	closed <-chan struct{}
}

// run hands requests on to raft, in order, until the log is closed.
func (in *inlet) run() {
	for {
		select {
		case rpc := <-in.inner.Consumer():
			rpc, answered := in.mend(rpc)
			if answered {
				continue
			}
			select {
			case in.rpcs <- rpc:
			case <-in.closed:
				return
			}
		case <-in.closed:
			return
		}
	}
}

// mend prepares a request for raft, or answers it where raft need not see it.
func (in *inlet) mend(rpc raft.RPC) (_ raft.RPC, answered bool) {
	switch r := rpc.Command.(type) {
	case *raft.AppendEntriesRequest:
		if r.Term >= in.l.raft.CurrentTerm() {
			mended := *r // the sender may still hold on to its own
			in.l.skipDurable(&mended)
			rpc.Command = &mended
		}
	case *raft.InstallSnapshotRequest:
		if r.Term == in.l.raft.CurrentTerm() && in.l.raft.State() == raft.Follower && in.l.holds(r.LastLogIndex, r.LastLogTerm) {
			rpc.Respond(&raft.InstallSnapshotResponse{RPCHeader: r.RPCHeader, Term: r.Term, Success: true}, nil)
			return rpc, true
		}
	}
	return rpc, false
}

// skipDurable makes a request begin at the mark where it begins before what the log still holds.
func (l *Log) skipDurable(r *raft.AppendEntriesRequest) {
	if r.PrevLogEntry == 0 && len(r.Entries) == 0 {
		return // a heartbeat
	}
	first, err := l.store.FirstIndex()
	if err != nil || first > 0 && r.PrevLogEntry >= first {
		return
	}
	m := l.store.Marks().Done
	if r.PrevLogEntry >= m.Index {
		return
	}
	for len(r.Entries) > 0 && r.Entries[0].Index <= m.Index {
		r.Entries = r.Entries[1:]
	}
	r.PrevLogEntry, r.PrevLogTerm = m.Index, m.Term
}

// holds reports whether a snapshot of this entry would bring nothing new.
func (l *Log) holds(index, term uint64) bool {
	if l.store.Marks().Done.Index >= index {
		return true
	}
	var e raft.Log
	return l.store.GetLog(index, &e) == nil && e.Term == term
}
