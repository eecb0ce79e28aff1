package gossip

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-msgpack/v2/codec"
	"github.com/hashicorp/memberlist"

	"github.com/aielon/edge/node/edge"
)

var secret = []byte("a secret of the site, 32 bytes..")

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func open(t testing.TB, tr memberlist.Transport, change func(*Options)) *Gossip {
	t.Helper()
	o := Options{Site: "noor", Secret: secret, Key: newKey(t), Role: "node", Version: "1.0", Addrs: map[string]string{"raft": "10.0.0.1:7000"},
		Verify: func(Meta) error { return nil }, Transport: tr, Bind: "127.0.0.1:0"}
	if change != nil {
		change(&o)
	}
	g, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func await(t testing.TB, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !f(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("no %s", what)
		}
	}
}

func TestNodesFindEachOtherAndNoticeWhoGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer time.Sleep(time.Minute) // memberlist's probes end by themselves
		n := &memnet{}
		a, b, c := open(t, n.transport(), nil), open(t, n.transport(), nil), open(t, n.transport(), nil)
		defer a.Close()
		defer b.Close()
		for _, g := range []*Gossip{b, c} {
			if _, err := g.Join([]string{a.Addr()}); err != nil {
				t.Fatal(err)
			}
		}
		await(t, "meeting", func() bool { return len(a.Peers()) == 2 && len(b.Peers()) == 2 && len(c.Peers()) == 2 })
		if err := b.Update(func(m *Meta) { m.Role = "hub" }); err != nil {
			t.Fatal(err)
		}
		await(t, "news of b", func() bool {
			for _, p := range c.Peers() {
				if p.ID == b.ID() {
					return p.Role == "hub" && p.Addrs["raft"] == "10.0.0.1:7000"
				}
			}
			return false
		})
		c.Close()
		await(t, "good-bye of c", func() bool { return len(a.Peers()) == 1 && len(b.Peers()) == 1 })
		kinds := map[Kind]int{}
		for len(a.Events()) > 0 {
			kinds[(<-a.Events()).Kind]++
		}
		if kinds[Joined] != 2 || kinds[Updated] != 1 || kinds[Left] != 1 {
			t.Fatalf("events were %v", kinds)
		}
		got := a.Counts()
		got.Replay = 0 // old words may still be on their way after an update
		if got != (Counts{}) {
			t.Fatalf("something honest was dropped: %+v", got)
		}
	})
}

func TestADeadNodeIsNoticedAndComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer time.Sleep(time.Minute) // memberlist's probes end by themselves
		n := &memnet{}
		ta, tb := n.transport(), n.transport()
		key := newKey(t)
		a, b := open(t, ta, nil), open(t, tb, func(o *Options) { o.Key = key })
		defer a.Close()
		if _, err := b.Join([]string{a.Addr()}); err != nil {
			t.Fatal(err)
		}
		await(t, "b", func() bool { return len(a.Peers()) == 1 })
		b.list.Shutdown() // without a word
		time.Sleep(time.Minute)
		if len(a.Peers()) != 0 {
			t.Fatal("a dead node is still listed after a minute")
		}
		tb = &memTransport{n: n, ip: tb.ip, port: tb.port, packets: make(chan *memberlist.Packet, 256), streams: make(chan net.Conn), closed: make(chan struct{})}
		n.mu.Lock()
		n.m[tb.addr()] = tb
		n.mu.Unlock()
		b = open(t, tb, func(o *Options) { o.Key = key; o.Seeds = func() []string { return []string{a.Addr()} } })
		ctx, cancel := context.WithCancel(context.Background())
		defer b.Close()
		defer cancel()
		go b.Run(ctx)
		await(t, "b again", func() bool { return len(a.Peers()) == 1 })
	})
}

func TestOverRealSockets(t *testing.T) {
	a, b := open(t, nil, nil), open(t, nil, nil)
	defer a.Close()
	defer b.Close()
	if _, err := b.Join([]string{a.Addr()}); err != nil {
		t.Fatal(err)
	}
	await(t, "meeting", func() bool { return len(a.Peers()) == 1 && len(b.Peers()) == 1 })
}

// sealWith does what memberlist does to a packet.
func sealWith(t testing.TB, aead cipher.AEAD, plain, data []byte) []byte {
	t.Helper()
	b := make([]byte, 13, 13+len(plain)+16)
	b[0] = 1
	rand.Read(b[1:13])
	return aead.Seal(b, b[1:13], plain, data)
}

func labelled(label string, b []byte) []byte {
	return append(append([]byte{msgLabel, byte(len(label))}, label...), b...)
}

type aliveMsg struct {
	Incarnation uint32
	Node        string
	Addr        []byte
	Port        uint16
	Meta        []byte
	Vsn         []uint8
}

