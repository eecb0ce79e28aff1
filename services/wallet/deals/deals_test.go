package deals

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/book/booktest"
	"github.com/aielon/edge/services/wallet/compliance"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/walletv1"
)

var doc = strings.Repeat("ab", 32)

func newWorld(t testing.TB) *booktest.World {
	rules, l := compliance.New()
	d := New(l, rules)
	rules.Heed(d)
	return booktest.Over(t, l, rules, d)
}

// pool puts money into the fund loans of the house come from.
func pool(w *booktest.World, sum string) {
	w.T.Helper()
	in, err := w.Ledger.House(w.State, walletv1.AccountKind_INCOME, booktest.Asset, "qard_pool")
	if err != nil {
		w.T.Fatal(err)
	}
	w.Send(w.Desk("qard_pool"), in.String(), sum)
	// the drawer's money is carried to the members' desk when it is lent; here it is there beforehand
	free, err := w.Ledger.House(w.State, walletv1.AccountKind_INCOME, booktest.Asset, "amanah")
	if err != nil {
		w.T.Fatal(err)
	}
	w.Send(w.Desk("amanah"), free.String(), sum)
}

func soon(w *booktest.World) *timestamppb.Timestamp {
	return timestamppb.New(w.State.Time.AddDate(0, 1, 0))
}

// A loan of the house comes back as it was lent, in parts, early or late, and never more.
func TestQardOfTheHouse(t *testing.T) {
	w := newWorld(t)
	pool(w, "2000")
	b := w.Member("b", "500")
	c := &walletv1.Contract{}
	w.Must("open_qard", &walletv1.OpenQardRequest{Id: w.ID(), Debtor: b, Principal: "1000", Instalments: 3, First: soon(w), Fee: "10", ActualCost: "12", Document: doc}, c)
	if c.State != walletv1.ContractState_CONTRACT_OFFERED || c.Instalments[0].Amount != "334" || c.Left != "1000" {
		t.Fatal(c)
	}
	w.Stands(b, "500")
	accept := &walletv1.AcceptContractRequest{Contract: c.Id, Id: w.ID(), Debtor: b}
	w.Must("accept_contract", accept, c)
	w.Stands(b, "1490")
	if got := w.House(walletv1.AccountKind_RECEIVABLE, "qard_pool"); got != "-1000" {
		t.Error(got)
	}
	w.Refuses(w.Do("accept_contract", &walletv1.AcceptContractRequest{Contract: c.Id, Id: w.ID(), Debtor: b}, c), edge.Conflict, CodeState)
	w.Must("pay_contract", &walletv1.PayContractRequest{Contract: c.Id, Id: w.ID(), From: b, Amount: "400"}, c)
	w.Refuses(w.Do("pay_contract", &walletv1.PayContractRequest{Contract: c.Id, Id: w.ID(), From: b, Amount: "601"}, c), edge.Refused, "overpaid")
	w.Must("forgive_qard", &walletv1.ForgiveQardRequest{Contract: c.Id, Id: w.ID(), Amount: "100"}, c)
	w.Refuses(w.Do("rebate_murabaha", &walletv1.RebateMurabahaRequest{Contract: c.Id, Id: w.ID(), Amount: "1"}, c), edge.Invalid, ledger.CodeInvalid)
	w.Refuses(w.Do("give_for_delay", &walletv1.GiveForDelayRequest{Contract: c.Id, Id: w.ID(), From: b, Amount: "5"}, c), edge.Refused, CodeLate)
	w.State.Time = w.State.Time.AddDate(0, 6, 0)
	w.Must("give_for_delay", &walletv1.GiveForDelayRequest{Contract: c.Id, Id: w.ID(), From: b, Amount: "5"}, c)
	if c.GivenForDelay != "5" || c.Left != "500" || c.Late != "500" || w.House(walletv1.AccountKind_INCOME, "charity") != "5" {
		t.Error(c)
	}
	pay := &walletv1.PayContractRequest{Contract: c.Id, Id: w.ID(), From: b, Amount: "500"}
	w.Must("pay_contract", pay, c)
	if c.State != walletv1.ContractState_CONTRACT_SETTLED || c.Left != "0" || w.House(walletv1.AccountKind_RECEIVABLE, "qard_pool") != "0" {
		t.Error(c)
	}
	w.Refuses(w.Do("pay_contract", &walletv1.PayContractRequest{Contract: c.Id, Id: w.ID(), From: b, Amount: "1"}, c), edge.Conflict, CodeState)
	w.Refuses(w.Do("reverse_transfer", &walletv1.ReverseTransferRequest{Transfer: pay.Id, Id: w.ID(), Reason: "by mistake"}, &walletv1.Transfer{}), edge.Conflict, ledger.CodeNotReversible)
	w.Stands(b, "585")
	w.Check()
}

