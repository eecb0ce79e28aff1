package node

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aielon/edge/cluster/site"
	"github.com/aielon/edge/node/api/nodev1"
	"github.com/aielon/edge/sync/hub"
)

// A toldBacklog is what a hub knows of what waits at one node.
type toldBacklog struct {
	hub.Backlog
	said bool
	gone bool // the node was revoked: what waits there never comes
}

// addBacklogs adds to a site what its nodes say. Its Lost counts the gaps the hub sees; of these, those that a
// node accounts for count as that node counts them.
func addBacklogs(s *nodev1.Site, list []toldBacklog) {
	var lost, apart uint64
	var said, since time.Time
	for _, b := range list {
		if !b.said {
			if !b.gone {
				s.Silent++
			}
			continue
		}
		for _, c := range b.Classes {
			lost, apart, s.Shed = lost+c.Lost, apart+c.Apart, s.Shed+c.Shed
			if b.gone {
				continue
			}
			s.Waiting += c.Records
			since = earliest(since, c.Oldest)
		}
		if !b.gone {
			said = earliest(said, b.Said)
		}
	}
	s.Lost = lost + s.Lost - min(apart, s.Lost)
	s.WaitingSaid, s.WaitingSince = stamp(said), stamp(since)
}

// ownBacklog is what this box has not put into the hub's store yet: it needs no link for that.
func (p *hubPart) ownBacklog() hub.Backlog {
	b := hub.Backlog{Said: p.n.keys.trust.Now()}
	for _, j := range p.n.journals.Journals() {
		row := p.n.ledgerRow(j)
		b.Classes = append(b.Classes, hub.Waiting{Class: j.Urgency(), Records: row.Waiting, Lost: row.Lost, Shed: row.Shed, Apart: p.n.apart(j.Stream(), site.Stream(j.Urgency()))})
	}
	return b
}

// earliest is the earlier of two times, of which a zero one does not count.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func stamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}
