package identity

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"github.com/aielon/edge/node/api/identityv1"
	"github.com/aielon/edge/node/auth/token"
	"github.com/aielon/edge/node/edge"
)

// longest is how long any session lasts, and so for how long a revoked one must be remembered.
const longest = portalUntil + time.Hour

// An opening is a session together with what it used up: a code of the app, a recovery code, one signature of
// a passkey. All of it is kept at once or none.
type opening struct {
	edge.Redacted

	Session session    `json:"session"`
	Step    int64      `json:"step,omitempty"`
	Code    token.Hash `json:"code,omitzero"`
	Key     []byte     `json:"key,omitempty"`
	Count   uint32     `json:"count,omitempty"`
	Backed  bool       `json:"backed,omitempty"`
	Was     string     `json:"was,omitempty"` // the kept password, to be replaced
	Now     string     `json:"now,omitempty"` // by this hash of the same password at today's cost
}

// keepSession is where a sign-in is decided: that the person may still come in, and that the code was not used
// elsewhere a moment ago.
func keepSession(tx edge.Tx, in opening) error {
	p, found, err := load[person](tx, people+in.Session.Person.String())
	if err != nil {
		return err
	}
	if !found || p.Suspended || p.Generation != in.Session.Generation {
		return Refused()
	}
	// the node may have given up on this command, let the person in alone, and seen them sign out since
	switch over, err := isRevoked(tx, in.Session.ID); {
	case err != nil:
		return err
	case over:
		return Refused()
	}
	x, err := loadProofs(tx, p.ID)
	if err != nil {
		return err
	}
	if !x.burn(in, tx.Now()) {
		return Refused()
	}
	if in.Now != "" && x.Password == in.Was {
		x.Password = in.Now
	}
	if err := keep(tx, p, &x); err != nil {
		return err
	}
	return addSession(tx, in.Session, p)
}

// burn uses up what an opening used, and reports whether it was still there.
func (x *proofs) burn(in opening, now time.Time) bool {
	fresh := true
	if in.Step != 0 {
		fresh = in.Step > x.Step
		x.Step = max(x.Step, in.Step)
	}
	if !in.Code.IsZero() {
		left, ok := x.Recovery.Burn(in.Code)
		x.Recovery, fresh = left, fresh && ok
	}
	if in.Key != nil {
		fresh = fresh && x.count(in, now)
	}
	return fresh
}

// count takes in the new count of a passkey. Those that do not count stay at 0.
func (x *proofs) count(in opening, now time.Time) bool {
	for i, k := range x.Keys {
		if !bytes.Equal(k.ID, in.Key) {
			continue
		}
		ok := in.Count > k.Count || in.Count == 0 && k.Count == 0
		x.Keys = slices.Clone(x.Keys)
		x.Keys[i].Count, x.Keys[i].BackedUp, x.Keys[i].Used = max(k.Count, in.Count), in.Backed, now
		return ok
	}
	return false
}

// fit keeps a node whose clock runs ahead from making sessions that last longer than any may.
func (s session) fit(now time.Time) session {
	s.Created, s.Proven, s.Used = earlier(s.Created, now), earlier(s.Proven, now), earlier(s.Used, now)
	s.Until, s.Idle = earlier(s.Until, now.Add(portalUntil)), min(s.Idle, portalIdle)
	return s
}

func addSession(tx edge.Tx, s session, p person) error {
	s = s.fit(tx.Now())
	if err := makeRoom(tx, p.ID); err != nil {
		return err
	}
	tx.Set([]byte(sessionsOf+p.ID.String()+"/"+s.ID.String()), []byte("1"))
	if err := save(tx, sessions+s.ID.String(), s); err != nil {
		return err
	}
	return tell(tx, SignedInEvent, "session:"+s.ID.String(), Notice{Person: p.ID.String(), Offline: s.Offline})
}

// makeRoom ends a person's sessions that are over, and the one used least recently where they are too many.
func makeRoom(tx edge.Tx, id edge.ID) error {
	all, err := sessionsOfPerson(tx, id)
	if err != nil {
		return err
	}
	live := all[:0]
	for _, s := range all {
		if s.over(tx.Now()) {
			forgetSession(tx, s)
			continue
		}
		live = append(live, s)
	}
	slices.SortFunc(live, func(a, b session) int { return a.Used.Compare(b.Used) })
	for len(live) >= MaxSessions {
		endSession(tx, live[0])
		live = live[1:]
	}
	return nil
}

