package node

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"strings"
	"time"

	"github.com/aielon/edge/hardware/mqtt"
	"github.com/aielon/edge/hardware/registry"
	"github.com/aielon/edge/node/api/devicesv1"
	"github.com/aielon/edge/node/auth/device"
	"github.com/aielon/edge/node/auth/pki"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/journal"
)

// hostBatch is how many samples of the box itself are gathered before they are stored. Nobody waits for
// them, and every commit wears the flash.
const (
	hostBatch = 5
	hostDelay = 10 * time.Minute // and no measurement waits longer than this, if there are any
)

func (n *Node) openBroker() (err error) {
	n.registered = &registry.Authenticator{Verifier: device.NewVerifier(), Now: n.keys.trust.Now, View: n.withView}
	auth := &deviceAuth{end: n.keys.end, behind: n.behindItsLog, refused: n.doors.stranger, a: n.registered}
	o := mqtt.Options{Addr: n.cfg.MQTT.Addr, TLSAddr: n.cfg.MQTT.TLSAddr, Auth: auth, Allow: n.doors.topic, Intake: n.intake, Logger: n.part("mqtt"),
		Limits: mqtt.Limits{Packet: int(n.cfg.MQTT.MaxPacket), Clients: n.cfg.MQTT.MaxClients}, Sessions: &sessionStore{n.readings}}
	if o.TLSAddr != "" {
		o.TLS = n.deviceTLS()
	}
	if n.broker, err = mqtt.New(o); err != nil {
		return err
	}
	n.onClose(n.broker.Close)
	return nil
}

// withView lends f a view of the site's newest state.
func (n *Node) withView(f func(edge.View) error) error {
	v := n.site.View()
	defer v.Close()
	return f(v)
}

// deviceTLS certifies the broker under this box's names by the site's authority, which devices trust.
func (n *Node) deviceTLS() *tls.Config {
	least := uint16(tls.VersionTLS13)
	if n.cfg.MQTT.AllowTLS12 {
		least = tls.VersionTLS12
	}
	return n.keys.end.DeviceConfig((&serverCert{keys: n.keys}).get, least)
}

// deviceAuth lets the broker ask the registry.
type deviceAuth struct {
	a      *registry.Authenticator
	end    *pki.Endpoint
	behind func() bool // what is not known may be known in a moment
	// refused is told of whoever claimed to be a device and did not prove it.
	refused func(claim, remote string)
}

// replayTime is how long after the start a device that is not known is told to try again, while the state
// is not known to hold all of its log.
const replayTime = 30 * time.Second

// behindItsLog reports whether the site's state may lack what its log holds, as after a power cut until the
// log is replayed. A device that registered shortly before must not be taken for a stranger then.
func (n *Node) behindItsLog() bool {
	l := n.raft.Leadership()
	return (l.Leader.IsZero() || l.Self && !l.Ready) && time.Since(n.started) < replayTime
}

// Authenticate implements mqtt.Authenticator.
func (d *deviceAuth) Authenticate(ctx context.Context, c mqtt.Credentials) (mqtt.Device, error) {
	p := device.Proof{ID: c.Username, Secret: c.Password}
	if p.ID == "" {
		p.ID = c.ClientID
	}
	cert, err := d.certificate(c)
	if err != nil {
		d.refused(p.ID, c.Remote)
		return mqtt.Device{}, err
	}
	if cert != nil {
		p.ID, p.Key = cert.Name.ID, cert.Key[:]
	}
	r, err := d.a.Authenticate(ctx, p)
	if edge.IsKind(err, edge.Denied) && d.behind() {
		return mqtt.Device{}, edge.E(edge.Unavailable, "the node is starting and does not know all devices yet").WithHint("try again in a moment")
	}
	if edge.IsKind(err, edge.Denied) {
		d.refused(p.ID, c.Remote)
	}
	if err != nil {
		return mqtt.Device{}, err
	}
	out := asMQTT(r)
	if cert != nil { // by our clock: the box's own may be years off
		out.Proof += " " + cert.Key.String()
		out.Left = max(c.TLS.PeerCertificates[0].NotAfter.Sub(d.end.Trust.Now()), time.Second)
	}
	return out, nil
}

// certificate is what the device's certificate proves now, also where the session was resumed; nil where it
// showed none, or is here under another name.
func (d *deviceAuth) certificate(c mqtt.Credentials) (*pki.DeviceCert, error) {
	if c.TLS == nil {
		return nil, nil
	}
	cert, err := d.end.Device(*c.TLS)
	if err != nil || cert == nil || c.Username != "" && c.Username != cert.Name.ID {
		return nil, err
	}
	return cert, nil
}

