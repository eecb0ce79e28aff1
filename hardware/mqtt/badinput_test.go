package mqtt

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestBadConnect sends what no client may send first. Each gets the CONNACK named, or is cut off.
func TestBadConnect(t *testing.T) {
	t.Parallel()
	w := start(t, func(o *Options) { o.Limits.ConnectTime = 300 * time.Millisecond })
	right := connectOpt{v: 5, id: "d1", user: "d1", pass: str("d1-pw"), clean: true}
	with := func(f func(*connectOpt)) []byte { o := right; f(&o); return o.bytes() }
	twice := []byte{0x21, 0, 5, 0x21, 0, 5}
	badUTF := bytes.Replace(right.bytes(), []byte("d1-pw"), []byte("d1-pw"), 1)
	badUTF = bytes.Replace(badUTF, []byte{0, 2, 'd', '1'}, []byte{0, 2, 0xff, 0xfe}, 1)
	nul := bytes.Replace(right.bytes(), []byte{0, 2, 'd', '1'}, []byte{0, 2, 'd', 0}, 1)
	reserved := right.bytes()
	reserved[9] |= 1
	long := strings.Repeat("x", 65535)
	for name, c := range map[string]struct {
		send []byte
		code int // of CONNACK; -1: cut off without
	}{
		"nothing and then silence":         {nil, -1},
		"half a CONNECT":                   {right.bytes()[:10], -1},
		"HTTP":                             {[]byte("GET / HTTP/1.1\r\n\r\n"), -1},
		"TLS on the plain port":            {[]byte{0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3}, -1},
		"PUBLISH first":                    {pub(5, 0, 0, "shared/x", "1"), rcProtocol},
		"CONNACK first":                    {[]byte{0x20, 3, 0, 0, 0}, -2},
		"type 0":                           {[]byte{0, 0}, -1},
		"wrong flags":                      {append([]byte{0x11}, right.bytes()[1:]...), -1},
		"five-byte length":                 {[]byte{0x10, 0x80, 0x80, 0x80, 0x80, 0x01}, -1},
		"endless length":                   {append([]byte{0x10}, bytes.Repeat([]byte{0x80}, 100)...), -1},
		"256 MiB and then silence":         {[]byte{0x10, 0xff, 0xff, 0xff, 0x7f}, -1},
		"length not in its shortest form":  {[]byte{0x10, 0x80, 0x00}, -1},
		"empty CONNECT":                    {[]byte{0x10, 0}, -2},
		"version 3":                        {append([]byte{0x10, 12, 0, 4, 'M', 'Q', 'T', 'T', 3, 2, 0, 0}, 0, 0), -2},
		"version 6":                        {with(func(o *connectOpt) { o.v = 6 }), -2},
		"reserved flag":                    {reserved, rcMalformed},
		"no credentials":                   {with(func(o *connectOpt) { o.user, o.pass = "", nil }), rcCredentials},
		"no password":                      {with(func(o *connectOpt) { o.pass = nil }), rcCredentials},
		"empty password":                   {with(func(o *connectOpt) { o.pass = str("") }), rcCredentials},
		"wrong password":                   {with(func(o *connectOpt) { o.pass = str("x") }), rcCredentials},
		"unknown name":                     {with(func(o *connectOpt) { o.user = "nobody"; o.pass = str("nobody-pw") }), -3},
		"client id of another":             {with(func(o *connectOpt) { o.id = "d2" }), rcClientID},
		"client id that only begins alike": {with(func(o *connectOpt) { o.id = "d12" }), rcClientID},
		"client id of 65,535 bytes":        {with(func(o *connectOpt) { o.id = long }), rcClientID},
		"client id not UTF-8":              {badUTF, rcMalformed},
		"client id with NUL":               {nul, rcMalformed},
		"a property twice":                 {with(func(o *connectOpt) { o.props = twice }), rcProtocol},
		"receive maximum 0":                {with(func(o *connectOpt) { o.props = []byte{0x21, 0, 0} }), rcProtocol},
		"a property of PUBLISH":            {with(func(o *connectOpt) { o.props = []byte{0x23, 0, 1} }), rcProtocol},
		"extended authentication":          {with(func(o *connectOpt) { o.props = []byte{0x15, 0, 1, 'x'} }), rcAuthMethod},
		"will to a forbidden topic":        {with(func(o *connectOpt) { o.will = &will{topic: "devices/d2/x", payload: []byte("x")} }), rcNotAuthorised},
		"will to $SYS":                     {with(func(o *connectOpt) { o.will = &will{topic: "$SYS/x", payload: []byte("x")} }), rcNotAuthorised},
		"will with a wildcard":             {with(func(o *connectOpt) { o.will = &will{topic: "shared/#", payload: []byte("x")} }), rcTopicName},
		"will of quality 3":                {with(func(o *connectOpt) { o.will = &will{topic: "shared/x", qos: 3} }), rcMalformed},
		"3.1.1, kept, no client id":        {with(func(o *connectOpt) { o.v = 4; o.id = ""; o.clean = false }), -2},
		"3.1.1, will forbidden":            {with(func(o *connectOpt) { o.v = 4; o.will = &will{topic: "devices/d2/x", payload: []byte("x")} }), -2},
		"something after the end":          {appendFrame(nil, 0x10, append(right.bytes()[2:], 'x')), rcMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			w.b.guard.mu.Lock()
			clear(w.b.guard.tries)
			w.b.guard.mu.Unlock()
			r := w.dial(t).send(c.send)
			f := r.read()
			switch {
			case c.code == -1 && f != nil:
				t.Fatalf("got % x, the end was expected", *f)
			case c.code >= -2 && c.code != -1 && c.code < 0 && (f == nil || f.kind() != tConnack || f.body[1] == 0):
				t.Fatalf("got %v, a refusal was expected", f)
			case c.code > 0 && (f == nil || f.kind() != tConnack):
				t.Fatalf("got %v, CONNACK was expected", f)
			case c.code > 0 && len(f.body) == 3 && int(f.body[1]) != c.code:
				t.Fatalf("CONNACK says 0x%02x, 0x%02x was expected", f.body[1], c.code)
			}
			if f != nil {
				r.gone(0)
			}
		})
	}
	if n := w.b.Stats().Clients; n != 0 {
		t.Errorf("%d clients got in", n)
	}
}

