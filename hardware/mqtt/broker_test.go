package mqtt

import (
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
)

func TestPublishAndAcknowledge(t *testing.T) {
	for _, v := range []byte{4, 5} {
		w := start(t)
		r := w.enter(t, "d1", func(o *connectOpt) { o.v = v })
		w.disk.set(func(d *disk) { d.hold = true })
		r.send(pub(v, 1, 7, "devices/d1/t", "21"), pub(v, 1, 8, "devices/d1/t", "22"), pub(v, 2, 9, "devices/d1/t", "23"), pub(v, 0, 0, "devices/d1/t", "24"))
		r.silent() // nothing is stored, so nothing is acknowledged
		w.disk.set(func(d *disk) { d.hold = false })
		for i, kind := range []byte{tPuback, tPuback, tPubrec} {
			if b := r.want(kind); b[1] != byte(7+i) || len(b) != 2 {
				t.Fatalf("acknowledgement % x", b)
			}
		}
		r.send(pub(v, 2, 9, "devices/d1/t", "23", 8)) // again, the handshake is open
		r.want(tPubrec)
		r.send(appendAck(nil, tPubrel<<4|2, 9, 0, v))
		if b := r.want(tPubcomp); len(b) != 2 {
			t.Fatalf("PUBCOMP % x", b)
		}
		got := w.disk.waitFor(t, 4)
		if len(got) != 4 || string(got[3].Payload) != "24" || got[0].Device != "d1" || got[0].Topic != "devices/d1/t" {
			t.Fatalf("stored: %+v", got)
		}
		w.stop()
	}
}

func TestRefusedByTheStore(t *testing.T) {
	w := start(t)
	w.disk.set(func(d *disk) { d.fail = edge.E(edge.Exhausted, "the disk is full") })
	r := w.enter(t, "d1")
	r.send(pub(5, 1, 1, "devices/d1/t", "1"))
	if b := r.want(tPuback); len(b) != 3 || b[2] != rcQuota {
		t.Fatalf("PUBACK % x", b)
	}
	r.send(pub(5, 2, 2, "devices/d1/t", "1"))
	if b := r.want(tPubrec); len(b) != 3 || b[2] != rcQuota {
		t.Fatalf("PUBREC % x", b)
	}
	old := w.enter(t, "d2", func(o *connectOpt) { o.v = 4 })
	old.send(pub(4, 1, 1, "devices/d2/t", "1"))
	old.gone(0)
	if h := w.b.Report(t.Context()); h.Level != edge.Degraded {
		t.Errorf("report %+v", h)
	}
	w.disk.set(func(d *disk) { d.fail = nil })
	r.send(pub(5, 1, 1, "devices/d1/t", "1"))
	if b := r.want(tPuback); len(b) != 2 {
		t.Fatalf("PUBACK % x", b)
	}
}

func TestSubscribersAndRetained(t *testing.T) {
	w := start(t)
	r := w.enter(t, "d2", func(o *connectOpt) { o.v = 4 })
	r.send(sub(4, 1, 1, "shared/#"))
	if b := r.want(tSuback); b[2] != 1 {
		t.Fatalf("SUBACK % x", b)
	}
	p := w.enter(t, "d1")
	p.send(pub(5, 1, 1, "shared/a", "hello", 1))
	p.want(tPuback)
	if topic, body, id, head := r.message(); topic != "shared/a" || body != "hello" || id == 0 || head&1 != 0 {
		t.Fatal(topic, body, id, head)
	}
	late := w.enter(t, "op", func(o *connectOpt) { o.id = "anything" })
	late.send(sub(5, 1, 0, "shared/+"))
	late.want(tSuback)
	if _, body, _, head := late.message(); body != "hello" || head&1 != 1 {
		t.Fatalf("retained: %q %x", body, head)
	}
	p.send(pub(5, 1, 2, "shared/a", "", 1))
	p.want(tPuback)
	late.message()
	if n, size := w.b.keep.size(); n != 0 || size != 0 {
		t.Errorf("%d retained, %d bytes", n, size)
	}
}

func TestTakeover(t *testing.T) {
	w := start(t)
	stay := func(o *connectOpt) { o.clean, o.expiry = false, 60 }
	a := w.enter(t, "d1", stay)
	a.send(sub(5, 1, 1, "shared/#"))
	a.want(tSuback)
	b := w.enter(t, "d1", stay)
	a.gone(rcTakenOver)
	p := w.enter(t, "d2")
	p.send(pub(5, 1, 1, "shared/x", "1"))
	p.want(tPuback)
	_, _, id, _ := b.message()
	b.nc.Close() // without an acknowledgement: it is in flight
	time.Sleep(50 * time.Millisecond)
	p.send(pub(5, 1, 2, "shared/y", "2"))
	p.want(tPuback)
	time.Sleep(50 * time.Millisecond)
	c := w.enter(t, "d1", stay)
	if _, body, again, head := c.message(); body != "1" || again != id || head&8 == 0 {
		t.Fatalf("resent: %q %d %x", body, again, head)
	}
	if _, body, _, _ := c.message(); body != "2" {
		t.Fatal(body)
	}
}
