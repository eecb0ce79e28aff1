package raftlog

import (
	"io"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

// Connections that a member left behind without a word, as a box does that loses its power again and again,
// do not keep it out: the one that was silent longest makes room.
func TestForgottenConnectionsMakeRoom(t *testing.T) {
	t.Parallel()
	s := newSiteOf(t, 3, nil)
	l := s.leader()
	peer := others(s.all, l)[0]
	st := &streams{id: peer.id, addr: "nowhere", n: s.net, dirs: s.dirs}
	for i := range 3 * maxPeerConns {
		conn, err := st.Dial(within(t, 5*time.Second), l.addr, Proto)
		s.must(err)
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(5 * time.Second))
		if _, err = conn.Write(message(&raft.RequestPreVoteRequest{RPCHeader: header(peer.id.id, peer.addr), Term: 1})); err == nil {
			_, err = io.ReadFull(conn, make([]byte, 5))
		}
		if err != nil {
			t.Fatalf("connection %d is not served: %v", i+1, err)
		}
	}
	s.put("all are well")
	s.same([]string{"all are well"})
	l.log.wire.mu.Lock()
	defer l.log.wire.mu.Unlock()
	n := 0
	for _, c := range l.log.wire.in {
		if c.id == peer.id.id {
			n++
		}
	}
	if n > maxPeerConns {
		t.Errorf("a peer has %d connections", n)
	}
}
