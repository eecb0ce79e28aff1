package identity

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/aielon/edge/node/api/identityv1"
	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/edge"
)

// opRevoke is the site's own part of RevokeSession.
const opRevoke = "identity.revoke_session"

// RevokeSession ends a session of whomever, by somebody who may: at this node at once and over a restart, at the others
// when the site has decided. Where it cannot decide, the answer says so, and the site is told when it can.
func (s *Service) RevokeSession(ctx context.Context, c auth.Caller, in *identityv1.RevokeSessionRequest) (*identityv1.RevokeSessionResponse, error) {
	id, err := edge.ParseID(in.GetId())
	if err != nil {
		return nil, noSession()
	}
	if err := s.mayEnd(c.Actor, id); err != nil {
		return nil, err
	}
	before := s.locals.isRevoked(id)
	if err := s.locals.revoke(id); err != nil {
		return nil, err
	}
	defer s.nudge()
	if !s.o.Deciding() {
		return &identityv1.RevokeSessionResponse{Offline: true}, nil
	}
	out, err := s.endAtSite(ctx, c.Actor, in)
	switch {
	case edge.IsKind(err, edge.Unavailable):
		return &identityv1.RevokeSessionResponse{Offline: true}, nil
	case before: // it was ended here before, and is told as such
		return out, err
	}
	if ferr := s.locals.forget(told{Revoked: []edge.ID{id}}); err == nil { // the site knows, or has refused
		err = ferr
	}
	return out, err
}

// mayEnd asks what this node knows: of the session, of its person, and of whoever wants it ended.
func (s *Service) mayEnd(by edge.Actor, id edge.ID) error {
	return s.o.View(func(v edge.View) error {
		row, found, err := load[session](v, sessions+id.String())
		if err != nil {
			return err
		}
		if !found {
			row, _ = s.locals.session(id)
		}
		return mayEnd(v, by, row.Person)
	})
}

// endAtSite has the site end a session, and waits until this node sees it. Unavailable: the site may know or not.
func (s *Service) endAtSite(ctx context.Context, by edge.Actor, in *identityv1.RevokeSessionRequest) (*identityv1.RevokeSessionResponse, error) {
	body, err := proto.Marshal(in)
	if err != nil {
		return nil, edge.E(edge.Internal, "a command cannot be encoded: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, decideFor)
	defer cancel()
	out, err := s.o.Propose.Propose(ctx, edge.Command{ID: edge.NewID(), Type: opRevoke, Actor: by, Body: body})
	if err == nil && out.Err != nil {
		err = out.Err
	}
	if err == nil {
		err = s.shows(ctx, out.Index)
	}
	if err != nil {
		return nil, err
	}
	return &identityv1.RevokeSessionResponse{}, nil
}
