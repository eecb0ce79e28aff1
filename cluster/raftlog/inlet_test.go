package raftlog

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
)

// A follower has cut its log, and the leader has not heard of the answers that made it do so. What the leader
// sends from far back is taken, and a snapshot it sends does not undo what the follower has acknowledged.
func TestFollowerThatCutMoreThanTheLeaderKnows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := simThree(t)
		for _, x := range texts("a", 60) {
			s.put(x)
		}
		time.Sleep(5 * time.Second)
		lead := s.leader()
		var f *simNode
		for _, n := range s.nodes {
			if n != lead {
				f = n
			}
		}
		if err := f.log.raft.Snapshot().Error(); err != nil {
			t.Fatal(err)
		}
		first, _ := f.store.FirstIndex()
		last, _ := f.store.LastIndex()
		mark := f.store.Marks().Done
		if first < 10 || mark.Index < first {
			t.Fatalf("the follower holds %d to %d behind mark %d", first, last, mark.Index)
		}
		entry := func(i uint64) *raft.Log {
			var e raft.Log
			if err := lead.store.GetLog(i, &e); err != nil {
				t.Fatal(err)
			}
			return &e
		}
		h := raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(serverID(lead.id)), Addr: []byte(lead.tr.LocalAddr())}
		for _, from := range []uint64{1, 5, first - 1, first, mark.Index, last} {
			r := &raft.AppendEntriesRequest{RPCHeader: h, Term: lead.log.raft.CurrentTerm(), LeaderCommitIndex: last}
			if from > 1 {
				r.PrevLogEntry, r.PrevLogTerm = from-1, entry(from-1).Term
			}
			for i := from; i <= last; i++ {
				r.Entries = append(r.Entries, entry(i))
			}
			n := len(r.Entries)
			var resp raft.AppendEntriesResponse
			err := lead.tr.AppendEntries(serverID(f.id), f.tr.LocalAddr(), r, &resp)
			if err != nil || !resp.Success || len(r.Entries) != n {
				t.Errorf("from entry %d on: %v, %+v", from, err, resp)
			}
		}
		old := &raft.InstallSnapshotRequest{RPCHeader: h, SnapshotVersion: 1, Term: lead.log.raft.CurrentTerm(), LastLogIndex: mark.Index - 5, LastLogTerm: entry(mark.Index - 5).Term,
			Configuration: raft.EncodeConfiguration(mark.Config), ConfigurationIndex: mark.ConfigIndex}
		var resp raft.InstallSnapshotResponse
		if err := lead.tr.InstallSnapshot(serverID(f.id), f.tr.LocalAddr(), old, &resp, bytes.NewReader(nil)); err != nil || !resp.Success {
			t.Errorf("a snapshot that says nothing new: %v, %+v", err, resp)
		}
		if now, _ := f.store.LastIndex(); now != last {
			t.Errorf("the follower's log ends at %d, not at %d any more", now, last)
		}
		s.put("after")
		for _, n := range s.nodes {
			n.stop()
		}
		time.Sleep(time.Minute)
	})
}
