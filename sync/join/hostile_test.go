package join

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"io"
	"net"
	"testing"
	"time"

	"github.com/aielon/edge/node/auth/pki"
	"github.com/aielon/edge/node/edge"
)

// hostile serves the join protocol with any chain and does as it likes after the handshake.
func hostile(l net.Listener, chain [][]byte, key crypto.Signer, then func(net.Conn)) {
	for {
		raw, err := l.Accept()
		if err != nil {
			return
		}
		raw.SetDeadline(time.Now().Add(5 * time.Second))
		c := tls.Server(raw, &tls.Config{Certificates: []tls.Certificate{{Certificate: chain, PrivateKey: key}}, NextProtos: []string{string(pki.ProtoJoin)}, MinVersion: tls.VersionTLS13})
		if c.Handshake() == nil {
			then(c)
		}
		c.Close()
	}
}

// A server that holds the right key and lies: its answers are worth no more than the pinned CA says.
func TestLyingServers(t *testing.T) {
	c := &clock{now: testStart}
	hub := newBox(t, c, "hub").found().rule("punjab")
	other := newBox(t, c, "hub").found().rule("punjab")
	third := newBox(t, c, "clinic-b").found()
	site := func(b *box) joinAnswer {
		return joinAnswer{V: 1, Site: "clinic-a", Region: "punjab", Cross: must(hub.reg.CrossSign(b.site.Root())).Raw, Time: testStart}
	}
	node := func(b *box) joinAnswer {
		n := pki.Name{Site: "hub", Region: pki.LocalRegion, ID: b.End.ID.ID()}
		return joinAnswer{V: 1, Site: "hub", Region: pki.LocalRegion, Time: testStart, Roots: hub.End.Trust.State().Roots, Chain: must(hub.site.IssueLeaf(must(b.End.ID.CSR()), n, 0))}
	}
	frame := func(v any) []byte { var w bytes.Buffer; check(t, writeFrame(&w, v)); return w.Bytes() }
	for _, tt := range []struct {
		what string
		role pki.JoinRole
		say  func(b *box) []byte
		kind edge.Kind
		ok   bool
	}{
		{"the truth, to a site", pki.JoinSite, func(b *box) []byte { return frame(site(b)) }, 0, true},
		{"the truth, to a node", pki.JoinNode, func(b *box) []byte { return frame(node(b)) }, 0, true},
		{"nothing", pki.JoinSite, func(*box) []byte { return nil }, edge.Unavailable, false},
		{"half an answer", pki.JoinSite, func(b *box) []byte { f := frame(site(b)); return f[:len(f)/2] }, edge.Unavailable, false},
		{"a huge length", pki.JoinSite, func(*box) []byte { return binary.BigEndian.AppendUint32(nil, 1<<31) }, edge.Invalid, false},
		{"no JSON", pki.JoinSite, func(*box) []byte { return []byte{0, 0, 0, 2, '{', 'x'} }, edge.Invalid, false},
		{"an empty answer", pki.JoinSite, func(*box) []byte { return frame(joinAnswer{Time: testStart}) }, edge.Invalid, false},
		{"a refusal of a kind nobody knows", pki.JoinSite, func(*box) []byte { return frame(joinAnswer{Refused: &refusal{Kind: 99, Msg: "no"}}) }, edge.Internal, false},
		{"another region", pki.JoinSite, func(b *box) []byte { a := site(b); a.Region = "sindh"; return frame(a) }, edge.Invalid, false},
		{"another site", pki.JoinSite, func(b *box) []byte { a := site(b); a.Site = "clinic-b"; return frame(a) }, edge.Invalid, false},
		{"a word for another CA", pki.JoinSite, func(b *box) []byte { return frame(site(third)) }, edge.Invalid, false},
		{"a word of another region", pki.JoinSite, func(b *box) []byte {
			a := site(b)
			a.Cross = must(other.reg.CrossSign(b.site.Root())).Raw
			return frame(a)
		}, edge.Invalid, false},
		{"the time of next year", pki.JoinSite, func(b *box) []byte { a := site(b); a.Time = testStart.AddDate(1, 0, 0); return frame(a) }, edge.Invalid, false},
		{"the time of last year", pki.JoinSite, func(b *box) []byte { a := site(b); a.Time = testStart.AddDate(-1, 0, 0); return frame(a) }, edge.Invalid, false},
		{"no certificate", pki.JoinNode, func(b *box) []byte { a := node(b); a.Chain = nil; return frame(a) }, edge.Invalid, false},
		{"another node's certificate", pki.JoinNode, func(b *box) []byte { return frame(node(third)) }, edge.Invalid, false},
		{"a certificate of another CA", pki.JoinNode, func(b *box) []byte {
			a := node(b)
			a.Chain = must(other.site.IssueLeaf(must(b.End.ID.CSR()), pki.Name{Site: "hub", Region: pki.LocalRegion, ID: b.End.ID.ID()}, 0))
			return frame(a)
		}, edge.Invalid, false},
		{"roots without the pinned one", pki.JoinNode, func(b *box) []byte { a := node(b); a.Roots = other.End.Trust.State().Roots; return frame(a) }, edge.Invalid, false},
		{"a thousand hubs", pki.JoinNode, func(b *box) []byte { a := node(b); a.Hubs = make([]string, 1000); return frame(a) }, edge.Invalid, false},
	} {
		t.Run(tt.what, func(t *testing.T) {
			use, root := pki.UseHub, hub.reg.Root()
			if tt.role == pki.JoinNode {
				use, root = pki.UseSite, hub.site.Root()
			}
			b := newBox(t, c, "clinic-a").found()
			before := b.End.Trust.State()
			l, err := net.Listen("tcp", "127.0.0.1:0")
			check(t, err)
			defer l.Close()
			go hostile(l, [][]byte{hub.End.ID.Chain(use).DER[0], root.Raw}, hub.End.ID.Signer(), func(conn net.Conn) {
				if readFrame(conn, &joinRequest{}) == nil {
					conn.Write(tt.say(b))
				}
			})
			q := Request{Code: hub.invite(tt.role), Server: l.Addr().String(), ID: b.End.ID, Role: tt.role}
			if tt.role != pki.JoinNode {
				q.SiteCA = b.site
			}
			_, err = Join(t.Context(), q)
			if tt.ok {
				check(t, err)
				return
			}
			if err == nil || edge.KindOf(err) != tt.kind {
				t.Errorf("got %v, want kind %v", err, tt.kind)
			}
			if after := b.End.Trust.State(); len(after.Roots) != len(before.Roots) || after.Region != before.Region {
				t.Error("something was changed")
			}
		})
	}
}

