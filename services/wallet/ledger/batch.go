package ledger

import (
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
)

// A batch is what one command makes of the ledger. It reads each account once, works on it in memory, and writes what
// has changed when all is done. What a failed item did is undone in memory and nowhere else.
type batch struct {
	edge.Redacted

	tx  edge.Tx
	led *Ledger
	now time.Time

	meta  meta
	by    map[edge.ID]*account
	sums  map[universe]*sum
	funds map[string]fundRow
	ids   map[edge.ID]int // where in spent an identifier is
	spent []spent
	holds map[edge.ID]*hold   // looked at by this batch
	backs map[edge.ID]edge.ID // reversals of this batch
	slots []slot
	ended []Ended // holds under review
	body  []byte  // the block as it will be written
	legs  uint32
	count uint32
	told  []byte // what the event says of the entries
	no    []byte // what the event says of those that were refused

	undo    undo
	item    uint32 // 1, 2, 3, ...
	rules   Judge  // nil: nobody is asked
	dealing Dealing

	accounts []*account // room; those in use come first
	used     int
	results  []done
	k, row   []byte // room for a key and a row
	names    [2]string
}

// A spent identifier, and what it came to.
type spent struct {
	id edge.ID
	outcome
}

// A sum is the totals of a universe, and what the batch did to them.
type sum struct {
	totals
	of     universe
	was    totals // as the batch found it
	before totals // as the item found it
	item   uint32
}

// A slot is a row of the history of an account: where one of its entries is, and of when.
type slot struct {
	account edge.ID
	n       uint64
	at      ref
}

// historyStep is how far the rows of an account's history are apart. Between them entries lead to those before.
const historyStep = 32

// begin starts a batch. Whoever is done with it gives it back by close.
func (s *Ledger) begin(tx edge.Tx) (*batch, error) {
	if err := halted(tx); err != nil {
		return nil, err
	}
	m, err := loadMeta(tx)
	if err != nil {
		return nil, err
	}
	b := s.batches.Get().(*batch)
	b.tx, b.led, b.now, b.meta = tx, s, tx.Now(), m
	b.body = appendBlockHead(b.body[:0], block{number: m.blocks + 1, first: m.entries + 1, time: b.now, actor: tx.Actor(), before: m.chain})
	if s.rules != nil {
		if b.rules, err = s.rules.Begin(tx); err != nil {
			b.close()
			return nil, err
		}
	}
	return b, nil
}

func newBatch() *batch {
	return &batch{by: map[edge.ID]*account{}, sums: map[universe]*sum{}, funds: map[string]fundRow{}, ids: map[edge.ID]int{}, holds: map[edge.ID]*hold{}, backs: map[edge.ID]edge.ID{}}
}

// keepRoom is how much of a batch's room is kept for the next, in bytes. What a batch of thousands took is given back.
const keepRoom = 1 << 20

// close gives back a batch's room. The batch must not be used any more.
func (b *batch) close() {
	if cap(b.body) > keepRoom || cap(b.told) > keepRoom || len(b.accounts) > 4096 {
		return
	}
	clear(b.by)
	clear(b.sums)
	clear(b.funds)
	clear(b.ids)
	clear(b.holds)
	clear(b.backs)
	b.led.batches.Put(&batch{by: b.by, sums: b.sums, funds: b.funds, ids: b.ids, holds: b.holds, backs: b.backs, spent: b.spent[:0], slots: b.slots[:0], ended: b.ended[:0],
		body: b.body[:0], told: b.told[:0], no: b.no[:0], accounts: b.accounts, results: b.results[:0], k: b.k, row: b.row,
		dealing: Dealing{Legs: b.dealing.Legs[:0]}, undo: undo{accounts: b.undo.accounts[:0], sums: b.undo.sums[:0], holds: b.undo.holds[:0], backs: b.undo.backs[:0]}})
}

// key is the key of a row about an identifier, until the next call.
func (b *batch) key(kind byte, id edge.ID) []byte {
	b.k = append(append(append(b.k[:0], prefix...), kind, '/'), id[:]...)
	return b.k
}

// name is Ledger.name, which it asks only where a name is another than the two before.
func (b *batch) name(t []byte) string {
	for i := range b.names {
		if b.names[i] == string(t) {
			return b.names[i]
		}
	}
	b.names[0], b.names[1] = b.names[1], b.led.name(t)
	return b.names[1]
}

// account finds an account, or nil where there is none.
func (b *batch) account(id edge.ID) (*account, error) {
	if a, ok := b.by[id]; ok {
		return a, nil
	}
	row, found, err := get(b.tx, b.key(rowAccount, id))
	if err != nil || !found {
		return nil, err
	}
	if b.used == len(b.accounts) {
		b.accounts = append(b.accounts, &account{})
	}
	a := b.accounts[b.used]
	if err := decodeAccount(id, row, b.name, a); err != nil {
		return nil, err
	}
	b.used++
	b.by[id] = a
	return a, nil
}

// sum finds the totals of a universe.
func (b *batch) sum(u universe) (*sum, error) {
	if s, ok := b.sums[u]; ok {
		return s, nil
	}
	row, found, err := get(b.tx, totalKey(u))
	if err != nil {
		return nil, err
	}
	s := &sum{of: u}
	if found {
		if err := decodeTotals(row, &s.totals); err != nil {
			return nil, err
		}
		s.was = s.totals
	}
	b.sums[u] = s
	return s, nil
}

func (b *batch) fund(id string) (fundRow, error) {
	if f, ok := b.funds[id]; ok {
		return f, nil
	}
	f, err := findFund(b.tx, id)
	if err == nil {
		b.funds[id] = f
	}
	return f, err
}

