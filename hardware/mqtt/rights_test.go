package mqtt

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/aielon/edge/node/edge"
)

// TestWill: a will passes the intake and the rights of the moment it is published.
func TestWill(t *testing.T) {
	w := start(t)
	r := w.enter(t, "op")
	r.send(sub(5, 1, 0, "devices/#"))
	r.want(tSuback)
	say := func(o *connectOpt) {
		o.will = &will{topic: "devices/d1/lwt", payload: []byte("gone"), qos: 1, retain: true}
	}
	a := w.enter(t, "d1", say)
	a.nc.Close()
	if _, body, _, _ := r.message(); body != "gone" {
		t.Fatal(body)
	}
	if got := w.disk.waitFor(t, 1); !got[0].Will || got[0].Device != "d1" {
		t.Errorf("stored %+v", got)
	}
	a = w.enter(t, "d1", say)
	a.send([]byte{0xe0, 0}) // a farewell: no will
	a.gone(0)
	r.silent()
	a = w.enter(t, "d1", say)
	a.send([]byte{0xe0, 1, rcWillDisconnect})
	if _, body, _, _ := r.message(); body != "gone" {
		t.Fatal(body)
	}
	// the right is taken away between CONNECT and the loss
	a = w.enter(t, "d1", say)
	if err := w.b.Update(Device{ID: "d1", Publish: []string{"devices/d1/else"}}); err != nil {
		t.Fatal(err)
	}
	a.nc.Close()
	r.silent()
	if n := len(w.disk.stored()); n != 2 {
		t.Errorf("%d wills were stored", n)
	}
}

func TestWillDelay(t *testing.T) {
	t.Parallel()
	w := start(t)
	r := w.enter(t, "op")
	r.send(sub(5, 1, 0, "devices/#"))
	r.want(tSuback)
	say := func(o *connectOpt) {
		o.clean, o.expiry = false, 60
		o.will = &will{topic: "devices/d1/lwt", payload: []byte("gone"), delay: time.Second}
	}
	w.enter(t, "d1", say).nc.Close()
	r.silent()
	a := w.enter(t, "d1", say) // back in time
	time.Sleep(1500 * time.Millisecond)
	r.silent()
	a.nc.Close()
	if _, body, _, _ := r.message(); body != "gone" {
		t.Fatal(body)
	}
}

// TestTakeoverWithoutTheRight: what waits in a session is not sent once its device may not read it.
func TestTakeoverWithoutTheRight(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"before it is back", "while it is away, told to the broker"} {
		w := start(t)
		stay := func(o *connectOpt) { o.clean, o.expiry = false, 60 }
		a := w.enter(t, "d1", stay)
		a.send(sub(5, 1, 1, "shared/#", "devices/d1/#"))
		a.want(tSuback)
		p := w.enter(t, "d2")
		p.send(pub(5, 1, 1, "shared/x", "secret"))
		p.want(tPuback)
		a.message() // not acknowledged
		a.nc.Close()
		less := Device{ID: "d1", Publish: []string{"devices/%d/#"}, Subscribe: []string{"devices/%d/#"}}
		w.who.set(less)
		if how != "before it is back" {
			w.b.Update(less)
			p.send(pub(5, 1, 2, "shared/y", "secret too"))
			p.want(tPuback)
		}
		b := w.enter(t, "d1", stay)
		b.silent()
		p.send(pub(5, 1, 3, "shared/z", "secret still"))
		p.want(tPuback)
		b.silent()
		w.stop()
	}
}

// TestDeliveryIsCheckedAgain: a right that is taken away ends delivery at once, without reconnecting.
func TestDeliveryIsCheckedAgain(t *testing.T) {
	w := start(t)
	r := w.enter(t, "d1")
	r.send(sub(5, 1, 1, "$share/g/shared/#", "shared/#"))
	r.want(tSuback)
	w.b.Update(Device{ID: "d1", Subscribe: []string{"devices/d1/#"}})
	p := w.enter(t, "d2")
	p.send(pub(5, 1, 1, "shared/x", "secret"))
	p.want(tPuback)
	r.silent()
	r.send(pub(5, 1, 2, "devices/d1/x", "1"))
	if b := r.want(tPuback); len(b) != 3 || b[2] != rcNotAuthorised {
		t.Errorf("PUBACK % x", b)
	}
}

