package join

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"time"

	"github.com/aielon/edge/node/auth/pki"
	"github.com/aielon/edge/node/edge"
)

// joinRequest asks to be let in. It is sent only after the server has proved to be the code's maker.
type joinRequest struct {
	edge.Redacted

	V      int          `json:"v"`
	Code   string       `json:"code"`   // Code.Key
	Secret []byte       `json:"secret"` // Code.Secret
	Role   pki.JoinRole `json:"role"`
	CSR    []byte       `json:"csr"`
	Proof  []byte       `json:"proof"` // by the node's key, over this connection
	// For sites and hubs:
	SiteCA    []byte `json:"site_ca,omitempty"`
	SiteProof []byte `json:"site_proof,omitempty"` // by the site CA's key, over this connection

	Addr  string `json:"addr,omitempty"`  // where the node's cluster port can be reached
	Label string `json:"label,omitempty"` // what people call the box
	Build string `json:"build,omitempty"`
}

// joinAnswer lets in, or says why not.
type joinAnswer struct {
	edge.Redacted

	V       int           `json:"v"`
	Refused *refusal      `json:"refused,omitempty"`
	Site    string        `json:"site,omitempty"`
	Region  string        `json:"region,omitempty"`
	Chain   [][]byte      `json:"chain,omitempty"` // for a node
	Cross   []byte        `json:"cross,omitempty"` // for a site or hub
	Roots   []pki.Root    `json:"roots,omitempty"`
	Hubs    []string      `json:"hubs,omitempty"`
	Peers   []string      `json:"peers,omitempty"`
	Members []edge.NodeID `json:"members,omitempty"`
	Secret  []byte        `json:"secret,omitempty"`
	Time    time.Time     `json:"time"`
}

type renewKind string

const (
	renewTime  renewKind = "time"  // nothing but the time
	renewLeaf  renewKind = "leaf"  // a new leaf for the key the caller has proved
	renewCross renewKind = "cross" // the region's word for a successor of the site's CA
)

type renewRequest struct {
	V    int       `json:"v"`
	Kind renewKind `json:"kind"`
	CSR  []byte    `json:"csr,omitempty"`

	SiteCA    []byte `json:"site_ca,omitempty"`
	SiteProof []byte `json:"site_proof,omitempty"` // by the new CA's key, over this connection
	OldProof  []byte `json:"old_proof,omitempty"`  // by the key of the CA the region knows
}

type renewAnswer struct {
	V       int       `json:"v"`
	Refused *refusal  `json:"refused,omitempty"`
	Chain   [][]byte  `json:"chain,omitempty"`
	Cross   []byte    `json:"cross,omitempty"`
	Time    time.Time `json:"time"`
}

// refusal is an edge.Error on the wire.
type refusal struct {
	Kind edge.Kind `json:"kind"`
	Msg  string    `json:"msg"`
	Hint string    `json:"hint,omitempty"`
}

// refuse turns an error into words for the other side. What is our own trouble stays here.
func refuse(err error) *refusal {
	var e *edge.Error
	if !errors.As(err, &e) || e.Kind == edge.Internal {
		return &refusal{Kind: edge.Internal, Msg: "the other side has a fault of its own", Hint: "look at its log"}
	}
	return &refusal{Kind: e.Kind, Msg: e.Msg, Hint: e.Hint}
}

// err turns a refusal back into an error, trusting it with nothing but words of bounded length.
func (r *refusal) err() error {
	if r == nil {
		return nil
	}
	k := r.Kind
	if k > edge.Corrupt {
		k = edge.Internal
	}
	return &edge.Error{Kind: k, Msg: clip(r.Msg, 400), Hint: clip(r.Hint, 400)}
}

// What a proof is made for is part of it, so that one cannot stand for another.
const (
	proofNode = "aielon-edge/join/1/node"
	proofSite = "aielon-edge/join/1/site"
	proofOld  = "aielon-edge/join/1/successor"
)

// proofDigest binds a statement to one TLS connection through its exporter (RFC 8446 section 7.5), so
// that a proof cannot be taken to another connection.
func proofDigest(cs tls.ConnectionState, what string, about []byte) ([32]byte, error) {
	ekm, err := cs.ExportKeyingMaterial("EXPORTER-"+what, nil, 32)
	if err != nil {
		return [32]byte{}, edge.E(edge.Internal, "the connection cannot be bound: %w", err)
	}
	h := sha256.New()
	h.Write([]byte(what + "\x00"))
	h.Write(ekm)
	h.Write(about)
	return [32]byte(h.Sum(nil)), nil
}

func signProof(cs tls.ConnectionState, key crypto.Signer, what string, about []byte) ([]byte, error) {
	d, err := proofDigest(cs, what, about)
	if err != nil {
		return nil, err
	}
	sig, err := key.Sign(rand.Reader, d[:], crypto.SHA256)
	if err != nil {
		return nil, edge.E(edge.Internal, "nothing can be signed: %w", err)
	}
	return sig, nil
}

func checkProof(cs tls.ConnectionState, pub *ecdsa.PublicKey, what string, about, sig []byte) error {
	d, err := proofDigest(cs, what, about)
	if err != nil {
		return err
	}
	if !ecdsa.VerifyASN1(pub, d[:], sig) {
		return edge.E(edge.Denied, "the proof of holding the key does not hold")
	}
	return nil
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n] + "…"
}
