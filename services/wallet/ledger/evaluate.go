package ledger

import (
	"errors"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// A done is what became of a step.
type done struct {
	outcome
	id       edge.ID
	status   walletv1.TransferStatus
	replayed bool
}

// isRefusal reports whether an error is the answer to one step. Anything else ends the whole command.
func isRefusal(err error) (*edge.Error, bool) {
	e, ok := errors.AsType[*edge.Error](err)
	if !ok {
		return nil, false
	}
	switch e.Kind {
	case edge.Invalid, edge.NotFound, edge.Conflict, edge.Denied, edge.Refused:
		return e, true
	}
	return nil, false
}

// known looks whether the identifier was used before. What comes again as it was gets the same answer.
func (b *batch) known(s *step) (o outcome, again bool, err error) {
	o, found, err := b.outcome(s.id)
	switch {
	case err != nil || !found:
		return o, false, err
	case o.block == 0:
		return o, false, clash(CodeFailed, "a transfer of this identifier was refused before, for good", "make a new identifier for a new try", fact("code", o.code), fact("id", s.id.String()))
	}
	was, err := b.entryOf(o)
	if err != nil {
		return o, false, err
	}
	if !s.like(was) {
		return o, false, clash(CodeConflict, "this identifier was used for another transfer", "make a new identifier for each transfer", fact("id", s.id.String()))
	}
	return o, true, nil
}

// like reports whether s asks for what was done.
func (s *step) like(was *entry) bool {
	if s.about != was.about || s.kind != was.kind && !(was.flags&isReview != 0 && s.kind == transferEntry) {
		return false
	}
	switch s.kind {
	case postEntry:
		return s.whole || len(was.legs) == 1 && was.legs[0].amount == s.part
	case voidEntry, reverseEntry:
		return true
	}
	if s.purpose != was.purpose || s.memo != was.memo || s.ref != was.ref || s.mcc != was.mcc || s.doc != was.doc || len(s.legs) != len(was.legs) ||
		(s.flags^was.flags)&isBalancing != 0 || s.asset != "" && s.asset != was.of.asset {
		return false
	}
	for i, l := range s.legs {
		w := was.legs[i]
		if l.debit != w.debit || l.credit != w.credit || l.amount != w.amount && (s.flags&isBalancing == 0 || l.amount.Less(w.amount)) {
			return false
		}
	}
	return true
}

// entryOf reads the entry an outcome leads to, also one of this batch.
func (b *batch) entryOf(o outcome) (*entry, error) {
	bl, err := b.blockOf(o.block)
	if err != nil {
		return nil, err
	}
	if int(o.index) >= len(bl.entries) {
		return nil, edge.E(edge.Corrupt, "block %d of the ledger has no entry %d", o.block, o.index)
	}
	return &bl.entries[o.index], nil
}

func (b *batch) blockOf(number uint64) (*block, error) {
	if number == b.meta.blocks+1 {
		return decodeBlock(b.body)
	}
	return loadBlock(b.tx, number)
}

// do carries out one step that is not known yet.
func (b *batch) do(s *step) error {
	switch s.kind {
	case postEntry, voidEntry, expireEntry:
		return b.end(s)
	case reverseEntry:
		return b.reverse(s)
	}
	return b.transfer(s)
}

// transfer moves money, or keeps it.
func (b *batch) transfer(s *step) error {
	if err := b.permit(s); err != nil {
		return err
	}
	how := movement{post: s.kind != holdEntry, hold: s.kind == holdEntry}
	for i := range s.legs {
		if err := b.apply(s, i, how); err != nil {
			return err
		}
	}
	if s.kind == holdEntry {
		b.keep(s)
	}
	b.enterAll(s)
	return nil
}

// apply does one leg, within the bounds of both accounts.
func (b *batch) apply(s *step, i int, how movement) error {
	l := &s.legs[i]
	d, c := s.parties[i].debit, s.parties[i].credit
	if s.flags&isBalancing != 0 {
		if err := balance(l, d); err != nil {
			return err
		}
	}
	if err := b.move(l, d, c, ref{b.meta.blocks + 1, b.legs + uint32(i)}, how); err != nil {
		return err
	}
	return within(d, c)
}

// balance lowers the amount of a leg to what there is.
func balance(l *leg, d *account) error {
	if d.bounds&hasFloor == 0 {
		return nil
	}
	there, ok := d.available()
	if ok {
		there, ok = there.Add(d.floor.Negated())
	}
	if !ok || there.Neg || there.IsZero() {
		return tooLittle(d)
	}
	if there.Amount.Less(l.amount) {
		l.amount = there.Amount
	}
	return nil
}

// within refuses what takes an account below its floor or above its ceiling.
func within(d, c *account) error {
	if d.bounds&hasFloor != 0 {
		if there, ok := d.available(); !ok || there.Cmp(d.floor) < 0 {
			return tooLittle(d)
		}
	}
	if c.bounds&hasCeiling != 0 {
		if there, ok := c.coming(); !ok || there.Cmp(c.ceiling) > 0 {
			return refused(CodeCeiling, "the account to credit would hold more than it may", "send less, or have its ceiling raised", fact("account", c.id.String()), fact("ceiling", c.ceiling.String()))
		}
	}
	return nil
}

func tooLittle(d *account) error {
	there, _ := d.available()
	if d.before.n > 0 { // as it was before the item
		there, _ = d.before.available()
	}
	return refused(CodeFunds, "there is not enough on the account", "send less, or wait until more has come in", fact("account", d.id.String()), fact("available", there.String()), fact("asset", d.of.asset))
}

// keep notes a hold that begins.
func (b *batch) keep(s *step) {
	if s.timeout > 0 {
		s.expires = b.now.Unix() + int64(s.timeout)
	}
	h := &hold{}
	b.undo.holds = append(b.undo.holds, wasHold{s.id, h, hold{}})
	*h = hold{state: holdOpen, expires: s.expires, at: ref{b.meta.blocks + 1, b.legs}}
	b.holds[s.id] = h
}

// enterAll writes the entry, whose legs are done.
func (b *batch) enterAll(s *step) {
	b.spend(s.id, outcome{block: b.meta.blocks + 1, index: b.count})
	b.body = appendEntry(b.body, &s.entry)
	b.told = tell(b.told, &s.entry)
	b.legs += uint32(len(s.legs))
	b.count++
}

// end posts a hold, or ends it without moving anything.
func (b *batch) end(s *step) error {
	h, err := b.hold(s.about)
	if err != nil {
		return err
	}
	if h == nil {
		return edge.E(edge.NotFound, "there is no such hold").WithHint("check its identifier").WithCode(CodeHold, fact("hold", s.about.String()))
	}
	if e := h.ended(); e != nil {
		return e
	}
	over := h.expires > 0 && h.expires <= b.now.Unix()
	if over != (s.kind == expireEntry) && (over || s.kind == expireEntry) {
		return clash(CodeHoldExpired, "the hold has expired", "make a new transfer", fact("hold", s.about.String()))
	}
	if err := b.held(s, h); err != nil {
		return err
	}
	for i := range s.legs {
		if err := b.settle(s, i); err != nil {
			return err
		}
	}
	b.undo.holds = append(b.undo.holds, wasHold{s.about, h, *h})
	h.state, h.by = map[entryKind]holdState{postEntry: holdPosted, voidEntry: holdVoided, expireEntry: holdExpired}[s.kind], s.id
	if s.flags&isReview != 0 && len(b.led.reviewed) > 0 {
		b.ended = append(b.ended, Ended{s.about, s.id, s.kind == postEntry})
	}
	b.enterAll(s)
	return nil
}

// held copies the legs of a hold to the step that ends it.
func (b *batch) held(s *step, h *hold) error {
	bl, err := b.blockOf(h.at.block)
	if err != nil {
		return err
	}
	e, _, err := bl.find(h.at.leg)
	if err != nil {
		return err
	}
	if e.flags&isReview != 0 && !s.own && s.kind == postEntry {
		return edge.E(edge.Denied, "a person has to decide on this first").WithHint("it is posted when the review ends well").WithCode(CodeApproval)
	}
	s.of, s.flags, s.purpose, s.mcc, s.rules = e.of, e.flags&(isMixed|isReview|isFinal), e.purpose, e.mcc, e.rules
	s.legs = append(s.legs[:0], e.legs...)
	if s.kind != postEntry || s.whole {
		return nil
	}
	switch {
	case len(s.legs) > 1:
		return invalid("a hold of several legs is posted whole").WithHint("leave out the amount")
	case s.legs[0].amount.Less(s.part):
		return refused(CodeFunds, "less is held than is to be posted", "post at most what is held", fact("held", s.legs[0].amount.String()))
	}
	return nil
}

// settle ends one leg of a hold.
func (b *batch) settle(s *step, i int) error {
	l := &s.legs[i]
	d, err := b.account(l.debit)
	if err != nil {
		return err
	}
	c, err := b.account(l.credit)
	if err != nil {
		return err
	}
	if d == nil || c == nil {
		return edge.E(edge.Corrupt, "an account of a hold is gone")
	}
	if e := s.trespass(d, c); e != nil && s.kind != expireEntry {
		return e
	}
	how := movement{free: true, release: l.amount}
	if s.kind == postEntry {
		for _, a := range [...]*account{d, c} {
			if e := s.bars(a); e != nil {
				return e
			}
		}
		if how.post = true; !s.whole {
			l.amount = s.part
		}
	}
	return b.move(l, d, c, ref{b.meta.blocks + 1, b.legs + uint32(i)}, how)
}

// reverse moves back what a transfer moved.
func (b *batch) reverse(s *step) error {
	o, found, err := b.outcome(s.about)
	if err != nil {
		return err
	}
	if !found || o.block == 0 {
		return edge.E(edge.NotFound, "there is no such transfer").WithHint("check its identifier").WithCode(CodeTransfer, fact("transfer", s.about.String()))
	}
	was, err := b.entryOf(o)
	if err != nil {
		return err
	}
	if was.kind != transferEntry && was.kind != postEntry || was.flags&isFinal != 0 {
		return clash(CodeNotReversible, "this moved nothing that could be moved back", "void a hold; make a new transfer for anything else", fact("kind", entryNames[was.kind]))
	}
	by, back, err := b.reversal(s.about)
	if err != nil {
		return err
	}
	if back {
		return clash(CodeReversed, "the transfer was reversed already", "look at what reversed it", fact("by", by.String()))
	}
	s.of, s.flags, s.purpose, s.mcc = was.of, was.flags&isMixed, "reversal", was.mcc
	s.legs = s.legs[:0]
	for i := len(was.legs) - 1; i >= 0; i-- {
		l := was.legs[i]
		s.legs = append(s.legs, leg{debit: l.credit, credit: l.debit, amount: l.amount})
	}
	for i := range s.legs {
		if err := b.find(s, i); err != nil {
			return err
		}
		if e := s.trespass(s.parties[i].debit, s.parties[i].credit); e != nil {
			return e
		}
	}
	for i := range s.legs {
		if err := b.apply(s, i, movement{post: true}); err != nil {
			return err
		}
	}
	b.backs[s.about] = s.id
	b.undo.backs = append(b.undo.backs, s.about)
	b.enterAll(s)
	return nil
}

func (b *batch) reversal(id edge.ID) (by edge.ID, found bool, err error) {
	if by, ok := b.backs[id]; ok {
		return by, true, nil
	}
	row, found, err := get(b.tx, idKey(rowBack, id))
	copy(by[:], row)
	return by, found, err
}

// conserve keeps what must hold of every fund after an item: what is endowed is not spent, and what is trusted to the
// house is there. A swap takes something out of an endowment; that it is worth less than what comes in, its rules say.
func (b *batch) conserve(swap bool) error {
	for _, s := range b.undo.sums {
		switch fundKind(s.of.fund) {
		case fundCorpus:
			if !swap && s.held().Cmp(s.before.held()) < 0 {
				return refused("shariah_waqf_1", "what was endowed is never spent", "spend the yield of the endowment", fact("rule", "WAQF-1"))
			}
		case fundAmanah:
			if short := s.short(); short.Cmp(amount.Signed{}) > 0 && short.Cmp(s.before.short()) > 0 {
				return refused("shariah_amanah_1", "money that belongs to members would not be there any more", "bring in as much as is taken out", fact("rule", "AMANAH-1"), fact("short", short.String()))
			}
		}
	}
	return nil
}
