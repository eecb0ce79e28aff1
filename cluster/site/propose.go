package site

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/aielon/edge/node/edge"
)

const (
	patience    = 30 * time.Second       // of Propose, where the caller gave no deadline
	attemptTime = time.Second            // for another node to answer, before the leader is looked up again
	firstPause  = 5 * time.Millisecond   // between tries
	longPause   = 250 * time.Millisecond // between tries, after some
)

// Propose implements edge.Proposer. A try whose outcome is not known is made again with the same ID,
// wherever the leader is then, until it is known or ctx ends; only then Unavailable is returned, and the
// caller may ask again with the same ID.
func (s *Site) Propose(ctx context.Context, c edge.Command) (out edge.Outcome, err error) {
	if err := checkCommand(c); err != nil {
		return out, err
	}
	if c.Request == "" {
		c.Request = edge.RequestOf(ctx)
	}
	err = s.persist(ctx, func(ctx context.Context, leader edge.NodeID, self bool) (err error) {
		if self {
			out, err = s.proposeHere(ctx, c)
			return err
		}
		if c.Way != nil {
			if err := c.Way.Leave(ctx); err != nil {
				return &NotRun{err}
			}
			c.Way = nil
		}
		out, err = s.opt.Forward.Forward(ctx, leader, c)
		return err
	})
	return out, err
}

func checkCommand(c edge.Command) error {
	switch {
	case c.ID.IsZero():
		return edge.E(edge.Invalid, "a request needs an identifier")
	case c.Type == "" || len(c.Type) > maxName || len(c.Actor.ID) > maxName || len(c.Actor.Site) > maxName:
		return edge.E(edge.Invalid, "the names in a request may have %d bytes", maxName)
	case c.Request != "" && !edge.IsRequest(c.Request):
		return edge.E(edge.Invalid, "the id of a request may have %d letters and digits", edge.MaxRequest)
	case len(c.Body) > maxBody:
		return edge.E(edge.Invalid, "a request may have %d bytes, this one has %d", maxBody, len(c.Body)).
			WithHint("put large values in the blob store and refer to them by hash")
	}
	return nil
}

// persist makes tries until one is decided or ctx ends.
func (s *Site) persist(ctx context.Context, try func(ctx context.Context, leader edge.NodeID, self bool) error) error {
	end, limited := ctx.Deadline()
	if !limited {
		end = time.Now().Add(patience)
	}
	doubt, pause := false, firstPause
	for {
		turn := s.turnNow()
		err := s.attempt(ctx, end, turn, try)
		var notRun *NotRun
		switch {
		case err == nil:
			return nil
		case !errors.As(err, &notRun):
			doubt = true
		case !doubt && !edge.IsKind(err, edge.Unavailable):
			return notRun.Err
		}
		if !s.rest(ctx, turn.Done(), pause) || !limited && !time.Now().Before(end) {
			return undecided(doubt, err)
		}
		pause = min(2*pause, longPause)
	}
}

// attempt makes one try, until end. It is given up when another leader is announced or the other node does
// not answer: the same command can be asked for again.
func (s *Site) attempt(ctx context.Context, end time.Time, turn context.Context, try func(context.Context, edge.NodeID, bool) error) error {
	leader, self := s.leader()
	if !self && (leader.IsZero() || s.opt.Forward == nil) {
		return &NotRun{edge.E(edge.Unavailable, "the site has no leader at the moment")}
	}
	if soon := time.Now().Add(attemptTime); !self && soon.Before(end) {
		end = soon
	}
	ctx, cancel := context.WithDeadline(ctx, end)
	defer cancel()
	if !self {
		defer context.AfterFunc(turn, cancel)()
	}
	return try(ctx, leader, self)
}

// rest waits a little, less where another leader is announced. It returns false when there is no point.
func (s *Site) rest(ctx context.Context, changed <-chan struct{}, pause time.Duration) bool {
	t := time.NewTimer(pause/2 + rand.N(pause/2))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-s.closed:
		return false
	case <-changed:
		return true
	case <-t.C:
		return true
	}
}

// turnNow ends when another leader is announced.
func (s *Site) turnNow() context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.turn
}

func undecided(doubt bool, err error) error {
	if doubt {
		return edge.E(edge.Unavailable, "it is not known whether the request was carried out: %w", err).
			WithHint("send it again as it is; it will not be carried out twice")
	}
	return edge.E(edge.Unavailable, "the request was not carried out: %w", err).
		WithHint("most of the site's nodes must be on and reach each other; try again then")
}

// proposeHere gets a command evaluated by this node's sequencer, or not at all.
func (s *Site) proposeHere(ctx context.Context, c edge.Command) (edge.Outcome, error) {
	w := newWaiter()
	s.proposeThen(c, w.tell)
	return w.wait(ctx)
}

// proposeThen is proposeHere for those who do not wait: then is told the outcome, now or later.
func (s *Site) proposeThen(c edge.Command, then teller) {
	err := checkCommand(c)
	if err == nil && !s.leads() {
		err = notLeading()
	}
	if err == nil && s.opt.Held != nil {
		err = s.opt.Held(c.Type)
	}
	if err != nil {
		then(edge.Outcome{}, &NotRun{err})
		return
	}
	s.count.proposed.Add(1)
	err = s.seq.join(c, then)
	switch {
	case edge.IsKind(err, edge.Conflict):
		then(edge.Outcome{Err: refusal(err)}, nil)
	case err != nil:
		then(edge.Outcome{}, err)
	}
}

// markHere returns an index that holds everything acknowledged before the call.
func (s *Site) markHere(ctx context.Context) (uint64, error) {
	w := newWaiter()
	s.markThen(w.tell)
	out, err := w.wait(ctx)
	return out.Index, err
}

// markThen is markHere for those who do not wait.
func (s *Site) markThen(then teller) {
	if !s.leads() {
		then(edge.Outcome{}, &NotRun{notLeading()})
		return
	}
	if err := s.seq.joinMark(then); err != nil {
		then(edge.Outcome{}, err)
	}
}

// A waiter waits for what a call came to.
type waiter struct {
	done chan struct{}
	out  edge.Outcome // set before done is closed, as is err
	err  error
}

func newWaiter() *waiter { return &waiter{done: make(chan struct{})} }

func (w *waiter) tell(out edge.Outcome, err error) {
	w.out, w.err = out, err
	close(w.done)
}

func (w *waiter) wait(ctx context.Context) (edge.Outcome, error) {
	select {
	case <-w.done:
		return w.out, w.err
	case <-ctx.Done():
		return edge.Outcome{}, unknown(ctx.Err())
	}
}
