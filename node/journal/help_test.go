package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
)

var origin = edge.NodeID{1, 2, 3}

// fataler is what testing.TB and rapid.T have in common.
type fataler interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

func openStore(t fataler, o state.Options) *state.Store {
	t.Helper()
	o.Name, o.Key, o.Reserve, o.MinFree = "test", bytes.Repeat([]byte{7}, 32), -1, 1
	s, err := state.Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// memory opens a store that lives as long as the test.
func memory(t testing.TB) *state.Store {
	t.Helper()
	s := openStore(t, state.Options{InMemory: true, MemTable: 8 << 20})
	t.Cleanup(func() { s.Close() })
	return s
}

func family(o SetOptions) SetOptions {
	o.Family, o.Origin = "readings", origin
	return o
}

func openTestSet(t testing.TB, e engine, o SetOptions) *Set {
	t.Helper()
	s, err := openSet(e, family(o))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func event(u edge.Urgency, body string) edge.Event {
	return edge.Event{Type: "test.happened", Subject: "thing", Urgency: u, Body: []byte(body)}
}

func appendOne(t testing.TB, s *Set, u edge.Urgency, body string) edge.Pos {
	t.Helper()
	p, err := s.Append(context.Background(), event(u, body))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// bodies reads a journal from after and tells records by their bodies, gaps as "-count reason", and
// errors by their kind.
func bodies(j edge.Journal, after edge.Pos) (out []string) {
	for r, err := range j.Read(context.Background(), after) {
		var gap *edge.Gap
		switch {
		case errors.As(err, &gap):
			out = append(out, fmt.Sprintf("-%d %s", gap.Count, gap.Reason))
		case err != nil:
			out = append(out, edge.KindOf(err).String())
		default:
			out = append(out, string(r.Body))
		}
	}
	return out
}

func verifyAll(t fataler, s *Set) {
	t.Helper()
	for _, j := range s.Journals() {
		v := s.store.View()
		out, err := Verify(context.Background(), v, j.stream, nil)
		v.Close()
		if err != nil {
			t.Fatalf("%s: %v", j.stream, out.Problems)
		}
	}
}

// trimNow has old records removed and waits for it.
func (s *Set) trimNow(t fataler) {
	t.Helper()
	done := make(chan error, 1)
	s.mu.Lock()
	w := &writer{s: s, trims: true, items: []item{{bare: true, done: func(_ edge.Pos, err error) { done <- err }}}}
	err := s.enqueue(w)
	s.mu.Unlock()
	if err == nil {
		err = <-done
	}
	if err != nil {
		t.Fatal(err)
	}
}

func unix(n int64) time.Time { return time.Unix(0, n) }
