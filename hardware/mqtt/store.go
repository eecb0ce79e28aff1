package mqtt

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"time"

	"github.com/mochi-mqtt/server/v2/hooks/storage"
	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/aielon/edge/node/edge"
)

// A dirtySet names what changed since it was saved last: "s/" and a session's key, "r/" and a topic. It
// is no larger than what it names. The slices are what was restored, for the engine to fetch once.
type dirtySet struct {
	mu       sync.Mutex
	keys     map[string]struct{}
	clients  []storage.Client
	subs     []storage.Subscription
	retained []storage.Message
}

func (d *dirtySet) init() { d.keys = map[string]struct{}{} }

func (d *dirtySet) mark(key string) {
	d.mu.Lock()
	d.keys[key] = struct{}{}
	d.mu.Unlock()
}

func (d *dirtySet) take() map[string]struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	k := d.keys
	d.keys = map[string]struct{}{}
	return k
}

// savedSession is a session as it is stored.
type savedSession struct {
	Device  Device                 `json:"device"`
	Version byte                   `json:"version"`
	Expiry  uint32                 `json:"expiry"` // seconds, MQTT 5
	Subs    []packets.Subscription `json:"subs"`
}

type savedMessage struct {
	Device  string          `json:"device"`
	Message storage.Message `json:"message"`
}

// save writes what changed. What could not be saved stays marked.
func (b *Broker) save(ctx context.Context) error {
	keys := b.dirty.take()
	if b.o.Sessions == nil || len(keys) == 0 {
		return nil
	}
	changes := make([]Entry, 0, len(keys))
	for key := range keys {
		e := Entry{Key: key}
		if id, ok := strings.CutPrefix(key, "s/"); ok {
			e.Value = b.encodeSession(id)
		} else {
			e.Value = b.encodeRetained(strings.TrimPrefix(key, "r/"))
		}
		changes = append(changes, e)
	}
	if err := b.o.Sessions.Save(ctx, changes); err != nil {
		for key := range keys {
			b.dirty.mark(key)
		}
		return edge.E(edge.Unavailable, "the sessions of MQTT clients cannot be saved: %w", err)
	}
	return nil
}

// encodeSession returns nothing for a session that ends with its connection.
func (b *Broker) encodeSession(key string) []byte {
	cl, ok := b.engine.Clients.Get(key)
	r := b.rightsOf(key)
	if !ok || r == nil {
		return nil
	}
	v := savedSession{Device: r.Device, Version: cl.Properties.ProtocolVersion, Expiry: cl.Properties.Props.SessionExpiryInterval}
	if v.Version >= 5 && v.Expiry == 0 || v.Version < 5 && cl.Properties.Clean {
		return nil
	}
	for _, s := range cl.State.Subscriptions.GetAll() {
		v.Subs = append(v.Subs, s)
	}
	out, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return out
}

func (b *Broker) encodeRetained(topic string) []byte {
	pk, ok := b.engine.Topics.Retained.Get(topic)
	b.keep.mu.Lock()
	o, known := b.keep.by[topic]
	b.keep.mu.Unlock()
	if !ok || !known {
		return nil
	}
	m := storage.Message{TopicName: topic, Payload: pk.Payload, FixedHeader: pk.FixedHeader, Created: pk.Created,
		Properties: storage.MessageProperties{MessageExpiryInterval: pk.Properties.MessageExpiryInterval, ContentType: pk.Properties.ContentType,
			ResponseTopic: pk.Properties.ResponseTopic, CorrelationData: pk.Properties.CorrelationData, PayloadFormat: pk.Properties.PayloadFormat,
			PayloadFormatFlag: pk.Properties.PayloadFormatFlag, User: pk.Properties.User}}
	out, err := json.Marshal(savedMessage{o.device, m})
	if err != nil {
		return nil
	}
	return out
}

// restore reads what was saved. An entry that cannot be read is passed over and counted: a device mends
// its session by subscribing again, and the rest should not wait for that.
func (b *Broker) restore(ctx context.Context) error {
	if b.o.Sessions == nil {
		return nil
	}
	all, err := b.o.Sessions.Load(ctx)
	if err != nil {
		return edge.E(edge.Unavailable, "the sessions of MQTT clients cannot be loaded: %w", err)
	}
	bad := 0
	for _, e := range all {
		id, isSession := strings.CutPrefix(e.Key, "s/")
		if isSession && !b.restoreSession(id, e.Value) || !isSession && !b.restoreRetained(strings.TrimPrefix(e.Key, "r/"), e.Value) {
			bad++
		}
	}
	if bad > 0 {
		b.log.Warn("mqtt: some saved sessions or retained messages could not be read and are left out", "count", bad)
	}
	return nil
}

func (b *Broker) restoreSession(key string, value []byte) bool {
	var v savedSession
	if json.Unmarshal(value, &v) != nil || len(v.Subs) > b.o.Limits.Subscriptions || len(b.kept) >= b.o.Limits.Sessions {
		return false
	}
	r, err := newRights(v.Device, b.o.Allow)
	if err != nil || !strings.HasPrefix(key, r.ID+"/") || v.Version < 4 || v.Version > 5 {
		return false
	}
	k := &kept{received: map[uint16]bool{}, used: time.Now()}
	k.rights.Store(r)
	b.hold(key, k)
	b.dirty.clients = append(b.dirty.clients, storage.Client{ID: key, ProtocolVersion: v.Version, Listener: "edge",
		Properties: storage.ClientProperties{SessionExpiryInterval: v.Expiry, SessionExpiryIntervalFlag: v.Version >= 5}})
	for _, s := range v.Subs {
		if !r.mayRead(s.Filter) || !b.o.Limits.goodFilter(s.Filter) {
			continue
		}
		b.subscribed.Store(true)
		b.dirty.subs = append(b.dirty.subs, storage.Subscription{Client: key, Filter: s.Filter, Qos: s.Qos, NoLocal: s.NoLocal,
			RetainHandling: s.RetainHandling, RetainAsPublished: s.RetainAsPublished, Identifier: s.Identifier})
	}
	return true
}

func (b *Broker) restoreRetained(topic string, value []byte) bool {
	var v savedMessage
	if json.Unmarshal(value, &v) != nil || v.Message.TopicName != topic || !b.o.Limits.goodTopic(topic) || len(v.Message.Payload) == 0 {
		return false
	}
	if !b.keep.admit(topic, v.Device, len(v.Message.Payload), &b.o.Limits) {
		return false
	}
	b.dirty.retained = append(b.dirty.retained, v.Message)
	return true
}