// A joiner that lies: refused at each step, and no refusal costs the code.
func TestLyingJoiners(t *testing.T) {
	c := &clock{now: testStart}
	hub := newBox(t, c, "hub").found().rule("punjab").serve()
	victim := newBox(t, c, "clinic-b").found()
	for _, tt := range []struct {
		what string
		lie  func(*joinRequest)
		kind edge.Kind
	}{
		{"no version", func(q *joinRequest) { q.V = 0 }, edge.Invalid},
		{"no role", func(q *joinRequest) { q.Role = "king" }, edge.Invalid},
		{"no secret", func(q *joinRequest) { q.Secret = nil }, edge.Invalid},
		{"a long secret", func(q *joinRequest) { q.Secret = make([]byte, 17) }, edge.Invalid},
		{"a code with a slash", func(q *joinRequest) { q.Code = "../../x" }, edge.Denied},
		{"no request for a certificate", func(q *joinRequest) { q.CSR = nil }, edge.Invalid},
		{"somebody else's request", func(q *joinRequest) { q.CSR = must(victim.End.ID.CSR()) }, edge.Denied},
		{"no proof", func(q *joinRequest) { q.Proof = nil }, edge.Denied},
		{"somebody else's CA", func(q *joinRequest) { q.SiteCA = victim.site.Root().Raw }, edge.Denied},
		{"the region's CA", func(q *joinRequest) { q.SiteCA = hub.reg.Root().Raw }, edge.Invalid},
		{"no CA", func(q *joinRequest) { q.SiteCA = nil }, edge.Invalid},
		{"a proof for the node as one for the site", func(q *joinRequest) { q.SiteProof = q.Proof }, edge.Denied},
		{"a long label", func(q *joinRequest) { q.Label = string(make([]byte, 101)) }, edge.Invalid},
	} {
		t.Run(tt.what, func(t *testing.T) {
			c.move(time.Minute)
			b := newBox(t, c, "clinic-a").found()
			q := Request{Code: hub.invite(pki.JoinSite), ID: b.End.ID, Role: pki.JoinSite, SiteCA: b.site}
			asked := hub.codes.asked
			conn, err := connect(t.Context(), nil, hub.addr, pki.JoinConfig(q.Code.CA))
			check(t, err)
			defer conn.Close()
			m, err := q.message(conn.ConnectionState())
			check(t, err)
			tt.lie(&m)
			check(t, writeFrame(conn, m))
			var a joinAnswer
			check(t, readFrame(conn, &a))
			refusedAs(t, a.Refused.err(), tt.kind)
			if hub.codes.asked != asked {
				t.Error("a code was spent on a lie")
			}
			if hub.list.has(b.End.ID.ID()) || a.Cross != nil || a.Chain != nil {
				t.Error("it got something")
			}
		})
	}
}

