package journal

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
)

// maxFarMarks bounds what a Marks holds.
const maxFarMarks = 4096

// Marks remembers, in a store of its own choosing, how far the followers of journals in other stores
// have come: those of a site's journals, for one, are this node's own business and not replicated.
type Marks struct {
	store *state.Store
	log   *slog.Logger
	wake  chan struct{}
	stop  chan struct{}
	done  sync.WaitGroup

	mu     sync.Mutex // guards what follows
	pos    map[string]edge.Pos
	dirty  map[string]bool
	closed bool
}

// OpenMarks reads the marks kept in an unmanaged store. Close must be called before the store's.
func OpenMarks(s *state.Store, log *slog.Logger) (*Marks, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	m := &Marks{store: s, log: log, wake: make(chan struct{}, 1), stop: make(chan struct{}), pos: map[string]edge.Pos{}, dirty: map[string]bool{}}
	v := s.View()
	defer v.Close()
	for key, val := range v.Scan([]byte(farPrefix)) {
		row, err := decodeMark(val)
		if err != nil {
			return nil, err
		}
		m.pos[strings.TrimPrefix(string(key), farPrefix)] = row.pos
	}
	if err := v.Err(); err != nil {
		return nil, err
	}
	m.done.Go(m.keep)
	return m, nil
}

// Close makes the marks durable and stops.
func (m *Marks) Close() error {
	m.mu.Lock()
	closed := m.closed
	m.closed = true
	m.mu.Unlock()
	if closed {
		return nil
	}
	close(m.stop)
	m.done.Wait()
	return m.save()
}

// keep writes what changed, at most once a second, and nothing while nothing changes.
func (m *Marks) keep() {
	var due <-chan time.Time
	for {
		select {
		case <-m.stop:
			return
		case <-m.wake:
			if due == nil {
				due = time.After(markDelay)
			}
		case <-due:
			due = nil
			if err := m.save(); err != nil {
				m.log.Warn("marks of followers wait to be written", "error", err)
				due = time.After(10 * markDelay)
			}
		}
	}
}

func (m *Marks) save() error {
	m.mu.Lock()
	names := slices.Collect(maps.Keys(m.dirty))
	clear(m.dirty)
	rows := map[string]edge.Pos{}
	for _, n := range names {
		rows[n] = m.pos[n]
	}
	m.mu.Unlock()
	if len(names) == 0 {
		return nil
	}
	err := m.store.Commit(context.Background(), func(b *state.Batch) {
		for n, p := range rows {
			b.Set([]byte(farPrefix+n), markRow{pos: p}.encode())
		}
	})
	if err != nil {
		m.mu.Lock()
		for _, n := range names {
			m.dirty[n] = true
		}
		m.mu.Unlock()
	}
	return err
}

// Source returns j with these marks.
func (m *Marks) Source(j edge.Journal) Source { return farSource{j, m} }

type farSource struct {
	edge.Journal
	m *Marks
}

func (f farSource) name(follower string) string { return f.Stream() + "\x00" + follower }

func (f farSource) Mark(follower string) edge.Pos {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	return f.m.pos[f.name(follower)]
}

// SetMark counts at once and is durable within a second. A mark that is lost only means that records
// are delivered again.
func (f farSource) SetMark(_ context.Context, follower string, p edge.Pos) error {
	if err := checkName("follower", follower); err != nil {
		return err
	}
	m, name := f.m, f.name(follower)
	m.mu.Lock()
	defer m.mu.Unlock()
	old, known := m.pos[name]
	switch {
	case m.closed:
		return edge.E(edge.Unavailable, "the marks of followers are closed")
	case known && old == p:
		return nil
	case !known && len(m.pos) >= maxFarMarks:
		return edge.E(edge.Exhausted, "there are already marks of %d followers", len(m.pos))
	}
	m.pos[name], m.dirty[name] = p, true
	select {
	case m.wake <- struct{}{}:
	default:
	}
	return nil
}