// TestBadPackets sends what no client may send after CONNECT.
func TestBadPackets(t *testing.T) {
	w := start(t)
	pubProps := func(topic string, props ...byte) []byte {
		b := append(appendString(nil, topic), byte(len(props)))
		return appendFrame(nil, 0x30, append(append(b, props...), 'x'))
	}
	withTail := func(b []byte, tail ...byte) []byte { return append(b, tail...) }
	for name, c := range map[string]struct {
		send []byte
		code byte // of DISCONNECT, 0: none is sent or any will do
	}{
		"second CONNECT":             {connectOpt{id: "d1", user: "d1", pass: str("d1-pw")}.bytes(), rcProtocol},
		"CONNACK":                    {[]byte{0x20, 3, 0, 0, 0}, rcProtocol},
		"SUBACK":                     {[]byte{0x90, 4, 0, 1, 0, 0}, rcProtocol},
		"UNSUBACK":                   {[]byte{0xb0, 4, 0, 1, 0, 0}, rcProtocol},
		"PINGRESP":                   {[]byte{0xd0, 0}, rcProtocol},
		"AUTH":                       {[]byte{0xf0, 0}, rcProtocol},
		"PINGREQ with a body":        {[]byte{0xc0, 1, 0}, rcMalformed},
		"quality 3":                  {[]byte{0x36, 3, 0, 1, 'x'}, rcMalformed},
		"DUP with quality 0":         {[]byte{0x38, 4, 0, 1, 'x', 0}, rcMalformed},
		"identifier 0":               {pub(5, 1, 0, "shared/x", "1"), rcMalformed},
		"topic of length 0":          {pub(5, 0, 0, "", "1"), rcProtocol},
		"topic with #":               {pub(5, 0, 0, "shared/#", "1"), rcTopicName},
		"topic with +":               {pub(5, 1, 1, "shared/+/x", "1"), rcTopicName},
		"topic with NUL":             {pub(5, 0, 0, "shared/\x00", "1"), rcMalformed},
		"topic not UTF-8":            {pub(5, 0, 0, "shared/\xff", "1"), rcMalformed},
		"topic too long":             {pub(5, 0, 0, "shared/"+strings.Repeat("x", 513), "1"), rcTopicName},
		"topic too deep":             {pub(5, 0, 0, "shared"+strings.Repeat("/", 16), "1"), rcTopicName},
		"alias 0":                    {pubProps("shared/x", 0x23, 0, 0), rcAlias},
		"alias too large":            {pubProps("shared/x", 0x23, 0, 33), rcAlias},
		"alias unknown":              {pubProps("", 0x23, 0, 5), rcProtocol},
		"alias twice":                {pubProps("shared/x", 0x23, 0, 1, 0x23, 0, 1), rcProtocol},
		"subscription id in PUBLISH": {pubProps("shared/x", 0x0b, 1), rcProtocol},
		"properties too long":        {pubProps("shared/x", 0x23)[:14], 0},
		"property length 5 bytes":    {appendFrame(nil, 0x30, append(appendString(nil, "shared/x"), 0x80, 0x80, 0x80, 0x80, 1)), rcMalformed},
		"too large":                  {[]byte{0x30, 0xff, 0xff, 0x7f}, rcTooLarge},
		"PUBACK of length 1":         {[]byte{0x40, 1, 0}, rcMalformed},
		"PUBREL with wrong flags":    {[]byte{0x60, 2, 0, 1}, rcMalformed},
		"SUBSCRIBE without filter":   {[]byte{0x82, 3, 0, 1, 0}, rcProtocol},
		"SUBSCRIBE without options":  {appendFrame(nil, 0x82, append([]byte{0, 1, 0}, appendString(nil, "shared/x")...)), rcMalformed},
		"SUBSCRIBE identifier 0":     {sub(5, 0, 0, "shared/x"), rcMalformed},
		"SUBSCRIBE quality 3":        {sub(5, 1, 3, "shared/x"), rcMalformed},
		"SUBSCRIBE reserved options": {sub(5, 1, 0xc0, "shared/x"), rcMalformed},
		"shared and no local":        {sub(5, 1, 4, "$share/g/shared/x"), rcProtocol},
		"SUBSCRIBE id 0 property":    {appendFrame(nil, 0x82, withTail(appendString([]byte{0, 1, 2, 0x0b, 0}, "shared/x"), 0)), rcProtocol},
		"UNSUBSCRIBE without filter": {[]byte{0xa2, 3, 0, 1, 0}, rcProtocol},
		"DISCONNECT keeps a session": {[]byte{0xe0, 7, 0, 5, 0x11, 0, 0, 0, 9}, rcProtocol},
		"25 user properties":         {pubProps("shared/x", bytes.Repeat([]byte{0x26, 0, 0, 0, 0}, 25)...), 1},
	} {
		t.Run(name, func(t *testing.T) {
			r := w.enter(t, "d1")
			r.send(c.send)
			if c.code == 1 { // this one is still good
				r.send([]byte{0xc0, 0})
				r.want(tPingresp)
				return
			}
			if name == "properties too long" {
				r.nc.Close()
				return
			}
			r.gone(c.code)
		})
	}
	if w.b.Stats().Panics != 0 {
		t.Error("the engine failed")
	}
}

