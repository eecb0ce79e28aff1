package mqtt

import (
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/storage"
	"github.com/mochi-mqtt/server/v2/packets"
)

// A hook is how the engine asks what it may do, and tells what it did.
type hook struct {
	mochi.HookBase
	b *Broker
}

func (h *hook) ID() string { return "edge" }

func (h *hook) Provides(m byte) bool {
	switch m {
	case mochi.OnConnect, mochi.OnConnectAuthenticate, mochi.OnACLCheck, mochi.OnPacketRead, mochi.OnPacketEncode,
		mochi.OnSessionEstablished, mochi.OnSubscribed, mochi.OnUnsubscribed, mochi.OnDisconnect, mochi.OnClientExpired, mochi.OnRetainedExpired,
		mochi.OnPublishDropped, mochi.OnQosDropped, mochi.StoredClients, mochi.StoredSubscriptions, mochi.StoredRetainedMessages:
		return true
	}
	return false
}

func of(cl *mochi.Client) *session {
	c, ok := cl.Net.Conn.(*conn)
	if !ok {
		return nil
	}
	return c.session()
}

// OnConnectAuthenticate lets in only what came through the front.
func (h *hook) OnConnectAuthenticate(cl *mochi.Client, _ packets.Packet) bool {
	s := of(cl)
	return s != nil && s.key == cl.ID
}

func (h *hook) OnConnect(cl *mochi.Client, _ packets.Packet) error {
	s := of(cl)
	if s == nil {
		return packets.ErrNotAuthorized
	}
	if s.assigned && s.version >= 5 {
		cl.Properties.Props.AssignedClientID = s.clientID
	}
	return nil
}

func (h *hook) OnSessionEstablished(cl *mochi.Client, _ packets.Packet) {
	if s := of(cl); s != nil {
		s.established()
	}
}

// OnACLCheck is asked at SUBSCRIBE with a filter, and for each message before it goes to a subscriber
// with a topic. Nothing is published through the engine's own door.
func (h *hook) OnACLCheck(cl *mochi.Client, topic string, write bool) bool {
	return !write && h.b.rightsOf(cl.ID).mayRead(topic)
}

// noFilter is what stands for a filter the engine must refuse, with the reason in Identifier.
func noFilter(code int) packets.Subscription { return packets.Subscription{Identifier: code} }

// OnPacketRead prepares SUBSCRIBE and UNSUBSCRIBE. The engine keeps the packet identifiers of both
// directions in one table and would refuse those that happen to be in use the other way, so it is shown
// none; the answer gets the right one back in OnPacketEncode.
func (h *hook) OnPacketRead(cl *mochi.Client, pk packets.Packet) (packets.Packet, error) {
	s := of(cl)
	if s == nil || pk.FixedHeader.Type != packets.Subscribe && pk.FixedHeader.Type != packets.Unsubscribe {
		return pk, nil
	}
	s.pendingID, pk.PacketID, pk.FixedHeader.Qos = pk.PacketID, 0, 0
	if pk.FixedHeader.Type == packets.Unsubscribe {
		return pk, nil
	}
	l := &h.b.o.Limits
	room := l.Subscriptions - cl.State.Subscriptions.Len()
	for i, f := range pk.Filters {
		_, again := cl.State.Subscriptions.Get(f.Filter)
		switch {
		case !l.goodFilter(f.Filter):
			pk.Filters[i] = noFilter(rcFilter)
		case !again && room <= 0:
			pk.Filters[i] = noFilter(rcQuota)
		case !again:
			room--
		}
	}
	return pk, nil
}

// OnSubscribed puts in the reasons the engine does not know.
func (h *hook) OnSubscribed(cl *mochi.Client, pk packets.Packet, codes []byte) {
	granted := false
	for i, f := range pk.Filters {
		if f.Filter == "" && codes[i] >= rcUnspecified && cl.Properties.ProtocolVersion >= 5 {
			codes[i] = byte(f.Identifier)
		}
		if codes[i] == rcNotAuthorised || f.Filter != "" && codes[i] >= rcUnspecified {
			h.b.stats.Denied.Add(1)
		}
		granted = granted || codes[i] < rcUnspecified
	}
	if granted {
		h.b.subscribed.Store(true)
		h.b.dirty.mark("s/" + cl.ID)
	}
}

func (h *hook) OnUnsubscribed(cl *mochi.Client, _ packets.Packet) { h.b.dirty.mark("s/" + cl.ID) }

// OnPacketEncode completes what the engine sends, and holds back a message its receiver may no longer
// read: with a size limit of one byte it is not sent.
func (h *hook) OnPacketEncode(cl *mochi.Client, pk packets.Packet) packets.Packet {
	switch pk.FixedHeader.Type {
	case packets.Publish:
		if !h.b.rightsOf(cl.ID).mayRead(pk.TopicName) {
			pk.Mods.MaxSize = 1
		}
	case packets.Suback, packets.Unsuback:
		if s := of(cl); s != nil && pk.PacketID == 0 {
			pk.PacketID = s.pendingID
		}
	case packets.Connack:
		h.connack(cl, &pk)
	}
	return pk
}

// connack announces our limits (MQTT 5 section 3.2.2.3), which the engine does not.
func (h *hook) connack(cl *mochi.Client, pk *packets.Packet) {
	s := of(cl)
	if s == nil || pk.ReasonCode != rcSuccess {
		return
	}
	l := &h.b.o.Limits
	pk.Properties.TopicAliasMaximum = l.Aliases
	pk.Properties.MaximumPacketSize = uint32(l.Packet)
	if longest := uint16(l.Keepalive / time.Second); s.connect.keepalive == 0 || s.connect.keepalive > longest {
		pk.Properties.ServerKeepAlive, pk.Properties.ServerKeepAliveFlag = longest, true
	}
	if s.expiry != s.connect.props.sessionExpiry {
		pk.Properties.SessionExpiryInterval, pk.Properties.SessionExpiryIntervalFlag = s.expiry, true
	}
}

// OnDisconnect bounds what DISCONNECT may have set.
func (h *hook) OnDisconnect(cl *mochi.Client, _ error, _ bool) {
	longest := uint32(h.b.o.Limits.SessionExpiry / time.Second)
	if p := &cl.Properties.Props; p.SessionExpiryInterval > longest {
		p.SessionExpiryInterval = longest
	}
	if s := of(cl); s != nil && s.version >= 5 {
		s.expiry = cl.Properties.Props.SessionExpiryInterval
	}
}

// OnClientExpired takes the subscriptions of a session out of the engine's tree, where it leaves them.
func (h *hook) OnClientExpired(cl *mochi.Client) {
	h.b.mu.Lock()
	defer h.b.mu.Unlock()
	if h.b.sessions[cl.ID] == nil {
		h.b.forget(cl.ID)
	}
}

func (h *hook) OnRetainedExpired(topic string) {
	h.b.keep.drop(topic)
	h.b.dirty.mark("r/" + topic)
}

func (h *hook) OnPublishDropped(*mochi.Client, packets.Packet) { h.b.stats.Dropped.Add(1) }
func (h *hook) OnQosDropped(*mochi.Client, packets.Packet)     { h.b.stats.Dropped.Add(1) }

func (h *hook) StoredClients() ([]storage.Client, error)             { return h.b.dirty.clients, nil }
func (h *hook) StoredSubscriptions() ([]storage.Subscription, error) { return h.b.dirty.subs, nil }
func (h *hook) StoredRetainedMessages() ([]storage.Message, error)   { return h.b.dirty.retained, nil }
