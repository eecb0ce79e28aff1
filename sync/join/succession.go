package join

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/aielon/edge/node/auth/pki"
	"github.com/aielon/edge/node/edge"
)

const (
	successionLook  = 6 * time.Hour       // between two looks where nothing is to do: all spans here are months
	successionFirst = time.Minute         // the first pause after a failure; doubled up to
	successionLast  = 6 * time.Hour       //
	lastCall        = 60 * 24 * time.Hour // before the end of a CA its successor no longer waits for nodes that were not heard of
	lastWord        = 14 * 24 * time.Hour // nor for the region's word: twice the life of a leaf
	wordLead        = 90 * 24 * time.Hour // before its end the region's word for a CA is asked for again
	ageing          = 30 * 24 * time.Hour // with less than this left somebody should look
)

// A Stand is what a site keeps of its authorities.
type Stand struct {
	CA   *pki.Authority // certifies the site's nodes and devices; nil: not kept yet
	Next *pki.Authority // its successor, trusted beside it and not used yet; nil mostly
}

// A Succession gives a site's CA a successor in good time, and has the region vouch for both. It is run by
// every node; only the one that leads acts. Each step is kept in the site's state before the next begins,
// so that another leader goes on where this one ended:
//
//  1. half a year before its end: a successor is made and kept;
//  2. every node trusts the successor and says so;
//  3. the region vouches for it, on the word of the CA before it;
//  4. it takes over: certificates are issued by it from then on.
type Succession struct {
	End     *pki.Endpoint
	Leads   func() bool                              // whether this node decides for the site now
	Read    func() (Stand, error)                    // what the site's state says; copies
	Keep    func(ctx context.Context, s Stand) error // puts it there, durably; asked again where it failed
	Trusted func(ca edge.NodeID) bool                // whether every node of the site has said that it trusts a CA
	Sources func() []Source                          // the hubs among them are asked
	Dial    Dial
	Log     *slog.Logger

	rounds
}

// Name implements edge.Part.
func (s *Succession) Name() string { return "authority" }

// Run does what is due until ctx ends.
func (s *Succession) Run(ctx context.Context) error {
	pause := successionFirst
	for {
		again, err := s.step(ctx)
		if ctx.Err() != nil {
			return nil
		}
		s.note(s.Log, "the site's authority has no successor yet", err)
		wait := successionLook
		switch {
		case err != nil:
			wait = pause/2 + rand.N(pause/2+1)
			pause = min(2*pause, successionLast)
		case again:
			wait, pause = time.Second, successionFirst
		default:
			pause = successionFirst
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-t.C:
		case <-s.woken():
		}
		t.Stop()
	}
}

// step does one thing and reports whether there may be another.
func (s *Succession) step(ctx context.Context) (again bool, err error) {
	if !s.Leads() {
		return false, nil
	}
	st, err := s.Read()
	if err != nil || st.CA == nil {
		return false, err
	}
	switch {
	case st.Next == nil && st.CA.Due():
		if st.Next, err = pki.NewAuthority(pki.ScopeSite, st.CA.Label(), s.End.Trust.Now); err != nil {
			return false, err
		}
		return true, s.Keep(ctx, st)
	case st.Next != nil && (s.left(st.CA) < lastCall || s.Trusted(st.Next.ID())):
		return s.takeOver(ctx, st)
	case st.Next == nil && s.wordDue(st.CA):
		return false, s.prolong(ctx, st)
	}
	return false, nil
}

func (s *Succession) left(ca *pki.Authority) time.Duration {
	return ca.Root().NotAfter.Sub(s.End.Trust.Now())
}

// takeOver puts the successor in the place of its CA. A site that is in a region does so with the region's
// word; at the very end without, for within the site all must go on.
func (s *Succession) takeOver(ctx context.Context, st Stand) (bool, error) {
	if st.CA.Cross() != nil && st.Next.Cross() == nil {
		if err := s.ask(ctx, st.Next, st.CA); err != nil {
			if s.left(st.CA) > lastWord {
				return false, err
			}
			if s.Log != nil {
				s.Log.Error("the site's authority changes without the region's word; the site must join its hub again", "err", err)
			}
		}
	}
	return true, s.Keep(ctx, Stand{CA: st.Next})
}

// wordDue reports whether the region's word for a CA ends soon, and before the CA itself does.
func (s *Succession) wordDue(ca *pki.Authority) bool {
	c := ca.Cross()
	return c != nil && c.NotAfter.Before(ca.Root().NotAfter) && s.End.Trust.Now().After(c.NotAfter.Add(-wordLead))
}

func (s *Succession) prolong(ctx context.Context, st Stand) error {
	was := st.CA.Cross().NotAfter
	if err := s.ask(ctx, st.CA, nil); err != nil {
		return err
	}
	if !st.CA.Cross().NotAfter.After(was) {
		return edge.E(edge.Conflict, "the region's own authority ends at %s, and so does its word for this site", was.UTC().Format(time.DateOnly)).
			WithHint("the hub needs a new region; sites join it with a code")
	}
	return s.Keep(ctx, st)
}

// ask asks the hubs, one after another, to vouch for a CA.
func (s *Succession) ask(ctx context.Context, next, old *pki.Authority) error {
	last := error(edge.E(edge.Unavailable, "no hub is known that could vouch for the site's authority"))
	for _, src := range s.Sources() {
		if src.As != pki.Above {
			continue
		}
		if last = AskCross(ctx, s.End, s.Dial, src, next, old); last == nil {
			return nil
		}
	}
	return last
}

// Report says how long the site's authority is still good for.
func (s *Succession) Report(context.Context) edge.Health {
	st, err := s.Read()
	if err != nil {
		return edge.Health{Level: edge.Failed, Msg: "the site's authority cannot be read" + because(err)}
	}
	if st.CA == nil {
		return edge.Health{Msg: "the site's authority is not in the site's state yet"}
	}
	left := s.left(st.CA)
	h := edge.Health{Msg: fmt.Sprintf("the site's authority is good for another %.0f days", left.Hours()/24)}
	if st.Next != nil {
		h.Msg += ", its successor waits"
	}
	switch {
	case left <= 0:
		h.Level, h.Hint = edge.Failed, "let the nodes of this site join it again with a code"
	case left < ageing:
		h.Level, h.Msg, h.Hint = edge.Degraded, h.Msg+because(s.trouble()), "start all nodes of the site and connect it to its hub"
	}
	return h
}
