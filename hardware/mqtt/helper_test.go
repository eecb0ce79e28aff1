package mqtt

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
)

// people is an authenticator over a table: the password is the name and "-pw".
type people struct {
	mu   sync.Mutex
	devs map[string]Device
}

func (p *people) Authenticate(_ context.Context, c Credentials) (Device, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	d, ok := p.devs[c.Username]
	a, b := sha256.Sum256(c.Password), sha256.Sum256([]byte(c.Username+"-pw"))
	if subtle.ConstantTimeCompare(a[:], b[:]) != 1 || !ok {
		return Device{}, edge.E(edge.Denied, "the name or the password is wrong")
	}
	return d, nil
}

func (p *people) set(d Device) {
	p.mu.Lock()
	p.devs[d.ID] = d
	p.mu.Unlock()
}

func (p *people) remove(id string) {
	p.mu.Lock()
	delete(p.devs, id)
	p.mu.Unlock()
}

// disk is an intake that settles what it was given in groups, as a group commit does.
type disk struct {
	every time.Duration
	mu    sync.Mutex
	wait  []waiting
	got   []Publish
	keep  bool
	fail  error // of the next messages
	hold  bool  // settle nothing
	n     int
	wake  chan struct{}
}

type waiting struct {
	m    Publish
	done func(error)
}

func newDisk(every time.Duration) *disk {
	return &disk{every: every, keep: true, wake: make(chan struct{}, 1)}
}

func (d *disk) Submit(m Publish, done func(error)) error {
	d.mu.Lock()
	d.wait = append(d.wait, waiting{m, done})
	d.mu.Unlock()
	select {
	case d.wake <- struct{}{}:
	default:
	}
	return nil
}

func (d *disk) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.wake:
		}
		d.mu.Lock()
		if d.hold {
			d.mu.Unlock()
			continue
		}
		batch, fail := d.wait, d.fail
		d.wait = nil
		if d.keep && fail == nil {
			for _, w := range batch {
				d.got = append(d.got, w.m)
			}
		}
		d.n += len(batch)
		d.mu.Unlock()
		if d.every > 0 && len(batch) > 0 {
			time.Sleep(d.every) // the group's fsync
		}
		for _, w := range batch {
			w.done(fail)
		}
	}
}

func (d *disk) set(f func(*disk)) {
	d.mu.Lock()
	f(d)
	d.mu.Unlock()
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

func (d *disk) stored() []Publish {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]Publish(nil), d.got...)
}

