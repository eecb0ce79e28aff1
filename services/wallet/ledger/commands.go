package ledger

import (
	"google.golang.org/protobuf/proto"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// requestOf is a transfer that came as a message.
func requestOf(in *walletv1.NewTransfer) (*request, error) {
	b, err := proto.Marshal(in)
	if err != nil {
		return nil, unreadable()
	}
	r := &request{}
	return r, readTransfer(b, r)
}

// createTransfer carries out one transfer. One that is refused for good spends its identifier.
func (s *Ledger) createTransfer(tx edge.Tx, in *walletv1.CreateTransferRequest) (*walletv1.Transfer, error) {
	r, err := requestOf(in.GetTransfer())
	if err != nil {
		return nil, err
	}
	return s.single(tx, func(st *step) error { return s.parse(r, st) })
}

func (s *Ledger) postHold(tx edge.Tx, in *walletv1.PostHoldRequest) (*walletv1.Transfer, error) {
	r := &request{what: 'p', id: []byte(in.GetId()), about: []byte(in.GetTransfer()), amount: []byte(in.GetAmount())}
	return s.single(tx, func(st *step) error { return s.parse(r, st) })
}

func (s *Ledger) voidHold(tx edge.Tx, in *walletv1.VoidHoldRequest) (*walletv1.Transfer, error) {
	r := &request{what: 'v', id: []byte(in.GetId()), about: []byte(in.GetTransfer())}
	return s.single(tx, func(st *step) error { return s.parse(r, st) })
}

func (s *Ledger) reverseTransfer(tx edge.Tx, in *walletv1.ReverseTransferRequest) (*walletv1.Transfer, error) {
	return s.single(tx, func(st *step) (err error) {
		*st = step{entry: entry{kind: reverseEntry, memo: in.GetReason()}}
		if st.id, err = parseID(in.GetId()); err != nil {
			return err
		}
		st.about, err = parseHold(in.GetTransfer())
		return err
	})
}

// single carries out one step in a batch of its own.
func (s *Ledger) single(tx edge.Tx, parse func(*step) error) (*walletv1.Transfer, error) {
	st := make([]step, 1)
	if err := parse(&st[0]); err != nil {
		return nil, err
	}
	b, err := s.begin(tx)
	if err != nil {
		return nil, err
	}
	defer b.close()
	results, refusal, err := b.run(st)
	if err != nil {
		return nil, err
	}
	o := results[0].outcome
	if err := b.finish(); err != nil {
		return nil, err
	}
	if refusal != nil {
		return nil, &edge.Kept{Err: refusal}
	}
	return s.transferAt(tx, o)
}

// createTransfers carries out many items, each by itself.
func (s *Ledger) createTransfers(tx edge.Tx, body []byte) ([]byte, error) {
	b, err := s.begin(tx)
	if err != nil {
		return nil, err
	}
	defer b.close()
	in, reply := &items{ledger: s}, make([]byte, 0, len(body)/2+64)
	err = eachField(body, 1, func(item []byte) error {
		results, err := in.carry(b, item)
		if err == nil {
			reply = appendItemResult(reply, results)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return reply, b.finish()
}

// items reads items one after the other, in the same room.
type items struct {
	edge.Redacted

	ledger *Ledger
	req    request
	steps  []step
	linked [][]byte
}

// maxLinked is how many steps one item may have.
const maxLinked = 64

// carry reads and carries out one item. What is not well formed spends no identifier.
func (in *items) carry(b *batch, item []byte) ([]done, error) {
	in.linked = in.linked[:0]
	bad := readStep(item, &in.req, func(step []byte) { in.linked = append(in.linked, step) })
	if bad == nil && len(in.linked) >= maxLinked {
		bad = invalid("an item has %d steps at the most", maxLinked)
	}
	n := 1 + len(in.linked)
	in.steps = grow(in.steps[:0])
	if bad == nil {
		bad = in.ledger.parse(&in.req, &in.steps[0])
	}
	for i := 0; bad == nil && i < len(in.linked); i++ {
		in.steps = grow(in.steps)
		if bad = readStep(in.linked[i], &in.req, nil); bad == nil {
			bad = in.ledger.parse(&in.req, &in.steps[i+1])
		}
	}
	if bad == nil {
		results, _, err := b.run(in.steps)
		return results, err
	}
	e, ok := isRefusal(bad)
	if !ok {
		return nil, bad
	}
	return unread(in.steps, min(n, maxLinked), e), nil
}

// unread is what becomes of an item of n steps, the last of those given being not well formed.
func unread(steps []step, n int, e *edge.Error) []done {
	results := make([]done, n)
	for i := range results {
		results[i] = done{outcome: outcome{code: CodeLinked, detail: "it was to happen together with something that cannot be read", kind: edge.Conflict}}
		if i < len(steps) {
			results[i].id = steps[i].id
		}
	}
	results[len(steps)-1].outcome = outcome{code: e.Code, detail: e.Error(), kind: e.Kind}
	return results
}

// grow makes room for one step more, whose legs can be used again.
func grow(steps []step) []step {
	if len(steps) < cap(steps) {
		return steps[:len(steps)+1]
	}
	return append(steps, step{})
}
