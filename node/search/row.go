package search

import "encoding/binary"

// blockSize is how many postings a full block has; the newest ones, up to as many less one, lie in the dictionary row.
const blockSize = 128

// A posting says that a term stands in a document: how often (tf), and how long the document is.
type posting struct {
	doc        uint64
	tf, length uint32
}

// appendPostings writes count, then for each posting the distance to the document before, tf and length, as uvarints.
func appendPostings(dst []byte, ps []posting) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(ps)))
	last := uint64(0)
	for _, p := range ps {
		dst = binary.AppendUvarint(dst, p.doc-last)
		dst = binary.AppendUvarint(dst, uint64(p.tf))
		dst = binary.AppendUvarint(dst, uint64(p.length))
		last = p.doc
	}
	return dst
}

// readPostings appends what appendPostings wrote to dst. Documents must ascend.
func readPostings(dst []posting, b []byte) ([]posting, error) {
	r := reader{b: b}
	last, n := uint64(0), r.count(blockSize)
	for range n {
		delta := r.uvarint()
		p := posting{doc: last + delta, tf: uint32(r.uvarint()), length: uint32(r.uvarint())}
		if delta == 0 || p.doc < last {
			return dst, errDamaged
		}
		dst = append(dst, p)
		last = p.doc
	}
	if r.bad || len(r.b) > 0 {
		return dst, errDamaged
	}
	return dst, nil
}

// A termRow is the dictionary's row of a term in a part.
type termRow struct {
	df   uint64    // documents that have it
	full uint64    // last document in the blocks, 0 where there are none
	tail []posting // newer ones
}

func (t *termRow) encode() []byte {
	b := binary.AppendUvarint(make([]byte, 0, 8+4*len(t.tail)), t.df)
	b = binary.AppendUvarint(b, t.full)
	return appendPostings(b, t.tail)
}

func decodeTermRow(b []byte) (t termRow, err error) {
	r := reader{b: b}
	t.df, t.full = r.uvarint(), r.uvarint()
	if r.bad {
		return t, errDamaged
	}
	t.tail, err = readPostings(nil, r.b)
	return t, err
}

// encode writes a forward with each term's difference to the one before it.
func (f *forward) encode() []byte {
	b := binary.AppendUvarint(make([]byte, 0, 8*len(f.terms)+8), uint64(f.length))
	b = binary.AppendUvarint(b, uint64(len(f.terms)))
	last := ""
	for _, t := range f.terms {
		n := shared(last, t.term)
		b = binary.AppendUvarint(b, uint64(n))
		b = binary.AppendUvarint(b, uint64(len(t.term)-n))
		b = append(b, t.term[n:]...)
		b = binary.AppendUvarint(b, uint64(t.tf))
		last = t.term
	}
	return b
}

func decodeForward(b []byte) (f forward, err error) {
	r := reader{b: b}
	f.length = uint32(r.uvarint())
	n := r.count(MaxTerms)
	f.terms = make([]weighted, 0, n)
	last := ""
	for range n {
		keep, more := r.count(len(last)), r.count(1+4*maxWord)
		s := last[:keep] + string(r.bytes(more))
		f.terms = append(f.terms, weighted{s, uint32(r.uvarint())})
		last = s
	}
	if r.bad || len(r.b) > 0 {
		return forward{}, errDamaged
	}
	return f, nil
}

func shared(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// A reader takes numbers off b until something is wrong with it.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) uvarint() uint64 {
	n, w := binary.Uvarint(r.b)
	if w <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[w:]
	return n
}

func (r *reader) count(most int) int {
	n := r.uvarint()
	if n > uint64(most) {
		r.bad, r.b = true, nil
		return 0
	}
	return int(n)
}

func (r *reader) bytes(n int) []byte {
	if n > len(r.b) {
		r.bad, r.b = true, nil
		return nil
	}
	p := r.b[:n]
	r.b = r.b[n:]
	return p
}

// stats are the sums of a part.
type stats struct{ docs, length uint64 }

func (s stats) encode() []byte {
	return binary.AppendUvarint(binary.AppendUvarint(nil, s.docs), s.length)
}

func decodeStats(b []byte) (s stats, err error) {
	r := reader{b: b}
	s.docs, s.length = r.uvarint(), r.uvarint()
	if r.bad {
		return s, errDamaged
	}
	return s, nil
}

// A place is where a document is, and what it was made of.
type place struct {
	part part
	doc  uint64
	sum  [16]byte // of the document's encoding; one that has not changed is not indexed again
}

func (p place) encode() []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(p.part))
	return append(binary.BigEndian.AppendUint64(b, p.doc), p.sum[:]...)
}

func decodePlace(b []byte) (p place, err error) {
	if len(b) != 28 {
		return p, errDamaged
	}
	p.part, p.doc = part(binary.BigEndian.Uint32(b)), binary.BigEndian.Uint64(b[4:])
	copy(p.sum[:], b[12:])
	return p, nil
}
