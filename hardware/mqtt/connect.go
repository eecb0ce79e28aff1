package mqtt

import (
	"encoding/binary"
	"strings"
	"time"

	"github.com/aielon/edge/node/edge"
)

// A connect is a CONNECT packet, read.
type connect struct {
	edge.Redacted

	version   byte
	clean     bool
	keepalive uint16 // seconds
	clientID  string
	username  string
	password  []byte
	hasPass   bool
	will      *will
	props     props
}

// A will is what the broker publishes when a client is lost.
type will struct {
	topic   string
	payload []byte
	qos     byte
	retain  bool
	delay   time.Duration
	props   props
}

// readConnect reads CONNECT strictly (MQTT 5 section 3.1, MQTT 3.1.1 section 3.1). The version is set
// as soon as it is known, so that a refusal can be said in the client's own tongue.
func readConnect(f frame) (p connect, err error) {
	p.version = 4
	if f.kind() != tConnect {
		return p, protocol("the first packet is not CONNECT")
	}
	c := &cursor{b: f.body}
	name, version := string(c.text()), c.u8()
	if c.err == nil && (name != "MQTT" || version != 4 && version != 5) {
		if version == 5 {
			p.version = 5
		}
		return p, &wireError{rcVersion, "the client speaks neither MQTT 3.1.1 nor MQTT 5"}
	}
	p.version = max(4, version)
	flags := c.u8()
	p.clean = flags&2 != 0
	p.keepalive = c.u16()
	if flags&1 != 0 {
		return p, malformed("the reserved flag of CONNECT is set")
	}
	if p.version == 5 {
		p.props = c.props(inConnect)
	}
	p.clientID = string(c.text())
	if flags&4 != 0 {
		p.will = c.will(flags, p.version)
	} else if flags&0x38 != 0 {
		return p, malformed("CONNECT has flags of a will and no will")
	}
	if flags&0x80 != 0 {
		p.username = string(c.text())
	} else if flags&0x40 != 0 && p.version < 5 {
		return p, malformed("CONNECT has a password and no user name")
	}
	if flags&0x40 != 0 {
		p.password, p.hasPass = c.binary(), true
	}
	if err := c.end(); err != nil {
		return p, err
	}
	return p, p.check()
}

func (c *cursor) will(flags, version byte) *will {
	w := &will{qos: flags >> 3 & 3, retain: flags&0x20 != 0}
	if w.qos == 3 && c.err == nil {
		c.err = malformed("the will has quality of service 3")
	}
	if version == 5 {
		w.props = c.props(inWill)
		w.delay = time.Duration(w.props.willDelay) * time.Second
	}
	w.topic = string(c.text())
	w.payload = c.binary()
	return w
}

func (p *connect) check() error {
	switch {
	case p.props.authMethod != "":
		return &wireError{rcAuthMethod, "no extended authentication is offered"}
	case p.version < 5 && p.clientID == "" && !p.clean:
		return &wireError{rcClientID, "a session that is to be kept needs a client identifier"}
	case len(p.clientID) > 256 || strings.ContainsFunc(p.clientID, func(r rune) bool { return r < 0x20 || r == 0x7f }):
		return &wireError{rcClientID, "the client identifier is too long or has control characters"}
	}
	return nil
}

// forEngine writes the CONNECT the engine gets: a session's key in place of the client identifier, no
// credentials, no will, no receive maximum and no aliases, which are all dealt with in front of it.
func (p *connect) forEngine(key string, expiry uint32) []byte {
	b := appendString(nil, "MQTT")
	flags := byte(0)
	if p.clean {
		flags = 2
	}
	b = append(b, p.version, flags)
	b = binary.BigEndian.AppendUint16(b, 60)
	if p.version == 5 {
		var in []byte
		if expiry > 0 {
			in = binary.BigEndian.AppendUint32(append(in, 0x11), expiry)
		}
		if p.props.has(0x17) {
			in = append(in, 0x17, p.props.problemInfo)
		}
		if p.props.maxPacket > 0 {
			in = binary.BigEndian.AppendUint32(append(in, 0x27), p.props.maxPacket)
		}
		b = append(append(b, byte(len(in))), in...)
	}
	return appendFrame(nil, tConnect<<4, appendString(b, key))
}
