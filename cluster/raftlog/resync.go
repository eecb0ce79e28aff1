package raftlog

import (
	"os"
	"path/filepath"
	"time"

	"github.com/aielon/edge/cluster/raftlog/wal"
	"github.com/aielon/edge/node/edge"
)

// A node that forgets entries it acknowledged must not vote as if it had never had them: with its vote a
// leader could be elected that lacks what was committed thanks to its acknowledgement. So a node that
// starts over has no vote, gives none and asks for none, until it holds all a leader had committed at a
// time when every acknowledgement from before had long arrived or been given up.

var errVoteless = edge.E(edge.Unavailable, "this node has no vote until it has caught up")

// forgottenAfter is how long an acknowledgement sent before the damage can still be on its way; the
// transport gives requests up sooner.
const forgottenAfter = bulkTimeout + 5*time.Second

// setAside moves a damaged log out of the way, keeping the newest one moved, and takes this node's vote
// from it. Votes themselves must be readable: a node that forgot whom it voted for cannot be let back in.
func setAside(dir string, key []byte) error {
	votes, err := wal.OpenCell(filepath.Join(dir, "vote"), key)
	if err != nil {
		return err
	}
	given := votes.Load()
	votes.Close()
	if given == nil {
		return edge.E(edge.Corrupt, "it is not known whom this node voted for").WithHint("remove this node from the site and let it join anew")
	}
	damaged := filepath.Join(dir, "damaged")
	if err := os.RemoveAll(damaged); err != nil {
		return err
	}
	mark, err := wal.OpenCell(filepath.Join(dir, "mark"), key)
	if edge.IsKind(err, edge.Corrupt) {
		if err = os.Remove(filepath.Join(dir, "mark")); err == nil {
			mark, err = wal.OpenCell(filepath.Join(dir, "mark"), key)
		}
	}
	if err != nil {
		return err
	}
	defer mark.Close()
	if err := mark.Save([]byte(`{"NoVote":true}`)); err != nil { // before the log goes
		return err
	}
	if err := os.Rename(filepath.Join(dir, "log"), damaged); err != nil && !os.IsNotExist(err) {
		return err
	}
	return wal.SyncDir(dir)
}

// regainVote ends the time without a vote once it may end. Only Run's goroutine calls it.
func (l *Log) regainVote() {
	marks := l.store.Marks()
	if !marks.NoVote || marks.Away || time.Since(l.begun) < forgottenAfter {
		return
	}
	if !l.waited {
		l.waited = true
		l.heard.Store(0) // only what is heard from now on counts
		return
	}
	if l.goal == 0 {
		l.goal = l.heard.Load()
		return
	}
	if l.raft.CommitIndex() < l.goal {
		return
	}
	marks.NoVote = false
	if err := l.store.SaveMarks(marks); err != nil {
		l.fail(err)
		return
	}
	l.log.Info("this node holds everything again and votes")
}
