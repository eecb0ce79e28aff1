package ledger

import (
	"encoding/json"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
)

// meta is how far the ledger is.
type meta struct {
	blocks  uint64
	entries uint64
	chain   [32]byte // over all blocks
}

func (m meta) append(b []byte) []byte {
	return append(appendNumber(appendNumber(b, m.blocks), m.entries), m.chain[:]...)
}

func loadMeta(v edge.View) (m meta, err error) {
	row, err := v.Get(key(rowMeta))
	if edge.IsKind(err, edge.NotFound) {
		return m, nil
	} else if err != nil {
		return m, err
	}
	r := reader{b: row}
	m.blocks, m.entries = r.uvarint(), r.uvarint()
	copy(m.chain[:], r.take(32))
	return m, r.done("the head of the ledger")
}

// totals are the sums of one currency and fund: all of it, and what is posted by kind of account.
type totals struct {
	balances
	by [kinds]amount.Signed
}

func (t *totals) append(b []byte) []byte {
	b = t.balances.append(b)
	for _, s := range t.by {
		b = appendSigned(b, s)
	}
	return b
}

func decodeTotals(row []byte, t *totals) error {
	r := reader{b: row}
	t.balances = r.balances()
	for i := range t.by {
		t.by[i] = r.signed()
	}
	return r.done("the totals of a fund")
}

// held is what is in cash desks and banks, and what other sites and debtors owe.
func (t *totals) held() amount.Signed {
	s := t.by[cash]
	s, _ = s.Add(t.by[bank])
	return s.Negated()
}

// short is by how much more is owed to owners of accounts than is there: cash, banks, and what others owe.
func (t *totals) short() (s amount.Signed) {
	for _, k := range [...]kind{member, payable, escrow, clearing, cash, bank} {
		s, _ = s.Add(t.by[k])
	}
	return s
}

// An outcome is what became of an identifier.
type outcome struct {
	block  uint64 // 0: it failed
	index  uint32 // which entry of the block
	code   string // of a failure
	detail string
	kind   edge.Kind
	time   time.Time
}

func (o outcome) append(b []byte) []byte {
	b = appendNumber(b, o.block)
	if o.block > 0 {
		return appendNumber(b, uint64(o.index))
	}
	return appendTime(appendText(appendText(append(b, byte(o.kind)), o.code), o.detail), o.time)
}

func decodeOutcome(row []byte) (o outcome, err error) {
	r := reader{b: row}
	if o.block = r.uvarint(); o.block > 0 {
		n := r.uvarint()
		if o.index = uint32(n); n > maxEntries {
			r.fail()
		}
	} else {
		o.kind, o.code, o.detail, o.time = edge.Kind(r.byte()), r.text(), r.text(), r.time()
	}
	return o, r.done("what became of a transfer")
}

// A holdState is how a hold stands.
type holdState uint8

const (
	holdOpen holdState = iota + 1
	holdPosted
	holdVoided
	holdExpired
)

// A hold is how a hold stands, and what ended it.
type hold struct {
	state   holdState
	expires int64 // Unix seconds; 0: never
	at      ref   // its first leg
	by      edge.ID
}

func (h hold) append(b []byte) []byte {
	b = appendRef(appendNumber(append(b, byte(h.state)), uint64(h.expires)), h.at)
	return append(b, h.by[:]...)
}

func decodeHold(row []byte) (h hold, err error) {
	r := reader{b: row}
	h.state, h.expires, h.at, h.by = holdState(r.byte()), int64(r.uvarint()), r.ref(), r.id()
	if h.state < holdOpen || h.state > holdExpired {
		r.fail()
	}
	return h, r.done("a hold")
}

// ended says why a hold that is not open cannot be ended again.
func (h hold) ended() *edge.Error {
	switch h.state {
	case holdPosted:
		return clash(CodeHoldPosted, "the hold was posted already", "look at what posted it", fact("by", h.by.String()))
	case holdVoided:
		return clash(CodeHoldVoided, "the hold was voided already", "make a new transfer", fact("by", h.by.String()))
	case holdExpired:
		return clash(CodeHoldExpired, "the hold has expired", "make a new transfer")
	}
	return nil
}

func loadHalt(v edge.View) (row haltRow, found bool, err error) {
	b, found, err := get(v, key(rowHalt))
	if err == nil && found {
		if err := json.Unmarshal(b, &row); err != nil {
			return row, true, edge.E(edge.Corrupt, "why the ledger is halted cannot be read: %w", err)
		}
	}
	return row, found, err
}

// get reads a row that need not be there.
func get(v edge.View, k []byte) (row []byte, found bool, err error) {
	if row, err = v.Get(k); err == nil {
		return row, true, nil
	}
	if edge.KindOf(err) == edge.NotFound {
		return nil, false, nil
	}
	return nil, false, err
}
