package mqtt

import (
	"sync"
	"time"
)

// A guard slows down guessing. After a wrong try an address may use the same name again only after a
// pause that doubles up to half a minute; after twenty it may try no name at all for as long. It holds
// a bounded number of addresses; the oldest are forgotten first.
type guard struct {
	mu    sync.Mutex
	limit int
	tries map[string]*tries
}

type tries struct {
	failed int
	until  time.Time
	last   time.Time
}

func newGuard(limit int) *guard { return &guard{limit: limit, tries: map[string]*tries{}} }

func (g *guard) allow(addr, name string, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, key := range []string{addr + "\n" + name, addr} {
		if t := g.tries[key]; t != nil && now.Before(t.until) {
			return false
		}
	}
	return true
}

func (g *guard) failed(addr, name string, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.count(addr+"\n"+name, now, 0)
	g.count(addr, now, 20)
}

// count notes a failure; the first free ones cost nothing. The caller holds mu.
func (g *guard) count(key string, now time.Time, free int) {
	t := g.tries[key]
	if t == nil || now.Sub(t.last) > 10*time.Minute {
		g.makeRoom()
		t = &tries{}
		g.tries[key] = t
	}
	t.failed++
	t.last = now
	if over := t.failed - free; over > 0 {
		t.until = now.Add(min(30*time.Second, 125*time.Millisecond<<min(over, 10)))
	}
}

// makeRoom forgets the entry that was used longest ago of a handful: near enough to the oldest.
func (g *guard) makeRoom() {
	if len(g.tries) < g.limit {
		return
	}
	oldest, n := "", 0
	for key, t := range g.tries {
		if oldest == "" || t.last.Before(g.tries[oldest].last) {
			oldest = key
		}
		if n++; n >= 16 {
			break
		}
	}
	delete(g.tries, oldest)
}

func (g *guard) succeeded(addr, name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.tries, addr+"\n"+name)
}
