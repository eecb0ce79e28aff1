package mqtt

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"

	"github.com/aielon/edge/node/edge"
)

// A session is one connected client, from CONNECT to the end of its connection. What outlives the
// connection is in kept and in the engine.
type session struct {
	edge.Redacted

	b        *Broker
	c        *conn
	key      string // device/client identifier: what the engine knows it by
	clientID string
	assigned bool
	version  byte
	connect  connect
	expiry   uint32
	ctx      context.Context
	cancel   context.CancelFunc
	ended    chan struct{} // closed when everything about the connection is over

	kept *kept

	established func() // called once the engine has begun the session
	// of the reading goroutine
	aliases   map[uint16]string
	topic     string  // the newest topic published to, to save its copying
	allowed   *rights // the rights under which topic was allowed
	second    int64   // when it was
	limiter   limiter
	pendingID uint16      // of the SUBSCRIBE or UNSUBSCRIBE the engine is at
	farewell  bool        // DISCONNECT without will came
	silenced  atomic.Bool // revoked: its will is not published

	slots chan struct{} // one per message not yet acknowledged

	life *time.Timer // guarded by Broker.mu: ends the connection when its proof does

	mu    sync.Mutex  // guards queue, dead and kept.received
	queue []*incoming // in the order of PUBLISH; acknowledged from the front
	dead  bool        // an MQTT 3.1.1 client whose message was refused: nothing more is acknowledged

	shadow *mochi.Client // of the delivering goroutine: what the engine takes for the publisher
}

// kept is what belongs to a session over several connections.
type kept struct {
	rights atomic.Pointer[rights]

	mu       sync.Mutex      // guards received and conn
	received map[uint16]bool // QoS 2 messages taken in and not released; true: stored (MQTT 5 section 4.3.3)
	conn     *conn           // the newest connection

	used time.Time // guarded by Broker.mu: when its client was last there
}

// An incoming is one message on its way from the wire to the store and to subscribers.
type incoming struct {
	s       *session
	topic   string
	payload []byte
	props   *props
	rights  *rights
	id      uint16
	qos     byte
	retain  bool
	will    bool
	slot    bool
	cost    int64
	created int64

	once atomic.Bool
	over bool // done was called; guarded by s.mu
	code byte // what to acknowledge with
}

// settled notes what became of a QoS 2 message. Where its client came back in the meantime and sent it
// again, the answer goes to the new connection.
func (k *kept) settled(s *session, x *incoming) {
	k.mu.Lock()
	defer k.mu.Unlock()
	ok := x.code == rcSuccess
	if ok {
		k.received[x.id] = true
	} else {
		delete(k.received, x.id)
	}
	if k.conn == s.c || k.conn == nil {
		return
	}
	if !ok {
		go k.conn.Close() // it asks again after connecting again
		return
	}
	k.conn.send(appendAck(nil, tPubrec<<4, x.id, rcSuccess, s.version))
}

// handle is the front: it sees every packet of the client after CONNECT.
func (s *session) handle(f frame) (pass bool, err error) {
	switch f.kind() {
	case tPublish:
		return false, s.publish(f)
	case tPubrel:
		return false, s.release(f)
	case tPuback, tPubrec, tPubcomp:
		return s.acknowledged(f)
	case tSubscribe:
		return true, s.checkSubscribe(f)
	case tUnsubscribe:
		return true, s.checkUnsubscribe(f)
	case tPingreq:
		if len(f.body) != 0 {
			return false, malformed("PINGREQ has a body")
		}
		s.c.send([]byte{tPingresp << 4, 0})
		return false, nil
	case tDisconnect:
		return true, s.disconnect(f)
	case tConnect:
		return false, protocol("a second CONNECT")
	}
	return false, protocol("a client does not send packets of type %d", f.kind())
}

// ack reads the body that PUBACK, PUBREC, PUBREL and PUBCOMP share.
func (s *session) ack(f frame) (id uint16, code byte, err error) {
	c := &cursor{b: f.body}
	id = c.u16()
	if s.version >= 5 && len(c.b) > 0 {
		code = c.u8()
		if len(c.b) > 0 {
			c.props(inAck)
		}
	}
	if err := c.end(); err != nil {
		return 0, 0, err
	}
	if id == 0 {
		return 0, 0, malformed("a packet identifier is 0")
	}
	return id, code, nil
}