func encodeAlive(t testing.TB, m aliveMsg) []byte {
	t.Helper()
	if m.Vsn == nil {
		m.Vsn = []uint8{1, 5, 5, 0, 0, 0}
	}
	return encodeMsg(t, 4, m)
}

func encodeMsg(t testing.TB, kind byte, m any) []byte {
	t.Helper()
	var b bytes.Buffer
	b.WriteByte(kind)
	if err := codec.NewEncoder(&b, &codec.MsgpackHandle{}).Encode(m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The memberlist row of the security model: each input is dropped and counted where it should be, the
// members stay as they are.
func TestBadInputIsDroppedAndCounted(t *testing.T) {
	n := &memnet{}
	stranger := newKey(t)
	strangerMeta, err := Meta{Seq: 9, Addrs: map[string]string{Self: "10.0.0.9:7946"}}.Encode(stranger)
	if err != nil {
		t.Fatal(err)
	}
	sm, _ := DecodeMeta(strangerMeta)
	verify := func(m Meta) error {
		if m.ID == sm.ID {
			return errors.New("not a member")
		}
		return nil
	}
	tr := n.transport()
	a := open(t, tr, func(o *Options) { o.Verify = verify })
	b := open(t, n.transport(), func(o *Options) { o.Verify = verify })
	evil := n.transport()
	defer a.Close()
	defer b.Close()
	if _, err := b.Join([]string{a.Addr()}); err != nil {
		t.Fatal(err)
	}
	await(t, "meeting", func() bool { return len(a.Peers()) == 1 && len(b.Peers()) == 1 })
	good := a.guard.aead
	block, _ := aes.NewCipher(make([]byte, 32))
	wrong, _ := cipher.NewGCM(block)
	label := a.label()
	seal := func(plain []byte) []byte { return labelled(label, sealWith(t, good, plain, []byte(label))) }
	b.mu.Lock()
	bMeta := b.meta
	b.mu.Unlock()
	if err := b.Update(func(m *Meta) { m.Version = "1.1" }); err != nil {
		t.Fatal(err)
	}
	await(t, "update", func() bool { return len(a.Peers()) == 1 && a.Peers()[0].Version == "1.1" })
	bad := bytes.Clone(bMeta)
	bad[len(bad)-1] ^= 1
	bIP := b.guard.Transport.(*memTransport).ip
	forB := func(inc uint32, meta []byte, ip net.IP) []byte {
		return encodeAlive(t, aliveMsg{Incarnation: inc, Node: b.ID().String(), Addr: ip, Port: 7946, Meta: meta})
	}
	ping := encodeMsg(t, msgPing, struct{ SeqNo uint32 }{1})
	cases := []struct {
		name   string
		packet []byte
		count  func(Counts) uint64
	}{
		{"empty", []byte{}, func(c Counts) uint64 { return c.Label }},
		{"no label, plain", ping, func(c Counts) uint64 { return c.Label }},
		{"plain under our label", labelled(label, ping), func(c Counts) uint64 { return c.Plain }},
		{"another site's label", labelled("aielon/other", sealWith(t, good, ping, []byte("aielon/other"))), func(c Counts) uint64 { return c.Label }},
		{"label not what was sealed", labelled(label, sealWith(t, good, ping, []byte("aielon/other"))), func(c Counts) uint64 { return c.Key }},
		{"wrong key", labelled(label, sealWith(t, wrong, ping, []byte(label))), func(c Counts) uint64 { return c.Key }},
		{"oversized", make([]byte, packetMax+1), func(c Counts) uint64 { return c.Oversized }},
		{"compressed", seal(append([]byte{msgCompress}, 1, 2, 3)), func(c Counts) uint64 { return c.Content }},
		{"compressed within a compound", seal([]byte{msgCompound, 1, 0, 2, msgCompress, 1}), func(c Counts) uint64 { return c.Content }},
		{"compounds in compounds", seal([]byte{msgCompound, 1, 0, 8, msgCompound, 1, 0, 4, msgCompound, 1, 0, 0}), func(c Counts) uint64 { return c.Content }},
		{"compound that lies about its parts", seal([]byte{msgCompound, 200, 0, 9}), func(c Counts) uint64 { return c.Content }},
		{"user data", seal([]byte{msgUser, 1, 2, 3}), func(c Counts) uint64 { return c.Content }},
		{"unknown type", seal([]byte{77}), func(c Counts) uint64 { return c.Content }},
		{"alive without meta", seal(forB(1<<30, nil, bIP)), func(c Counts) uint64 { return c.Meta }},
		{"alive with broken signature", seal(forB(1<<30, bad, bIP)), func(c Counts) uint64 { return c.Meta }},
		{"alive for another at our address", seal(forB(1<<30, bMeta, evil.ip)), func(c Counts) uint64 { return c.Meta }},
		{"alive under another name", seal(encodeAlive(t, aliveMsg{Incarnation: 1 << 30, Node: "b", Addr: bIP, Port: 7946, Meta: bMeta})), func(c Counts) uint64 { return c.Meta }},
		{"replayed alive with higher incarnation", seal(forB(1<<30, bMeta, bIP)), func(c Counts) uint64 { return c.Replay }},
		{"alive of a stranger", seal(encodeAlive(t, aliveMsg{Incarnation: 1, Node: sm.ID.String(), Addr: []byte{10, 0, 0, 9}, Port: 7946, Meta: strangerMeta})), func(c Counts) uint64 { return c.Stranger }},
		{"meta of 600 bytes", seal(forB(1<<30, make([]byte, 600), bIP)), func(c Counts) uint64 { return c.Meta }},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			before := tc.count(a.Counts())
			evil.WriteTo(tc.packet, a.Addr())
			await(t, "count", func() bool { return tc.count(a.Counts()) == before+1 })
			if p := a.Peers(); len(p) != 1 || p[0].ID != b.ID() || p[0].Version != "1.1" {
				t.Fatalf("members changed to %+v", p)
			}
		})
	}
	t.Run("streams", func(t *testing.T) { badStreams(t, a, evil, good, wrong) })
}

