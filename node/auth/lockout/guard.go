package lockout

import (
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/aielon/edge/node/edge"
)

// Limits of the delays.
const (
	freeAccount = 5                // wrong tries on an account before strangers have to wait
	freeDevice  = 10               // from a browser known for it
	freeAddress = 30               // from an address, on whatever accounts: a clinic has one address for all
	firstDelay  = time.Second      // then twice as long after each
	MaxDelay    = 60 * time.Second // and never longer, for anybody
	forget      = time.Hour        // without a try, and the count begins anew
	maxEntries  = 16 << 10         // about 2 MiB
	sampled     = 12               // entries looked at for one to drop
)

// A Guard counts tries of one kind of proof: passwords, or codes. It lives as long as the process. It keeps
// what is counted under bounded memory, and gives up small counts before large ones.
type Guard struct {
	mu    sync.Mutex // guards seen
	seen  map[string]entry
	limit int
}

type entry struct {
	fails int
	last  time.Time
}

// New makes a Guard.
func New() *Guard { return &Guard{seen: map[string]entry{}, limit: maxEntries} }

// A Caller is whose account is tried, and from where.
type Caller struct {
	Account string     // as it is compared: one spelling for one account, whether there is such an account or not
	Device  string     // Devices.Known: id of a browser its owner used before; empty: a stranger
	Addr    netip.Addr // of the socket
}

// TooSoon is beneath the error for whoever has to wait.
type TooSoon struct{ After time.Duration }

// Error implements error.
func (t *TooSoon) Error() string { return fmt.Sprintf("try again in %s", t.After) }

// A Try is one proof about to be checked. It counts as wrong from the beginning, so that tries made at the
// same time do not slip past each other.
type Try struct {
	g    *Guard
	keys []key
	done bool
}

type key struct {
	name string
	free int
	own  bool // counts tries on this account alone, so that a right one ends it
}

// Enter asks whether a proof may be checked now. It fails with Exhausted, and TooSoon beneath it, where
// somebody has to wait; then nothing may be checked. Otherwise call Right or Void, or leave the try as wrong.
func (g *Guard) Enter(c Caller, now time.Time) (*Try, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	keys := c.keys()
	wait := time.Duration(0)
	for _, k := range keys {
		wait = max(wait, g.wait(k, now))
	}
	if wait > 0 {
		return nil, tooSoon(wait)
	}
	for _, k := range keys {
		g.count(k.name, now)
	}
	return &Try{g: g, keys: keys}, nil
}

// keys are what counts for a caller. A known browser is slowed down by its own mistakes only: not by
// strangers who try its owner's account, nor by others behind the same address.
func (c Caller) keys() []key {
	if c.Device != "" {
		return []key{{"d\x00" + c.Device + "\x00" + c.Account, freeDevice, true}}
	}
	return []key{{"a\x00" + c.Account, freeAccount, true}, {"n\x00" + network(c.Addr), freeAddress, false}}
}

// network is what one customer of a provider holds: an IPv4 address, or 64 bits of IPv6.
func network(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		p, err := a.Prefix(64)
		if err == nil {
			return p.String()
		}
	}
	return a.String()
}

func (g *Guard) wait(k key, now time.Time) time.Duration {
	e, ok := g.seen[k.name]
	if !ok || e.over(now) || e.fails < k.free {
		return 0
	}
	if e.last.After(now) { // the clock was set back
		e.last = now
		g.seen[k.name] = e
	}
	d := MaxDelay
	if n := e.fails - k.free; n < 6 {
		d = min(firstDelay<<n, MaxDelay)
	}
	return e.last.Add(d).Sub(now)
}

func (e entry) over(now time.Time) bool { return now.Sub(e.last) > forget }

func (g *Guard) count(name string, now time.Time) {
	e, ok := g.seen[name]
	if ok && e.over(now) {
		e = entry{}
	}
	if !ok && len(g.seen) >= g.limit {
		g.drop(now)
	}
	e.fails, e.last = e.fails+1, now
	g.seen[name] = e
}

// drop makes room: the first forgotten entry of a few at random, or the one with the smallest count, so that
// a flood of names pushes itself out rather than the account it is after.
func (g *Guard) drop(now time.Time) {
	worst, n := "", 0
	for name, e := range g.seen {
		if e.over(now) {
			delete(g.seen, name)
			return
		}
		if w := g.seen[worst]; n == 0 || e.fails < w.fails || e.fails == w.fails && e.last.Before(w.last) {
			worst = name
		}
		if n++; n == sampled {
			break
		}
	}
	delete(g.seen, worst)
}

// Right says that the proof was right and nothing more is to be proven: the account's count ends. That of the
// address is only made as it was before, or whoever owns one account could clear it at will.
func (t *Try) Right() { t.end(true) }

// Void says that nothing was found out about the proof, or that it was right and another one is still to come:
// the try does not count, and nothing else is cleared.
func (t *Try) Void() { t.end(false) }

func (t *Try) end(right bool) {
	t.g.mu.Lock()
	defer t.g.mu.Unlock()
	if t.done {
		return
	}
	t.done = true
	for _, k := range t.keys {
		e, ok := t.g.seen[k.name]
		switch {
		case !ok:
		case right && k.own || e.fails <= 1:
			delete(t.g.seen, k.name)
		default:
			e.fails--
			t.g.seen[k.name] = e
		}
	}
}

// Entries is how many counts are kept, for reports.
func (g *Guard) Entries() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.seen)
}

func tooSoon(wait time.Duration) *edge.Error {
	wait = max(wait.Round(time.Second), time.Second)
	e := edge.E(edge.Exhausted, "there were too many wrong tries").WithHint("try again in %d seconds", int(wait/time.Second))
	e.Err = &TooSoon{After: wait}
	return e
}
