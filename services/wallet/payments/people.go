package payments

import (
	"fmt"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/gateway"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// atDesk finds a payment over the counter: of others a person knows nothing that the bank or the processor does not.
func atDesk(v edge.View, id, event string) (*payment, edge.ID, error) {
	if event == "" {
		return nil, edge.ID{}, invalid("the identifier of what is told is missing")
	}
	e, err := ledger.ParseID(event)
	if err != nil {
		return nil, e, err
	}
	p, err := find(v, id)
	if err != nil {
		return nil, e, err
	}
	g, err := Find(v, p.attempt.Gateway)
	if err == nil && g.Kind != walletv1.GatewayKind_GATEWAY_CASH {
		err = elsewhere()
	}
	return p, e, err
}

func elsewhere() error {
	return edge.E(edge.Refused, "only the bank or the processor can say that of this payment").WithHint("import the bank's statement, or wait for the processor").WithCode(CodeNotHere)
}

func (s *Service) confirmPayment(tx edge.Tx, in *walletv1.ConfirmPaymentRequest) (*walletv1.Payment, error) {
	p, e, err := atDesk(tx, in.GetId(), in.GetEvent())
	if err != nil {
		return nil, err
	}
	return s.cashier(tx, p, e, paygate.Paid, in.GetAmount())
}

// cashier counts money that a person took in or gave out.
func (s *Service) cashier(tx edge.Tx, p *payment, id edge.ID, kind paygate.Kind, sum string) (*walletv1.Payment, error) {
	n, err := amount.Parse(sum)
	if err == nil && n.IsZero() {
		err = edge.E(edge.Invalid, "an amount of nothing cannot be counted").WithCode(amount.CodeInvalid)
	}
	if err != nil {
		return nil, err
	}
	e := paygate.Event{ID: id.String(), Source: paygate.Cashier, Kind: kind, Money: id.String(), Amount: n, Currency: p.attempt.Currency, At: tx.Now()}
	if err := s.tell(tx, p, e); err != nil {
		return nil, err
	}
	return p.message(), nil
}

func (s *Service) failPayment(tx edge.Tx, in *walletv1.FailPaymentRequest) (*walletv1.Payment, error) {
	p, e, err := atDesk(tx, in.GetId(), in.GetEvent())
	if err != nil {
		return nil, err
	}
	if err := s.tell(tx, p, paygate.Event{ID: e.String(), Source: paygate.Cashier, Kind: paygate.Declined, At: tx.Now()}); err != nil {
		return nil, err
	}
	return p.message(), nil
}

// refundPayment gives money back: at a desk at once, at a processor by asking it. A bank is ordered elsewhere.
func (s *Service) refundPayment(tx edge.Tx, in *walletv1.RefundPaymentRequest) (*walletv1.Payment, error) {
	if in.GetEvent() == "" {
		return nil, invalid("the identifier of the refund is missing")
	}
	e, err := ledger.ParseID(in.GetEvent())
	if err != nil {
		return nil, err
	}
	p, err := find(tx, in.GetId())
	if err != nil {
		return nil, err
	}
	g, err := Find(tx, p.attempt.Gateway)
	switch {
	case err != nil:
		return nil, err
	case g.Kind == walletv1.GatewayKind_GATEWAY_CARD:
		return s.askBack(tx, p, e, in.GetAmount())
	case g.Kind == walletv1.GatewayKind_GATEWAY_BANK:
		return nil, elsewhere()
	}
	if err := s.covers(tx, p, e, in.GetAmount()); err != nil {
		return nil, err
	}
	return s.cashier(tx, p, e, paygate.Returned, in.GetAmount())
}

// covers refuses a refund of more than came, or than the account has: nothing of it has moved yet. One that was counted
// before is not looked at again.
func (s *Service) covers(v edge.View, p *payment, e edge.ID, text string) error {
	sum, err := amount.Parse(text)
	if err != nil {
		return err
	}
	known := paygate.Event{ID: e.String(), Source: paygate.Cashier, Kind: paygate.Returned, Money: e.String(), Amount: sum, Currency: p.attempt.Currency}
	if _, out, err := p.attempt.Apply(known); err == nil && out.Again {
		return nil
	}
	a, err := s.led.Find(v, p.Account)
	if err != nil {
		return err
	}
	if left := p.attempt.Left(); left.Less(sum) || walletv1.AccountKind(a.Kind) == walletv1.AccountKind_MEMBER && (a.Available.Neg || a.Available.Amount.Less(sum)) {
		return edge.E(edge.Refused, "there is not as much to give back").WithHint("give back at most what came and is still there").
			WithCode(ledger.CodeFunds, edge.Fact{Name: "left", Value: left.String()}, edge.Fact{Name: "available", Value: a.Available.String()})
	}
	return nil
}

// A Work is a refund that a processor is to make.
type Work struct {
	Payment edge.ID       `json:"payment"`
	ID      edge.ID       `json:"id"` // the key it is asked under
	Known   string        `json:"known"`
	Amount  amount.Amount `json:"amount"`
}

func (w *Work) key() []byte { return join(underWork, string(w.Payment[:]), string(w.ID[:])) }

// memory is where a refund that was asked for is remembered for ever.
func (w *Work) memory() []byte { return join(underAsked, string(w.Payment[:]), string(w.ID[:])) }

// askBack notes that the processor is to give money back. There is one refund at a time.
func (s *Service) askBack(tx edge.Tx, p *payment, e edge.ID, text string) (*walletv1.Payment, error) {
	sum, err := amount.Parse(text)
	if err != nil {
		return nil, err
	}
	w := Work{Payment: p.ID, ID: e, Known: p.Known, Amount: sum}
	var old Work
	if found, err := get(tx, w.memory(), &old); err != nil {
		return nil, err
	} else if found {
		if old != w {
			return nil, edge.E(edge.Conflict, "there is a refund of this identifier already, and it is another one").WithHint("make a new identifier for each refund").WithCode(CodeConflict)
		}
		return p.message(), nil
	}
	switch {
	case sum.IsZero():
		return nil, edge.E(edge.Invalid, "an amount of nothing cannot be given back").WithCode(amount.CodeInvalid)
	case p.Refunding != "":
		return nil, edge.E(edge.Conflict, "a refund of this payment is under way").WithHint("wait until the processor has made it").WithCode("refund_under_way")
	}
	if err := s.covers(tx, p, e, text); err != nil {
		return nil, err
	}
	p.Refunding = sum.String()
	if err := set(tx, w.key(), w); err != nil {
		return nil, err
	}
	if err := set(tx, w.memory(), w); err != nil {
		return nil, err
	}
	return p.message(), p.save(tx)
}

// decideConflict has a person decide. Deciding the same again changes nothing.
func (s *Service) decideConflict(tx edge.Tx, in *walletv1.DecideConflictRequest) (*walletv1.Payment, error) {
	p, err := find(tx, in.GetId())
	if err != nil {
		return nil, err
	}
	n := int(in.GetNumber())
	if n < 0 || n >= len(p.attempt.Conflicts) {
		return nil, invalid("the payment has no conflict %d", n)
	}
	want := paygate.Rejected
	if in.GetAccept() {
		want = paygate.Accepted
	}
	if p.attempt.Conflicts[n].Decision == want {
		return p.message(), nil
	}
	e := paygate.Event{ID: fmt.Sprintf("decide/%d", n), Source: paygate.Cashier, Kind: paygate.Decided, At: tx.Now(), Conflict: n, Accept: in.GetAccept()}
	if p.attempt.Conflicts[n].Decision != paygate.Undecided {
		return nil, edge.E(edge.Conflict, "this conflict was decided otherwise").WithHint("look at the payment again").WithCode(CodeConflict)
	}
	if err := s.tell(tx, p, e); err != nil {
		return nil, err
	}
	return p.message(), nil
}
