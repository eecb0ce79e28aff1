package compliance

import (
	"strconv"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/shariah"
	"github.com/aielon/edge/services/wallet/shariah/velocity"
)

// A judge decides on the transfers of one command. All it finds out is in memory until Finish.
type judge struct {
	edge.Redacted

	s     *Service
	tx    edge.Tx
	now   time.Time
	set   *shariah.Compiled
	name  string // of the set and its version, as transfers have it
	facts shariah.Facts

	lastName string // the fund of the dealing before
	lastFund shariah.Fund

	flows   map[edge.ID]*flow
	arena   []flow // room for more of them
	key     []byte // room for one
	row     []byte // room for one
	moved   []move // by the item, so far
	decided []decided
	said    int   // of those, how many are of items before
	open    int   // reviews of the command
	lent    *bool // whether any loan between people is open; nil: not looked at yet
	waiting int   // reviews that were there before it; -1: not counted yet
}

// decided is a decision that is kept.
type decided struct {
	id     edge.ID
	what   shariah.Decision
	review bool
}

// Begin implements ledger.Rules.
func (s *Service) Begin(tx edge.Tx) (ledger.Judge, error) { return s.begin(tx) }

func (s *Service) begin(tx edge.Tx) (*judge, error) {
	set, err := s.inForce(tx)
	if err != nil {
		return nil, err
	}
	name, version := set.Name()
	return &judge{s: s, tx: tx, now: tx.Now(), set: set, name: name + "/" + strconv.FormatUint(uint64(version), 10), flows: make(map[edge.ID]*flow, s.usual.Load()), waiting: -1}, nil
}

// Mark implements ledger.Judge.
func (j *judge) Mark() {
	j.count()
	j.said = len(j.decided)
}

// Back implements ledger.Judge. A denial stays: it is why the item was taken back.
func (j *judge) Back() {
	j.moved = j.moved[:0]
	kept := j.decided[:j.said]
	for _, d := range j.decided[j.said:] {
		if refusal(&d.what) != nil {
			kept = append(kept, d)
		} else if d.review {
			j.open--
		}
	}
	j.decided = kept
}

// Judge implements ledger.Judge: the rules about the dealing first, then how much moved before.
func (j *judge) Judge(d *ledger.Dealing) (v ledger.Verdict, err error) {
	v.Rules = j.name
	what, err := j.decide(d)
	if err != nil {
		return v, err
	}
	if refusal(&what) == nil {
		if what, err = j.watch(d, what); err != nil {
			return v, err
		}
	}
	if no := refusal(&what); no != nil {
		j.decided = append(j.decided, decided{id: d.ID, what: what})
		return v, no
	}
	if what.Act == shariah.Review {
		return j.review(d, what, v)
	}
	if what.Act == shariah.Info {
		j.decided = append(j.decided, decided{id: d.ID, what: what})
	}
	for i := range d.Legs {
		if l := &d.Legs[i]; l.Debit.Kind == member {
			j.moved = append(j.moved, move{account: l.Debit.ID, amount: l.Amount})
		}
	}
	return v, nil
}

// review has somebody decide.
func (j *judge) review(d *ledger.Dealing, what shariah.Decision, v ledger.Verdict) (ledger.Verdict, error) {
	if err := j.room(); err != nil {
		return v, err
	}
	days, err := reviewDays(j.tx)
	if err != nil {
		return v, err
	}
	if days > 0 {
		v.Expires = j.now.Truncate(time.Second).AddDate(0, 0, days)
	}
	j.open++
	j.decided = append(j.decided, decided{id: d.ID, what: what, review: true})
	v.Review = true
	return v, nil
}

// room refuses a review more than people can look at.
func (j *judge) room() error {
	if j.waiting < 0 {
		n, err := waiting(j.tx)
		if err != nil {
			return err
		}
		j.waiting = int(n)
	}
	if j.waiting+j.open >= maxWaiting {
		return edge.E(edge.Refused, "somebody would have to look at this first, and too much waits for that already").
			WithHint("have what waits decided, then send it again with a new identifier").WithCode(CodeFull)
	}
	return nil
}

