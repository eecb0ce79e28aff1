package mqtt

import (
	"sync"
	"sync/atomic"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

// An outbox is the queue between settling messages and handing them to subscribers. It needs no bound
// of its own: what is in it counts against the broker's budget.
type outbox struct {
	mu     sync.Mutex
	queue  []*incoming
	wake   chan struct{}
	closed bool
}

func (o *outbox) init() { o.wake = make(chan struct{}, 1) }

func (o *outbox) put(x *incoming) {
	o.mu.Lock()
	o.queue = append(o.queue, x)
	o.mu.Unlock()
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

func (o *outbox) take(spare []*incoming) (batch []*incoming, closed bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	batch, o.queue = o.queue, spare[:0]
	return batch, o.closed
}

func (o *outbox) close() {
	o.mu.Lock()
	o.closed = true
	o.mu.Unlock()
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// deliver passes a settled message on. It never waits.
func (b *Broker) deliver(x *incoming) {
	if x.code != rcSuccess || !x.retain && !b.subscribed.Load() {
		b.budget.Release(x.cost)
		return
	}
	b.out.put(x)
}

// deliverAll is the one goroutine that hands messages to the engine for its subscribers.
func (b *Broker) deliverAll() {
	var spare []*incoming
	for range b.out.wake {
		batch, closed := b.out.take(spare)
		for i, x := range batch {
			b.hand(x)
			b.budget.Release(x.cost)
			batch[i] = nil
		}
		spare = batch
		if closed && len(batch) == 0 {
			return
		}
		if closed {
			b.out.close() // look once more
		}
	}
}

// hand gives one message to the engine under a client that stands for the publisher: the engine has no
// other door for messages that have passed the front. The rights are looked at again, for they may
// have been taken away while the message was being stored.
func (b *Broker) hand(x *incoming) {
	r := x.s.kept.rights.Load()
	if r == nil || x.s.silenced.Load() || !r.mayPublish(x.topic) {
		return
	}
	pk := packets.Packet{
		FixedHeader: packets.FixedHeader{Type: packets.Publish, Qos: x.qos, Retain: x.retain},
		TopicName:   x.topic, Payload: x.payload, Created: x.created,
	}
	if x.qos > 0 {
		pk.PacketID = 1 // looked at and thrown away
	}
	if p := x.props; p != nil {
		pk.Properties = packets.Properties{MessageExpiryInterval: p.messageExpiry, ContentType: p.contentType, ResponseTopic: p.responseTopic,
			CorrelationData: p.correlation, PayloadFormat: p.payloadFormat, PayloadFormatFlag: p.has(0x01)}
		for _, u := range p.user {
			pk.Properties.User = append(pk.Properties.User, packets.UserProperty{Key: u[0], Val: u[1]})
		}
	}
	if x.retain && !b.keep.admit(x.topic, r.ID, len(x.payload), &b.o.Limits) {
		pk.FixedHeader.Retain = false
		b.stats.RetainRefused.Add(1)
		b.trouble.set("there is no room for more retained messages; readings are stored all the same")
	} else if x.retain {
		b.dirty.mark("r/" + x.topic)
	}
	if x.s.shadow == nil {
		x.s.shadow = b.engine.NewClient(nil, mochi.LocalListener, x.s.key, true)
		x.s.shadow.Properties.ProtocolVersion = x.s.version
	}
	b.stats.Delivered.Add(1)
	b.establish.Lock()
	defer b.establish.Unlock()
	_ = b.engine.InjectPacket(x.s.shadow, pk) // it fails only on packets the front has refused
}

// retained counts what is retained and for whom, because the engine has no bound on it.
type retained struct {
	mu    sync.Mutex
	by    map[string]owner // by topic
	bytes int64
}

type owner struct {
	device string
	size   int
}

func (k *retained) init() { k.by = map[string]owner{} }

func (k *retained) size() (int, int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.by), k.bytes
}

// admit makes room for a retained message, or says that there is none. An empty one takes its topic off.
func (k *retained) admit(topic, device string, size int, l *Limits) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	old, there := k.by[topic]
	if size == 0 {
		k.remove(topic)
		return true
	}
	cost := size + len(topic) + overhead
	if !there && len(k.by) >= l.Retained || k.bytes-int64(old.size)+int64(cost) > l.RetainedBytes {
		return false
	}
	k.bytes += int64(cost - old.size)
	k.by[topic] = owner{device, cost}
	return true
}

// remove forgets a topic. The caller holds mu.
func (k *retained) remove(topic string) {
	k.bytes -= int64(k.by[topic].size)
	delete(k.by, topic)
}

func (k *retained) drop(topic string) {
	k.mu.Lock()
	k.remove(topic)
	k.mu.Unlock()
}

// of lists the topics a device retained something under.
func (k *retained) of(device string) []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	var out []string
	for t, o := range k.by {
		if o.device == device {
			out = append(out, t)
		}
	}
	return out
}

