package wire

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/aielon/edge/node/edge"
)

// mutual is a TLS configuration that both ends use.
func mutual(t *testing.T) *tls.Config {
	t.Helper()
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"x"}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, _ := x509.ParseCertificate(der)
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, RootCAs: pool, ClientCAs: pool, ServerName: "x",
		ClientAuth: tls.RequireAndVerifyClientCert, NextProtos: []string{ALPN}, MinVersion: tls.VersionTLS13}
}

// pair makes the two ends of a link.
func pair(t *testing.T, over string) (node, hub Link) {
	t.Helper()
	conf := mutual(t)
	got := make(chan Link, 1)
	if over == "quic" {
		l, err := quic.ListenAddr("127.0.0.1:0", conf, HubQUIC(time.Minute, nil))
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			c, err := l.Accept(context.Background())
			if err == nil {
				k, _ := AcceptQUIC(context.Background(), c)
				got <- k
			}
		}()
		udp, _ := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		tr := &quic.Transport{Conn: udp}
		t.Cleanup(func() { tr.Close(); udp.Close(); l.Close() })
		if node, err = DialQUIC(t.Context(), tr, l.Addr(), conf, NodeQUIC(0, time.Minute)); err != nil {
			t.Fatal(err)
		}
	} else {
		l, err := tls.Listen("tcp", "127.0.0.1:0", conf)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		p := NewPairing(time.Minute)
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go func() {
					tc := c.(*tls.Conn)
					tc.Handshake()
					if k, err := p.Accept(context.Background(), tc, edge.NodeID{1}); err == nil && k != nil {
						got <- k
					}
				}()
			}
		}()
		node, err = DialTCP(t.Context(), time.Minute, func(ctx context.Context) (*tls.Conn, error) {
			c, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				return nil, err
			}
			return tls.Client(c, conf), nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := node.Send(t.Context(), Control, &Ping{1}); err != nil { // QUIC shows a stream with its first bytes
		t.Fatal(err)
	}
	return node, <-got
}

func eachTransport(t *testing.T, f func(t *testing.T, node, hub Link)) {
	for _, over := range []string{"quic", "tcp"} {
		t.Run(over, func(t *testing.T) {
			node, hub := pair(t, over)
			defer node.Close(nil)
			defer hub.Close(nil)
			if node.Transport() != over || hub.Transport() != over || hub.TLS().NegotiatedProtocol != ALPN {
				t.Fatal(node.Transport(), hub.Transport())
			}
			f(t, node, hub)
		})
	}
}

// While a bulk frame is stuck half way, what is urgent goes past it.
func TestUrgentOvertakes(t *testing.T) {
	eachTransport(t, func(t *testing.T, node, hub Link) {
		got := make(chan Frame, 10)
		go hub.Serve(context.Background(), func(f Frame, _ int) error { got <- f; return nil })
		go node.Serve(context.Background(), func(Frame, int) error { return nil })
		<-got // the ping
		b := build(t, ordinary(1, 200), 1).Seal(testCodec(t), 0)
		frame, _ := AppendFrame(nil, b)
		stuck, pieces := make(chan struct{}), 0
		var wg sync.WaitGroup
		wg.Go(func() {
			node.SendPaced(context.Background(), LaneOf(edge.Bulk), frame, func(context.Context, int) error {
				if pieces++; pieces == 2 {
					<-stuck
				}
				return nil
			})
		})
		u := *build(t, ordinary(2, 1), 2).Seal(testCodec(t), 0)
		u.Urgency = edge.Critical
		if err := node.Send(t.Context(), LaneOf(edge.Critical), &u); err != nil {
			t.Fatal(err)
		}
		select {
		case f := <-got:
			if f.(*Batch).Urgency != edge.Critical {
				t.Fatal("bulk came first")
			}
		case <-time.After(5 * time.Second):
			t.Fatal("an urgent record waits behind bulk")
		}
		close(stuck)
		if f := <-got; f.(*Batch).Count != 200 {
			t.Fatal("bulk did not arrive")
		}
		wg.Wait()
		if s := node.Stats(); s.Sent == 0 {
			t.Fatalf("%+v", s)
		}
	})
}

// The other side learns why a link was closed.
func TestCloseSaysWhy(t *testing.T) {
	eachTransport(t, func(t *testing.T, node, hub Link) {
		go hub.Serve(context.Background(), func(Frame, int) error { return edge.E(edge.Exhausted, "too much") })
		err := node.Serve(context.Background(), func(Frame, int) error { return nil })
		if !edge.IsKind(err, edge.Exhausted) {
			t.Fatal(err)
		}
		if err := node.Send(context.Background(), Control, &Ping{2}); err == nil {
			t.Fatal("a closed link takes frames")
		}
	})
}

func TestPeace(t *testing.T) {
	eachTransport(t, func(t *testing.T, node, hub Link) {
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- hub.Serve(ctx, func(Frame, int) error { return nil }) }()
		time.Sleep(10 * time.Millisecond)
		cancel()
		if err := node.Serve(context.Background(), func(Frame, int) error { return nil }); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if err := node.SendPaced(context.Background(), Control, []byte{4, 1, 1}, nil); err == nil {
			t.Fatal("a closed link takes frames")
		}
	})
}

// A pace that gives up in the middle of a frame ends the link: half a frame cannot be taken back.
func TestPaceGivesUp(t *testing.T) {
	eachTransport(t, func(t *testing.T, node, hub Link) {
		err := node.SendPaced(context.Background(), LaneOf(edge.Bulk), make([]byte, 4000), func(context.Context, int) error { return errors.New("budget") })
		if err == nil {
			t.Fatal("nothing was said")
		}
		if err := node.Send(context.Background(), Control, &Ping{2}); err == nil {
			t.Fatal("the link goes on")
		}
	})
}

// Two streams for one lane would break its order.
func TestOneStreamPerLane(t *testing.T) {
	node, hub := pair(t, "quic")
	conn, _ := ConnOf(node)
	for _, lane := range []byte{6, 6} {
		s, err := conn.OpenUniStream()
		if err != nil {
			t.Fatal(err)
		}
		s.Write([]byte{lane})
	}
	if err := hub.Serve(context.Background(), func(Frame, int) error { return nil }); !edge.IsKind(err, edge.Invalid) {
		t.Fatal(err)
	}
}

// What a later version says is passed over by one that does not know it: the lane goes on behind it.
func TestSkipsWhatItDoesNotKnow(t *testing.T) {
	eachTransport(t, func(t *testing.T, node, hub Link) {
		got := make(chan Frame, 10)
		go hub.Serve(context.Background(), func(f Frame, _ int) error { got <- f; return nil })
		go node.Serve(context.Background(), func(Frame, int) error { return nil })
		<-got // the ping
		unknown := append([]byte{98, 0xe8, 0x07}, make([]byte, 1000)...)
		if err := node.SendPaced(t.Context(), Control, unknown, func(context.Context, int) error { return nil }); err != nil {
			t.Fatal(err)
		}
		if err := node.Send(t.Context(), Control, &Ping{5}); err != nil {
			t.Fatal(err)
		}
		select {
		case f := <-got:
			if p, ok := f.(*Ping); !ok || p.Nonce != 5 {
				t.Fatalf("%#v came behind it", f)
			}
		case <-time.After(5 * time.Second):
			t.Fatal("nothing came behind it")
		}
	})
}
