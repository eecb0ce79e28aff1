package policy

import (
	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
)

// A rule is one statement of a policy file.
type rule struct {
	id                cedar.PolicyID
	policy            *cedar.Policy
	at                string // file:line
	doc, reason, hint string
	forbid, floor     bool
	site              bool // added by the site
}

func newRule(p *cedar.Policy, at string) rule {
	a := p.Annotations()
	return rule{
		id: cedar.PolicyID(a["id"]), policy: p, at: at, forbid: p.Effect() == cedar.Forbid,
		doc: string(a["doc"]), reason: string(a["reason"]), hint: string(a["hint"]),
	}
}

func (r rule) tree() *ast.Policy { return (*ast.Policy)(r.policy.AST()) }

// role is the one role the rule is for, and empty where it may be for others too.
func (r rule) role() string {
	switch s := r.tree().Principal.(type) {
	case ast.ScopeTypeIn:
		if s.Entity.Type == typeRole {
			return string(s.Entity.ID)
		}
	case ast.ScopeTypeIsIn:
		if s.Entity.Type == typeRole {
			return string(s.Entity.ID)
		}
	}
	return ""
}

// names reports whether the head of the rule names the action, alone or by one of its groups. The tests in its body
// come later, so this may be true of more than the rule is about.
func (r rule) names(l *lane) bool {
	in := func(e types.EntityUID) bool { return e == l.uid || l.action.Parents.Contains(e) }
	switch s := r.tree().Action.(type) {
	case ast.ScopeTypeEq:
		return s.Entity == l.uid
	case ast.ScopeTypeIn:
		return in(s.Entity)
	case ast.ScopeTypeInSet:
		for _, e := range s.Entities {
			if in(e) {
				return true
			}
		}
		return false
	}
	return true
}

// literals yields every role, action and other thing the rule names, in its head and body.
func (r rule) literals(yield func(types.EntityUID) bool) {
	t, more := r.tree(), true
	see := func(e types.EntityUID) { more = more && yield(e) }
	for _, s := range []ast.IsScopeNode{t.Principal, t.Action, t.Resource} {
		switch s := s.(type) {
		case ast.ScopeTypeEq:
			see(s.Entity)
		case ast.ScopeTypeIn:
			see(s.Entity)
		case ast.ScopeTypeIsIn:
			see(s.Entity)
		case ast.ScopeTypeInSet:
			for _, e := range s.Entities {
				see(e)
			}
		}
	}
	for _, c := range t.Conditions {
		ast.Inspect(ast.NewNode(c.Body), func(n ast.IsNode) bool {
			if v, ok := n.(ast.NodeValue); ok {
				eachEntity(v.Value, see)
			}
			return more
		})
	}
}

func eachEntity(v types.Value, see func(types.EntityUID)) {
	switch v := v.(type) {
	case types.EntityUID:
		see(v)
	case types.Set:
		for e := range v.All() {
			eachEntity(e, see)
		}
	case types.Record:
		for e := range v.Values() {
			eachEntity(e, see)
		}
	}
}
