package across

import (
	"encoding/binary"
	"math"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// maxTick bounds what one command does of what is due.
const maxTick = 64

// Due reports whether something is due at a moment.
func Due(v edge.View, now time.Time) (bool, error) {
	if r, found, err := load[recoverRow](v, key(rowRecover)); err != nil || found && !r.Echoed {
		return false, err
	}
	for k := range v.Scan(key(rowDue)) {
		return dueAt(k) <= now.Unix(), nil
	}
	return false, v.Err()
}

func dueAt(k []byte) int64 {
	n := len(key(rowDue))
	if len(k) < n+8 {
		return 0
	}
	return int64(min(binary.BigEndian.Uint64(k[n:]), math.MaxInt64))
}

// Ticked says how many things were due.
type Ticked struct {
	Done int `json:"done"`
}

// tick asks again for answers that did not come, closes what has expired here, and tries again what could not be booked.
func (x *Across) tick(tx edge.Tx, _ struct{}) (out Ticked, err error) {
	if err := onlyNodes(tx); err != nil {
		return out, err
	}
	a, err := x.start(tx)
	if err != nil {
		return out, err
	}
	if a.waiting && !a.rec.Echoed { // what was closed or answered by now would not be what was said before
		return out, nil
	}
	var rows [][]byte
	for k := range tx.Scan(key(rowDue)) {
		if dueAt(k) > tx.Now().Unix() || len(rows) == maxTick {
			break
		}
		rows = append(rows, k)
	}
	if err := tx.Err(); err != nil {
		return out, err
	}
	for _, k := range rows {
		if err := a.do(append([]byte(prefix), k[len(key(rowDue))+8:]...)); err != nil {
			return out, err
		}
		out.Done++
	}
	return out, a.end()
}

// do does what is due about a row.
func (a *act) do(row []byte) error {
	rest := row[len(prefix)+2:]
	switch row[len(prefix)] {
	case rowCrossing:
		c, _, err := load[crossingRow](a.tx, row)
		if err != nil {
			return err
		}
		return firstOf(a.tell(c.Signed), a.queued(edge.ID(rest), c))
	case rowGrant:
		g, _, err := load[grantRow](a.tx, row)
		if err != nil {
			return err
		}
		return a.ask(edge.ID(rest), &g)
	case rowVisit:
		v, _, err := load[visitRow](a.tx, row)
		if err != nil {
			return err
		}
		n := len(rest) - len(edge.ID{})
		return a.finish(row, string(rest[:n-1]), edge.ID(rest[n:]), &v)
	case rowParked:
		p, _, err := load[parkedRow](a.tx, row)
		if err != nil {
			return err
		}
		return a.retry(row, p)
	}
	return edge.E(edge.Corrupt, "a row of what is due cannot be read")
}

// retry looks whether a note that waited can be booked now.
func (a *act) retry(row []byte, p parkedRow) error {
	t, err := a.takeOne(p.Note, p.Tries)
	if err != nil || t.Done {
		return err
	}
	p.again(a.tx, row)
	return save(a.tx, row, p)
}

func listTroubles(v edge.View, _ *walletv1.ListTroublesRequest) (*walletv1.ListTroublesResponse, error) {
	out := &walletv1.ListTroublesResponse{}
	for k := range v.Scan(key(rowConflict)) {
		c, _, err := load[conflictRow](v, k)
		if err != nil {
			return nil, err
		}
		out.Troubles = append(out.Troubles, trouble(c.Note, c.Code, c.Detail, c.Since, 0, true))
	}
	for k := range v.Scan(key(rowParked)) {
		if len(out.Troubles) >= maxConflicts+mostPage {
			break
		}
		p, _, err := load[parkedRow](v, k)
		if err != nil {
			return nil, err
		}
		out.Troubles = append(out.Troubles, trouble(p.Note, p.Code, p.Detail, p.Since, p.Tries, false))
	}
	return out, v.Err()
}

func trouble(note []byte, code, detail string, since time.Time, tries int, conflict bool) *walletv1.Trouble {
	t := &walletv1.Trouble{Code: code, Detail: detail, Since: timestamppb.New(since), Tries: uint32(min(max(tries, 0), math.MaxInt32)), Conflict: conflict}
	if r, _, err := read(note); err == nil {
		t.Site, t.Id, t.Kind = r.GetFrom(), r.id.String(), kindName(r.GetKind())
	}
	return t
}
