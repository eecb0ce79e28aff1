package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"time"

	"github.com/aielon/edge/node/edge"
)

const (
	restartFirst = 500 * time.Millisecond
	restartMost  = 30 * time.Second
	healthyAfter = time.Minute // a part that ran this long starts over with the shortest pause
)

// A supervisor runs parts. Those that may fail alone are started again with back-off; those whose end
// leaves state unknown end the node.
type supervisor struct {
	log *slog.Logger
	wg  sync.WaitGroup

	mu   sync.Mutex // guards down
	down map[string]edge.Health
}

func newSupervisor(log *slog.Logger) *supervisor {
	return &supervisor{log: log, down: map[string]edge.Health{}}
}

// vital runs a part whose failure ends the node: fail is called with why.
func (s *supervisor) vital(ctx context.Context, p edge.Part, fail context.CancelCauseFunc) {
	s.wg.Go(func() {
		if err := guarded(ctx, p); err != nil && ctx.Err() == nil {
			fail(fmt.Errorf("%s: %w", p.Name(), err))
		}
	})
}

// restart runs a part again whenever it ends before ctx does.
func (s *supervisor) restart(ctx context.Context, p edge.Part) {
	s.wg.Go(func() {
		pause := restartFirst
		for ctx.Err() == nil {
			began := time.Now()
			err := guarded(ctx, p)
			if ctx.Err() != nil {
				return
			}
			if time.Since(began) > healthyAfter {
				pause = restartFirst
			}
			s.note(p.Name(), err)
			s.log.Error("a part ended and is started again", "part", p.Name(), "error", err, "pause", pause)
			wait(ctx, pause/2+rand.N(pause))
			pause = min(2*pause, restartMost)
			s.clear(p.Name())
		}
	})
}

func guarded(ctx context.Context, p edge.Part) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = edge.E(edge.Internal, "%s panicked: %s\n%s", p.Name(), edge.Panicked(r), debug.Stack())
		}
	}()
	err = p.Run(ctx)
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return nil
	}
	return err
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

func (s *supervisor) note(name string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down[name] = edge.Health{Level: edge.Failed, Msg: fmt.Sprintf("ended and is about to be started again: %v", err)}
}

func (s *supervisor) clear(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.down, name)
}

// health returns what is wrong with parts that are down right now.
func (s *supervisor) health(name string) (edge.Health, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, ok := s.down[name]
	return h, ok
}

// partFunc makes a Part of a name and a function.
type partFunc struct {
	name string
	run  func(context.Context) error
}

func (p partFunc) Name() string                  { return p.name }
func (p partFunc) Run(ctx context.Context) error { return p.run(ctx) }
