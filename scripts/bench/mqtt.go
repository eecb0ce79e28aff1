package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// A mqttLoad is the load every MQTT broker gets: publishers of MQTT 3.1.1 that send QoS 1 and keep at
// most window messages unacknowledged each.
type mqttLoad struct {
	addr               string
	passwords          []string // of the publishers, where the broker wants them
	publishers, window int
	span               time.Duration
	count              int                      // messages of each publisher, for fill
	body               func(seed, n int) []byte // of a message; payload where nil
}

// run returns acknowledged messages a second.
func (l mqttLoad) run() (float64, error) {
	began := time.Now()
	n, err := l.publish(began.Add(l.span), 1<<31)
	return float64(n) / time.Since(began).Seconds(), err
}

// fill publishes count messages from every publisher and waits for the acknowledgements.
func (l mqttLoad) fill() error {
	n, err := l.publish(time.Time{}, l.count)
	if err == nil && n != int64(l.publishers*l.count) {
		err = fmt.Errorf("%d of %d messages were acknowledged", n, l.publishers*l.count)
	}
	return err
}

// publish connects every publisher first.
func (l mqttLoad) publish(end time.Time, most int) (int64, error) {
	conns := make([]*mqttConn, l.publishers)
	for i := range conns {
		user, password := "", ""
		if i < len(l.passwords) {
			user, password = deviceName(i), l.passwords[i]
		}
		c, err := dialMQTT(l.addr, deviceName(i), user, password)
		if err != nil {
			return 0, err
		}
		defer c.Close()
		conns[i] = c
		if l.body != nil {
			c.body = l.body
		}
	}
	var acked atomic.Int64
	errs := make(chan error, l.publishers)
	var wg sync.WaitGroup
	for i, c := range conns {
		wg.Go(func() { errs <- c.publish(deviceName(i)+"/t", i, l.window, end, most, &acked) })
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			return 0, err
		}
	}
	return acked.Load(), nil
}

// A mqttConn is one client.
type mqttConn struct {
	net.Conn
	r    *bufio.Reader
	body func(seed, n int) []byte
}

func mqttString(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}

// packet puts the fixed header before a body.
func packet(kind byte, body []byte) []byte { return append(header(nil, kind, len(body)), body...) }

// header appends a fixed header (MQTT 3.1.1 section 2.2).
func header(out []byte, kind byte, n int) []byte {
	out = append(out, kind)
	for {
		d := byte(n % 128)
		if n /= 128; n == 0 {
			return append(out, d)
		}
		out = append(out, d|0x80)
	}
}

func dialMQTT(addr, id, user, password string) (*mqttConn, error) {
	return connectMQTT(addr, id, user, password, 0x02) // clean session
}

func dialDurable(addr, id string) (*mqttConn, error) { return connectMQTT(addr, id, "", "", 0) }

func connectMQTT(addr, id, user, password string, flags byte) (*mqttConn, error) {
	nc, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		return nil, err
	}
	body := mqttString(nil, "MQTT")
	if user != "" {
		flags |= 0xc0
	}
	body = mqttString(append(body, 4, flags, 0, 60), id)
	if user != "" {
		body = mqttString(mqttString(body, user), password)
	}
	c := &mqttConn{Conn: nc, r: bufio.NewReaderSize(nc, 16<<10), body: payload}
	nc.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := c.Write(packet(0x10, body)); err != nil {
		return nil, err
	}
	var ack [4]byte
	if _, err := io.ReadFull(c.r, ack[:]); err != nil || ack[0] != 0x20 || ack[3] != 0 {
		nc.Close()
		return nil, errors.Join(fmt.Errorf("the broker refused %s: % x", id, ack), err)
	}
	nc.SetDeadline(time.Time{})
	return c, nil
}

// publish sends until end, where there is one, or until it sent most messages, and then waits for what is
// still unacknowledged. What the window lets out goes in one write, as a client that pipelines does it: a write
// for every message would take more of the processors than a broker, and the generator would be measured.
func (c *mqttConn) publish(topic string, seed, window int, end time.Time, most int, acked *atomic.Int64) error {
	var out []byte
	for sent, done := 0, 0; ; {
		out = out[:0]
		for ; sent < most && sent-done < window && (end.IsZero() || time.Now().Before(end)); sent++ {
			out = c.message(out, topic, seed, sent)
		}
		if sent == done {
			return nil
		}
		if _, err := c.Write(out); err != nil {
			return err
		}
		n, err := c.acks()
		if err != nil {
			return err
		}
		done += n
		acked.Add(int64(n))
	}
}

// message appends a PUBLISH of QoS 1 (MQTT 3.1.1 section 3.3).
func (c *mqttConn) message(out []byte, topic string, seed, n int) []byte {
	body := c.body(seed, n)
	out = header(out, 0x32, 2+len(topic)+2+len(body))
	out = binary.BigEndian.AppendUint16(mqttString(out, topic), uint16(n%65535+1))
	return append(out, body...)
}

// acks waits for a PUBACK and counts all that came with it.
func (c *mqttConn) acks() (n int, err error) {
	c.SetReadDeadline(time.Now().Add(30 * time.Second))
	for n == 0 || c.r.Buffered() >= 4 {
		var h [4]byte
		if _, err := io.ReadFull(c.r, h[:]); err != nil {
			return n, err
		}
		if h[0] != 0x40 || h[1] != 2 {
			return n, fmt.Errorf("% x is no PUBACK", h)
		}
		n++
	}
	return n, nil
}

// payload is 256 bytes of SenML (RFC 8428), the same for every peer: two measurements and a remark.
func payload(seed, n int) []byte {
	b := fmt.Appendf(make([]byte, 0, 256), `[{"bn":"urn:dev:fridge-%02d:","bt":%d.%03d,"n":"temperature","u":"Cel","v":%d.%02d},{"n":"battery","u":"V","v":3.%02d},{"n":"note","vs":"`,
		seed%100, 1_790_000_000+n/1000, n%1000, 2+n%7, n%100, n%100)
	for x := uint64(seed)<<32 | uint64(n); len(b) < 253; {
		x = x*6364136223846793005 + 1442695040888963407
		b = append(b, "abcdefghijklmnopqrstuvwxyz012345"[x>>59])
	}
	return append(b, `"}]`...)
}
