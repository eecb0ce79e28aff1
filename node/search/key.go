package search

import (
	"encoding/binary"

	"github.com/aielon/edge/node/edge"
)

// All keys begin with x/. A part is all documents of one kind and class in one generation of that kind; numbers are
// big endian, so that keys order like them.
//
//	x/m                              meta
//	x/w term                         dictionary row of a word or stem: of all parts df, newest postings, keys of blocks
//	x/t part(4) term                 the same of a code, of one part: codes are looked through by their beginning
//	x/b part(4) term 0 first(8)      block of postings, under a document that is not after its first
//	x/d part(4) doc(8)               the document
//	x/f part(4) doc(8)               its terms
//	x/o part(4) owner 0 doc(8)       whose it is
//	x/i generation(4) kind 0 id      where a document is
const (
	metaKey   = "x/m"
	wordRows  = "x/w"
	partStats = 's' // of version 1: only removed
	partTerm  = 't'
	partBlock = 'b'
	partDoc   = 'd'
	partFwd   = 'f'
	partOwner = 'o'
	genID     = 'i'
)

// A part is the number of one kind and class of documents in one generation.
type part uint32

func key(what byte, n uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{'x', '/', what}, n)
}

// termKey is where the row of a term is that has a part's postings.
func termKey(p part, t term) []byte {
	if t[0] == codeForm {
		return append(key(partTerm, uint32(p)), t...)
	}
	return append([]byte(wordRows), t...)
}

func docKey(p part, n uint64) []byte {
	return binary.BigEndian.AppendUint64(key(partDoc, uint32(p)), n)
}
func forwardKey(p part, n uint64) []byte {
	return binary.BigEndian.AppendUint64(key(partFwd, uint32(p)), n)
}

// blocksKey is the prefix of a term's blocks. A term has no zero byte: words and codes have letters and digits only.
func blocksKey(p part, t term) []byte {
	return append(append(key(partBlock, uint32(p)), t...), 0)
}

func blockKey(p part, t term, first uint64) []byte {
	return binary.BigEndian.AppendUint64(blocksKey(p, t), first)
}

// ownerPrefix has the length of the owner before it, so that no owner is the beginning of another.
func ownerPrefix(p part, owner string) []byte {
	k := binary.BigEndian.AppendUint16(key(partOwner, uint32(p)), uint16(len(owner)))
	return append(k, owner...)
}

func ownerKey(p part, owner string, n uint64) []byte {
	return binary.BigEndian.AppendUint64(ownerPrefix(p, owner), n)
}

func idKey(gen uint32, kind, id string) []byte {
	k := append(key(genID, gen), kind...)
	return append(append(k, 0), id...)
}

var errDamaged = edge.E(edge.Corrupt, "a row of the search index cannot be read").WithHint("the index can be made again from the records: rebuild it")
