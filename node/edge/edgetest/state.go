// Package edgetest is the state of a site in memory, for tests of commands and queries.
package edgetest

import (
	"bytes"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aielon/edge/node/edge"
)

// A State is rows and events, as one command after another sees and leaves them. It implements edge.Tx.
// Its fields may be looked at and changed between commands.
type State struct {
	Rows   map[string][]byte
	Events []edge.Event
	Time   time.Time
	By     edge.Actor // who asks
}

var _ edge.Tx = (*State)(nil)

// New returns an empty state.
func New(by edge.Actor, now time.Time) *State {
	return &State{Rows: map[string][]byte{}, Time: now, By: by}
}

// Try evaluates a command as a site does: of one that fails nothing is kept.
func (s *State) Try(command func(edge.Tx) error) error {
	rows, events := maps.Clone(s.Rows), len(s.Events)
	err := command(s)
	if err != nil {
		s.Rows, s.Events = rows, s.Events[:events]
	}
	return err
}

// Get implements edge.View.
func (s *State) Get(key []byte) ([]byte, error) {
	if v, ok := s.Rows[string(key)]; ok {
		return v, nil
	}
	return nil, edge.E(edge.NotFound, "there is no such key")
}

// Scan implements edge.View.
func (s *State) Scan(prefix []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(k, v []byte) bool) {
		for _, k := range slices.Sorted(maps.Keys(s.Rows)) {
			if strings.HasPrefix(k, string(prefix)) && !yield([]byte(k), s.Rows[k]) {
				return
			}
		}
	}
}

// Err implements edge.View.
func (s *State) Err() error { return nil }

// Index implements edge.View.
func (s *State) Index() uint64 { return 0 }

// Set implements edge.Tx.
func (s *State) Set(key, value []byte) { s.Rows[string(key)] = bytes.Clone(value) }

// Delete implements edge.Tx.
func (s *State) Delete(key []byte) { delete(s.Rows, string(key)) }

// Emit implements edge.Tx.
func (s *State) Emit(e edge.Event) { s.Events = append(s.Events, e) }

// Now implements edge.Tx.
func (s *State) Now() time.Time { return s.Time }

// Actor implements edge.Tx.
func (s *State) Actor() edge.Actor { return s.By }
