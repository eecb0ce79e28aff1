package compliance

import (
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/shariah/velocity"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// A flow is what moved through an account of a member.
type flow struct {
	id edge.ID
	velocity.Account
	days    []velocity.DaySum // handed over by Account, to be written
	changed bool

	times velocity.Times // cash just below a threshold
	read  bool           // times were read
	cash  bool           // and changed
}

// flow finds what moved through an account.
func (j *judge) flow(id edge.ID) (*flow, error) {
	if f := j.flows[id]; f != nil {
		return f, nil
	}
	j.key = append(append(append(j.key[:0], prefix...), rowFlow, '/'), id[:]...)
	row, found, err := get(j.tx, j.key)
	if err != nil {
		return nil, err
	}
	if len(j.arena) == 0 {
		j.arena = make([]flow, min(max(4, len(j.flows)), 256))
	}
	f := &j.arena[0]
	j.arena = j.arena[1:]
	if found {
		if err := f.Decode(row); err != nil {
			return nil, err
		}
		f.days = f.Roll(j.now)
	}
	j.flows[id] = f
	f.id = id
	return f, nil
}

// exact adds up the days before yesterday.
func (j *judge) exact(f *flow) error {
	var all velocity.Sum
	today := velocity.DayOf(j.now)
	for _, d := range f.days {
		if d.Day >= today-velocity.Days {
			all = all.Plus(d.Sum)
		}
	}
	for day := today - velocity.Days; day < today-1; day++ {
		row, found, err := get(j.tx, dayKey(day, f.id))
		if err != nil {
			return err
		}
		if !found {
			continue
		}
		sum, err := velocity.DecodeSum(row)
		if err != nil {
			return err
		}
		all = all.Plus(sum)
	}
	f.SetOlder(j.now, all)
	return nil
}

func (j *judge) loadCash(f *flow) error {
	if f.read {
		return nil
	}
	row, found, err := get(j.tx, idKey(rowCash, f.id))
	if err != nil {
		return err
	}
	if f.read = true; found {
		return f.times.Decode(row)
	}
	return nil
}

// keep writes what changed of an account.
func (j *judge) keep(id edge.ID, f *flow) {
	if f.changed {
		j.key = append(append(append(j.key[:0], prefix...), rowFlow, '/'), id[:]...)
		j.row = f.Append(j.row[:0])
		j.tx.Set(j.key, j.row)
		for _, d := range f.days {
			j.tx.Set(dayKey(d.Day, id), d.Sum.Append(nil))
		}
	}
	if f.cash {
		j.tx.Set(idKey(rowCash, id), f.times.Append(nil))
	}
}

// maxTidy bounds how many rows one command forgets.
const maxTidy = 512

// forget drops days that no window reaches any more. It reports how many there were.
func forget(tx edge.Tx) (n int, err error) {
	keys, err := past(tx, velocity.DayOf(tx.Now()), maxTidy)
	for _, k := range keys {
		tx.Delete(k)
	}
	return len(keys), err
}

// past lists rows of days that no window reaches any more, at most as many as asked for.
func past(v edge.View, today int64, most int) (keys [][]byte, err error) {
	end := dayKey(max(today-velocity.Days, 0), edge.ID{})
	for k := range v.Scan(key(rowDay)) {
		if string(k) >= string(end) || len(keys) == most {
			break
		}
		keys = append(keys, append([]byte{}, k...))
	}
	return keys, v.Err()
}

// add counts a transfer that was held, in its own item.
func (j *judge) add(t *walletv1.Transfer) error {
	for _, l := range t.GetLegs() {
		id, err := ledger.ParseID(l.GetDebit())
		if err != nil {
			return err
		}
		a, err := j.s.ledger.Find(j.tx, id)
		if err != nil {
			return err
		}
		if a.Kind != member {
			continue
		}
		n, err := amount.Parse(l.GetAmount())
		if err != nil {
			return err
		}
		if _, err := j.flow(id); err != nil {
			return err
		}
		j.moved = append(j.moved, move{account: id, amount: n})
	}
	return nil
}
