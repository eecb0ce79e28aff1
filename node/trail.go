package node

import (
	"context"
	"crypto/rand"
	"errors"
	"sync/atomic"
	"time"

	"github.com/aielon/edge/cluster/site"
	"github.com/aielon/edge/node/audit"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/journal"
)

// auditFollower is the name under which the journals know how far the audit's trees have come.
const auditFollower = "audit"

// ownLedger is the ledger journal of a node itself.
const ownLedger = "readings.ledger"

// A trail is this node's part of the audit: who did what, in the ledger journals, with trees over them.
type trail struct {
	key     *audit.Key
	mask    *audit.Mask
	local   *audit.Local // of what happens here without a command
	own     *audit.Log   // over this node's ledger journal
	site    *audit.Log   // over the site's
	witness *audit.Witness
	wake    chan struct{}         // has one value when there is a new checkpoint, or a tree is needed
	doubt   atomic.Pointer[error] // why a witness refused this node's history, until the next start
}

// openTrail opens what commands and requests need to be recorded.
func (n *Node) openTrail(ctx context.Context) (err error) {
	if err := n.ensureSecret(); err != nil {
		return err
	}
	t := &trail{wake: make(chan struct{}, 1)}
	if t.key, err = audit.NewKey(n.keys.derive("audit"), n.keys.id.Signer(), n.keys.trust.Now()); err != nil {
		return err
	}
	if t.mask, err = audit.NewMask(n.link.get().Secret); err != nil {
		return err
	}
	t.local = audit.NewLocal(n.journals, t.mask)
	n.journals.RequireOf(edge.Ledger, auditFollower)
	if t.own, err = n.openLog(t, n.journals.Journal(edge.Ledger), "", n.keys.id.ID()); err != nil {
		return err
	}
	t.witness, err = audit.NewWitness(audit.WitnessOptions{Store: n.readings, Key: t.key, Speaks: n.speaks, Now: n.keys.trust.Now, Alarm: n.forked, Logger: n.part("audit")})
	if err != nil {
		return err
	}
	n.trail = t
	return audit.Keep(ctx, n.readings, t.key.Statement())
}

// openSiteTrail opens the trees over the site's ledger journal. Every replica computes its own.
func (n *Node) openSiteTrail(context.Context) (err error) {
	n.trail.site, err = n.openLog(n.trail, n.marks.Source(n.siteJournal(edge.Ledger)), n.link.get().trees(), edge.NodeID{})
	return err
}

func (n *Node) openLog(t *trail, j journal.Source, name string, whose edge.NodeID) (*audit.Log, error) {
	return audit.OpenLog(audit.LogOptions{Store: n.readings, Journal: j, Name: name, Node: whose, Key: t.key, Now: n.keys.trust.Now, Logger: n.part("audit"),
		Place:  func() (string, string) { return n.keys.trust.Region(), n.keys.trust.Site() },
		Signed: func(audit.Head) { t.kick() }, Alarm: func(error) { t.kick() }})
}

// kick has the witnesses asked. It never blocks.
func (t *trail) kick() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// ensureSecret makes the secret that all nodes of a site share, where there is none yet.
func (n *Node) ensureSecret() error {
	if len(n.link.get().Secret) > 0 {
		return nil
	}
	secret := make([]byte, 32)
	rand.Read(secret)
	return n.link.update(func(l *link) { l.Secret = secret })
}

// speaks reports whether a node may sign checkpoints of a site's journal: the members of this site, of its own.
func (n *Node) speaks(id edge.NodeID, o audit.Origin) bool {
	return o.Site == n.keys.trust.Site() && o.Stream == site.Stream(edge.Ledger) && (roll{n}).Member(id)
}

// TypeForked is the event type of an audit that was rewritten after this node had cosigned it.
const TypeForked = "audit.forked"

// forked makes known that somebody's audit was rewritten. The evidence is in the store already.
func (n *Node) forked(f audit.Fork, why error) {
	n.sup.wg.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		e := edge.Event{Type: TypeForked, Subject: f.By.String(), Class: edge.SiteOnly, Urgency: edge.Critical, Body: f.Encode()}
		if _, err := n.journals.Append(ctx, e); err != nil {
			n.log.Error("the alarm of a rewritten audit cannot be delivered", "node", f.By.Short(), "why", why, "error", err)
		}
	})
}

// parts are what follows the journals and asks the witnesses.
func (t *trail) parts(n *Node) []edge.Part {
	return []edge.Part{partFunc{"audit of this node", t.own.Run}, partFunc{"audit of the site", t.site.Run}, partFunc{"audit witnesses", n.askWitnesses}}
}

// Report implements edge.Reporter.
func (t *trail) Report(ctx context.Context) edge.Health {
	if err := t.doubt.Load(); err != nil {
		h := edge.Health{Level: edge.Failed, Msg: (*err).Error()}
		if e, ok := errors.AsType[*edge.Error](*err); ok {
			h.Msg, h.Hint = e.Msg, e.Hint
		}
		return h
	}
	h := t.own.Report(ctx)
	if s := t.site.Report(ctx); s.Level > h.Level {
		h = s
	}
	return h
}
