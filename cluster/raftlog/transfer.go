package raftlog

import (
	"context"
	"time"

	"github.com/hashicorp/raft"

	"github.com/aielon/edge/node/edge"
)

// Leadership is handed over here and not by raft. Raft 1.8.0 remembers that a transfer is under way until a
// goroutine of it has come to its end, which it never does where the node it waits for has stopped listening
// (raft.go, leadershipTransfer): leadership was lost meanwhile, and this node would refuse every change the next
// time it leads. All a transfer needs is to hold back new entries, to wait until the heir has all, and to tell it
// to call an election at once; and every step of that has a bound here.

// Transfer hands leadership to a member, or to the voter with the most of the log for the zero id. A member without
// a vote is given one first. It takes no longer than eight election timeouts, in which this node takes no entries
// and changes no other votes. It fails with NotFound where there is no such member and with Unavailable where the
// heir does not take over in time, or another transfer is under way.
func (l *Log) Transfer(ctx context.Context, to edge.NodeID) error {
	if l.raft.State() != raft.Leader {
		return edge.E(edge.Unavailable, "this node does not lead the site: %w", ErrNotLeader)
	}
	heir, ok := l.heir(to)
	if !ok {
		return edge.E(edge.NotFound, "there is no such node that could lead")
	}
	if !l.handing.CompareAndSwap(false, true) {
		return edge.E(edge.Unavailable, "leadership is being handed over already")
	}
	defer l.handing.Store(false)
	ctx, cancel := context.WithTimeout(ctx, 8*l.o.Timing.Election)
	defer cancel()
	if heir.Suffrage != raft.Voter {
		add := func(wait time.Duration) raft.Future { return l.raft.AddVoter(heir.ID, heir.Address, 0, wait) }
		if err := l.change(ctx, add); err != nil {
			return err
		}
	}
	term := l.raft.CurrentTerm()
	lost := func() bool { return l.raft.State() != raft.Leader || l.raft.CurrentTerm() != term }
	if !l.until(ctx, func() bool { return lost() || l.watch.progress(heir.ID).Index >= l.raft.LastIndex() }) {
		return edge.E(edge.Unavailable, "the node that is to lead lacks a part of the log and does not catch up")
	}
	if lost() {
		return nil
	}
	if err := l.callElection(ctx, heir); err != nil {
		return err
	}
	if !l.until(ctx, lost) {
		return edge.E(edge.Unavailable, "the other node did not take over")
	}
	return nil
}

// heir finds the member that is to lead.
func (l *Log) heir(to edge.NodeID) (heir raft.Server, found bool) {
	var most Progress
	for _, s := range l.configuration().Servers {
		switch p := l.watch.progress(s.ID); {
		case s.ID == serverID(l.o.ID):
		case s.ID == serverID(to):
			return s, true
		case s.Suffrage != raft.Voter:
		case to.IsZero() && (!found || p.Index > most.Index || p.Index == most.Index && p.Contact.After(most.Contact)):
			heir, most, found = s, p, true
		}
	}
	return heir, found
}

// callElection tells the heir not to wait for its timeout.
func (l *Log) callElection(ctx context.Context, heir raft.Server) error {
	done := make(chan error, 1)
	go func() { // ends with the transport's own timeout at the latest
		h := raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(serverID(l.o.ID)), Addr: l.watch.EncodePeer(serverID(l.o.ID), l.watch.LocalAddr())}
		done <- l.watch.TimeoutNow(heir.ID, heir.Address, &raft.TimeoutNowRequest{RPCHeader: h}, &raft.TimeoutNowResponse{})
	}()
	select {
	case err := <-done:
		if err != nil {
			return edge.E(edge.Unavailable, "the node that is to lead does not answer: %w", err)
		}
		return nil
	case <-ctx.Done():
	case <-l.closed:
	}
	return edge.E(edge.Unavailable, "the node that is to lead does not answer")
}

// until waits for f, and reports false where ctx or the log ends before.
func (l *Log) until(ctx context.Context, f func() bool) bool {
	for !f() {
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
			return f()
		case <-l.closed:
			return false
		}
	}
	return true
}

// handOver lets another voter lead before this node goes, so that nobody waits for an election.
func (l *Log) handOver() {
	select {
	case <-l.closed:
		return
	default:
	}
	if l.raft.State() != raft.Leader || len(l.configuration().Servers) < 2 {
		return
	}
	if err := l.Transfer(context.Background(), edge.NodeID{}); err != nil {
		l.log.Info("leadership could not be handed over", "error", err)
	}
}