// Between members the lender's money goes to the borrower and back; others see nothing of it.
func TestQardBetweenMembers(t *testing.T) {
	w := newWorld(t)
	a, b, other := w.Member("a", "1000"), w.Member("b", "0"), w.Member("c", "50")
	c := &walletv1.Contract{}
	w.Must("open_qard", &walletv1.OpenQardRequest{Id: w.ID(), Creditor: a, Debtor: b, Principal: "600", Instalments: 2, First: soon(w)}, c)
	w.Refuses(w.Do("accept_contract", &walletv1.AcceptContractRequest{Contract: c.Id, Id: w.ID(), Debtor: other}, c), edge.NotFound, CodeParty)
	w.Must("accept_contract", &walletv1.AcceptContractRequest{Contract: c.Id, Id: w.ID(), Debtor: b}, c)
	w.Stands(a, "400")
	w.Must("pay_contract", &walletv1.PayContractRequest{Contract: c.Id, Id: w.ID(), From: other, Amount: "50"}, c)
	w.Refuses(w.Do("forgive_qard", &walletv1.ForgiveQardRequest{Contract: c.Id, Id: w.ID(), Creditor: b, Amount: "550"}, c), edge.NotFound, CodeParty)
	w.Refuses(w.Do("forgive_qard", &walletv1.ForgiveQardRequest{Contract: c.Id, Id: w.ID(), Amount: "550"}, c), edge.NotFound, CodeParty)
	w.Must("forgive_qard", &walletv1.ForgiveQardRequest{Contract: c.Id, Id: w.ID(), Creditor: a, Amount: "550"}, c)
	if c.State != walletv1.ContractState_CONTRACT_SETTLED {
		t.Error(c)
	}
	w.Stands(a, "450")
	for account, want := range map[string]bool{a: true, b: true, "": true, other: false} {
		err := w.Try("get_contract", &walletv1.GetContractRequest{Contract: c.Id, Account: account}, c)
		if want != (err == nil) {
			t.Error(account, err)
		}
	}
	for person, want := range map[string]int{"a": 1, "b": 1, "c": 0, "": 1} {
		list := &walletv1.ListContractsResponse{}
		if w.Ask("list_contracts", &walletv1.ListContractsRequest{Person: person}, list); len(list.Contracts) != want {
			t.Error(person, len(list.Contracts))
		}
	}
	w.Check()
}

