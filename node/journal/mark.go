package journal

import (
	"context"
	"maps"
	"slices"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
)

// maxMarks bounds the followers of one journal.
const maxMarks = 64

// A mark is how far one follower has come. The Set's mu guards it.
type mark struct {
	name  string
	row   markRow
	dirty bool // not as it is stored
}

func loadMarks(v *state.View, stream string) (map[string]*mark, error) {
	marks, prefix := map[string]*mark{}, marksOf(stream)
	for key, val := range v.Scan(prefix) {
		row, err := decodeMark(val)
		if err != nil {
			return nil, err
		}
		name := string(key[len(prefix):])
		marks[name] = &mark{name: name, row: row}
	}
	return marks, v.Err()
}

// newMark is the row of a follower nobody has heard of: it took nothing, and missed what is gone.
func (st *chainState) newMark() markRow {
	return markRow{shed: st.row.shed.Records, trimmed: st.row.trimmed.Records}
}

// after returns m once r is gone from the journal: what m had not reached of it, it missed.
func (m markRow) after(st *chainState, r removal) markRow {
	end := st.passed(r.to)
	missed := end - min(end, max(st.passed(r.from), st.passed(m.pos)))
	if r.shed {
		m.shed += missed
	} else {
		m.trimmed += missed
	}
	return m
}

// moved returns m at position p. What is gone and lies between was missed, not taken; what is gone
// and was taken stays taken when a mark goes back.
func (m markRow) moved(st *chainState, p edge.Pos) markRow {
	tail := st.passed(st.row.tail)
	from, to := max(st.passed(m.pos), tail), max(st.passed(p), tail)
	m.pos = p
	m.acked += to - from // wraps around when to is below from, and comes out right
	return m
}

// Mark is how far a follower has come; the zero Pos where it is not known.
func (j *Journal) Mark(follower string) edge.Pos {
	j.set.mu.Lock()
	defer j.set.mu.Unlock()
	if m := j.marks[follower]; m != nil {
		return m.row.pos
	}
	return edge.Pos{}
}

// SetMark says that a follower has everything up to and including p. It counts at once, and becomes
// durable with the next commit or within a second; a mark that is lost only means that records are
// delivered again. A mark may go back. It fails with Conflict where p is ahead of the journal or of another history, and with
// Exhausted where there are too many followers.
func (j *Journal) SetMark(_ context.Context, follower string, p edge.Pos) error {
	if err := checkName("follower", follower); err != nil {
		return err
	}
	s := j.set
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(); err != nil {
		return err
	}
	if head := j.pub.row.head; compare(p, head) > 0 || compare(p, head) == 0 && p.Sum != head.Sum && p.Sum != [32]byte{} {
		return edge.E(edge.Conflict, "%s says it has the journal %q up to %v, but that ends at %v", follower, j.stream, p, head).
			WithHint("begin a new epoch")
	}
	m := j.marks[follower]
	if m == nil {
		if len(j.marks) >= maxMarks {
			return edge.E(edge.Exhausted, "the journal %q already has %d followers", j.stream, len(j.marks)).WithHint("forget those that are gone")
		}
		m = &mark{name: follower, row: j.pub.newMark()}
		j.marks[follower] = m
	} else if m.row.pos == p {
		return nil
	}
	m.row, m.dirty = m.row.moved(&j.pub, p), true
	s.kick()
	return nil
}

// Forget removes a follower that will not come back. It returns once that is durable.
func (j *Journal) Forget(ctx context.Context, follower string) error {
	if err := checkName("follower", follower); err != nil {
		return err
	}
	j.set.mu.Lock()
	required := slices.Contains(j.set.o.Required, follower) || slices.Contains(j.set.o.RequiredOf[j.urgency], follower)
	j.set.mu.Unlock()
	if required {
		return edge.E(edge.Conflict, "%s is required to follow the journal %q", follower, j.stream).WithHint("change the configuration first")
	}
	j.set.mu.Lock()
	delete(j.marks, follower)
	j.set.mu.Unlock()
	return j.set.store.Commit(ctx, func(b *state.Batch) { b.Delete(markKey(j.stream, follower)) })
}

// Followers lists those that have a mark, by name.
func (j *Journal) Followers() []string {
	j.set.mu.Lock()
	defer j.set.mu.Unlock()
	return slices.Sorted(maps.Keys(j.marks))
}

// Require adds a follower that must have a record before it is trimmed: the node has joined a hub.
func (s *Set) Require(follower string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Contains(s.o.Required, follower) {
		s.o.Required = append(slices.Clone(s.o.Required), follower)
	}
}

// RequireOf adds a follower that must have a record of one urgency before it is trimmed.
func (s *Set) RequireOf(u edge.Urgency, follower string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.Contains(s.o.RequiredOf[u], follower) {
		return
	}
	m := maps.Clone(s.o.RequiredOf)
	if m == nil {
		m = map[edge.Urgency][]string{}
	}
	m[u] = append(slices.Clone(m[u]), follower)
	s.o.RequiredOf = m
}

// delivered is the position that every required follower has reached; the head where none is required.
func (s *Set) delivered(u edge.Urgency) edge.Pos {
	s.mu.Lock()
	defer s.mu.Unlock()
	j := s.journals[u]
	least := j.pub.row.head
	for _, list := range [...][]string{s.o.Required, s.o.RequiredOf[u]} {
		for _, f := range list {
			m := j.marks[f]
			if m == nil {
				return edge.Pos{}
			}
			if compare(m.row.pos, least) < 0 {
				least = m.row.pos
			}
		}
	}
	return least
}

// writeMarks adds to b the marks that moved and those whose counters the removals of commits under way
// change. The caller holds mu.
func (w *writer) writeMarks(b *state.Batch) {
	for u, j := range w.s.journals {
		if j == nil {
			continue
		}
		for _, m := range j.marks {
			row := m.row
			for _, f := range w.s.inflight { // w is the last of them
				for _, r := range f.removed[u] {
					row = row.after(&w.after[u], r)
				}
			}
			if m.dirty || len(w.removed[u]) > 0 && row != m.row {
				b.Set(markKey(j.stream, m.name), row.encode())
				m.dirty = false
				w.marks = append(w.marks, m)
			}
		}
	}
}
