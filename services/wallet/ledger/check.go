package ledger

import (
	"context"
	"fmt"
	"iter"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
)

// A Report is what a check of a whole ledger found.
type Report struct {
	Blocks, Entries, Legs uint64
	Accounts              int
	Holds                 int // open
	Problems              []string
	More                  int // problems beyond those listed
}

// maxProblems bounds how many are listed.
const maxProblems = 100

// A checker recomputes everything from the blocks alone.
type checker struct {
	s   *Ledger
	v   edge.View
	rep Report

	chain    [32]byte
	accounts map[edge.ID]*account
	sums     map[universe]*totals
	held     map[edge.ID][]amount.Amount // by leg, of holds that are open
	holds    map[edge.ID]hold
	backs    map[edge.ID]edge.ID
	ids      uint64
	flows    map[flowAt]flow
}

// Check recomputes every balance, chain, index and total of a ledger from its entries and compares: what it finds is
// listed, it changes nothing. progress is called now and then with how many blocks are done of how many; it may be nil.
// An error means that the check itself could not go on.
func (s *Ledger) Check(ctx context.Context, v edge.View, progress func(done, of uint64)) (Report, error) {
	c := &checker{s: s, v: v, accounts: map[edge.ID]*account{}, sums: map[universe]*totals{}, held: map[edge.ID][]amount.Amount{}, holds: map[edge.ID]hold{}, backs: map[edge.ID]edge.ID{}, flows: map[flowAt]flow{}}
	m, err := loadMeta(v)
	if err != nil {
		return c.rep, err
	}
	for row := range c.rows(rowBlock) {
		if err := ctx.Err(); err != nil {
			return c.rep, err
		}
		c.block(row)
		if progress != nil && c.rep.Blocks%256 == 0 {
			progress(c.rep.Blocks, m.blocks)
		}
	}
	if c.rep.Blocks != m.blocks || c.rep.Entries != m.entries || c.chain != m.chain {
		c.problem("the ledger's head says %d blocks, %d entries; there are %d and %d, or their chain is another", m.blocks, m.entries, c.rep.Blocks, c.rep.Entries)
	}
	c.compareAccounts()
	c.compareHistory()
	c.compareTotals()
	c.compareFlows()
	c.compareHolds()
	c.compareIDs()
	c.rep.Accounts, c.rep.Holds = len(c.accounts), len(c.held)
	return c.rep, v.Err()
}

func (c *checker) problem(format string, args ...any) {
	if len(c.rep.Problems) == maxProblems {
		c.rep.More++
		return
	}
	c.rep.Problems = append(c.rep.Problems, fmt.Sprintf(format, args...))
}

// A row is a key without its prefix, and its value.
type row struct {
	place []byte
	value []byte
}

func (c *checker) rows(kind byte) iter.Seq[row] {
	under := key(kind)
	return func(yield func(row) bool) {
		for k, value := range c.v.Scan(under) {
			if !yield(row{k[len(under):], value}) {
				return
			}
		}
	}
}

func (c *checker) block(r row) {
	c.rep.Blocks++
	b, err := decodeBlock(r.value)
	if err != nil {
		c.problem("block %d: %v", c.rep.Blocks, err)
		c.chain = chained(r.value)
		return
	}
	if b.number != c.rep.Blocks || b.first != c.rep.Entries+1 || b.before != c.chain {
		c.problem("block %d does not follow the one before it", b.number)
	}
	c.chain = chained(r.value)
	was, swap := map[universe]totals{}, len(b.entries) == 1 && b.entries[0].kind == swapEntry
	for i := range b.entries {
		c.entry(b, &b.entries[i], uint32(i), was)
	}
	for u, before := range was {
		c.flow(u, b.time, &before)
		if t := c.sums[u]; !swap && fundKind(u.fund) == fundCorpus && t.held().Cmp(before.held()) < 0 {
			c.problem("block %d: the endowment %s lost what it holds (I7)", b.number, u.fund)
		}
	}
}