func (d *disk) waitFor(t testing.TB, n int) []Publish {
	t.Helper()
	for range 500 {
		if got := d.stored(); len(got) >= n {
			return got
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%d messages were stored, %d were expected", len(d.stored()), n)
	return nil
}

type world struct {
	b    *Broker
	disk *disk
	who  *people
	stop func()
}

// start runs a broker with two devices: d1 and d2 own devices/<id>/#, d1 also reads shared/#.
func start(t testing.TB, change ...func(*Options)) *world {
	t.Helper()
	w := &world{disk: newDisk(0), who: &people{devs: map[string]Device{}}}
	for _, id := range []string{"d1", "d2"} {
		w.who.set(Device{ID: id, Publish: []string{"devices/%d/#", "shared/#"}, Subscribe: []string{"devices/%d/#", "shared/#"}})
	}
	w.who.set(Device{ID: "op", Publish: []string{"#"}, Subscribe: []string{"#", "$SYS/#"}, Operator: true, AnyClientID: true})
	o := Options{Addr: "127.0.0.1:0", Auth: w.who, Intake: w.disk, Limits: Limits{FailureTime: time.Millisecond, SaveEvery: 50 * time.Millisecond}}
	for _, f := range change {
		f(&o)
	}
	b, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	w.b = b
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan error, 1)
	go w.disk.run(ctx)
	go func() { over <- b.Run(ctx) }()
	var once sync.Once
	w.stop = func() {
		once.Do(func() {
			b.Close()
			cancel()
			if err := <-over; err != nil {
				t.Errorf("Run: %v", err)
			}
		})
	}
	t.Cleanup(w.stop)
	return w
}

// A raw is a client that sends bytes.
type raw struct {
	t  testing.TB
	nc net.Conn
	br *bufio.Reader
	v  byte
}

func (w *world) dial(t testing.TB) *raw {
	t.Helper()
	nc, err := net.Dial("tcp", w.b.Addrs()[0].String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	return &raw{t: t, nc: nc, br: bufio.NewReader(nc), v: 5}
}

func (r *raw) send(b ...[]byte) *raw {
	r.nc.Write(bytes.Join(b, nil))
	return r
}

// read returns the next packet, or nil when the connection was closed.
func (r *raw) read() *frame { return r.readWithin(3 * time.Second) }

func (r *raw) readWithin(d time.Duration) *frame {
	r.t.Helper()
	r.nc.SetReadDeadline(time.Now().Add(d))
	head, err := r.br.ReadByte()
	if err != nil {
		if ne, ok := err.(net.Error); ok && ne.Timeout() {
			return &frame{head: 0}
		}
		return nil
	}
	n, err := readLength(r.br)
	if err != nil {
		return nil
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(r.br, body); err != nil {
		return nil
	}
	return &frame{head, body}
}

// want reads a packet of a type and returns its body.
func (r *raw) want(kind byte) []byte {
	r.t.Helper()
	f := r.read()
	if f == nil {
		r.t.Fatalf("the connection was closed, a packet of type %d was expected", kind)
	}
	if f.kind() != kind {
		r.t.Fatalf("a packet of type %d came (% x), %d was expected", f.kind(), f.body, kind)
	}
	return f.body
}

// gone expects the end of the connection, after a DISCONNECT with the code where one is sent.
func (r *raw) gone(code byte) {
	r.t.Helper()
	f := r.read()
	if f != nil && f.kind() == tDisconnect {
		if code != 0 && f.body[0] != code {
			r.t.Fatalf("DISCONNECT with 0x%02x, 0x%02x was expected", f.body[0], code)
		}
		f = r.read()
	}
	if f != nil {
		r.t.Fatalf("the connection is open: % x % x", f.head, f.body)
	}
}

type connectOpt struct {
	v         byte
	id, user  string
	pass      *string
	clean     bool
	expiry    uint32
	recvMax   uint16
	will      *will
	keepalive uint16
	props     []byte
}

func str(s string) *string { return &s }

func (o connectOpt) bytes() []byte {
	if o.v == 0 {
		o.v = 5
	}
	b := appendString(nil, "MQTT")
	flags := byte(0)
	if o.clean {
		flags |= 2
	}
	if o.will != nil {
		flags |= 4 | o.will.qos<<3
		if o.will.retain {
			flags |= 0x20
		}
	}
	if o.user != "" {
		flags |= 0x80
	}
	if o.pass != nil {
		flags |= 0x40
	}
	b = append(b, o.v, flags)
	b = binary.BigEndian.AppendUint16(b, o.keepalive)
	if o.v == 5 {
		p := o.props
		if o.expiry > 0 {
			p = binary.BigEndian.AppendUint32(append(p, 0x11), o.expiry)
		}
		if o.recvMax > 0 {
			p = binary.BigEndian.AppendUint16(append(p, 0x21), o.recvMax)
		}
		b = append(append(b, byte(len(p))), p...)
	}
	b = appendString(b, o.id)
	if o.will != nil {
		if o.v == 5 {
			var p []byte
			if o.will.delay > 0 {
				p = binary.BigEndian.AppendUint32(append(p, 0x18), uint32(o.will.delay/time.Second))
			}
			b = append(append(b, byte(len(p))), p...)
		}
		b = appendString(b, o.will.topic)
		b = appendString(b, string(o.will.payload))
	}
	if o.user != "" {
		b = appendString(b, o.user)
	}
	if o.pass != nil {
		b = appendString(b, *o.pass)
	}
	return appendFrame(nil, 0x10, b)
}

// enter connects as a device with its right password.
func (w *world) enter(t testing.TB, dev string, change ...func(*connectOpt)) *raw {
	t.Helper()
	o := connectOpt{v: 5, id: dev, user: dev, pass: str(dev + "-pw"), clean: true}
	for _, f := range change {
		f(&o)
	}
	r := w.dial(t)
	r.v = o.v
	r.send(o.bytes())
	if b := r.want(tConnack); b[1] != 0 {
		t.Fatalf("CONNACK says 0x%02x", b[1])
	}
	return r
}

func pub(v, qos byte, id uint16, topic, payload string, flags ...byte) []byte {
	head := byte(0x30) | qos<<1
	for _, f := range flags {
		head |= f
	}
	b := appendString(nil, topic)
	if qos > 0 {
		b = binary.BigEndian.AppendUint16(b, id)
	}
	if v == 5 {
		b = append(b, 0)
	}
	return appendFrame(nil, head, append(b, payload...))
}

func sub(v byte, id uint16, qos byte, filters ...string) []byte {
	b := binary.BigEndian.AppendUint16(nil, id)
	if v == 5 {
		b = append(b, 0)
	}
	for _, f := range filters {
		b = append(appendString(b, f), qos)
	}
	return appendFrame(nil, 0x82, b)
}

// message reads what a PUBLISH carries.
func (r *raw) message() (topic, payload string, id uint16, head byte) {
	r.t.Helper()
	f := r.read()
	if f == nil || f.kind() != tPublish {
		r.t.Fatalf("a message was expected, %+v came", f)
	}
	c := &cursor{b: f.body}
	topic = string(c.text())
	if f.head&6 != 0 {
		id = c.u16()
	}
	if r.v == 5 {
		c.take(c.varint())
	}
	return topic, string(c.b), id, f.head
}

// silent expects nothing for a moment.
func (r *raw) silent() {
	r.t.Helper()
	if f := r.readWithin(150 * time.Millisecond); f == nil || f.head != 0 {
		r.t.Fatalf("silence was expected, %+v came", f)
	}
}
