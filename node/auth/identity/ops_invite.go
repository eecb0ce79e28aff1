package identity

import (
	"crypto/rand"
	"time"

	"github.com/aielon/edge/node/api/identityv1"
	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/auth/lockout"
	"github.com/aielon/edge/node/auth/password"
	"github.com/aielon/edge/node/auth/token"
	"github.com/aielon/edge/node/edge"
)

const (
	setupLife     = 7 * 24 * time.Hour
	inviteLife    = 7 * 24 * time.Hour
	maxInviteLife = 30 * 24 * time.Hour
	resetLife     = 24 * time.Hour
)

// A setup is what makes the first administrator.
type setup struct {
	edge.Redacted

	Hash    token.Hash `json:"hash"`
	Renew   bool       `json:"renew,omitempty"` // also where there is one: whoever asks has the box
	Person  person     `json:"person,omitzero"`
	Proofs  proofs     `json:"proofs,omitzero"`
	Session opening    `json:"session,omitzero"`
}

// keepSetupCode keeps the hash of a code for a site that has no people.
func keepSetupCode(tx edge.Tx, in setup) error {
	s, _, err := load[site](tx, keySite)
	switch {
	case err != nil:
		return err
	case s.People > 0:
		return edge.E(edge.Conflict, "the site has an administrator already")
	case !in.Renew && !s.Setup.IsZero() && tx.Now().Before(s.SetupUntil):
		return edge.E(edge.Conflict, "there is a set-up code already")
	}
	s.Setup, s.SetupUntil = in.Hash, tx.Now().Add(setupLife)
	if s.Devices == nil {
		s.Devices = make([]byte, lockout.KeyBytes)
		rand.Read(s.Devices)
	}
	return save(tx, keySite, s)
}

// keepFirstPerson burns the set-up code and makes the owner.
func keepFirstPerson(tx edge.Tx, in setup) error {
	s, _, err := load[site](tx, keySite)
	if err != nil {
		return err
	}
	if s.People > 0 || s.Setup.IsZero() || s.Setup != in.Hash || !tx.Now().Before(s.SetupUntil) {
		return wrongCode()
	}
	if err := password.Check(in.Proofs.Password); err != nil {
		return err
	}
	s.Setup, s.SetupUntil = token.Hash{}, time.Time{}
	if err := save(tx, keySite, s); err != nil {
		return err
	}
	in.Person.Roles, in.Person.Created = []string{auth.Owner}, tx.Now()
	if err := addPerson(tx, in.Person, in.Proofs); err != nil {
		return err
	}
	return addSession(tx, in.Session.Session, in.Person)
}

func wrongCode() *edge.Error {
	return edge.E(edge.Denied, "the code is wrong, was used or has ended").WithHint("compare it letter by letter, or ask for a new one")
}

// An inviting asks for an invitation on behalf of somebody.
type inviting struct {
	invitation
	Actor edge.Actor `json:"actor"`
}

func keepInvitation(tx edge.Tx, in inviting) error {
	roles, err := checkRoles(in.Roles)
	if err != nil {
		return err
	}
	i := in.invitation
	i.Roles, i.Created, i.By = roles, tx.Now(), in.Actor.ID
	if i.Login != "" {
		if i.Login, err = checkLogin(i.Login); err != nil {
			return err
		}
	}
	if !i.Person.IsZero() {
		p, err := loadPerson(tx, i.Person)
		if err != nil {
			return err
		}
		i.Login, i.Roles, roles = p.Login, nil, p.Roles
	}
	if err := mayRule(tx, in.Actor, roles); err != nil {
		return err
	}
	if i.Until.Before(tx.Now()) || i.Until.After(tx.Now().Add(maxInviteLife+time.Hour)) {
		return edge.E(edge.Invalid, "an invitation may be good for %d days", int(maxInviteLife.Hours()/24))
	}
	if err := invited(tx, +1); err != nil {
		return err
	}
	if err := save(tx, invitations+i.ID.String(), i); err != nil {
		return err
	}
	return tell(tx, InvitationMade, "invitation:"+i.ID.String(), Notice{By: i.By, Roles: i.Roles, Person: idText(i.Person)})
}

