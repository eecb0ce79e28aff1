package node

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/aielon/edge/hardware/mqtt"
	"github.com/aielon/edge/hardware/registry"
	"github.com/aielon/edge/node/edge"
)

// rightsPause is how long the site's journal is left alone between two looks for devices that were changed:
// a connection is ended within half a second, and a busy site costs four looks a second.
const rightsPause = 250 * time.Millisecond

// followDevices brings the broker of this node up to what the site has decided about devices, on whichever
// node that was asked for: it ends connections of what was removed or has another secret, and changes the
// rights of what stays.
func (n *Node) followDevices(ctx context.Context) error {
	j := n.siteJournal(edge.Ledger)
	at := j.Head() // before the look at all of them, so that nothing falls in between
	n.renewDevices()
	for ctx.Err() == nil {
		applied := n.site.Applied()
		for r, err := range j.Read(ctx, at) {
			var gap *edge.Gap
			switch {
			case errors.As(err, &gap):
				at = gap.To
				n.renewDevices()
				continue
			case err != nil && ctx.Err() != nil:
				return nil
			case err != nil:
				return err // the journal is another one now: from the beginning, after a pause
			}
			at = r.Pos
			n.deviceChanged(r.Event)
		}
		if err := n.site.WaitApplied(ctx, applied+1); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		wait(ctx, rightsPause)
	}
	return nil
}

func (n *Node) deviceChanged(e edge.Event) {
	id, ok := strings.CutPrefix(e.Subject, "device:")
	switch {
	case !ok:
	case e.Type == registry.Removed:
		n.broker.Revoke(id) // also where the name is in use again by now: that one connects again
	case e.Type == registry.Changed:
		n.renewDevice(id)
	}
}

// followTrust looks again at the devices' certificates whenever other ones count.
func (n *Node) followTrust(ctx context.Context) error {
	for {
		changed := n.keys.trust.Changed() // before the look, so that a change during it is not missed
		n.renewDevices()
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		}
	}
}

// renewDevices looks at all devices the broker knows.
func (n *Node) renewDevices() {
	for _, id := range n.broker.Devices() {
		n.renewDevice(id)
	}
}

// renewDevice makes the connections of a device what the site says of it now. One that the state does not
// know is left alone: after a power cut the state may be behind its log for a moment, and who is not known
// does not get in anyhow.
func (n *Node) renewDevice(id string) {
	standing := func(proof string) (d mqtt.Device, err error) {
		mark, key, byKey := strings.Cut(proof, " ")
		if k, err := edge.ParseNodeID(key); byKey && (err != nil || n.keys.trust.RevokedKey(k)) {
			return d, edge.E(edge.Denied, "the certificate of %s was revoked", id)
		}
		err = n.withView(func(v edge.View) error {
			a, err := registry.Standing(v, id, mark, n.keys.trust.Now())
			d = asMQTT(a)
			return err
		})
		return d, err
	}
	_, err := standing("")
	switch {
	case edge.IsKind(err, edge.Denied):
		n.broker.Revoke(id)
		return
	case err == nil:
		err = n.broker.Renew(id, standing)
	}
	if err != nil && !edge.IsKind(err, edge.NotFound) {
		n.log.Warn("the rights of a device cannot be renewed", "device", id, "error", err)
	}
}
