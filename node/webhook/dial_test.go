package webhook

import (
	"context"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

func TestAddresses(t *testing.T) {
	for _, c := range []struct {
		addr           string
		public, inside bool
	}{
		{"93.184.216.34", true, true},
		{"[2606:2800:220:1:248:1893:25c8:1946]", true, true},
		{"127.0.0.1", false, true},
		{"127.8.8.8", false, true},
		{"[::1]", false, true},
		{"10.0.0.1", false, true},
		{"172.16.9.9", false, true},
		{"192.168.1.1", false, true},
		{"100.64.0.1", false, true},
		{"[fd12::1]", false, true},
		{"[::ffff:127.0.0.1]", false, true},
		{"[::ffff:10.0.0.1]", false, true},
		{"[64:ff9b::7f00:1]", false, true},
		{"[64:ff9b::5db8:d822]", true, true},
		{"[2002:7f00:1::]", false, true},
		{"[::127.0.0.1]", false, true},
		{"169.254.169.254", false, false},
		{"[::ffff:169.254.169.254]", false, false},
		{"[64:ff9b::a9fe:a9fe]", false, false},
		{"[2002:a9fe:a9fe::]", false, false},
		{"[fe80::1]", false, false},
		{"[fe80::1%eth0]", false, false},
		{"[fd00:ec2::254]", false, false},
		{"100.100.100.200", false, false},
		{"0.0.0.0", false, false},
		{"[::]", false, false},
		{"0.1.2.3", false, false},
		{"224.0.0.1", false, false},
		{"255.255.255.255", false, false},
		{"[ff02::1]", false, false},
		{"[2001::1]", false, false},
		{"198.18.0.1", false, true},
	} {
		network := "tcp4"
		if c.addr[0] == '[' {
			network = "tcp6"
		}
		for _, private := range []bool{false, true} {
			want := c.public || private && c.inside
			if err := checkAddress(network, c.addr+":443", private); (err == nil) != want {
				t.Errorf("%s, private %v: %v", c.addr, private, err)
			}
		}
	}
	for _, bad := range []string{"", "host:443", "127.0.0.1", "1.2.3.4:99999"} {
		if checkAddress("tcp4", bad, true) == nil {
			t.Errorf("%q was let through", bad)
		}
	}
	if checkAddress("unix", "93.184.216.34:1", true) == nil {
		t.Error("a socket of another kind was let through")
	}
}

// rebinding is a DNS server that gives a good address first and then one of this box.
func rebinding(t *testing.T, answers ...[4]byte) (*net.Resolver, *atomic.Int64) {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pc.Close() })
	var asked atomic.Int64
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buf[:n]) != nil || len(m.Questions) != 1 {
				continue
			}
			m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
			if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
				i := min(int(asked.Add(1))-1, len(answers)-1)
				m.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 0}, Body: &dnsmessage.AResource{A: answers[i]}}}
			}
			if b, err := m.Pack(); err == nil {
				pc.WriteTo(b, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", pc.LocalAddr().String())
	}}, &asked
}

// A name that means a local address, always or from the second time on, reaches nobody, and the log says why.
func TestRebinding(t *testing.T) {
	r := newReceiver(t, false)
	_, port, _ := net.SplitHostPort(r.Listener.Addr().String())
	for name, answers := range map[string][][4]byte{
		"at once": {{127, 0, 0, 1}},
		"later":   {{198, 51, 100, 1}, {127, 0, 0, 1}},
		"cloud":   {{169, 254, 169, 254}},
	} {
		t.Run(name, func(t *testing.T) {
			resolver, asked := rebinding(t, answers...)
			s, clock := newSite(), newClock()
			s.now = clock.now
			e := s.add(t, Endpoint{URL: "http://hook.example.org:" + port, AllowPlain: true, Types: []string{"device.*"}})
			d, _ := s.lead(t, openStore(t), func(o *Options) { o.Resolver = resolver })
			s.emit(care, event(1))
			until(t, "it failed for each answer", func() bool {
				clock.add(10 * 60e9)
				if tg := d.target(e.ID); tg != nil {
					tg.kick()
				}
				st, _ := d.Status(e.ID)
				return int(st.Failed) > len(answers)
			})
			l, err := d.Deliveries(e.ID, 1)
			if err != nil || !strings.Contains(l[0].Error, "webhooks are not sent to") || asked.Load() < 2 {
				t.Errorf("%+v %v", l, err)
			}
		})
	}
	if n := len(r.all()); n > 0 {
		t.Errorf("%d messages came through", n)
	}
	resolver, _ := rebinding(t, [4]byte{127, 0, 0, 1})
	s := newSite()
	s.add(t, Endpoint{URL: "http://hook.example.org:" + port, AllowPlain: true, AllowPrivate: true, Types: []string{"device.*"}})
	s.lead(t, openStore(t), func(o *Options) { o.Resolver = resolver })
	s.emit(care, event(1))
	until(t, "one that may reach local addresses does", func() bool { return len(r.all()) == 1 })
}
