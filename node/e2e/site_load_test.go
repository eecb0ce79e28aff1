//go:build fault

package e2e

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/aielon/edge/node"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/nodetest/sitebox"
)

const (
	siteClients  = 8
	siteTry      = 1500 * time.Millisecond // a client asks another node then
	sitePatience = 40 * time.Second        // and gives up then, never to know
	sitePause    = 10 * time.Millisecond   // between two operations of one client
)

// A siteOp is what a client asked, a siteAnswer what it was told.
type siteOp struct {
	do    string // "set", "cas", "get"
	key   string
	value string
	want  uint64 // cas: the version it must find
}

type siteAnswer struct {
	unknown, conflict bool
	version           uint64
	value             string
}

// A siteLoad is clients that use a site through all of its nodes while it suffers.
type siteLoad struct {
	w     *siteWorld
	start time.Time
	stop  chan struct{}
	wg    sync.WaitGroup
	round atomic.Int64 // names the keys in use, so that no key's history grows long
	names atomic.Int64 // of values and of clients that never learnt an outcome

	mu    sync.Mutex // guards the rest
	ops   []porcupine.Operation
	stale []porcupine.Operation // reads from what a single node has, which nobody promised to be fresh
	acks  []siteAck
	slow  []error // of operations that were given up
}

type siteAck struct {
	began, at time.Duration // since the start
}

func newSiteLoad(w *siteWorld) *siteLoad {
	l := &siteLoad{w: w, start: time.Now(), stop: make(chan struct{})}
	for i := range siteClients {
		l.wg.Go(func() { l.client(i) })
	}
	for i := range w.boxes {
		l.wg.Go(func() { l.peeker(i) })
	}
	return l
}

// end stops the clients and waits for what they have begun.
func (l *siteLoad) end() {
	close(l.stop)
	l.wg.Wait()
}

func (l *siteLoad) running() bool {
	select {
	case <-l.stop:
		return false
	case <-time.After(sitePause):
		return true
	}
}

func (l *siteLoad) key(r *rand.Rand) string { return fmt.Sprintf("r%d/%d", l.round.Load(), r.IntN(4)) }

func (l *siteLoad) client(i int) {
	r := rand.New(rand.NewPCG(7, uint64(i)))
	last := map[string]uint64{}
	for l.running() {
		o := siteOp{key: l.key(r)}
		switch n := r.IntN(10); {
		case n < 5:
			o.do, o.value = "set", fmt.Sprint(l.names.Add(1))
		case n < 7:
			o.do, o.value, o.want = "cas", fmt.Sprint(l.names.Add(1)), last[o.key]
		default:
			o.do = "get"
		}
		last[o.key] = l.do(i, i, o).version
	}
}

// do carries out one operation, asking one node after the other, from the client's own on, until it is
// answered: clients that stayed where they went last would all end up at the node that fails next. All
// tries of a command have one ID and are one operation.
func (l *siteLoad) do(client, at int, o siteOp) (a siteAnswer) {
	id, call := edge.NewID(), time.Since(l.start)
	err := error(nil)
	for end := time.Now().Add(sitePatience); time.Now().Before(end); {
		if a, err = l.try(l.w.boxes[at%3].Client, id, o); err == nil {
			l.record(client, o, a, call)
			return a
		}
		at++
		time.Sleep(20 * time.Millisecond)
	}
	l.mu.Lock()
	l.slow = append(l.slow, fmt.Errorf("%+v: %w", o, err))
	l.mu.Unlock()
	a = siteAnswer{unknown: true}
	if o.do != "get" {
		l.record(client, o, a, call)
	}
	return a
}

func (l *siteLoad) try(c *sitebox.Client, id edge.ID, o siteOp) (siteAnswer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), siteTry)
	defer cancel()
	var s node.Setting
	var err error
	if o.do == "get" {
		s, err = c.Get(ctx, o.key, true)
	} else {
		in := node.SettingSet{Key: o.key, Value: o.value}
		if o.do == "cas" {
			in.If = &o.want
		}
		s, err = c.Set(ctx, id, in)
	}
	if edge.IsKind(err, edge.Conflict) {
		return siteAnswer{conflict: true}, nil
	}
	return siteAnswer{version: s.Version, value: s.Value}, err
}

