package node

import (
	"context"
	"crypto"
	"crypto/tls"
	"encoding/json"
	"io"
	"strings"
	"time"

	"github.com/aielon/edge/cluster/site"
	"github.com/aielon/edge/node/auth/pki"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
	"github.com/aielon/edge/sync/hub"
	"github.com/aielon/edge/sync/hub/badgerstore"
	"github.com/aielon/edge/sync/hub/pgstore"
	"github.com/aielon/edge/sync/hub/store"
	"github.com/aielon/edge/sync/join"
	"github.com/aielon/edge/sync/uplink"
	"github.com/aielon/edge/sync/wire"
)

// A hubPart is what a node has besides when it is a hub.
type hubPart struct {
	n      *Node
	h      *hub.Hub
	store  store.Store
	badger *state.Store // nil with PostgreSQL
	port   *port        // where sites join and renew
	money  *router      // of notes between sites
}

func (n *Node) openHub(ctx context.Context) (err error) {
	if n.cfg.Role != "hub" {
		return nil
	}
	p := &hubPart{n: n}
	codec, err := wire.NewCodec(4)
	if err != nil {
		return err
	}
	n.onClose(codec.Close)
	if err := p.openStore(ctx, codec); err != nil {
		return err
	}
	if p.port, err = newPort(n.cfg.Hub.JoinAddr, n.keys.end, n.part("join port"), pki.ProtoJoin, pki.ProtoRenew); err != nil {
		return err
	}
	n.onClose(func() error { p.port.l.Close(); return nil })
	p.h, err = hub.Open(ctx, hub.Options{Addr: n.cfg.Hub.Addr, TLS: n.keys.end.ServerConfig(pki.ProtoSync), PeerID: n.admitted, Child: n.joinedAsHub,
		Store: p.store, Codec: codec, Self: n.keys.id.ID(), Signer: regionSigner{n.keys.region.Load()}, Kick: func(wire.StreamID) { n.up.kick() },
		Keep: n.cfg.Hub.Keep.classes(), Parent: n.hasHub,
		Objects: &hub.Objects{Store: n.blobs.s, PerNode: int64(n.cfg.Hub.NodeObjects), Largest: int64(n.cfg.Storage.Blobs), Held: n.blobs.known},
		Clock:   n.keys.trust.Now, ResetKey: [32]byte(n.keys.derive("quic/reset")), TokenKey: [32]byte(n.keys.derive("quic/token")), Logger: n.part("hub")})
	if err != nil {
		return err
	}
	n.onClose(p.h.Close)
	p.money = newRouter(p)
	n.hub = p
	return nil
}

// classes is what is kept, class by class, as the hub takes it.
func (k KeepConfig) classes() map[edge.Urgency]hub.Keep {
	m := map[edge.Urgency]hub.Keep{}
	for u, c := range map[edge.Urgency]KeepClass{edge.Community: k.Community, edge.Telemetry: k.Telemetry, edge.Bulk: k.Bulk} {
		m[u] = hub.Keep{Age: time.Duration(c.Age), Bytes: uint64(c.Size)}
	}
	return m
}

func (p *hubPart) openStore(ctx context.Context, codec *wire.Codec) (err error) {
	n := p.n
	if n.cfg.Hub.Store == "postgres" {
		url, err := pki.ReadPrivate(n.cfg.Hub.PostgresFile)
		if err != nil {
			return err
		}
		pg, err := pgstore.Open(ctx, pgstore.Options{URL: strings.TrimSpace(string(url)), Logger: n.part("hub store")})
		if err != nil {
			return err
		}
		p.store = pg
		n.onClose(pg.Close)
		return nil
	}
	if p.badger, err = state.Open(ctx, n.storeOptions("hub", "hub")); err != nil {
		return err
	}
	n.onClose(p.badger.Close)
	p.store, err = badgerstore.Open(p.badger, codec, false)
	return err
}

// admitted says who is at the other end, and registers further nodes of a site that has joined.
func (n *Node) admitted(cs tls.ConnectionState) (edge.NodeID, string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), handshakeTime)
	defer cancel()
	peer, err := join.Admit(ctx, n.keys.end, roll{n}, cs)
	return peer.Name.ID, peer.Name.Site, err
}

// joinedAsHub reports whether a peer's site joined this region as a hub: it brings what others gave it.
func (n *Node) joinedAsHub(p hub.Peer) bool {
	v := n.site.View()
	defer v.Close()
	s, known, err := load[siteRow](v, []byte(sitePrefix+p.Site))
	return err == nil && known && s.Hub && !s.Remove
}

func (p *hubPart) parts() []edge.Part {
	return []edge.Part{p.h, partFunc{"join port", p.port.run}, partFunc{"own records", p.takeOwn}, partFunc{"audit of delivered journals", p.vouchDelivered}, partFunc{"money between sites", p.money.run}}
}

// takeOwn puts this box's own records into the hub's store: they are on the hub then, kept and handed on as
// those of any node.
func (p *hubPart) takeOwn(ctx context.Context) error {
	n := p.n
	return p.h.TakeOwn(ctx, hub.Owns{Site: n.keys.trust.Site(), Origins: []string{n.keys.id.ID().String(), site.Origin(n.keys.trust.Site())}, Doubt: n.doubt, Moved: n.ownMoved,
		Sources: func() (list []hub.Own) {
			for _, s := range n.own() {
				list = append(list, ownSource{s})
			}
			return list
		}})
}