func sessionsOfPerson(v edge.View, id edge.ID) (all []session, err error) {
	prefix := sessionsOf + id.String() + "/"
	for k := range v.Scan([]byte(prefix)) {
		s, found, err := load[session](v, sessions+strings.TrimPrefix(string(k), prefix))
		if err != nil {
			return nil, err
		}
		if found {
			all = append(all, s)
		}
	}
	return all, v.Err()
}

// over reports whether a session has ended by itself.
func (s session) over(now time.Time) bool { return !now.Before(s.Until) || now.Sub(s.Used) >= s.Idle }

// forgetSession removes what has ended by itself.
func forgetSession(tx edge.Tx, s session) {
	drop(tx, sessions+s.ID.String())
	drop(tx, sessionsOf+s.Person.String()+"/"+s.ID.String())
}

// endSession revokes a session. That it was revoked is remembered for as long as it could have lasted, so that
// a copy of it at a node that was cut off does not come back.
func endSession(tx edge.Tx, s session) {
	forgetSession(tx, s)
	remember(tx, s.ID)
}

func remember(tx edge.Tx, id edge.ID) {
	tx.Set([]byte(revoked+id.String()), tx.Now().Add(longest).UTC().AppendFormat(nil, time.RFC3339))
}

// endAll ends all sessions of a person, known here or not, but for one that is spared, and keeps the person.
func endAll(tx edge.Tx, p *person, spare edge.ID) error {
	all, err := sessionsOfPerson(tx, p.ID)
	if err != nil {
		return err
	}
	p.Generation++
	for _, s := range all {
		if s.ID != spare {
			endSession(tx, s)
			continue
		}
		s.Generation = p.Generation
		if err := save(tx, sessions+s.ID.String(), s); err != nil {
			return err
		}
	}
	return keep(tx, *p, nil)
}

func revokeSession(tx edge.Tx, in *identityv1.RevokeSessionRequest) (*identityv1.RevokeSessionResponse, error) {
	id, err := edge.ParseID(in.Id)
	if err != nil {
		return nil, noSession()
	}
	s, found, err := load[session](tx, sessions+id.String())
	if err != nil {
		return nil, err
	}
	if err := mayEnd(tx, tx.Actor(), s.Person); err != nil {
		return nil, err
	}
	n := Notice{By: tx.Actor().ID}
	if found {
		forgetSession(tx, s)
		n.Person = s.Person.String()
	}
	remember(tx, id) // also where it is not known: it may be one a node made that is cut off
	return &identityv1.RevokeSessionResponse{}, tell(tx, SessionRevoked, "session:"+id.String(), n)
}

// mayEnd reports whether somebody may end a session of a person, who may not be known.
func mayEnd(v edge.View, by edge.Actor, of edge.ID) error {
	p, known, err := load[person](v, people+of.String())
	switch {
	case err != nil:
		return err
	case known:
		return mayRule(v, by, p.Roles)
	}
	return mayRule(v, by)
}

// A dropping ends sessions of the person who asks.
type dropping struct {
	Person edge.ID `json:"person"`
	One    edge.ID `json:"one,omitzero"`   // only this one
	Spare  edge.ID `json:"spare,omitzero"` // all but this one
}

func dropSessions(tx edge.Tx, in dropping) error {
	p, err := loadPerson(tx, in.Person)
	if err != nil {
		return err
	}
	n := Notice{By: p.ID.String(), Person: p.ID.String()}
	if in.One.IsZero() {
		if err := endAll(tx, &p, in.Spare); err != nil {
			return err
		}
		return tellPerson(tx, SessionsRevoked, p, n)
	}
	s, found, err := load[session](tx, sessions+in.One.String())
	if err != nil {
		return err
	}
	if found && s.Person != p.ID {
		return edge.E(edge.NotFound, "there is no such session")
	}
	endSession(tx, session{ID: in.One, Person: p.ID})
	return tell(tx, SessionRevoked, "session:"+in.One.String(), n)
}

// keepProofTime says that the person of a session proved once more who they are.
func keepProofTime(tx edge.Tx, in opening) error {
	s, found, err := load[session](tx, sessions+in.Session.ID.String())
	if err != nil {
		return err
	}
	p, known, err := load[person](tx, people+s.Person.String())
	if err != nil {
		return err
	}
	if !found || !known || p.Suspended || p.Generation != s.Generation {
		return Refused()
	}
	x, err := loadProofs(tx, p.ID)
	if err != nil {
		return err
	}
	if !x.burn(in, tx.Now()) {
		return Refused()
	}
	s.Proven, s.Strength = tx.Now(), max(s.Strength, in.Session.Strength)
	if err := keep(tx, p, &x); err != nil {
		return err
	}
	return save(tx, sessions+s.ID.String(), s)
}
