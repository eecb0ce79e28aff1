package policy

import (
	"iter"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"

	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/edge"
)

const (
	typeRole    types.EntityType = "Role"
	typeAction  types.EntityType = "Action"
	typePerson  types.EntityType = "Person"
	typeDevice  types.EntityType = "Device"
	typeNode    types.EntityType = "Node"
	typeService types.EntityType = "Service"
	typeNobody  types.EntityType = "Nobody"
	typeObject  types.EntityType = "Object"
)

func actionUID(name string) types.EntityUID {
	return types.NewEntityUID(typeAction, types.String(name))
}

// A scene is one request as policies see it. It implements types.EntityGetter and cedar.PolicyIterator.
type scene struct {
	lane              *lane
	roles             []string
	principal, object types.Entity
	context           types.Record
	facts             facts
}

// facts are what Decide works out before any policy is asked.
type facts struct {
	proven  bool
	own     bool
	class   edge.Class
	consent string // "none", "permit", "deny"
	grant   string // id of the break-glass grant that holds; empty: none
}

// Get finds the three entities of a request.
func (s *scene) Get(u types.EntityUID) (types.Entity, bool) {
	switch u {
	case s.principal.UID:
		return s.principal, true
	case s.lane.uid:
		return s.lane.action, true
	case s.object.UID:
		return s.object, true
	}
	return types.Entity{}, false
}

// All yields the rules that can matter.
func (s *scene) All() iter.Seq2[cedar.PolicyID, *cedar.Policy] {
	return func(yield func(cedar.PolicyID, *cedar.Policy) bool) {
		for _, r := range s.lane.always {
			if !yield(r.id, r.policy) {
				return
			}
		}
		for _, role := range s.roles {
			for _, r := range s.lane.byRole[role] {
				if !yield(r.id, r.policy) {
					return
				}
			}
		}
	}
}

func (s *scene) request() cedar.Request {
	return cedar.Request{Principal: s.principal.UID, Action: s.lane.uid, Resource: s.object.UID, Context: s.context}
}

// newScene shows a request to the rules of a lane. Who proved nothing is nobody.
func newScene(q Request, l *lane, roles []string, f facts) *scene {
	s := &scene{lane: l, roles: roles, facts: f}
	if !f.proven {
		q.Caller = auth.Caller{}
	}
	s.principal = types.Entity{
		UID:        types.NewEntityUID(kindType(q.Caller.Kind), types.String(q.Caller.ID)),
		Attributes: record(l.attrs.principal, &q, &f),
	}
	if len(roles) > 0 {
		parents := make([]types.EntityUID, len(roles))
		for i, r := range roles {
			parents[i] = types.NewEntityUID(typeRole, types.String(r))
		}
		s.principal.Parents = types.NewEntityUIDSet(parents...)
	}
	s.object = types.Entity{
		UID:        types.NewEntityUID(typeObject, types.String(q.Object.ID)),
		Attributes: record(l.attrs.object, &q, &f),
	}
	if len(q.Object.Labels) > 0 {
		tags := make(types.RecordMap, len(q.Object.Labels))
		for k, v := range q.Object.Labels {
			tags[types.String(k)] = types.String(v)
		}
		s.object.Tags = types.NewRecord(tags)
	}
	s.context = record(l.attrs.context, &q, &f)
	return s
}

func kindType(k edge.ActorKind) types.EntityType {
	switch k {
	case edge.Person:
		return typePerson
	case edge.Device:
		return typeDevice
	case edge.Node:
		return typeNode
	case edge.Service:
		return typeService
	}
	return typeNobody
}

var classNames = [...]string{"public", "site", "personal", "clinical"}