// ownMoved is another number whenever a journal of this box may have something new. An idle hub asks it every
// second: it makes no garbage.
func (n *Node) ownMoved() uint64 {
	sum := n.site.Applied() << 1
	if _, self := n.raft.Leader(); self && n.raft.Leadership().Ready && !n.forkDue.Load() {
		sum++
	}
	for _, u := range edge.Urgencies() {
		h := n.journals.Journal(u).Head()
		sum = sum*31 + h.Epoch + h.Seq
	}
	return sum
}

type ownSource struct{ *source }

// Begun implements hub.Own.
func (o ownSource) Begun(number uint64) (genesis, fork edge.Pos, reason string, ok bool) {
	e, ok := o.Epoch(number)
	return e.First, e.Fork, e.Reason, ok
}

func (p *hubPart) addr() string { return p.h.Addr() }

// joinAddr is where sites reach the join port: on the machine whose sync port they are told of.
func (p *hubPart) joinAddr() string {
	_, ips := boxNames()
	return reachable(p.port.l.Addr().String(), p.n.cfg.Hub.Advertise, ips)
}

// regionSigner signs what the hub sends down with the key of its region, which every site below trusts.
type regionSigner struct{ ca *pki.Authority }

func (r regionSigner) Public() crypto.PublicKey { return r.ca.Root().PublicKey }
func (r regionSigner) Sign(_ io.Reader, digest []byte, _ crypto.SignerOpts) ([]byte, error) {
	if len(digest) != 32 {
		return nil, edge.E(edge.Internal, "the region signs SHA-256 sums only")
	}
	return r.ca.Sign([32]byte(digest))
}

// forwarded lists the streams this hub hands on to a hub above.
func (n *Node) forwarded() []uplink.Source {
	if n.hub == nil || !n.hasHub() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	list, err := n.hub.h.Sources(ctx)
	if err != nil {
		n.log.Warn("the streams to hand on cannot be listed", "error", err)
		return nil
	}
	var out []uplink.Source
	for _, s := range list {
		out = append(out, forwardedSource{s})
	}
	return out
}

type forwardedSource struct{ *hub.Source }

// Foreign implements uplink.Foreign.
func (f forwardedSource) Foreign() bool { return true }

// Epoch implements uplink.Epochs.
func (f forwardedSource) Epoch(number uint64) (uplink.Epoch, bool) {
	genesis, fork, why, ok := f.Source.Epoch(number)
	return uplink.Epoch{First: genesis, Fork: fork, Reason: why}, ok
}

// NodeInfo is one node a hub knows.
type NodeInfo struct {
	ID      edge.NodeID `json:"id"`
	Site    string      `json:"site"`
	State   string      `json:"state"` // "online", "away", "revoked"
	Desired uint64      `json:"desired"`
	Applied uint64      `json:"applied"`
	InForce string      `json:"in_force,omitempty"` // what the node says of its configuration, JSON
	Trouble string      `json:"trouble,omitempty"`  // why it did not apply the newest
	Seen    time.Time   `json:"seen"`
}

// CommandRequest asks for a command to a node.
type CommandRequest struct {
	Name string          `json:"name"`
	Body json.RawMessage `json:"body,omitempty"`
	Life time.Duration   `json:"life"`
}

func (p *hubPart) nodes(ctx context.Context) []NodeInfo {
	online := map[edge.NodeID]bool{}
	for _, s := range p.h.Sessions() {
		online[s.Node] = true
	}
	list := []NodeInfo{}
	for _, x := range p.h.Nodes() {
		i := NodeInfo{ID: x.ID, Site: x.Site, Seen: x.Seen, State: "away"}
		switch {
		case x.Revoked != "":
			i.State = "revoked"
		case online[x.ID]:
			i.State, i.Seen = "online", time.Now()
		}
		if d, err := p.h.Desired(ctx, x.ID); err == nil {
			i.Desired = d.Version
		}
		if r, err := p.h.Reported(ctx, x.ID); err == nil {
			i.Applied, i.InForce, i.Trouble = r.Version, string(r.Doc), r.Err
		}
		list = append(list, i)
	}
	return list
}

// revoke ends the trust in a node of this site, or of the region where this node is a hub.
func (n *Node) revoke(ctx context.Context, id edge.NodeID) error {
	err := n.propose(ctx, opMemberRemove, removal{id}, nil)
	if n.hub == nil || err != nil && !edge.IsKind(err, edge.NotFound) {
		return err
	}
	if err := n.keys.trust.Revoke(id); err != nil {
		return err
	}
	return n.hub.h.Revoke(ctx, id, "revoked by the operator")
}

func (p *hubPart) send(ctx context.Context, id edge.NodeID, q CommandRequest) (edge.ID, error) {
	if q.Life <= 0 || q.Life > 30*24*time.Hour {
		return edge.ID{}, edge.E(edge.Invalid, "a command must expire within 30 days")
	}
	now := p.n.keys.trust.Now()
	c := hub.Command{ID: edge.NewID(), Node: id, Name: q.Name, Body: q.Body, NotBefore: now, Expires: now.Add(q.Life)}
	return c.ID, p.h.Send(ctx, c)
}
