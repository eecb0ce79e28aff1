package audit

import (
	"context"
	"encoding/binary"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
)

// A Store is where trees, checkpoints and what a witness remembers are kept: an unmanaged *state.Store, the
// replica's own. Every key begins with "audit/".
type Store interface {
	Commit(ctx context.Context, f func(*state.Batch)) error
	View() *state.View
}

// audit/t/<stream>\0<epoch 8>                   a tree: how large, up to where
// audit/h/<stream>\0<epoch 8><level 1><index 8> a tile of its hashes
// audit/c/<stream>\0<epoch 8><size 8>           a checkpoint with its cosignatures
// audit/k/<node><key hash 4>                    a statement about somebody's keys
// audit/w/<journal>\0<epoch 8>                  what this node as a witness last cosigned of a tree
// audit/f/<journal>\0<epoch 8><number 8>        a fork it was shown
const (
	treePrefix       = "audit/t/"
	tilePrefix       = "audit/h/"
	checkpointPrefix = "audit/c/"
	keyPrefix        = "audit/k/"
	witnessPrefix    = "audit/w/"
	forkPrefix       = "audit/f/"
)

func under(prefix, stream string) []byte { return []byte(prefix + stream + "\x00") }

func epochKey(prefix, stream string, epoch uint64) []byte {
	return binary.BigEndian.AppendUint64(under(prefix, stream), epoch)
}

func numberKey(prefix, stream string, epoch uint64, n int64) []byte {
	return binary.BigEndian.AppendUint64(epochKey(prefix, stream, epoch), uint64(n))
}

func tileKey(stream string, epoch uint64, id tileID) []byte {
	return binary.BigEndian.AppendUint64(append(epochKey(tilePrefix, stream, epoch), byte(id.level)), uint64(id.index))
}

// lastNumber reads the number at the end of a key.
func lastNumber(key []byte) int64 {
	if len(key) < 8 {
		return 0
	}
	return int64(binary.BigEndian.Uint64(key[len(key)-8:]))
}

// Keep remembers a statement, so that signatures by its keys can be proved later without asking anybody. It fails
// with Denied where the statement does not hold.
func Keep(ctx context.Context, to Store, s Statement) error {
	if err := s.Check(); err != nil {
		return err
	}
	key := binary.BigEndian.AppendUint32(append([]byte(keyPrefix), s.Node[:]...), keyHash("", algEd25519, s.Log))
	v := to.View()
	_, err := v.Get(key)
	v.Close()
	if !edge.IsKind(err, edge.NotFound) {
		return err
	}
	return to.Commit(ctx, func(b *state.Batch) { b.Set(key, s.Encode()) })
}

// maxKeys bounds the statements that are used, whoever they are by.
const maxKeys = 4096

// Kept returns the statements that Keep remembers. It fails with Corrupt where one does not hold.
func Kept(v *state.View) (ks Keys, err error) {
	for _, b := range v.Scan([]byte(keyPrefix)) {
		s, err := ParseStatement(b)
		if err != nil {
			return nil, edge.E(edge.Corrupt, "what is kept about the keys of others is damaged: %w", err)
		}
		if ks = append(ks, s); len(ks) == maxKeys {
			break
		}
	}
	return ks, v.Err()
}
