package node

import (
	"context"
	"time"

	"github.com/aielon/edge/services/wallet/alms"
	"github.com/aielon/edge/services/wallet/compliance"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/reconcile"
)

// moneyEvery is how often the node that leads looks whether the time of a hold is over.
const moneyEvery = time.Second

// keepMoney ends holds whose time is over and has lunar years followed, while this node leads. Nothing is written where
// nothing is over.
func (n *Node) keepMoney(ctx context.Context) error {
	t := time.NewTicker(moneyEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		if l := n.raft.Leadership(); !l.Self || !l.Ready {
			continue
		}
		if err := n.endHolds(ctx); err != nil && ctx.Err() == nil {
			n.log.Warn("holds whose time is over cannot be ended", "error", err)
		}
		if err := n.followHawl(ctx); err != nil && ctx.Err() == nil {
			n.log.Warn("lunar years cannot be followed", "error", err)
		}
		if err := n.tidyMoney(ctx); err != nil && ctx.Err() == nil {
			n.log.Warn("what is over cannot be dropped from the wallet", "error", err)
		}
		if err := n.settleEntries(ctx); err != nil && ctx.Err() == nil {
			n.log.Warn("payments cannot be paid by entries of the bank", "error", err)
		}
		n.across(ctx)
	}
}

func (n *Node) endHolds(ctx context.Context) error {
	v := n.site.View()
	due, err := n.wallet.Ledger.Due(v, n.keys.trust.Now(), 1)
	v.Close()
	if err != nil || len(due) == 0 {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return n.propose(ctx, ledger.OpTick, struct{}{}, nil)
}

// followHawl has the wealth of people looked at whose lunar year is followed, a few at a time until the day's are done.
func (n *Node) followHawl(ctx context.Context) error {
	v := n.site.View()
	waits, err := n.wallet.Alms.Waits(v, n.keys.trust.Now())
	v.Close()
	if err != nil || !waits {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return n.propose(ctx, alms.OpFollow, struct{}{}, nil)
}

// tidyMoney drops what no rule looks at any more, and what nobody decided in time.
func (n *Node) tidyMoney(ctx context.Context) error {
	v := n.site.View()
	due, err := n.wallet.Compliance.Due(v, n.keys.trust.Now())
	v.Close()
	if err != nil || !due {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return n.propose(ctx, compliance.OpTidy, struct{}{}, nil)
}

// settleEntries has payments paid by entries of the bank that were too many for the command that took them in.
func (n *Node) settleEntries(ctx context.Context) error {
	v := n.site.View()
	waits, err := reconcile.Waits(v)
	v.Close()
	if err != nil || !waits {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return n.propose(ctx, reconcile.OpSettle, struct{}{}, nil)
}

// across does what is due between sites, with patience of its own: what cannot be done now is looked at again later.
func (n *Node) across(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := n.dealAcross(ctx); err != nil && ctx.Err() == nil {
		n.log.Warn("what is due between sites cannot be done", "error", err)
	}
}
