//go:build fault

package e2e

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/nodetest/proc"
)

// people give commands: each counts up a setting of its own, with one ID per step however often it asks,
// until it knows the outcome. The setting's version then says whether a step happened once.
type people struct {
	t    *testing.T
	node *proc.Process
	stop chan struct{}
	wg   sync.WaitGroup

	mu      sync.Mutex // guards what follows
	done    []uint64   // by person: steps known to be done
	asked   []uint64   // by person: steps asked for
	retries uint64
	wrong   []string
	typed   map[int]int // refusals by HTTP status
}

func newPeople(t *testing.T, node *proc.Process, n int) *people {
	p := &people{t: t, node: node, stop: make(chan struct{}), done: make([]uint64, n), asked: make([]uint64, n), typed: map[int]int{}}
	for i := range n {
		p.wg.Go(func() { p.live(i) })
	}
	t.Cleanup(p.end)
	return p
}

// begun waits until everybody has done something.
func (p *people) begun() {
	p.t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		p.mu.Lock()
		ok := !slices.Contains(p.done, 0)
		p.mu.Unlock()
		if ok {
			return
		}
	}
	p.t.Fatal("the people get nothing done")
}

func (p *people) end() {
	p.mu.Lock()
	select {
	case <-p.stop:
	default:
		close(p.stop)
	}
	p.mu.Unlock()
	p.wg.Wait()
}

func (p *people) live(i int) {
	c := p.node.Control()
	defer c.Close()
	for step := uint64(1); ; step++ {
		p.mu.Lock()
		p.asked[i] = step
		p.mu.Unlock()
		if !p.step(c, i, step, edge.NewID()) {
			return
		}
		select {
		case <-p.stop:
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// step asks until it is known what became of it.
func (p *people) step(c *proc.Control, i int, step uint64, id edge.ID) bool {
	for {
		s, err := c.Set(id, key(i), fmt.Sprint(step))
		if err == nil {
			p.settle(i, step, s.Version, s.Value)
			return true
		}
		p.failed(err)
		select {
		case <-p.stop:
			return false
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func key(i int) string { return fmt.Sprintf("person/%d", i) }

func (p *people) settle(i int, step, version uint64, value string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done[i] = step
	if version != step || value != fmt.Sprint(step) {
		p.wrong = append(p.wrong, fmt.Sprintf("step %d of %s was answered with version %d, value %s", step, key(i), version, value))
	}
}

func (p *people) failed(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.retries++
	if pr, ok := errors.AsType[*proc.Problem](err); ok {
		p.typed[pr.Status]++
		if pr.Status < 500 {
			p.wrong = append(p.wrong, "refused: "+pr.Error())
		}
	}
}

// check ends the people, looks every setting up and returns how many commands were done.
func (p *people) check() (total, retries uint64) {
	p.t.Helper()
	p.end()
	c := p.node.Control()
	defer c.Close()
	for i, done := range p.done {
		if done == 0 {
			continue
		}
		s, err := c.Get(key(i))
		if err != nil || s.Version < done || s.Version > p.asked[i] || s.Value != fmt.Sprint(s.Version) {
			p.t.Errorf("LOST or twice: %s stands at %q version %d after %d confirmed of %d steps asked for (%v)", key(i), s.Value, s.Version, done, p.asked[i], err)
		}
		total += done
	}
	for _, w := range p.wrong[:min(len(p.wrong), 5)] {
		p.t.Error(w)
	}
	return total, p.retries
}
