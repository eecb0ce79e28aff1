package node

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/walletv1"
	"github.com/aielon/edge/sync/hub/store"
)

// A standRow is what a site says that it owes another, in one currency and fund; below 0 what it is owed.
type standRow struct {
	Posted string
	Time   time.Time
}

// listClearing compares, at a hub, what sites say of each other.
func (n *Node) listClearing(ctx context.Context, in *walletv1.ListClearingRequest) (*walletv1.ListClearingResponse, error) {
	if n.hub == nil {
		return nil, edge.E(edge.Invalid, "only a hub knows what sites say of each other").WithHint("ask at the hub of the region")
	}
	r := n.hub.money
	r.mu.Lock()
	defer r.mu.Unlock()
	list, err := r.pairs(ctx)
	if err != nil {
		return nil, err
	}
	out := &walletv1.ListClearingResponse{}
	for _, p := range list {
		if in.GetSite() == "" || in.GetSite() == p.A || in.GetSite() == p.B {
			out.Pairs = append(out.Pairs, p)
		}
	}
	return out, nil
}

// pairs is called with mu held.
func (r *router) pairs(ctx context.Context) ([]*walletv1.ClearingPair, error) {
	by := map[string]*walletv1.ClearingPair{}
	for row, err := range r.p.store.Rows(ctx, "", moneyStand, "") {
		if err != nil {
			return nil, err
		}
		var s standRow
		part := strings.Split(row.Key, "/")
		if len(part) != 3 || json.Unmarshal(row.Value, &s) != nil {
			return nil, edge.E(edge.Corrupt, "what site %s says of another cannot be read", row.Site)
		}
		a, b := min(row.Site, part[0]), max(row.Site, part[0])
		key := strings.Join([]string{a, b, part[1], part[2]}, "/")
		p := by[key]
		if p == nil {
			p = &walletv1.ClearingPair{A: a, B: b, Asset: part[1], Fund: part[2], AtA: "0", AtB: "0"}
			by[key] = p
		}
		if row.Site == a {
			p.AtA = s.Posted
		} else {
			p.AtB = s.Posted
		}
		if p.Time == nil || p.Time.AsTime().Before(s.Time) {
			p.Time = timestamppb.New(s.Time)
		}
	}
	list := make([]*walletv1.ClearingPair, 0, len(by))
	for _, p := range by {
		r.judge(p)
		list = append(list, p)
	}
	slices.SortFunc(list, func(x, y *walletv1.ClearingPair) int {
		return cmp.Or(cmp.Compare(x.A, y.A), cmp.Compare(x.B, y.B), cmp.Compare(x.Asset, y.Asset), cmp.Compare(x.Fund, y.Fund))
	})
	return list, nil
}

// judge says whether the two ends are each other's negation, once nothing is on its way.
func (r *router) judge(p *walletv1.ClearingPair) {
	at, errA := amount.ParseSigned(p.AtA)
	bt, errB := amount.ParseSigned(p.AtB)
	sum, ok := at.Add(bt)
	p.Difference = sum.String()
	a, b := r.ways[p.A], r.ways[p.B]
	if a == nil || b == nil {
		return
	}
	p.WaitingForB, p.WaitingForA = uint64(b.waiting[p.A]), uint64(a.waiting[p.B])
	p.CaughtUp = a.level(b) && b.level(a)
	p.Wrong = p.CaughtUp && (errA != nil || errB != nil || !ok || !sum.IsZero())
}

// level reports whether the site has taken in all from another, and the hub all of what came of it.
func (w *way) level(from *way) bool {
	_, later := w.scans[from.site]
	return w.source != nil && w.source.Head() == w.mark.Pos && !store.Before(w.mark.Pos, w.handed) && w.waiting[from.site] == 0 && !later && w.recover == nil && w.order == nil
}

// compare looks for pairs that differ, after something moved.
func (r *router) compare(ctx context.Context) error {
	now := time.Now()
	if now.Sub(r.compared) < listEvery && r.compared.Before(now) {
		return nil
	}
	r.compared = now
	list, err := r.pairs(ctx)
	if err != nil {
		return err
	}
	wrong := []string{}
	for _, p := range list {
		if p.Wrong {
			wrong = append(wrong, p.A+" and "+p.B)
		}
	}
	r.wrong.Store(&wrong)
	return nil
}

// clearingWrong lists the pairs of sites whose ends differ.
func (n *Node) clearingWrong() []string {
	if n.hub == nil || n.hub.money.wrong.Load() == nil {
		return nil
	}
	return *n.hub.money.wrong.Load()
}
