package compliance

import (
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/shariah/velocity"
)

// OpTidy is the command by which the node that leads drops what is over. Only nodes of the site may ask for it.
const OpTidy = "wallet.tidy"

// Due reports whether there is anything to tidy.
func (s *Service) Due(v edge.View, now time.Time) (bool, error) {
	if keys, err := past(v, velocity.DayOf(now), 1); err != nil || len(keys) > 0 {
		return len(keys) > 0, err
	}
	if keys, err := late(v, now, 1); err != nil || len(keys) > 0 {
		return len(keys) > 0, err
	}
	if _, found, err := get(v, key(rowCursor)); err != nil || found {
		return found, err
	}
	for range v.Scan(key(rowOld)) {
		return true, nil
	}
	return false, v.Err()
}

// A tidied says what was dropped.
type tidied struct {
	Days    int `json:"days"`    // sums of what moved on a day
	Waiting int `json:"waiting"` // that nobody decided in time
	Names   int `json:"names"`   // of lists that are not in use any more
	Checked int `json:"checked"` // accounts that were compared with lists
}

func (s *Service) tidy(tx edge.Tx, _ struct{}) (out tidied, err error) {
	if k := tx.Actor().Kind; k != edge.Node && k != edge.Service {
		return out, edge.E(edge.Denied, "only a node of the site may ask for this")
	}
	if out.Days, err = forget(tx); err != nil {
		return out, err
	}
	if out.Waiting, err = forgetWaiting(tx); err != nil {
		return out, err
	}
	if out.Names, err = forgetNames(tx); err != nil {
		return out, err
	}
	out.Checked, err = s.check(tx)
	return out, err
}
