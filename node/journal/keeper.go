package journal

import (
	"context"
	"errors"
	"time"

	"github.com/aielon/edge/node/edge"
)

// Times of the keeper.
const (
	markDelay = time.Second // a mark is durable this long after SetMark at the latest
	trimEvery = time.Minute // how often old records are looked for
)

// kick wakes the keeper. The caller may hold mu.
func (s *Set) kick() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// keep is the keeper: it makes marks durable when no commit does so, and has old records trimmed.
// It writes nothing while nothing changes.
func (s *Set) keep() {
	trim := time.NewTicker(trimEvery)
	defer trim.Stop()
	var save <-chan time.Time
	for {
		select {
		case <-s.stop:
			return
		case <-s.wake:
			if s.takeMoreTrims() {
				s.submitTrim()
			}
			if save == nil {
				save = time.After(markDelay)
			}
		case <-save:
			save = nil
			if err := s.saveMarks(); err != nil {
				s.o.Logger.Warn("marks of followers wait to be written", "family", s.o.Family, "error", err)
				save = time.After(10 * markDelay)
			}
		case <-trim.C:
			if s.anyOld(time.Now()) {
				s.submitTrim()
			}
		}
	}
}

func (s *Set) takeMoreTrims() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	more := s.moreTrims
	s.moreTrims = false
	return more
}

// submitTrim has the committer look for old records.
func (s *Set) submitTrim() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken != nil {
		return
	}
	w := &writer{s: s, trims: true}
	if err := s.enqueue(w); err != nil {
		s.o.Logger.Warn("old records wait to be removed", "family", s.o.Family, "error", err)
	}
}

// saveMarks makes all marks durable. It does nothing where they are.
func (s *Set) saveMarks() error {
	done := make(chan error, 1)
	s.mu.Lock()
	if s.broken != nil || !s.anyDirty() {
		s.mu.Unlock()
		return nil
	}
	w := &writer{s: s, items: []item{{bare: true, done: func(_ edge.Pos, err error) { done <- err }}}}
	err := s.enqueue(w)
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return <-done
}

// anyDirty reports whether a mark is not stored as it is. The caller holds mu.
func (s *Set) anyDirty() bool {
	for _, j := range s.journals[1:] {
		for _, m := range j.marks {
			if m.dirty {
				return true
			}
		}
	}
	return false
}

// anyOld reports whether the oldest block of any journal may be trimmed for its age.
func (s *Set) anyOld(now time.Time) bool {
	for _, j := range s.journals[1:] {
		keep, delivered := s.o.Budgets[j.urgency].Keep, s.delivered(j.urgency)
		s.mu.Lock()
		row := j.pub.row
		s.mu.Unlock()
		if keep <= 0 || row.blocks == 0 || compare(row.tail, delivered) >= 0 {
			continue
		}
		x, err := s.oldest(j, row.tail)
		if err == nil && compare(x.after, delivered) <= 0 && x.newest < now.Add(-keep).UnixNano() {
			return true
		}
	}
	return false
}

func (s *Set) oldest(j *Journal, tail edge.Pos) (block, error) {
	v := s.store.View()
	defer v.Close()
	prefix := blocksOf(j.stream)
	for key, val := range v.ScanFrom(prefix, blockKey(j.stream, tail.Epoch, tail.Seq+1)) {
		return openBlock(key, prefix, val)
	}
	return block{}, errors.Join(v.Err(), errNothing)
}

var errNothing = errors.New("nothing is stored")

// Report tells how the journals are, from memory.
func (s *Set) Report(context.Context) edge.Health {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	switch {
	case s.broken != nil:
		return edge.Health{Level: edge.Failed, Msg: s.broken.Error(), Hint: "restart the node"}
	case s.trouble != nil:
		return edge.Health{Level: edge.Degraded, Msg: "old records cannot be removed: " + s.trouble.Error(), Hint: "check the disk"}
	case now.Sub(s.lastFull) < time.Hour:
		return edge.Health{Level: edge.Degraded, Msg: "records were refused within the last hour, because the disk budget is used up", Hint: "bring the link to the hub back, or raise the budget"}
	case now.Sub(s.lastShed) < time.Hour:
		return edge.Health{Level: edge.Degraded, Msg: "old readings were dropped within the last hour to make room", Hint: "bring the link to the hub back, or raise the budget"}
	}
	return edge.Health{}
}
