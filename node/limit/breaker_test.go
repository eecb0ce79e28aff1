package limit

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/aielon/edge/node/edge"
)

func newBreaker(t testing.TB, o BreakerOptions) *Breaker {
	t.Helper()
	b, err := NewBreaker(o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// call makes one call that ends as told, and tells whether it was let through.
func call(b *Breaker, at time.Time, how Outcome) bool {
	done, err := b.Allow(at)
	if err != nil {
		return false
	}
	done(at, how)
	return true
}

func TestBreaker(t *testing.T) {
	const unit = 50 * time.Millisecond // so that all of it falls into one window
	b := newBreaker(t, BreakerOptions{Least: 4, Open: unit, Longest: 3 * unit})
	at := noon
	for i, how := range []Outcome{Failed, Failed, Answered, Abandoned, Abandoned} {
		if !call(b, at, how) || b.Open() {
			t.Fatalf("call %d opened it", i)
		}
	}
	early, err1 := b.Allow(at) // begin before it opens
	late, err2 := b.Allow(at)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if call(b, at, Failed); !b.Open() || !b.Since().Equal(at) {
		t.Fatalf("3 of 4 failed and it is open since %v", b.Since())
	}
	if _, err := b.Allow(at); !edge.IsKind(err, edge.Unavailable) {
		t.Fatalf("got %v, want Unavailable", err)
	}
	if early(at, Answered); !b.Open() {
		t.Error("a call from before closed it")
	}
	opened := at
	late(at.Add(unit-1), Failed)                        // nor does it make the pause longer
	for _, pause := range []time.Duration{1, 2, 3, 3} { // it doubles, up to the longest
		if call(b, at.Add(pause*unit-1), Answered) {
			t.Fatalf("a call went through before %d units", pause)
		}
		at = at.Add(pause * unit)
		probe, err := b.Allow(at)
		if err != nil {
			t.Fatalf("no probe after %d units: %v", pause, err)
		}
		if call(b, at, Answered) {
			t.Fatal("a second call went through beside the probe")
		}
		probe(at, Failed)
		probe(at, Answered) // only the first word counts
		if !b.Open() || !b.Since().Equal(opened) {
			t.Fatalf("after a probe that failed it is open since %v", b.Since())
		}
	}
	at = at.Add(3 * unit)
	if !call(b, at, Abandoned) || !b.Open() {
		t.Fatal("a probe that was abandoned settled it")
	}
	if !call(b, at, Answered) || b.Open() || !b.Since().IsZero() {
		t.Fatal("a probe that was answered did not close it")
	}
	for range 3 {
		if !call(b, at, Failed) || b.Open() {
			t.Fatal("what was before it closed still counts")
		}
	}
	if call(b, at, Failed); !b.Open() || call(b, at.Add(unit-1), Answered) || !call(b, at.Add(unit), Answered) {
		t.Error("the pause does not begin anew")
	}
}

func TestBreakerForgets(t *testing.T) {
	b := newBreaker(t, BreakerOptions{Least: 4})
	for i := range 100 { // a failure every 5 seconds: never 4 calls within 10
		if !call(b, noon.Add(time.Duration(i)*5*time.Second), Failed) {
			t.Fatal("it opened on failures that are long past")
		}
	}
	if call(b, noon, Failed); b.Open() {
		t.Error("a clock set back opened it")
	}
}

// Whenever there is a retry, those of the last seconds are no more than the share and the reserve allow.
func TestBudget(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ratio, reserve := rapid.Float64Range(0, 1).Draw(t, "ratio"), float64(rapid.IntRange(0, 2).Draw(t, "reserve"))
		b, err := NewBudget(ratio, reserve)
		if err != nil {
			t.Fatal(err)
		}
		var calls, retries []time.Time
		at := noon
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			at = at.Add(time.Duration(rapid.IntRange(0, 1500).Draw(t, "ms")) * time.Millisecond)
			if rapid.Bool().Draw(t, "a call") {
				b.Call(at)
				calls = append(calls, at)
				continue
			} else if !b.Retry(at) {
				continue
			}
			retries = append(retries, at)
			within := func(list []time.Time, d time.Duration) (n float64) {
				for _, x := range list {
					if at.Sub(x) < d {
						n++
					}
				}
				return n
			}
			if got, most := within(retries, 9*time.Second), ratio*within(calls, 10*time.Second)+reserve*10; got > most {
				t.Fatalf("%v retries, at most %v are due", got, most)
			}
		}
	})
	b, err := NewBudget(0.1, 0)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		b.Call(noon)
	}
	for i, want := range []bool{true, true, false} {
		if b.Retry(noon) != want {
			t.Errorf("of 20 calls 2 may be tried again; try %d: %v", i+1, !want)
		}
	}
	if b.Retry(noon.Add(10 * time.Second)) {
		t.Error("calls that are long past still count")
	}
}

