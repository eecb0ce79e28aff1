package raftlog

import (
	"github.com/hashicorp/raft"

	"github.com/aielon/edge/node/edge"
)

// Begin makes the log of a site whose state was restored from a backup: it starts right behind applied,
// the index of the restored state, with this node as the only member. dir must hold no log. The term is
// the first one: whoever was a member before has to join again.
func Begin(dir string, key []byte, id edge.NodeID, addr string, applied uint64) (err error) {
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
	if applied == 0 {
		return nil // an empty state: Open begins as for a new site
	}
	if err := d.SetUint64([]byte("CurrentTerm"), 1); err != nil {
		return err
	}
	c := raft.Configuration{Servers: []raft.Server{{Suffrage: raft.Voter, ID: serverID(id), Address: raft.ServerAddress(addr)}}}
	return d.SaveMarks(Marks{Done: Mark{Index: applied, Term: 1, Applied: applied, Config: c, ConfigIndex: 1}})
}
