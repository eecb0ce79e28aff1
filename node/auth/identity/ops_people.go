package identity

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/aielon/edge/node/api/identityv1"
	"github.com/aielon/edge/node/edge"
)

// ruled loads a person whom the actor may act on.
func ruled(tx edge.Tx, id string) (person, error) {
	pid, err := edge.ParseID(id)
	if err != nil {
		return person{}, edge.E(edge.NotFound, "there is no such person")
	}
	p, err := loadPerson(tx, pid)
	if err != nil {
		return person{}, err
	}
	return p, mayRule(tx, tx.Actor(), p.Roles)
}

func changePerson(tx edge.Tx, in *identityv1.ChangePersonRequest) (*identityv1.Person, error) {
	p, err := ruled(tx, in.Id)
	if err != nil {
		return nil, err
	}
	if in.Login != nil {
		if err := rename(tx, &p, *in.Login); err != nil {
			return nil, err
		}
	}
	if err := describe(&p, in.DisplayName, in.Language); err != nil {
		return nil, err
	}
	if err := keep(tx, p, nil); err != nil {
		return nil, err
	}
	return show(p), tellPerson(tx, PersonChanged, p, Notice{By: tx.Actor().ID})
}

// rename gives a person another login name, which nobody else may have.
func rename(tx edge.Tx, p *person, typed string) error {
	login, err := checkLogin(typed)
	if err != nil || login == p.Login {
		return err
	}
	if err := claim(tx, login, p.ID); err != nil {
		return err
	}
	drop(tx, logins+p.Login)
	p.Login = login
	return nil
}

func claim(tx edge.Tx, login string, id edge.ID) error {
	_, taken, err := load[edge.ID](tx, logins+login)
	switch {
	case err != nil:
		return err
	case taken:
		return edge.E(edge.Conflict, "somebody here is called %q already", login).WithHint("choose another sign-in name")
	}
	return save(tx, logins+login, id)
}

func describe(p *person, name, language *string) (err error) {
	if name != nil {
		if p.Name, err = checkName(*name); err != nil {
			return err
		}
	}
	if language != nil {
		p.Language, err = checkLanguage(*language)
	}
	return err
}

// addPerson makes somebody new.
func addPerson(tx edge.Tx, p person, x proofs) error {
	s, _, err := load[site](tx, keySite)
	if err != nil {
		return err
	}
	if s.People >= MaxPeople {
		return edge.E(edge.Exhausted, "a site knows %d people at the most", MaxPeople).WithHint("remove people who are gone")
	}
	if err := claim(tx, p.Login, p.ID); err != nil {
		return err
	}
	s.People++
	if err := save(tx, keySite, s); err != nil {
		return err
	}
	markOwner(tx, p)
	if err := keep(tx, p, &x); err != nil {
		return err
	}
	return tellPerson(tx, PersonAdded, p, Notice{By: p.By, Roles: p.Roles})
}

func setRoles(tx edge.Tx, in *identityv1.SetRolesRequest) (*identityv1.Person, error) {
	roles, err := checkRoles(in.Roles)
	if err != nil {
		return nil, err
	}
	p, err := ruled(tx, in.Id)
	if err != nil {
		return nil, err
	}
	if err := mayRule(tx, tx.Actor(), roles); err != nil {
		return nil, err
	}
	p.Roles = roles
	markOwner(tx, p)
	if err := keepAnOwner(tx); err != nil {
		return nil, err
	}
	if err := keep(tx, p, nil); err != nil {
		return nil, err
	}
	return show(p), tellPerson(tx, RolesChanged, p, Notice{By: tx.Actor().ID, Roles: roles})
}

func suspendPerson(tx edge.Tx, in *identityv1.SuspendPersonRequest) (*identityv1.Person, error) {
	p, err := ruled(tx, in.Id)
	if err != nil || p.Suspended {
		return show(p), err
	}
	p.Suspended = true
	markOwner(tx, p)
	if err := keepAnOwner(tx); err != nil {
		return nil, err
	}
	if err := endAll(tx, &p, edge.ID{}); err != nil {
		return nil, err
	}
	return show(p), tellPerson(tx, PersonSuspended, p, Notice{By: tx.Actor().ID})
}

func reinstatePerson(tx edge.Tx, in *identityv1.ReinstatePersonRequest) (*identityv1.Person, error) {
	p, err := ruled(tx, in.Id)
	if err != nil || !p.Suspended {
		return show(p), err
	}
	p.Suspended = false
	markOwner(tx, p)
	if err := keep(tx, p, nil); err != nil {
		return nil, err
	}
	return show(p), tellPerson(tx, PersonReinstated, p, Notice{By: tx.Actor().ID})
}

func removePerson(tx edge.Tx, in *identityv1.RemovePersonRequest) (*identityv1.RemovePersonResponse, error) {
	p, err := ruled(tx, in.Id)
	if err != nil {
		return nil, err
	}
	x, err := loadProofs(tx, p.ID)
	if err != nil {
		return nil, err
	}
	drop(tx, owners+p.ID.String())
	if err := keepAnOwner(tx); err != nil {
		return nil, err
	}
	if err := endAll(tx, &p, edge.ID{}); err != nil {
		return nil, err
	}
	for _, k := range x.Keys {
		drop(tx, keyRow(k.ID))
	}
	for _, key := range []string{people + p.ID.String(), proofsOf + p.ID.String(), logins + p.Login} {
		drop(tx, key)
	}
	s, _, err := load[site](tx, keySite)
	if err != nil {
		return nil, err
	}
	s.People = max(s.People-1, 0)
	if err := save(tx, keySite, s); err != nil {
		return nil, err
	}
	return &identityv1.RemovePersonResponse{}, tellPerson(tx, PersonRemoved, p, Notice{By: tx.Actor().ID})
}

func revokePersonSessions(tx edge.Tx, in *identityv1.RevokePersonSessionsRequest) (*identityv1.Person, error) {
	p, err := ruled(tx, in.Id)
	if err != nil {
		return nil, err
	}
	if err := endAll(tx, &p, edge.ID{}); err != nil {
		return nil, err
	}
	return show(p), tellPerson(tx, SessionsRevoked, p, Notice{By: tx.Actor().ID})
}

// keyRow is where a passkey's owner stands.
func keyRow(id []byte) string {
	sum := sha256.Sum256(id)
	return keysOf + hex.EncodeToString(sum[:])
}