// The price of a sale is cost and markup, and stays so.
func TestMurabaha(t *testing.T) {
	w := newWorld(t)
	b := w.Member("b", "2000")
	c := &walletv1.Contract{}
	w.Must("open_murabaha", &walletv1.OpenMurabahaRequest{Id: w.ID(), Debtor: b, Cost: "1000", Markup: "100", Description: "one pump", Document: doc, OwnedSince: timestamppb.New(w.State.Time.Add(-time.Hour)), Instalments: 4, First: soon(w)}, c)
	w.Must("accept_contract", &walletv1.AcceptContractRequest{Contract: c.Id, Id: w.ID(), Debtor: b}, c)
	w.Stands(b, "2000")
	if r, m := w.House(walletv1.AccountKind_RECEIVABLE, "general"), w.House(walletv1.AccountKind_INCOME, "general"); r != "-1100" || m != "100" {
		t.Error(r, m)
	}
	w.Must("pay_contract", &walletv1.PayContractRequest{Contract: c.Id, Id: w.ID(), From: b, Amount: "1000"}, c)
	w.Refuses(w.Do("rebate_murabaha", &walletv1.RebateMurabahaRequest{Contract: c.Id, Id: w.ID(), Amount: "20", Promised: true}, c), edge.Refused, "shariah_mura_1")
	w.Must("rebate_murabaha", &walletv1.RebateMurabahaRequest{Contract: c.Id, Id: w.ID(), Amount: "20"}, c)
	w.Must("pay_contract", &walletv1.PayContractRequest{Contract: c.Id, Id: w.ID(), From: b, Amount: "80"}, c)
	if c.State != walletv1.ContractState_CONTRACT_SETTLED || w.House(walletv1.AccountKind_RECEIVABLE, "general") != "0" || w.House(walletv1.AccountKind_EXPENSE, "general") != "980" {
		t.Error(c)
	}
	w.Check()
}

// What no rule lets through is not offered.
func TestOffersRefused(t *testing.T) {
	w := newWorld(t)
	pool(w, "100")
	a, b, a2 := w.Member("a", "100"), w.Member("b", "100"), w.Member("a", "0")
	past := timestamppb.New(w.State.Time.Add(-time.Hour))
	for name, c := range map[string]struct {
		op   string
		in   proto.Message
		kind edge.Kind
		code string
	}{
		"fee above its cost": {"open_qard", &walletv1.OpenQardRequest{Debtor: b, Principal: "10", Instalments: 1, First: soon(w), Fee: "3", ActualCost: "2", Document: doc}, edge.Refused, "shariah_riba_4"},
		"fee without proof":  {"open_qard", &walletv1.OpenQardRequest{Debtor: b, Principal: "10", Instalments: 1, First: soon(w), Fee: "1", ActualCost: "2"}, edge.Refused, "shariah_riba_4"},
		"nothing":            {"open_qard", &walletv1.OpenQardRequest{Debtor: b, Principal: "0", Instalments: 1, First: soon(w)}, edge.Invalid, ledger.CodeInvalid},
		"out of zakat":       {"open_qard", &walletv1.OpenQardRequest{Fund: "zakat", Debtor: b, Principal: "1", Instalments: 1, First: soon(w)}, edge.Invalid, ledger.CodeInvalid},
		"to oneself":         {"open_qard", &walletv1.OpenQardRequest{Creditor: a, Debtor: a2, Principal: "1", Instalments: 1, First: soon(w)}, edge.Invalid, ledger.CodeInvalid},
		"no day":             {"open_qard", &walletv1.OpenQardRequest{Debtor: b, Principal: "1", Instalments: 1}, edge.Invalid, ledger.CodeInvalid},
		"a fraction":         {"open_qard", &walletv1.OpenQardRequest{Debtor: b, Principal: "1.5", Instalments: 1, First: soon(w)}, edge.Invalid, amount.CodeScale},
		"not owned yet":      {"open_murabaha", &walletv1.OpenMurabahaRequest{Debtor: b, Cost: "10", Markup: "1", Description: "pump", Document: doc, OwnedSince: soon(w), Instalments: 1, First: soon(w)}, edge.Refused, "shariah_gharar_2"},
		"no proof of it":     {"open_murabaha", &walletv1.OpenMurabahaRequest{Debtor: b, Cost: "10", Markup: "1", Description: "pump", OwnedSince: past, Instalments: 1, First: soon(w)}, edge.Refused, "shariah_gharar_2"},
		"what is it":         {"open_murabaha", &walletv1.OpenMurabahaRequest{Debtor: b, Cost: "10", Markup: "1", Document: doc, OwnedSince: past, Instalments: 1, First: soon(w)}, edge.Refused, "shariah_gharar_1"},
	} {
		t.Run(name, func(t *testing.T) { w.Refuses(w.Do(c.op, c.in, &walletv1.Contract{}), c.kind, c.code) })
	}
	if n := w.Told(EventContract); n != 0 {
		t.Error(n)
	}
	// the pool lends no more than it has, and a member no more than they have
	c := &walletv1.Contract{}
	w.Must("open_qard", &walletv1.OpenQardRequest{Id: w.ID(), Debtor: b, Principal: "101", Instalments: 1, First: soon(w)}, c)
	w.Refuses(w.Do("accept_contract", &walletv1.AcceptContractRequest{Contract: c.Id, Id: w.ID(), Debtor: b}, c), edge.Refused, ledger.CodeFunds)
	w.Must("withdraw_contract", &walletv1.WithdrawContractRequest{Contract: c.Id}, c)
	w.Refuses(w.Do("accept_contract", &walletv1.AcceptContractRequest{Contract: c.Id, Id: w.ID(), Debtor: b}, c), edge.Conflict, CodeState)
	w.Must("open_qard", &walletv1.OpenQardRequest{Id: w.ID(), Creditor: a, Debtor: b, Principal: "101", Instalments: 1, First: soon(w)}, c)
	w.Refuses(w.Do("accept_contract", &walletv1.AcceptContractRequest{Contract: c.Id, Id: w.ID(), Debtor: b}, c), edge.Refused, ledger.CodeFunds)
	w.Check()
}

