package payments

import (
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/gateway"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// Referred is the payment whose payer was asked to write a reference: capitals and digits, without spaces.
func Referred(v edge.View, reference string) (id edge.ID, found bool, err error) {
	if !paygate.IsReference(reference) {
		return id, false, nil
	}
	under := append(join(underRef, reference), '/')
	for k := range v.Scan(under) {
		if rest := k[len(under):]; len(rest) == len(id) {
			return edge.ID(rest), true, v.Err()
		}
	}
	return id, false, v.Err()
}

// An Expected payment is one that money may still come for at a bank.
type Expected struct {
	ID        edge.ID
	Amount    amount.Amount // minor units
	Reference string
	Created   time.Time
}

// Expecting lists open payments whose money comes to an account at a bank, of at most as many as are looked at. more
// says that there are others.
func (s *Service) Expecting(v edge.View, settle edge.ID, look int) (list []Expected, more bool, err error) {
	gateways, err := Gateways(v)
	if err != nil {
		return nil, false, err
	}
	for _, g := range gateways {
		if g.Kind != walletv1.GatewayKind_GATEWAY_BANK {
			continue
		}
		under := append(join(underOpen, g.Name), '/')
		for k := range v.Scan(under) {
			if len(k) != len(under)+len(edge.ID{}) {
				continue
			}
			if look--; look < 0 {
				return list, true, v.Err()
			}
			p, err := load(v, edge.ID(k[len(under):]))
			if err != nil {
				return nil, false, err
			}
			if p.Settle == settle {
				list = append(list, Expected{p.ID, p.attempt.Asked, p.attempt.Reference, p.Created})
			}
		}
	}
	return list, false, v.Err()
}

// CodeOtherBank is the code where an entry is of another account than the one the payment's money comes to.
const CodeOtherBank = "other_bank_account"

// TellEntry counts an entry in a statement of the account at a bank where the money of a payment comes to. What it moves
// in the ledger has one of Moves as its identifier. It fails with NotFound, and with Refused where the payment is none by
// bank transfer, or its money was to come elsewhere; nothing is done then.
func (s *Service) TellEntry(tx edge.Tx, id, settle edge.ID, e paygate.Event) error {
	p, err := load(tx, id)
	if err != nil {
		return err
	}
	g, err := Find(tx, p.attempt.Gateway)
	switch {
	case err != nil:
		return err
	case g.Kind != walletv1.GatewayKind_GATEWAY_BANK:
		return edge.E(edge.Refused, "this payment does not come by bank transfer").WithHint("match the entry with what the payment moved").WithCode(CodeNotHere)
	case p.Settle != settle:
		return edge.E(edge.Refused, "the money of this payment was to come to another account at a bank").WithHint("book the entry, and let the payer's account be credited by a transfer").
			WithCode(CodeOtherBank, edge.Fact{Name: "account", Value: p.Settle.String()})
	}
	return s.tell(tx, p, e)
}

// Moves are the identifiers of what a movement of money outside may move in the ledger for a payment: one of them.
func Moves(payment edge.ID, money string, back bool) [2]edge.ID {
	way := "in"
	if back {
		way = "back"
	}
	return [2]edge.ID{ledger.Named("payment", payment.String(), money, way, "account"), ledger.Named("payment", payment.String(), money, way, "suspense")}
}

// Undecided reports whether a person must look at a payment because of a movement of money outside.
func Undecided(v edge.View, payment edge.ID, money string) (bool, error) {
	p, err := load(v, payment)
	if err != nil {
		return false, err
	}
	for _, i := range p.attempt.Open() {
		if p.attempt.Conflicts[i].Money == money {
			return true, nil
		}
	}
	return false, nil
}
