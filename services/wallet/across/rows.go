package across

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// Every row lies under this prefix, and is JSON.
const prefix = "wx/"

// Kinds of rows, by the letter after the prefix.
const (
	rowSelf     = '!' // nothing; the site's name and key
	rowRecover  = 'r' // nothing; it is there while a restored site waits for what the hub has
	rowPeer     = 'p' // site
	rowClearing = 'c' // site / currency / fund: the account
	rowCrossing = 's' // id: money that was sent
	rowArrival  = 'i' // site / id: money that came, or was declined
	rowGrant    = 'h' // id: an allotment or voucher of this site
	rowBooked   = 'b' // id of the grant, id of the spending: it is booked
	rowVisit    = 'g' // site / id: an allotment or voucher of another site
	rowSpending = 'n' // site / id, id of the spending
	rowParked   = 'k' // hash of a note that waits
	rowConflict = 'x' // hash of a note that contradicts another
	rowDue      = 't' // when, kind of row, rest of its key
)

func key(kind byte, parts ...[]byte) []byte {
	b := append(append(make([]byte, 0, 64), prefix...), kind, '/')
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

func idKey(kind byte, id edge.ID) []byte { return key(kind, id[:]) }

func siteKey(kind byte, site string, ids ...edge.ID) []byte {
	b := key(kind, []byte(site), []byte{'/'})
	for _, id := range ids {
		b = append(b, id[:]...)
	}
	return b
}

// A selfRow is what the site is among others.
type selfRow struct {
	edge.Redacted

	Site   string `json:"site"`
	Seed   []byte `json:"seed"` // of Ed25519; it leaves the state by no operation and no event
	Public []byte `json:"public"`
	Proof  []byte `json:"proof,omitempty"` // as it was announced last
}

// A peerRow is another site.
type peerRow struct {
	Public   []byte    `json:"public"`
	Since    time.Time `json:"since"`
	Proposed []byte    `json:"proposed,omitempty"` // another key it shows now
}

// A recoverRow is there while a restored site waits.
type recoverRow struct {
	Epoch  uint64    `json:"epoch"`            // of the site's journals, that began with the restore
	Echoed bool      `json:"echoed,omitempty"` // its own notes have come back
	Since  time.Time `json:"since"`
}

// Money is an amount of one currency in one fund.
type money struct {
	Amount amount.Amount `json:"amount"`
	Asset  string        `json:"asset"`
	Fund   string        `json:"fund"`
}

// A crossingRow is money that was sent.
type crossingRow struct {
	edge.Redacted
	money

	To      string                  `json:"to"`
	Debit   edge.ID                 `json:"debit"`
	Credit  edge.ID                 `json:"credit"`
	Purpose string                  `json:"purpose,omitempty"`
	Expires int64                   `json:"expires,omitempty"`
	Status  walletv1.CrossingStatus `json:"status"`
	Code    string                  `json:"code,omitempty"`
	Hold    edge.ID                 `json:"hold"`
	Note    [32]byte                `json:"note"`
	Signed  []byte                  `json:"signed,omitempty"`
	Time    time.Time               `json:"time"`
	due
}

// An arrivalRow is the answer to money another site sent. It stands for ever.
type arrivalRow struct {
	edge.Redacted

	About    [32]byte `json:"about"` // the note that is answered
	Accepted bool     `json:"accepted,omitempty"`
	Booked   bool     `json:"booked,omitempty"` // false: the answer came back after a restore, the money has not yet
	Answer   []byte   `json:"answer"`
}

// A grantRow is an allotment or a voucher of this site. What was granted is what was spent, returned and is left.
type grantRow struct {
	edge.Redacted
	money

	Site     string                  `json:"site"`
	Account  edge.ID                 `json:"account"`
	Expires  int64                   `json:"expires,omitempty"`
	Purpose  string                  `json:"purpose,omitempty"`
	Voucher  bool                    `json:"voucher,omitempty"`
	State    walletv1.AllotmentState `json:"state"`
	Spent    amount.Amount           `json:"spent"`           // booked here
	Returned amount.Amount           `json:"returned"`        // to the account
	Final    *amount.Amount          `json:"final,omitempty"` // what the other site says was spent in all, when it has closed it
	Signed   []byte                  `json:"signed"`
	due
}

// left is what is neither spent nor returned.
func (g *grantRow) left() amount.Amount {
	rest, ok := g.Amount.Sub(g.Spent)
	if ok {
		rest, ok = rest.Sub(g.Returned)
	}
	if !ok {
		return amount.Amount{}
	}
	return rest
}

// sound asserts the sum of a grant.
func (g *grantRow) sound() error {
	sum, ok := g.Spent.Add(g.Returned)
	if !ok || g.Amount.Less(sum) {
		return edge.E(edge.Internal, "more of an allotment would be spent and returned than was granted")
	}
	return nil
}

// A visitRow is an allotment or a voucher of another site that may be spent here.
type visitRow struct {
	edge.Redacted
	money

	Known   bool          `json:"known,omitempty"` // what was granted has come
	Expires int64         `json:"expires,omitempty"`
	Purpose string        `json:"purpose,omitempty"`
	Voucher bool          `json:"voucher,omitempty"`
	Spent   amount.Amount `json:"spent"`
	Count   int           `json:"count,omitempty"`  // spendings
	Closed  []byte        `json:"closed,omitempty"` // the note that said so
	due
}

// A spendingRow is one spending of such.
type spendingRow struct {
	edge.Redacted

	Credit edge.ID       `json:"credit"`
	Amount amount.Amount `json:"amount"`
	Booked bool          `json:"booked,omitempty"` // false: it came back after a restore and cannot be booked yet
	Asked  edge.ID       `json:"asked"`            // of whom redeemed a voucher
	Signed []byte        `json:"signed"`
}

// A parkedRow is a note that cannot be booked yet.
type parkedRow struct {
	edge.Redacted

	Note   []byte    `json:"note"` // a SignedNote
	Code   string    `json:"code"`
	Detail string    `json:"detail"`
	Since  time.Time `json:"since"`
	Tries  int       `json:"tries"`
	due
}

// A conflictRow is a note that contradicts what the same site, or this one, said before.
type conflictRow struct {
	edge.Redacted

	Note   []byte    `json:"note"`
	Code   string    `json:"code"`
	Detail string    `json:"detail"`
	Since  time.Time `json:"since"`
}

const (
	maxConflicts = 1000
	maxParked    = 10_000
	maxSpendings = 1000 // of one allotment
	maxNote      = 4 << 10
)

// due is when something has to be done about a row, next.
type due struct {
	Next int64 `json:"next,omitempty"` // Unix seconds; 0: nothing
	Asks int   `json:"asks,omitempty"` // how often it was done
}

// plan moves the entry of a row in the list of what is due.
func (d *due) plan(tx edge.Tx, row []byte, next int64) {
	if d.Next != 0 {
		tx.Delete(dueKey(d.Next, row))
	}
	if d.Next = next; next != 0 {
		tx.Set(dueKey(next, row), []byte{})
	}
}

// again plans the next try: after an hour, then after twice as long each time, a day at most.
func (d *due) again(tx edge.Tx, row []byte) {
	wait := min(time.Hour<<min(d.Asks, 5), 24*time.Hour)
	d.Asks++
	d.plan(tx, row, tx.Now().Add(wait).Unix())
}

func dueKey(at int64, row []byte) []byte {
	return append(binary.BigEndian.AppendUint64(key(rowDue), uint64(max(at, 0))), row[len(prefix):]...)
}

// load reads a row that need not be there.
func load[T any](v edge.View, k []byte) (row T, found bool, err error) {
	b, err := v.Get(k)
	if edge.IsKind(err, edge.NotFound) {
		return row, false, nil
	}
	if err == nil {
		if e := json.Unmarshal(b, &row); e != nil {
			err = edge.E(edge.Corrupt, "a row of the wallet cannot be read: %w", e)
		}
	}
	return row, err == nil, err
}

func save(tx edge.Tx, k []byte, row any) error {
	b, err := json.Marshal(row)
	if err != nil {
		return edge.E(edge.Internal, "a row of the wallet cannot be written: %w", err)
	}
	tx.Set(k, b)
	return nil
}

func hash(b []byte) [32]byte { return sha256.Sum256(b) }

// atMost counts rows, up to a bound.
func atMost(v edge.View, under []byte, most int) (n int, err error) {
	for range v.Scan(under) {
		if n++; n >= most {
			break
		}
	}
	return n, v.Err()
}
