// Package wallet is the Halal Wallet of a site: a ledger, and what keeps it permissible.
package wallet

import (
	"strings"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/across"
	"github.com/aielon/edge/services/wallet/alms"
	"github.com/aielon/edge/services/wallet/compliance"
	"github.com/aielon/edge/services/wallet/deals"
	"github.com/aielon/edge/services/wallet/giving"
	"github.com/aielon/edge/services/wallet/invoices"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/payments"
	"github.com/aielon/edge/services/wallet/reconcile"
)

// A Service is the wallet of one site.
type Service struct {
	Ledger     *ledger.Ledger
	Compliance *compliance.Service
	Giving     *giving.Giving
	Alms       *alms.Alms
	Across     *across.Across
	Payments   *payments.Service
	Deals      *deals.Deals
	Invoices   *invoices.Invoices
	Reconcile  *reconcile.Service
}

// New returns the wallet.
func New() *Service {
	c, l := compliance.New()
	p, d := payments.New(l), deals.New(l, c)
	c.Heed(d)
	return &Service{Ledger: l, Compliance: c, Giving: giving.New(l), Alms: alms.New(l, c), Across: across.New(l), Payments: p,
		Deals: d, Invoices: invoices.New(l, c), Reconcile: reconcile.New(l, p)}
}

// Register adds the operations of the wallet.
func (s *Service) Register(m *edge.Mux) {
	s.Ledger.Register(m)
	s.Compliance.Register(m)
	s.Giving.Register(m)
	s.Alms.Register(m)
	s.Across.Register(m)
	s.Payments.Register(m)
	s.Deals.Register(m)
	s.Invoices.Register(m)
	s.Reconcile.Register(m)
}

// Lasting reports whether the outcome of an operation is remembered for ever: of all that concerns money but what nodes
// ask for again and again.
func Lasting(op string) bool {
	return strings.HasPrefix(op, "wallet.") && op != ledger.OpTick && op != alms.OpFollow && op != compliance.OpTidy && op != reconcile.OpSettle && across.Lasting(op)
}

// Owner finds whose a thing of the wallet is: an account, a transfer, or what was
// asked for: a decision, a review, a release, rules. It is not known of anything else.
func (s *Service) Owner(v edge.View, typ, id string) (owner string, known bool, err error) {
	switch typ {
	case "account":
		owner, err = s.Ledger.Owner(v, id)
	case "transfer":
		owner, err = s.Ledger.TransferOwner(v, id)
	case "decision":
		owner, err = s.Compliance.DecisionOwner(v, id)
	case "release":
		owner, err = s.Compliance.ReleaseOwner(v, id)
	case "rule-set":
		owner, err = s.Compliance.RuleSetOwner(v, id)
	case "review":
		owner, err = s.Compliance.ReviewOwner(v, id)
	case "zakat-case":
		owner, err = s.Alms.Owner(v, id)
	case "allotment":
		var account string
		if account, err = across.Account(v, id); err == nil && account != "" {
			owner, err = s.Ledger.Owner(v, account)
		}
	case "payment":
		owner, err = s.Payments.Owner(v, id)
	case "invoice":
		owner, err = s.Invoices.Owner(v, id)
	default:
		return "", false, nil
	}
	return owner, true, err
}
