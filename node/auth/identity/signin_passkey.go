package identity

import (
	"context"

	"github.com/aielon/edge/node/api/identityv1"
	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/auth/passkey"
	"github.com/aielon/edge/node/edge"
)

func (s *Service) relying() (*passkey.Relying, error) {
	if r := s.o.Passkeys(); r != nil {
		return r, nil
	}
	return nil, edge.E(edge.Unavailable, "this node has no name that passkeys could be kept under").WithHint("open the portal under a name, and set that name up; an address is not enough")
}

// BeginPasskeySignIn asks the browser for any passkey of this site.
func (s *Service) BeginPasskeySignIn(context.Context, auth.Caller, *identityv1.BeginPasskeySignInRequest) (*identityv1.Ceremony, error) {
	r, err := s.relying()
	if err != nil {
		return nil, err
	}
	b, err := r.BeginSignIn(s.o.Now())
	return &identityv1.Ceremony{Ceremony: b.Ceremony, Options: string(b.Options)}, err
}

// FinishPasskeySignIn signs in whoever the passkey belongs to. A passkey is two proofs in one: the key, and
// what unlocked it.
func (s *Service) FinishPasskeySignIn(ctx context.Context, _ auth.Caller, in *identityv1.FinishPasskeySignInRequest) (*identityv1.SignedIn, error) {
	r, err := s.relying()
	if err != nil {
		return nil, err
	}
	var p person
	var x proofs
	_, key, err := r.FinishSignIn(in.Ceremony, []byte(in.Answer), func(id edge.ID) (passkey.Person, error) {
		var err error
		if p, x, err = s.look(id); edge.IsKind(err, edge.NotFound) || p.Suspended {
			return passkey.Person{}, nil
		}
		return asPasskey(p, x), err
	}, s.o.Now())
	if err != nil {
		return nil, err
	}
	g := going{person: p.ID, strength: auth.Passkey, brief: in.Brief, cookie: in.Cookie}
	return s.enter(ctx, p, x, g, opening{Key: key.ID, Count: key.Count, Backed: key.BackedUp})
}

// proveByPasskey takes one signature of a passkey of the person who asks.
func (s *Service) proveByPasskey(_ context.Context, p person, x proofs, in *identityv1.ProveRequest) (o opening, g going, err error) {
	r, err := s.relying()
	if err != nil {
		return o, g, err
	}
	_, key, err := r.FinishSignIn(in.Ceremony, []byte(in.Answer), func(id edge.ID) (passkey.Person, error) {
		if id != p.ID || p.Suspended {
			return passkey.Person{}, nil
		}
		return asPasskey(p, x), nil
	}, s.o.Now())
	g.strength = auth.Passkey
	return opening{Key: key.ID, Count: key.Count, Backed: key.BackedUp}, g, err
}

func asPasskey(p person, x proofs) passkey.Person {
	name := p.Name
	if name == "" {
		name = p.Login
	}
	return passkey.Person{ID: p.ID, Login: p.Login, Name: name, Keys: x.Keys}
}

// BeginPasskey asks the browser to make a passkey.
func (s *Service) BeginPasskey(_ context.Context, c auth.Caller, _ *identityv1.BeginPasskeyRequest) (*identityv1.Ceremony, error) {
	r, err := s.relying()
	if err != nil {
		return nil, err
	}
	id, err := s.fresh(c)
	if err != nil {
		return nil, err
	}
	p, x, err := s.look(id)
	if err != nil {
		return nil, err
	}
	b, err := r.BeginRegister(asPasskey(p, x), s.o.Now())
	return &identityv1.Ceremony{Ceremony: b.Ceremony, Options: string(b.Options)}, err
}

// FinishPasskey keeps the passkey the browser made.
func (s *Service) FinishPasskey(ctx context.Context, c auth.Caller, in *identityv1.FinishPasskeyRequest) (*identityv1.Passkey, error) {
	r, err := s.relying()
	if err != nil {
		return nil, err
	}
	id, err := s.fresh(c)
	if err != nil {
		return nil, err
	}
	p, x, err := s.look(id)
	if err != nil {
		return nil, err
	}
	key, err := r.FinishRegister(asPasskey(p, x), in.Ceremony, []byte(in.Answer), s.o.Now())
	if err != nil {
		return nil, err
	}
	if key.Name, err = checkName(in.Name); err != nil {
		return nil, err
	}
	if key.Name == "" {
		key.Name = "passkey"
	}
	sid, err := s.shown(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := s.decide(ctx, opAddKey, proof{Person: id, Session: sid, Strength: auth.Passkey, Key: &key}); err != nil {
		return nil, err
	}
	return showKey(key), nil
}

// ListPasskeys lists the caller's passkeys.
func (s *Service) ListPasskeys(_ context.Context, c auth.Caller, _ *identityv1.ListPasskeysRequest) (*identityv1.ListPasskeysResponse, error) {
	id, err := me(c)
	if err != nil {
		return nil, err
	}
	_, x, err := s.look(id)
	out := &identityv1.ListPasskeysResponse{}
	for _, k := range x.Keys {
		out.Passkeys = append(out.Passkeys, showKey(k))
	}
	return out, err
}

// RemovePasskey removes a passkey of the caller.
func (s *Service) RemovePasskey(ctx context.Context, c auth.Caller, in *identityv1.RemovePasskeyRequest) (*identityv1.RemovePasskeyResponse, error) {
	id, err := s.fresh(c)
	if err != nil {
		return nil, err
	}
	_, x, err := s.look(id)
	if err != nil {
		return nil, err
	}
	for _, k := range x.Keys {
		if keyID(k.ID) == in.Id {
			return &identityv1.RemovePasskeyResponse{}, s.decide(ctx, opDropKey, proof{Person: id, KeyID: k.ID})
		}
	}
	return nil, edge.E(edge.NotFound, "there is no such passkey")
}

// decide has the site carry a change out, and waits until this node shows it.
func (s *Service) decide(ctx context.Context, op string, in any) error {
	out, err := s.propose(ctx, op, in)
	if err != nil {
		return err
	}
	wait, cancel := context.WithTimeout(ctx, decideFor)
	defer cancel()
	return s.shows(wait, out.Index)
}