func TestRevoke(t *testing.T) {
	w := start(t)
	op := w.enter(t, "op")
	op.send(sub(5, 1, 0, "devices/#"))
	op.want(tSuback)
	a := w.enter(t, "d1", func(o *connectOpt) {
		o.clean, o.expiry = false, 60
		o.will = &will{topic: "devices/d1/lwt", payload: []byte("gone")}
	})
	a.send(sub(5, 1, 1, "shared/#"), pub(5, 1, 2, "devices/d1/state", "last", 1))
	a.want(tSuback)
	a.want(tPuback)
	op.message()
	w.disk.set(func(d *disk) { d.hold = true })
	a.send(pub(5, 1, 3, "devices/d1/state", "in hand"))
	time.Sleep(50 * time.Millisecond)
	w.who.remove("d1")
	begun := time.Now()
	w.b.Revoke("d1")
	a.gone(rcAdmin)
	if d := time.Since(begun); d > 5*time.Second {
		t.Errorf("it took %v", d)
	}
	w.disk.set(func(d *disk) { d.hold = false })
	w.disk.waitFor(t, 2) // what was in hand is stored, and goes to nobody
	op.silent()
	late := w.enter(t, "op", func(o *connectOpt) { o.id = "late" })
	late.send(sub(5, 1, 0, "devices/#"))
	late.want(tSuback)
	late.silent() // nothing retained
	if _, ok := w.b.engine.Clients.Get("d1/d1"); ok {
		t.Error("the session is still there")
	}
	b := w.dial(t).send(connectOpt{v: 5, id: "d1", user: "d1", pass: str("d1-pw")}.bytes())
	if c := b.want(tConnack); c[1] != rcCredentials {
		t.Errorf("CONNACK % x", c)
	}
	if st := w.b.Stats(); st.Retained != 0 || st.RetainedBytes != 0 {
		t.Errorf("%+v", st)
	}
}

// TestReceiveMaximum: a client is sent no more than it said it takes.
func TestReceiveMaximum(t *testing.T) {
	w := start(t)
	r := w.enter(t, "d1", func(o *connectOpt) { o.recvMax = 2 })
	r.send(sub(5, 1, 1, "shared/#"))
	r.want(tSuback)
	p := w.enter(t, "d2")
	for i := range 5 {
		p.send(pub(5, 1, uint16(i+1), "shared/x", fmt.Sprint(i)))
		p.want(tPuback)
	}
	next := uint16(0)
	for i := range 5 {
		_, body, id, _ := r.message()
		if body != fmt.Sprint(i) {
			t.Fatalf("message %d is %s", i, body)
		}
		if i == 1 {
			r.silent()
		}
		if i >= 1 {
			r.send(appendAck(nil, tPuback<<4, id-1, 0, 5))
		}
		next = id
	}
	r.send(appendAck(nil, tPuback<<4, next, 0, 5))
}

// TestInFlightBound: a client of MQTT 5 that breaks the announced bound is told, one of 3.1.1 waits.
func TestInFlightBound(t *testing.T) {
	w := start(t, func(o *Options) { o.Limits.InFlight = 4 })
	w.disk.set(func(d *disk) { d.hold = true })
	r := w.enter(t, "d1")
	old := w.enter(t, "d2", func(o *connectOpt) { o.v = 4 })
	for i := range 6 {
		r.send(pub(5, 1, uint16(i+1), "devices/d1/x", "1"))
		old.send(pub(4, 1, uint16(i+1), "devices/d2/x", "1"))
	}
	r.gone(rcReceiveMax)
	old.silent()
	w.disk.set(func(d *disk) { d.hold = false })
	for range 6 {
		old.want(tPuback)
	}
}

