package book

import (
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/shariah"
)

// Rules are the rules in force, as a part of the wallet asks them about what the ledger cannot know.
type Rules interface {
	// Ask has them decide. Where they deny, the decision is kept under id, and the error is to be returned as it is:
	// nothing else may be written then. What they remark on is kept too. review says that an officer would have to look
	// first, of which nothing is kept yet.
	Ask(tx edge.Tx, id edge.ID, f *shariah.Facts) (review bool, err error)
}

// Permit is Ask for what cannot wait for an officer: it fails with Refused, code approval_required, where one would have
// to look first.
func Permit(tx edge.Tx, r Rules, id edge.ID, f *shariah.Facts) error {
	review, err := r.Ask(tx, id, f)
	if err == nil && review {
		err = edge.E(edge.Refused, "somebody would have to look at this first").WithHint("ask whoever looks after the rules").WithCode(ledger.CodeApproval)
	}
	return err
}
