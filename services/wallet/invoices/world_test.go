package invoices_test

import (
	"testing"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/book/booktest"
	"github.com/aielon/edge/services/wallet/compliance"
	"github.com/aielon/edge/services/wallet/invoices"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// A world is a wallet with the rules in force.
type world struct {
	*booktest.World
	invoices *invoices.Invoices
}

func newWorld(t testing.TB) *world {
	rules, l := compliance.New()
	s := invoices.New(l, rules)
	return &world{booktest.Over(t, l, rules, s), s}
}

// issue is an invoice that says all that has to be said.
func (w *world) issue(payee, price string) *walletv1.Invoice {
	w.T.Helper()
	inv := &walletv1.Invoice{}
	w.Must("issue_invoice", bread(w, payee, price), inv)
	return inv
}

func bread(w *world, payee, price string) *walletv1.IssueInvoiceRequest {
	return &walletv1.IssueInvoiceRequest{Id: w.ID(), Payee: payee, Asset: booktest.Asset, Delivery: "spot",
		Lines: []*walletv1.InvoiceLine{{Description: "bread", Quantity: 1, Price: price}}}
}

// get is an invoice as it is now.
func (w *world) get(id string) *walletv1.Invoice {
	w.T.Helper()
	inv := &walletv1.Invoice{}
	w.Ask("get_invoice", &walletv1.GetInvoiceRequest{Invoice: id}, inv)
	return inv
}

// is asserts how far an invoice is.
func (w *world) is(id string, want walletv1.InvoiceState) {
	w.T.Helper()
	if got := w.get(id).State; got != want {
		w.T.Errorf("the invoice is %s, want %s", got, want)
	}
}

// pay pays an invoice under a new identifier.
func (w *world) pay(invoice, from string) (*walletv1.Invoice, error) {
	w.T.Helper()
	out := &walletv1.Invoice{}
	return out, w.Do("pay_invoice", &walletv1.PayInvoiceRequest{Invoice: invoice, Id: w.ID(), From: from}, out)
}

// decided asserts which rule spoke about something.
func (w *world) decided(id, rule string) {
	w.T.Helper()
	d := &walletv1.RuleDecision{}
	if w.Ask("get_decision", &walletv1.GetDecisionRequest{Id: id, Language: "id"}, d); d.Rule != rule || d.Text == "" {
		w.T.Errorf("%q decided, want %q", d.Rule, rule)
	}
}

// review has another officer decide on a payment.
func (w *world) review(id string, approve bool) {
	w.T.Helper()
	w.By("reviewer")
	defer w.By("officer")
	if err := w.Do("decide_review", &walletv1.DecideReviewRequest{Id: id, Approve: approve, Reason: "looked at"}, &walletv1.Review{}); err != nil {
		w.T.Fatal(err)
	}
}

// later lets time pass and ends what is over.
func (w *world) tick() {
	w.T.Helper()
	w.State.By = edge.Actor{Kind: edge.Node, ID: "node"}
	defer w.By("officer")
	h, err := w.Mux.Handler(ledger.OpTick)
	if err != nil {
		w.T.Fatal(err)
	}
	if err := w.State.Try(func(tx edge.Tx) error { _, err := h(tx, []byte("{}")); return err }); err != nil {
		w.T.Fatal(err)
	}
}
