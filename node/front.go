package node

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"maps"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/aielon/edge/cluster/site"
	"github.com/aielon/edge/node/api/schemas"
	"github.com/aielon/edge/node/audit"
	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/auth/device"
	"github.com/aielon/edge/node/auth/identity"
	"github.com/aielon/edge/node/auth/oidc"
	"github.com/aielon/edge/node/auth/passkey"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway"
	"github.com/aielon/edge/node/gateway/guard"
	"github.com/aielon/edge/node/gateway/limits"
	"github.com/aielon/edge/node/gateway/method"
	"github.com/aielon/edge/node/portal"
	"github.com/aielon/edge/node/telemetry"
)

// A front is what stands between the node and those who ask it for something.
type front struct {
	people   *identity.Service
	guard    *guard.Guard
	oauth    *oidc.Service
	gateway  *gateway.Gateway
	server   *gateway.Server
	budgets  *limits.Limits
	calls    *telemetry.Calls
	record   *countedRecorder
	relying  *passkey.Relying // nil where the door has no name that can carry passkeys
	secure   bool             // the door speaks TLS
	refusals *guard.Floods    // of the token endpoint

	entrance http.Handler // what the door serves
}

// openFront puts the door together: who asks, what they may do, what is kept of it, and every protocol.
func (n *Node) openFront(ctx context.Context) (err error) {
	f := &front{refusals: guard.NewFloods()}
	n.front = f
	if err := n.withView(func(v edge.View) error { return n.policies.Refresh(v) }); err != nil {
		n.log.Warn("the site's own policies cannot be read; the built-in ones hold", "error", err)
	}
	if err := n.openPeople(f); err != nil {
		return err
	}
	if err := n.openOAuth(f); err != nil {
		return err
	}
	methods, err := method.New(schemas.All()...)
	if err != nil {
		return err
	}
	if f.budgets, err = limits.New(limits.For(n.cfg.Door.CallerRate)); err != nil {
		return err
	}
	if n.traces, err = telemetry.NewTracer(telemetry.TraceOptions{URL: n.cfg.Telemetry.OTLP, Node: n.ID().Short(), Version: n.version}); err != nil {
		return err
	}
	n.openFigures(f, methods)
	f.guard = n.openGuard(f)
	f.gateway, err = gateway.New(gateway.Options{Methods: methods, Backend: backend{n}, Locals: n.localMethods(), Who: &auth.Recent{Next: proof{f}, Index: f.decided(n)}, Guard: f.guard, Limit: f.budgets, Hosts: n.cfg.Door.Hosts,
		Version: n.version, Trace: n.traces, Observe: f.observe, Stream: func(op string, by int) { f.calls.Stream(op, float64(by)) }, Logger: n.part("door")})
	if err != nil {
		return err
	}
	f.gateway.Reflect()
	return n.openDoors(f)
}

// openPeople opens identity, with passkeys where the door has a name for them.
func (n *Node) openPeople(f *front) (err error) {
	if name := n.passkeyName(); name != "" {
		o := passkey.Options{Name: name, Display: n.keys.trust.Site(), Origins: n.origins(name)}
		if f.relying, err = passkey.New(o); err != nil {
			return err
		}
	}
	f.people, err = identity.New(identity.Options{Site: n.keys.trust.Site(), SiteName: n.siteName, Node: n.ID(), View: n.withView, Propose: backend{n}, Deciding: n.deciding,
		Applied: n.site.WaitApplied, Local: identityRows{n.readings}, Now: n.keys.trust.Now, Passkeys: func() *passkey.Relying { return f.relying }, Certified: n.certified, Logger: n.part("identity")})
	return err
}

// decided moves with whatever may change who somebody is: what the site decides, and what this node decides alone.
func (f *front) decided(n *Node) func() uint64 {
	return func() uint64 { return n.site.Applied() + f.people.Version() }
}

// deciding reports whether the site can decide just now, as far as this node knows.
func (n *Node) deciding() bool {
	l := n.raft.Leadership()
	return !l.Leader.IsZero() && (!l.Self || l.Ready)
}

func (n *Node) openGuard(f *front) *guard.Guard {
	f.record = &countedRecorder{Local: n.trail.local}
	return guard.New(guard.Options{Engine: n.policies.Engine, View: n.withView, Record: f.record, Refused: func(gateway.Access) { f.record.flood.Add(1) }, Mask: func() *audit.Mask { return n.trail.mask }, Now: n.siteTime,
		Owner: n.wallet.Owner, Factors: f.people.HasSecond, Roles: f.people.RolesOf, Online: n.linked.Load})
}

// passkeyName is the name under which browsers know this node, empty where it has none: passkeys belong to a
// name and never to an address (WebAuthn level 3, section 5.1.2).
func (n *Node) passkeyName() string {
	if len(n.cfg.Door.Hosts) > 0 {
		return n.cfg.Door.Hosts[0]
	}
	if loopback(n.doorAddr.String()) {
		return "localhost"
	}
	return ""
}

// origins are the addresses of pages that may use passkeys here.
func (n *Node) origins(name string) []string {
	_, port, _ := net.SplitHostPort(n.doorAddr.String())
	if loopback(n.doorAddr.String()) && name == "localhost" {
		return []string{"http://localhost:" + port}
	}
	return []string{"https://" + name, "https://" + name + ":" + port}
}