// outcome says what became of an identifier, in this batch or before.
func (b *batch) outcome(id edge.ID) (o outcome, found bool, err error) {
	if i, ok := b.ids[id]; ok {
		return b.spent[i].outcome, true, nil
	}
	row, found, err := get(b.tx, b.key(rowID, id))
	if err != nil || !found {
		return o, false, err
	}
	o, err = decodeOutcome(row)
	return o, true, err
}

// spend notes what an identifier came to.
func (b *batch) spend(id edge.ID, o outcome) {
	b.ids[id] = len(b.spent)
	b.spent = append(b.spent, spent{id, o})
}

func (b *batch) hold(id edge.ID) (*hold, error) {
	if h, ok := b.holds[id]; ok {
		return h, nil
	}
	row, found, err := get(b.tx, b.key(rowHold, id))
	if err != nil || !found {
		return nil, err
	}
	h, err := decodeHold(row)
	if err != nil {
		return nil, err
	}
	b.holds[id] = &h
	return &h, nil
}

// fail spends an identifier: whatever comes under it from now on is refused.
func (b *batch) fail(id edge.ID, e *edge.Error) {
	b.spend(id, outcome{code: e.Code, detail: clip(e.Msg, 200), kind: e.Kind, time: b.now})
	b.no = tellRefused(b.no, id, e)
}

// An undo is what an item changed, so that it can be taken back.
type undo struct {
	accounts []*account
	sums     []*sum
	holds    []wasHold
	spent    int
	backs    []edge.ID
	slots    int
	ended    int
	body     int
	told     int
	legs     uint32
	count    uint32
}

type wasHold struct {
	id edge.ID
	at *hold
	hold
}

// mark begins an item.
func (b *batch) mark() {
	b.item++
	if b.rules != nil {
		b.rules.Mark()
	}
	b.undo = undo{accounts: b.undo.accounts[:0], sums: b.undo.sums[:0], holds: b.undo.holds[:0], backs: b.undo.backs[:0],
		slots: len(b.slots), ended: len(b.ended), spent: len(b.spent), body: len(b.body), told: len(b.told), legs: b.legs, count: b.count}
}

// back takes back everything since mark.
func (b *batch) back() {
	if b.rules != nil {
		b.rules.Back()
	}
	for _, a := range b.undo.accounts {
		a.changing = a.before
	}
	for _, s := range b.undo.sums {
		s.totals = s.before
	}
	for i := len(b.undo.holds) - 1; i >= 0; i-- {
		w := b.undo.holds[i]
		if *w.at = w.hold; w.state == 0 {
			delete(b.holds, w.id)
		}
	}
	for _, x := range b.spent[b.undo.spent:] {
		delete(b.ids, x.id)
	}
	b.spent = b.spent[:b.undo.spent]
	for _, id := range b.undo.backs {
		delete(b.backs, id)
	}
	b.slots, b.ended, b.body, b.told = b.slots[:b.undo.slots], b.ended[:b.undo.ended], b.body[:b.undo.body], b.told[:b.undo.told]
	b.legs, b.count = b.undo.legs, b.undo.count
}

// touch notes how an account was before the item, the first time the item changes it.
func (b *batch) touch(a *account) {
	if a.item != b.item {
		a.item, a.before = b.item, a.changing
		b.undo.accounts = append(b.undo.accounts, a)
	}
	a.moved = true
}

func (b *batch) touchSum(s *sum) {
	if s.item != b.item {
		s.item, s.before = b.item, s.totals
		b.undo.sums = append(b.undo.sums, s)
	}
}

// move adds a leg to both accounts and to the totals, and notes where they stand after it. how is what it does.
func (b *batch) move(l *leg, d, c *account, at ref, how movement) error {
	s, err := b.sum(d.of)
	if err != nil {
		return err
	}
	b.touch(d)
	b.touch(c)
	b.touchSum(s)
	if !how.apply(l.amount, d, c, &s.totals) {
		return refused(CodeOverflow, "the sums of an account would become larger than the ledger can hold", "use another account")
	}
	l.debited, l.credited = b.enter(d, at), b.enter(c, at)
	return nil
}

// enter numbers the account's newest entry.
func (b *batch) enter(a *account, at ref) side {
	prev := a.last
	a.n++
	a.last = at
	if a.n%historyStep == 0 {
		b.slots = append(b.slots, slot{a.id, a.n, at})
	}
	return side{a.n, prev, a.balances}
}

// A movement is what a leg does.
type movement struct {
	post    bool // it moves money
	hold    bool // it keeps money
	release amount.Amount
	free    bool // it ends what was kept: release of it
}

// apply changes both accounts and the totals. It is not ok where a sum becomes too large.
func (m movement) apply(a amount.Amount, d, c *account, t *totals) (ok bool) {
	ok = true
	add := func(to *amount.Amount, a amount.Amount) {
		sum, fits := to.Add(a)
		*to, ok = sum, ok && fits
	}
	if m.free {
		for _, from := range [...]*amount.Amount{&d.leaving, &c.arriving, &t.leaving, &t.arriving} {
			rest, fits := from.Sub(m.release)
			*from, ok = rest, ok && fits
		}
	}
	if m.hold {
		for _, to := range [...]*amount.Amount{&d.leaving, &c.arriving, &t.leaving, &t.arriving} {
			add(to, a)
		}
	}
	if m.post {
		for _, to := range [...]*amount.Amount{&d.debits, &c.credits, &t.debits, &t.credits} {
			add(to, a)
		}
		ok = ok && t.shift(d.kind, amount.Signed{Amount: a}.Negated()) && t.shift(c.kind, amount.Signed{Amount: a})
	}
	return ok
}

// shift adds to what is posted on accounts of a kind.
func (t *totals) shift(k kind, by amount.Signed) (ok bool) {
	t.by[k], ok = t.by[k].Add(by)
	return ok
}