// invited counts the invitations that are open, and refuses too many.
func invited(tx edge.Tx, by int) error {
	s, _, err := load[site](tx, keySite)
	if err != nil {
		return err
	}
	if s.Invited += by; s.Invited > MaxInvitations {
		return edge.E(edge.Exhausted, "%d invitations are open, which is as many as may be", MaxInvitations).WithHint("take back those that are not needed")
	}
	s.Invited = max(s.Invited, 0)
	return save(tx, keySite, s)
}

// An accepting is an invitation taken up.
type accepting struct {
	edge.Redacted

	ID      edge.ID    `json:"id"`
	Hash    token.Hash `json:"hash"`
	Person  person     `json:"person"` // new, or with the id of the invitation's person
	Proofs  proofs     `json:"proofs"`
	Session opening    `json:"session"`
}

func takeInvitation(tx edge.Tx, in accepting) error {
	i, found, err := load[invitation](tx, invitations+in.ID.String())
	if err != nil {
		return err
	}
	if !found || i.Hash != in.Hash || !tx.Now().Before(i.Until) {
		return wrongCode()
	}
	if err := password.Check(in.Proofs.Password); err != nil {
		return err
	}
	drop(tx, invitations+i.ID.String())
	if err := invited(tx, -1); err != nil {
		return err
	}
	p, err := invitee(tx, i, in)
	if err != nil {
		return err
	}
	in.Session.Session.Generation = p.Generation
	if err := addSession(tx, in.Session.Session, p); err != nil {
		return err
	}
	return tell(tx, InvitationUsed, "invitation:"+i.ID.String(), Notice{By: p.ID.String(), Person: p.ID.String()})
}

// invitee makes the person an invitation is for, or gives them new proofs in the place of all old ones.
func invitee(tx edge.Tx, i invitation, in accepting) (person, error) {
	if i.Person.IsZero() {
		p := in.Person
		if i.Login != "" {
			p.Login = i.Login
		}
		p.Roles, p.By, p.Created = i.Roles, i.By, tx.Now()
		return p, addPerson(tx, p, in.Proofs)
	}
	p, err := loadPerson(tx, i.Person)
	if err != nil {
		return p, err
	}
	if p.Suspended || p.ID != in.Session.Session.Person {
		return p, wrongCode()
	}
	old, err := loadProofs(tx, p.ID)
	if err != nil {
		return p, err
	}
	for _, k := range old.Keys {
		drop(tx, keyRow(k.ID))
	}
	in.Proofs.Step = old.Step
	if err := endAll(tx, &p, edge.ID{}); err != nil {
		return p, err
	}
	if err := keep(tx, p, &in.Proofs); err != nil {
		return p, err
	}
	return p, tellPerson(tx, ProofsChanged, p, Notice{By: p.ID.String(), What: "all"})
}

func revokeInvitation(tx edge.Tx, in *identityv1.RevokeInvitationRequest) (*identityv1.RevokeInvitationResponse, error) {
	i, found, err := load[invitation](tx, invitations+in.Id)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, edge.E(edge.NotFound, "there is no such invitation")
	}
	if err := mayRule(tx, tx.Actor(), i.Roles); err != nil {
		return nil, err
	}
	drop(tx, invitations+i.ID.String())
	if err := invited(tx, -1); err != nil {
		return nil, err
	}
	return &identityv1.RevokeInvitationResponse{}, tell(tx, InvitationRevoked, "invitation:"+i.ID.String(), Notice{By: tx.Actor().ID})
}

func idText(id edge.ID) string {
	if id.IsZero() {
		return ""
	}
	return id.String()
}
