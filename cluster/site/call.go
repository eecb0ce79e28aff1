package site

import (
	"context"
	"sync"
	"time"

	"github.com/aielon/edge/node/edge"
)

// A NotRun error says that a try is known to have had no effect and never will have one: it may be made
// again, here or elsewhere, or given up, and nothing is in doubt.
type NotRun struct{ Err error }

// Error implements error.
func (e *NotRun) Error() string { return e.Err.Error() }

// Unwrap returns the reason.
func (e *NotRun) Unwrap() error { return e.Err }

// A call is one command (or mark) on its way through the sequencer. Everybody who asks for the same
// command while it is on its way waits for the same call.
type call struct {
	cmd    edge.Command
	digest [sumLen]byte
	mark   bool     // no command: wait until all that was agreed on before has been applied here
	tell   []teller // guarded by the queue, until the call is answered
}

// A teller is told what became of a call, once. It is called by the sequencer and must not wait.
type teller func(edge.Outcome, error)

// A queue holds the calls that wait for the sequencer, bounded in number and bytes. Commands are in flying
// until they are answered.
type queue struct {
	maxCalls, maxBytes int

	mu     sync.Mutex // guards the rest
	calls  []*call
	bytes  int
	flying map[edge.ID]*call
	closed bool
	wake   chan struct{} // has one value when calls may have grown
}

func newQueue(maxCalls, maxBytes int) *queue {
	return &queue{maxCalls: maxCalls, maxBytes: maxBytes, flying: map[edge.ID]*call{}, wake: make(chan struct{}, 1)}
}

// join lets t be told what becomes of a command: of the one on its way, or of a new one at the end of the
// queue. It never waits. After an error t is not called.
func (q *queue) join(c edge.Command, t teller) error {
	d := digest(c)
	q.mu.Lock()
	defer q.mu.Unlock()
	if f, ok := q.flying[c.ID]; ok {
		if f.digest != d {
			return &NotRun{reused()}
		}
		f.tell = append(f.tell, t)
		return nil
	}
	f := &call{cmd: c, digest: d, tell: []teller{t}}
	if err := q.push(f, len(c.Body)); err != nil {
		return err
	}
	q.flying[c.ID] = f
	return nil
}

// joinMark lets t be told once everything agreed on before has been applied here.
func (q *queue) joinMark(t teller) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.push(&call{mark: true, tell: []teller{t}}, 0)
}

func (q *queue) push(f *call, bytes int) error {
	switch {
	case q.closed:
		return &NotRun{edge.E(edge.Unavailable, "this node is shutting down")}
	case len(q.calls) >= q.maxCalls || q.bytes+bytes > q.maxBytes:
		return &NotRun{edge.E(edge.Exhausted, "the site has more requests waiting than it can take").WithHint("try again in a second")}
	}
	q.calls, q.bytes = append(q.calls, f), q.bytes+bytes
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return nil
}

// take waits for calls and returns up to n, oldest first. Where like is more than one and fewer wait, it
// gives the others up to linger to come. It returns nil when ctx ends.
func (q *queue) take(ctx context.Context, n, like int, linger time.Duration) []*call {
	for q.len() == 0 {
		select {
		case <-ctx.Done():
			return nil
		case <-q.wake:
		}
	}
	if like > 1 && q.len() < like {
		q.linger(min(like, n), linger)
	}
	return q.grab(n)
}

// grab takes up to n of those that wait, oldest first.
func (q *queue) grab(n int) []*call {
	q.mu.Lock()
	defer q.mu.Unlock()
	n = min(n, len(q.calls))
	taken := q.calls[:n:n]
	q.calls = append([]*call(nil), q.calls[n:]...)
	for _, f := range taken {
		q.bytes -= len(f.cmd.Body)
	}
	return taken
}

func (q *queue) linger(n int, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	for q.len() < n {
		select {
		case <-t.C:
			return
		case <-q.wake:
		}
	}
}

func (q *queue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.calls)
}

// settle answers a call.
func (q *queue) settle(f *call, out edge.Outcome, err error) {
	q.mu.Lock()
	if !f.mark {
		delete(q.flying, f.cmd.ID)
	}
	tell := f.tell
	q.mu.Unlock()
	for _, t := range tell {
		t(out, err)
	}
}

// close refuses what comes from now on and returns what still waits.
func (q *queue) close() []*call {
	q.mu.Lock()
	defer q.mu.Unlock()
	rest := q.calls
	q.calls, q.closed = nil, true
	return rest
}
