package mqtt

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"unicode/utf8"
)

// Packet types (MQTT 5 section 2.1.2).
const (
	tConnect = iota + 1
	tConnack
	tPublish
	tPuback
	tPubrec
	tPubrel
	tPubcomp
	tSubscribe
	tSuback
	tUnsubscribe
	tUnsuback
	tPingreq
	tPingresp
	tDisconnect
	tAuth
)

// Reason codes (MQTT 5 section 2.4).
const (
	rcSuccess        = 0x00
	rcWillDisconnect = 0x04
	rcUnspecified    = 0x80
	rcMalformed      = 0x81
	rcProtocol       = 0x82
	rcImplementation = 0x83
	rcVersion        = 0x84
	rcClientID       = 0x85
	rcCredentials    = 0x86
	rcNotAuthorised  = 0x87
	rcUnavailable    = 0x88
	rcBusy           = 0x89
	rcShutdown       = 0x8B
	rcAuthMethod     = 0x8C
	rcTakenOver      = 0x8E
	rcFilter         = 0x8F
	rcTopicName      = 0x90
	rcIDNotFound     = 0x92
	rcReceiveMax     = 0x93
	rcAlias          = 0x94
	rcTooLarge       = 0x95
	rcQuota          = 0x97
	rcAdmin          = 0x98
	rcConnectionRate = 0x9F
)

// A wireError is a breach of the protocol: the client is told the code, if it speaks MQTT 5, and cut off.
type wireError struct {
	code byte
	msg  string
}

func (e *wireError) Error() string { return fmt.Sprintf("%s (reason code 0x%02x)", e.msg, e.code) }

func malformed(format string, args ...any) error {
	return &wireError{rcMalformed, fmt.Sprintf(format, args...)}
}

func protocol(format string, args ...any) error {
	return &wireError{rcProtocol, fmt.Sprintf(format, args...)}
}

// A frame is one packet as it came: first byte, and what the remaining length counts.
type frame struct {
	head byte
	body []byte
}

func (f frame) kind() byte { return f.head >> 4 }

// checkHead refuses flags a client may not set (MQTT 5 section 2.1.3), before anything more is read.
func checkHead(head byte) error {
	flags := head & 0x0f
	switch head >> 4 {
	case tPublish:
		qos := flags >> 1 & 3
		if qos == 3 || qos == 0 && flags&8 != 0 {
			return malformed("a PUBLISH has the flags %04b", flags)
		}
	case tPubrel, tSubscribe, tUnsubscribe:
		if flags != 2 {
			return malformed("a packet has the flags %04b", flags)
		}
	case 0:
		return malformed("there is no packet of type 0")
	default:
		if flags != 0 {
			return malformed("a packet has the flags %04b", flags)
		}
	}
	return nil
}

// readLength reads a remaining length of one to four bytes in its shortest form (MQTT 5 section 1.5.5).
func readLength(br *bufio.Reader) (int, error) {
	n := 0
	for i := range 4 {
		c, err := br.ReadByte()
		if err != nil {
			return 0, err
		}
		n |= int(c&0x7f) << (7 * i)
		if c < 0x80 {
			if c == 0 && i > 0 {
				return 0, malformed("a length is not in its shortest form")
			}
			return n, nil
		}
	}
	return 0, malformed("a length has more than four bytes")
}

// readBody reads n bytes without reserving them before they come, so that a length alone costs nothing.
func readBody(br *bufio.Reader, n int) ([]byte, error) {
	if n <= 8<<10 {
		b := make([]byte, n)
		_, err := io.ReadFull(br, b)
		return b, err
	}
	var buf bytes.Buffer
	got, err := io.CopyN(&buf, br, int64(n))
	if err == io.EOF && got < int64(n) {
		err = io.ErrUnexpectedEOF
	}
	return buf.Bytes(), err
}

// A cursor takes fields off a packet; the first mistake sticks.
type cursor struct {
	b   []byte
	err error
}

func (c *cursor) take(n int) []byte {
	if c.err == nil && len(c.b) < n {
		c.err = malformed("a packet ends too early")
	}
	if c.err != nil {
		return nil
	}
	v := c.b[:n:n]
	c.b = c.b[n:]
	return v
}

func (c *cursor) u8() byte {
	if v := c.take(1); v != nil {
		return v[0]
	}
	return 0
}

func (c *cursor) u16() uint16 {
	if v := c.take(2); v != nil {
		return binary.BigEndian.Uint16(v)
	}
	return 0
}

func (c *cursor) u32() uint32 {
	if v := c.take(4); v != nil {
		return binary.BigEndian.Uint32(v)
	}
	return 0
}

func (c *cursor) binary() []byte { return c.take(int(c.u16())) }

// text takes a UTF-8 string (MQTT 5 section 1.5.4). It aliases the packet.
func (c *cursor) text() []byte {
	v := c.binary()
	if c.err == nil && (!utf8.Valid(v) || bytes.IndexByte(v, 0) >= 0) {
		c.err = malformed("a string is not UTF-8 or holds a zero")
	}
	return v
}

func (c *cursor) varint() int {
	n := 0
	for i := range 4 {
		v := c.u8()
		n |= int(v&0x7f) << (7 * i)
		if v < 0x80 {
			return n
		}
	}
	if c.err == nil {
		c.err = malformed("a length has more than four bytes")
	}
	return 0
}

