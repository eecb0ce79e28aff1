package node

import (
	"bytes"
	"fmt"
	"log/slog"
	"sync"
	"testing"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// sends has money go from one site to another, and says whether it was taken.
func (b *box) sends(debit, site, account, sum string) error {
	_, err := decide(b, "wallet.send_across", &walletv1.SendAcrossRequest{Debit: debit, ToSite: site, ToAccount: account, Amount: sum}, &walletv1.Crossing{})
	return err
}

// spends has some of what another site set aside be spent, under an identifier of its own.
func (b *box) spends(id, home, credit, sum string) error {
	_, err := decide(b, "wallet.spend_allotment", &walletv1.SpendAllotmentRequest{Id: id, Home: home, Credit: credit, Amount: sum}, &walletv1.Allotment{})
	return err
}

// clears waits until both ends of the one pair of sites are each other's negation and nothing is on its way, and returns
// what the first owes.
func (b *box) clears(sites ...*box) (owes string) {
	b.t.Helper()
	eventually(b.t, "the hub's comparison", func() error {
		for _, s := range sites {
			s.up.kick()
		}
		out, err := b.listClearing(b.t.Context(), &walletv1.ListClearingRequest{})
		if err != nil || len(out.GetPairs()) != 1 {
			return fmt.Errorf("%v %v", out, err)
		}
		p := out.GetPairs()[0]
		if owes = p.GetAtA(); !p.GetCaughtUp() || p.GetWrong() || p.GetDifference() != "0" {
			return fmt.Errorf("%v", p)
		}
		return nil
	})
	return owes
}

// A site that is restored from a backup older than what it told others forgets nothing that its hub has, whatever people
// ask of it from the first moment: nothing is spent or sent twice, and both ends agree.
func TestRestoredSiteDeals(t *testing.T) {
	t.Parallel() // it mostly waits
	hubCfg, aCfg, bCfg := hubConfig(t), smallConfig(t), smallConfig(t)
	aCfg.Site, bCfg.Site = "mosque", "clinic"
	h, a, b := start(t, hubCfg), start(t, aCfg), start(t, bCfg)
	a.joinTo(h)
	b.joinTo(h)
	inA, inB := a.account("p-1", walletv1.AccountKind_MEMBER), b.account("p-2", walletv1.AccountKind_MEMBER)
	for x, account := range map[*box]string{a: inA, b: inB} {
		desk := x.account("", walletv1.AccountKind_CASH)
		if _, err := decide(x, "wallet.create_transfer", &walletv1.CreateTransferRequest{Transfer: &walletv1.NewTransfer{Debit: desk, Credit: account, Amount: "1000"}}, &walletv1.Transfer{}); err != nil {
			t.Fatal(err)
		}
	}
	a.knows(1)
	b.knows(1)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	g, err := decide(b, "wallet.open_allotment", &walletv1.OpenAllotmentRequest{Account: inB, Site: "mosque", Amount: "30"}, &walletv1.Allotment{})
	must(err)
	eventually(t, "the allotment at the mosque", func() error {
		out := &walletv1.ListAllotmentsResponse{}
		if a.asks("wallet.list_allotments", &walletv1.ListAllotmentsRequest{FromOthers: true}, out); len(out.GetAllotments()) != 1 {
			return fmt.Errorf("%v", out)
		}
		return nil
	})
	archive := a.backup()

	must(a.spends(g.GetId(), "clinic", inA, "30")) // the first record after the backup
	must(a.sends(inA, "clinic", inB, "100"))
	must(b.sends(inB, "mosque", inA, "50"))
	must(a.sends(inA, "clinic", edge.NewID().String(), "5")) // comes back
	eventually(t, "all before the fire", func() error {
		a.up.kick()
		b.up.kick()
		if err := a.has(inA, "980"); err != nil {
			return err
		}
		return b.has(inB, "1020")
	})
	if owes := h.clears(a, b); owes != "-20" { // the clinic comes first by name; it got more than it gave
		t.Errorf("the clinic owes %s", owes)
	}
	a.stop()

	again := smallConfig(t)
	if _, err := Restore(t.Context(), again, bytes.NewReader(archive), RestoreOptions{KeyFile: keyOf(t, aCfg)}); err != nil {
		t.Fatal(err)
	}
	var early sync.WaitGroup
	a = startAsked(t, again, slog.New(slog.DiscardHandler), func(a *box) {
		for _, try := range []func() error{
			func() error { return a.spends(g.GetId(), "clinic", inA, "30") },
			func() error { return a.sends(inA, "clinic", inB, "1") },
			func() error { return a.spends(g.GetId(), "clinic", inA, "1") },
		} {
			early.Go(func() {
				if err := try(); !edge.IsKind(err, edge.Unavailable) && !edge.IsKind(err, edge.Refused) {
					t.Errorf("a site that does not know yet what it did deals with others: %v", err)
				}
			})
		}
	})
	early.Wait()
	must(b.sends(inB, "mosque", inA, "7")) // and others go on
	eventually(t, "the recovery", func() error {
		a.up.kick()
		b.up.kick()
		out := &walletv1.ListPeersResponse{}
		if a.asks("wallet.list_peers", &walletv1.ListPeersRequest{}, out); out.GetRecovering() {
			return fmt.Errorf("%v", out)
		}
		return a.has(inA, "987")
	})
	if err := a.spends(g.GetId(), "clinic", inA, "1"); !edge.IsKind(err, edge.Refused) {
		t.Errorf("what was spent before the restore is spent again: %v", err)
	}
	must(a.sends(inA, "clinic", inB, "11"))
	eventually(t, "what was sent after it", func() error {
		a.up.kick()
		b.up.kick()
		return b.has(inB, "1024")
	})
	if owes := h.clears(a, b); owes != "-24" {
		t.Errorf("the clinic owes %s", owes)
	}
	for _, x := range []*box{a, b} {
		out := &walletv1.ListTroublesResponse{}
		if x.asks("wallet.list_troubles", &walletv1.ListTroublesRequest{}, out); len(out.GetTroubles()) > 0 {
			t.Errorf("%s: %v", x.cfg.Site, out)
		}
		v := x.site.View()
		rep, err := x.wallet.Ledger.Check(t.Context(), v, nil)
		v.Close()
		if err != nil || len(rep.Problems) > 0 {
			t.Errorf("%s: %v %v", x.cfg.Site, rep.Problems, err)
		}
	}
	streams, err := h.hub.h.Streams(t.Context())
	must(err)
	for _, s := range streams {
		if s.Frozen != "" {
			t.Errorf("%s is frozen: %s", s.ID, s.Frozen)
		}
	}
}
