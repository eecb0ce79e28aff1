package node

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/aielon/edge/node/auth/pki"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/join"
)

// JoinRequest asks a node to join a hub or a site.
type JoinRequest struct {
	edge.Redacted

	Addr string `json:"addr"` // the join port of the hub, or the cluster port of a node of the site
	Code string `json:"code"`
}

// Joined says what came of it.
type Joined struct {
	Message string `json:"message"`
}

// InviteRequest asks for a one-time code.
type InviteRequest struct {
	Role string        `json:"role"` // "node", "site", "hub", or "auto": what this node invites to by its own role
	Site string        `json:"site"`
	Life time.Duration `json:"life"`
}

// An Invitation is a code and where it is to be used.
type Invitation struct {
	edge.Redacted

	Code    string    `json:"code"`
	Addr    string    `json:"addr"`
	Expires time.Time `json:"expires"`
}

func (n *Node) openJoin(context.Context) error {
	n.joins = &join.Server{End: n.keys.end, SiteCA: n.keys.site.Load, RegionCA: n.keys.region.Load,
		Codes: notedCodes{join.SiteCodes{Site: n.site, Self: n.actor()}, n.doors}, Members: roll{n}, Welcome: n.welcome, Log: n.part("join")}
	return n.ensureSecret()
}

// notedCodes has it recorded when a code lets nobody in: it was used, is too old, or was guessed.
type notedCodes struct {
	join.Codes
	doors *doorkeeper
}

// Spend implements join.Codes.
func (c notedCodes) Spend(ctx context.Context, key string, hash [32]byte, node edge.NodeID) (pki.CodeRecord, error) {
	rec, err := c.Codes.Spend(ctx, key, hash, node)
	if edge.IsKind(err, edge.Denied) {
		c.doors.newcomer(node)
	}
	return rec, err
}

// openRenewal prepares what keeps this node's certificates alive, its clock credible, and the site's
// authority in good time succeeded.
func (n *Node) openRenewal() {
	dial := func(ctx context.Context, addr string) (net.Conn, error) {
		return dialer().DialContext(ctx, "tcp", addr)
	}
	n.renewer = &join.Renewer{End: n.keys.end, SiteCA: n.keys.site.Load, RegionCA: n.keys.region.Load, Sources: n.renewalSources, Dial: dial, Log: n.part("certificates")}
	n.succession = n.newSuccession(dial)
	n.keys.end.OutOfTime = n.outOfTime
	n.keys.end.Refused = n.doors.certificate
}

// clockDoubtEvery is how often a peer's certificate may make this node ask for the time.
const clockDoubtEvery = time.Minute

// outOfTime has the time asked for: somebody this node called has a certificate that is out of its time, and
// it may be our own clock that is wrong.
func (n *Node) outOfTime() {
	now, last := time.Now().UnixNano(), n.doubted.Load()
	if now-last >= int64(clockDoubtEvery) && n.doubted.CompareAndSwap(last, now) {
		n.renewer.Kick()
	}
}

// welcome is what a machine gets to know once it is in.
func (n *Node) welcome() join.Welcome {
	w := join.Welcome{Secret: n.link.get().Secret}
	for _, m := range n.raft.Members() {
		w.Peers, w.Members = append(w.Peers, m.Addr), append(w.Members, m.ID)
	}
	if n.cfg.Role == "hub" {
		w.Hubs = n.hubAddresses()
	} else {
		w.Hubs = n.link.get().Hubs
	}
	return w
}

// hubAddresses is where sites reach this hub's sync port.
func (n *Node) hubAddresses() []string {
	if len(n.cfg.Hub.Advertise) > 0 {
		return n.cfg.Hub.Advertise
	}
	addr := n.cfg.Hub.Addr
	if n.hub != nil {
		addr = n.hub.addr()
	}
	_, ips := boxNames()
	return []string{reachable(addr, nil, ips)}
}