func (l *siteLoad) record(client int, o siteOp, a siteAnswer, call time.Duration) {
	now := time.Since(l.start)
	x := porcupine.Operation{ClientId: client, Input: o, Output: a, Call: int64(call), Return: int64(now)}
	if a.unknown {
		x.ClientId, x.Return = int(l.names.Add(1))+100, math.MaxInt64
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ops = append(l.ops, x)
	if o.do != "get" && !a.unknown && !a.conflict {
		l.acks = append(l.acks, siteAck{call, now})
	}
}

// peeker reads what one node has, without asking the others: the negative control.
func (l *siteLoad) peeker(i int) {
	r := rand.New(rand.NewPCG(11, uint64(i)))
	for l.running() {
		o, call := siteOp{do: "get", key: l.key(r)}, time.Since(l.start)
		ctx, cancel := context.WithTimeout(context.Background(), siteTry)
		s, err := l.w.boxes[i].Get(ctx, o.key, false)
		cancel()
		if err != nil {
			continue
		}
		l.mu.Lock()
		l.stale = append(l.stale, porcupine.Operation{ClientId: 50 + i, Input: o, Output: siteAnswer{version: s.Version, value: s.Value}, Call: int64(call), Return: int64(time.Since(l.start))})
		l.mu.Unlock()
	}
}

// wrote waits until a write that began after a moment is acknowledged, and reports whether one was in time.
func (l *siteLoad) wrote(after, limit time.Duration) bool {
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		l.mu.Lock()
		n := len(l.acks)
		ok := slices.ContainsFunc(l.acks[max(0, n-2*siteClients):], func(a siteAck) bool { return a.began > after })
		l.mu.Unlock()
		if ok {
			return true
		}
	}
	return false
}

// gap is the longest time without an acknowledged write that overlaps a window.
func (l *siteLoad) gap(from, to time.Duration) (longest time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := make([]time.Duration, 0, len(l.acks))
	for _, a := range l.acks {
		at = append(at, a.at)
	}
	slices.Sort(at)
	for i := 1; i < len(at); i++ {
		if at[i] > from && at[i-1] < to {
			longest = max(longest, at[i]-at[i-1])
		}
	}
	return longest
}

// readAll strictly reads every key there ever was, through every node, as part of the history.
func (l *siteLoad) readAll() (final map[string]siteAnswer) {
	final = map[string]siteAnswer{}
	for _, x := range l.ops {
		final[x.Input.(siteOp).key] = siteAnswer{}
	}
	for key := range final {
		for at := range l.w.boxes {
			final[key] = l.do(siteClients+at, at, siteOp{do: "get", key: key})
		}
	}
	return final
}

// lost counts acknowledged writes that are not there, or whose place another took.
func (l *siteLoad) lost(final map[string]siteAnswer) (acked, lost int) {
	type place struct {
		key     string
		version uint64
	}
	seen := map[place]bool{}
	for _, x := range l.ops {
		o, a := x.Input.(siteOp), x.Output.(siteAnswer)
		if o.do == "get" || a.unknown || a.conflict {
			continue
		}
		acked++
		p, end := place{o.key, a.version}, final[o.key]
		if a.version == 0 || seen[p] || a.version > end.version || a.version == end.version && end.value != o.value {
			lost++
		}
		seen[p] = true
	}
	return acked, lost
}

// siteModel is a register per key that counts how often it was set, on one node that never fails.
func siteModel() porcupine.Model {
	type register struct {
		version uint64
		value   string
	}
	return porcupine.Model{
		Partition: func(ops []porcupine.Operation) (parts [][]porcupine.Operation) {
			by := map[string]int{}
			for _, x := range ops {
				k := x.Input.(siteOp).key
				if _, ok := by[k]; !ok {
					by[k] = len(parts)
					parts = append(parts, nil)
				}
				parts[by[k]] = append(parts[by[k]], x)
			}
			return parts
		},
		Init: func() any { return register{} },
		Step: func(state, input, output any) (bool, any) {
			s, o, a := state.(register), input.(siteOp), output.(siteAnswer)
			next := register{s.version + 1, o.value}
			switch {
			case o.do == "get":
				return a.version == s.version && a.value == s.value, s
			case o.do == "cas" && o.want != s.version:
				return a.conflict || a.unknown, s
			case a.unknown:
				return true, next
			}
			return !a.conflict && a.version == next.version && a.value == next.value, next
		},
		DescribeOperation: func(in, out any) string { return fmt.Sprintf("%+v -> %+v", in, out) },
	}
}

// judge fails the test unless the history is linearizable, and unless reads of what single nodes have are
// found not to be.
func (l *siteLoad) judge(t *testing.T) {
	t.Helper()
	began := time.Now()
	if r := porcupine.CheckOperationsTimeout(siteModel(), l.ops, time.Minute); r != porcupine.Ok {
		t.Errorf("the history of %d operations is not linearizable: %s", len(l.ops), r)
	}
	t.Logf("%d operations checked in %v: linearizable = %v", len(l.ops), time.Since(began).Round(time.Millisecond), !t.Failed())
	mixed := append(slices.Clone(l.ops), l.stale...)
	r := porcupine.CheckOperationsTimeout(siteModel(), mixed, time.Minute)
	t.Logf("with %d reads of what a single node has: %s", len(l.stale), r)
	if r != porcupine.Illegal {
		t.Errorf("the checker does not notice stale reads: %s", r)
	}
}

func sitePercentile(list []time.Duration, p float64) time.Duration {
	if len(list) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(list))
	return s[min(len(s)-1, int(math.Ceil(p*float64(len(s))))-1)].Round(time.Millisecond)
}
