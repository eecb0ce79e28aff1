package limit

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/aielon/edge/node/edge"
)

// Outgoing makes calls to one other side: through a breaker, and again where that may help.
type Outgoing struct {
	Breaker *Breaker
	Budget  *Budget       // may be shared by many sides
	Tries   int           // at most, with the first; 1 to 10
	First   time.Duration // pause before the second try; it doubles, and half of it is chance
	Longest time.Duration // pause at most
}

// Do calls f until it succeeds, fails in a way that another try does not mend, or there are no tries left. Only errors
// of kind Unavailable are tried again, so f must be harmless to repeat. It returns f's last error, or Unavailable
// where the breaker is open; it never outlives ctx.
func (o *Outgoing) Do(ctx context.Context, f func(context.Context) error) error {
	if o.Tries < 1 || o.Tries > 10 || o.First <= 0 || o.Longest < o.First {
		return edge.E(edge.Invalid, "calls that go out need 1 to 10 tries and pauses above 0")
	}
	o.Budget.Call(time.Now())
	pause := o.First
	for try := 1; ; try++ {
		err := o.once(ctx, f)
		if !edge.IsKind(err, edge.Unavailable) || try == o.Tries || o.Breaker.Open() || !o.Budget.Retry(time.Now()) {
			return err
		}
		t := time.NewTimer(pause/2 + rand.N(pause/2+1))
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return err
		}
		pause = min(2*pause, o.Longest)
	}
}

func (o *Outgoing) once(ctx context.Context, f func(context.Context) error) (err error) {
	done, err := o.Breaker.Allow(time.Now())
	if err != nil {
		return err
	}
	how := Failed // where f panics
	defer func() { done(time.Now(), how) }()
	err = f(ctx)
	how = outcome(ctx, err)
	return err
}

// outcome takes an error without a kind for a failure: it comes from below, where nothing was answered.
func outcome(ctx context.Context, err error) Outcome {
	_, typed := errors.AsType[*edge.Error](err)
	switch {
	case err == nil:
		return Answered
	case errors.Is(ctx.Err(), context.Canceled):
		return Abandoned
	case !typed || edge.IsKind(err, edge.Unavailable):
		return Failed
	}
	return Answered
}
