package alms

import (
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/book"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/shariah"
	"github.com/aielon/edge/services/wallet/walletv1"
	"github.com/aielon/edge/services/wallet/zakat"
)

var payments = book.Table{Prefix: "wzpa/", What: "payment of zakat", Lost: "payment_not_found"}

// A duty is one kind of payment.
type duty struct {
	fund, purpose, counts string
	sum                   amount.Amount
	lines                 []zakat.Line
}

func (a *Alms) payZakat(tx edge.Tx, in *walletv1.PayZakatRequest) (*walletv1.ZakatPayment, error) {
	ask, again, err := book.Begin(tx, "pay-zakat", in.GetId(), in)
	if err != nil {
		return nil, err
	}
	if again {
		return paid(tx, ask)
	}
	sum, err := book.ParseAmount(in.GetAmount())
	if err != nil {
		return nil, err
	}
	from, out, err := a.pay(tx, ask, in.GetFrom(), duty{fund: fundZakat, purpose: "zakat_in", counts: "zakat", sum: sum})
	if err != nil {
		return nil, err
	}
	return out, settle(tx, from, sum)
}

// payFitr takes zakat al-fitr. What comes after the Eid prayer counts as sadaqah (FITR-1); it goes to the same poor, so
// it stays in the same fund.
func (a *Alms) payFitr(tx edge.Tx, in *walletv1.PayFitrRequest) (*walletv1.ZakatPayment, error) {
	ask, again, err := book.Begin(tx, "pay-fitr", in.GetId(), in)
	if err != nil {
		return nil, err
	}
	if again {
		return paid(tx, ask)
	}
	s, err := findSet("")
	if err != nil {
		return nil, err
	}
	rate, err := book.ParseAmount(in.GetRate())
	if err != nil {
		return nil, err
	}
	x, err := zakat.Fitr(s, uint64(in.GetPersons()), rate)
	if err != nil {
		return nil, err
	}
	d := duty{fund: fundFitr, purpose: "fitr", counts: "fitr", sum: x.Money, lines: x.Lines}
	if in.GetAfterPrayer() {
		d.purpose, d.counts = "donation", "sadaqah"
	}
	f := &shariah.Facts{Purpose: shariah.Fitr, From: shariah.Fund{Kind: shariah.Amanah}, To: shariah.Fund{Kind: shariah.FitrFund}, Chain: true, AmountOut: d.sum, AfterPrayer: in.GetAfterPrayer()}
	if err := book.Permit(tx, a.rules, ask.ID, f); err != nil {
		return nil, err
	}
	_, out, err := a.pay(tx, ask, in.GetFrom(), d)
	return out, err
}

func (a *Alms) payFidya(tx edge.Tx, in *walletv1.PayFidyaRequest) (*walletv1.ZakatPayment, error) {
	ask, again, err := book.Begin(tx, "pay-fidya", in.GetId(), in)
	if err != nil {
		return nil, err
	}
	if again {
		return paid(tx, ask)
	}
	rate, err := book.ParseAmount(in.GetRate())
	if err != nil {
		return nil, err
	}
	x, err := zakat.PerHead(uint64(in.GetDays()), 0, rate)
	if err != nil {
		return nil, err
	}
	_, out, err := a.pay(tx, ask, in.GetFrom(), duty{fund: fundFidya, purpose: "fidya", counts: "fidya", sum: x.Money, lines: x.Lines})
	return out, err
}

func paid(v edge.View, ask book.Ask) (*walletv1.ZakatPayment, error) {
	out := &walletv1.ZakatPayment{}
	return out, payments.Find(v, ask.Text, out)
}

// pay moves money into the income of a fund.
func (a *Alms) pay(tx edge.Tx, ask book.Ask, account string, d duty) (from ledger.AccountInfo, out *walletv1.ZakatPayment, err error) {
	if from, err = a.money.Find(tx, account); err != nil {
		return from, nil, err
	}
	if err := book.Own(from, d.fund); err != nil {
		return from, nil, err
	}
	if err := a.money.Into(tx, ask.ID, from, d.fund, d.sum, d.purpose, ""); err != nil {
		return from, nil, err
	}
	out = &walletv1.ZakatPayment{Id: ask.Text, Fund: d.fund, Asset: from.Asset, Amount: d.sum.String(), CountsAs: d.counts, Time: timestamppb.New(tx.Now()), Lines: lines(d.lines)}
	ask.Done(tx)
	book.Emit(tx, EventPaid, "fund:"+d.fund, edge.Personal, map[string]any{"id": ask.Text, "account": from.ID.String(), "fund": d.fund, "asset": from.Asset, "amount": out.Amount, "counts_as": d.counts})
	return from, out, payments.Save(tx, ask.Text, out)
}

// settle counts zakat that was paid against what is due from the owner of the account, the oldest first. What is more
// than is due is zakat all the same.
func settle(tx edge.Tx, from ledger.AccountInfo, sum amount.Amount) error {
	h := &walletv1.HawlYear{}
	if from.Owner == "" || !book.IsMember(from) {
		return nil
	}
	found, err := years.Load(tx, from.Owner, h)
	if err != nil || !found || h.Asset != from.Asset {
		return err
	}
	changed := false
	for _, d := range h.Dues {
		due, err := amount.Parse(d.Zakat)
		if err != nil {
			return edge.E(edge.Corrupt, "what is due cannot be read: %w", err)
		}
		was, err := amount.Parse(d.Paid)
		if err != nil {
			return edge.E(edge.Corrupt, "what was paid cannot be read: %w", err)
		}
		part, ok := due.Sub(was)
		if !ok || part.IsZero() || sum.IsZero() {
			continue
		}
		if sum.Less(part) {
			part = sum
		}
		sum, _ = sum.Sub(part)
		now, _ := was.Add(part)
		d.Paid, changed = now.String(), true
	}
	if !changed {
		return nil
	}
	return years.Save(tx, from.Owner, h)
}
