package pki

import (
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
)

func TestAuthorityIsKeptSealed(t *testing.T) {
	w := newWorld(t)
	a := w.site("clinic-a").ca
	key, other := make([]byte, 32), append(make([]byte, 31), 1)
	path := filepath.Join(t.TempDir(), "site.ca")
	check(t, a.Save(path, key))
	st, err := os.Stat(path)
	check(t, err)
	if st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", st.Mode())
	}
	b := must(os.ReadFile(path))
	if strings.Contains(string(b), "PRIVATE KEY") {
		t.Error("the key lies open")
	}
	again, err := LoadAuthority(path, key, w.time)
	check(t, err)
	if again.ID() != a.ID() || again.Cross() == nil || again.Label() != "clinic-a" || again.Scope() != ScopeSite {
		t.Errorf("came back as %+v", again)
	}
	_, err = LoadAuthority(path, other, w.time)
	refused(t, err, edge.Denied)
	_, err = LoadAuthority(path, nil, w.time)
	refused(t, err, edge.Denied)
	check(t, os.Chmod(path, 0o604))
	_, err = LoadAuthority(path, key, w.time)
	refused(t, err, edge.Denied)
	for n := 0; n < len(b); n += len(b)/40 + 1 {
		if _, err := ImportAuthority(b[:n], key, w.time); err == nil {
			t.Errorf("cut at %d it was read", n)
		}
	}
	open := must(a.Export(nil))
	if again, err := ImportAuthority(open, nil, w.time); err != nil || again.ID() != a.ID() {
		t.Error(err)
	}
	_, err = ImportAuthority(append(must(encodeKey(w.region.key)), encodeCerts([][]byte{a.Root().Raw})...), nil, w.time)
	refused(t, err, edge.Corrupt)
}

func TestWhoMayBeNamed(t *testing.T) {
	w := newWorld(t)
	site := w.site("clinic-a")
	id := must(NewIdentity())
	csr, n := must(id.CSR()), Name{Site: "clinic-a", Region: "punjab", ID: id.ID()}
	with := func(f func(*Name)) Name { m := n; f(&m); return m }
	for _, tt := range []struct {
		what string
		ca   *Authority
		csr  []byte
		name Name
		kind edge.Kind
		ok   bool
	}{
		{"a node of the site", site.ca, csr, n, 0, true},
		{"another site's node", site.ca, csr, with(func(n *Name) { n.Site = "clinic-b" }), edge.Denied, false},
		{"a hub, by a site", site.ca, csr, with(func(n *Name) { n.Role = RoleHub }), edge.Denied, false},
		{"another key", site.ca, must(site.ID.CSR()), n, edge.Invalid, false},
		{"a bad label", site.ca, csr, with(func(n *Name) { n.Region = "A.b" }), edge.Invalid, false},
		{"no request", site.ca, nil, n, edge.Invalid, false},
		{"a torn request", site.ca, csr[:len(csr)-1], n, edge.Invalid, false},
		{"a forged request", site.ca, append(csr[:len(csr)-1:len(csr)-1], csr[len(csr)-1]^1), n, edge.Invalid, false},
		{"a huge request", site.ca, make([]byte, 1<<20), n, edge.Invalid, false},
		{"any site of the region, by the region", w.region, csr, n, 0, true},
		{"a hub, by the region", w.region, csr, with(func(n *Name) { n.Role = RoleHub }), 0, true},
		{"another region", w.region, csr, with(func(n *Name) { n.Region = "sindh" }), edge.Denied, false},
	} {
		_, err := tt.ca.IssueLeaf(tt.csr, tt.name, 0)
		if tt.ok != (err == nil) || !tt.ok && edge.KindOf(err) != tt.kind {
			t.Errorf("%s: %v", tt.what, err)
		}
	}
}

