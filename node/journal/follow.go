package journal

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/aielon/edge/node/edge"
)

// A Source is a journal that remembers how far its followers have come. *Journal is one; Marks.Source
// makes one of any other journal.
type Source interface {
	edge.Journal
	Mark(follower string) edge.Pos
	SetMark(ctx context.Context, follower string, p edge.Pos) error
}

// FollowOptions say how a follower is driven.
type FollowOptions struct {
	// View opens the state for Rebuild, and returns what closes it. Without it a gap is passed over,
	// counted, and reported.
	View func() (edge.View, func())
	// Accept tells whether the follower can go on over a gap without a Rebuild. Default: no.
	Accept   func(g *edge.Gap) bool
	Backoff  time.Duration // after the first failure, default 100 ms; doubles, with jitter
	MaxDelay time.Duration // default 30 s
	Lag      uint64        // with more records waiting than this the follower is Degraded, default 10 000
	Turn     uint64        // records between two marks, default 256
	// Rest is for work that may come late and must not be in anybody's way: after each turn the runner
	// rests so many times as long as the turn took, 30 s at most. Default: it goes on at once.
	Rest int
	// Gather is how long records gather once the follower has seen all there were: each turn costs something,
	// however few records it takes. Default: it goes on with the first one.
	Gather time.Duration
	Logger *slog.Logger
}

// FollowStatus says how a follower is doing.
type FollowStatus struct {
	Followed uint64 // records since the start, repeated ones included
	Failures uint64 // in a row
	Err      error  // the last failure, nil once it went well again
	Skipped  uint64 // records passed over in gaps without a rebuild
	Rebuilds uint64
	Lag      uint64 // records it has not seen yet, where its journals can tell
}

// A Runner drives one follower over one or more journals, the first named first, from durable marks.
// It implements edge.Part and edge.Reporter.
type Runner struct {
	f       edge.Follower
	o       FollowOptions
	sources []Source
	moved   func() <-chan struct{} // closed when any source may have moved; nil: each is waited for

	mu     sync.Mutex // guards status
	status FollowStatus
}

const (
	// turn is how many records are taken from one journal before more urgent ones are looked at again,
	// and how many are followed between two marks, where the options do not say.
	turn = 256
	// mostRest is the longest that a runner rests after a turn.
	mostRest = 30 * time.Second
)

// NewRunner returns a Runner of f over the sources, most urgent first.
func NewRunner(f edge.Follower, o FollowOptions, sources ...Source) *Runner {
	if o.Backoff <= 0 {
		o.Backoff = 100 * time.Millisecond
	}
	if o.MaxDelay <= 0 {
		o.MaxDelay = 30 * time.Second
	}
	if o.Lag == 0 {
		o.Lag = 10_000
	}
	if o.Turn == 0 {
		o.Turn = turn
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Runner{f: f, o: o, sources: sources}
}

// Follow returns a Runner of f over all journals of the set.
func (s *Set) Follow(f edge.Follower, o FollowOptions) *Runner {
	var sources []Source
	for _, j := range s.journals[1:] {
		sources = append(sources, j)
	}
	r := NewRunner(f, o, sources...)
	r.moved = func() <-chan struct{} {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.moved
	}
	return r
}

// Run drives f over all journals of the set until ctx ends.
func (s *Set) Run(ctx context.Context, f edge.Follower, o FollowOptions) error {
	return s.Follow(f, o).Run(ctx)
}

// Name returns the follower's name.
func (r *Runner) Name() string { return r.f.Name() }

// Run drives the follower until ctx ends, and returns nil then. A failure is tried again, with growing
// pauses, for ever: the mark does not move past what the follower did not take.
func (r *Runner) Run(ctx context.Context) error {
	if err := checkName("follower", r.f.Name()); err != nil {
		return err
	}
	for ctx.Err() == nil {
		var moved <-chan struct{}
		if r.moved != nil {
			moved = r.moved() // before looking, so that nothing is missed
		}
		began := time.Now()
		more, err := r.round(ctx)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			r.pause(ctx, err)
		case !more:
			r.note(func(s *FollowStatus) { s.Err, s.Failures = nil, 0 })
			r.idle(ctx, moved)
		default:
			r.rest(ctx, time.Since(began))
		}
	}
	return nil
}

// round takes one turn from each journal, up to the first that has more than that: it is looked at again before
// less urgent ones. It reports whether it knows of more.
func (r *Runner) round(ctx context.Context) (more bool, err error) {
	for _, s := range r.sources {
		n, err := r.turn(ctx, s)
		if n >= r.o.Turn || err != nil {
			return true, err
		}
	}
	return false, nil
}

// A flusher is a follower that gathers: what it followed is durable only after Flush. After an error of Flush it
// is given the same records again.
type flusher interface {
	Flush(ctx context.Context) error
}

