package join

import (
	"net"
	"sync"
	"time"

	"github.com/aielon/edge/node/edge"
)

const (
	triesPerMinute = 10
	maxAddresses   = 2048 // remembered at a time
)

// limiter counts tries per address. When more addresses come than it can remember, it forgets all: the
// limit per code still holds, and memory stays bounded.
type limiter struct {
	mu    sync.Mutex // guards tries and since
	tries map[string]int
	since time.Time
}

// allow counts one try of an address and refuses with Exhausted beyond triesPerMinute.
func (l *limiter) allow(addr net.Addr, now time.Time) error {
	key := block(addr)
	l.mu.Lock()
	defer l.mu.Unlock()
	if d := now.Sub(l.since); l.tries == nil || d >= time.Minute || d < 0 || len(l.tries) >= maxAddresses && l.tries[key] == 0 {
		l.tries, l.since = map[string]int{}, now
	}
	if l.tries[key] >= triesPerMinute {
		return edge.E(edge.Exhausted, "too many tries to join from this address").WithHint("wait a minute")
	}
	l.tries[key]++
	return nil
}

// block is the network somebody controls who has this address: the address in IPv4, its /64 in IPv6.
func block(a net.Addr) string {
	host, _, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	ip := net.ParseIP(host)
	if ip == nil || ip.To4() != nil {
		return host
	}
	return ip.Mask(net.CIDRMask(64, 128)).String()
}
