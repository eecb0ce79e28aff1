package identity

import (
	"encoding/json"
	"time"

	"github.com/aielon/edge/node/edge"
)

const (
	maxUses  = 256 // uses told in one command
	maxTold  = 32  // openings told in one command
	maxSwept = 200 // rows removed in one command
)

// uses are when sessions and service tokens were last used.
type uses struct {
	Sessions map[edge.ID]time.Time `json:"sessions,omitempty"`
	Tokens   map[edge.ID]time.Time `json:"tokens,omitempty"`
}

func keepUses(tx edge.Tx, in uses) error {
	if len(in.Sessions)+len(in.Tokens) > maxUses {
		return edge.E(edge.Invalid, "%d uses are told at a time", maxUses)
	}
	for id, at := range in.Sessions {
		s, found, err := load[session](tx, sessions+id.String())
		if err != nil {
			return err
		}
		if at = earlier(at, tx.Now()); found && at.After(s.Used) {
			s.Used = at
			if err := save(tx, sessions+id.String(), s); err != nil {
				return err
			}
		}
	}
	for id, at := range in.Tokens {
		t, found, err := load[tokenRow](tx, tokens+id.String())
		if err != nil {
			return err
		}
		if at = earlier(at, tx.Now()); found && at.After(t.Used) {
			t.Used = at
			if err := save(tx, tokens+id.String(), t); err != nil {
				return err
			}
		}
	}
	return nil
}

// earlier keeps a node whose clock runs ahead from making sessions last longer.
func earlier(a, b time.Time) time.Time {
	if a.After(b) {
		return b
	}
	return a
}

// A told is what a node decided while the site could not.
type told struct {
	Openings []opening `json:"openings,omitempty"`
	Revoked  []edge.ID `json:"revoked,omitempty"`
}

// keepOffline takes in what a node decided alone. What was used up is used up; a session goes on where its
// person may still come in, and what it used was not used elsewhere too.
func keepOffline(tx edge.Tx, in told) error {
	if len(in.Openings)+len(in.Revoked) > maxTold {
		return edge.E(edge.Invalid, "%d sessions are told at a time", maxTold)
	}
	for _, id := range in.Revoked {
		s, found, err := load[session](tx, sessions+id.String())
		if err != nil {
			return err
		}
		if found {
			forgetSession(tx, s)
		}
		remember(tx, id)
		if err := tell(tx, SessionRevoked, "session:"+id.String(), Notice{Offline: true}); err != nil {
			return err
		}
	}
	for _, o := range in.Openings {
		if err := takeIn(tx, o); err != nil {
			return err
		}
	}
	return nil
}

func takeIn(tx edge.Tx, o opening) error {
	p, found, err := load[person](tx, people+o.Session.Person.String())
	if err != nil || !found {
		return err
	}
	if _, known, err := load[session](tx, sessions+o.Session.ID.String()); err != nil || known {
		return err // the try at the site had got through after all
	}
	over, err := isRevoked(tx, o.Session.ID)
	if err != nil {
		return err
	}
	x, err := loadProofs(tx, p.ID)
	if err != nil {
		return err
	}
	// a later code was taken elsewhere meanwhile: that is no reuse, only the very same one is
	reused := o.Step != 0 && o.Step == x.Step || !o.Code.IsZero() && !holds(x, o)
	x.burn(o, tx.Now())
	if err := keep(tx, p, &x); err != nil {
		return err
	}
	over = over || o.Session.over(tx.Now())
	if reused && !over {
		remember(tx, o.Session.ID)
		return tellPerson(tx, ProofReused, p, Notice{Person: p.ID.String(), Offline: true})
	}
	if over || p.Suspended || p.Generation != o.Session.Generation {
		return nil
	}
	return addSession(tx, o.Session, p)
}

func holds(x proofs, o opening) bool {
	_, ok := x.Recovery.Burn(o.Code)
	return ok
}

func isRevoked(v edge.View, id edge.ID) (bool, error) {
	_, err := v.Get([]byte(revoked + id.String()))
	if edge.IsKind(err, edge.NotFound) {
		return false, nil
	}
	return err == nil, err
}

// sweep removes what has ended by itself, some of it at a time.
func sweep(tx edge.Tx, _ none) error {
	left := maxSwept
	for _, f := range []func(edge.Tx, *int) error{sweepSessions, sweepRevoked, sweepInvitations, sweepTokens} {
		if err := f(tx, &left); err != nil {
			return err
		}
	}
	return nil
}

// ended yields the rows under a prefix that are over, up to left of them.
func ended[T any](tx edge.Tx, prefix string, left *int, over func(T) bool) (rows []T, err error) {
	for _, b := range tx.Scan([]byte(prefix)) {
		var row T
		if err := json.Unmarshal(b, &row); err != nil {
			return nil, edge.E(edge.Corrupt, "a row of identity cannot be read: %w", err)
		}
		if over(row) {
			if *left == 0 {
				break
			}
			*left--
			rows = append(rows, row)
		}
	}
	return rows, tx.Err()
}

func sweepSessions(tx edge.Tx, left *int) error {
	rows, err := ended(tx, sessions, left, func(s session) bool { return s.over(tx.Now()) })
	for _, s := range rows {
		forgetSession(tx, s)
	}
	return err
}

func sweepRevoked(tx edge.Tx, left *int) error {
	var keys [][]byte
	for k, b := range tx.Scan([]byte(revoked)) {
		until, err := time.Parse(time.RFC3339, string(b))
		if *left > 0 && (err != nil || tx.Now().After(until)) {
			*left--
			keys = append(keys, append([]byte{}, k...))
		}
	}
	for _, k := range keys {
		tx.Delete(k)
	}
	return tx.Err()
}

func sweepInvitations(tx edge.Tx, left *int) error {
	rows, err := ended(tx, invitations, left, func(i invitation) bool { return !tx.Now().Before(i.Until) })
	if err != nil || len(rows) == 0 {
		return err
	}
	for _, i := range rows {
		drop(tx, invitations+i.ID.String())
	}
	return invited(tx, -len(rows))
}

func sweepTokens(tx edge.Tx, left *int) error {
	rows, err := ended(tx, tokens, left, func(t tokenRow) bool { return !tx.Now().Before(t.Until) })
	if err != nil || len(rows) == 0 {
		return err
	}
	for _, t := range rows {
		drop(tx, tokens+t.ID.String())
	}
	return countTokens(tx, -len(rows))
}

// due counts what a sweep would remove.
func due(v edge.View, now time.Time) (n int, err error) {
	count := func(over bool) bool {
		if over {
			n++
		}
		return false
	}
	if _, _, err = page(v, sessions, "", 0, func(s session) bool { return count(s.over(now)) }); err != nil {
		return n, err
	}
	if _, _, err = page(v, invitations, "", 0, func(i invitation) bool { return count(!now.Before(i.Until)) }); err != nil {
		return n, err
	}
	if _, _, err = page(v, tokens, "", 0, func(t tokenRow) bool { return count(!now.Before(t.Until)) }); err != nil {
		return n, err
	}
	for _, b := range v.Scan([]byte(revoked)) {
		until, err := time.Parse(time.RFC3339, string(b))
		count(err != nil || now.After(until))
	}
	return n, v.Err()
}
