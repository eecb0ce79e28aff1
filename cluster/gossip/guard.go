package gossip

import (
	"bytes"
	"crypto/cipher"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-msgpack/v2/codec"
	"github.com/hashicorp/memberlist"

	"github.com/aielon/edge/node/edge"
)

// Counts say what was dropped before memberlist saw it, and why.
type Counts struct {
	Oversized uint64 // packet or stream beyond the bounds
	Label     uint64 // of another site, or none
	Plain     uint64 // not sealed
	Key       uint64 // sealed with another key, or changed on its way
	Content   uint64 // sealed rightly but nothing a node of ours says: compressed, nested, user data, too many nodes
	Busy      uint64 // more streams or nodes at once than are served
	Meta      uint64 // about a node, without its own signature on it
	Stranger  uint64 // signed by a node that is no member
	Replay    uint64 // older than what the node said before; a few are honest words that took long
	Events    uint64 // events no one read in time
}

type counters struct {
	oversized, label, plain, key, content, busy, meta, stranger, replay, events atomic.Uint64
}

func (c *counters) read() Counts {
	return Counts{c.oversized.Load(), c.label.Load(), c.plain.Load(), c.key.Load(), c.content.Load(), c.busy.Load(),
		c.meta.Load(), c.stranger.Load(), c.replay.Load(), c.events.Load()}
}

// Bounds on input.
const (
	packetMax  = 2 << 10
	streamMax  = 256 << 10
	streamsMax = 32
	streamWait = 5 * time.Second
	nodesMax   = 128
)

// Message types of memberlist (net.go), as far as the guard tells them apart.
const (
	msgPing, msgUser, msgCompound, msgCompress, msgEncrypt = 0, 8, 7, 9, 10
	msgPushPull, msgNack, msgCRC, msgErr, msgLabel         = 6, 11, 12, 13, 244
)

// A guard stands between the network and memberlist. memberlist checks label and key itself; the guard
// checks them first, counts what fails, and keeps from memberlist what its bounds are too wide for: 20 MB
// streams, a million nodes, compression.
type guard struct {
	memberlist.Transport
	label   string
	aead    cipher.AEAD
	count   *counters
	packets chan *memberlist.Packet
	streams chan net.Conn
	slots   chan struct{}
	done    chan struct{}
	once    sync.Once
	running sync.WaitGroup
}

func newGuard(t memberlist.Transport, label string, aead cipher.AEAD, count *counters) *guard {
	g := &guard{Transport: t, label: label, aead: aead, count: count, packets: make(chan *memberlist.Packet, 64),
		streams: make(chan net.Conn), slots: make(chan struct{}, streamsMax), done: make(chan struct{})}
	g.running.Go(g.run)
	return g
}

func (g *guard) run() {
	for {
		select {
		case p := <-g.Transport.PacketCh():
			if g.packet(p.Buf) {
				select {
				case g.packets <- p:
				case <-g.done:
					return
				}
			}
		case c := <-g.Transport.StreamCh():
			select {
			case g.slots <- struct{}{}:
				g.running.Go(func() { g.stream(c) })
			default:
				g.count.busy.Add(1)
				c.Close()
			}
		case <-g.done:
			return
		}
	}
}

// packet reports whether a packet may pass.
func (g *guard) packet(b []byte) bool {
	if len(b) > packetMax {
		g.count.oversized.Add(1)
		return false
	}
	if len(b) < 2 || b[0] != msgLabel {
		g.count.label.Add(1)
		return false
	}
	n := int(b[1])
	if len(b) < 2+n || string(b[2:2+n]) != g.label {
		g.count.label.Add(1)
		return false
	}
	plain, ok := g.open(b[2+n:], []byte(g.label))
	if !ok {
		return false
	}
	if !allowed(plain, 0) {
		g.count.content.Add(1)
		return false
	}
	return true
}

// open unseals what memberlist sealed: version (1 byte, 1) | nonce (12) | AES-GCM.
func (g *guard) open(b, data []byte) ([]byte, bool) {
	if len(b) < 1+12+16 || b[0] != 1 {
		g.count.plain.Add(1)
		return nil, false
	}
	plain, err := g.aead.Open(nil, b[1:13], b[13:], data)
	if err != nil {
		g.count.key.Add(1)
		return nil, false
	}
	return plain, true
}

// allowed reports whether a packet's content is made of what our nodes send.
func allowed(b []byte, depth int) bool {
	if len(b) == 0 || depth > 1 {
		return false
	}
	switch b[0] {
	case msgCRC:
		return len(b) > 5 && b[5] != msgCRC && allowed(b[5:], depth)
	case msgCompound:
		return compound(b[1:], depth)
	}
	return b[0] < msgPushPull || b[0] == msgNack
}

