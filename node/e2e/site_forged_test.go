//go:build fault

package e2e

import (
	"context"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aielon/edge/cluster/gossip"
	"github.com/aielon/edge/node/auth/pki"
	"github.com/aielon/edge/node/edge"
)

// siteAppend is an AppendEntries as raftlog's codec writes it: from id, of a term, with one entry.
func siteAppend(id edge.NodeID, term, last uint64) []byte {
	number := binary.BigEndian.AppendUint64
	text := func(b []byte, s string) []byte { return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...) }
	b := []byte{0, 0, 0, 0, 1}
	b = text(text(number(b, 3), id.String()), "127.0.0.1:1")
	for _, v := range []uint64{term, last, term, last + 1, 1, last + 1, term, 0, uint64(time.Now().UnixNano())} {
		b = number(b, v)
	}
	b = text(text(b, ""), "FORGED transfer")
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return b
}

// siteSay sends a message under a configuration and reports whether the node answered it.
func siteSay(t *testing.T, b *siteBox, c *tls.Config, raw []byte) bool {
	t.Helper()
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 10 * time.Second}, "tcp", b.cluster, c)
	if err != nil {
		return false
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := conn.Write(raw); err != nil {
		return false
	}
	n, err := io.ReadFull(conn, make([]byte, 5))
	if err != nil && n == 0 {
		return false
	}
	return true
}

// siteStranger is a machine with a certificate of an authority.
func siteStranger(t *testing.T, ca *pki.Authority) (edge.NodeID, *tls.Config) {
	t.Helper()
	id, err := pki.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	csr, err := id.CSR()
	if err != nil {
		t.Fatal(err)
	}
	chain, err := ca.IssueLeaf(csr, pki.Name{Site: ca.Label(), Region: pki.LocalRegion, ID: id.ID()}, 0)
	if err != nil {
		t.Fatal(err)
	}
	return id.ID(), siteTLS(tls.Certificate{Certificate: chain, PrivateKey: id.Signer()})
}

func siteTLS(certs ...tls.Certificate) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true, NextProtos: []string{string(pki.ProtoRaft)}, Certificates: certs}
}

// siteAuthority steals a site's authority from a node's disk, its storage key included.
func siteAuthority(t *testing.T, b *siteBox) *pki.Authority {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(b.data, "keys", "storage.key"))
	if err != nil {
		t.Fatal(err)
	}
	storage, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	key, err := hkdf.Key(sha256.New, storage, nil, "aielon-edge/authority", 32)
	if err != nil {
		t.Fatal(err)
	}
	ca, err := pki.LoadAuthority(filepath.Join(b.data, "keys", "site-ca"), key, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

// siteMetric reads one figure from a node's page of metrics.
func siteMetric(t *testing.T, b *siteBox, name string) string {
	t.Helper()
	text, err := os.ReadFile(b.config())
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "[door]\naddr = \"")
	door, _, _ := strings.Cut(rest, "\"")
	a, err := http.Get("http://" + door + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	body, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(body)) {
		if v, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(v)
		}
	}
	t.Fatalf("there is no %s in the metrics", name)
	return ""
}