// asMQTT is a device in the broker's words.
func asMQTT(a registry.Admission) mqtt.Device {
	return mqtt.Device{ID: a.ID, Publish: a.Publish, Subscribe: a.Subscribe, AnyClientID: a.AnyClient, Proof: a.Mark, Left: a.Left}
}

func (n *Node) openBridge(b Bridge) (*mqtt.Bridge, error) {
	o := mqtt.BridgeOptions{URL: strings.NewReplacer("mqtts://", "ssl://", "tls://", "ssl://", "mqtt://", "tcp://").Replace(b.URL),
		ClientID: "aielon-" + n.keys.id.ID().Short() + "-" + b.Name, Username: b.Username, Filters: b.Topics,
		Device: []string{strings.Repeat("+/", b.DeviceLevel) + "%d/#"}, Intake: n.intake, Logger: n.part("bridge " + b.Name)}
	if b.PasswordFile != "" {
		p, err := pki.ReadPrivate(b.PasswordFile)
		if err != nil {
			return nil, err
		}
		o.Password = strings.TrimSpace(string(p))
	}
	if strings.HasPrefix(o.URL, "ssl://") {
		o.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
		if b.CAFile != "" {
			pem, err := os.ReadFile(b.CAFile)
			o.TLS.RootCAs = x509.NewCertPool()
			if err != nil || !o.TLS.RootCAs.AppendCertsFromPEM(pem) {
				return nil, edge.E(edge.Invalid, "bridge %s: %s holds no certificate", b.Name, b.CAFile)
			}
		}
	}
	return mqtt.NewBridge(o)
}

// sampleHost measures the box and stores what it measured now and then. Another interval that the hub asks
// for counts from the moment it is applied; the first measurement under it is stored at once, so that
// whoever asked sees that it works.
func (n *Node) sampleHost(ctx context.Context) error {
	var events []edge.Event
	first, oldest := true, time.Now()
	for {
		changed, every := n.desired.changes(), time.Duration(n.desired.settings().HostEvery)
		if !due(ctx, every, changed) {
			if ctx.Err() != nil {
				return nil
			}
			first = true
			continue
		}
		e, ok := n.measure(ctx)
		if !ok {
			continue
		}
		if events = append(events, e); len(events) == 1 {
			oldest = time.Now()
		}
		if !first && len(events) < hostBatch && time.Since(oldest)+every < hostDelay {
			continue
		}
		if _, err := n.journals.Append(ctx, events...); err != nil {
			n.log.Warn("measurements of this box could not be stored", "error", err)
		}
		first, events = false, nil
	}
}

// due waits for an interval, for ever where it is 0, and reports false where something else came first.
func due(ctx context.Context, every time.Duration, other <-chan struct{}) bool {
	var tick <-chan time.Time
	if every > 0 {
		t := time.NewTimer(every)
		defer t.Stop()
		tick = t.C
	}
	select {
	case <-tick:
		return true
	case <-ctx.Done():
	case <-other:
	}
	return false
}

// measure is one reading of the box itself.
func (n *Node) measure(ctx context.Context) (edge.Event, bool) {
	now := n.keys.trust.Now()
	samples, _ := n.sampler.Sample(ctx, now)
	r := edge.Reading{Device: "node-" + n.keys.id.ID().Short(), Received: now, DeviceTime: now, Confidence: edge.Exact, Samples: samples}
	return edge.Event{Type: edge.TypeReading, Subject: r.Device, Class: edge.SiteOnly, Urgency: edge.Telemetry, Time: now, Body: r.AppendSenML(nil)}, len(samples) > 0
}

// followRecent keeps the newest readings for the page. It begins at the present: history is in the journal.
func (n *Node) followRecent(ctx context.Context) error {
	errs := make(chan error, 2)
	for _, u := range []edge.Urgency{edge.Critical, edge.Telemetry} {
		j := n.journals.Journal(u)
		n.sup.wg.Go(func() { errs <- n.tail(ctx, j) })
	}
	return <-errs
}

func (n *Node) tail(ctx context.Context, j *journal.Journal) error {
	at := j.Head()
	for {
		if err := j.Wait(ctx, at); err != nil {
			return nil
		}
		if h := j.Head(); h.Epoch == at.Epoch && h.Seq > at.Seq+keepRecent {
			at = edge.Pos{Epoch: h.Epoch, Seq: h.Seq - keepRecent} // reading what is not shown would cost a tenth of a busy node
		}
		for r, err := range j.Read(ctx, at) {
			if err != nil {
				at = j.Head() // the page may miss something; the journal does not
				break
			}
			at = r.Pos
			e := r.Event
			e.Body = append([]byte(nil), e.Body[:min(len(e.Body), 400)]...)
			n.recent.add(e)
		}
		wait(ctx, 200*time.Millisecond) // at most five looks a second, however fast devices are
	}
}

