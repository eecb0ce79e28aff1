package uplink

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/wire"
)

// maxPaths bounds the networks that are remembered; the one not used for longest goes first.
const maxPaths = 32

// A path is what is known of one network.
type path struct {
	TCP  bool      `json:"tcp,omitempty"`  // TCP is what worked last
	Rate float64   `json:"rate,omitempty"` // bytes/s the line took
	Step int       `json:"keep,omitempty"` // of keepalives
	Used time.Time `json:"used"`
	keep keepalive
}

// memory is what the Keeper keeps.
type memory struct {
	Spent spent            `json:"spent"`
	Paths map[string]*path `json:"paths"`
}

func (u *Uplink) load(ctx context.Context) error {
	u.mu.Lock()
	u.network = fingerprint()
	u.mu.Unlock()
	if u.o.Keeper == nil {
		return nil
	}
	b, err := u.o.Keeper.Load(ctx)
	if err != nil {
		return edge.E(edge.Unavailable, "what the uplink remembers cannot be read: %w", err)
	}
	var m memory
	if len(b) == 0 || json.Unmarshal(b, &m) != nil {
		return nil // a memory that cannot be read is no memory; counters start anew
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.meter.spent, u.saved = m.Spent, b
	for k, p := range m.Paths {
		if p != nil && len(u.paths) < maxPaths {
			p.keep.step = min(max(p.Step, 0), len(keepalives)-1)
			u.paths[k] = p
		}
	}
	return nil
}

// save writes the memory where it has changed.
func (u *Uplink) save(ctx context.Context) {
	if u.o.Keeper == nil {
		return
	}
	u.mu.Lock()
	for _, p := range u.paths {
		p.Step = p.keep.step
	}
	b, err := json.Marshal(memory{u.meter.spent, u.paths})
	same := string(b) == string(u.saved)
	if err == nil && !same {
		u.saved = b
	}
	u.mu.Unlock()
	if err != nil || same {
		return
	}
	if err := u.o.Keeper.Save(ctx, b); err != nil && ctx.Err() == nil {
		u.o.Logger.Warn("what the uplink remembers cannot be kept", "error", err)
	}
}

// here is the memory of the network we are on. u.mu is held.
func (u *Uplink) here() *path {
	p := u.paths[u.network]
	if p == nil {
		if len(u.paths) >= maxPaths {
			oldest := ""
			for k, p := range u.paths {
				if oldest == "" || p.Used.Before(u.paths[oldest].Used) {
					oldest = k
				}
			}
			delete(u.paths, oldest)
		}
		p = &path{}
		u.paths[u.network] = p
	}
	return p
}

// worked notes which transport did. u.mu is held. The time is kept to the day, so that a connection alone
// is no reason to write to the disk.
func (u *Uplink) worked(l *link) {
	p := u.here()
	p.TCP, p.Used = l.Transport() == "tcp", time.Now().Truncate(24*time.Hour)
}

// remember keeps the rate of a session that lasted. u.mu is held.
func (u *Uplink) remember(capacity float64) {
	if p := u.here(); p.Rate == 0 || capacity < 0.7*p.Rate || capacity > 1.4*p.Rate {
		p.Rate = capacity
	}
}

func (u *Uplink) tcpFirst() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.here().TCP
}

// pacerFor begins at half of what this network took last: its line may be shared today.
func (u *Uplink) pacerFor(*link) *pacer {
	u.mu.Lock()
	defer u.mu.Unlock()
	p := newPacer(u.here().Rate / 2)
	p.full = u.o.Profile == Full
	p.limit = u.rateLimit()
	return p
}

func (u *Uplink) rateLimit() float64 {
	limit := u.o.MaxRate
	if u.rate > 0 && (limit == 0 || u.rate < limit) {
		limit = u.rate
	}
	return float64(limit)
}

func (u *Uplink) keepaliveEvery(*link) time.Duration {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.here().keep.every()
}

func (u *Uplink) keepaliveHeld(l *link) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if l.Transport() == "quic" {
		u.here().keep.success()
	}
}

func (u *Uplink) keepaliveFailed(*link) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.here().keep.failure()
}

// lookAround notices a change of the box's own addresses, which costs one system call in 30 seconds.
func (u *Uplink) lookAround(ctx context.Context) {
	tick := time.NewTicker(lookAtNetwork)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := fingerprint()
		u.mu.Lock()
		same := now == u.network
		u.network = now
		s := u.session
		u.mu.Unlock()
		switch {
		case same:
		case s != nil:
			s.pathChanged(ctx)
		default:
			nudge(u.kicks)
		}
	}
}

// fingerprint names the network by the box's own addresses, hashed since they are nobody's business.
func fingerprint() string {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return "unknown"
	}
	var list []string
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() {
			list = append(list, n.String())
		}
	}
	slices.Sort(list)
	h := sha256.Sum256([]byte(strings.Join(list, "\n")))
	return hex.EncodeToString(h[:8])
}

// account brings what a link has used into the meter.
func (u *Uplink) account(l *link, now time.Time) {
	t := l.traffic()
	u.mu.Lock()
	defer u.mu.Unlock()
	if d := t - min(t, u.counted[l]); d > 0 {
		u.meter.add(now, d)
		u.counted[l] = t
	}
}

// mayUse reports whether a class may send now, by budget and windows, and otherwise until when not.
func (u *Uplink) mayUse(l *link, class edge.Urgency) (bool, time.Time) {
	now := time.Now()
	u.account(l, now)
	u.mu.Lock()
	defer u.mu.Unlock()
	ok, _, until := u.meter.may(now, class)
	return ok, until
}

// policy applies what the hub asks for. It may only narrow what the node's own configuration allows.
func (u *Uplink) policy(p wire.Policy) {
	u.mu.Lock()
	b := u.o.Budget
	if own := p.Budget - min(p.Reserve, p.Budget); p.Budget > 0 && (b.Month == 0 || own < b.Month) {
		b.Month, b.Reserve = own, p.Reserve
	}
	if len(p.Windows) > 0 && len(b.Windows[edge.Bulk]) == 0 {
		b.Windows = map[edge.Urgency][]Window{edge.Bulk: localWindows(p.Windows)}
		for c, w := range u.o.Budget.Windows {
			b.Windows[c] = w
		}
	}
	u.meter.budget, u.floor, u.rate = b, min(p.Floor, lastRetry), p.Rate
	limit, s := u.rateLimit(), u.session
	u.mu.Unlock()
	if s != nil {
		s.gate.set(u.o.Profile == Full, limit)
		s.wakeAll()
	}
	if u.o.Calls.Policy != nil {
		u.o.Calls.Policy(p)
	}
}

// localWindows moves the hub's windows, which are in UTC, to local time as it is today.
func localWindows(ws []wire.Window) (out []Window) {
	_, offset := time.Now().Zone()
	shift := func(d time.Duration) time.Duration {
		return (d + time.Duration(offset)*time.Second + 48*time.Hour) % (24 * time.Hour)
	}
	for _, w := range ws {
		out = append(out, Window{Days: w.Days, From: shift(w.From), To: shift(w.To)})
	}
	return out
}
