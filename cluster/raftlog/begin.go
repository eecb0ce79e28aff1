package raftlog

import (
	"github.com/hashicorp/raft"

	"github.com/aielon/edge/node/edge"
)

// Begin makes the log of a site whose state was restored from a backup: it starts right behind applied,
// the index of the restored state, with this node as the only member. dir must hold no log. The term is
// the first one: whoever was a member before has to join again.
func Begin(dir string, key []byte, id edge.NodeID, addr string, applied uint64) error {
	return onEmptyDisk(dir, key, func(d *disk) error {
		if applied == 0 {
			return nil // an empty state: Open begins as for a new site
		}
		if err := d.SetUint64([]byte("CurrentTerm"), 1); err != nil {
			return err
		}
		c := raft.Configuration{Servers: []raft.Server{{Suffrage: raft.Voter, ID: serverID(id), Address: raft.ServerAddress(addr)}}}
		return d.SaveMarks(Marks{Done: Mark{Index: applied, Term: 1, Applied: applied, Config: c, ConfigIndex: 1}})
	})
}

// BeginAway makes the log of a member that lost its own and comes back under its old id: it is empty, and the
// node neither hears nor answers the others' logs before Return. dir must hold no log.
func BeginAway(dir string, key []byte) error {
	return onEmptyDisk(dir, key, func(d *disk) error { return d.SaveMarks(Marks{NoVote: true, Away: true}) })
}

// onEmptyDisk opens the log in dir for f to begin it, and closes it; where there is a log already, f is not called.
func onEmptyDisk(dir string, key []byte, f func(d *disk) error) (err error) {
	d, err := openDisk(dir, key)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := d.Close(); err == nil {
			err = cerr
		}
	}()
	last, err := d.LastIndex()
	if err != nil {
		return err
	}
	if last != 0 || d.Marks().Done.Index != 0 {
		return edge.E(edge.Conflict, "there is a log in %s already", dir)
	}
	return f(d)
}

// Away reports whether this node has forgotten what it acknowledged and whom it voted for, and waits for Return.
func (l *Log) Away() bool { return l.away.Load() }

// Return ends the time of BeginAway. It must be called only after the site has committed something that was
// proposed since Open: this node took no part in that, so everybody who could still count on a vote or an
// acknowledgement it has forgotten has been overruled (see DESIGN.md). From then on the log is filled from the
// leader, and the vote comes back once that is done.
func (l *Log) Return() error {
	marks := l.store.Marks()
	if !marks.Away {
		return nil
	}
	marks.Away = false
	if err := l.store.SaveMarks(marks); err != nil {
		return err
	}
	l.away.Store(false)
	return nil
}

var errAway = edge.E(edge.Unavailable, "this node has lost its log and does not take part until the site has taken it back")