// DeviceInfo is a device as the command line sees it.
type DeviceInfo struct {
	ID      string   `json:"id"`
	Name    string   `json:"name,omitempty"`
	Publish []string `json:"publish,omitempty"`
}

// DeviceCredentials is what a new device needs, shown once.
type DeviceCredentials struct {
	edge.Redacted

	ID       string `json:"id"`
	Password string `json:"password"`
	Example  string `json:"example"`
}

// RegisterDevice registers a device and returns its password, which is kept nowhere.
func (n *Node) RegisterDevice(ctx context.Context, d DeviceInfo) (DeviceCredentials, error) {
	in := &devicesv1.RegisterDeviceRequest{Id: d.ID, Name: d.Name, AnyClient: true}
	if in.Name == "" {
		in.Name = d.ID
	}
	if d.Publish != nil {
		in.Publish = &devicesv1.Topics{Filters: d.Publish}
	}
	out, err := proposeMessage[*devicesv1.IssuedDevice](ctx, n, in)
	if err != nil {
		return DeviceCredentials{}, err
	}
	return n.credentials(out), nil
}

// changeDevice changes the name and the topics of a device; what is empty stays.
func (n *Node) changeDevice(ctx context.Context, d DeviceInfo) (DeviceInfo, error) {
	in := &devicesv1.ChangeDeviceRequest{Id: d.ID}
	if d.Name != "" {
		in.Name = &d.Name
	}
	if d.Publish != nil {
		in.Publish = &devicesv1.Topics{Filters: d.Publish}
	}
	out, err := proposeMessage[*devicesv1.Device](ctx, n, in)
	if err != nil {
		return DeviceInfo{}, err
	}
	n.renewDevice(d.ID)
	return deviceInfo(out), nil
}

func (n *Node) rotateDevice(ctx context.Context, id string) (DeviceCredentials, error) {
	out, err := proposeMessage[*devicesv1.IssuedDevice](ctx, n, &devicesv1.RotateDeviceRequest{Id: id})
	if err != nil {
		return DeviceCredentials{}, err
	}
	n.renewDevice(id)
	return n.credentials(out), nil
}

func (n *Node) credentials(i *devicesv1.IssuedDevice) DeviceCredentials {
	host, port := "127.0.0.1", "1883"
	if addrs := n.broker.Addrs(); len(addrs) > 0 {
		host, port, _ = net.SplitHostPort(addrs[0].String())
	}
	id, token := i.GetDevice().GetId(), i.GetToken()
	return DeviceCredentials{ID: id, Password: token,
		Example: "mosquitto_pub -h " + host + " -p " + port + " -u " + id + " -P " + token + " -q 1 -t " + id + "/temperature -m 21.5"}
}

func (n *Node) removeDevice(ctx context.Context, id string) error {
	if _, err := proposeMessage[*devicesv1.Device](ctx, n, &devicesv1.RemoveDeviceRequest{Id: id}); err != nil {
		return err
	}
	n.broker.Revoke(id)
	return nil
}

func deviceInfo(d *devicesv1.Device) DeviceInfo {
	return DeviceInfo{ID: d.GetId(), Name: d.GetName(), Publish: d.GetPublish()}
}

func (n *Node) listDevices(ctx context.Context) ([]DeviceInfo, error) {
	list := []DeviceInfo{}
	for q := (&devicesv1.ListDevicesRequest{PageSize: 1000}); ; {
		page, err := askMessage[*devicesv1.ListDevicesResponse](ctx, n, q)
		if err != nil {
			return nil, err
		}
		for _, d := range page.GetDevices() {
			list = append(list, deviceInfo(d))
		}
		if q.PageToken = page.GetNextPageToken(); q.PageToken == "" {
			return list, nil
		}
	}
}

// DeviceFor returns fresh credentials for a device, which is registered where it is not yet.
func (n *Node) DeviceFor(ctx context.Context, id string) (DeviceCredentials, error) {
	c, err := n.RegisterDevice(ctx, DeviceInfo{ID: id})
	if edge.IsKind(err, edge.Conflict) {
		return n.rotateDevice(ctx, id)
	}
	return c, err
}
