package guard

import (
	"net/netip"
	"sync"
	"time"
)

const (
	floodEach  = 20          // refusals of one address that are recorded one by one, in a window
	floodAll   = 200         // and of all of them
	floodTime  = time.Minute // the window
	floodPeers = 4096        // addresses that are told apart
)

// floods keeps strangers from filling the journal with their refusals.
type floods struct {
	mu    sync.Mutex // guards what follows
	began time.Time
	all   int
	each  map[netip.Addr]int
}

func newFloods() *floods { return &floods{each: map[netip.Addr]int{}} }

// admit reports whether a refusal of an address is to be recorded by itself.
func (f *floods) admit(peer netip.Addr, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now.Sub(f.began) > floodTime || now.Before(f.began) {
		f.began, f.all = now, 0
		clear(f.each)
	}
	if peer.Is6() && !peer.Is4In6() { // one line has a whole /64
		if p, err := peer.Prefix(64); err == nil {
			peer = p.Addr()
		}
	}
	if f.all >= floodAll || f.each[peer] >= floodEach || len(f.each) >= floodPeers && f.each[peer] == 0 {
		return false
	}
	f.all++
	f.each[peer]++
	return true
}
