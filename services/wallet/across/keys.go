package across

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// A Proof is what certifies the key of a site: a node of the site signs it with the key of its certificate, which leads
// to the region's authority.
type Proof struct {
	Site   string    `json:"site"`
	Public []byte    `json:"public"`
	Time   time.Time `json:"time"`
	Chain  [][]byte  `json:"chain"` // certificates in DER, the node's first, the root left out
	Sig    []byte    `json:"sig"`   // ECDSA over the SHA-256 of Signed
}

// Signed is what the node signs.
func (p Proof) Signed() [32]byte {
	b, _ := json.Marshal(Proof{Site: p.Site, Public: p.Public, Time: p.Time.UTC()}) // plain fields always encode
	return hash(append([]byte("aielon-edge/wallet/across/key/1\x00"), b...))
}

// KeyRequest says which site this is.
type KeyRequest struct {
	Site string `json:"site"`
}

// KeyReply is what may be known of the key.
type KeyReply struct {
	Public []byte `json:"public"`
	Proof  []byte `json:"proof,omitempty"` // as it was announced last
}

// Self is what may be known of this site's key; found is false before it has one.
func Self(v edge.View) (reply KeyReply, found bool, err error) {
	me, found, err := load[selfRow](v, key(rowSelf))
	return KeyReply{Public: me.Public, Proof: me.Proof}, found, err
}

func (x *Across) makeKey(tx edge.Tx, in KeyRequest) (KeyReply, error) {
	if err := onlyNodes(tx); err != nil {
		return KeyReply{}, err
	}
	me, found, err := load[selfRow](tx, key(rowSelf))
	switch {
	case err != nil:
		return KeyReply{}, err
	case found && me.Site != in.Site:
		return KeyReply{}, edge.E(edge.Conflict, "the site's key was made for site %s", me.Site)
	case found:
		return KeyReply{Public: me.Public, Proof: me.Proof}, nil
	case !isSite(in.Site):
		return KeyReply{}, invalid("a site is named with small letters, digits and hyphens")
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return KeyReply{}, edge.E(edge.Internal, "no key can be made: %w", err)
	}
	me = selfRow{Site: in.Site, Seed: private.Seed(), Public: public}
	return KeyReply{Public: public}, save(tx, key(rowSelf), me)
}

// announce keeps what certifies the site's key, and has the hub tell all others.
func announce(tx edge.Tx, p Proof) (struct{}, error) {
	if err := onlyNodes(tx); err != nil {
		return struct{}{}, err
	}
	me, found, err := load[selfRow](tx, key(rowSelf))
	if err != nil {
		return struct{}{}, err
	}
	if !found || me.Site != p.Site || !bytes.Equal(me.Public, p.Public) {
		return struct{}{}, edge.E(edge.Conflict, "this is not the site's key")
	}
	if me.Proof, err = json.Marshal(p); err != nil {
		return struct{}{}, edge.E(edge.Internal, "a proof cannot be written: %w", err)
	}
	tx.Emit(edge.Event{Type: EventKey, Subject: "site:" + p.Site, Class: edge.SiteOnly, Urgency: edge.Ledger, Body: me.Proof})
	return struct{}{}, save(tx, key(rowSelf), me)
}

// Accept is the key of another site, as a node has verified it.
type Accept struct {
	Site   string `json:"site"`
	Public []byte `json:"public"`
}

// Accepted says whether it counts.
type Accepted struct {
	Believed bool `json:"believed"` // false: the site had another key, and a person has to decide
}

// accept believes the first key of a site. Another than before needs a person: whoever holds the region's authority
// could otherwise become any site, at any time.
func accept(tx edge.Tx, in Accept) (out Accepted, err error) {
	if err := onlyNodes(tx); err != nil {
		return out, err
	}
	if !isSite(in.Site) || len(in.Public) != ed25519.PublicKeySize {
		return out, invalid("this is not the key of a site")
	}
	k := key(rowPeer, []byte(in.Site))
	p, found, err := load[peerRow](tx, k)
	switch {
	case err != nil:
		return out, err
	case !found:
		return Accepted{true}, save(tx, k, peerRow{Public: in.Public, Since: tx.Now()})
	case bytes.Equal(p.Public, in.Public):
		return Accepted{true}, nil
	case bytes.Equal(p.Proposed, in.Public):
		return out, nil
	}
	p.Proposed = in.Public
	tx.Emit(edge.Event{Type: EventTrouble, Subject: "site:" + in.Site, Class: edge.SiteOnly, Urgency: edge.Ledger, Body: []byte(`{"code":"` + CodePeerKey + `"}`)})
	return out, save(tx, k, p)
}

// Believes reports whether the key of a site is known here as it is.
func Believes(v edge.View, site string, public []byte) (bool, error) {
	p, found, err := load[peerRow](v, key(rowPeer, []byte(site)))
	return found && (bytes.Equal(p.Public, public) || bytes.Equal(p.Proposed, public)), err
}

func fingerprint(public []byte) string {
	if len(public) == 0 {
		return ""
	}
	sum := hash(public)
	return hex.EncodeToString(sum[:])
}

func (p peerRow) message(site string) *walletv1.Peer {
	return &walletv1.Peer{Site: site, Fingerprint: fingerprint(p.Public), Since: timestamppb.New(p.Since), Proposed: fingerprint(p.Proposed)}
}

func listPeers(v edge.View, _ *walletv1.ListPeersRequest) (*walletv1.ListPeersResponse, error) {
	out := &walletv1.ListPeersResponse{}
	me, found, err := load[selfRow](v, key(rowSelf))
	if err != nil {
		return nil, err
	}
	if found {
		out.Peers = append(out.Peers, &walletv1.Peer{Site: me.Site, Fingerprint: fingerprint(me.Public), Self: true})
	}
	under := key(rowPeer)
	for k := range v.Scan(under) {
		p, _, err := load[peerRow](v, k)
		if err != nil {
			return nil, err
		}
		out.Peers = append(out.Peers, p.message(string(k[len(under):])))
	}
	_, out.Recovering, err = load[recoverRow](v, key(rowRecover))
	if err != nil {
		return nil, err
	}
	return out, v.Err()
}

func confirmPeer(tx edge.Tx, in *walletv1.ConfirmPeerRequest) (*walletv1.Peer, error) {
	k := key(rowPeer, []byte(in.GetSite()))
	p, found, err := load[peerRow](tx, k)
	switch {
	case err != nil:
		return nil, err
	case !found:
		return nil, edge.E(edge.NotFound, "no site of this name is known here").WithHint("its key comes from the hub").WithCode(CodePeer)
	case fingerprint(p.Public) == in.GetFingerprint():
		return p.message(in.GetSite()), nil
	case fingerprint(p.Proposed) != in.GetFingerprint():
		return nil, edge.E(edge.Conflict, "the site shows a key of another fingerprint").WithHint("ask that site which one is right").WithCode(CodePeerKey)
	}
	p = peerRow{Public: p.Proposed, Since: tx.Now()}
	return p.message(in.GetSite()), save(tx, k, p)
}