func badStreams(t *testing.T, a *Gossip, evil *memTransport, good, wrong cipher.AEAD) {
	label := a.label()
	frame := func(aead cipher.AEAD, plain []byte) []byte {
		head := binary.BigEndian.AppendUint32([]byte{msgEncrypt}, uint32(13+len(plain)+16))
		return append(labelled(label, head), sealWith(t, aead, plain, append(bytes.Clone(head), label...))...)
	}
	pushPull := func(nodes, user int) []byte {
		return encodeMsg(t, msgPushPull, struct {
			Nodes, UserStateLen int
			Join                bool
		}{nodes, user, true})
	}
	for _, tc := range []struct {
		name  string
		bytes []byte
		count func(Counts) uint64
	}{
		{"no label", append([]byte{msgPushPull}, make([]byte, 32)...), func(c Counts) uint64 { return c.Label }},
		{"plain", labelled(label, pushPull(1, 0)), func(c Counts) uint64 { return c.Plain }},
		{"wrong key", frame(wrong, pushPull(1, 0)), func(c Counts) uint64 { return c.Key }},
		{"announces 4 GB", labelled(label, []byte{msgEncrypt, 255, 255, 255, 255}), func(c Counts) uint64 { return c.Oversized }},
		{"a million nodes", frame(good, pushPull(1_000_000, 0)), func(c Counts) uint64 { return c.Content }},
		{"20 MB of user state", frame(good, pushPull(0, 20<<20)), func(c Counts) uint64 { return c.Content }},
		{"compressed", frame(good, []byte{msgCompress, 1, 2, 3}), func(c Counts) uint64 { return c.Content }},
		{"user data", frame(good, []byte{msgUser, 1, 2, 3}), func(c Counts) uint64 { return c.Content }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before := tc.count(a.Counts())
			c, err := evil.DialTimeout(a.Addr(), time.Second)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			c.SetDeadline(time.Now().Add(3 * time.Second))
			c.Write(tc.bytes)
			await(t, "count", func() bool { return tc.count(a.Counts()) == before+1 })
			if len(a.Peers()) != 1 {
				t.Fatal("members changed")
			}
		})
	}
}

// Storms of lies by somebody who has the site's secret: others can be made to look dead for a while, but
// nobody is added, and they come back by themselves.
func TestDeadStormIsSurvived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer time.Sleep(time.Minute) // memberlist's probes end by themselves
		n := &memnet{}
		a, b := open(t, n.transport(), nil), open(t, n.transport(), nil)
		evil := n.transport()
		defer a.Close()
		defer b.Close()
		if _, err := b.Join([]string{a.Addr()}); err != nil {
			t.Fatal(err)
		}
		await(t, "meeting", func() bool { return len(a.Peers()) == 1 && len(b.Peers()) == 1 })
		label := a.label()
		type deadMsg struct {
			Incarnation uint32
			Node, From  string
		}
		for i := range 500 {
			m := encodeMsg(t, 5, deadMsg{uint32(i), b.ID().String(), "evil"})
			evil.WriteTo(labelled(label, sealWith(t, a.guard.aead, m, []byte(label))), a.Addr())
		}
		time.Sleep(2 * time.Minute)
		if len(a.Peers()) != 1 || len(b.Peers()) != 1 {
			t.Fatalf("after the storm a sees %d and b %d nodes", len(a.Peers()), len(b.Peers()))
		}
	})
}

