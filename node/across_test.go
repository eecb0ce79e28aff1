package node

import (
	"fmt"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// decide has a site decide on what a person asks for.
func decide[Out proto.Message](b *box, op string, in proto.Message, out Out) (Out, error) {
	b.t.Helper()
	body, err := proto.Marshal(in)
	if err != nil {
		b.t.Fatal(err)
	}
	o, err := b.site.Propose(b.t.Context(), edge.Command{ID: edge.NewID(), Type: op, Actor: edge.Actor{Kind: edge.Person, ID: "officer", Site: b.cfg.Site}, Body: body})
	switch {
	case err != nil:
		return out, err
	case o.Err != nil:
		return out, o.Err
	}
	return out, proto.Unmarshal(o.Reply, out)
}

func (b *box) account(owner string, kind walletv1.AccountKind) string {
	b.t.Helper()
	a, err := decide(b, "wallet.open_account", &walletv1.OpenAccountRequest{Kind: kind, Asset: "IDR", Fund: "amanah", Owner: owner}, &walletv1.Account{})
	if err != nil {
		b.t.Fatal(err)
	}
	return a.GetId()
}

func (b *box) asks(op string, in, out proto.Message) {
	b.t.Helper()
	ask, err := siteOps(b.policies.Base(), b.wallet).Asker(op)
	if err != nil {
		b.t.Fatal(err)
	}
	body, _ := proto.Marshal(in)
	v := b.site.View()
	defer v.Close()
	reply, err := ask(v, body)
	if err == nil {
		err = proto.Unmarshal(reply, out)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *box) has(account, want string) error {
	a := &walletv1.Account{}
	b.asks("wallet.get_account", &walletv1.GetAccountRequest{Id: account}, a)
	if got := a.GetBalance().GetPosted(); got != want {
		return fmt.Errorf("%s has %s, want %s", b.cfg.Site, got, want)
	}
	return nil
}

// knows waits until a site believes the keys of others.
func (b *box) knows(count int) {
	b.t.Helper()
	eventually(b.t, "keys at "+b.cfg.Site, func() error {
		b.up.kick()
		out := &walletv1.ListPeersResponse{}
		if b.asks("wallet.list_peers", &walletv1.ListPeersRequest{}, out); len(out.GetPeers()) != count+1 {
			return fmt.Errorf("%v", out)
		}
		return nil
	})
}

// Money goes from one site to another over a hub; while the hub is gone, what needs no other site goes on. When it is
// back everything arrives, once, and both ends agree.
func TestMoneyBetweenSites(t *testing.T) {
	t.Parallel() // it mostly waits
	hubCfg, aCfg, bCfg := hubConfig(t), smallConfig(t), smallConfig(t)
	aCfg.Site, bCfg.Site = "mosque", "clinic"
	h, a, b := start(t, hubCfg), start(t, aCfg), start(t, bCfg)
	a.joinTo(h)
	b.joinTo(h)
	desk, payer, payee := a.account("", walletv1.AccountKind_CASH), a.account("p-1", walletv1.AccountKind_MEMBER), b.account("p-2", walletv1.AccountKind_MEMBER)
	if _, err := decide(a, "wallet.create_transfer", &walletv1.CreateTransferRequest{Transfer: &walletv1.NewTransfer{Debit: desk, Credit: payer, Amount: "1000"}}, &walletv1.Transfer{}); err != nil {
		t.Fatal(err)
	}
	a.knows(1)
	b.knows(1)
	send := func(amount, to string) *walletv1.Crossing {
		t.Helper()
		c, err := decide(a, "wallet.send_across", &walletv1.SendAcrossRequest{Debit: payer, ToSite: "clinic", ToAccount: to, Amount: amount}, &walletv1.Crossing{})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	became := func(c *walletv1.Crossing, want walletv1.CrossingStatus) {
		t.Helper()
		eventually(t, "what became of it", func() error {
			a.up.kick()
			b.up.kick()
			now := &walletv1.Crossing{}
			if a.asks("wallet.get_crossing", &walletv1.GetCrossingRequest{Id: c.GetId()}, now); now.GetStatus() != want {
				return fmt.Errorf("%v", now)
			}
			return nil
		})
	}
	if c := send("100", payee); c.GetStatus() != walletv1.CrossingStatus_QUEUED || c.GetCode() != "queued_offline" {
		t.Errorf("%v", c)
	} else {
		became(c, walletv1.CrossingStatus_ARRIVED)
	}
	became(send("5", payer), walletv1.CrossingStatus_DECLINED) // an account of the wrong site
	g, err := decide(a, "wallet.open_allotment", &walletv1.OpenAllotmentRequest{Account: payer, Site: "clinic", Amount: "200"}, &walletv1.Allotment{})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the allotment at the clinic", func() error {
		out := &walletv1.ListAllotmentsResponse{}
		if b.asks("wallet.list_allotments", &walletv1.ListAllotmentsRequest{FromOthers: true}, out); len(out.GetAllotments()) != 1 {
			return fmt.Errorf("%v", out)
		}
		return nil
	})

	h.stop() // no link any more
	v, err := decide(a, "wallet.issue_voucher", &walletv1.IssueVoucherRequest{Account: payer, Site: "clinic", Amount: "40", Purpose: "food"}, &walletv1.Voucher{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := decide(b, "wallet.redeem_voucher", &walletv1.RedeemVoucherRequest{Text: v.GetText(), Credit: payee}, &walletv1.Allotment{}); err != nil {
		t.Fatal(err)
	}
	if _, err := decide(b, "wallet.redeem_voucher", &walletv1.RedeemVoucherRequest{Text: v.GetText(), Credit: payee}, &walletv1.Allotment{}); edge.CodeOf(err) != "voucher_used" {
		t.Errorf("a voucher counts twice: %v", err)
	}
	if _, err := decide(b, "wallet.spend_allotment", &walletv1.SpendAllotmentRequest{Id: g.GetId(), Home: "mosque", Credit: payee, Amount: "60"}, &walletv1.Allotment{}); err != nil {
		t.Fatal(err)
	}
	if _, err := decide(b, "wallet.close_allotment", &walletv1.CloseAllotmentRequest{Id: g.GetId(), Home: "mosque"}, &walletv1.Allotment{}); err != nil {
		t.Fatal(err)
	}
	late := send("7", payee)
	if err := b.has(payee, "200"); err != nil {
		t.Error(err)
	}

	h = start(t, hubCfg)
	became(late, walletv1.CrossingStatus_ARRIVED)
	eventually(t, "the books", func() error {
		a.up.kick()
		b.up.kick()
		if err := b.has(payee, "207"); err != nil {
			return err
		}
		if err := a.has(payer, "793"); err != nil {
			return err
		}
		out, err := h.listClearing(t.Context(), &walletv1.ListClearingRequest{})
		if err != nil || len(out.GetPairs()) != 1 {
			return fmt.Errorf("%v %v", out, err)
		}
		if p := out.GetPairs()[0]; !p.GetCaughtUp() || p.GetWrong() || p.GetAtB() != "207" || p.GetAtA() != "-207" {
			return fmt.Errorf("%v", p)
		}
		return nil
	})
	for _, x := range []*box{a, b} {
		v := x.site.View()
		rep, err := x.wallet.Ledger.Check(t.Context(), v, nil)
		v.Close()
		if err != nil || len(rep.Problems) > 0 {
			t.Errorf("%s: %v %v", x.cfg.Site, rep.Problems, err)
		}
	}
}
