package compliance

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// Whatever is asked for, by whomever and in whatever order: the books recompute (I1 to I7), no endowment falls, what is
// counted as waiting is listed, and every identifier that was denied has its decision.
func TestInvariantsWithRules(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newTown(t)
		accounts := []string{w.desk, w.a, w.b, w.house, w.sales, w.costs, w.zakat, w.poor, w.charity, w.fines, w.yield, w.mosque, w.roof, w.tiles, w.corpus, w.spent, w.eur, w.euros, w.idrSwap, w.eurSwap}
		pick := func(name string) string { return rapid.SampledFrom(accounts).Draw(rt, name) }
		some := func(list ...string) string { return rapid.SampledFrom(list).Draw(rt, "word") }
		who := func() *world { return w.as(some("desk", "second", "third", "person-2", "person-3")) }
		number := func() string {
			return rapid.SampledFrom([]string{"1", "10", "5000", "900000", "200000001", "46000000000"}).Draw(rt, "amount")
		}
		n, used := 1000, []string{id(100)}
		next := func() string {
			if n++; rapid.IntRange(0, 5).Draw(rt, "again") == 0 {
				return rapid.SampledFrom(used).Draw(rt, "used")
			}
			used = append(used, id(n))
			return id(n)
		}
		denied := map[string]bool{}
		for range rapid.IntRange(1, 40).Draw(rt, "commands") {
			w.state.Time = w.state.Time.Add(time.Duration(rapid.IntRange(0, 40).Draw(rt, "hours")) * time.Hour)
			switch who(); rapid.IntRange(0, 7).Draw(rt, "command") {
			case 0, 1, 2:
				in := &walletv1.NewTransfer{Id: next(), Purpose: some("", "", "purchase", "late_payment", "sale", "upkeep", "waqf_spend", "fun"), Mcc: some("", "", "5933", "7995", "7261"), Hold: rapid.Bool().Draw(rt, "hold")}
				for range rapid.IntRange(1, 3).Draw(rt, "legs") {
					in.Legs = append(in.Legs, leg(pick("debit"), pick("credit"), number()))
				}
				if _, err := w.transfer(in); edge.IsKind(err, edge.Refused) && factOf(err, "set") != "" {
					denied[in.Id] = true
				}
			case 3:
				_ = w.do("wallet.exchange", &walletv1.ExchangeRequest{Id: next(), FromAccount: pick("from"), AmountFrom: number(), ToAccount: pick("to"), AmountTo: number()}, &walletv1.Transfer{})
			case 4:
				r := &walletv1.RequestReleaseRequest{Id: next(), FromAccount: pick("from"), ToAccount: pick("to"), CashAccount: w.desk, Amount: number(), Reason: "as it was said", Document: paper,
					Category: some("", "faqir", "amil"), Beneficiary: some("", "person-9")}
				_ = w.do("wallet.request_release", r, &walletv1.Release{})
			case 5:
				_, _ = w.approve(rapid.SampledFrom(used).Draw(rt, "release"))
			case 6:
				_, _ = w.decide(rapid.SampledFrom(used).Draw(rt, "review"), rapid.Bool().Draw(rt, "yes"))
			case 7:
				_ = w.do("wallet.reverse_transfer", &walletv1.ReverseTransferRequest{Transfer: rapid.SampledFrom(used).Draw(rt, "transfer"), Id: next(), Reason: "a mistake"}, &walletv1.Transfer{})
			}
		}
		w.waits()
		for x := range denied {
			if err := w.ask("wallet.get_decision", &walletv1.GetDecisionRequest{Id: x}, &walletv1.RuleDecision{}); err != nil {
				t.Errorf("%s was denied, and nobody knows why: %v", x, err)
			}
		}
		w.level()
		w.check()
		if t.Failed() {
			rt.Fatal("see above")
		}
	})
}

func factOf(err error, name string) string {
	e := &edge.Error{}
	if k, ok := err.(*edge.Kept); ok {
		e = k.Err
	}
	for _, f := range e.Facts {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}