func TestOutgoing(t *testing.T) {
	down, refused := edge.E(edge.Unavailable, "no answer"), edge.E(edge.Denied, "go away")
	for _, c := range []struct {
		name    string
		answers []error
		tries   int
		want    error
		reserve float64
	}{
		{"at once", []error{nil}, 1, nil, 10},
		{"at the third try", []error{down, down, nil}, 3, nil, 10},
		{"never", []error{down, down, down, down, down}, 4, down, 10},
		{"a refusal is an answer", []error{refused, nil}, 1, refused, 10},
		{"no budget", []error{down, nil}, 1, down, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				budget, err := NewBudget(0, c.reserve)
				if err != nil {
					t.Fatal(err)
				}
				o := &Outgoing{Breaker: newBreaker(t, BreakerOptions{}), Budget: budget, Tries: 4, First: time.Second, Longest: 2 * time.Second}
				tries, start := 0, time.Now()
				err = o.Do(t.Context(), func(context.Context) error { tries++; return c.answers[tries-1] })
				if !errors.Is(err, c.want) || tries != c.tries {
					t.Errorf("got %v after %d tries, want %v after %d", err, tries, c.want, c.tries)
				}
				if took, most := time.Since(start), time.Duration(c.tries-1)*2*time.Second; took > most || tries > 1 && took < time.Second/2 {
					t.Errorf("it took %v, want at most %v", took, most)
				}
			})
		})
	}
}

func TestOutgoingStopsAskingWhoIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		budget, err := NewBudget(0.1, 0)
		if err != nil {
			t.Fatal(err)
		}
		o := &Outgoing{Breaker: newBreaker(t, BreakerOptions{}), Budget: budget, Tries: 3, First: time.Second, Longest: time.Minute}
		asked, alive := 0, false
		f := func(ctx context.Context) error {
			asked++
			if alive {
				return nil
			}
			return errors.New("connection refused") // no kind: it counts as no answer
		}
		for range 600 { // ten minutes, once a second
			o.Do(t.Context(), f)
			time.Sleep(time.Second)
		}
		if asked > 25 {
			t.Errorf("who is down was asked %d times in ten minutes", asked)
		}
		alive = true
		start := time.Now()
		for o.Do(t.Context(), f) != nil {
			time.Sleep(time.Second)
		}
		if d := time.Since(start); d > 2*time.Minute+time.Second {
			t.Errorf("it took %v to see that it is up again", d)
		}
	})
}

func TestOutgoingEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		budget, err := NewBudget(1, 10)
		if err != nil {
			t.Fatal(err)
		}
		o := &Outgoing{Breaker: newBreaker(t, BreakerOptions{Least: 1}), Budget: budget, Tries: 10, First: time.Hour, Longest: time.Hour}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		start := time.Now()
		if err := o.Do(ctx, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }); !errors.Is(err, context.Canceled) || time.Since(start) != time.Second {
			t.Errorf("got %v after %v", err, time.Since(start))
		}
		if o.Breaker.Open() {
			t.Error("a caller who hung up opened the breaker")
		}
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		o.Do(short, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		if !o.Breaker.Open() {
			t.Error("no answer in time left the breaker closed")
		}
		func() {
			defer func() { recover() }()
			b := newBreaker(t, BreakerOptions{Least: 1})
			o.Breaker = b
			o.Do(t.Context(), func(context.Context) error { panic("x") })
		}()
		if !o.Breaker.Open() {
			t.Error("a panic left the breaker without a word")
		}
	})
	synctest.Test(t, func(t *testing.T) {
		budget, err := NewBudget(1, 10)
		if err != nil {
			t.Fatal(err)
		}
		o := &Outgoing{Breaker: newBreaker(t, BreakerOptions{Least: 1}), Budget: budget, Tries: 3, First: time.Second, Longest: time.Second}
		start, down := time.Now(), edge.E(edge.Unavailable, "no answer")
		if err := o.Do(t.Context(), func(context.Context) error { return down }); !errors.Is(err, down) || time.Since(start) != 0 {
			t.Errorf("the breaker opened, and the call ended with %v after %v", err, time.Since(start))
		}
	})
	if err := (&Outgoing{}).Do(t.Context(), nil); !edge.IsKind(err, edge.Invalid) {
		t.Errorf("got %v, want Invalid", err)
	}
}
