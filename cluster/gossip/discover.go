package gossip

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"net"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/net/ipv4"
)

// A finder looks for nodes of the same site on the local network by multicast DNS (RFC 6762): it asks for
// the SRV record of a name only nodes that share the site's secret can form, and answers others that ask.
// Whoever answers is only tried; what counts is whether its gossip can be unsealed. Where multicast is not
// to be had it stays quiet, and looks again every minute: a box may start before its network does.
type finder struct {
	name  string
	port  func() (int, bool)
	alone func() bool
	found chan string // addresses to try; what nobody reads is dropped
}

const (
	askEvery   = time.Minute
	answerMax  = 2 // a second: more are nobody's honest need
	mdnsPacket = 1500
)

var mdnsGroup = [4]byte{224, 0, 0, 251}

func newFinder(secret []byte, site string, port func() (int, bool), alone func() bool) *finder {
	m := hmac.New(sha256.New, secret)
	m.Write([]byte("aielon-edge/mdns/1\x00" + site))
	tag := strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(m.Sum(nil)[:10]))
	return &finder{name: tag + "._aielon-edge._udp.local.", port: port, alone: alone, found: make(chan string, 8)}
}

// run asks and answers until ctx ends.
func (f *finder) run(ctx context.Context) {
	group := &net.UDPAddr{IP: net.IP(mdnsGroup[:]), Port: 5353}
	conn := multicast(ctx, func() (*net.UDPConn, error) { return net.ListenMulticastUDP("udp4", nil, group) })
	if conn == nil {
		return
	}
	p := ipv4.NewPacketConn(conn)
	p.SetMulticastLoopback(true) // several nodes may run on one box
	p.SetMulticastTTL(255)       // RFC 6762 section 11
	done := make(chan struct{})
	go func() { f.listen(conn, group); close(done) }()
	defer func() { conn.Close(); <-done }()
	t := time.NewTimer(0)
	defer t.Stop()
	for wait := time.Second; ; {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			if f.alone() {
				if b, err := f.question(); err == nil {
					conn.WriteToUDP(b, group)
				}
			}
			t.Reset(wait)
			wait = min(3*wait, askEvery) // RFC 6762 section 5.2: at growing intervals
		}
	}
}

// multicast opens what it takes to use multicast, as often as it must, and returns nil when ctx ends first.
func multicast(ctx context.Context, open func() (*net.UDPConn, error)) *net.UDPConn {
	for {
		if conn, err := open(); err == nil {
			return conn
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(askEvery):
		}
	}
}

// listen answers questions and collects answers. It owns its budget of answers.
func (f *finder) listen(conn *net.UDPConn, group *net.UDPAddr) {
	b := make([]byte, mdnsPacket)
	budget, refill := answerMax, time.Now()
	for {
		n, from, err := conn.ReadFromUDP(b)
		if err != nil {
			return
		}
		asked, port := f.read(b[:n])
		if port != 0 {
			select {
			case f.found <- net.JoinHostPort(from.IP.String(), strconv.Itoa(port)):
			default:
			}
		}
		if time.Since(refill) >= time.Second {
			budget, refill = answerMax, time.Now()
		}
		if mine, ok := f.port(); asked && ok && budget > 0 {
			budget--
			if b, err := f.answer(mine); err == nil {
				conn.WriteToUDP(b, group)
			}
		}
	}
}

// read parses one packet: whether it asks for our name, and the port of an answer to it.
func (f *finder) read(b []byte) (asked bool, port int) {
	var p dnsmessage.Parser
	h, err := p.Start(b)
	if err != nil {
		return false, 0
	}
	for range 16 {
		q, err := p.Question()
		if err != nil {
			break
		}
		asked = asked || !h.Response && q.Type == dnsmessage.TypeSRV && strings.EqualFold(q.Name.String(), f.name)
	}
	if !h.Response || p.SkipAllQuestions() != nil {
		return asked, 0
	}
	for range 16 {
		a, err := p.AnswerHeader()
		if err != nil {
			break
		}
		if a.Type != dnsmessage.TypeSRV || !strings.EqualFold(a.Name.String(), f.name) {
			if p.SkipAnswer() != nil {
				break
			}
			continue
		}
		r, err := p.SRVResource()
		if err != nil {
			break
		}
		return asked, int(r.Port)
	}
	return asked, 0
}

func (f *finder) question() ([]byte, error) {
	name, err := dnsmessage.NewName(f.name)
	if err != nil {
		return nil, err
	}
	m := dnsmessage.Message{Questions: []dnsmessage.Question{{Name: name, Type: dnsmessage.TypeSRV, Class: dnsmessage.ClassINET}}}
	return m.Pack()
}

func (f *finder) answer(port int) ([]byte, error) {
	name, err := dnsmessage.NewName(f.name)
	if err != nil {
		return nil, err
	}
	target := dnsmessage.MustNewName("aielon-edge.local.")
	m := dnsmessage.Message{Header: dnsmessage.Header{Response: true, Authoritative: true}, Answers: []dnsmessage.Resource{{
		Header: dnsmessage.ResourceHeader{Name: name, Type: dnsmessage.TypeSRV, Class: dnsmessage.ClassINET, TTL: 120},
		Body:   &dnsmessage.SRVResource{Port: uint16(port), Target: target}}}}
	return m.Pack()
}