func (s *session) acknowledged(f frame) (bool, error) {
	_, code, err := s.ack(f)
	if err != nil {
		return false, err
	}
	if f.kind() != tPubrec || code >= rcUnspecified {
		s.c.acked()
	}
	return true, nil
}

// release ends the handshake of a QoS 2 message.
func (s *session) release(f frame) error {
	id, _, err := s.ack(f)
	if err != nil {
		return err
	}
	code := byte(rcIDNotFound)
	s.kept.mu.Lock()
	if s.kept.received[id] {
		delete(s.kept.received, id)
		code = rcSuccess
	}
	s.kept.mu.Unlock()
	s.c.send(appendAck(nil, tPubcomp<<4, id, code, s.version))
	return nil
}

func (s *session) checkSubscribe(f frame) error {
	c := &cursor{b: f.body}
	id := c.u16()
	if s.version >= 5 {
		c.props(inSubscribe)
	}
	n := 0
	for ; c.err == nil && len(c.b) > 0; n++ {
		filter := string(c.text())
		o := c.u8()
		if c.err == nil && (o&3 == 3 || s.version < 5 && o > 2 || o&0xc0 != 0 || o>>4&3 == 3) {
			return malformed("the options of a subscription are 0x%02x", o)
		}
		if _, shared := unshare(filter); shared && o&4 != 0 {
			return protocol("a shared subscription cannot ask for no local messages")
		}
	}
	return filters(c, id, n)
}

func (s *session) checkUnsubscribe(f frame) error {
	c := &cursor{b: f.body}
	id := c.u16()
	if s.version >= 5 {
		c.props(inUnsubscribe)
	}
	n := 0
	for ; c.err == nil && len(c.b) > 0; n++ {
		c.text()
	}
	return filters(c, id, n)
}

func filters(c *cursor, id uint16, n int) error {
	switch {
	case c.err != nil:
		return c.err
	case id == 0:
		return malformed("a packet identifier is 0")
	case n == 0:
		return protocol("a packet names no topic filter")
	}
	return nil
}

func (s *session) disconnect(f frame) error {
	c := &cursor{b: f.body}
	code := byte(0)
	var p props
	if s.version >= 5 && len(c.b) > 0 {
		code = c.u8()
		if len(c.b) > 0 {
			p = c.props(inDisconnect)
		}
	}
	if err := c.end(); err != nil {
		return err
	}
	if p.sessionExpiry > 0 && s.expiry == 0 {
		return protocol("a session that was to end with its connection is to be kept now")
	}
	s.farewell = code != rcWillDisconnect
	return nil
}

// publish takes in one message. It returns when the message is handed over, not when it is stored; it
// waits only where the client has too many in hand, or all clients together have.
func (s *session) publish(f frame) error {
	in, denied, err := s.readPublish(f)
	if err != nil || in == nil {
		return err
	}
	b := s.b
	b.stats.Received.Add(1)
	if denied {
		b.stats.Denied.Add(1)
		if in.qos > 0 && s.version < 5 { // the only way MQTT 3.1.1 has to say no (section 3.3.5)
			return &wireError{rcNotAuthorised, "the device may not publish there"} // topics can name people: they stay out of the log
		}
		in.code = rcNotAuthorised
	}
	if err := s.limiter.wait(s.ctx, in.rights.Rate, b.o.Limits.Rate, &b.stats.Throttled); err != nil {
		return err
	}
	if err := s.takeSlot(in); err != nil {
		return err
	}
	if err := b.takeBudget(s.ctx, in.cost); err != nil {
		return err
	}
	s.mu.Lock()
	s.queue = append(s.queue, in)
	s.mu.Unlock()
	if denied {
		in.finish(rcNotAuthorised)
		return nil
	}
	b.submit(in)
	return nil
}

