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
	names map[string]string // currencies, funds and purposes, each once

	reviewed []func(edge.Tx, Ended) error

	batches sync.Pool // of *batch, whose room is used again
}

// New returns the ledger of a site, whose transfers rules are asked about; nil: nobody is.
func New(rules Rules) *Ledger {
	return &Ledger{rules: rules, names: map[string]string{}, batches: sync.Pool{New: func() any { return newBatch() }}}
}

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
	edge.HandleWire[*walletv1.CreateTransfersRequest](m, s.createTransfers)
	edge.Answer(m, s.getTransfer)
	edge.Answer(m, s.listHolds)
	edge.Handle(m, s.postHold)
	edge.Handle(m, s.voidHold)
	edge.Handle(m, s.reverseTransfer)
	edge.Do(m, edge.Op{Name: OpTick, Doc: "End holds whose time is over.", Needs: "wallet.desk", Class: edge.Personal, Money: true}, s.tick)
}