// openDoors opens the port for people and programs, and the socket of this box's own user.
func (n *Node) openDoors(f *front) error {
	pages, err := n.pages()
	if err != nil {
		return err
	}
	doors, err := f.gateway.Handler(pages)
	if err != nil {
		return err
	}
	f.entrance = &gateway.Entrance{Hosts: n.cfg.Door.Hosts, Next: doors}
	o := gateway.ServerOptions{TCP: n.doorListen, Handler: f.entrance, Limit: f.budgets.Address, Logger: n.part("door")}
	if f.secure = !loopback(n.doorAddr.String()); f.secure {
		o.TLS = n.doorTLS()
		udp, err := net.ListenPacket("udp", n.doorAddr.String())
		if err != nil { // HTTP/2 does as well
			n.log.Warn("the door is not open for HTTP/3", "error", err)
		} else {
			o.UDP = udp
			n.onClose(udp.Close)
		}
	}
	if f.server, err = gateway.NewServer(o); err != nil {
		return err
	}
	own := http.NewServeMux()
	own.Handle("/", n.control())
	own.Handle("/api/", &gateway.Entrance{Local: true, Next: http.StripPrefix("/api", doors)})
	n.socket, err = gateway.NewSocket(filepath.Join(n.cfg.DataDir, SocketName), own, n.part("socket"))
	return err
}

// doorTLS shows the certificate of the site's authority, and lets in who shows one: devices and programs that are
// registered with the key of theirs. A certificate that does not hold ends the handshake.
func (n *Node) doorTLS() *tls.Config {
	cert := &serverCert{keys: n.keys, names: n.cfg.Door.Hosts}
	return n.keys.end.DeviceConfig(cert.get, tls.VersionTLS13, "h2", "http/1.1")
}

// certified is the device that a certificate stands for. It is asked for each request, so what was revoked, removed
// or registered with another key since the handshake counts no more.
func (n *Node) certified(ctx context.Context, c *x509.Certificate) (edge.Actor, []string, error) {
	cert, err := n.keys.end.Device(tls.ConnectionState{PeerCertificates: []*x509.Certificate{c}})
	if err != nil || cert == nil {
		return edge.Actor{}, nil, identity.Ended()
	}
	d, err := n.registered.Authenticate(ctx, device.Proof{ID: cert.Name.ID, Key: cert.Key[:]})
	switch {
	case edge.IsKind(err, edge.Denied) && n.behindItsLog():
		return edge.Actor{}, nil, edge.E(edge.Unavailable, "the node is starting and does not know all devices yet").WithHint("try again in a moment")
	case edge.IsKind(err, edge.Denied):
		return edge.Actor{}, nil, identity.Ended()
	}
	return edge.Actor{Kind: edge.Device, ID: d.ID, Site: n.keys.trust.Site()}, []string{auth.DeviceRole}, err
}

// pages is what is served besides the protocols.
func (n *Node) pages() (map[string]http.Handler, error) {
	app, err := portal.Handler()
	if err != nil {
		return nil, err
	}
	all := map[string]http.Handler{
		"/":                          app,
		"GET /healthz":               http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("alive\n")) }),
		"GET /readyz":                http.HandlerFunc(n.serveReady),
		"GET /metrics":               n.serveMetrics(),
		"GET /debug/pprof/heap":      n.serveProfile("heap"),
		"GET /debug/pprof/goroutine": n.serveProfile("goroutine"),
		"/debug/":                    http.NotFoundHandler(),
		"GET /ca.crt":                http.HandlerFunc(n.serveAuthority),
	}
	all["POST /v1/wallet/gateways/{name}/webhook"] = http.HandlerFunc(n.serveProcessor)
	maps.Copy(all, n.front.oauth.Handlers())
	return all, nil
}

// backend is the site as the gateway asks it.
type backend struct{ n *Node }

// noLeaderFor is how long a command waits where nobody leads: an election takes three seconds at most, 99 times of 100,
// and people should not look at a page that waits for a site which is not there.
const noLeaderFor = 5 * time.Second

// Propose implements gateway.Backend.
func (b backend) Propose(ctx context.Context, c edge.Command) (edge.Outcome, error) {
	if !b.n.deciding() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, noLeaderFor)
		defer cancel()
	}
	return b.n.site.Propose(ctx, c)
}

// Ask implements gateway.Backend.
func (b backend) Ask(ctx context.Context, name string, in proto.Message, strict bool) (proto.Message, uint64, error) {
	mode := site.Local
	if strict {
		mode = site.Strict
	}
	return b.n.site.AskMessage(ctx, name, in, mode)
}

// WaitApplied implements gateway.Backend.
func (b backend) WaitApplied(ctx context.Context, index uint64) error {
	return b.n.site.WaitApplied(ctx, index)
}

// policyLook is how long a replaced state may go unnoticed where nothing else is decided.
const policyLook = 2 * time.Second

// followPolicies keeps decisions in step with the policies the site has, on whichever node they were changed.
func (n *Node) followPolicies(ctx context.Context) error {
	restored := n.site.Stats().Restored
	for ctx.Err() == nil {
		applied, refresh := n.site.Applied(), n.policies.Refresh
		now := n.site.Stats().Restored
		if now != restored { // versions of the policies may have gone back
			refresh = n.policies.Reset
		}
		before := n.policies.Engine()
		if err := n.withView(func(v edge.View) error { return refresh(v) }); err == nil {
			if restored = now; n.policies.Engine() != before {
				n.policiesChanged()
			}
		} else {
			n.log.Warn("the site's own policies cannot be read; those known before go on to hold", "error", err)
		}
		look, cancel := context.WithTimeout(ctx, policyLook) // a state that was replaced may be at an older index
		err := n.site.WaitApplied(look, applied+1)
		late := look.Err() != nil
		cancel()
		if err != nil && !late {
			return err
		}
		wait(ctx, rightsPause)
	}
	return nil
}
