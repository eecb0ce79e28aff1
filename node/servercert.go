package node

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/aielon/edge/hardware/mqtt"
	"github.com/aielon/edge/node/auth/pki"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
)

// A serverCert is the certificate devices and browsers see, issued by the site's authority, and anew at half its life or
// when the authority has a successor.
type serverCert struct {
	keys  *keys
	names []string // besides those of the box

	mu  sync.Mutex // guards cur, by
	cur *tls.Certificate
	by  *pki.Authority
}

// get makes the certificate where there is none that will do. A node that has just joined its site gets the
// authority within seconds; until then devices are told to come again.
func (s *serverCert) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	ca := s.keys.site.Load()
	if ca == nil {
		return nil, edge.E(edge.Unavailable, "this node has not received its site's authority yet").WithHint("try again in a moment")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cur != nil && s.by == ca && s.keys.trust.Now().Before(s.cur.Leaf.NotAfter.Add(-pki.ServerLife/2)) {
		return s.cur, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, edge.E(edge.Internal, "a key cannot be made: %w", err)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		return nil, edge.E(edge.Internal, "a certificate request cannot be made: %w", err)
	}
	names, ips := boxNames()
	der, err := ca.IssueServer(csr, append(slices.Clone(s.names), names...), ips, pki.ServerLife)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, edge.E(edge.Internal, "our own certificate cannot be read: %w", err)
	}
	s.cur, s.by = &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, ca
	return s.cur, nil
}

// boxNames is how devices may call this box.
func boxNames() (names []string, ips []net.IP) {
	names = []string{"localhost"}
	if h := hostname(); h != "" {
		names = append(names, h, h+".local")
	}
	addrs, _ := net.InterfaceAddrs()
	for _, a := range addrs {
		if p, ok := a.(*net.IPNet); ok && !p.IP.IsLinkLocalUnicast() {
			ips = append(ips, p.IP)
		}
	}
	return names, ips
}

// A sessionStore keeps the broker's sessions and retained messages in the readings store.
type sessionStore struct{ s *state.Store }

const brokerPrefix = "broker/"

// Load implements mqtt.SessionStore.
func (b *sessionStore) Load(context.Context) ([]mqtt.Entry, error) {
	v := b.s.View()
	defer v.Close()
	var list []mqtt.Entry
	for k, value := range v.Scan([]byte(brokerPrefix)) {
		list = append(list, mqtt.Entry{Key: string(k[len(brokerPrefix):]), Value: value})
	}
	return list, v.Err()
}

// Save implements mqtt.SessionStore.
func (b *sessionStore) Save(ctx context.Context, changes []mqtt.Entry) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return b.s.Commit(ctx, func(out *state.Batch) {
		for _, e := range changes {
			if e.Value == nil {
				out.Delete([]byte(brokerPrefix + e.Key))
			} else {
				out.Set([]byte(brokerPrefix+e.Key), e.Value)
			}
		}
	})
}
