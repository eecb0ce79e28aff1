package pki

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"slices"

	"github.com/aielon/edge/node/edge"
)

// A Proto is an application protocol of a connection between machines, as negotiated by ALPN.
type Proto string

const (
	ProtoRaft   Proto = "aielon-raft/1"   // the consensus of a site
	ProtoSite   Proto = "aielon-site/2"   // commands forwarded within a site
	ProtoGossip Proto = "aielon-gossip/1" // membership hints within a site
	ProtoSync   Proto = "aes/1"           // the uplink
	ProtoJoin   Proto = "aielon-join/1"   // no client certificate; guarded by join codes
	ProtoRenew  Proto = "aielon-renew/1"  // new certificates; the only one that opens to expired ones
)

// protoSite1 is what the first version of the program speaks in the place of ProtoSite.
const protoSite1 Proto = "aielon-site/1"

// Earlier lists the versions before p that are still spoken, newest first: offered after it, and answered like it.
func (p Proto) Earlier() []Proto {
	if p == ProtoSite {
		return []Proto{protoSite1}
	}
	return nil
}

// spoken are protocols with the earlier versions of each after it.
func spoken(protos []Proto) (all []Proto) {
	for _, p := range protos {
		all = append(append(all, p), p.Earlier()...)
	}
	return all
}

// callers says who may call under a protocol, callees who may answer. An unknown protocol is for nobody.
func (p Proto) callers() Peers {
	switch p {
	case ProtoRaft, ProtoSite, protoSite1, ProtoGossip:
		return SameSite
	case ProtoSync, ProtoRenew:
		return SameSite | Below
	}
	return 0
}

func (p Proto) callees() Peers {
	switch p {
	case ProtoRaft, ProtoSite, protoSite1, ProtoGossip:
		return SameSite
	case ProtoSync:
		return Above
	case ProtoRenew:
		return SameSite | Above
	}
	return 0
}

// lane reports whether sessions of the protocol are one-off exchanges that must not be resumed.
func (p Proto) lane() bool { return p == ProtoJoin || p == ProtoRenew }

// serverName is sent in place of a host name: names of sites do not belong on the wire in clear.
const serverName = "aielon-edge"

// An Endpoint makes the TLS configurations of one node. They follow changes of identity and trust by
// themselves, so one configuration serves for the life of a listener or dialler.
type Endpoint struct {
	ID    *Identity
	Trust *Trust
	// Known reports whether a node is registered here; it is asked before a leaf that is out of its time
	// may renew. Nil: nobody is.
	Known func(edge.NodeID) bool
	// OutOfTime, where set, is called when a node that was called is refused and its certificate is out of
	// its time: our own clock may be the one that is wrong. It must not block.
	OutOfTime func()
	// Refused, where set, is called when somebody who calls shows a certificate that does not hold, also on a session
	// that is resumed: who it says it is, and under which protocol. It must not block.
	Refused func(key edge.NodeID, p Proto)

	tickets *ticketKeys
	cache   tls.ClientSessionCache
}

// NewEndpoint puts an identity and what it trusts together.
func NewEndpoint(id *Identity, t *Trust, known func(edge.NodeID) bool) *Endpoint {
	return &Endpoint{ID: id, Trust: t, Known: known, tickets: &ticketKeys{}, cache: tls.NewLRUClientSessionCache(64)}
}

// ServerConfig accepts connections under the protocols named, the first the client also offers. All
// checks are made in VerifyConnection, which also runs where a session is resumed; see DESIGN.md.
func (e *Endpoint) ServerConfig(protos ...Proto) *tls.Config {
	protos = spoken(protos)
	c := e.base(names(protos))
	c.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		for _, p := range protos {
			if slices.Contains(h.SupportedProtos, string(p)) {
				return e.serverFor(p), nil
			}
		}
		return nil, edge.E(edge.Denied, "the caller offers no protocol spoken here")
	}
	return c
}

func (e *Endpoint) serverFor(p Proto) *tls.Config {
	c := e.base([]string{string(p)})
	c.GetCertificate = func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if cert := e.shown(p, h.ServerName); cert != nil {
			return cert, nil
		}
		return nil, edge.E(edge.Unavailable, "this node has no certificate yet")
	}
	if p.lane() {
		c.SessionTicketsDisabled = true
	} else {
		c.SetSessionTicketKeys(e.tickets.forProto(p, e.Trust.Now()))
	}
	if p == ProtoJoin {
		c.ClientAuth = tls.NoClientCert
		return c
	}
	c.ClientAuth = tls.RequireAnyClientCert // proof of the key is TLS's, everything else VerifyConnection's
	c.VerifyConnection = func(cs tls.ConnectionState) error {
		_, err := e.Caller(cs)
		e.told(cs, p, err)
		return err
	}
	return c
}

