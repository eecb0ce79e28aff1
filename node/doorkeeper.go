package node

import (
	"context"
	"net/netip"
	"sync/atomic"

	"github.com/aielon/edge/hardware/mqtt"
	"github.com/aielon/edge/node/audit"
	"github.com/aielon/edge/node/auth/pki"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway/guard"
	"github.com/aielon/edge/node/policy"
)

// A doorkeeper asks the site's policies for the doors that are not the gateway's, the broker and the line to the hub,
// and has what they refuse recorded. Those doors must not wait for a disk, so records are made one after another
// behind them.
type doorkeeper struct {
	n       *Node
	floods  *guard.Floods
	refused chan audit.Record
	held    atomic.Bool // the policies do not let the hub fetch this site's records
}

// maxRefusals bounds the records that wait to be made. Floods let through fewer in a minute.
const maxRefusals = 256

func newDoorkeeper(n *Node) *doorkeeper {
	return &doorkeeper{n: n, floods: guard.NewFloods(), refused: make(chan audit.Record, maxRefusals)}
}

func (d *doorkeeper) context() policy.Context {
	return policy.Context{Now: d.n.siteTime(), Online: d.n.linked.Load()}
}

// topic decides whether a device may use a topic, by the same function as every door.
func (d *doorkeeper) topic(q mqtt.Question) bool {
	c := d.context()
	r := policy.AboutTopic(policy.DeviceCaller(q.Device.ID, d.n.keys.trust.Site(), c.Now), q.Topic, q.Write, q.Own, c)
	v := d.n.policies.Engine().Decide(r)
	if !v.Allow {
		d.note(q.Device.ID, "", r, v)
	}
	return v.Allow
}

// hub refuses, with Denied, what the policies do not let the hub do here.
func (d *doorkeeper) hub(action edge.Permission) error {
	c := d.context()
	r := policy.AboutSync(policy.HubCaller(d.n.keys.trust.Region(), c.Now), action, c)
	v := d.n.policies.Engine().Decide(r)
	if !v.Allow {
		d.note("hub", "", r, v)
	}
	return v.Err()
}

// stranger notes that somebody who claimed to be a device did not prove it.
func (d *doorkeeper) stranger(claim, remote string) {
	addr, _ := netip.ParseAddrPort(remote)
	r := policy.Request{Action: "mqtt.connect", Object: policy.Object{Type: "device", ID: claim, Class: edge.SiteOnly}, Context: policy.Context{Door: "mqtt", Addr: addr.Addr(), Now: d.n.siteTime()}}
	d.note(guard.AddressKey(addr.Addr()), d.n.trail.mask.Address(addr.Addr()), r, policy.Decision{Why: policy.NotProven})
}

// newcomer notes that a machine showed a code by which nobody joins.
func (d *doorkeeper) newcomer(id edge.NodeID) {
	r := policy.Request{Action: "join.spend", Object: policy.Object{Type: "node", ID: id.String(), Class: edge.SiteOnly}, Context: policy.Context{Door: "join", Now: d.n.siteTime()}}
	d.note("join", "", r, policy.Decision{Why: policy.NotProven})
}

// certificate notes that a machine or device showed a certificate that does not hold: one that was revoked, has run
// out, or is of another site.
func (d *doorkeeper) certificate(key edge.NodeID, p pki.Proto) {
	kind, op := "node", "node.connect"
	if p == pki.ProtoDevice {
		kind, op = "device", "mqtt.connect"
	}
	r := policy.Request{Action: edge.Permission(op), Object: policy.Object{Type: kind, ID: key.String(), Class: edge.SiteOnly}, Context: policy.Context{Door: "tls", Now: d.n.siteTime()}}
	d.note("tls "+string(p), "", r, policy.Decision{Why: policy.NotProven})
}

// note has a refusal recorded. Whoever is refused over and over is counted, and not written down every time.
func (d *doorkeeper) note(whose, address string, q policy.Request, v policy.Decision) {
	if !d.floods.Admit(whose, q.Context.Now) {
		d.flooded()
		return
	}
	r := audit.Record{Kind: audit.Decision, Actor: q.Caller.Actor, Door: q.Context.Door, Address: address, Op: string(q.Action), Object: audit.Object{Type: q.Object.Type, ID: q.Object.ID},
		Class: q.Object.Class, Denied: true, Policies: v.Policies, Reason: v.Why.String(), Outcome: audit.OutcomeOf(edge.E(edge.Denied, "refused"))}
	select {
	case d.refused <- r:
	default:
		d.flooded()
	}
}

func (d *doorkeeper) flooded() {
	if f := d.n.front; f != nil && f.record != nil {
		f.record.flood.Add(1)
	}
}

// run makes the records.
func (d *doorkeeper) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case r := <-d.refused:
			if _, err := d.n.front.record.Append(ctx, r); err != nil && ctx.Err() == nil {
				d.n.log.Warn("a refusal at the broker or of the hub is not recorded", "error", err)
			}
		}
	}
}

// policiesChanged brings what goes on to what is allowed now: subscriptions of devices, and the line to the hub.
func (n *Node) policiesChanged() {
	n.renewDevices()
	if was := n.doors.held.Load(); n.doors.pulls() == was {
		n.up.restart() // it asks what there is to deliver
	}
}

// pulls reports whether the hub may fetch this site's records, and remembers it.
func (d *doorkeeper) pulls() bool {
	yes := d.hub("sync.pull") == nil
	d.held.Store(!yes)
	return yes
}
