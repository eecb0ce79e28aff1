package compliance

import (
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// maxTier is the highest tier there is.
const maxTier = 9

// A tierRow is what a tier stands on.
type tierRow struct {
	Tier     uint32 `json:"tier"`
	Document string `json:"document,omitempty"`
	By       string `json:"by"`
}

// setTier notes how well somebody is known.
func (s *Service) setTier(tx edge.Tx, in *walletv1.SetTierRequest) (*walletv1.AccountTier, error) {
	id, err := ledger.ParseID(in.GetAccount())
	if err != nil {
		return nil, err
	}
	a, err := s.ledger.Find(tx, id)
	switch {
	case err != nil:
		return nil, err
	case a.Kind != member || in.GetTier() > maxTier:
		return nil, edge.E(edge.Invalid, "only accounts of members have a tier, of 0 to %d", maxTier).WithCode(ledger.CodeInvalid)
	case in.GetTier() > 0 && len(in.GetDocument()) != 64:
		return nil, edge.E(edge.Invalid, "a tier above 0 needs a document that proves it").WithHint("give the SHA-256 of the document, 64 hexadecimal digits").WithCode(ledger.CodeInvalid)
	case a.Owner == tx.Actor().ID:
		return nil, foureyes()
	}
	if err := setJSON(tx, idKey(rowTier, id), tierRow{in.GetTier(), in.GetDocument(), tx.Actor().ID}); err != nil {
		return nil, err
	}
	if err := s.ledger.SetTier(tx, id, uint8(in.GetTier())); err != nil {
		return nil, err
	}
	return &walletv1.AccountTier{Account: id.String(), Tier: in.GetTier(), Document: in.GetDocument()}, nil
}