func (c *checker) entry(b *block, e *entry, index uint32, was map[universe]totals) {
	c.rep.Entries++
	c.ids++
	row, err := c.v.Get(idKey(rowID, e.id))
	if o, derr := decodeOutcome(row); err != nil || derr != nil || o.block != b.number || o.index != index {
		c.problem("entry %s does not stand where its identifier leads", e.id)
	}
	released := c.ends(e)
	for i := range e.legs {
		c.leg(b, e, i, released, was)
	}
	switch e.kind {
	case holdEntry:
		c.hold(b, e)
	case reverseEntry:
		if _, twice := c.backs[e.about]; twice {
			c.problem("transfer %s was reversed twice", e.about)
		}
		c.backs[e.about] = e.id
	}
}

func (c *checker) hold(b *block, e *entry) {
	var sums []amount.Amount
	for _, l := range e.legs {
		sums = append(sums, l.amount)
	}
	c.held[e.id] = sums
	c.holds[e.id] = hold{state: holdOpen, expires: e.expires, at: ref{b.number, e.first}}
}

// ends returns what an entry releases by leg, where it ends a hold (I5).
func (c *checker) ends(e *entry) []amount.Amount {
	state, ok := map[entryKind]holdState{postEntry: holdPosted, voidEntry: holdVoided, expireEntry: holdExpired}[e.kind]
	if !ok {
		return nil
	}
	released, open := c.held[e.about]
	if !open || len(released) != len(e.legs) {
		c.problem("entry %s ends the hold %s, which is not open (I5)", e.id, e.about)
		return make([]amount.Amount, len(e.legs))
	}
	delete(c.held, e.about)
	h := c.holds[e.about]
	h.state, h.by = state, e.id
	c.holds[e.about] = h
	return released
}

func (c *checker) leg(b *block, e *entry, i int, released []amount.Amount, was map[universe]totals) {
	c.rep.Legs++
	l := &e.legs[i]
	d, k := c.account(l.debit), c.account(l.credit)
	if d.of != k.of {
		c.problem("entry %s moves money between currencies or funds (I3)", e.id)
	}
	t := c.sums[d.of]
	if t == nil {
		t = &totals{}
		c.sums[d.of] = t
	}
	if _, seen := was[d.of]; !seen {
		was[d.of] = *t
	}
	how := movement{post: e.kind != holdEntry && e.kind != voidEntry && e.kind != expireEntry, hold: e.kind == holdEntry}
	if released != nil {
		how.free, how.release = true, released[i]
	}
	if !how.apply(l.amount, d, k, t) {
		c.problem("entry %s takes a sum beyond what can be", e.id)
	}
	at := ref{b.number, e.first + uint32(i)}
	for _, x := range []struct {
		a    *account
		says side
	}{{d, l.debited}, {k, l.credited}} {
		x.a.n++
		if x.says != (side{x.a.n, x.a.last, x.a.balances}) {
			c.problem("entry %s of account %s says other balances than its entries come to", e.id, x.a.id)
		}
		x.a.last = at
		if x.a.n%historyStep == 0 {
			if got, when, err := loadSlot(c.v, x.a.id, x.a.n/historyStep); err != nil || got != at || !when.Equal(b.time) {
				c.problem("the history of account %s does not lead to its entry %d", x.a.id, x.a.n)
			}
		}
	}
}

// account is what the entries so far come to. What does not change with them is taken from the account's row.
func (c *checker) account(id edge.ID) *account {
	if a := c.accounts[id]; a != nil {
		return a
	}
	a, err := c.s.load(c.v, id)
	if err != nil {
		c.problem("account %s: %v", id, err)
		a = &account{id: id}
	}
	a.changing = changing{}
	c.accounts[id] = a
	return a
}

