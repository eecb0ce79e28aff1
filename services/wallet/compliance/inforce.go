package compliance

import (
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/shariah"
	"github.com/aielon/edge/services/wallet/shariah/mcc"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// InForce is the set by which dealings are judged, for parts of the wallet that know more of a dealing than the ledger.
func (s *Service) InForce(v edge.View) (*shariah.Compiled, error) { return s.inForce(v) }

// Ask has the set in force decide about something that the part of the wallet that asks knows more of than the ledger.
// Where it is denied, the decision is kept under id, and the error is to be returned as it is: nothing else may be written
// then. Where an officer would have to look first, review is true, and nothing is kept yet.
func (s *Service) Ask(tx edge.Tx, id edge.ID, f *shariah.Facts) (review bool, err error) {
	set, err := s.inForce(tx)
	if err != nil {
		return false, err
	}
	what := set.Decide(f)
	if refusal(&what) != nil {
		return false, s.denied(tx, set, id, what)
	}
	return what.Act == shariah.Review, nil
}

// Screen says what the set in force makes of a kind of merchant, by its code, in a language. It fails with Invalid where
// the code is none.
func (s *Service) Screen(v edge.View, code, lang string) (*walletv1.MccVerdict, error) {
	return s.screenMcc(v, &walletv1.ScreenMccRequest{Mcc: code, Language: lang})
}

// Forbids is the refusal where the set in force denies payments to a kind of merchant.
func (s *Service) Forbids(v edge.View, code mcc.Code) error {
	set, err := s.inForce(v)
	if err != nil {
		return err
	}
	what := set.Decide(&shariah.Facts{MCC: code, Purpose: shariah.Purchase, From: own, To: own})
	if e := what.Err("en"); e != nil {
		return e
	}
	return nil
}
