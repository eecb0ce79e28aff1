// Package ledger keeps accounts by double entry: money that is kept apart by currency and fund, in whole numbers of
// minor units, under identifiers that are remembered for ever. It knows no rules but those of book-keeping; what else
// has to hold, a Rules says.
package ledger

import (
	"sync"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// A Ledger is that of one site. All it keeps is in the state of the site; what it holds in memory only saves time.
type Ledger struct {
	rules Rules
	mu    sync.RWMutex
	names map[string]string // currencies and funds, each once
}

// New returns the ledger of a site, whose transfers rules are asked about; nil: nobody is.
func New(rules Rules) *Ledger { return &Ledger{rules: rules, names: map[string]string{}} }

// maxNames bounds the names that are remembered. A site has a few dozen.
const maxNames = 4096

// name returns b as a string, the same for the same bytes without making it anew.
func (s *Ledger) name(b []byte) string {
	s.mu.RLock()
	t, ok := s.names[string(b)]
	s.mu.RUnlock()
	if ok {
		return t
	}
	t = string(b)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.names) < maxNames {
		s.names[t] = t
	}
	return t
}

// OpTick is the command by which the node that leads ends what is over. Only nodes of the site may ask for it.
const OpTick = "wallet.tick"

// Register adds the operations of the ledger.
func (s *Ledger) Register(m *edge.Mux) {
	edge.Handle(m, defineAsset)
	edge.Answer(m, listAssets)
	edge.Handle(m, putFund)
	edge.Answer(m, getFund)
	edge.Answer(m, listFunds)
	edge.Handle(m, s.openAccount)
	edge.Answer(m, s.getAccount)
	edge.Answer(m, s.listAccounts)
	edge.Handle(m, s.changeAccount)
	edge.Handle(m, s.freezeAccount)
	edge.Handle(m, s.unfreezeAccount)
	edge.Handle(m, s.closeAccount)
	edge.Answer(m, s.listEntries)
	edge.Answer(m, s.getBalance)
	edge.Handle(m, s.createTransfer)
	edge.Answer(m, s.tryTransfer)
	edge.Handle(m, s.createTransfers)
	edge.Answer(m, s.getTransfer)
	edge.Answer(m, s.listHolds)
	edge.Handle(m, s.postHold)
	edge.Handle(m, s.voidHold)
	edge.Handle(m, s.reverseTransfer)
	edge.Do(m, edge.Op{Name: OpTick, Doc: "End holds whose time is over.", Needs: "wallet.desk", Class: edge.Personal, Money: true}, s.tick)
}

// createTransfer carries out one transfer. One that is refused for good spends its identifier.
func (s *Ledger) createTransfer(tx edge.Tx, in *walletv1.CreateTransferRequest) (*walletv1.Transfer, error) {
	return s.single(tx, func(st *step) error { return parseTransfer(in.GetTransfer(), st) })
}

func (s *Ledger) postHold(tx edge.Tx, in *walletv1.PostHoldRequest) (*walletv1.Transfer, error) {
	return s.single(tx, func(st *step) error {
		return parsePost(&walletv1.NewPost{Id: in.GetId(), Hold: in.GetTransfer(), Amount: in.GetAmount()}, st)
	})
}

func (s *Ledger) voidHold(tx edge.Tx, in *walletv1.VoidHoldRequest) (*walletv1.Transfer, error) {
	return s.single(tx, func(st *step) error { return parseVoid(&walletv1.NewVoid{Id: in.GetId(), Hold: in.GetTransfer()}, st) })
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
	results, refusal, err := b.run(st)
	if err != nil {
		return nil, err
	}
	if err := b.finish(); err != nil {
		return nil, err
	}
	if refusal != nil {
		return nil, &edge.Kept{Err: refusal}
	}
	return s.transferAt(tx, results[0].outcome)
}

// createTransfers carries out many items, each by itself.
func (s *Ledger) createTransfers(tx edge.Tx, in *walletv1.CreateTransfersRequest) (*walletv1.CreateTransfersResponse, error) {
	b, err := s.begin(tx)
	if err != nil {
		return nil, err
	}
	out := &walletv1.CreateTransfersResponse{Items: make([]*walletv1.ItemResult, 0, len(in.GetItems()))}
	var room []step
	for _, item := range in.GetItems() {
		steps, results, err := b.carry(item, room)
		if err != nil {
			return nil, err
		}
		room = steps
		out.Items = append(out.Items, itemResult(results))
	}
	return out, b.finish()
}

// carry reads and carries out one item. What is not well formed spends no identifier.
func (b *batch) carry(in *walletv1.Item, room []step) (steps []step, results []done, err error) {
	steps, at, bad := parseItem(in, room[:0])
	if bad != nil {
		e, ok := isRefusal(bad)
		if !ok {
			return steps, nil, bad
		}
		return steps, unread(steps, at, len(in.GetLinked())+1, e), nil
	}
	results, _, err = b.run(steps)
	return steps, results, err
}

// unread is what becomes of an item whose step at is not well formed.
func unread(steps []step, at, n int, e *edge.Error) []done {
	results := make([]done, n)
	for i := range results {
		results[i] = done{outcome: outcome{code: CodeLinked, detail: "it was to happen together with something that cannot be read", kind: edge.Conflict}}
		if i < len(steps) {
			results[i].id = steps[i].id
		}
	}
	results[at].outcome = outcome{code: e.Code, detail: e.Error(), kind: e.Kind}
	return results
}

// parseItem reads the steps of an item, and says which of them cannot be read.
func parseItem(in *walletv1.Item, room []step) (steps []step, at int, err error) {
	steps = grow(room)
	switch a := in.GetAction().(type) {
	case *walletv1.Item_Transfer:
		err = parseTransfer(a.Transfer, &steps[0])
	case *walletv1.Item_Post:
		err = parsePost(a.Post, &steps[0])
	case *walletv1.Item_Void:
		err = parseVoid(a.Void, &steps[0])
	default:
		err = invalid("an item says nothing").WithHint("give it a transfer, a post or a void")
	}
	for i, l := range in.GetLinked() {
		if err != nil {
			return steps, i, err
		}
		steps = grow(steps)
		switch a := l.GetAction().(type) {
		case *walletv1.Step_Transfer:
			err = parseTransfer(a.Transfer, &steps[i+1])
		case *walletv1.Step_Post:
			err = parsePost(a.Post, &steps[i+1])
		case *walletv1.Step_Void:
			err = parseVoid(a.Void, &steps[i+1])
		default:
			err = invalid("a step says nothing").WithHint("give it a transfer, a post or a void")
		}
	}
	return steps, len(steps) - 1, err
}

// grow makes room for one step more, whose legs can be used again.
func grow(steps []step) []step {
	if len(steps) < cap(steps) {
		return steps[:len(steps)+1]
	}
	return append(steps, step{})
}

func itemResult(results []done) *walletv1.ItemResult {
	out := &walletv1.ItemResult{Result: stepResult(results[0])}
	for _, r := range results[1:] {
		out.Linked = append(out.Linked, stepResult(r))
	}
	return out
}

func stepResult(d done) *walletv1.StepResult {
	r := &walletv1.StepResult{Status: walletv1.TransferStatus_REFUSED, Code: d.code, Detail: d.detail, Replayed: d.replayed}
	if !d.id.IsZero() {
		r.Id = d.id.String()
	}
	if d.block > 0 {
		r.Status = d.status
	}
	return r
}