// takeSlot bounds what one client has unacknowledged. A client of MQTT 5 was told the bound and broke
// it; one of 3.1.1 is simply not read from for a while.
func (s *session) takeSlot(in *incoming) error {
	in.slot = true
	select {
	case s.slots <- struct{}{}:
		return nil
	default:
	}
	if s.version >= 5 && in.qos > 0 {
		return &wireError{rcReceiveMax, "more messages are in flight than were announced"}
	}
	s.b.stats.Throttled.Add(1)
	select {
	case s.slots <- struct{}{}:
		return nil
	case <-s.ctx.Done():
		return s.ctx.Err()
	}
}

// readPublish reads PUBLISH (MQTT 5 section 3.3). It returns nothing where the message is one of
// quality 2 that was sent again and is already in hand.
func (s *session) readPublish(f frame) (in *incoming, denied bool, err error) {
	c := &cursor{b: f.body}
	in = &incoming{s: s, qos: f.head >> 1 & 3, retain: f.head&1 != 0, created: time.Now().Unix()}
	topic := c.text()
	if in.qos > 0 {
		if in.id = c.u16(); in.id == 0 && c.err == nil {
			return nil, false, malformed("a packet identifier is 0")
		}
	}
	if s.version >= 5 {
		if len(c.b) > 0 && c.b[0] == 0 { // the common case: no properties
			c.b = c.b[1:]
		} else {
			p := c.props(inPublish)
			in.props = &p
		}
	}
	if c.err != nil {
		return nil, false, c.err
	}
	in.payload = c.b
	in.cost = int64(len(f.body)) + overhead
	if in.topic, err = s.resolve(topic, in.props); err != nil {
		return nil, false, err
	}
	if in.rights = s.kept.rights.Load(); in.rights == nil { // revoked; what was on its way still arrives
		return nil, false, &wireError{rcNotAuthorised, "the device was shut out"}
	}
	if s.allowed != in.rights || in.topic != s.topic || s.second != in.created { // a device mostly publishes to one topic
		if in.topic[0] != '$' && !s.b.o.Limits.goodTopic(in.topic) {
			return nil, false, &wireError{rcTopicName, "a topic name has wildcards, too many levels or too many bytes"}
		}
		if denied = !in.rights.mayPublish(in.topic); !denied {
			s.topic, s.allowed, s.second = in.topic, in.rights, in.created
		}
	}
	if in.qos == 2 && !denied {
		again, err := s.again(in.id)
		if again || err != nil {
			return nil, false, err
		}
	}
	return in, denied, nil
}

// resolve gives the topic, from its alias where it has one (MQTT 5 section 3.3.2.3.4).
func (s *session) resolve(topic []byte, p *props) (string, error) {
	if p == nil || p.alias == 0 {
		if len(topic) == 0 {
			return "", protocol("a message has no topic")
		}
		if string(topic) == s.topic {
			return s.topic, nil
		}
		return string(topic), nil
	}
	if p.alias > s.b.o.Limits.Aliases {
		return "", &wireError{rcAlias, "a topic alias is larger than was announced"}
	}
	if len(topic) > 0 {
		if s.aliases == nil {
			s.aliases = map[uint16]string{}
		}
		s.aliases[p.alias] = string(topic)
		return string(topic), nil
	}
	t, ok := s.aliases[p.alias]
	if !ok {
		return "", protocol("a topic alias was never given a topic")
	}
	return t, nil
}

// again deals with a QoS 2 message whose handshake is open: it was sent again because an answer was
// lost, and must not be stored twice (MQTT 5 section 4.3.3).
func (s *session) again(id uint16) (bool, error) {
	s.kept.mu.Lock()
	defer s.kept.mu.Unlock()
	stored, open := s.kept.received[id]
	switch {
	case stored:
		s.c.send(appendAck(nil, tPubrec<<4, id, rcSuccess, s.version))
		return true, nil
	case open: // its PUBREC comes when it is stored
		return true, nil
	case len(s.kept.received) >= s.b.o.Limits.InFlight:
		return false, &wireError{rcReceiveMax, "too many messages of quality 2 are not released"}
	}
	s.kept.received[id] = false
	return false, nil
}
