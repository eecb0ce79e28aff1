package sim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/aielon/edge/node/edge"
)

// A Mutant is a site with one of its protections switched off. It exists to prove that the checks would
// notice.
type Mutant string

// The mutants.
const (
	Sound      Mutant = ""            // everything on
	StaleReads Mutant = "stale reads" // reads that claim to be linearizable and are not
	NoBase     Mutant = "no base"     // a batch is applied to whatever state it meets
	NoMemory   Mutant = "no memory"   // a retry is taken for a new command
)

// A Run is one seed's schedule of faults, with clients that go on all the while.
type Run struct {
	Seed   uint64
	Mutant Mutant
	Length time.Duration // of the faults; default 10 s
	Ops    int           // of each of four clients; default 14
	Log    *slog.Logger  // default: silent

	rng    *rand.Rand // of the faults; the goroutine of Do owns it
	c      *Cluster
	h      history
	failed error      // what a fault itself ran into; owned as rng is
	mu     sync.Mutex // guards Fired
	Fired  map[string]int
}

// Do runs the seed inside a synctest bubble and returns what the site did wrong. The history is left for
// Check, outside of the bubble.
func (r *Run) Do() (err error) {
	if r.Length == 0 {
		r.Length = 10 * time.Second
	}
	if r.Ops == 0 {
		r.Ops = 14
	}
	r.rng, r.Fired = rand.New(rand.NewPCG(r.Seed, 2)), map[string]int{}
	o := Options{Log: r.Log, Nodes: 3 + 2*int(r.Seed%4/3), Seed: r.Seed, Mux: Mux(), LogCap: logCap(r.Seed), WrapLog: r.wrapLog, Invariant: func(edge.View) error { return nil }}
	if r.Mutant == NoBase {
		o.Wrap = forgeBase
	}
	if r.c, err = New(o); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.c.Close()) }()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	clients := make(chan error, 4)
	for i := range 4 {
		go func() { clients <- r.client(ctx, i) }()
	}
	defer func() { cancel() }()
	r.faults()
	if err := r.recover(); err != nil {
		return err
	}
	for range 4 {
		err = errors.Join(err, <-clients)
	}
	if err != nil {
		return err
	}
	return r.verify()
}

// Check reports whether what clients saw could have happened on one node that never fails.
func (r *Run) Check() error { return r.h.check() }

func (r *Run) fired(what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Fired[what]++
}

// client asks for one thing after another, each until it is answered.
func (r *Run) client(ctx context.Context, number int) error {
	rng := rand.New(rand.NewPCG(r.Seed, uint64(100+number)))
	for i := range r.Ops {
		time.Sleep(time.Duration(rng.Int64N(int64(2 * r.Length / time.Duration(r.Ops)))))
		o := op{key: []string{"a", "b"}[rng.IntN(2)], value: fmt.Sprintf("%d.%d", number, i)}
		o.do = []string{"add", "add", "add", "put", "put", "count", "count", "get"}[rng.IntN(8)]
		var wg sync.WaitGroup
		crowd := make([]error, rng.IntN(2)*rng.IntN(4))
		for k := range crowd {
			wg.Go(func() { crowd[k] = r.follow(ctx, 100*number+10+k, i) })
		}
		err := r.one(ctx, rng, number, o)
		wg.Wait()
		if err = errors.Join(append(crowd, err)...); err != nil {
			return err
		}
	}
	return nil
}

// one asks for one thing and notes the answer.
func (r *Run) one(ctx context.Context, rng *rand.Rand, number int, o op) error {
	call := time.Now()
	answer, err := r.ask(ctx, rng, o)
	if err != nil {
		return fmt.Errorf("client %d: %s %s: %w", number, o.do, o.key, err)
	}
	r.h.add(number, o, answer, call, time.Now())
	return nil
}

// follow is a client that comes with others: while the first of them is on its way, the rest is evaluated
// ahead. Now and then it comes a little later.
func (r *Run) follow(ctx context.Context, number, round int) error {
	rng := rand.New(rand.NewPCG(r.Seed, uint64(1000*number+round)))
	time.Sleep(time.Duration(rng.IntN(2)*rng.IntN(60)) * time.Millisecond)
	return r.one(ctx, rng, number, op{do: "add", key: []string{"a", "b"}[rng.IntN(2)]})
}

// logCap is how many entries the log keeps behind a mark at most: in a third of the seeds so few that followers
// often have cut their log behind what the leader knows of them.
func logCap(seed uint64) int {
	if seed%3 == 0 {
		return 2
	}
	return 20
}

// patience is how long a client asks for one thing. The faults are over long before.
const patience = 2 * time.Minute

// ask gets one thing answered, by whatever node is there, under one ID.
func (r *Run) ask(ctx context.Context, rng *rand.Rand, o op) (string, error) {
	body, err := json.Marshal(o.body())
	if err != nil {
		return "", err
	}
	cmd := edge.Command{ID: edge.NewID(), Type: o.do, Body: body, Actor: edge.Actor{Kind: edge.Person, ID: "sim"}}
	for begin := time.Now(); time.Since(begin) < patience; time.Sleep(20 * time.Millisecond) {
		s := r.c.nodes[1+rng.IntN(len(r.c.nodes)-1)].Site()
		if s == nil {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, 1500*time.Millisecond)
		reply, err := r.try(ctx, s, o, cmd)
		cancel()
		if err == nil {
			return reply, nil
		}
		if !edge.IsKind(err, edge.Unavailable) && !edge.IsKind(err, edge.Exhausted) {
			return "", err
		}
		r.fired("retry")
		if r.Mutant == NoMemory {
			cmd.ID = edge.NewID()
		}
	}
	return "", errors.New("no answer, and the faults are over")
}

func (o op) body() any {
	if o.do == "put" {
		return putIn{o.key, o.value}
	}
	return addIn{o.key}
}