// TestSiteForgedMessages sends every node what would depose its leader if it were believed.
func TestSiteForgedMessages(t *testing.T) {
	w := newSiteWorld(t, siteBuild(t, "forged"))
	leader := w.settled(3)
	foreign, err := pki.NewAuthority(pki.ScopeSite, "clinic", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	foreignID, foreignTLS := siteStranger(t, foreign)
	guestID, guestTLS := siteStranger(t, siteAuthority(t, w.boxes[0]))
	tries := []struct {
		name string
		conf *tls.Config
		id   edge.NodeID
	}{
		{"no certificate", siteTLS(), guestID},
		{"certificate of another authority of the same name", foreignTLS, foreignID},
		{"certificate of the site, not a member", guestTLS, guestID},
		{"certificate of the site, in the leader's name", guestTLS, siteID(t, leader)},
	}
	siteTrueMessage(t, w)
	for _, b := range w.boxes {
		term := siteMetric(t, b, "aielon_site_term")
		for _, try := range tries {
			if siteSay(t, b, try.conf, siteAppend(try.id, 9999, 5)) {
				t.Errorf("node %d answered: %s", b.at, try.name)
			}
		}
		time.Sleep(300 * time.Millisecond)
		if now := siteMetric(t, b, "aielon_site_term"); now != term {
			t.Errorf("node %d: the term went from %s to %s", b.at, term, now)
		}
		refused := siteMetric(t, b, "aielon_site_refused_total")
		if refused == "0" {
			t.Errorf("node %d counted no refusal", b.at)
		}
		t.Logf("node %d: 4 forged AppendEntries unanswered, term stays %s, refused by the log itself %s (the others in the handshake)", b.at, term, refused)
	}
	if now := w.settled(3); now != leader {
		t.Error("the leader was deposed")
	}
	siteForgedGossip(t, w)
}

// siteTrueMessage makes sure that the forged messages are well formed: with a member's own key, and a term
// long past so that it does no harm, one is answered.
func siteTrueMessage(t *testing.T, w *siteWorld) {
	id, err := pki.LoadOrCreate(filepath.Join(w.boxes[1].data, "keys"))
	if err != nil {
		t.Fatal(err)
	}
	c := siteTLS(tls.Certificate{Certificate: id.Chain(pki.UseSite).DER, PrivateKey: id.Signer()})
	if !siteSay(t, w.boxes[0], c, siteAppend(id.ID(), 1, 5)) {
		t.Error("a member's message is not answered: the forged ones may be malformed")
	}
}

func siteID(t *testing.T, b *siteBox) edge.NodeID {
	t.Helper()
	id, err := edge.ParseNodeID(b.id)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// siteForgedGossip speaks gossip without the site's secret, and with it but without being a member, as a
// node could that was removed.
func siteForgedGossip(t *testing.T, w *siteWorld) {
	for _, b := range w.boxes {
		w.eventually("gossip meets", func(context.Context) error {
			if n := siteMetric(t, b, "aielon_gossip_peers"); n != "2" {
				return fmt.Errorf("node %d sees %s others", b.at, n)
			}
			return nil
		})
	}
	secret := make([]byte, 32)
	rand.Read(secret)
	siteGossipAs(t, w, secret, `aielon_gossip_refused_total{why="key"}`)
	var link struct{ Secret []byte }
	text, err := os.ReadFile(filepath.Join(w.boxes[1].data, "keys", "link.json"))
	if err == nil {
		err = json.Unmarshal(text, &link)
	}
	if err != nil {
		t.Fatal(err)
	}
	siteGossipAs(t, w, link.Secret, `aielon_gossip_refused_total{why="stranger"}`)
}

func siteGossipAs(t *testing.T, w *siteWorld, secret []byte, counted string) {
	t.Helper()
	id, err := pki.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	g, err := gossip.Open(gossip.Options{Site: "clinic", Secret: secret, Key: id.Signer(), Role: "node", Version: "evil", Bind: "127.0.0.1:0",
		Addrs: map[string]string{"cluster": "127.0.0.1:1"}, Verify: func(gossip.Meta) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	for _, b := range w.boxes {
		before := siteMetric(t, b, counted)
		w.eventually("the refusal", func(context.Context) error {
			g.Join([]string{b.gossip})
			if now := siteMetric(t, b, counted); now == before {
				return fmt.Errorf("%s stays %s", counted, now)
			}
			return nil
		})
		if n := siteMetric(t, b, "aielon_gossip_peers"); n != "2" {
			t.Errorf("node %d sees %s others now", b.at, n)
		}
		t.Logf("node %d: %s from %s to %s, peers still 2", b.at, counted, before, siteMetric(t, b, counted))
	}
}
