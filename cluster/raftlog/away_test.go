package raftlog

import (
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
)

// A member that lost its log comes back under its old id. It neither votes nor acknowledges anything before
// Return, after which it is filled and votes again.
func TestMemberThatLostItsLogComesBack(t *testing.T) {
	t.Parallel()
	s := newSiteOf(t, 3, nil)
	want := texts("a", 20)
	for _, x := range want {
		s.put(x)
	}
	lead := s.leader()
	lost, other := others(s.all, lead)[0], others(s.all, lead)[1]
	lost.kill()
	lost.dir, lost.app = t.TempDir(), &ledger{}
	s.must(BeginAway(lost.dir, make([]byte, 32)))
	if err := BeginAway(lead.dir, make([]byte, 32)); err == nil {
		t.Error("a log that is in use was begun again")
	}
	lost.start()
	other.kill()
	s.wait("the leader to give up", 5*time.Second, func() bool { return !lead.log.Leadership().Self })
	time.Sleep(3 * time.Second)
	if lead.log.Leadership().Self || lost.log.Leadership().Self || !lost.log.Away() || lost.app.Applied() > 0 {
		t.Fatal("a node that has forgotten its votes helps to elect a leader")
	}
	lost.stop()
	lost.start() // still away
	other.start()
	s.put("committed without it")
	if lost.app.Applied() > 0 {
		t.Fatal("a node that is away follows the log")
	}
	s.must(lost.log.Return())
	s.same(append(want, "committed without it"))
	if st := lost.log.Stats(); !st.NoVote {
		t.Error("it votes at once")
	}
	lost.log.begun = lost.log.begun.Add(-forgottenAfter)
	s.wait("the vote", 10*time.Second, func() bool { return !lost.log.Stats().NoVote })
}

func TestStranger(t *testing.T) {
	var s stranger
	now, a, b := time.Unix(1000, 0), edge.NodeID{1}, edge.NodeID{2}
	if _, ok := s.stays(now); ok {
		t.Fatal("nobody called")
	}
	for i := range 30 { // one that is being added or removed
		s.called(a, now.Add(time.Duration(i)*time.Second/2))
	}
	if _, ok := s.stays(now.Add(15 * time.Second)); ok {
		t.Error("a short while is enough")
	}
	s.called(b, now.Add(20*time.Second))
	s.called(a, now.Add(25*time.Second))
	if id, ok := s.stays(now.Add(26 * time.Second)); !ok || id != a {
		t.Errorf("%v %v", id, ok)
	}
	if _, ok := s.stays(now.Add(2 * time.Minute)); ok {
		t.Error("one that has gone is not forgotten")
	}
	s.called(b, now.Add(3*time.Minute))
	if _, ok := s.stays(now.Add(3 * time.Minute)); ok {
		t.Error("the next one inherits the time of the last")
	}
}