// compound checks number of parts (1) | their lengths (2 each) | parts.
func compound(b []byte, depth int) bool {
	if len(b) < 1 || len(b) < 1+2*int(b[0]) {
		return false
	}
	n := int(b[0])
	lengths, parts := b[1:1+2*n], b[1+2*n:]
	for i := range n {
		size := int(binary.BigEndian.Uint16(lengths[2*i:]))
		if size > len(parts) || !allowed(parts[:size], depth+1) {
			return false
		}
		parts = parts[size:]
	}
	return true
}

// stream lets a connection pass once its first and only message has been read and found good.
func (g *guard) stream(c net.Conn) {
	defer func() { <-g.slots }()
	c.SetDeadline(time.Now().Add(streamWait))
	head := make([]byte, 2+len(g.label))
	if _, err := io.ReadFull(c, head); err != nil || head[0] != msgLabel || string(head[2:]) != g.label || int(head[1]) != len(g.label) {
		g.count.label.Add(1)
		c.Close()
		return
	}
	body, ok := g.message(c)
	if !ok {
		c.Close()
		return
	}
	select {
	case g.streams <- &replayed{Conn: c, r: bytes.NewReader(append(head, body...))}:
	case <-g.done:
		c.Close()
	}
}

// message reads one sealed message of a stream: type (1) | length (4) | sealed, and checks it.
func (g *guard) message(c io.Reader) ([]byte, bool) {
	head := make([]byte, 5)
	if _, err := io.ReadFull(c, head[:1]); err != nil || head[0] != msgEncrypt {
		g.count.plain.Add(1)
		return nil, false
	}
	if _, err := io.ReadFull(c, head[1:]); err != nil {
		g.count.content.Add(1)
		return nil, false
	}
	n := binary.BigEndian.Uint32(head[1:])
	if n > streamMax {
		g.count.oversized.Add(1)
		return nil, false
	}
	var body bytes.Buffer
	if _, err := io.CopyN(&body, c, int64(n)); err != nil {
		g.count.content.Add(1)
		return nil, false
	}
	plain, ok := g.open(body.Bytes(), append(bytes.Clone(head), g.label...))
	if !ok {
		return nil, false
	}
	if !allowedStream(plain) {
		g.count.content.Add(1)
		return nil, false
	}
	return append(head, body.Bytes()...), true
}

func allowedStream(b []byte) bool {
	if len(b) == 0 {
		return false
	}
	switch b[0] {
	case msgPing, 2, msgErr: // 2: answer to a ping
		return true
	case msgPushPull:
		var h struct {
			Nodes, UserStateLen int
			Join                bool
		}
		err := codec.NewDecoder(bytes.NewReader(b[1:]), &codec.MsgpackHandle{}).Decode(&h)
		return err == nil && h.Nodes >= 0 && h.Nodes <= nodesMax && h.UserStateLen == 0
	}
	return false
}

// replayed is a connection of which the beginning has been read already.
type replayed struct {
	net.Conn
	r *bytes.Reader
}

func (p *replayed) Read(b []byte) (int, error) {
	if p.r.Len() > 0 {
		return p.r.Read(b)
	}
	return p.Conn.Read(b)
}

// checked is a connection we opened: its answer is read and checked whole at the first Read.
type checked struct {
	net.Conn
	g *guard
	r *bytes.Reader
}

func (k *checked) Read(b []byte) (int, error) {
	if k.r == nil {
		body, ok := k.g.message(k.Conn)
		if !ok {
			return 0, edge.E(edge.Denied, "the answer does not come from a node of this site")
		}
		k.r = bytes.NewReader(body)
	}
	return k.r.Read(b)
}

// PacketCh, StreamCh, DialTimeout and Shutdown are memberlist's Transport.
func (g *guard) PacketCh() <-chan *memberlist.Packet { return g.packets }

// StreamCh gives the streams that passed.
func (g *guard) StreamCh() <-chan net.Conn { return g.streams }

// DialTimeout opens a stream whose answer will be checked.
func (g *guard) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	c, err := g.Transport.DialTimeout(addr, timeout)
	if err != nil {
		return nil, err
	}
	return &checked{Conn: c, g: g}, nil
}

// Shutdown stops the guard and the transport beneath, which waits until somebody took what it received.
func (g *guard) Shutdown() error {
	g.once.Do(func() { close(g.done) })
	down := make(chan error, 1)
	go func() { down <- g.Transport.Shutdown() }()
	for {
		select {
		case <-g.Transport.PacketCh():
		case c, ok := <-g.Transport.StreamCh():
			if ok {
				c.Close()
			}
		case err := <-down:
			g.running.Wait()
			return err
		}
	}
}