// watch looks at how much moved through members' accounts before, and at cash just below a threshold.
func (j *judge) watch(d *ledger.Dealing, worst shariah.Decision) (shariah.Decision, error) {
	for i := range d.Legs {
		l := &d.Legs[i]
		var one shariah.Decision
		var err error
		switch {
		case l.Debit.Kind == member:
			one, err = j.velocity(d, i)
		case l.Debit.Kind == cash && l.Credit.Kind == member:
			one, err = j.structuring(l)
		}
		if err != nil {
			return worst, err
		}
		if one.Act > worst.Act {
			worst = one
		}
	}
	return worst, nil
}

// velocity asks whether an account may move what leg i of a dealing takes off it, after the legs before and all else.
func (j *judge) velocity(d *ledger.Dealing, i int) (shariah.Decision, error) {
	l := &d.Legs[i]
	f, err := j.flow(l.Debit.ID)
	if err != nil {
		return shariah.Decision{}, err
	}
	more := velocity.Sum{Amount: l.Amount, Count: 1}
	for _, m := range j.moved {
		if m.account == l.Debit.ID {
			more = more.Plus(velocity.Sum{Amount: m.amount, Count: 1})
		}
	}
	for k := range d.Legs[:i] {
		if d.Legs[k].Debit.ID == l.Debit.ID {
			more = more.Plus(velocity.Sum{Amount: d.Legs[k].Amount, Count: 1})
		}
	}
	day := f.Day(j.now).Plus(more)
	month, exact := f.Month(j.now)
	what := j.set.Velocity(l.Debit.Tier, l.Asset, moved(day), moved(month.Plus(more)))
	if what.Act == shariah.Allow || exact {
		return what, nil
	}
	if err := j.exact(f); err != nil {
		return what, err
	}
	month, _ = f.Month(j.now)
	return j.set.Velocity(l.Debit.Tier, l.Asset, moved(day), moved(month.Plus(more))), nil
}

func moved(s velocity.Sum) shariah.Moved { return shariah.Moved{Sum: s.Amount, Count: s.Count} }

// structuring asks about cash that comes in just below a threshold.
func (j *judge) structuring(l *ledger.DealingLeg) (shariah.Decision, error) {
	band, ok := j.set.Band(l.Asset)
	if !ok || !band.Contains(l.Amount) {
		return shariah.Decision{}, nil
	}
	f, err := j.flow(l.Credit.ID)
	if err != nil {
		return shariah.Decision{}, err
	}
	if err := j.loadCash(f); err != nil {
		return shariah.Decision{}, err
	}
	n := 1
	for _, m := range j.moved {
		if m.cash && m.account == l.Credit.ID {
			n++
		}
	}
	j.moved = append(j.moved, move{account: l.Credit.ID, cash: true, days: band.Days})
	return j.set.Structuring(l.Asset, f.times.Count(j.now, band.Days)+n), nil
}

// A move is what an item adds to an account: money that leaves it, or cash that came in just below a threshold.
type move struct {
	account edge.ID
	amount  amount.Amount
	cash    bool
	days    int
}

// count adds what the item moved, now that it stays.
func (j *judge) count() {
	for _, m := range j.moved {
		f := j.flows[m.account]
		if m.cash {
			f.times.Prune(j.now, m.days)
			f.times.Add(j.now)
			f.cash = true
			continue
		}
		f.Add(j.now, m.amount)
		f.changed = true
	}
	j.moved = j.moved[:0]
}

// Finish implements ledger.Judge.
func (j *judge) Finish() error {
	j.count()
	for id, f := range j.flows {
		j.keep(id, f)
	}
	j.s.usual.Store(int64(len(j.flows)))
	return j.s.keep(j.tx, j.set, j.decided)
}