// TestForbidden walks every way to a topic that is not the device's.
func TestForbidden(t *testing.T) {
	w := start(t)
	r := w.enter(t, "d1")
	for i, topic := range []string{"devices/d2/x", "$SYS/x", "$share/g/x", "other", "devices", "$sys/x"} {
		for qos := byte(1); qos <= 2; qos++ {
			r.send(pub(5, qos, uint16(i+1), topic, "x", 1))
			if b := r.want(tPuback + qos - 1); len(b) != 3 || b[2] != rcNotAuthorised {
				t.Errorf("%s at quality %d: % x", topic, qos, b)
			}
		}
		r.send(pub(5, 0, 0, topic, "x", 1))
	}
	alias := append(appendString(nil, "devices/d2/x"), 0, 1, 3, 0x23, 0, 1)
	r.send(appendFrame(nil, 0x32, append(alias, 'x')))
	r.want(tPuback)
	r.send(appendFrame(nil, 0x32, append(appendString(nil, ""), 0, 2, 3, 0x23, 0, 1, 'x')))
	if b := r.want(tPuback); len(b) != 3 || b[2] != rcNotAuthorised {
		t.Errorf("by alias: % x", b)
	}
	filters := []string{"#", "devices/#", "devices/+/x", "devices/d2/x", "$SYS/#", "$share/g/#", "$share/g/devices/d2/#", "$share/g/$SYS/#", "+/d1/x", "+"}
	r.send(sub(5, 9, 1, filters...))
	for i, code := range r.want(tSuback)[3:] {
		if code != rcNotAuthorised {
			t.Errorf("%s: 0x%02x", filters[i], code)
		}
	}
	wrong := []string{"", "a#", "#/a", "a/b+", "$SHARE/g/shared/x", "$share/g", "$share/+/shared", "$share//shared", strings.Repeat("a/", 40), strings.Repeat("a", 600)}
	r.send(sub(5, 10, 1, wrong...))
	for i, code := range r.want(tSuback)[3:] {
		if code != rcFilter {
			t.Errorf("%q: 0x%02x", wrong[i], code)
		}
	}
	r.send(sub(5, 11, 1, "devices/d1/#", "$share/g/shared/#", "devices/d1/+/x"))
	for i, code := range r.want(tSuback)[3:] {
		if code != 1 {
			t.Errorf("good filter %d: 0x%02x", i, code)
		}
	}
	old := w.enter(t, "d2", func(o *connectOpt) { o.v = 4 })
	old.send(sub(4, 1, 1, "devices/d1/x"))
	if b := old.want(tSuback); b[2] != 0x80 {
		t.Errorf("SUBACK % x", b)
	}
	old.send(pub(4, 1, 1, "devices/d1/x", "x"))
	old.gone(0)
	if got := w.disk.stored(); len(got) != 0 {
		t.Errorf("stored: %+v", got)
	}
	if n, _ := w.b.keep.size(); n != 0 {
		t.Errorf("%d are retained", n)
	}
}