// reachable is addr as another machine can dial it. An address of no machine in particular gets the host of the
// first one that is advertised, else the box's own.
func reachable(addr string, advertised []string, own []net.IP) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil || !unspecified(host) {
		return addr
	}
	if len(advertised) > 0 {
		if h, _, err := net.SplitHostPort(advertised[0]); err == nil && !unspecified(h) {
			return net.JoinHostPort(h, port)
		}
	}
	host = "localhost"
	if i := slices.IndexFunc(own, func(ip net.IP) bool { return !ip.IsLoopback() }); i >= 0 {
		host = own[i].String()
	}
	return net.JoinHostPort(host, port)
}

// renewalSources are the machines that may renew this node's certificate or tell the time.
func (n *Node) renewalSources() []join.Source {
	var list []join.Source
	for _, m := range n.raft.Members() {
		if m.ID != n.keys.id.ID() {
			list = append(list, join.Source{Addr: m.Addr, As: pki.SameSite, ID: m.ID})
		}
	}
	for _, addr := range n.link.get().Renew {
		list = append(list, join.Source{Addr: addr, As: pki.Above})
	}
	return list
}

// serveJoin answers join and renewal requests on the cluster port and, on a hub, on the join port.
func (n *Node) serveJoin(ctx context.Context) error {
	ports := []*port{n.port}
	if n.hub != nil {
		ports = append(ports, n.hub.port)
	}
	errs := make(chan error, 2*len(ports))
	for _, p := range ports {
		for _, proto := range []pki.Proto{pki.ProtoJoin, pki.ProtoRenew} {
			n.sup.wg.Go(func() { errs <- n.joins.Run(ctx, untilDone{p.lane(proto), ctx}) })
		}
	}
	for range cap(errs) {
		if err := <-errs; err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

// untilDone is a lane whose Accept ends with a context.
type untilDone struct {
	*lane
	ctx context.Context
}

// Accept implements join.Listener.
func (u untilDone) Accept() (*tls.Conn, error) { return u.lane.AcceptContext(u.ctx) }

// invite makes a one-time code.
func (n *Node) invite(ctx context.Context, q InviteRequest) (Invitation, error) {
	role := pki.JoinRole(q.Role)
	if q.Role == "auto" || q.Role == "" {
		role = pki.JoinNode
		if n.cfg.Role == "hub" {
			role = pki.JoinSite
		}
	}
	ca, addr := n.keys.site.Load(), n.advertise()
	if role != pki.JoinNode {
		if ca = n.keys.region.Load(); ca == nil {
			return Invitation{}, edge.E(edge.Invalid, "only a hub lets sites in").WithHint(`run the hub with role = "hub"`)
		}
		addr = n.hub.joinAddr()
	} else if n.cfg.Cluster.Addr == "" {
		return Invitation{}, edge.E(edge.Invalid, "this node cannot be reached by others").WithHint("set cluster.addr and start it again")
	}
	if ca == nil {
		return Invitation{}, edge.E(edge.Unavailable, "this node does not have the site's authority yet")
	}
	if q.Life == 0 {
		q.Life = pki.CodeLife
	}
	code, err := join.Invite(ctx, n.site, n.actor(), ca.ID(), role, q.Site, q.Life)
	if err != nil {
		return Invitation{}, err
	}
	return Invitation{Code: code.String(), Addr: addr, Expires: time.Now().Add(q.Life)}, nil
}

// join lets a running node join a hub. Joining another site changes what the node stands on and is done
// while it is stopped, by Join.
func (n *Node) join(ctx context.Context, q JoinRequest) (Joined, error) {
	res, err := askToJoin(ctx, n.keys, n.cfg, q)
	if err != nil {
		return Joined{}, err
	}
	if res.Role == pki.JoinNode {
		return Joined{}, edge.E(edge.Conflict, "a running node cannot change its site").WithHint("stop it, run the same command again, and start it; the code is still good")
	}
	if err := n.takeIn(res, q.Addr); err != nil {
		return Joined{}, err
	}
	if err := n.shareAuthority(ctx, n.keys.site.Load()); err != nil {
		return Joined{}, err
	}
	n.up.restart()
	return Joined{Message: fmt.Sprintf("This site is now %s in region %s. What it has is on its way to the hub.", res.Site, res.Region)}, nil
}

func (n *Node) takeIn(res join.Result, addr string) error {
	if err := res.Apply(n.keys.id, n.keys.trust, n.keys.site.Load(), n.keys.keepSite); err != nil {
		return err
	}
	if n.journals != nil { // running: from now on the hub must have a record before it is trimmed
		n.journals.Require(uplinkFollower)
	}
	return n.link.update(func(l *link) { l.Hubs, l.Renew = res.Hubs, []string{addr} })
}

// Join lets a stopped node join a hub or a site.
func Join(ctx context.Context, cfg Config, q JoinRequest) (Joined, error) {
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return Joined{}, edge.E(edge.Invalid, "the data directory cannot be made: %w", err)
	}
	unlock, err := lockDir(cfg.DataDir)
	if err != nil {
		return Joined{}, err
	}
	defer unlock()
	k, err := openKeys(cfg, nil)
	if err != nil {
		return Joined{}, err
	}
	lf, err := openLink(k)
	if err != nil {
		return Joined{}, err
	}
	res, err := askToJoin(ctx, k, cfg, q)
	if err != nil {
		return Joined{}, err
	}
	if res.Role != pki.JoinNode {
		n := &Node{cfg: cfg, keys: k, link: lf}
		return Joined{Message: fmt.Sprintf("This site is now %s in region %s. Start the node.", res.Site, res.Region)}, n.takeIn(res, q.Addr)
	}
	return Joined{Message: fmt.Sprintf("This node is now one of site %s. Start it; it fetches the site's state by itself.", res.Site)}, k.moveTo(cfg, lf, res)
}

// moveTo makes this node one of another site. What it kept as a site of its own is set aside, not deleted;
// its readings stay.
func (k *keys) moveTo(cfg Config, lf *linkFile, res join.Result) error {
	aside := fmt.Sprintf(".before-%s-%d", res.Site, time.Now().Unix())
	for _, name := range []string{"site", "log", "keys/site-ca"} {
		path := filepath.Join(cfg.DataDir, name)
		if err := os.Rename(path, path+aside); err != nil && !os.IsNotExist(err) {
			return edge.E(edge.Internal, "%s cannot be set aside: %w", name, err)
		}
	}
	if err := res.Apply(k.id, k.trust, nil, nil); err != nil {
		return err
	}
	return lf.update(func(l *link) {
		l.Moves++
		l.Joined, l.Peers, l.Members, l.Hubs, l.Secret = true, res.Peers, res.Members, res.Hubs, res.Secret
	})
}

func askToJoin(ctx context.Context, k *keys, cfg Config, q JoinRequest) (join.Result, error) {
	code, err := pki.ParseCode(q.Code)
	if err != nil {
		return join.Result{}, err
	}
	r := join.Request{Code: code, Server: q.Addr, ID: k.id, Addr: cfg.Cluster.Advertise, Label: hostname(), Build: buildVersion()}
	if r.Addr == "" {
		r.Addr = cfg.Cluster.Addr
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	r.Role, r.SiteCA = pki.JoinSite, k.site.Load()
	if cfg.Role == "hub" {
		r.Role = pki.JoinHub
	}
	res, err := join.Join(ctx, r)
	if edge.IsKind(err, edge.Denied) { // the code may be for a node of the site that made it
		r.Role, r.SiteCA = pki.JoinNode, nil
		if res, nerr := join.Join(ctx, r); nerr == nil {
			return res, nil
		}
	}
	return res, err
}

func hostname() string {
	h, _ := os.Hostname()
	return h[:min(len(h), 64)]
}

// Joined reports whether this node knows a hub.
func (n *Node) Joined() bool { return n.hasHub() }

// Invite makes a one-time code on a running node.
func (n *Node) Invite(ctx context.Context, q InviteRequest) (Invitation, error) {
	return n.invite(ctx, q)
}

// JoinHub lets a running node join a hub.
func (n *Node) JoinHub(ctx context.Context, q JoinRequest) (Joined, error) { return n.join(ctx, q) }

// MoveHub tells a joined node where its hub is now.
func (n *Node) MoveHub(hub *Node) error {
	err := n.link.update(func(l *link) { l.Hubs, l.Renew = hub.hubAddresses(), []string{hub.hub.joinAddr()} })
	n.up.restart()
	return err
}
