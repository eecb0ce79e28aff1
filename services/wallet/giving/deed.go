package giving

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/book"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/walletv1"
)

var deeds = book.Table{Prefix: "wdee/", What: "deed", Lost: CodeDeed}

// putDeed writes a deed down once. What who endowed it laid down binds, so it never changes (WAQF-2).
func (g *Giving) putDeed(tx edge.Tx, in *walletv1.PutDeedRequest) (*walletv1.Deed, error) {
	if len(in.GetPurposes()) == 0 || len(in.GetDocument()) != 64 {
		return nil, book.Invalid("a deed needs its purposes and the SHA-256 of its document")
	}
	for _, fund := range []string{"waqf_corpus:" + in.GetId(), "waqf_yield:" + in.GetId()} {
		if _, err := g.led.ShowFund(tx, fund); err != nil {
			return nil, err
		}
	}
	d := &walletv1.Deed{Id: in.GetId(), Purposes: slices.Compact(slices.Sorted(slices.Values(in.GetPurposes()))), Conditions: in.GetConditions(), Document: in.GetDocument()}
	old := &walletv1.Deed{}
	found, err := deeds.Load(tx, d.Id, old)
	if err != nil {
		return nil, err
	}
	if found {
		if d.Written = old.Written; !proto.Equal(old, d) {
			return nil, edge.E(edge.Conflict, "the deed was written down already, and binds as it is").WithHint("look at it; an endowment with another deed has another name").
				WithCode(ledger.CodeExists, edge.Fact{Name: "deed", Value: d.Id})
		}
		return old, nil
	}
	d.Written = timestamppb.New(tx.Now())
	book.Emit(tx, EventDeed, "deed:"+d.Id, edge.SiteOnly, map[string]any{"deed": d.Id, "document": d.Document, "purposes": d.Purposes})
	return d, deeds.Save(tx, d.Id, d)
}

func getDeed(v edge.View, in *walletv1.GetDeedRequest) (*walletv1.Deed, error) {
	d := &walletv1.Deed{}
	return d, deeds.Find(v, in.GetId(), d)
}

func listDeeds(v edge.View, in *walletv1.ListDeedsRequest) (out *walletv1.ListDeedsResponse, err error) {
	out = &walletv1.ListDeedsResponse{}
	out.NextPageToken, err = book.List(v, deeds, book.Page{After: in.GetPageToken(), Size: in.GetPageSize()}, func() *walletv1.Deed { return &walletv1.Deed{} }, func(d *walletv1.Deed) (bool, error) {
		out.Deeds = append(out.Deeds, d)
		return true, nil
	})
	return out, err
}

// DeedAllows reports whether the deed of an endowment names a purpose, for whoever decides on spending from
// waqf_yield:<deed>, and whether there is a deed at all.
func DeedAllows(v edge.View, fund, purpose string) (allows, written bool, err error) {
	kind, id, _ := strings.Cut(fund, ":")
	if kind != "waqf_yield" || id == "" {
		return false, false, nil
	}
	d := &walletv1.Deed{}
	written, err = deeds.Load(v, id, d)
	return written && slices.Contains(d.Purposes, purpose), written, err
}