func (c *checker) compareAccounts() {
	for r := range c.rows(rowAccount) {
		if len(r.place) != len(edge.ID{}) {
			c.problem("a row of accounts has a damaged key")
			continue
		}
		id := edge.ID(r.place)
		var a account
		if err := decodeAccount(id, r.value, c.s.name, &a); err != nil {
			c.problem("account %s: %v", id, err)
			continue
		}
		want := c.account(id)
		if a.balances != want.balances || a.n != want.n || a.last != want.last {
			c.problem("account %s says other balances than its entries come to", id)
		}
		if err := a.sound(); err != nil {
			c.problem("account %s: %v (I2)", id, err)
		}
		c.compareAbout(id)
	}
}

// compareHistory looks whether there are rows of history beyond those that lead to entries.
func (c *checker) compareHistory() {
	var want, n uint64
	for _, a := range c.accounts {
		want += a.n / historyStep
	}
	for range c.rows(rowHistory) {
		n++
	}
	if n != want {
		c.problem("there are %d rows of history, the entries come to %d", n, want)
	}
}

func (c *checker) compareAbout(id edge.ID) {
	what, err := c.s.loadAbout(c.v, id)
	if err != nil {
		c.problem("account %s: %v", id, err)
		return
	}
	if _, found, err := get(c.v, ownerKey(what.owner, id)); err != nil || !found {
		c.problem("account %s is missing among those of its owner", id)
	}
}

func (c *checker) compareTotals() {
	seen := map[universe]bool{}
	if err := eachTotal(c.v, func(u universe, t *totals) {
		seen[u] = true
		want := c.sums[u]
		if want == nil || *want != *t {
			c.problem("the totals of %s in %s are others than its entries come to", u.fund, u.asset)
			return
		}
		if t.debits != t.credits || t.leaving != t.arriving {
			c.problem("debits and credits of %s in %s differ (I1)", u.fund, u.asset)
		}
		if short := t.short(); fundKind(u.fund) == fundAmanah && short.Cmp(amount.Signed{}) > 0 {
			c.problem("%s %s of members' money are not there (I6)", short, u.asset)
		}
	}); err != nil {
		c.problem("totals: %v", err)
	}
	for u, t := range c.sums {
		if !seen[u] && *t != (totals{}) { // what came to nothing needs no row
			c.problem("the totals of %s in %s are missing", u.fund, u.asset)
		}
	}
}

func (c *checker) compareHolds() {
	n := 0
	for r := range c.rows(rowHold) {
		n++
		var id edge.ID
		copy(id[:], r.place)
		h, err := decodeHold(r.value)
		if err != nil || h != c.holds[id] {
			c.problem("hold %s stands otherwise than its entries say", id)
		}
	}
	open := 0
	for r := range c.rows(rowExpiry) {
		open++
		k := reader{b: r.place}
		k.u64()
		if id := k.id(); c.held[id] == nil {
			c.problem("hold %s is listed as open", id)
		}
	}
	if n != len(c.holds) || open != len(c.held) {
		c.problem("%d holds are kept and %d listed as open; the entries come to %d and %d", n, open, len(c.holds), len(c.held))
	}
	back := 0
	for r := range c.rows(rowBack) {
		back++
		var id edge.ID
		copy(id[:], r.place)
		if by := c.backs[id]; string(by[:]) != string(r.value) {
			c.problem("what reversed %x is not what its entry says", r.place)
		}
	}
	if back != len(c.backs) {
		c.problem("%d reversals are kept, the entries come to %d", back, len(c.backs))
	}
}

// compareIDs looks whether there are as many identifiers that did something as there are entries (I4).
func (c *checker) compareIDs() {
	n := uint64(0)
	for r := range c.rows(rowID) {
		o, err := decodeOutcome(r.value)
		if err != nil {
			c.problem("identifier %x: %v", r.place, err)
		} else if o.block > 0 {
			n++
		}
	}
	if n != c.ids {
		c.problem("%d identifiers lead to entries, there are %d entries (I4)", n, c.ids)
	}
}
