package mqtt

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aielon/edge/node/edge"
)

// serve is the life of one connection.
func (b *Broker) serve(nc net.Conn, addr string) {
	defer b.conns.Done()
	c := newConn(nc, &b.o.Limits)
	defer func() {
		b.proven(nc)
		b.mu.Lock()
		delete(b.open, nc)
		b.mu.Unlock()
		c.Close()
	}()
	s, err := b.meet(c, nc, addr)
	if err != nil {
		b.stats.Turned.Add(1)
		b.log.Debug("mqtt: a client was turned away", "remote", nc.RemoteAddr().String(), "err", err)
		return
	}
	b.proven(nc)
	b.stats.Connects.Add(1)
	c.sess = s
	b.run(s)
	b.left(s)
	b.stats.Dropped.Add(c.lost())
}

// run hands the session to the engine until it ends. A panic there ends this session and no other.
func (b *Broker) run(s *session) {
	defer func() {
		if r := recover(); r != nil {
			b.stats.Panics.Add(1)
			b.trouble.set(fmt.Sprintf("the MQTT engine failed on a packet: %s", edge.Panicked(r)))
			b.log.Error("mqtt: the engine failed on a packet; the client was cut off", "device", s.device(), "err", edge.Panicked(r), "stack", string(debug.Stack()))
		}
	}()
	b.establish.Lock()
	s.established = sync.OnceFunc(b.establish.Unlock)
	defer s.established()
	b.prune(s)
	_ = b.engine.EstablishConnection("edge", s.c) // why it ended is in s.c.why
}

// meet brings a connection from its first byte to a session: TLS, CONNECT, who it is, what it may. Its
// errors were told to the client already.
func (b *Broker) meet(c *conn, nc net.Conn, addr string) (*session, error) {
	started := time.Now()
	limit := started.Add(b.o.Limits.ConnectTime)
	cs, err := handshake(b.ctx, nc, limit)
	if err != nil {
		return nil, err
	}
	// next sets deadlines of its own; CONNECT as a whole has this one.
	bomb := time.AfterFunc(time.Until(limit), func() { nc.SetReadDeadline(time.Unix(1, 0)) })
	c.idle = b.o.Limits.ConnectTime
	f, err := c.next(b.o.Limits.Connect)
	if !bomb.Stop() || err != nil {
		return nil, edge.E(edge.Invalid, "no CONNECT came: %w", err)
	}
	p, err := readConnect(f)
	c.version = p.version
	s := &session{b: b, c: c, version: p.version, connect: p, ended: make(chan struct{}), slots: make(chan struct{}, b.o.Limits.InFlight)}
	s.ctx, s.cancel = context.WithCancel(b.ctx)
	if err == nil {
		err = b.admit(s, cs, addr, nc.RemoteAddr().String())
	}
	if err == nil {
		return s, nil
	}
	s.cancel()
	var w *wireError
	if !errors.As(err, &w) {
		w = &wireError{rcUnspecified, err.Error()}
	}
	if w.code == rcCredentials || w.code == rcNotAuthorised || w.code == rcClientID {
		select { // every refusal takes as long, whatever it was refused for
		case <-time.After(time.Until(started.Add(b.o.Limits.FailureTime))):
		case <-b.ctx.Done():
		}
	}
	c.send(appendConnack(nil, w.code, p.version))
	return nil, err
}

func handshake(ctx context.Context, nc net.Conn, limit time.Time) (*tls.ConnectionState, error) {
	tc, ok := nc.(*tls.Conn)
	if !ok {
		if st, ok := nc.(interface{ ConnectionState() *tls.ConnectionState }); ok {
			return st.ConnectionState(), nil
		}
		return nil, nil
	}
	ctx, cancel := context.WithDeadline(ctx, limit)
	defer cancel()
	if err := tc.HandshakeContext(ctx); err != nil {
		return nil, edge.E(edge.Denied, "the TLS handshake failed: %w", err)
	}
	cs := tc.ConnectionState()
	return &cs, nil
}

// admit decides who the client is and whether it may come in, and makes it the only one of its session.
func (b *Broker) admit(s *session, cs *tls.ConnectionState, addr, remote string) error {
	p := &s.connect
	cred := Credentials{ClientID: p.clientID, Username: p.username, Password: p.password, HasPassword: p.hasPass, TLS: cs, Remote: remote}
	proven := cs != nil && len(cs.PeerCertificates) > 0 // TLS let it through, so it holds (see Options.TLS)
	if !proven && !b.guard.allow(addr, p.username, time.Now()) {
		return &wireError{rcConnectionRate, "too many wrong tries from this address"}
	}
	for {
		seen := b.revoked.Load()
		r, err := b.authenticate(cred)
		if err != nil {
			if code := err.(*wireError).code; !proven && code != rcUnavailable {
				b.guard.failed(addr, p.username, time.Now())
			}
			return err
		}
		if err := b.mayEnter(s, r); err != nil {
			return err
		}
		if err := b.enter(s, r); err != nil {
			return err
		}
		if b.revoked.Load() == seen {
			break
		}
		b.leaveTable(s) // somebody was revoked meanwhile: ask again
	}
	b.guard.succeeded(addr, p.username)
	s.prepare(cs)
	return nil
}

