package site

import (
	"encoding/binary"
	"io"
	"time"

	"github.com/aielon/edge/node/edge"
)

// The ALPN names of this protocol on the cluster's port. In the first version nothing follows what is asked for.
const (
	Proto      = "aielon-site/2"
	protoFirst = "aielon-site/1"
)

// One frame is a length (4 bytes, big endian) and that many bytes: kind, request number (8), fields. What is asked for
// may be followed by the id of the request it is asked for.
const (
	askPropose byte = 1 // milliseconds (uvarint) | command [| request]
	askIndex   byte = 2 // milliseconds (uvarint) [| request]
	askCall    byte = 3 // milliseconds (uvarint) | name | body [| request]

	sayOutcome byte = 16 // index (8) | position (48) | again (1) | answer
	sayIndex   byte = 17 // index (8)
	sayReply   byte = 19 // body
	sayError   byte = 18 // 1 where the request is known not to have run | error
)

// Bounds on frames, checked before anything is allocated.
const (
	maxBody  = 1 << 20          // bytes of a command's body
	maxFrame = maxValue + 1<<12 // bytes of any frame
	maxName  = 512              // bytes of a type, of an actor's id or site
	maxWait  = time.Minute      // longest a request may ask the other side to try
)

// A message is one frame, taken apart.
type message struct {
	kind   byte
	number uint64
	wait   time.Duration
	asker  string // id of the request for which something is asked; empty: none, or one nobody there would understand
	cmd    edge.Command
	out    edge.Outcome
	name   string // of what is called
	body   []byte // of a call or its reply
	index  uint64
	err    *edge.Error
	notRun bool
}

func (m *message) append(dst []byte) []byte {
	at := len(dst)
	dst = append(dst, 0, 0, 0, 0, m.kind)
	dst = binary.BigEndian.AppendUint64(dst, m.number)
	switch m.kind {
	case askPropose:
		dst = appendCommand(binary.AppendUvarint(dst, uint64(m.wait.Milliseconds())), m.cmd)
	case askIndex:
		dst = binary.AppendUvarint(dst, uint64(m.wait.Milliseconds()))
	case askCall:
		dst = appendBytes(binary.AppendUvarint(dst, uint64(m.wait.Milliseconds())), m.name)
		dst = appendBytes(dst, m.body)
	case sayReply:
		dst = appendBytes(dst, m.body)
	case sayOutcome:
		dst = binary.BigEndian.AppendUint64(dst, m.out.Index)
		dst = append(appendPos(dst, m.out.Pos), bit(m.out.Again))
		dst = appendAnswer(dst, m.out.Reply, m.out.Err)
	case sayIndex:
		dst = binary.BigEndian.AppendUint64(dst, m.index)
	case sayError:
		dst = appendError(append(dst, bit(m.notRun)), m.err)
	}
	if m.asker != "" {
		dst = appendBytes(dst, m.asker)
	}
	binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	return dst
}

func bit(b bool) byte {
	if b {
		return 1
	}
	return 0
}

func appendCommand(dst []byte, c edge.Command) []byte {
	dst = append(dst, c.ID[:]...)
	dst = appendBytes(dst, c.Type)
	dst = append(dst, byte(c.Actor.Kind))
	dst = appendBytes(dst, c.Actor.ID)
	dst = appendBytes(dst, c.Actor.Site)
	return appendBytes(dst, c.Body)
}

func (r *reader) command() (c edge.Command) {
	copy(c.ID[:], r.take(len(c.ID)))
	c.Type = string(r.bytes(maxName))
	c.Actor.Kind = edge.ActorKind(r.u8())
	c.Actor.ID = string(r.bytes(maxName))
	c.Actor.Site = string(r.bytes(maxName))
	c.Body = r.bytes(maxBody)
	return c
}

// asker reads the id of a request where one follows.
func (r *reader) asker() string {
	if len(r.b) == 0 || r.bad {
		return ""
	}
	id := string(r.bytes(edge.MaxRequest))
	r.bad = r.bad || !edge.IsRequest(id)
	return id
}

func (r *reader) wait() time.Duration {
	ms := r.uvarint()
	return time.Duration(min(ms, uint64(maxWait.Milliseconds()))) * time.Millisecond
}

func (r *reader) flag() bool {
	b := r.u8()
	r.bad = r.bad || b > 1
	return b == 1
}

// decodeMessage reads a frame without its length. The message aliases b. It fails with Invalid.
func decodeMessage(b []byte) (m message, err error) {
	r := &reader{b: b}
	m.kind, m.number = r.u8(), r.u64()
	switch m.kind {
	case askPropose:
		m.wait, m.cmd, m.asker = r.wait(), r.command(), r.asker()
		m.cmd.Request = m.asker
	case askIndex:
		m.wait, m.asker = r.wait(), r.asker()
	case askCall:
		m.wait, m.name, m.body, m.asker = r.wait(), string(r.bytes(maxName)), r.bytes(maxBody), r.asker()
	case sayReply:
		m.body = r.bytes(maxBody)
	case sayOutcome:
		m.out.Index, m.out.Pos, m.out.Again = r.u64(), r.pos(), r.flag()
		m.out.Reply, m.out.Err = r.answer()
	case sayIndex:
		m.index = r.u64()
	case sayError:
		m.notRun, m.err = r.flag(), r.error()
	default:
		r.bad = true
	}
	if r.bad || len(r.b) > 0 {
		return message{}, edge.E(edge.Invalid, "another node of the site sent something that cannot be read")
	}
	return m, nil
}

// readFrame reads one frame and takes it apart.
func readFrame(r io.Reader) (message, error) {
	var n [4]byte
	if _, err := io.ReadFull(r, n[:]); err != nil {
		return message{}, err
	}
	size := binary.BigEndian.Uint32(n[:])
	if size > maxFrame {
		return message{}, edge.E(edge.Invalid, "another node of the site sent a message of %d bytes; %d are the most", size, maxFrame)
	}
	b := make([]byte, size)
	if _, err := io.ReadFull(r, b); err != nil {
		return message{}, err
	}
	return decodeMessage(b)
}