func TestManySubscriptions(t *testing.T) {
	w := start(t)
	r := w.enter(t, "d1")
	var all []string
	for i := range 10_000 {
		all = append(all, fmt.Sprint("shared/", i))
	}
	r.send(sub(5, 1, 0, all...))
	codes := r.want(tSuback)[3:]
	good := 0
	for i, c := range codes {
		if c == 0 {
			good++
		} else if c != rcQuota {
			t.Fatalf("%d: 0x%02x", i, c)
		}
	}
	if good != 256 || len(codes) != 10_000 {
		t.Errorf("%d of %d were granted", good, len(codes))
	}
	r.send(sub(5, 2, 0, "shared/5", "shared/new"))
	if b := r.want(tSuback); b[3] != 0 || b[4] != rcQuota {
		t.Errorf("% x", b)
	}
}

// TestPacketIDsOfBothDirections: a client may use an identifier the broker uses towards it.
func TestPacketIDsOfBothDirections(t *testing.T) {
	w := start(t)
	r := w.enter(t, "d1")
	r.send(sub(5, 1, 1, "shared/#"))
	r.want(tSuback)
	p := w.enter(t, "d2")
	p.send(pub(5, 1, 1, "shared/a", "1"))
	p.want(tPuback)
	_, _, id, _ := r.message() // in flight from now on
	r.send(sub(5, id, 0, "devices/d1/x"))
	if b := r.want(tSuback); b[3] != 0 || binary.BigEndian.Uint16(b) != id {
		t.Errorf("SUBACK % x", b)
	}
	r.send(pub(5, 1, id, "devices/d1/y", "1"))
	r.want(tPuback)
	cl, _ := w.b.engine.Clients.Get("d1/d1")
	if _, ok := cl.State.Inflight.Get(id); !ok {
		t.Error("publishing settled a message the other way")
	}
	r.send(appendFrame(nil, 0xa2, append([]byte{0, byte(id), 0}, appendString(nil, "devices/d1/x")...)))
	if b := r.want(tUnsuback); b[3] != 0 {
		t.Errorf("UNSUBACK % x", b)
	}
}

