package mqtt

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/aielon/edge/node/edge"
)

// makeRoom bounds the sessions kept for one device and for all: the one whose client was away longest
// goes. The caller holds mu.
func (b *Broker) makeRoom(device string) error {
	mine := b.count[device] >= b.o.Limits.SessionsPer
	if !mine && len(b.kept) < b.o.Limits.Sessions {
		return nil
	}
	oldest := ""
	for key, k := range b.kept {
		if b.sessions[key] != nil || mine && !owns(device, key) {
			continue
		}
		if oldest == "" || k.used.Before(b.kept[oldest].used) {
			oldest = key
		}
	}
	if oldest == "" {
		return &wireError{rcQuota, "too many sessions are open"}
	}
	b.forget(oldest)
	return nil
}

// owns reports whether a session's key belongs to a device. A device's name has no slash.
func owns(device, key string) bool {
	return len(key) > len(device) && key[len(device)] == '/' && key[:len(device)] == device
}

// hold puts a session's lasting part into the table. The caller holds mu.
func (b *Broker) hold(key string, k *kept) {
	if _, there := b.kept[key]; !there {
		device, _, _ := strings.Cut(key, "/")
		b.count[device]++
	}
	b.kept[key] = k
}

// unhold takes it out. The caller holds mu.
func (b *Broker) unhold(key string) {
	if _, there := b.kept[key]; !there {
		return
	}
	delete(b.kept, key)
	device, _, _ := strings.Cut(key, "/")
	if b.count[device]--; b.count[device] <= 0 {
		delete(b.count, device)
	}
}

// forget ends a session whose client is away. The caller holds mu.
func (b *Broker) forget(key string) {
	b.unhold(key)
	b.wills.cancel(key)
	if cl, ok := b.engine.Clients.Get(key); ok {
		b.engine.UnsubscribeClient(cl)
		cl.ClearInflights()
		b.engine.Clients.Delete(key)
	}
	b.dirty.mark("s/" + key)
}

// prune takes out of a kept session what its device may no longer read, before the engine sends again
// what was in flight (the engine itself would not look).
func (b *Broker) prune(s *session) {
	cl, ok := b.engine.Clients.Get(s.key)
	if !ok {
		return
	}
	b.pruneClient(cl, s.kept.rights.Load())
	order(cl)
}

// order sees to it that the engine sends again in the order of sending (MQTT 5 section 4.6). It sorts by
// the low bits of the second a message was made in, so those are given out anew, by packet identifier.
// Identifiers are given out in rising order and begin anew after 65535, so the oldest is the one behind
// the widest gap.
func order(cl *mochi.Client) {
	all := cl.State.Inflight.GetAll(false)
	if len(all) < 2 {
		return
	}
	slices.SortFunc(all, func(a, b packets.Packet) int { return cmp.Compare(a.PacketID, b.PacketID) })
	first, widest := 0, int(all[0].PacketID)+65535-int(all[len(all)-1].PacketID)
	for i := 1; i < len(all); i++ {
		if gap := int(all[i].PacketID) - int(all[i-1].PacketID); gap > widest {
			first, widest = i, gap
		}
	}
	base := time.Now().Unix()
	if base&0xffff+int64(len(all)) > 0xffff {
		base -= int64(len(all))
	}
	for i := range all {
		pk := all[(first+i)%len(all)]
		pk.Created = base + int64(i)
		cl.State.Inflight.Set(pk)
	}
}

func (b *Broker) pruneClient(cl *mochi.Client, r *rights) {
	for _, pk := range cl.State.Inflight.GetAll(false) {
		if pk.FixedHeader.Type == packets.Publish && !r.mayRead(pk.TopicName) {
			cl.State.Inflight.Delete(pk.PacketID)
		}
	}
	for filter := range cl.State.Subscriptions.GetAll() {
		if !r.mayRead(filter) {
			b.engine.Topics.Unsubscribe(filter, cl.ID)
			cl.State.Subscriptions.Delete(filter)
			b.dirty.mark("s/" + cl.ID)
		}
	}
}

// Revoke shuts a device out at once: its connections are closed, its wills are not published, its
// sessions and what waited in them are dropped, and what it retained is taken back. That it cannot come
// in again is for the authenticator to see to, before Revoke is called.
func (b *Broker) Revoke(device string) {
	b.revoked.Add(1)
	b.mu.Lock()
	var gone []*session
	for key, k := range b.kept {
		if owns(device, key) {
			k.rights.Store(nil)
			if s := b.sessions[key]; s != nil {
				gone = append(gone, s)
			}
		}
	}
	for _, s := range gone {
		s.silenced.Store(true)
		s.leave(rcAdmin)
	}
	for key := range b.kept {
		if owns(device, key) {
			b.forget(key)
		}
	}
	b.mu.Unlock()
	for _, topic := range b.keep.of(device) {
		b.engine.Topics.RetainMessage(packets.Packet{TopicName: topic})
		b.keep.drop(topic)
		b.dirty.mark("r/" + topic)
	}
}

// Update changes what a connected or remembered device may do. What it may no longer read is taken out
// of its sessions; what it may no longer publish stays retained until somebody clears it, or Revoke does.
func (b *Broker) Update(d Device) error {
	r, err := newRights(d, b.o.Allow)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for key, k := range b.kept {
		if owns(d.ID, key) {
			k.rights.Store(r)
			if cl, ok := b.engine.Clients.Get(key); ok {
				b.pruneClient(cl, r)
			}
		}
	}
	return nil
}

// rightsOf gives what the session under a key may do, nil where there is none.
func (b *Broker) rightsOf(key string) *rights {
	b.mu.Lock()
	k := b.kept[key]
	b.mu.Unlock()
	if k == nil {
		return nil
	}
	return k.rights.Load()
}

// Publish sends a message of the node's own to subscribers: prayer times, an alarm. It does not pass
// the intake, for the node has it already. It fails with Invalid on a topic no message may have.
func (b *Broker) Publish(ctx context.Context, topic string, payload []byte, qos byte, retain bool) error {
	if !b.o.Limits.goodTopic(topic) || topic[0] == '$' || qos > 2 || len(payload) > b.o.Limits.Packet {
		return edge.E(edge.Invalid, "a message cannot be sent to the topic %q", topic)
	}
	r := &rights{Device: Device{ID: "node"}, publish: []string{"#"}}
	s := &session{b: b, key: "/node", version: 5, kept: &kept{}}
	s.kept.rights.Store(r)
	x := &incoming{s: s, topic: topic, payload: payload, rights: r, qos: qos, retain: retain, cost: int64(len(payload)) + overhead}
	if err := b.takeBudget(ctx, x.cost); err != nil {
		return edge.E(edge.Unavailable, "the broker is too busy to take a message: %w", err)
	}
	b.deliver(x)
	return nil
}
