package wallet_test

import (
	"strings"
	"testing"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/book/booktest"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// The yield of an endowment goes where its deed says, and where the list of its fund does not speak against it.
func TestDeed(t *testing.T) {
	for name, tc := range map[string]struct {
		fund, purpose string
		deed          []string
		goes          bool
	}{
		"as the deed says":         {"waqf_yield:well", "upkeep", []string{"upkeep", "salary"}, true},
		"not as the deed says":     {"waqf_yield:well", "rent", []string{"upkeep"}, false},
		"no deed, as listed":       {"waqf_yield:tree", "upkeep", nil, true},
		"no deed, not listed":      {"waqf_yield:tree", "salary", nil, false},
		"as both say":              {"waqf_yield:tree", "upkeep", []string{"upkeep"}, true},
		"the deed says, no list":   {"waqf_yield:tree", "salary", []string{"salary"}, false},
		"the list says, no deed":   {"waqf_yield:tree", "upkeep", []string{"salary"}, false},
		"neither says anything":    {"waqf_yield:bare", "upkeep", nil, false},
		"neither, for no purpose":  {"waqf_yield:bare", "", nil, false},
		"a deed, and no purpose":   {"waqf_yield:well", "", []string{"upkeep"}, false},
		"what is told of releases": {"waqf_yield:well", "fund_release", []string{"upkeep"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newTown(t)
			w.Fund(&walletv1.PutFundRequest{Id: "waqf_corpus:tree"})
			if _, label, _ := strings.Cut(tc.fund, ":"); len(tc.deed) > 0 {
				w.Must("put_deed", &walletv1.PutDeedRequest{Id: label, Purposes: tc.deed, Document: paper}, &walletv1.Deed{})
			}
			_, err := release(tc.fund, func(_ *town, in *walletv1.RequestReleaseRequest) { in.Purpose = tc.purpose })(w)()
			if !tc.goes {
				w.Refuses(err, edge.Refused, "shariah_fund_1")
			} else if err != nil {
				t.Error(err)
			}
			desk, costs := w.of(tc.fund), w.Open(walletv1.AccountKind_EXPENSE, tc.fund, "") // and so it is spent without a release
			_, err = pay(func(_ *town, in *walletv1.NewTransfer) { in.Debit, in.Credit, in.Purpose = costs, desk, tc.purpose })(w)()
			if tc.goes != (err == nil) {
				t.Error(err)
			}
			w.Check()
		})
	}
}

// Rules that came into force after an invoice was issued count when it is paid.
func TestRulesChange(t *testing.T) {
	w := newTown(t)
	inv := &walletv1.Invoice{}
	w.Must("issue_invoice", &walletv1.IssueInvoiceRequest{Id: w.ID(), Payee: w.shop, Asset: booktest.Asset, Delivery: "spot",
		Lines: []*walletv1.InvoiceLine{{Description: "a prize", Quantity: 1, Price: "10"}}}, inv)
	w.enforce(func(rules []any) []any {
		for _, r := range rules {
			if r := r.(map[string]any); r["id"] == "MAYSIR-1" {
				r["params"].(map[string]any)["purposes"] = []string{"bet", "lottery", "invoice"}
			}
		}
		return rules
	})
	id := w.ID()
	w.Untouched(func() {
		w.Refuses(w.Do("pay_invoice", &walletv1.PayInvoiceRequest{Invoice: inv.Id, Id: id, From: w.a}, inv), edge.Refused, "shariah_maysir_1")
	})
	w.explained(id, meeting{rule: "MAYSIR-1", act: deny})
}