// told passes on that a certificate does not hold.
func (e *Endpoint) told(cs tls.ConnectionState, p Proto, err error) {
	if err != nil && e.Refused != nil && len(cs.PeerCertificates) > 0 {
		e.Refused(KeyID(cs.PeerCertificates[0]), p)
	}
}

// ClientConfig calls under one protocol. The node that answers must be in the relation the protocol
// asks for and, where pin is not zero, be that very node.
func (e *Endpoint) ClientConfig(p Proto, pin edge.NodeID) *tls.Config {
	return e.client(p, p.callees(), pin)
}

// RenewConfig calls the renewal lane of one relation: SameSite for the leader, Above for the hub. The
// server's leaf may look out of its time here; Trust.TimeWithin must then judge the time it tells.
func (e *Endpoint) RenewConfig(want Peers, pin edge.NodeID) *tls.Config {
	return e.client(ProtoRenew, want&ProtoRenew.callees(), pin)
}

func (e *Endpoint) client(p Proto, want Peers, pin edge.NodeID) *tls.Config {
	c := e.base(names(spoken([]Proto{p})))
	c.InsecureSkipVerify = true // #nosec G402 -- names here are not host names: VerifyConnection checks all there is, also on resumption
	c.ServerName = serverName
	c.SessionTicketsDisabled = p.lane()
	c.ClientSessionCache = scopedCache{e.cache, string(p) + " " + pin.String() + " "}
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		if ch := e.calling(want); ch != nil {
			return ch.tls, nil
		}
		return &tls.Certificate{}, nil
	}
	c.VerifyConnection = func(cs tls.ConnectionState) error {
		peer, err := e.callee(cs, want)
		if err == nil && !pin.IsZero() && peer.Name.ID != pin {
			err = edge.E(edge.Denied, "node %s answered where node %s was called", peer.Name.ID.Short(), pin.Short())
		}
		return err
	}
	return c
}

// JoinConfig calls a machine nothing is known of but the hash of its CA's key. The leaf must be signed by
// that very CA, so that neither another site of the region nor anybody else can take the code. Its time is
// not looked at: a joiner's clock may stand anywhere, and the pin is what is trusted.
func JoinConfig(pin edge.NodeID) *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS13, NextProtos: []string{string(ProtoJoin)}}
	c.InsecureSkipVerify = true // #nosec G402 -- VerifyConnection checks the pinned CA
	c.ServerName = pinName(pin)
	c.SessionTicketsDisabled = true
	c.VerifyConnection = func(cs tls.ConnectionState) error {
		_, _, err := Pinned(cs, pin)
		return err
	}
	return c
}

// Pinned checks that the other side's leaf is signed by the CA whose key hashes to pin, and returns the
// leaf's name and that CA. It fails with Denied.
func Pinned(cs tls.ConnectionState, pin edge.NodeID) (Name, *x509.Certificate, error) {
	other := edge.E(edge.Denied, "the machine that answered does not belong to whoever made this code").
		WithHint("check the address; if it is right, somebody may be in between: ask for a new code in person")
	if cs.NegotiatedProtocol != string(ProtoJoin) || len(cs.PeerCertificates) < 2 || len(cs.PeerCertificates) > maxChain+1 {
		return Name{}, nil, other
	}
	leaf := cs.PeerCertificates[0]
	name, err := leafName(leaf)
	if err != nil {
		return Name{}, nil, other
	}
	for _, ca := range cs.PeerCertificates[1:] {
		if KeyID(ca) != pin {
			continue
		}
		scope, label, err := CheckRoot(ca)
		ok := err == nil && leaf.CheckSignatureFrom(ca) == nil &&
			(scope == ScopeRegion && name.Role == RoleHub && name.Region == label || scope == ScopeSite && name.Role == RoleNode && name.Site == label)
		if ok {
			return name, ca, nil
		}
	}
	return Name{}, nil, other
}

// Caller checks who called, on the server's side of an established connection.
func (e *Endpoint) Caller(cs tls.ConnectionState) (Peer, error) {
	p := Proto(cs.NegotiatedProtocol)
	j := judgeStrict
	if p == ProtoRenew {
		j = judgeLate
	}
	peer, err := e.Trust.verify(cs.PeerCertificates, p.callers(), x509.ExtKeyUsageClientAuth, j)
	if err == nil && !peer.Fresh && (e.Known == nil || !e.Known(peer.Name.ID)) {
		err = edge.E(edge.Denied, "the certificate of %s is out of its time, and the node is not known here", peer.Name)
	}
	if err != nil {
		return Peer{}, err
	}
	return peer, nil
}

// Callee checks who answered, on the client's side of an established connection.
func (e *Endpoint) Callee(cs tls.ConnectionState) (Peer, error) {
	return e.callee(cs, Proto(cs.NegotiatedProtocol).callees())
}