// wills are those that wait for their delay to pass (MQTT 5 section 3.1.3.2.2).
type wills struct {
	mu   sync.Mutex
	wait map[string]*delayed // by session key; never more than there are sessions kept
}

type delayed struct {
	s   *session
	w   *will
	due time.Time
}

func (w *wills) init() { w.wait = map[string]*delayed{} }

// cancel forgets a will whose client came back in time.
func (w *wills) cancel(key string) {
	w.mu.Lock()
	delete(w.wait, key)
	w.mu.Unlock()
}

func (w *wills) due(now time.Time) []*delayed {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []*delayed
	for key, d := range w.wait {
		if !now.Before(d.due) {
			out = append(out, d)
			delete(w.wait, key)
		}
	}
	return out
}

// bequeath publishes a will, at once or after its delay. A session that ends with its connection does
// not delay its will.
func (b *Broker) bequeath(s *session, w *will, keep bool) {
	if delay := min(w.delay, time.Duration(s.expiry)*time.Second); delay > 0 && keep && b.ctx.Err() == nil {
		b.wills.mu.Lock()
		b.wills.wait[s.key] = &delayed{s, w, time.Now().Add(delay)}
		b.wills.mu.Unlock()
		return
	}
	b.publishWill(s, w)
}

// publishWill sends a will the way of every message: rights, store, subscribers. It is the broker's own
// message, so it is not put off for lack of budget.
func (b *Broker) publishWill(s *session, w *will) {
	r := s.kept.rights.Load()
	if r == nil || s.silenced.Load() || !r.mayPublish(w.topic) {
		b.stats.Denied.Add(1)
		return
	}
	in := &incoming{s: s, topic: w.topic, payload: w.payload, props: &w.props, rights: r, qos: w.qos, retain: w.retain,
		will: true, cost: int64(len(w.payload)) + overhead, created: time.Now().Unix()}
	if err := b.budget.Acquire(b.ctx, in.cost); err != nil {
		return
	}
	b.stats.Wills.Add(1)
	s.mu.Lock()
	s.queue = append(s.queue, in)
	s.mu.Unlock()
	b.submit(in)
}

// houseKeep publishes delayed wills, lets go of sessions that are over their time, and saves.
func (b *Broker) houseKeep() {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	saved := time.Now()
	for {
		select {
		case <-b.ctx.Done():
			return
		case now := <-tick.C:
			for _, d := range b.wills.due(now) {
				b.publishWill(d.s, d.w)
			}
			if now.Sub(saved) >= b.o.Limits.SaveEvery {
				saved = now
				if err := b.save(b.ctx); err != nil && b.trouble.set("sessions cannot be saved: "+err.Error()) {
					b.log.Warn("mqtt: sessions cannot be saved; they will not survive a restart", "err", err)
				}
			}
		}
	}
}

// trouble is the newest thing that went wrong, for Report. It holds one message.
type trouble struct {
	mu   sync.Mutex
	msg  string
	at   time.Time
	said atomic.Int64
}

// set notes trouble and reports whether it is worth a line in the log: when it is new, and once a minute.
func (t *trouble) set(msg string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	fresh := msg != t.msg && now.Unix() > t.said.Load() || now.Unix()-t.said.Load() >= 60
	t.msg, t.at = msg, now
	if fresh {
		t.said.Store(now.Unix())
	}
	return fresh
}

func (t *trouble) get() (string, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.msg, t.msg != "" && time.Since(t.at) < time.Minute
}
