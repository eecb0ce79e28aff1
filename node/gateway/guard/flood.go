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

// Floods keep those who are refused over and over from filling the journal with their refusals.
type Floods struct {
	mu    sync.Mutex // guards what follows
	began time.Time
	all   int
	each  map[string]int
}

// NewFloods returns Floods that have seen nothing.
func NewFloods() *Floods { return &Floods{each: map[string]int{}} }

// Admit reports whether a refusal of somebody is to be recorded by itself: an address as AddressKey writes it, or
// the name of a device.
func (f *Floods) Admit(whose string, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now.Sub(f.began) > floodTime || now.Before(f.began) {
		f.began, f.all = now, 0
		clear(f.each)
	}
	if f.all >= floodAll || f.each[whose] >= floodEach || len(f.each) >= floodPeers && f.each[whose] == 0 {
		return false
	}
	f.all++
	f.each[whose]++
	return true
}

// AddressKey names whoever is behind an address: one line has a whole /64.
func AddressKey(peer netip.Addr) string {
	if peer.Is6() && !peer.Is4In6() {
		if p, err := peer.Prefix(64); err == nil {
			peer = p.Addr()
		}
	}
	return peer.String()
}
