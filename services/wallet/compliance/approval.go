package compliance

import (
	"time"

	"github.com/aielon/edge/node/edge"
)

// approvalTime is how long something waits for approvals.
const approvalTime = 30 * 24 * time.Hour

// maxApprovals bounds what waits for approvals.
const maxApprovals = 2000

// An approval is what more than one person has to agree to. It lies with what it is about.
type approval struct {
	By       string    `json:"by"` // who asked
	Asked    time.Time `json:"asked"`
	Expires  time.Time `json:"expires"`
	Needs    int       `json:"needs"`
	Given    []yes     `json:"given,omitempty"`
	Rejected string    `json:"rejected,omitempty"` // by whom
	Decided  time.Time `json:"decided,omitzero"`
}

// A yes is one person's.
type yes struct {
	By   string    `json:"by"`
	Time time.Time `json:"time"`
}

// waitKey lists what waits, by when its time is over.
func waitKey(a *approval, kind byte, id edge.ID) []byte {
	at := uint64(a.Expires.Unix())
	return key(rowApproval, []byte{byte(at >> 32), byte(at >> 24), byte(at >> 16), byte(at >> 8), byte(at), kind}, id[:])
}

// wait has something wait for approvals.
func wait(tx edge.Tx, kind byte, id edge.ID, needs int) (a approval, err error) {
	n := 0
	for range tx.Scan(key(rowApproval)) {
		if n++; n == maxApprovals {
			return a, edge.E(edge.Refused, "too much waits for approvals already").WithHint("have what waits decided first").WithCode(CodeFull)
		}
	}
	now := tx.Now()
	a = approval{By: tx.Actor().ID, Asked: now, Expires: now.Add(approvalTime), Needs: needs}
	tx.Set(waitKey(&a, kind, id), []byte{})
	return a, tx.Err()
}

// over reports whether the time of what waits is over.
func (a *approval) over(now time.Time) bool { return a.Decided.IsZero() && !now.Before(a.Expires) }

// gave reports whether somebody has approved.
func (a *approval) gave(who string) bool {
	for _, y := range a.Given {
		if y.By == who {
			return true
		}
	}
	return false
}

// give takes an approval, and reports whether there are enough now. Whoever asked gives none, and nobody two.
func (a *approval) give(tx edge.Tx, kind byte, id edge.ID) (enough bool, err error) {
	if err := a.open(tx); err != nil {
		return false, err
	}
	a.Given = append(a.Given, yes{tx.Actor().ID, tx.Now()})
	if len(a.Given) < a.Needs {
		return false, nil
	}
	a.end(tx, kind, id)
	return true, nil
}

// reject ends the waiting.
func (a *approval) reject(tx edge.Tx, kind byte, id edge.ID) error {
	if err := a.open(tx); err != nil {
		return err
	}
	a.Rejected = tx.Actor().ID
	a.end(tx, kind, id)
	return nil
}

func (a *approval) end(tx edge.Tx, kind byte, id edge.ID) {
	a.Decided = tx.Now()
	tx.Delete(waitKey(a, kind, id))
}

// open refuses whoever may not decide now.
func (a *approval) open(tx edge.Tx) error {
	who := tx.Actor()
	switch {
	case !a.Decided.IsZero():
		return clash(CodeDecided, "this was decided already", "look at it again")
	case a.over(tx.Now()):
		return clash(CodeDecided, "nobody decided in time", "ask for it again")
	case a.gave(who.ID):
		return foureyes()
	}
	return another(who, a.By)
}

// forgetWaiting takes what nobody decided in time off the list of what waits. It reports how much there was.
func forgetWaiting(tx edge.Tx) (n int, err error) {
	keys, err := late(tx, tx.Now(), maxTidy)
	for _, k := range keys {
		tx.Delete(k)
	}
	return len(keys), err
}

func late(v edge.View, now time.Time, most int) (keys [][]byte, err error) {
	end := waitKey(&approval{Expires: now.Add(time.Second)}, 0, edge.ID{})
	for k := range v.Scan(key(rowApproval)) {
		if string(k) >= string(end) || len(keys) == most {
			break
		}
		keys = append(keys, append([]byte{}, k...))
	}
	return keys, v.Err()
}
