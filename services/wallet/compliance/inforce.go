package compliance

import (
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/shariah"
)

// InForce is the set by which dealings are judged, for parts of the wallet that know more of a dealing than the ledger.
func (s *Service) InForce(v edge.View) (*shariah.Compiled, error) { return s.inForce(v) }
