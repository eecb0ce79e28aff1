package compliance

import (
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/book"
	"github.com/aielon/edge/services/wallet/shariah"
	"github.com/aielon/edge/services/wallet/shariah/mcc"
	"github.com/aielon/edge/services/wallet/walletv1"
)

var _ book.Rules = (*Service)(nil)

// Ask implements book.Rules by the set in force.
func (s *Service) Ask(tx edge.Tx, id edge.ID, f *shariah.Facts) (review bool, err error) {
	set, err := s.inForce(tx)
	if err != nil {
		return false, err
	}
	what := set.Decide(f)
	if refusal(&what) != nil {
		return false, s.denied(tx, set, id, what)
	}
	if what.Act == shariah.Info {
		err = s.keep(tx, set, []decided{{id: id, what: what}})
	}
	return what.Act == shariah.Review, err
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