// turn follows up to turn records of one journal and moves the mark over those that were taken.
func (r *Runner) turn(ctx context.Context, s Source) (n uint64, err error) {
	at := s.Mark(r.f.Name())
	start := at
	for rec, err2 := range s.Read(ctx, at) {
		if gap, ok := errors.AsType[*edge.Gap](err2); ok {
			if at, err = r.over(ctx, s, gap); err != nil || at != gap.To {
				n++
				break // rebuilt: read on from the new mark
			}
			n++
			continue
		}
		if err = err2; err != nil {
			break
		}
		if err = r.follow(ctx, rec); err != nil {
			break
		}
		at = rec.Pos
		if n++; n >= r.o.Turn {
			break
		}
	}
	if at != start {
		if f, ok := r.f.(flusher); ok {
			if e := f.Flush(ctx); e != nil {
				return n, e // the mark stays
			}
		}
		if e := s.SetMark(ctx, r.f.Name(), at); err == nil {
			err = e
		}
		r.note(func(st *FollowStatus) { st.Followed += n })
	}
	return n, err
}

// follow turns a panic of the follower into an error: one follower must not end the node.
func (r *Runner) follow(ctx context.Context, rec edge.Record) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = edge.E(edge.Internal, "the follower %s panicked at %v: %s", r.f.Name(), rec.Pos, edge.Panicked(p))
		}
	}()
	return r.f.Follow(ctx, rec)
}

// over brings the follower over a gap, and returns where it goes on.
func (r *Runner) over(ctx context.Context, s Source, gap *edge.Gap) (edge.Pos, error) {
	if r.o.Accept != nil && r.o.Accept(gap) {
		return gap.To, nil
	}
	if r.o.View == nil {
		r.o.Logger.Warn("a follower missed records", "follower", r.f.Name(), "stream", s.Stream(), "records", gap.Count, "reason", gap.Reason)
		r.note(func(st *FollowStatus) { st.Skipped += gap.Count })
		return gap.To, nil
	}
	head := s.Head() // before the view is opened: the view shows at least this
	v, done := r.o.View()
	defer done()
	r.o.Logger.Info("a follower is rebuilt", "follower", r.f.Name(), "stream", s.Stream(), "reason", gap.Reason)
	if err := r.f.Rebuild(ctx, v); err != nil {
		return gap.From, err
	}
	r.note(func(st *FollowStatus) { st.Rebuilds++ })
	return head, nil
}

// pause waits after a failure: doubling, half of it random, never longer than MaxDelay.
func (r *Runner) pause(ctx context.Context, err error) {
	var failures uint64
	r.note(func(s *FollowStatus) { s.Err = err; s.Failures++; failures = s.Failures })
	d := min(r.o.Backoff<<min(failures-1, 20), r.o.MaxDelay)
	d = d/2 + rand.N(d/2+1)
	if failures == 1 {
		r.o.Logger.Warn("a follower failed and will try again", "follower", r.f.Name(), "error", err)
	}
	sleep(ctx, d)
}

// rest leaves the machine to others after a turn that took so long.
func (r *Runner) rest(ctx context.Context, took time.Duration) {
	if r.o.Rest <= 0 {
		return
	}
	sleep(ctx, min(took*time.Duration(r.o.Rest), mostRest))
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// idle returns when a source may have moved, and some time after it.
func (r *Runner) idle(ctx context.Context, moved <-chan struct{}) {
	r.await(ctx, moved)
	if r.o.Gather > 0 {
		sleep(ctx, r.o.Gather)
	}
}

func (r *Runner) await(ctx context.Context, moved <-chan struct{}) {
	if moved != nil {
		select {
		case <-moved:
		case <-ctx.Done():
		}
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	for _, s := range r.sources {
		all.Go(func() {
			if err := s.Wait(ctx, s.Mark(r.f.Name())); err != nil && ctx.Err() == nil {
				r.pause(ctx, err)
			}
			cancel()
		})
	}
	all.Wait()
	cancel()
}

func (r *Runner) note(f func(*FollowStatus)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(&r.status)
}

// Status tells how the follower is doing, from memory.
func (r *Runner) Status() FollowStatus {
	r.mu.Lock()
	st := r.status
	r.mu.Unlock()
	for _, s := range r.sources {
		if c, ok := s.(interface{ Counts(string) Counts }); ok {
			st.Lag += c.Counts(r.f.Name()).Waiting
		}
	}
	return st
}

// Report implements edge.Reporter.
func (r *Runner) Report(context.Context) edge.Health {
	st := r.Status()
	switch {
	case st.Err != nil && edge.IsKind(st.Err, edge.Corrupt):
		return edge.Health{Level: edge.Failed, Msg: st.Err.Error(), Hint: "check the disk, and restore from a backup"}
	case st.Err != nil:
		return edge.Health{Level: edge.Degraded, Msg: edge.E(edge.Internal, "%s failed %d times in a row: %v", r.Name(), st.Failures, st.Err).Msg}
	case st.Lag > r.o.Lag:
		return edge.Health{Level: edge.Degraded, Msg: edge.E(edge.Internal, "%s is %d records behind", r.Name(), st.Lag).Msg}
	case st.Skipped > 0:
		return edge.Health{Level: edge.Degraded, Msg: edge.E(edge.Internal, "%s missed %d records that were removed before it read them", r.Name(), st.Skipped).Msg}
	}
	return edge.Health{}
}
