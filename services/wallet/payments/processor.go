package payments

import (
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/gateway"
	"github.com/aielon/edge/services/wallet/ledger"
)

// A Told is what a processor said of a payment.
type Told struct {
	Gateway string        `json:"gateway"`
	Payment string        `json:"payment,omitempty"` // ours
	Known   string        `json:"known,omitempty"`   // the processor's; one of the two is given
	Event   paygate.Event `json:"event"`
	Work    *Work         `json:"work,omitempty"` // the refund it ends
	Over    bool          `json:"over,omitempty"` // the refund will never be made; there is no event
}

// tellPayment counts what a processor said. A payment nobody knows here is refused with NotFound.
func (s *Service) tellPayment(tx edge.Tx, in Told) (out struct{}, err error) {
	if err := ours(tx); err != nil {
		return out, err
	}
	p, err := in.find(tx)
	if err != nil {
		return out, err
	}
	if in.Known != "" && p.Known == "" {
		p.know(tx, in.Known)
		if err := p.save(tx); err != nil {
			return out, err
		}
	}
	if in.Work != nil {
		tx.Delete(in.Work.key())
		p.Refunding = ""
		if err := p.save(tx); err != nil || in.Over {
			return out, err
		}
	}
	return out, s.tell(tx, p, in.Event)
}

func (t *Told) find(v edge.View) (p *payment, err error) {
	if t.Payment != "" {
		p, err = find(v, t.Payment)
	} else {
		var id edge.ID
		found, gerr := get(v, join(underKnown, t.Gateway, t.Known), &id)
		if gerr == nil && !found {
			gerr = edge.E(edge.NotFound, "there is no such payment").WithCode(CodePayment)
		}
		if err = gerr; err == nil {
			p, err = load(v, id)
		}
	}
	if err == nil && (p.attempt.Gateway != t.Gateway || t.Known != "" && p.Known != "" && t.Known != p.Known) {
		return nil, edge.E(edge.NotFound, "there is no such payment of this gateway").WithCode(CodePayment)
	}
	return p, err
}

// know keeps the processor's id of a payment.
func (p *payment) know(tx edge.Tx, known string) {
	p.Known = known
	b, _ := p.ID.MarshalText() // 26 letters and digits
	tx.Set(join(underKnown, p.attempt.Gateway, known), append(append([]byte{'"'}, b...), '"'))
}

// An Asked says under which id a processor knows a payment.
type Asked struct{ Payment, Gateway, Known string }

func (s *Service) askedPayment(tx edge.Tx, in Asked) (out struct{}, err error) {
	if err := ours(tx); err != nil {
		return out, err
	}
	t := Told{Gateway: in.Gateway, Payment: in.Payment, Known: in.Known}
	p, err := t.find(tx)
	if err != nil {
		return out, err
	}
	if p.Known == "" {
		p.know(tx, in.Known)
	}
	if err := p.save(tx); err != nil {
		return out, err
	}
	return out, s.tell(tx, p, paygate.Event{ID: "asked/" + in.Known, Source: paygate.Asked, Kind: paygate.Submitted, At: tx.Now()})
}

// An Open payment is one a processor may tell of.
type Open struct {
	ID    edge.ID
	Known string // empty: the processor was not asked, as far as is known
}

// Opens goes on through the payments of a gateway that may still be paid, after one: it lists those the processor knows
// and says where to go on, which is at the beginning after the last.
func Opens(v edge.View, gateway string, after edge.ID, look int) (list []Open, next edge.ID, err error) {
	under := append(join(underOpen, gateway), '/')
	looked := 0
	for k := range v.Scan(under) {
		rest := k[len(under):]
		if len(rest) != len(edge.ID{}) || string(rest) <= string(after[:]) {
			continue
		}
		if looked == look {
			return list, next, nil
		}
		looked, next = looked+1, edge.ID(rest)
		p, err := load(v, next)
		if err != nil {
			return nil, next, err
		}
		if p.Known != "" {
			list = append(list, Open{p.ID, p.Known})
		}
	}
	return list, edge.ID{}, v.Err()
}

// Refunds lists refunds that processors are to make, at most as many as asked for, with their gateways.
func Refunds(v edge.View, most int) (list []Work, gateways []string, err error) {
	for k := range v.Scan([]byte(underWork)) {
		if len(list) == most {
			break
		}
		var w Work
		if _, err := get(v, k, &w); err != nil {
			return nil, nil, err
		}
		p, err := load(v, w.Payment)
		if err != nil {
			return nil, nil, err
		}
		list, gateways = append(list, w), append(gateways, p.attempt.Gateway)
	}
	return list, gateways, v.Err()
}

// Card is what a card processor is asked for a payment. It fails with NotFound, and with Refused where it is no payment
// by card or waits for nothing.
func Card(v edge.View, id string) (g *Gateway, p Open, asked paygate.Attempt, err error) {
	found, err := find(v, id)
	if err != nil {
		return nil, p, asked, err
	}
	if g, err = Find(v, found.attempt.Gateway); err != nil {
		return nil, p, asked, err
	}
	if st := found.attempt.State; st != paygate.Created && st != paygate.Pending {
		return nil, p, asked, edge.E(edge.Refused, "this payment waits for no money").WithHint("make a new one").WithCode(ledger.CodeConflict)
	}
	return g, Open{found.ID, found.Known}, found.attempt, nil
}
