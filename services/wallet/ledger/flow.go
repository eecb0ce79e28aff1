package ledger

import (
	"encoding/binary"
	"iter"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
)

// FlowStep is how finely the ledger keeps what came into a fund and was spent of it: by the hour of UTC, so that days
// can be made of it in nearly every zone.
const FlowStep = time.Hour

// A Flow is what came into a fund and was spent of it within one hour, in minor units. What was moved back counts
// against it, so both may be below zero.
type Flow struct {
	From          time.Time
	Income, Spent amount.Signed
}

// flow is a Flow as it is stored: changes of what is posted on accounts of income and expense.
type flow struct{ income, expense amount.Signed }

type flowAt struct {
	universe
	hour uint64
}

func hourOf(t time.Time) uint64 { return uint64(max(0, t.Unix())) / uint64(FlowStep/time.Second) }

func flowKey(u universe, hour uint64) []byte {
	return binary.BigEndian.AppendUint64(flowsOf(u), hour)
}

func flowsOf(u universe) []byte {
	return key(rowFlow, []byte(u.asset), []byte{'/'}, []byte(u.fund), []byte{'/'})
}

func (f flow) append(b []byte) []byte { return appendSigned(appendSigned(b, f.income), f.expense) }

func decodeFlow(row []byte) (f flow, err error) {
	r := reader{b: row}
	f.income, f.expense = r.signed(), r.signed()
	return f, r.done("the income of an hour")
}

// add adds what totals changed by since was.
func (f *flow) add(was, is *totals) (ok bool) {
	up := func(to *amount.Signed, k kind) bool {
		by, ok := is.by[k].Add(was.by[k].Negated())
		sum, fits := to.Add(by)
		*to = sum
		return ok && fits
	}
	return up(&f.income, income) && up(&f.expense, expense)
}

// flow adds what the batch did to income and expenses of a fund to the row of the hour. Most commands do nothing to
// them, and cost no more than two comparisons.
func (b *batch) flow(s *sum) error {
	if s.by[income] == s.was.by[income] && s.by[expense] == s.was.by[expense] {
		return nil
	}
	k := flowKey(s.of, hourOf(b.now))
	row, found, err := get(b.tx, k)
	if err != nil {
		return err
	}
	var f flow
	if found {
		if f, err = decodeFlow(row); err != nil {
			return err
		}
	}
	if !f.add(&s.was, &s.totals) {
		return refused(CodeOverflow, "the sums of a fund would become larger than the ledger can hold", "send less")
	}
	b.tx.Set(k, f.append(nil))
	return nil
}

// Flows yields what came in and was spent in each hour of [from, until) in which anything did, in order.
func (s *Ledger) Flows(v edge.View, asset, fund string, from, until time.Time) iter.Seq2[Flow, error] {
	return func(yield func(Flow, error) bool) {
		u := universe{asset, fund}
		under, last := flowsOf(u), hourOf(until.Add(FlowStep-1))
		for k, row := range edge.ScanFrom(v, under, flowKey(u, hourOf(from))) {
			rest := reader{b: k[len(under):]}
			hour := rest.u64()
			if hour < hourOf(from) {
				continue
			}
			if hour >= last {
				break
			}
			f, err := decodeFlow(row)
			if rest.bad {
				err = edge.E(edge.Corrupt, "a row of income has a damaged key")
			}
			if !yield(Flow{time.Unix(int64(hour)*int64(FlowStep/time.Second), 0).UTC(), f.income, f.expense.Negated()}, err) || err != nil {
				return
			}
		}
		if err := v.Err(); err != nil {
			yield(Flow{}, err)
		}
	}
}

// flow recomputes what a block did.
func (c *checker) flow(u universe, at time.Time, was *totals) {
	k := flowAt{u, hourOf(at)}
	f, is := c.flows[k], c.sums[u]
	if is.by[income] == was.by[income] && is.by[expense] == was.by[expense] {
		return
	}
	f.add(was, is)
	c.flows[k] = f
}

func (c *checker) compareFlows() {
	n := 0
	for u := range c.sums {
		under := flowsOf(u)
		for k, row := range c.v.Scan(under) {
			n++
			hour := reader{b: k[len(under):]}
			if f, err := decodeFlow(row); err != nil || f != c.flows[flowAt{u, hour.u64()}] {
				c.problem("the income of %s in %s says of an hour something else than its entries come to", u.fund, u.asset)
			}
		}
	}
	if n != len(c.flows) {
		c.problem("there are %d rows of income, the entries come to %d", n, len(c.flows))
	}
}
