package alms

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aielon/edge/node/api"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/book"
	"github.com/aielon/edge/services/wallet/walletv1"
	"github.com/aielon/edge/services/wallet/zakat"
)

// maxKept is how many assessments of one person are kept.
const maxKept = 100

var assessments = book.Table{Prefix: "wass/", What: "assessment", Lost: "assessment_not_found"}

func assessZakat(v edge.View, in *walletv1.AssessZakatRequest) (*walletv1.Assessment, error) {
	return assess(v, in, time.Now())
}

func assess(v edge.View, in *walletv1.AssessZakatRequest, now time.Time) (*walletv1.Assessment, error) {
	s, err := findSet(in.GetSet())
	if err != nil {
		return nil, err
	}
	x, _, err := pricesOf(v, in.GetAsset())
	if err != nil {
		return nil, err
	}
	has, err := assetsOf(in.GetWealth())
	if err != nil {
		return nil, err
	}
	c := zakat.LunarYear
	if in.GetSolar() {
		c = zakat.SolarYear
	}
	r, err := zakat.Assess(s, has, x, c, now)
	if err != nil {
		return nil, err
	}
	return &walletv1.Assessment{Asset: in.GetAsset(), Set: r.Set, Lines: lines(r.Lines), Total: r.Total.String(), Nisab: r.Nisab.String(), Reached: r.Reached,
		ExactNum: r.Exact.Num.String(), ExactDen: r.Exact.Den, Due: r.Due.String(), Flags: r.Flags, Time: timestamppb.New(now)}, nil
}

func lines(in []zakat.Line) (out []*walletv1.AssessmentLine) {
	for _, l := range in {
		m := &walletv1.AssessmentLine{Step: l.Step, Amount: l.Amount.String()}
		for _, f := range l.Facts {
			m.Facts = append(m.Facts, &api.Fact{Name: f.Name, Value: f.Value})
		}
		out = append(out, m)
	}
	return out
}

// assetsOf reads what somebody has. What is left out is nothing.
func assetsOf(w *walletv1.Wealth) (a zakat.Assets, err error) {
	for _, x := range []struct {
		text string
		to   *amount.Amount
	}{{w.GetCash(), &a.Cash}, {w.GetTradeGoods(), &a.TradeGoods}, {w.GetReceivables(), &a.Receivables}, {w.GetDebts(), &a.Debts}} {
		if x.text == "" {
			continue
		}
		if *x.to, err = amount.Parse(x.text); err != nil {
			return a, err
		}
	}
	a.Gold, a.Silver = pieces(w.GetGold()), pieces(w.GetSilver())
	return a, nil
}

func pieces(in []*walletv1.MetalPiece) (out []zakat.Piece) {
	for _, p := range in {
		out = append(out, zakat.Piece{Milligrams: p.GetMilligrams(), Fineness: uint16(min(p.GetFineness(), 0xffff)), Worn: p.GetWorn()}) // Assess refuses what is above 1000
	}
	return out
}

// saveAssessment keeps an answer for a person. The oldest makes room.
func saveAssessment(tx edge.Tx, in *walletv1.SaveAssessmentRequest) (*walletv1.Assessment, error) {
	if err := book.CheckPerson(in.GetPerson()); err != nil {
		return nil, err
	}
	a, again, err := book.Begin(tx, "assessment", in.GetId(), in)
	if err != nil {
		return nil, err
	}
	out := &walletv1.Assessment{}
	if again {
		return out, assessments.Find(tx, a.Text, out)
	}
	if out, err = assess(tx, in.GetAssess(), tx.Now()); err != nil {
		return nil, err
	}
	out.Id, out.Person = a.Text, in.GetPerson()
	if err := makeRoom(tx, out.Person); err != nil {
		return nil, err
	}
	a.Done(tx)
	assessments.Under(tx, out.Person, out.Id)
	return out, assessments.Save(tx, out.Id, out)
}

// makeRoom forgets the oldest assessments of a person beyond those that are kept.
func makeRoom(tx edge.Tx, person string) error {
	var oldest string
	var when time.Time
	n := 0
	for id, err := range assessments.IDs(tx, person, "") {
		if err != nil {
			return err
		}
		m := &walletv1.Assessment{}
		if err := assessments.Find(tx, id, m); err != nil {
			return err
		}
		if n++; oldest == "" || m.Time.AsTime().Before(when) {
			oldest, when = id, m.Time.AsTime()
		}
	}
	if n >= maxKept {
		assessments.Forget(tx, person, oldest)
	}
	return nil
}

func listAssessments(v edge.View, in *walletv1.ListAssessmentsRequest) (out *walletv1.ListAssessmentsResponse, err error) {
	if err := book.CheckPerson(in.GetPerson()); err != nil {
		return nil, err
	}
	out = &walletv1.ListAssessmentsResponse{}
	out.NextPageToken, err = book.List(v, assessments, book.Page{Under: in.GetPerson(), After: in.GetPageToken(), Size: in.GetPageSize()},
		func() *walletv1.Assessment { return &walletv1.Assessment{} }, func(m *walletv1.Assessment) (bool, error) {
			out.Assessments = append(out.Assessments, m)
			return true, nil
		})
	return out, err
}