func (e *Endpoint) callee(cs tls.ConnectionState, want Peers) (Peer, error) {
	j := judgeStrict
	if Proto(cs.NegotiatedProtocol) == ProtoRenew {
		j = judgeLost
	}
	want &= Proto(cs.NegotiatedProtocol).callees() // nothing negotiated, nobody wanted
	peer, err := e.Trust.verify(cs.PeerCertificates, want, x509.ExtKeyUsageServerAuth, j)
	if err != nil && len(cs.PeerCertificates) > 0 && e.OutOfTime != nil {
		leaf, now := cs.PeerCertificates[0], e.Trust.Now()
		if now.Before(leaf.NotBefore) || now.After(leaf.NotAfter) {
			e.OutOfTime()
		}
	}
	return peer, err
}

// CheckChain checks that a chain received for this node will be accepted where it is to be shown, before
// it takes the place of one that works. The hub's word is looked at by the time just told.
func (e *Endpoint) CheckChain(u Use, der [][]byte) error {
	c, err := e.ID.check(u, der)
	if err != nil {
		return err
	}
	kind := RootSite
	if u == UseUp {
		kind = RootAbove
	}
	now := e.Trust.Now()
	for _, root := range e.Trust.Roots(kind) {
		if c.Leaf.CheckSignatureFrom(root) == nil && !now.Before(c.Leaf.NotBefore) && now.Before(c.Leaf.NotAfter) && c.Name.Site == e.Trust.Site() {
			return nil
		}
	}
	return edge.E(edge.Invalid, "the certificate received for %s does not hold here", c.Name)
}

// PeerID returns who is at the other end of a connection made with a configuration of this package. It
// reads what VerifyConnection has checked and fails with Denied where there is no node certificate.
func PeerID(cs tls.ConnectionState) (edge.NodeID, Name, error) {
	if len(cs.PeerCertificates) == 0 {
		return edge.NodeID{}, Name{}, edge.E(edge.Denied, "the other side has shown no certificate")
	}
	n, err := leafName(cs.PeerCertificates[0])
	if err != nil {
		return edge.NodeID{}, Name{}, err
	}
	return n.ID, n, nil
}

func (e *Endpoint) base(protos []string) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS13, NextProtos: protos, Time: e.Trust.Now}
}

// shown is the certificate this node answers with.
func (e *Endpoint) shown(p Proto, sni string) *tls.Certificate {
	if p == ProtoJoin {
		return e.pinned(sni)
	}
	if hub := e.ID.Chain(UseHub); hub != nil && (p == ProtoSync || p == ProtoRenew) {
		return hub.tls
	}
	if c := e.ID.Chain(UseSite); c != nil {
		return c.tls
	}
	return nil
}

// pinned is the chain, root included, whose root the joiner names.
func (e *Endpoint) pinned(sni string) *tls.Certificate {
	for _, o := range [...]struct {
		use  Use
		kind RootKind
	}{{UseHub, RootRegion}, {UseSite, RootSite}} {
		chain := e.ID.Chain(o.use)
		if chain == nil {
			continue
		}
		for _, root := range e.Trust.Roots(o.kind) {
			if pinName(KeyID(root)) == sni && chain.Leaf.CheckSignatureFrom(root) == nil {
				return &tls.Certificate{Certificate: [][]byte{chain.DER[0], root.Raw}, PrivateKey: e.ID.key, Leaf: chain.Leaf}
			}
		}
	}
	return nil
}

// calling is the chain this node calls with. Towards the hub that is the site's chain, unless the site's
// CA could not keep it good and the hub helped out.
func (e *Endpoint) calling(want Peers) *Chain {
	site, up := e.ID.Chain(UseSite), e.ID.Chain(UseUp)
	now := e.Trust.Now()
	if want == Above && up.good(now) && !(site.good(now) && site.Cross()) {
		return up
	}
	return site
}

// pinName is how a joiner tells the server which CA it expects: the first half of the hash, which is public.
func pinName(pin edge.NodeID) string { return hex.EncodeToString(pin[:16]) }

func names(protos []Proto) []string {
	s := make([]string, len(protos))
	for i, p := range protos {
		s[i] = string(p)
	}
	return s
}

// scopedCache keeps the sessions of different purposes apart in one bounded cache.
type scopedCache struct {
	tls.ClientSessionCache
	scope string
}

// Get and Put implement tls.ClientSessionCache.
func (c scopedCache) Get(key string) (*tls.ClientSessionState, bool) {
	return c.ClientSessionCache.Get(c.scope + key)
}

// Put stores a session under the scope of its purpose.
func (c scopedCache) Put(key string, s *tls.ClientSessionState) {
	c.ClientSessionCache.Put(c.scope+key, s)
}