func (b *Broker) authenticate(cred Credentials) (*rights, error) {
	ctx, cancel := context.WithTimeout(b.ctx, b.o.Limits.ConnectTime)
	defer cancel()
	d, err := b.o.Auth.Authenticate(ctx, cred)
	if err == nil {
		var r *rights
		if r, err = newRights(d, b.o.Allow); err == nil {
			return r, nil
		}
	}
	switch edge.KindOf(err) {
	case edge.Unavailable, edge.Exhausted:
		return nil, &wireError{rcUnavailable, err.Error()}
	case edge.Denied, edge.NotFound:
		return nil, &wireError{rcCredentials, err.Error()}
	}
	return nil, &wireError{rcNotAuthorised, err.Error()}
}

// mayEnter checks the client identifier and the will against who the client is.
func (b *Broker) mayEnter(s *session, r *rights) error {
	p := &s.connect
	s.clientID, s.assigned = p.clientID, false
	if p.clientID == "" {
		s.clientID, s.assigned = r.ID+"-"+edge.NewID().String(), true
	} else if !r.mayUse(p.clientID) {
		return &wireError{rcClientID, fmt.Sprintf("the client identifier %q does not belong to the device %s", p.clientID, r.ID)}
	}
	s.key = r.ID + "/" + s.clientID
	if w := p.will; w != nil {
		if !b.o.Limits.goodTopic(w.topic) {
			return &wireError{rcTopicName, "the will's topic is not well formed"}
		}
		if !r.mayPublish(w.topic) {
			b.stats.Denied.Add(1)
			return &wireError{rcNotAuthorised, "the device may not publish its will there"}
		}
	}
	return nil
}

// enter makes s the session under its key. One that is there is told and waited for, so that there are
// never two, and what the engine does when a session is taken over never runs beside it.
func (b *Broker) enter(s *session, r *rights) error {
	give := time.NewTimer(b.o.Limits.ConnectTime)
	defer give.Stop()
	for {
		b.mu.Lock()
		old := b.sessions[s.key]
		if old == nil {
			err := b.place(s, r)
			b.mu.Unlock()
			return err
		}
		b.mu.Unlock()
		old.leave(rcTakenOver)
		select {
		case <-old.ended:
		case <-give.C:
			return &wireError{rcBusy, "the session's former connection does not end"}
		case <-b.ctx.Done():
			return &wireError{rcShutdown, "the broker is closing"}
		}
	}
}

// place puts s into the table. The caller holds mu.
func (b *Broker) place(s *session, r *rights) error {
	if b.closed {
		return &wireError{rcShutdown, "the broker is closing"}
	}
	if len(b.sessions) >= b.o.Limits.Clients {
		return &wireError{rcBusy, "too many clients are connected"}
	}
	k := b.kept[s.key]
	if k == nil {
		if err := b.makeRoom(r.ID); err != nil {
			return err
		}
		k = &kept{received: map[uint16]bool{}}
	}
	if s.connect.clean {
		k = &kept{received: map[uint16]bool{}}
	}
	k.rights.Store(r)
	k.mu.Lock()
	k.conn = s.c
	k.mu.Unlock()
	k.used = time.Now()
	b.hold(s.key, k)
	b.sessions[s.key], s.kept = s, k
	s.lasts(r.Left)
	return nil
}

func (b *Broker) leaveTable(s *session) {
	b.mu.Lock()
	if b.sessions[s.key] == s {
		delete(b.sessions, s.key)
	}
	b.mu.Unlock()
}

// prepare sets a session up for the engine.
func (s *session) prepare(cs *tls.ConnectionState) {
	b, p := s.b, &s.connect
	s.expiry = min(p.props.sessionExpiry, uint32(b.o.Limits.SessionExpiry/time.Second))
	keep := time.Duration(p.keepalive) * time.Second
	if longest := b.o.Limits.Keepalive; s.version >= 5 && (keep == 0 || keep > longest) {
		keep = longest // the client is told in CONNACK (MQTT 5 section 3.2.2.3.14)
	}
	s.c.idle = keep + keep/2
	if s.version >= 5 && p.props.receiveMax > 0 {
		s.c.window = int(p.props.receiveMax)
	}
	if r := s.kept.rights.Load(); cs != nil && len(cs.PeerCertificates) > 0 && r != nil && r.Left == 0 {
		s.expire(cs.PeerCertificates[0])
	}
	b.wills.cancel(s.key)
	s.c.ahead = p.forEngine(s.key, s.expiry)
	p.password = nil
}

