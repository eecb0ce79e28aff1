package uplink

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/aielon/edge/sync/wire"
)

const (
	backlogEvery = 30 * time.Second // at most this often the hub is told what waits
	backlogLook  = 5 * time.Second  // and this often it is looked whether that has changed
	backlogAwake = 2 * time.Second  // after a frame from the hub the way is awake anyway
)

// A teller tells the hub what waits.
type teller struct {
	list func(context.Context) []wire.Waiting // nil: nothing is told

	mu     sync.Mutex // guards what follows: live uses it, and the end of the session
	last   []wire.Waiting
	told   time.Time
	looked time.Time
}

// due reports whether it is time to look again.
func (t *teller) due(now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.list != nil && now.Sub(t.told) >= backlogEvery && now.Sub(t.looked) >= backlogLook
}

// news returns what waits, and whether it is another than what was told last.
func (t *teller) news(ctx context.Context, now time.Time) ([]wire.Waiting, bool) {
	if t.list == nil {
		return nil, false
	}
	list := t.list(ctx)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.looked = now
	if !t.told.IsZero() && slices.Equal(list, t.last) {
		return nil, false
	}
	t.last, t.told = list, now
	return list, true
}

// tellBacklog says what waits, if that is another than what was said last. It is said at the start; then only
// shortly after the hub was heard, so that it never wakes a line that sleeps; and before the node leaves by
// itself, so that what the hub shows of a metered node is what it left with.
func (s *session) tellBacklog(ctx context.Context, now time.Time) error {
	s.mu.Lock()
	awake := now.Sub(s.heard) < backlogAwake
	s.mu.Unlock()
	if !awake || !s.teller.due(now) {
		return nil
	}
	return s.sayBacklog(ctx, now)
}

func (s *session) sayBacklog(ctx context.Context, now time.Time) error {
	list, news := s.teller.news(ctx, now)
	if !news {
		return nil
	}
	at, _ := s.u.o.Clock()
	return s.link.say(ctx, &wire.Backlog{Time: at, Classes: list})
}
