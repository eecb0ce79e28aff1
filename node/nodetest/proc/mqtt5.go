package proc

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// A Publisher speaks as much MQTT 5 as it takes to publish with QoS 1 and to be told why not.
type Publisher struct {
	c  net.Conn
	r  *bufio.Reader
	id uint16
}

// Reason codes of a PUBACK (MQTT 5 section 3.4.2.1).
const (
	ReasonSuccess = 0x00
	ReasonQuota   = 0x97
)

// NewPublisher connects a device.
func NewPublisher(addr, id, password string) (*Publisher, error) {
	c, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		return nil, err
	}
	p := &Publisher{c: c, r: bufio.NewReader(c)}
	body := []byte{0, 4, 'M', 'Q', 'T', 'T', 5, 0xc2, 0, 60, 0} // clean start, user and password, no properties
	for _, s := range []string{id + "-5", id, password} {
		body = append(binary.BigEndian.AppendUint16(body, uint16(len(s))), s...)
	}
	head, answer, err := p.exchange(0x10, body)
	if err == nil && (head != 0x20 || len(answer) < 2 || answer[1] != 0) {
		err = fmt.Errorf("the broker does not let %s in: %x %x", id, head, answer)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return p, nil
}

// Publish returns the reason code and the reason of the acknowledgement. An error means that the outcome is unknown.
func (p *Publisher) Publish(topic, payload string) (reason byte, why string, err error) {
	p.id = p.id%65000 + 1
	body := append(binary.BigEndian.AppendUint16(nil, uint16(len(topic))), topic...)
	body = append(binary.BigEndian.AppendUint16(body, p.id), 0)
	head, answer, err := p.exchange(0x32, append(body, payload...))
	switch {
	case err != nil:
		return 0, "", err
	case head == 0xe0 && len(answer) > 0:
		return 0, "", fmt.Errorf("cut off with reason 0x%02x", answer[0])
	case head != 0x40 || len(answer) < 2 || binary.BigEndian.Uint16(answer) != p.id:
		return 0, "", fmt.Errorf("not an answer to message %d: %x %x", p.id, head, answer)
	case len(answer) == 2:
		return ReasonSuccess, "", nil
	}
	return answer[2], reasonString(answer[3:]), nil
}

// reasonString finds property 31 of an acknowledgement.
func reasonString(props []byte) string {
	if len(props) > 4 && props[1] == 31 {
		n := int(binary.BigEndian.Uint16(props[2:]))
		return string(props[4:min(4+n, len(props))])
	}
	return ""
}

// exchange sends a packet and reads one.
func (p *Publisher) exchange(head byte, body []byte) (byte, []byte, error) {
	p.c.SetDeadline(time.Now().Add(15 * time.Second))
	out := binary.AppendUvarint([]byte{head}, uint64(len(body)))
	if _, err := p.c.Write(append(out, body...)); err != nil {
		return 0, nil, err
	}
	got, err := p.r.ReadByte()
	if err != nil {
		return 0, nil, err
	}
	n, err := binary.ReadUvarint(p.r)
	if err != nil || n > 1<<20 {
		return 0, nil, errors.Join(err, fmt.Errorf("a packet of %d bytes", n))
	}
	answer := make([]byte, n)
	_, err = io.ReadFull(p.r, answer)
	return got, answer, err
}

// Close ends the connection.
func (p *Publisher) Close() error { return p.c.Close() }
