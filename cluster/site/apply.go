package site

import (
	"fmt"
	"slices"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
)

// refusedError is what an entry gets that was evaluated on another state than the one it met.
type refusedError struct{ had, wants head }

func (e *refusedError) Error() string {
	return fmt.Sprintf("the batch was evaluated after %d batches and met the state after %d", e.wants.Count, e.had.Count)
}

// Apply implements edge.Applier.
func (s *Site) Apply(entries []edge.Entry) []error {
	errs := make([]error, len(entries))
	for i, e := range entries {
		errs[i] = s.apply(e)
		if s.place.Index >= e.Index {
			continue
		}
		for j := range errs[i+1:] { // not taken: what comes after it stands on it
			errs[i+1+j] = errs[i]
		}
		break
	}
	return errs
}

// apply takes one entry. Whatever it finds, it finds on every replica alike: the answer depends on the
// entry and the state alone.
func (s *Site) apply(e edge.Entry) error {
	if err := s.halt(nil); err != nil {
		return err
	}
	p := s.place
	if e.Index <= p.Index {
		return nil
	}
	b, err := decodeEntry(e.Data)
	if err != nil {
		return s.halt(edge.E(edge.Corrupt, "entry %d of the site's log: %w", e.Index, err))
	}
	next := meta{Head: p.Head, Index: e.Index, Now: p.Now}
	out := s.batch
	out.Reset()
	var refused error
	watched := false
	switch {
	case b == nil:
	case b.Base != p.Head:
		refused = &refusedError{had: p.Head, wants: b.Base}
		s.count.turned.Add(1)
	default:
		next.Head, next.Now = s.after(p.Head, e.Data), b.Now
		watched = s.watches(b.Writes)
		v := s.view()
		err := p.write(v, out, b, e.Index)
		v.Close()
		if err != nil {
			return s.halt(edge.E(edge.Corrupt, "entry %d of the site's log: %w", e.Index, err))
		}
	}
	if err := s.commit(out, next); err != nil {
		return err
	}
	if watched {
		s.watch.Add(1)
	}
	return refused
}

// Changes grows whenever a key under Options.Watch may have changed, after a new view shows the change. Who
// asks for it before opening a view may keep what the view shows until it has grown.
func (s *Site) Changes() uint64 { return s.watch.Load() }

// watches reports whether one of the writes lies under Options.Watch.
func (s *Site) watches(ws []edge.Write) bool {
	return s.opt.Watch != "" && slices.ContainsFunc(ws, func(w edge.Write) bool {
		return len(w.Key) >= len(s.opt.Watch) && string(w.Key[:len(s.opt.Watch)]) == s.opt.Watch
	})
}

// sealed is the entry this node made last. It holds on to the entry's memory, so that what has the same
// address is the same.
type sealed struct {
	entry    []byte
	from, to head
}

// after is the head after an entry. The sum over one's own last entry is known already.
func (s *Site) after(h head, entry []byte) head {
	if k := s.sealed.Load(); k != nil && h == k.from && len(entry) == len(k.entry) && &entry[0] == &k.entry[0] {
		return k.to
	}
	return h.next(entry)
}

// commit makes the writes of one entry and the replica's new place take effect together.
func (s *Site) commit(out *state.Batch, next meta) error {
	st := s.shelf.Store()
	out.Set([]byte(keyMeta), next.append(nil))
	if err := st.CommitAt(out, next.Index); err != nil {
		return s.notCommitted(next.Index, err)
	}
	s.place.meta = next
	s.place.settled(true)
	if s.opt.Check != nil {
		if err := s.check(); err != nil {
			return s.halt(edge.E(edge.Corrupt, "after entry %d: %w", next.Index, err))
		}
	}
	s.advance()
	return nil
}

// notCommitted sorts out a failed commit. A full disk kept nothing of the entry, so the replica may go on
// once there is room; anything else leaves the state in doubt.
func (s *Site) notCommitted(index uint64, err error) error {
	if !edge.IsKind(err, edge.Exhausted) {
		return s.halt(edge.E(edge.Corrupt, "entry %d of the site's log cannot be stored: %w", index, err))
	}
	s.place.settled(false)
	return err
}

// advance tells everybody how far the replica has come.
func (s *Site) advance() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at.meta, s.at.heads = s.place.meta, s.place.heads()
	s.at.recent[s.at.Index%uint64(len(s.at.recent))] = indexed{s.at.Index, s.at.heads[edge.Ledger]}
	close(s.moved)
	s.moved = make(chan struct{})
}

// Err is why this replica applies nothing any more, nil while it does.
func (s *Site) Err() error { return s.halt(nil) }

// halt returns why nothing is applied any more. The first error given is the reason, for good.
func (s *Site) halt(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.halted == nil && err != nil {
		s.halted = err
		s.logger.Error("this replica stopped applying the site's log", "err", err)
		if s.opt.Alarm != nil {
			go s.opt.Alarm(err)
		}
	}
	return s.halted
}

// Applied implements edge.Applier.
func (s *Site) Applied() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at.Index
}

// Sync implements edge.Applier.
func (s *Site) Sync() error { return s.shelf.Store().Sync() }

// check runs the invariants of tests.
func (s *Site) check() error {
	v := s.view()
	defer v.Close()
	if s.place.Index%8 == 0 { // reading all journals' rows anew takes most of a simulation's time
		if err := s.place.check(s.shelf.Store(), s.opt.Site); err != nil {
			return err
		}
	}
	return s.opt.Check(v)
}

// resume makes a restored state the one this replica goes on from.
func (s *Site) resume(p *place) {
	s.place = p
	s.watch.Add(1)
	s.mu.Lock()
	s.halted = nil
	s.mu.Unlock()
	s.advance()
}
