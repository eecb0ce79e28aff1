package journal

import (
	"encoding/binary"
	"strings"

	"github.com/aielon/edge/node/edge"
)

// Every key of this package begins with 'j', so that the owner of a store has one letter to stay off.
//
//	j/<stream>\0<epoch 8><last seq 8>  a block of records
//	jh/<stream>                        head row: where the journal stands, its counters
//	je/<stream>                        its epochs
//	jg/<stream>\0<epoch 8><to seq 8>   a gap: what was removed, and why
//	jm/<stream>\0<follower>            how far a follower has come
//	jf/<stream>\0<follower>            the same, of a journal that lies in another store
const (
	blockPrefix = "j/"
	headPrefix  = "jh/"
	epochPrefix = "je/"
	gapPrefix   = "jg/"
	markPrefix  = "jm/"
	farPrefix   = "jf/"
)

// maxName bounds stream, follower and origin names, in bytes.
const maxName = 128

func headKey(stream string) []byte  { return []byte(headPrefix + stream) }
func epochKey(stream string) []byte { return []byte(epochPrefix + stream) }

func blocksOf(stream string) []byte { return []byte(blockPrefix + stream + "\x00") }
func gapsOf(stream string) []byte   { return []byte(gapPrefix + stream + "\x00") }
func marksOf(stream string) []byte  { return []byte(markPrefix + stream + "\x00") }

func blockKey(stream string, epoch, last uint64) []byte { return at(blocksOf(stream), epoch, last) }
func gapKey(stream string, epoch, to uint64) []byte     { return at(gapsOf(stream), epoch, to) }
func markKey(stream, follower string) []byte            { return append(marksOf(stream), follower...) }

func at(prefix []byte, epoch, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(prefix, epoch), seq)
}

// cutAt reads the epoch and sequence number behind prefix.
func cutAt(key, prefix []byte) (epoch, seq uint64, ok bool) {
	if len(key) != len(prefix)+16 {
		return 0, 0, false
	}
	b := key[len(prefix):]
	return binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:]), true
}

func checkName(what, name string) error {
	if name == "" || len(name) > maxName || strings.ContainsRune(name, 0) {
		return edge.E(edge.Invalid, "a %s needs a name of 1 to %d bytes without a zero byte, %q is not one", what, maxName, name)
	}
	return nil
}

// compare orders positions as a reader meets them.
func compare(a, b edge.Pos) int {
	switch {
	case a.Epoch != b.Epoch:
		return sign(a.Epoch > b.Epoch)
	case a.Seq != b.Seq:
		return sign(a.Seq > b.Seq)
	}
	return 0
}

func sign(greater bool) int {
	if greater {
		return 1
	}
	return -1
}
