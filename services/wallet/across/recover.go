package across

import (
	"strings"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// Epoch names the epoch of the site's journals that began with a restore.
type Epoch struct {
	Epoch  uint64 `json:"epoch"`
	Echoed bool   `json:"echoed,omitempty"` // only what the site said itself has come back so far
}

// restored has the site wait for what the hub has of it. What it decided after the backup was made it does not know any
// more, and must not decide again.
func restored(tx edge.Tx, in Epoch) (struct{}, error) {
	if err := onlyNodes(tx); err != nil {
		return struct{}{}, err
	}
	_, deals, err := load[selfRow](tx, key(rowSelf))
	if err != nil || !deals {
		return struct{}{}, err
	}
	return struct{}{}, save(tx, key(rowRecover), recoverRow{Epoch: in.Epoch, Since: tx.Now()})
}

// recovered ends the wait, or that for the site's own notes. It must name the epoch: a word of an earlier restore does
// not count.
func (x *Across) recovered(tx edge.Tx, in Epoch) (struct{}, error) {
	if err := onlyNodes(tx); err != nil {
		return struct{}{}, err
	}
	row, found, err := load[recoverRow](tx, key(rowRecover))
	switch {
	case err != nil || !found || row.Epoch != in.Epoch:
		return struct{}{}, err
	case in.Echoed:
		row.Echoed = true
		return struct{}{}, save(tx, key(rowRecover), row)
	}
	tx.Delete(key(rowRecover))
	return struct{}{}, x.tellStands(tx)
}

// tellStands tells what all accounts of clearing stand at.
func (x *Across) tellStands(tx edge.Tx) error {
	a, err := x.start(tx)
	if err != nil {
		return err
	}
	under := key(rowClearing)
	for k, id := range tx.Scan(under) {
		if part := strings.Split(string(k[len(under):]), "/"); len(part) == 3 && len(id) == len(edge.ID{}) {
			a.stands[edge.ID(id)] = Stand{Peer: part[0], Asset: part[1], Fund: part[2], Account: edge.ID(id).String()}
		}
	}
	if err := tx.Err(); err != nil {
		return err
	}
	return a.end()
}

func (x *Across) endRecovery(tx edge.Tx, _ *walletv1.EndRecoveryRequest) (*walletv1.EndRecoveryResponse, error) {
	_, found, err := load[recoverRow](tx, key(rowRecover))
	if err != nil {
		return nil, err
	}
	if !found {
		return &walletv1.EndRecoveryResponse{}, nil
	}
	tx.Delete(key(rowRecover))
	return &walletv1.EndRecoveryResponse{WasRecovering: true}, x.tellStands(tx)
}