// TestSlowSender: half packets at a byte now and then are cut off, and cost nobody else anything.
func TestSlowSender(t *testing.T) {
	t.Parallel()
	w := start(t, func(o *Options) { o.Limits.PacketTime = 200 * time.Millisecond })
	r := w.enter(t, "d1")
	r.send([]byte{0x30, 0xff, 0x03, 0, 5}) // 511 bytes: at this pace half a minute
	for end := time.Now().Add(15 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if _, err := r.nc.Write([]byte{'x'}); err != nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal("a slow sender was kept")
		}
	}
}

// TestLengthCostsNothing: a large length alone reserves no memory.
func TestLengthCostsNothing(t *testing.T) {
	w := start(t)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var rs []*raw
	for i := range 100 {
		r := w.enter(t, "op", func(o *connectOpt) { o.id = fmt.Sprint(i); o.user, o.pass = "op", str("op-pw") })
		r.send([]byte{0x30, 0xf0, 0xff, 0x0f}) // 256 KiB less a little
		rs = append(rs, r)
		if i == 7 {
			break
		}
	}
	time.Sleep(50 * time.Millisecond)
	runtime.ReadMemStats(&after)
	if grew := int64(after.HeapAlloc) - int64(before.HeapAlloc); grew > 2<<20 {
		t.Errorf("%d bytes for %d lengths", grew, len(rs))
	}
}

func TestUnproven(t *testing.T) {
	w := start(t, func(o *Options) { o.Limits.UnprovenPerIP = 4 })
	for range 4 {
		w.dial(t)
	}
	time.Sleep(50 * time.Millisecond)
	w.dial(t).gone(0)
	if w.b.Stats().Turned == 0 {
		t.Error("not counted")
	}
}

func TestGuessing(t *testing.T) {
	w := start(t)
	bad := connectOpt{v: 5, id: "d1", user: "d1", pass: str("x"), clean: true}
	codes := map[byte]int{}
	for range 6 {
		b := w.dial(t).send(bad.bytes()).want(tConnack)
		codes[b[1]]++
	}
	if codes[rcCredentials] == 0 || codes[rcConnectionRate] == 0 {
		t.Errorf("answers %v", codes)
	}
	w.enter(t, "d2") // another name from the same address still gets in
}

func FuzzFront(f *testing.F) {
	f.Add(byte(5), pub(5, 1, 1, "shared/x", "1"))
	f.Add(byte(4), sub(4, 1, 1, "shared/x"))
	f.Add(byte(5), connectOpt{v: 5, id: "d1", user: "d1", pass: str("d1-pw"), will: &will{topic: "a", payload: []byte("b")}}.bytes())
	w := start(f)
	f.Fuzz(func(t *testing.T, v byte, b []byte) {
		r := w.enter(t, "op", func(o *connectOpt) { o.v = 4 + v%2; o.id = "fuzz" })
		r.send(b, []byte{0xc0, 0})
		r.readWithin(20 * time.Millisecond)
		r.nc.Close()
		if n := w.b.Stats().Panics; n != 0 {
			t.Fatalf("the engine failed %d times", n)
		}
	})
}

func FuzzConnect(f *testing.F) {
	f.Add(connectOpt{v: 5, id: "d1", user: "d1", pass: str("d1-pw"), will: &will{topic: "a", payload: []byte("b")}}.bytes()[2:])
	f.Add(connectOpt{v: 4, id: "d1", user: "d1", pass: str("d1-pw")}.bytes()[2:])
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := readConnect(frame{0x10, b})
		if err != nil {
			return
		}
		out := p.forEngine("k/"+p.clientID, 5)
		if q, err := readConnect(frame{0x10, out[2:]}); len(out) < 0x7f && (err != nil || q.version != p.version) {
			t.Fatalf("%v: % x", err, out)
		}
	})
}
