package raftlog

import (
	"fmt"
	"sync"
	"time"

	"github.com/aielon/edge/node/edge"
)

// A stranger is a node with a certificate of this site that keeps speaking to this log without being one of
// its members: it follows another log of the same site, as after a backup was restored while the site went on.
type stranger struct {
	mu          sync.Mutex // guards the rest
	id          edge.NodeID
	first, last time.Time
}

const (
	strangerGap   = time.Minute      // after so long without a call it is forgotten
	strangerStays = 20 * time.Second // for so long a member that is just being added or removed may look like one
)

// called notes a call that was refused.
func (s *stranger) called(id edge.NodeID, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.id != id && now.Sub(s.last) < strangerGap {
		return // the one that is there already
	}
	if s.id != id || now.Sub(s.last) > strangerGap {
		s.id, s.first = id, now
	}
	s.last = now
}

// stays returns the stranger that has been calling for a while and still does.
func (s *stranger) stays(now time.Time) (edge.NodeID, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.id, !s.id.IsZero() && now.Sub(s.last) < strangerGap && s.last.Sub(s.first) > strangerStays
}

func (l *Log) strangerHealth() (edge.Health, bool) {
	id, ok := l.stranger.stays(time.Now())
	if !ok {
		return edge.Health{}, false
	}
	return edge.Health{Level: edge.Failed, Msg: fmt.Sprintf("node %s belongs to this site and follows another log of it: the site exists twice", id.Short()),
		Hint: "a backup was restored as a new site while the old one went on: decide which one stays, stop the other, and let its nodes join again"}, true
}
