package payments

import (
	"encoding/binary"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/gateway"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// createPayment begins a payment. The same identifier again, asked for alike, is the payment as it is.
func (s *Service) createPayment(tx edge.Tx, in *walletv1.CreatePaymentRequest) (*walletv1.Payment, error) {
	id, err := ledger.ParseID(in.GetId())
	if err != nil {
		return nil, err
	}
	sum, err := amount.Parse(in.GetAmount())
	if err != nil {
		return nil, err
	}
	to, err := s.account(tx, in.GetAccount())
	if err != nil {
		return nil, err
	}
	if old, err := load(tx, id); err == nil {
		if old.Account != to.ID || old.attempt.Asked != sum || old.attempt.Gateway != in.GetGateway() || in.GetAsset() != "" && in.GetAsset() != to.Asset {
			return nil, edge.E(edge.Conflict, "there is a payment of this identifier already, and it is another one").WithHint("make a new identifier for each payment").WithCode(CodeConflict)
		}
		return old.message(), nil
	} else if !edge.IsKind(err, edge.NotFound) {
		return nil, err
	}
	g, err := Find(tx, in.GetGateway())
	if err != nil {
		return nil, err
	}
	at, err := g.route(to, in.GetAsset())
	if err != nil {
		return nil, err
	}
	p := &payment{ID: id, Account: to.ID, Settle: at.Settle, Suspense: at.Suspense, By: tx.Actor().ID, Created: tx.Now()}
	if p.attempt, err = begin(tx, g, id, to.Asset, sum); err != nil {
		return nil, err
	}
	p.announce(tx)
	return p.message(), p.save(tx)
}

// route finds where the money of a payment into an account goes.
func (g *Gateway) route(to ledger.AccountInfo, asset string) (at Account, err error) {
	switch {
	case g.Closed:
		return at, edge.E(edge.Refused, "nobody is paid this way any more").WithHint("pay in another way").WithCode(CodeClosed)
	case !to.Open:
		return at, edge.E(edge.Refused, "the account is frozen or closed").WithHint("pay into another account").WithCode(ledger.CodeFrozen, edge.Fact{Name: "account", Value: to.ID.String()})
	case asset != "" && asset != to.Asset:
		return at, currency(to, asset)
	}
	other := false
	for _, a := range g.Accounts {
		if a.Asset == to.Asset && a.Fund == to.Fund && a.Settle != to.ID {
			return a, nil
		}
		other = other || a.Asset == to.Asset
	}
	if !other {
		return at, currency(to, "")
	}
	return at, edge.E(edge.Refused, "this way to pay is not for the fund of the account").WithHint("pay in another way").
		WithCode(ledger.CodeRestricted, edge.Fact{Name: "rule", Value: "FUND-1"}, edge.Fact{Name: "fund", Value: to.Fund})
}

func currency(to ledger.AccountInfo, asset string) error {
	return edge.E(edge.Refused, "the account is of another currency than is paid in").WithHint("pay in the currency of the account").
		WithCode(ledger.CodeCurrency, edge.Fact{Name: "account", Value: to.Asset}, edge.Fact{Name: "asset", Value: asset})
}

// begin makes the attempt. What is paid at a bank gets a reference that the payer can type.
func begin(tx edge.Tx, g *Gateway, id edge.ID, asset string, sum amount.Amount) (paygate.Attempt, error) {
	reference := ""
	if g.Kind == walletv1.GatewayKind_GATEWAY_BANK {
		n, err := next(tx)
		if err == nil {
			reference, err = paygate.Reference(n)
		}
		if err != nil {
			return paygate.Attempt{}, err
		}
	}
	return paygate.New(id.String(), g.Name, reference, asset, sum, tx.Now())
}

// next counts references.
func next(tx edge.Tx) (n uint64, err error) {
	row, err := tx.Get([]byte(rowNumber))
	if err == nil && len(row) == 8 {
		n = binary.BigEndian.Uint64(row)
	} else if err != nil && !edge.IsKind(err, edge.NotFound) {
		return 0, err
	}
	n++
	tx.Set([]byte(rowNumber), binary.BigEndian.AppendUint64(nil, n))
	return n, nil
}

// tell counts an event: it changes the attempt and moves what has to move, together.
func (s *Service) tell(tx edge.Tx, p *payment, e paygate.Event) error {
	after, out, err := p.attempt.Apply(e)
	if err != nil || out.Again {
		return err
	}
	if len(out.Postings) > 0 {
		if err := s.post(tx, p, out.Postings); err != nil {
			return err
		}
	}
	p.attempt = after
	p.announce(tx)
	return p.save(tx)
}

// post moves what came, or went back. What cannot be credited, or is not there to be taken back, stands in suspense: the
// money has moved outside, whatever the ledger thinks of the account.
func (s *Service) post(tx edge.Tx, p *payment, list []paygate.Posting) error {
	b, err := s.led.Begin(tx)
	if err != nil {
		return err
	}
	for _, m := range list {
		refusal, err := b.Do(p.move(m, p.Account, "account"))
		if err == nil && refusal != nil {
			p.Suspended = true
			refusal, err = b.Do(p.move(m, p.Suspense, "suspense"))
		}
		switch {
		case err != nil:
			return err
		case refusal != nil:
			return refusal
		}
	}
	return b.Finish()
}

func (p *payment) move(m paygate.Posting, account edge.ID, where string) ledger.Move {
	way, leg := "in", ledger.Posting{Debit: p.Settle, Credit: account, Amount: m.Amount}
	purpose := ""
	if m.Back {
		way, leg.Debit, leg.Credit = "back", account, p.Settle
	}
	return ledger.Move{ID: ledger.Named("payment", p.ID.String(), m.Money, way, where), Postings: []ledger.Posting{leg}, Purpose: purpose, Reference: p.attempt.Reference}
}

func (s *Service) getPayment(v edge.View, in *walletv1.GetPaymentRequest) (*walletv1.Payment, error) {
	p, err := find(v, in.GetId())
	if err != nil {
		return nil, err
	}
	return p.message(), nil
}

// Owner is the person whose account a payment goes to; empty where it is the house's, or there is no such payment.
func (s *Service) Owner(v edge.View, id string) (string, error) {
	p, err := find(v, id)
	switch {
	case edge.IsKind(err, edge.NotFound) || edge.IsKind(err, edge.Invalid):
		return "", nil
	case err != nil:
		return "", err
	}
	return s.led.Owner(v, p.Account.String())
}

const (
	usualPage = 50
	mostPage  = 200
)

// list pages through payments whose ids end the keys under a prefix.
func list(v edge.View, under []byte, of, token string, size int32) (out []*walletv1.Payment, next string, err error) {
	n, err := edge.PageSize(size, usualPage, mostPage)
	if err != nil {
		return nil, "", err
	}
	var after []byte
	if token != "" {
		if after, err = edge.ParsePageToken(of, token); err != nil {
			return nil, "", err
		}
	}
	var last edge.ID
	for k := range edge.ScanFrom(v, under, append(append([]byte{}, under...), after...)) {
		rest := k[len(under):]
		if len(rest) != len(edge.ID{}) || string(rest) <= string(after) {
			continue
		}
		if len(out) == n {
			return out, edge.PageToken(of, last[:]), nil
		}
		p, err := load(v, edge.ID(rest))
		if err != nil {
			return nil, "", err
		}
		out, last = append(out, p.message()), p.ID
	}
	return out, "", v.Err()
}

func (s *Service) listPayments(v edge.View, in *walletv1.ListPaymentsRequest) (out *walletv1.ListPaymentsResponse, err error) {
	under := []byte(underPayment)
	if in.GetAccount() != "" {
		id, err := ledger.ParseID(in.GetAccount())
		if err != nil {
			return nil, err
		}
		under = append(join(underAccount, string(id[:])), '/')
	}
	out = &walletv1.ListPaymentsResponse{}
	out.Payments, out.NextPageToken, err = list(v, under, "wallet.payments/"+in.GetAccount(), in.GetPageToken(), in.GetPageSize())
	return out, err
}

func (s *Service) listConflicts(v edge.View, in *walletv1.ListConflictsRequest) (out *walletv1.ListConflictsResponse, err error) {
	out = &walletv1.ListConflictsResponse{}
	out.Payments, out.NextPageToken, err = list(v, []byte(underConflict), "wallet.conflicts", in.GetPageToken(), in.GetPageSize())
	return out, err
}