func TestLivesOfCertificates(t *testing.T) {
	w := newWorld(t)
	a := w.site("clinic-a")
	leaf := a.ID.Chain(UseSite).Leaf
	if !leaf.NotBefore.Before(w.now) || !leaf.NotAfter.Equal(w.now.Add(LeafLife)) {
		t.Errorf("a leaf is good from %v to %v, made at %v", leaf.NotBefore, leaf.NotAfter, w.now)
	}
	w.now = a.ca.Root().NotAfter.Add(-time.Hour)
	w.leaf(a, 0)
	if got := a.ID.Chain(UseSite).Leaf.NotAfter; got.After(a.ca.Root().NotAfter) {
		t.Errorf("a leaf outlives its CA: %v", got)
	}
	if !a.ca.Due() {
		t.Error("no successor is called for")
	}
	w.now = w.now.Add(2 * time.Hour)
	_, err := a.ca.IssueLeaf(must(a.ID.CSR()), a.ID.Chain(UseSite).Name, 0)
	refused(t, err, edge.Unavailable)
}

// A stolen site CA can do nothing outside its site; each way of trying is refused for its own reason.
func TestStolenSiteCA(t *testing.T) {
	w := newWorld(t)
	b := w.site("clinic-b")
	id := must(NewIdentity())
	forge := func(uri string) []*x509.Certificate {
		leaf := must(b.ca.issueURI(&id.key.PublicKey, uri, 0, x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth))
		return []*x509.Certificate{must(x509.ParseCertificate(leaf)), b.ca.Cross()}
	}
	x := id.ID().String()
	sub := must(NewAuthority(ScopeSite, "clinic-a", w.time)) // made a CA below the stolen one
	mid := must(create(&x509.Certificate{Subject: sub.root.Subject, NotBefore: w.now.Add(-time.Hour), NotAfter: w.now.Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, b.ca.root, sub.key.Public(), b.ca.key))
	below := append([]*x509.Certificate{must(x509.ParseCertificate(must(sub.issueURI(&id.key.PublicKey, "aielon://clinic-b.punjab/"+x, 0, x509.ExtKeyUsageClientAuth)))), mid}, b.ca.Cross())
	for _, tt := range []struct {
		what  string
		chain []*x509.Certificate
		want  Peers
		words string // empty: accepted
	}{
		{"its own site", forge("aielon://clinic-b.punjab/" + x), Below, ""},
		{"another site", forge("aielon://clinic-a.punjab/" + x), Below, "does not hold"},
		{"a site below its own", forge("aielon://x.clinic-b.punjab/" + x), Below, "not one of a node"},
		{"another region", forge("aielon://clinic-b.sindh/" + x), Below, "does not hold"},
		{"a hub, to sites", forge("aielon://clinic-b.punjab/hub/" + x), Above, "may not speak here"},
		{"a hub, to the hub", forge("aielon://clinic-b.punjab/hub/" + x), Below, "may not speak here"},
		{"a node, as a hub", forge("aielon://clinic-b.punjab/" + x), Above, "may not speak here"},
		{"by a CA of its own making", below, Below, "does not hold"},
		{"as a CA", []*x509.Certificate{b.ca.Cross()}, Below, "not one of a node"},
	} {
		peer, err := w.hub.Trust.verify(tt.chain, tt.want, x509.ExtKeyUsageAny, judgeStrict)
		switch {
		case tt.words == "" && err != nil:
			t.Errorf("%s: %v", tt.what, err)
		case tt.words != "" && (!edge.IsKind(err, edge.Denied) || !strings.Contains(err.Error(), tt.words)):
			t.Errorf("%s: accepted as %v, or refused for another reason: %v", tt.what, peer, err)
		}
	}
}

// Certificates for browsers count within the site and nowhere else, whoever trusts the region's root.
func TestServerCertificatesStayAtTheSite(t *testing.T) {
	w := newWorld(t)
	a := w.site("clinic-a")
	der := must(a.ca.IssueServer(must(a.ID.CSR()), []string{"clinic.lan", "bank.example"}, []net.IP{net.IPv4(192, 168, 1, 2)}, ServerLife))
	c := must(x509.ParseCertificate(der))
	if _, err := leafName(c); err == nil {
		t.Error("a server certificate passes for a node's")
	}
	site, region, mid := x509.NewCertPool(), x509.NewCertPool(), x509.NewCertPool()
	site.AddCert(a.ca.Root())
	region.AddCert(w.region.Root())
	mid.AddCert(a.ca.Cross())
	for _, name := range []string{"clinic.lan", "192.168.1.2"} {
		if _, err := c.Verify(x509.VerifyOptions{Roots: site, DNSName: name, CurrentTime: w.now}); err != nil {
			t.Error(err)
		}
	}
	if _, err := c.Verify(x509.VerifyOptions{Roots: region, Intermediates: mid, CurrentTime: w.now}); err == nil {
		t.Error("a site's CA vouches for bank.example to those who trust the region")
	}
	for _, tt := range []struct {
		names []string
		ips   []net.IP
	}{{[]string{"bank.example"}, nil}, {nil, []net.IP{net.IPv4(8, 8, 8, 8)}}, {nil, []net.IP{net.ParseIP("2001:db8::1")}}} {
		c := must(x509.ParseCertificate(must(a.ca.IssueServer(must(a.ID.CSR()), tt.names, tt.ips, time.Hour))))
		if _, err := c.Verify(x509.VerifyOptions{Roots: region, Intermediates: mid, CurrentTime: w.now}); err == nil {
			t.Errorf("%v %v is vouched for beyond the site", tt.names, tt.ips)
		}
	}
}

func TestDeviceCertificates(t *testing.T) {
	w := newWorld(t)
	a := w.site("clinic-a")
	c := must(x509.ParseCertificate(must(a.ca.IssueDevice(must(a.ID.CSR()), "bp-01", time.Hour))))
	if d, err := ParseDeviceName(c.URIs[0].String()); err != nil || d != (DeviceName{"clinic-a", "bp-01"}) {
		t.Error(d, err)
	}
	if _, err := a.Trust.verify([]*x509.Certificate{c}, SameSite, x509.ExtKeyUsageClientAuth, judgeStrict); err == nil {
		t.Error("a device passes for a node")
	}
	for _, id := range []string{"", "a/b", "a#", strings.Repeat("a", 65), "é"} {
		if _, err := a.ca.IssueDevice(must(a.ID.CSR()), id, 0); err == nil {
			t.Errorf("a device may be called %q", id)
		}
	}
	if _, err := w.region.IssueDevice(must(a.ID.CSR()), "x", 0); err == nil {
		t.Error("a region makes devices")
	}
}

func TestAuthorityNames(t *testing.T) {
	for _, tt := range []struct {
		scope Scope
		label string
	}{{ScopeRegion, LocalRegion}, {"planet", "earth"}, {ScopeSite, ""}, {ScopeSite, "A"}, {ScopeRegion, "a.b"}} {
		if _, err := NewAuthority(tt.scope, tt.label, nil); err == nil {
			t.Errorf("%v was made", tt)
		}
	}
	w := newWorld(t)
	a := w.site("clinic-a")
	if _, err := w.region.CrossSign(w.region.Root()); err == nil {
		t.Error("a region vouches for a region")
	}
	if _, err := a.ca.CrossSign(a.ca.Root()); err == nil {
		t.Error("a site vouches for a site")
	}
	other := must(NewAuthority(ScopeRegion, "sindh", w.time))
	if err := a.ca.SetCross(must(other.CrossSign(a.ca.Root())), w.region.Root()); err == nil {
		t.Error("a word of another region was taken")
	}
	if err := w.site("clinic-b").ca.SetCross(a.ca.Cross(), w.region.Root()); err == nil {
		t.Error("a word for another site was taken")
	}
}

func FuzzCertificates(f *testing.F) {
	w := newWorld(f)
	a := w.site("clinic-a")
	for _, b := range [][]byte{a.ca.Root().Raw, a.ca.Cross().Raw, w.region.Root().Raw, a.ID.Chain(UseSite).DER[0], must(a.ID.CSR()), must(a.ca.Export(nil)), must(a.ca.Export(make([]byte, 32)))} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if pub, id, err := ParseCSR(b); err == nil && (pub == nil || id.IsZero()) {
			t.Fatal("a request without a key was read")
		}
		ImportAuthority(b, make([]byte, 32), w.time)
		c, err := x509.ParseCertificate(b)
		if err != nil {
			return
		}
		if scope, label, err := CheckRoot(c); err == nil && checkScope(scope, label) != nil {
			t.Fatalf("a root of %q %q was read", scope, label)
		}
		if n, err := leafName(c); err == nil && n.ID != KeyID(c) {
			t.Fatal("a leaf with another's name was read")
		}
		if cross, err := w.region.CrossSign(c); err == nil && len(cross.Raw) > 2000 {
			t.Fatalf("a cross certificate of %d bytes was made", len(cross.Raw))
		}
	})
}
