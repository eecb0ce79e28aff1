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

// packet puts the fixed header before a body (MQTT 3.1.1 section 2.2).
func packet(kind byte, body []byte) []byte {
	out := []byte{kind}
	for n := len(body); ; {
		d := byte(n % 128)
		if n /= 128; n > 0 {
			out = append(out, d|0x80)
			continue
		}
		return append(append(out, d), body...)
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
// still unacknowledged.
func (c *mqttConn) publish(topic string, seed, window int, end time.Time, most int, acked *atomic.Int64) error {
	slots := make(chan struct{}, window)
	read := make(chan error, 1)
	sent := make(chan int, 1)
	go func() { read <- c.acks(slots, sent, acked) }()
	n := 0
	for ; n < most && (end.IsZero() || time.Now().Before(end)); n++ {
		select {
		case slots <- struct{}{}:
		case err := <-read:
			return err
		}
		body := binary.BigEndian.AppendUint16(mqttString(nil, topic), uint16(n%65535+1))
		if _, err := c.Write(packet(0x32, append(body, c.body(seed, n)...))); err != nil {
			return err
		}
	}
	c.SetReadDeadline(time.Now().Add(30 * time.Second))
	defer c.SetReadDeadline(time.Time{})
	sent <- n
	c.Write(packet(0xc0, nil)) // PINGREQ: its answer wakes the reader should all be acknowledged already
	return <-read
}

// acks counts PUBACKs until as many came as were sent.
func (c *mqttConn) acks(slots chan struct{}, sent chan int, acked *atomic.Int64) error {
	total, n := -1, 0
	for {
		select {
		case total = <-sent:
		default:
		}
		if total == n {
			return nil
		}
		var h [2]byte
		if _, err := io.ReadFull(c.r, h[:]); err != nil {
			return err
		}
		if _, err := c.r.Discard(int(h[1])); err != nil {
			return err
		}
		if h[0] == 0x40 {
			n++
			acked.Add(1)
			<-slots
		}
	}
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