// A proof made on one connection is worth nothing on another.
func TestProofsAreBoundToTheirConnection(t *testing.T) {
	c := &clock{now: testStart}
	hub := newBox(t, c, "hub").found().rule("punjab").serve()
	b := newBox(t, c, "clinic-a").found()
	q := Request{Code: hub.invite(pki.JoinSite), ID: b.End.ID, Role: pki.JoinSite, SiteCA: b.site}
	one := must(connect(t.Context(), nil, hub.addr, pki.JoinConfig(q.Code.CA)))
	defer one.Close()
	two := must(connect(t.Context(), nil, hub.addr, pki.JoinConfig(q.Code.CA)))
	defer two.Close()
	check(t, writeFrame(two, must(q.message(one.ConnectionState()))))
	var a joinAnswer
	check(t, readFrame(two, &a))
	refusedAs(t, a.Refused.err(), edge.Denied)
}

func TestSilentAndRudeClients(t *testing.T) {
	c := &clock{now: testStart}
	first := newBox(t, c, "clinic-a").found().serve()
	code := first.invite(pki.JoinNode)
	for _, b := range [][]byte{nil, {0}, {0xff, 0xff, 0xff, 0xff}, {0, 0, 0, 0}, append([]byte{0, 0, 0, 4}, "null"...), append([]byte{0, 0, 0, 2}, "[]"...)} {
		conn := must(connect(t.Context(), nil, first.addr, pki.JoinConfig(code.CA)))
		conn.Write(b)
		conn.CloseWrite()
		io.Copy(io.Discard, conn)
		conn.Close()
	}
	for range 40 { // more than maxServed at once, saying nothing
		raw, err := net.Dial("tcp", first.addr)
		check(t, err)
		raw.Close()
	}
	_, err := newBox(t, c, "new-box").ask(code, first, pki.JoinNode)
	check(t, err)
}

func FuzzMessages(f *testing.F) {
	for _, v := range []any{joinRequest{V: 1, Code: "00000000", Role: pki.JoinSite}, joinAnswer{Site: "a", Time: testStart}, renewRequest{Kind: renewLeaf}, renewAnswer{Refused: &refusal{Kind: 4, Msg: "no"}}} {
		var w bytes.Buffer
		writeFrame(&w, v)
		f.Add(w.Bytes())
	}
	f.Add([]byte{0, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		var jq joinRequest
		var ja joinAnswer
		var rq renewRequest
		var ra renewAnswer
		for _, v := range []any{&jq, &ja, &rq, &ra} {
			if err := readFrame(bytes.NewReader(b), v); err == nil {
				if _, err := json.Marshal(v); err != nil {
					t.Fatalf("%+v was read and cannot be written: %v", v, err)
				}
			} else if k := edge.KindOf(err); k != edge.Invalid && k != edge.Unavailable {
				t.Fatalf("%v", err)
			}
		}
		ja.Refused.err()
	})
}
