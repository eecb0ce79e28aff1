package uplink

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aielon/edge/node/blob"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/wire"
)

const lookAtNetwork = 30 * time.Second

// An Uplink delivers the journals of one node to its hub. Its methods may be called at any time.
type Uplink struct {
	o        Options
	codec    *wire.Codec
	boot     [16]byte
	sessions atomic.Uint64
	down     *downlink
	dial     func(ctx context.Context, hub string) (*link, error)
	kicks    chan struct{} // capacity 1: try again at once
	ready    *link         // a QUIC link found while on TCP; owned by Run
	asides   chan aside    // records the hub has set aside, to be told to the node

	// mu guards all below. It is the innermost lock: neither a session's nor a gate's is taken, and no
	// source is asked, while it is held.
	mu      sync.Mutex
	session *session  // nil while there is none
	since   time.Time // of the session, or of its end
	meter   meter
	counted map[*link]uint64 // traffic of a link that is in the meter
	saved   []byte
	paths   map[string]*path
	network string
	acks    map[wire.StreamID]ackState
	wait    backoff
	retryAt time.Time
	lastErr string
	refused map[wire.Reason]uint64
	pollAt  time.Time
	hubs    []string // the one to try first, first
	floor   time.Duration
	rate    uint64             // bytes/s that the hub's policy allows; 0: any
	held    map[blob.Hash]held // objects that wait after a refusal
}

// ackState is how far a stream has come, kept between sessions.
type ackState struct {
	pos     edge.Pos
	at      time.Time
	trouble string
}

// An aside is a record the hub could not read and keeps in its quarantine.
type aside struct {
	id  wire.StreamID
	pos edge.Pos
	why string
}

// New makes an uplink from its options. It does not connect; Run does. It fails with Invalid.
func New(o Options) (*Uplink, error) {
	if err := o.fill(); err != nil {
		return nil, err
	}
	codec, err := wire.NewCodec(1)
	if err != nil {
		return nil, err
	}
	u := &Uplink{o: o, codec: codec, boot: edge.NewID(), kicks: make(chan struct{}, 1), asides: make(chan aside, 256),
		meter: meter{budget: o.Budget}, counted: map[*link]uint64{}, paths: map[string]*path{},
		acks: map[wire.StreamID]ackState{}, refused: map[wire.Reason]uint64{}, held: map[blob.Hash]held{}, hubs: slices.Clone(o.Hubs), since: time.Now()}
	u.down, u.dial = newDownlink(&u.o), u.race
	return u, nil
}

// Name is the part's name.
func (u *Uplink) Name() string { return "uplink" }

// Run connects, delivers and reconnects until ctx ends. It returns an error only where its own saved
// state cannot be read.
func (u *Uplink) Run(ctx context.Context) error {
	defer u.codec.Close()
	if err := u.load(ctx); err != nil {
		return err
	}
	var aux sync.WaitGroup
	aux.Go(func() { u.lookAround(ctx) })
	aux.Go(func() { u.tellAsides(ctx) })
	for ctx.Err() == nil {
		u.once(ctx)
	}
	aux.Wait()
	if u.ready != nil { // found at the last moment
		u.ready.end(nil)
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	u.save(end)
	return nil
}

// once makes one connection and uses it up, or waits after a failure.
func (u *Uplink) once(ctx context.Context) {
	if !u.awaitWant(ctx) {
		return
	}
	l, err := u.connect(ctx)
	if err != nil {
		u.failed(ctx, err)
		return
	}
	welcomed := false
	err = u.runSession(ctx, l, func(s *session) {
		welcomed = true
		u.begin(s)
	})
	if ctx.Err() != nil {
		u.finish(nil)
		return
	}
	u.finish(err)
	u.after(ctx, l, err, welcomed)
}

// after decides when to try again.
func (u *Uplink) after(ctx context.Context, l *link, err error, welcomed bool) {
	switch {
	case errors.Is(err, errBetter), errors.Is(err, errIdle):
		return
	case welcomed:
		u.mu.Lock()
		u.wait.reset()
		u.mu.Unlock()
	default:
		u.rotate(l.hub)
	}
	u.failed(ctx, err)
}

// failed waits for the back-off, a kick, or the end.
func (u *Uplink) failed(ctx context.Context, err error) {
	u.mu.Lock()
	u.wait.floor = u.floor
	d := u.wait.fail()
	u.retryAt, u.lastErr = time.Now().Add(d), err.Error()
	n := u.wait.failures
	u.mu.Unlock()
	if ctx.Err() != nil {
		return
	}
	level := slog.LevelInfo
	if n > 3 {
		level = slog.LevelDebug // known by now; Status shows it
	}
	u.o.Logger.Log(ctx, level, "no link to the hub", "error", err, "again_in", d.Round(time.Millisecond))
	u.changed()
	u.pause(ctx, d)
	u.mu.Lock()
	u.retryAt = time.Time{}
	u.mu.Unlock()
}

// pause waits d; a kick cuts it short.
func (u *Uplink) pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-u.kicks:
	case <-t.C:
	}
}

// awaitWant returns true when a connection is wanted: at once, but for the metered profile.
func (u *Uplink) awaitWant(ctx context.Context) bool {
	for u.o.Profile == Metered && !u.wanted(time.Now()) {
		u.pause(ctx, pollWant)
		if ctx.Err() != nil {
			return false
		}
	}
	return ctx.Err() == nil
}

const pollWant = 2 * time.Second