func number(text string) int {
	n, _ := strconv.Atoi(text)
	return n
}

// Whatever is paid, forgiven and given in whatever order and asked again: what is settled is never more than was owed,
// and with what is left comes to it exactly; what the house is owed in the books is what its contracts say.
func TestHistories(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		pool(w, "5000")
		a, b := w.Member("a", "3000"), w.Member("b", "3000")
		var open []*walletv1.Contract
		for i := range rapid.IntRange(1, 3).Draw(rt, "contracts") {
			c, n := &walletv1.Contract{}, uint32(rapid.IntRange(1, 7).Draw(rt, "instalments"))
			creditor := rapid.SampledFrom([]string{"", a}).Draw(rt, "creditor")
			sum := fmt.Sprint(rapid.IntRange(7, 900).Draw(rt, "sum"))
			var in proto.Message = &walletv1.OpenQardRequest{Id: w.ID(), Creditor: creditor, Debtor: b, Principal: sum, Instalments: n, First: soon(w)}
			op := "open_qard"
			if i%2 == 1 {
				op, in = "open_murabaha", &walletv1.OpenMurabahaRequest{Id: w.ID(), Creditor: creditor, Debtor: b, Cost: sum, Markup: "9", Description: "thing", Document: doc, OwnedSince: timestamppb.New(w.State.Time.Add(-time.Hour)), Instalments: n, First: soon(w)}
			}
			w.Must(op, in, c)
			w.Must("accept_contract", &walletv1.AcceptContractRequest{Contract: c.Id, Id: w.ID(), Debtor: b}, c)
			open = append(open, c)
		}
		paid := map[string]int{}
		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			c, sum, id := rapid.SampledFrom(open).Draw(rt, "contract"), rapid.IntRange(0, 500).Draw(rt, "amount"), w.ID()
			text := fmt.Sprint(sum)
			op := rapid.SampledFrom([]string{"pay_contract", "pay_contract", "forgive_qard", "rebate_murabaha"}).Draw(rt, "op")
			in := map[string]proto.Message{
				"pay_contract":    &walletv1.PayContractRequest{Contract: c.Id, Id: id, From: b, Amount: text},
				"forgive_qard":    &walletv1.ForgiveQardRequest{Contract: c.Id, Id: id, Creditor: c.Creditor, Amount: text},
				"rebate_murabaha": &walletv1.RebateMurabahaRequest{Contract: c.Id, Id: id, Creditor: c.Creditor, Amount: text},
			}[op]
			done := false
			for range rapid.IntRange(1, 3).Draw(rt, "tries") {
				err := w.Do(op, in, &walletv1.Contract{})
				if edge.IsKind(err, edge.Internal) || done && err != nil {
					rt.Fatal(op, err)
				}
				done = err == nil
			}
			if done && op == "pay_contract" {
				paid[c.Id] += sum
			}
		}
		books := map[string]int{}
		for _, was := range open {
			c := &walletv1.Contract{}
			w.Ask("get_contract", &walletv1.GetContractRequest{Contract: was.Id}, c)
			owed := number(c.Cost) + number(c.Markup)
			if settled := number(c.Paid) + number(c.Forgiven) + number(c.Rebated); settled > owed || settled+number(c.Left) != owed || number(c.Paid) != paid[c.Id] || (c.Left == "0") != (c.State == walletv1.ContractState_CONTRACT_SETTLED) {
				rt.Fatalf("%v, and %d was paid", c, paid[c.Id])
			}
			if c.Creditor == "" {
				books[c.Fund] -= number(c.Left)
			}
		}
		for _, fund := range []string{"qard_pool", "general"} {
			if got := number(w.House(walletv1.AccountKind_RECEIVABLE, fund)); got != books[fund] {
				rt.Fatalf("the books of %s say %d, the contracts %d", fund, got, books[fund])
			}
		}
		w.Check()
	})
}