// props are the properties a client may send (MQTT 5 section 2.2.2), as far as we use them.
type props struct {
	seen          uint64 // bit per identifier
	messageExpiry uint32
	contentType   string
	responseTopic string
	correlation   []byte
	sessionExpiry uint32
	authMethod    string
	willDelay     uint32
	receiveMax    uint16
	alias         uint16
	maxPacket     uint32
	problemInfo   byte
	payloadFormat byte
	user          [][2]string
}

func (p *props) has(id byte) bool { return p.seen>>id&1 != 0 }

// Which properties stand where.
const (
	inConnect = 1 << iota
	inWill
	inPublish
	inAck
	inSubscribe
	inUnsubscribe
	inDisconnect
)

const maxUserProps = 32

// allowed gives the places of a property; zero: a client never sends it.
func allowed(id byte) int {
	switch id {
	case 0x01, 0x02, 0x03, 0x08, 0x09:
		return inPublish | inWill
	case 0x0b:
		return inSubscribe
	case 0x11:
		return inConnect | inDisconnect
	case 0x15, 0x16, 0x17, 0x19, 0x21, 0x22, 0x27:
		return inConnect
	case 0x18:
		return inWill
	case 0x1f:
		return inAck | inDisconnect
	case 0x23:
		return inPublish
	case 0x26:
		return inConnect | inWill | inPublish | inAck | inSubscribe | inUnsubscribe | inDisconnect
	}
	return 0
}

// props takes the properties of one packet. One that stands twice is an error, save the user's own.
func (c *cursor) props(place int) (p props) {
	b := c.take(c.varint())
	in := cursor{b: b, err: c.err}
	for in.err == nil && len(in.b) > 0 {
		id := in.u8()
		if allowed(id)&place == 0 {
			in.err = protocol("the property 0x%02x does not belong here", id)
			break
		}
		if id != 0x26 && p.has(id) {
			in.err = protocol("the property 0x%02x stands twice", id)
			break
		}
		p.seen |= 1 << id
		in.prop(id, &p)
	}
	c.err = in.err
	return p
}

func (c *cursor) prop(id byte, p *props) {
	switch id {
	case 0x01:
		p.payloadFormat = c.flag()
	case 0x02:
		p.messageExpiry = c.u32()
	case 0x03:
		p.contentType = string(c.text())
	case 0x08:
		p.responseTopic = string(c.text())
	case 0x09:
		p.correlation = c.binary()
	case 0x0b:
		c.nonZero(uint32(c.varint()), id)
	case 0x11:
		p.sessionExpiry = c.u32()
	case 0x15:
		p.authMethod = string(c.text())
	case 0x16:
		c.binary()
	case 0x17:
		p.problemInfo = c.flag()
	case 0x18:
		p.willDelay = c.u32()
	case 0x19:
		c.flag()
	case 0x1f:
		c.text()
	case 0x21:
		p.receiveMax = c.u16()
		c.nonZero(uint32(p.receiveMax), id)
	case 0x22:
		c.u16()
	case 0x23:
		if p.alias = c.u16(); p.alias == 0 && c.err == nil {
			c.err = &wireError{rcAlias, "a topic alias is 0"}
		}
	case 0x26:
		k, v := c.text(), c.text()
		if len(p.user) >= maxUserProps && c.err == nil {
			c.err = &wireError{rcQuota, fmt.Sprintf("a packet has more than %d user properties", maxUserProps)}
		}
		p.user = append(p.user, [2]string{string(k), string(v)})
	case 0x27:
		p.maxPacket = c.u32()
		c.nonZero(p.maxPacket, id)
	}
}

func (c *cursor) flag() byte {
	v := c.u8()
	if v > 1 && c.err == nil {
		c.err = protocol("a property that is yes or no is %d", v)
	}
	return v
}

func (c *cursor) nonZero(v uint32, id byte) {
	if v == 0 && c.err == nil {
		c.err = protocol("the property 0x%02x is 0", id)
	}
}

func (c *cursor) end() error {
	if c.err == nil && len(c.b) > 0 {
		c.err = malformed("something follows the end of a packet")
	}
	return c.err
}

// appendFrame writes a packet of up to 2 MiB.
func appendFrame(dst []byte, head byte, body []byte) []byte {
	dst = append(dst, head)
	n := len(body)
	for n >= 0x80 {
		dst = append(dst, byte(n)|0x80)
		n >>= 7
	}
	return append(append(dst, byte(n)), body...)
}

func appendString(dst []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(dst, uint16(len(s))), s...)
}

// appendAck writes PUBACK, PUBREC, PUBREL or PUBCOMP. Only MQTT 5 has room for a reason.
func appendAck(dst []byte, head byte, id uint16, code, version byte) []byte {
	if code == rcSuccess || version < 5 {
		return append(dst, head, 2, byte(id>>8), byte(id))
	}
	return append(dst, head, 3, byte(id>>8), byte(id), code)
}

func appendDisconnect(dst []byte, code byte) []byte { return append(dst, tDisconnect<<4, 1, code) }

// appendConnack writes a refusal. MQTT 3.1.1 knows five of them (section 3.2.2.3).
func appendConnack(dst []byte, code, version byte) []byte {
	if version >= 5 {
		return append(dst, tConnack<<4, 3, 0, code, 0)
	}
	old := byte(5)
	switch code {
	case rcVersion:
		old = 1
	case rcClientID:
		old = 2
	case rcUnavailable, rcBusy, rcConnectionRate, rcShutdown, rcQuota:
		old = 3
	case rcCredentials:
		old = 4
	}
	return append(dst, tConnack<<4, 2, 0, old)
}