// TestStalledSubscriber: one that reads nothing is let go, and holds up neither the publisher nor the
// others.
func TestStalledSubscriber(t *testing.T) {
	t.Parallel()
	for qos := range byte(2) {
		w := start(t, func(o *Options) {
			o.Limits.StallTime, o.Limits.OutgoingBytes, o.Limits.WriteTime = 200*time.Millisecond, 64<<10, time.Second
		})
		stuck := w.enter(t, "d1")
		stuck.send(sub(5, 1, qos, "shared/#"))
		stuck.want(tSuback)
		good := w.enter(t, "op")
		good.send(sub(5, 1, 0, "shared/#"))
		good.want(tSuback)
		got := make(chan int)
		go func() {
			n := 0
			for f := good.read(); f != nil && f.head != 0 && f.body[len(f.body)-1] != '.'; f = good.read() {
				n++
			}
			got <- n
		}()
		p := w.enter(t, "d2")
		body := strings.Repeat("x", 60_000)
		begun := time.Now()
		for i := range 200 {
			p.send(pub(5, 1, uint16(i+1), "shared/x", body))
			p.want(tPuback)
		}
		if d := time.Since(begun); d > 5*time.Second {
			t.Errorf("the publisher took %v", d)
		}
		for range 200 {
			if w.b.Stats().Clients == 2 {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		if n := w.b.Stats().Clients; n != 2 {
			t.Errorf("%d clients are there", n)
		}
		for i := range 20 { // the good one may have lost some, and is there for the end
			p.send(pub(5, 1, uint16(1000+i), "shared/x", "."))
			p.want(tPuback)
		}
		if n := <-got; n == 0 { // of QoS 0, with room for one message: how many depends on the machine
			t.Errorf("the good subscriber got none of 200")
		}
		w.stop()
	}
}

// memory is a session store.
type memory struct {
	mu sync.Mutex
	m  map[string][]byte
}

func (m *memory) Load(context.Context) (out []Entry, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for k, v := range m.m {
		out = append(out, Entry{k, v})
	}
	return out, nil
}

func (m *memory) Save(_ context.Context, changes []Entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range changes {
		if c.Value == nil {
			delete(m.m, c.Key)
		} else {
			m.m[c.Key] = json.RawMessage(c.Value)
		}
	}
	return nil
}

func TestRestart(t *testing.T) {
	m := &memory{m: map[string][]byte{"s/d9/rubbish": []byte("{"), "r/bad": []byte("{}")}}
	keep := func(o *Options) { o.Sessions = m }
	w := start(t, keep)
	for i, v := range []byte{4, 5} {
		a := w.enter(t, []string{"d1", "d2"}[i], func(o *connectOpt) { o.v, o.clean, o.expiry = v, false, 60 })
		a.send(sub(v, 1, 1, "shared/#"))
		a.want(tSuback)
		a.send(pub(v, 1, 1, "devices/"+[]string{"d1", "d2"}[i]+"/state", "kept", 1))
		a.want(tPuback)
	}
	gone := w.enter(t, "op")
	gone.send(sub(5, 1, 1, "devices/#"))
	gone.want(tSuback)
	w.stop()
	w = start(t, keep)
	op := w.enter(t, "op")
	op.send(pub(5, 1, 1, "shared/x", "while away"))
	op.want(tPuback)
	op.send(sub(5, 2, 0, "devices/+/state"))
	for range 3 {
		if f := op.read(); f == nil || f.kind() != tSuback && f.kind() != tPublish {
			t.Fatalf("%+v", f)
		}
	}
	for i, v := range []byte{4, 5} {
		r := w.dial(t)
		id := []string{"d1", "d2"}[i]
		r.v = v
		r.send(connectOpt{v: v, id: id, user: id, pass: str(id + "-pw"), expiry: 60}.bytes())
		if b := r.want(tConnack); b[0] != 1 {
			t.Fatalf("the session of %s is not there: % x", id, b)
		}
		if _, body, _, _ := r.message(); body != "while away" {
			t.Fatal(body)
		}
	}
}

func TestRetainedIsBounded(t *testing.T) {
	w := start(t, func(o *Options) { o.Limits.Retained, o.Limits.RetainedBytes = 3, 4000 })
	r := w.enter(t, "d1")
	for i := range 5 {
		r.send(pub(5, 1, uint16(i+1), fmt.Sprint("devices/d1/", i), "x", 1))
		r.want(tPuback)
	}
	time.Sleep(50 * time.Millisecond)
	if st := w.b.Stats(); st.Retained != 3 || st.RetainRefused != 2 {
		t.Errorf("%+v", st)
	}
	if n := len(w.disk.stored()); n != 5 {
		t.Errorf("%d readings were stored", n)
	}
}

func TestSessionsAreBounded(t *testing.T) {
	w := start(t, func(o *Options) { o.Limits.SessionsPer = 3 })
	for i := range 10 {
		r := w.enter(t, "d1", func(o *connectOpt) { o.id, o.clean, o.expiry = fmt.Sprint("d1-", i), false, 600 })
		r.nc.Close()
		time.Sleep(20 * time.Millisecond)
	}
	if st := w.b.Stats(); st.Sessions != 3 || w.b.engine.Clients.Len() > 4 {
		t.Errorf("%+v, %d in the engine", st, w.b.engine.Clients.Len())
	}
}

// TestCovers checks the decision against its meaning: a pattern covers a filter when it matches every
// topic the filter matches.
func TestCovers(t *testing.T) {
	for _, c := range []struct {
		p, f string
		want bool
	}{
		{"a/#", "a", true}, {"a/#", "a/b/c", true}, {"a/#", "a/#", true}, {"a/#", "a/+/b", true}, {"a/#", "#", false}, {"a/#", "+/b", false}, {"#", "$SYS/x", false},
		{"+/x", "$SYS/x", false}, {"$SYS/#", "$SYS/a", true}, {"a/+", "a/#", false}, {"a/+", "a/+", true}, {"a/+", "a/b", true}, {"a/+", "a", false}, {"a/+", "a/b/c", false},
		{"+", "a", true}, {"+", "/a", false}, {"+/+", "/a", true}, {"", "a", false}, {"a", "a/", false},
	} {
		if covers(c.p, c.f) != c.want {
			t.Errorf("covers(%q, %q) = %v", c.p, c.f, !c.want)
		}
	}
	level := rapid.SampledFrom([]string{"a", "b", "+", ""})
	path := rapid.Custom(func(t *rapid.T) string {
		s := strings.Join(rapid.SliceOfN(level, 1, 4).Draw(t, "levels"), "/")
		if rapid.Bool().Draw(t, "all") {
			s += "/#"
		}
		return s
	})
	rapid.Check(t, func(t *rapid.T) {
		p, f := path.Draw(t, "pattern"), path.Draw(t, "filter")
		if !covers(p, f) {
			return
		}
		topic := strings.ReplaceAll(strings.TrimSuffix(f, "/#"), "+", "z")
		if strings.HasSuffix(f, "#") && rapid.Bool().Draw(t, "deeper") {
			topic += "/y/y"
		}
		if !covers(p, topic) {
			t.Fatalf("%q covers %q and not %q", p, f, topic)
		}
	})
}

// TestRenew: connections stay or end by what proved them; who stays has the new rights at once.
func TestRenew(t *testing.T) {
	t.Parallel()
	w := start(t)
	as := func(proof string) Device {
		return Device{ID: "d1", Publish: []string{"devices/%d/#"}, Subscribe: []string{"shared/#"}, Proof: proof}
	}
	w.who.set(as("old"))
	a := w.enter(t, "d1", func(o *connectOpt) { o.id = "d1-a" })
	w.who.set(as("new"))
	b := w.enter(t, "d1", func(o *connectOpt) { o.id = "d1-b" })
	b.send(sub(5, 1, 1, "shared/#"))
	b.want(tSuback)
	away := w.enter(t, "d1", func(o *connectOpt) { o.id, o.clean, o.expiry = "d1-c", false, 60 })
	away.send([]byte{0xe0, 0})
	away.gone(0)
	asked := map[string]int{}
	err := w.b.Renew("d1", func(proof string) (Device, error) {
		asked[proof]++
		if proof == "old" {
			return Device{}, edge.E(edge.Denied, "its secret was replaced")
		}
		return Device{ID: "d1", Publish: []string{"else/#"}, Proof: proof}, nil
	})
	if err != nil || asked["old"] != 1 || asked["new"] != 1 {
		t.Fatalf("%v, asked %v", err, asked)
	}
	a.gone(rcAdmin)
	b.send(pub(5, 1, 2, "devices/d1/x", "1"))
	if p := b.want(tPuback); len(p) != 3 || p[2] != rcNotAuthorised {
		t.Errorf("PUBACK % x", p)
	}
	p := w.enter(t, "d2")
	p.send(pub(5, 1, 1, "shared/x", "secret"))
	p.want(tPuback)
	b.silent()
	if devs := w.b.Devices(); !slices.Contains(devs, "d1") || !slices.Contains(devs, "d2") {
		t.Errorf("devices %v", devs)
	}
	if err := w.b.Renew("d1", func(string) (Device, error) { return Device{}, edge.E(edge.Corrupt, "the disk") }); !edge.IsKind(err, edge.Corrupt) {
		t.Errorf("%v", err)
	}
	b.send(pub(5, 1, 3, "else/x", "1"))
	if p := b.want(tPuback); len(p) > 2 && p[2] >= 0x80 {
		t.Errorf("trouble took rights away: % x", p)
	}
	if err := w.b.Renew("d1", func(string) (Device, error) { return Device{ID: "d1", Left: 50 * time.Millisecond}, nil }); err != nil {
		t.Fatal(err)
	}
	b.gone(rcNotAuthorised)
}

// TestShutOutWhilePublishing: what was already on the wire when a device is shut out is refused, and harms
// nobody else.
func TestShutOutWhilePublishing(t *testing.T) {
	t.Parallel()
	w := start(t)
	for range 20 {
		a := w.enter(t, "d1")
		stop := make(chan struct{})
		go func() {
			defer close(stop)
			for range 2000 {
				if _, err := a.nc.Write(pub(5, 0, 0, "devices/d1/x", "1")); err != nil {
					return
				}
			}
		}()
		time.Sleep(time.Millisecond)
		w.b.Revoke("d1")
		a.nc.Close()
		<-stop
	}
	w.enter(t, "d2")
	if n := w.b.Stats().Panics; n > 0 {
		t.Errorf("%d panics", n)
	}
}
