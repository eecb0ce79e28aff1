package ledger

import (
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
)

// run carries out the steps of an item together, or none of them. An error that is no refusal ends the command.
// The results are good until the next item.
func (b *batch) run(steps []step) (results []done, refusal *edge.Error, err error) {
	b.mark()
	results = b.results[:0]
	for i := range steps {
		d, err := b.one(&steps[i])
		if err == nil {
			results = append(results, d)
			b.results = results
			continue
		}
		e, ok := isRefusal(err)
		if !ok {
			return nil, nil, err
		}
		return b.give(steps, i, e), e, nil
	}
	if err := b.conserve(len(steps) == 1 && steps[0].kind == swapEntry); err != nil {
		e, ok := isRefusal(err)
		if !ok {
			return nil, nil, err
		}
		return b.give(steps, len(steps)-1, e), e, nil
	}
	return results, nil, nil
}

// one is a step that may have been done before.
func (b *batch) one(s *step) (done, error) {
	o, again, err := b.known(s)
	if err != nil {
		return done{}, err
	}
	if !again {
		if err := b.do(s); err != nil {
			return done{}, err
		}
		o = b.spent[len(b.spent)-1].outcome
	}
	return done{outcome: o, id: s.id, status: statusOf(&s.entry), replayed: again}, nil
}

// give takes an item back, and spends the identifiers of its steps: step i was refused with e, the others because of it.
func (b *batch) give(steps []step, i int, e *edge.Error) (results []done) {
	b.back()
	results = b.results[:0]
	for k := range steps {
		why := e
		if k != i {
			why = clash(CodeLinked, "it was to happen together with something that was refused", "look at why that was refused", fact("code", e.Code))
		}
		s := &steps[k]
		if e.Code != CodeConflict && e.Code != CodeFailed && !b.taken(s.id) {
			b.fail(s.id, why)
		}
		results = append(results, done{outcome: outcome{code: why.Code, detail: why.Msg, kind: why.Kind, time: b.now}, id: s.id})
	}
	return results
}

// taken reports whether an identifier means something already.
func (b *batch) taken(id edge.ID) bool {
	_, found, err := b.outcome(id)
	return found || err != nil
}

// finish looks whether all that must hold does, and writes what changed. Nothing is written before.
func (b *batch) finish() error {
	if err := b.sound(); err != nil {
		return b.led.halt(b.tx, err)
	}
	if b.rules != nil {
		if err := b.rules.Finish(); err != nil {
			return err
		}
	}
	if b.count > 0 {
		b.writeBlock()
	}
	for id, a := range b.by {
		if a.moved {
			b.row = a.append(b.row[:0])
			b.tx.Set(b.key(rowAccount, id), b.row)
		}
	}
	for u, s := range b.sums {
		if s.totals != s.was {
			b.row = s.append(b.row[:0])
			b.tx.Set(totalKey(u), b.row)
			if err := b.flow(s); err != nil {
				return err
			}
		}
	}
	for i := range b.spent {
		x := &b.spent[i]
		b.row = x.outcome.append(b.row[:0])
		b.tx.Set(b.key(rowID, x.id), b.row)
	}
	b.writeHolds()
	for id, by := range b.backs {
		b.tx.Set(idKey(rowBack, id), by[:])
	}
	for _, s := range b.slots {
		b.tx.Set(historyKey(s.account, s.n/historyStep), appendTime(appendRef(nil, s.at), b.now))
	}
	b.announce()
	return b.tellEnded()
}

// tellEnded tells other parts of the wallet which holds under review ended.
func (b *batch) tellEnded() error {
	for _, e := range b.ended {
		for _, f := range b.led.reviewed {
			if err := f(b.tx, e); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *batch) writeBlock() {
	b.meta = meta{b.meta.blocks + 1, b.meta.entries + uint64(b.count), chained(b.body)}
	b.tx.Set(numberKey(rowBlock, b.meta.blocks), b.body)
	b.tx.Set(key(rowMeta), b.meta.append(nil))
}

// writeHolds writes holds that began or ended. What one has looked at and left alone is as it was.
func (b *batch) writeHolds() {
	for id, h := range b.holds {
		_, ended := b.ids[h.by]
		_, begun := b.ids[id]
		if !ended && !begun {
			continue
		}
		b.tx.Set(idKey(rowHold, id), h.append(nil))
		if h.state == holdOpen {
			b.tx.Set(expiryKey(h.expires, id), []byte{})
		} else {
			b.tx.Delete(expiryKey(h.expires, id))
		}
	}
}

// sound asserts, on what the batch is about to write, that debits equal credits in each currency and fund (I1), that
// every account is within its bounds (I2), and that totals changed by what accounts did.
func (b *batch) sound() error {
	deltas := map[universe]*[4]amount.Signed{}
	for _, a := range b.by {
		if !a.moved {
			continue
		}
		if err := a.sound(); err != nil {
			return err
		}
		if deltas[a.of] == nil {
			deltas[a.of] = &[4]amount.Signed{}
		}
		differ(deltas[a.of], &a.was, &a.balances)
	}
	for u, s := range b.sums {
		var want [4]amount.Signed
		differ(&want, &s.was.balances, &s.balances)
		got := deltas[u]
		if got == nil {
			got = &[4]amount.Signed{}
		}
		if *got != want || s.debits != s.credits || s.leaving != s.arriving {
			return breach("I1", "debits and credits of a fund differ", fact("asset", u.asset), fact("fund", u.fund))
		}
	}
	return nil
}

// differ adds what changed to sums.
func differ(sums *[4]amount.Signed, was, is *balances) {
	for i, d := range [4]amount.Signed{amount.Diff(is.debits, was.debits), amount.Diff(is.credits, was.credits), amount.Diff(is.leaving, was.leaving), amount.Diff(is.arriving, was.arriving)} {
		sums[i], _ = sums[i].Add(d)
	}
}

// sound is I2 for one account.
func (a *account) sound() error {
	if there, ok := a.available(); a.bounds&hasFloor != 0 && (!ok || there.Cmp(a.floor) < 0) {
		return breach("I2", "an account is below its floor", fact("account", a.id.String()))
	}
	if there, ok := a.coming(); a.bounds&hasCeiling != 0 && (!ok || there.Cmp(a.ceiling) > 0) {
		return breach("I2", "an account is above its ceiling", fact("account", a.id.String()))
	}
	return nil
}

func breach(which, sentence string, facts ...edge.Fact) *edge.Error {
	return edge.E(edge.Internal, "%s", sentence).WithCode(CodeBreach, append([]edge.Fact{{Name: "invariant", Value: which}}, facts...)...)
}
