package ledger

import (
	"time"

	"github.com/aielon/edge/node/edge"
)

// A haltRow says why the ledger is not written any more.
type haltRow struct {
	Invariant string      `json:"invariant"`
	Sentence  string      `json:"sentence"`
	Facts     []edge.Fact `json:"facts,omitempty"`
	Time      time.Time   `json:"time"`
}

// halt ends all writing of the ledger: something that must always hold would not have. Nothing of the command is
// written but that; reading goes on.
func (s *Ledger) halt(tx edge.Tx, breach error) error {
	e, ok := breach.(*edge.Error)
	if !ok {
		return breach
	}
	row := haltRow{Sentence: e.Msg, Facts: e.Facts, Time: tx.Now()}
	if len(e.Facts) > 0 {
		row.Invariant = e.Facts[0].Value
	}
	if err := setJSON(tx, key(rowHalt), row); err != nil {
		return err
	}
	emitAs(tx, EventHalted, "ledger", edge.SiteOnly, edge.Critical, row)
	return &edge.Kept{Err: halting(row)}
}

// halted refuses everything while the ledger is halted.
func halted(v edge.View) error {
	row, found, err := loadHalt(v)
	if err != nil || !found {
		return err
	}
	return halting(row)
}

func halting(row haltRow) *edge.Error {
	return edge.E(edge.Unavailable, "the ledger takes nothing in: a check of it failed").
		WithHint("run aielon-edge wallet check, and call whoever looks after the node").WithCode(CodeHalted, fact("invariant", row.Invariant))
}