// wanted reports whether a metered node has something to say, or to ask.
func (u *Uplink) wanted(now time.Time) bool {
	for _, src := range u.o.Sources() {
		if head := src.Head(); head.Seq > 0 && u.lacks(now, src.ID(), src.Urgency(), head) {
			return true
		}
	}
	if u.objectsWait(now) {
		return true
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	return now.After(u.pollAt)
}

// lacks reports whether the hub may not have a stream up to head, and it may go now.
func (u *Uplink) lacks(now time.Time, id wire.StreamID, class edge.Urgency, head edge.Pos) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	ok, _, _ := u.meter.may(now, class)
	return ok && u.acks[id].pos != head
}

func (u *Uplink) begin(s *session) {
	u.mu.Lock()
	u.session, u.since, u.lastErr = s, time.Now(), ""
	u.pollAt = time.Now().Add(u.o.PollEvery)
	u.worked(s.link)
	u.mu.Unlock()
	u.o.Logger.Info("connected to the hub", "hub", s.link.hub, "transport", s.link.Transport())
	u.changed()
}

func (u *Uplink) finish(err error) {
	u.mu.Lock()
	s := u.session
	u.session, u.since = nil, time.Now()
	if err != nil {
		u.lastErr = err.Error()
	}
	u.mu.Unlock()
	if s != nil {
		u.account(s.link, time.Now())
		_, _, capacity := s.gate.rate()
		u.mu.Lock()
		delete(u.counted, s.link)
		u.remember(capacity)
		if g := s.goaway; g != nil {
			u.away(g)
		}
		u.mu.Unlock()
		u.o.Logger.Info("the link to the hub has ended", "reason", err)
	}
	u.changed()
}

// away takes the hub's advice on when and where to come back. u.mu is held.
func (u *Uplink) away(g *wire.Goaway) {
	u.floor = min(g.After, lastRetry)
	if g.Within > g.After {
		u.floor += rand.N(min(g.Within-g.After, lastRetry))
	}
	for _, h := range g.Hubs {
		if len(u.hubs) < maxHubs && !slices.Contains(u.hubs, h) {
			u.hubs = append(u.hubs, h)
		}
	}
	if g.Reason == wire.Overloaded || g.Reason == wire.Restarting {
		u.hubs = append(u.hubs[1:], u.hubs[0])
	}
}

func (u *Uplink) rotate(hub string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.hubs[0] == hub {
		u.hubs = append(u.hubs[1:], u.hubs[0])
	}
}

// Kick says that the network came up, a critical record was written or a source was added: retry now,
// and ask for the sources again. It never blocks.
func (u *Uplink) Kick() {
	u.mu.Lock()
	s := u.session
	u.mu.Unlock()
	if s == nil {
		nudge(u.kicks)
		return
	}
	nudge(s.kick)
	s.obj.kick()
}

func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (u *Uplink) changed() {
	if u.o.Calls.Changed != nil {
		u.o.Calls.Changed()
	}
}

// doubt tells the node that the hub has what it has not.
func (u *Uplink) doubt(ctx context.Context, id wire.StreamID, hub edge.Pos) error {
	u.o.Logger.Warn("the hub holds records of a stream that are not here: a new epoch begins", "stream", id.String(), "hub", hub.String())
	if u.o.Calls.Doubt == nil {
		return nil
	}
	if err := u.o.Calls.Doubt(ctx, id, hub); err != nil {
		return edge.E(edge.Unavailable, "a new epoch of stream %s cannot be begun: %w", id, err)
	}
	return nil
}

func (u *Uplink) poisoned(ctx context.Context, id wire.StreamID, r edge.Record, why string) error {
	u.o.Logger.Warn("a record is left out because the hub cannot take it", "stream", id.String(), "at", r.Pos.String(), "reason", why)
	if err := u.o.Calls.Poisoned(ctx, id, r, why); err != nil {
		return edge.E(edge.Unavailable, "a record the hub refuses cannot be kept aside: %w", err)
	}
	return nil
}

// setAside books what the hub keeps in its quarantine; the callback runs elsewhere, since this is called
// under the session's lock.
func (u *Uplink) setAside(f *wire.Nack) {
	select {
	case u.asides <- aside{f.Stream, f.Pos, clip(f.Text)}:
	default:
		u.o.Logger.Warn("the hub has set a record aside", "stream", f.Stream.String(), "at", f.Pos.String(), "reason", f.Text)
	}
}

func (u *Uplink) tellAsides(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case a := <-u.asides:
			u.o.Logger.Warn("the hub has set a record aside", "stream", a.id.String(), "at", a.pos.String(), "reason", a.why)
			if f := u.o.Calls.Poisoned; f != nil {
				if err := f(ctx, a.id, edge.Record{Pos: a.pos}, a.why); err != nil {
					u.trouble(a.id, err)
				}
			}
		}
	}
}

func (u *Uplink) refusal(f *wire.Nack) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.refused[f.Reason]++
}

// trouble notes what is wrong with a stream, and logs it when it is new.
func (u *Uplink) trouble(id wire.StreamID, err error) {
	u.mu.Lock()
	a := u.acks[id]
	fresh := a.trouble != err.Error()
	a.trouble = err.Error()
	u.acks[id] = a
	u.mu.Unlock()
	if fresh {
		u.o.Logger.Warn("a stream has trouble", "stream", id.String(), "error", err)
	}
}

func (u *Uplink) delivered(id wire.StreamID, p edge.Pos) {
	u.mu.Lock()
	u.acks[id] = ackState{pos: p, at: time.Now()}
	u.mu.Unlock()
	u.changed()
}
