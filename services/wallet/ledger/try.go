package ledger

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// A trial is a transaction of which nothing is kept.
type trial struct{ edge.View }

// Set implements edge.Tx.
func (trial) Set(_, _ []byte) {}

// Delete implements edge.Tx.
func (trial) Delete([]byte) {}

// Emit implements edge.Tx.
func (trial) Emit(edge.Event) {}

// Now implements edge.Tx.
func (trial) Now() time.Time { return time.Now() }

// Actor implements edge.Tx.
func (trial) Actor() edge.Actor { return edge.Actor{} }

// tryTransfer is createTransfer without keeping anything: the same code, on a view.
func (s *Ledger) tryTransfer(v edge.View, in *walletv1.TryTransferRequest) (*walletv1.Transfer, error) {
	st := make([]step, 1)
	r, err := requestOf(in.GetTransfer())
	if err != nil {
		return nil, err
	}
	if err := s.parse(r, &st[0]); err != nil {
		return nil, err
	}
	b, err := s.begin(trial{v})
	if err != nil {
		return nil, err
	}
	defer b.close()
	results, refusal, err := b.run(st)
	switch {
	case err != nil:
		return nil, err
	case refusal != nil:
		return nil, refusal
	case results[0].replayed:
		return s.transferAt(v, results[0].outcome)
	}
	bl, err := b.blockOf(b.meta.blocks + 1)
	if err != nil {
		return nil, err
	}
	t, err := showEntry(v, bl, &bl.entries[0])
	if err != nil {
		return nil, err
	}
	t.Time, t.Number = timestamppb.New(b.now), 0
	return t, nil
}

// A tickResult says what was over.
type tickResult struct {
	Expired int `json:"expired"`
}

// maxTick bounds how many holds one command ends.
const maxTick = 256

// tick ends holds whose time is over.
func (s *Ledger) tick(tx edge.Tx, _ struct{}) (out tickResult, err error) {
	if k := tx.Actor().Kind; k != edge.Node && k != edge.Service {
		return out, edge.E(edge.Denied, "only a node of the site may ask for this")
	}
	b, err := s.begin(tx)
	if err != nil {
		return out, err
	}
	defer b.close()
	due, err := s.Due(tx, b.now, maxTick)
	if err != nil {
		return out, err
	}
	for _, id := range due {
		st := []step{{entry: entry{kind: expireEntry, id: edge.NewID(), about: id}}}
		if _, refusal, err := b.run(st); err != nil {
			return out, err
		} else if refusal != nil {
			return out, edge.E(edge.Internal, "a hold cannot be ended: %w", refusal)
		}
		out.Expired++
	}
	return out, b.finish()
}

// Due lists holds whose time is over at a moment, at most as many as asked for, in the order of their ends.
func (s *Ledger) Due(v edge.View, now time.Time, most int) (ids []edge.ID, err error) {
	under := key(rowExpiry)
	for k := range v.Scan(under) {
		rest := reader{b: k[len(under):]}
		at, id := int64(rest.u64()), rest.id()
		if rest.bad || at > now.Unix() || len(ids) == most {
			break
		}
		ids = append(ids, id)
	}
	return ids, v.Err()
}
