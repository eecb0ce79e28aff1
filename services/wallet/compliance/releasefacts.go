package compliance

import (
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/hijri"
	"github.com/aielon/edge/services/wallet/shariah"
)

// facts are what the rules are told of a release with so many approvals.
func (s *Service) facts(v edge.View, r *releaseRow, now time.Time, approvals int) (f *shariah.Facts, err error) {
	f = &shariah.Facts{Purpose: shariah.FundRelease, Chain: true, AssetOut: r.Asset, AmountOut: r.Amount, Document: r.Document != "", Approvals: uint8(approvals),
		Asnaf: r.Category, Beneficiary: r.Whom != ""}
	if f.From, err = shariah.ParseFund(r.FromFund); err != nil {
		return nil, err
	}
	if f.To, err = shariah.ParseFund(r.ToFund); err != nil {
		return nil, err
	}
	if r.Swap {
		f.Purpose, f.ValueOut, f.ValueIn, f.AssetIn, f.AmountIn = shariah.Istibdal, r.ValueOut, r.ValueIn, r.AssetIn, r.AmountIn
		return f, nil
	}
	if r.Category == shariah.AmilCategory {
		f.Purpose = shariah.Amil
	}
	if err := attest(v, f, r.FromFund, r.Purpose, now); err != nil {
		return nil, err
	}
	if r.Purpose == shariah.Upkeep.String() && f.Purpose == shariah.FundRelease && f.From.Kind == shariah.Zakat {
		f.Purpose = shariah.Upkeep
	}
	if f.From.Kind == shariah.Zakat {
		f.AmilTaken, f.ZakatReceived, err = s.amil(v, r, now)
	}
	return f, err
}

// amil sums up what those who work on zakat took in this Hijri year, this release included, and what came in.
func (s *Service) amil(v edge.View, r *releaseRow, now time.Time) (taken, received amount.Amount, err error) {
	today, err := hijri.FromTime(now, time.UTC)
	if err != nil {
		return taken, received, err
	}
	begin, err := (hijri.Date{Year: today.Year, Month: 1, Day: 1}).ToGregorian(time.UTC)
	if err != nil {
		return taken, received, err
	}
	var sum amount.Signed
	for f, err := range s.ledger.Flows(v, r.Asset, r.FromFund, begin, now.Add(time.Hour)) {
		if err != nil {
			return taken, received, err
		}
		sum, _ = sum.Add(f.Income)
	}
	if !sum.Neg {
		received = sum.Amount
	}
	before, _, err := getJSON[amount.Amount](v, amilKey(r.Asset, r.FromFund, today.Year))
	taken, ok := before.Add(r.Amount)
	if !ok {
		taken = amount.Max()
	}
	return taken, received, err
}

// needed is how many people have to approve. What they could not make permissible is refused at once.
func (s *Service) needed(tx edge.Tx, r *releaseRow) (int, error) {
	set, err := s.inForce(tx)
	if err != nil {
		return 0, err
	}
	var what shariah.Decision
	for n := fewest; n <= most; n++ {
		f, err := s.facts(tx, r, tx.Now(), n)
		if err != nil {
			return 0, err
		}
		if what = set.Decide(f); refusal(&what) == nil {
			return n, nil
		}
	}
	return 0, s.denied(tx, set, r.ID, what)
}

// denied keeps a denial, and is its refusal.
func (s *Service) denied(tx edge.Tx, set *shariah.Compiled, id edge.ID, what shariah.Decision) error {
	if err := s.keep(tx, set, []decided{{id: id, what: what}}); err != nil {
		return err
	}
	return &edge.Kept{Err: refusal(&what)}
}
