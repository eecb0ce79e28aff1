package across

import (
	"iter"
	"slices"
	"strings"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/edge/edgetest"
)

// A fastState is the state of a site that undoes what a command wrote instead of copying everything before it.
type fastState struct {
	*edgetest.State
	undo []write
}

type write struct {
	key string
	was []byte
	had bool
}

// Try evaluates a command as a site does: of one that fails nothing is kept.
func (s *fastState) Try(command func(edge.Tx) error) error {
	s.undo = s.undo[:0]
	events := len(s.Events)
	err := command(s)
	if err == nil {
		return nil
	}
	for _, w := range slices.Backward(s.undo) {
		if delete(s.Rows, w.key); w.had {
			s.Rows[w.key] = w.was
		}
	}
	s.Events = s.Events[:events]
	return err
}

func (s *fastState) note(key []byte) {
	was, had := s.Rows[string(key)]
	s.undo = append(s.undo, write{string(key), was, had})
}

// Set implements edge.Tx.
func (s *fastState) Set(key, value []byte) {
	s.note(key)
	s.State.Set(key, value)
}

// Delete implements edge.Tx.
func (s *fastState) Delete(key []byte) {
	s.note(key)
	s.State.Delete(key)
}

// Scan implements edge.View.
func (s *fastState) Scan(prefix []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(k, v []byte) bool) {
		var keys []string
		for k := range s.Rows {
			if strings.HasPrefix(k, string(prefix)) {
				keys = append(keys, k)
			}
		}
		slices.Sort(keys)
		for _, k := range keys {
			if v, ok := s.Rows[k]; ok && !yield([]byte(k), v) {
				return
			}
		}
	}
}