// No code of this package can reach the log of the site.
func TestCannotReachTheLog(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Skipf("go list is not to be had: %v", err)
	}
	for _, p := range strings.Fields(string(out)) {
		if strings.HasSuffix(p, "hashicorp/raft") || strings.Contains(p, "cluster/raftlog") || strings.Contains(p, "cluster/site") {
			t.Errorf("gossip depends on %s", p)
		}
	}
}

func TestMetaBounds(t *testing.T) {
	key := newKey(t)
	full := Meta{Seq: 1, Role: strings.Repeat("r", 16), Version: strings.Repeat("v", 32), Addrs: map[string]string{
		"gossip": "[fe80:1111:2222:3333:4444:5555:6666:7777]:65535", "raft": "192.168.100.100:65535", "https": "192.168.100.100:65535", "sync": "192.168.100.100:65535"}}
	b, err := full.Encode(key)
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeMeta(b)
	if err != nil || got.Role != full.Role || got.Addrs["raft"] != full.Addrs["raft"] || got.ID.IsZero() {
		t.Fatalf("%+v, %v", got, err)
	}
	for i := range b {
		c := bytes.Clone(b)
		c[i] ^= 0x40
		if m, err := DecodeMeta(c); err == nil && m.ID == got.ID {
			t.Fatalf("byte %d can be changed unnoticed", i)
		}
	}
	full.Addrs["x"] = strings.Repeat("x", 100)
	full.Addrs["y"] = strings.Repeat("x", 100)
	if _, err := full.Encode(key); !edge.IsKind(err, edge.Invalid) {
		t.Fatalf("a meta that is too large was taken: %v", err)
	}
}

func FuzzDecodeMeta(f *testing.F) {
	b, err := Meta{Seq: 1, Role: "node", Version: "1", Addrs: map[string]string{Self: "1.2.3.4:5"}}.Encode(newKey(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte{1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := DecodeMeta(b)
		if err == nil && (m.ID.IsZero() || len(m.Addrs) > 6) {
			t.Fatalf("accepted %+v", m)
		}
	})
}

func FuzzGuard(f *testing.F) {
	f.Add([]byte{msgCompound, 1, 0, 1, 0})
	f.Add([]byte{msgPushPull, 0x83})
	f.Fuzz(func(t *testing.T, b []byte) {
		allowed(b, 0)
		allowedStream(b)
	})
}

func TestFinderReadsOnlyItsOwn(t *testing.T) {
	mk := func(s string) *finder {
		return newFinder([]byte(s), "noor", func() (int, bool) { return 7946, true }, func() bool { return true })
	}
	a, b := mk("secret of the site"), mk("secret of another")
	q, err := a.question()
	if err != nil {
		t.Fatal(err)
	}
	ans, err := a.answer(7946)
	if err != nil {
		t.Fatal(err)
	}
	if asked, port := a.read(q); !asked || port != 0 {
		t.Fatalf("own question: %v %d", asked, port)
	}
	if asked, port := a.read(ans); asked || port != 7946 {
		t.Fatalf("own answer: %v %d", asked, port)
	}
	if asked, port := b.read(q); asked || port != 0 {
		t.Fatal("another site's question was taken")
	}
	if asked, port := b.read(ans); asked || port != 0 {
		t.Fatal("another site's answer was taken")
	}
}

// A box may be on before its network is.
func TestMulticastIsAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries, want := 0, &net.UDPConn{}
		got := multicast(t.Context(), func() (*net.UDPConn, error) {
			if tries++; tries < 4 {
				return nil, errors.New("no route to the group")
			}
			return want, nil
		})
		if got != want || tries != 4 {
			t.Errorf("%d tries found %p; want the fourth to", tries, got)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*askEvery)
		defer cancel()
		if multicast(ctx, func() (*net.UDPConn, error) { return nil, errors.New("never") }) != nil {
			t.Error("something was found where nothing is")
		}
	})
}

func FuzzFinder(f *testing.F) {
	fi := newFinder(secret, "noor", func() (int, bool) { return 1, true }, func() bool { return true })
	q, _ := fi.question()
	a, _ := fi.answer(1)
	f.Add(q)
	f.Add(a)
	f.Fuzz(func(t *testing.T, b []byte) { fi.read(b) })
}

func TestDiscoverOnTheLocalNetwork(t *testing.T) {
	if os.Getenv("GOSSIP_MDNS") == "" {
		t.Skip("set GOSSIP_MDNS=1 where multicast may be used")
	}
	a := open(t, nil, func(o *Options) { o.Discover = true; o.Bind = ":0" })
	b := open(t, nil, func(o *Options) { o.Discover = true; o.Bind = ":0" })
	defer a.Close()
	defer b.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go a.Run(ctx)
	go b.Run(ctx)
	await(t, "meeting", func() bool { return len(a.Peers()) == 1 && len(b.Peers()) == 1 })
}