// RIBA-4: whoever owes somebody a loan gives them no gift, from whichever account; all else goes on, and so do gifts the
// other way, to others, and once the loan is settled.
func TestGiftToTheLender(t *testing.T) {
	w := newWorld(t)
	a, a2, b, b2, other := w.Member("a", "1000"), w.Member("a", "0"), w.Member("b", "500"), w.Member("b", "500"), w.Member("c", "50")
	send := func(from, to, purpose string) (string, error) {
		in := &walletv1.NewTransfer{Id: w.ID(), Debit: from, Credit: to, Amount: "1", Purpose: purpose}
		return in.Id, w.Do("create_transfer", &walletv1.CreateTransferRequest{Transfer: in}, &walletv1.Transfer{})
	}
	goes := func(from, to, purpose string) {
		t.Helper()
		if _, err := send(from, to, purpose); err != nil {
			t.Error(err)
		}
	}
	goes(b, a, "gift")
	c := &walletv1.Contract{}
	w.Must("open_qard", &walletv1.OpenQardRequest{Id: w.ID(), Creditor: a, Debtor: b, Principal: "600", Instalments: 2, First: soon(w)}, c)
	goes(b, a, "gift") // nothing was lent yet
	w.Must("accept_contract", &walletv1.AcceptContractRequest{Contract: c.Id, Id: w.ID(), Debtor: b}, c)
	for _, x := range [][3]string{{b, a, "gift"}, {b2, a2, "gift"}, {b2, a, ""}} { // who says nothing gives
		id, err := send(x[0], x[1], x[2])
		w.Refuses(err, edge.Refused, "shariah_riba_4")
		d := &walletv1.RuleDecision{}
		if w.Ask("get_decision", &walletv1.GetDecisionRequest{Id: id}, d); d.Rule != "RIBA-4" {
			t.Error(d)
		}
	}
	goes(a, b, "gift")
	goes(b, other, "gift")
	goes(b, a, "purchase")
	w.Must("pay_contract", &walletv1.PayContractRequest{Contract: c.Id, Id: w.ID(), From: b, Amount: "400"}, c)
	_, err := send(b, a, "gift")
	w.Refuses(err, edge.Refused, "shariah_riba_4")
	w.Must("forgive_qard", &walletv1.ForgiveQardRequest{Contract: c.Id, Id: w.ID(), Creditor: a, Amount: "200"}, c)
	goes(b, a, "gift")
	for k := range w.State.Rows {
		if strings.HasPrefix(k, owedPrefix) {
			t.Error("a loan that is settled is owed still")
		}
	}
	w.Check()
}
