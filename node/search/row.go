package search

import "encoding/binary"

// blockSize is how many postings a block has at most.
const blockSize = 512

// maxTail is how many postings a dictionary row has at most, of all its parts together; the longest list of them
// becomes a block, or part of one, when there would be more.
const maxTail = 128

// maxListed is how many blocks of a part a row names. Few blocks are read one by one; of a part with more only the
// newest is named, and they are scanned.
const maxListed = 4

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
		delta := r.small()
		p := posting{doc: last + delta, tf: uint32(r.small()), length: uint32(r.small())}
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

// A termRow is what the dictionary says of a term in one part.
type termRow struct {
	df     uint64    // documents that have it
	full   uint64    // the documents in blocks are up to this one
	many   bool      // there are more blocks than are named
	blocks []uint64  // keys of the blocks, ascending; of many the newest, if it is still there
	tail   []posting // of newer documents
}

func (t *termRow) append(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, t.df)
	dst = binary.AppendUvarint(dst, t.full)
	n := uint64(len(t.blocks)) << 1
	if t.many {
		n |= 1
	}
	dst = binary.AppendUvarint(dst, n)
	last := uint64(0)
	for _, k := range t.blocks {
		dst = binary.AppendUvarint(dst, k-last)
		last = k
	}
	return appendPostings(dst, t.tail)
}

// decodeTermRow reads what append wrote. The tail goes into room.
func decodeTermRow(b []byte, room []posting) (t termRow, err error) {
	r := reader{b: b}
	t.df, t.full = r.uvarint(), r.uvarint()
	n := r.count(maxListed<<1 | 1)
	t.many = n&1 == 1
	last := uint64(0)
	for range n >> 1 {
		last += r.uvarint()
		t.blocks = append(t.blocks, last)
	}
	if r.bad {
		return t, errDamaged
	}
	t.tail, err = readPostings(room, r.b)
	return t, err
}

// A section is what one part has in a dictionary row. A row is a list of them, by part: each the part, its own
// length and a termRow, so that what a query may not see is stepped over.
type section struct {
	part part
	body []byte
}

// sections yields those of a row, and fails with Corrupt where it is damaged.
func sections(row []byte, yield func(section) bool) error {
	r := reader{b: row}
	for last := part(0); len(r.b) > 0; {
		p := part(r.uvarint())
		body := r.bytes(r.count(len(r.b)))
		if r.bad || p <= last {
			return errDamaged
		}
		if last = p; !yield(section{p, body}) {
			return nil
		}
	}
	return nil
}

// sectionOf returns what a part has in a row; nil where it has nothing.
func sectionOf(row []byte, p part) (body []byte, err error) {
	err = sections(row, func(s section) bool {
		if s.part == p {
			body = s.body
		}
		return s.part < p
	})
	return body, err
}

func (s section) append(row []byte) []byte {
	row = binary.AppendUvarint(row, uint64(s.part))
	row = binary.AppendUvarint(row, uint64(len(s.body)))
	return append(row, s.body...)
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

// small is uvarint, faster for numbers of one byte, which most are.
func (r *reader) small() uint64 {
	if len(r.b) > 0 && r.b[0] < 0x80 {
		n := r.b[0]
		r.b = r.b[1:]
		return uint64(n)
	}
	return r.uvarint()
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
type stats struct {
	Docs   uint64 `json:"docs"`
	Length uint64 `json:"length"`
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