// expire ends a session when the certificate that proved it does.
func (s *session) expire(cert *x509.Certificate) {
	t := time.AfterFunc(time.Until(cert.NotAfter), func() { s.leave(rcNotAuthorised) })
	context.AfterFunc(s.ctx, func() { t.Stop() })
}

// device is whose session this is, also after its rights are gone.
func (s *session) device() string {
	id, _, _ := strings.Cut(s.key, "/")
	return id
}

// leave tells the client and closes the connection.
func (s *session) leave(code byte) {
	if s.version >= 5 {
		s.c.send(appendDisconnect(nil, code))
	}
	s.c.Close()
	s.cancel()
}

// left cleans up after a connection and sees to the will.
func (b *Broker) left(s *session) {
	s.cancel()
	s.c.Close()
	keep := s.expiry > 0 || s.version < 5 && !s.connect.clean
	if w := s.connect.will; w != nil && !s.farewell && !s.silenced.Load() {
		b.bequeath(s, w, keep)
	}
	b.mu.Lock()
	s.lasts(0)
	if k := b.kept[s.key]; k == s.kept {
		k.used = time.Now()
		if !keep {
			b.unhold(s.key)
		}
	}
	if b.sessions[s.key] == s {
		delete(b.sessions, s.key)
	}
	b.mu.Unlock()
	b.dirty.mark("s/" + s.key)
	close(s.ended)
	var w *wireError
	if errors.As(s.c.why, &w) {
		b.stats.Breaches.Add(1)
		b.log.Debug("mqtt: a client was cut off", "device", s.device(), "err", w)
	}
}

// counters are what Stats shows.
type counters struct {
	Connects, Turned, Received, Acknowledged, Refused, Denied, Delivered, Dropped,
	Throttled, RetainRefused, Wills, Breaches, Panics atomic.Uint64
}

// Stats are counts since the start, and what is held now.
type Stats struct {
	Clients, Sessions, Retained int
	RetainedBytes               int64
	Connects                    uint64 // sessions begun
	Turned                      uint64 // connections turned away before that
	Received                    uint64 // messages that came in
	Acknowledged                uint64 // PUBACK and PUBREC sent, refusals included
	Refused                     uint64 // messages that could not be stored; their devices were told
	Denied                      uint64 // messages and wills to topics that are not the device's
	Delivered                   uint64 // messages passed to the engine for subscribers
	Dropped                     uint64 // messages a slow subscriber did not get
	Throttled                   uint64 // times a client was made to wait
	RetainRefused               uint64 // messages that were not retained for lack of room
	Wills                       uint64
	Breaches                    uint64 // connections cut off for breaking the protocol
	Panics                      uint64 // failures within the engine
}

// Stats returns counts from memory.
func (b *Broker) Stats() Stats {
	b.mu.Lock()
	clients, sessions := len(b.sessions), len(b.kept)
	b.mu.Unlock()
	n, size := b.keep.size()
	c := &b.stats
	return Stats{Clients: clients, Sessions: sessions, Retained: n, RetainedBytes: size,
		Connects: c.Connects.Load(), Turned: c.Turned.Load(), Received: c.Received.Load(), Acknowledged: c.Acknowledged.Load(),
		Refused: c.Refused.Load(), Denied: c.Denied.Load(), Delivered: c.Delivered.Load(), Dropped: c.Dropped.Load() + uint64(max(0, atomic.LoadInt64(&b.engine.Info.InflightDropped))),
		Throttled: c.Throttled.Load(), RetainRefused: c.RetainRefused.Load(), Wills: c.Wills.Load(), Breaches: c.Breaches.Load(), Panics: c.Panics.Load()}
}

// Report says how the broker is.
func (b *Broker) Report(context.Context) edge.Health {
	b.mu.Lock()
	n, closed := len(b.sessions), b.closed
	b.mu.Unlock()
	if closed {
		return edge.Health{Level: edge.Failed, Msg: "the MQTT broker is closed"}
	}
	if msg, recent := b.trouble.get(); recent {
		return edge.Health{Level: edge.Degraded, Msg: msg, Hint: "the devices keep what was not acknowledged and send it again"}
	}
	return edge.Health{Msg: strconv.Itoa(n) + " devices are connected"}
}
