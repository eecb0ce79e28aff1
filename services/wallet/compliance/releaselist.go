package compliance

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// ReleaseOwner is who asked for a release; empty where there is none.
func (s *Service) ReleaseOwner(v edge.View, id string) (string, error) {
	r, err := loadRelease(v, id)
	if edge.IsKind(err, edge.NotFound) || edge.IsKind(err, edge.Invalid) {
		return "", nil
	}
	return r.By, err
}

func (r *releaseRow) message(now time.Time) *walletv1.Release {
	m := &walletv1.Release{Id: r.ID.String(), State: r.State, FromAccount: r.From.String(), ToAccount: r.To.String(), FromFund: r.FromFund, ToFund: r.ToFund, Asset: r.Asset, Amount: r.Amount.String(),
		Purpose: r.Purpose, Reason: r.Reason, Document: r.Document, Category: r.Category.String(), Beneficiary: r.Whom, AskedBy: r.By, Asked: timestamppb.New(r.Asked),
		Expires: timestamppb.New(r.Expires), ApprovalsNeeded: uint32(r.Needs), RejectedBy: r.Rejected}
	if r.over(now) {
		m.State = walletv1.ReleaseState_RELEASE_EXPIRED
	}
	if r.Swap {
		m.AssetIn, m.AmountIn = r.AssetIn, r.AmountIn.String()
	}
	for _, y := range r.Given {
		m.Approvals = append(m.Approvals, &walletv1.Approval{By: y.By, Time: timestamppb.New(y.Time)})
	}
	return m
}

func (s *Service) getRelease(v edge.View, in *walletv1.GetReleaseRequest) (*walletv1.Release, error) {
	r, err := loadRelease(v, in.GetId())
	if err != nil {
		return nil, err
	}
	return r.message(time.Now()), nil
}

func (s *Service) listReleases(v edge.View, in *walletv1.ListReleasesRequest) (*walletv1.ListReleasesResponse, error) {
	p, err := newPage("wallet.releases", in.GetPageSize(), in.GetPageToken())
	if err != nil {
		return nil, err
	}
	out := &walletv1.ListReleasesResponse{}
	for row, err := range p.rows(v, rowReleased, &out.NextPageToken) {
		if err != nil {
			return nil, err
		}
		r, err := loadRelease(v, edge.ID(row).String())
		if err != nil {
			return nil, err
		}
		out.Releases = append(out.Releases, r.message(time.Now()))
	}
	return out, nil
}
