package policy

import (
	"net/netip"
	"slices"
	"time"

	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"

	"github.com/aielon/edge/node/edge"
)

// An attr is one thing a policy may look at, and how it follows from a request. Nil stands for "not there".
type attr struct {
	name types.String
	of   func(q *Request, f *facts) types.Value
}

// attrs are those of one lane: what its rules look at. Making only these halves the cost of a decision.
type attrs struct {
	principal, object, context []attr
}

func principalAttrs() []attr {
	return []attr{
		{"id", func(q *Request, f *facts) types.Value { return types.String(q.Caller.ID) }},
		{"site", func(q *Request, f *facts) types.Value { return types.String(q.Caller.Site) }},
		{"strength", func(q *Request, f *facts) types.Value { return types.Long(q.Caller.Strength) }},
	}
}

func objectAttrs() []attr {
	return []attr{
		{"type", func(q *Request, f *facts) types.Value { return types.String(q.Object.Type) }},
		{"id", func(q *Request, f *facts) types.Value { return types.String(q.Object.ID) }},
		{"owner", func(q *Request, f *facts) types.Value { return types.String(q.Object.Owner) }},
		{"subject", func(q *Request, f *facts) types.Value { return types.String(q.Object.Subject) }},
		{"class", func(q *Request, f *facts) types.Value { return types.String(classNames[f.class]) }},
		{"public", func(q *Request, f *facts) types.Value { return types.Boolean(f.class == edge.Public) }},
		{"personal", func(q *Request, f *facts) types.Value { return types.Boolean(f.class >= edge.Personal) }},
		{"clinical", func(q *Request, f *facts) types.Value { return types.Boolean(f.class >= edge.Clinical) }},
	}
}

func contextAttrs() []attr {
	return []attr{
		{"door", func(q *Request, f *facts) types.Value { return types.String(q.Context.Door) }},
		{"addr", func(q *Request, f *facts) types.Value { return address(q.Context.Addr) }},
		{"local", func(q *Request, f *facts) types.Value { return types.Boolean(q.Context.Local) }},
		{"online", func(q *Request, f *facts) types.Value { return types.Boolean(q.Context.Online) }},
		{"own", func(q *Request, f *facts) types.Value { return types.Boolean(f.own) }},
		{"now", func(q *Request, f *facts) types.Value { return types.NewDatetime(q.Context.Now) }},
		{"hour", func(q *Request, f *facts) types.Value { return types.Long(q.Context.Now.Hour()) }},
		{"weekday", func(q *Request, f *facts) types.Value { return types.Long(weekday(q.Context.Now)) }},
		{"purpose", func(q *Request, f *facts) types.Value { return types.String(purpose(q.Context.Purpose)) }},
		{"consent", func(q *Request, f *facts) types.Value { return types.String(f.consent) }},
		{"breakglass", func(q *Request, f *facts) types.Value { return types.Boolean(f.grant != "") }},
	}
}

// weekday counts from 1, Monday, to 7, Sunday (ISO 8601).
func weekday(t time.Time) int { return (int(t.Weekday())+6)%7 + 1 }

func address(a netip.Addr) types.Value {
	if !a.IsValid() {
		return nil
	}
	a = a.Unmap().WithZone("")
	return types.IPAddr(netip.PrefixFrom(a, a.BitLen()))
}

func record(list []attr, q *Request, f *facts) types.Record {
	if len(list) == 0 {
		return types.Record{}
	}
	m := make(types.RecordMap, len(list))
	for _, a := range list {
		if v := a.of(q, f); v != nil {
			m[a.name] = v
		}
	}
	return types.NewRecord(m)
}

// A look collects which attributes the conditions of some rules look at.
type look struct {
	seen map[types.String][]types.String // by variable: "context", "resource", "principal"
	all  bool                            // something is looked at in a way that is not followed
}

// at takes in what one rule looks at. An attribute of anything but one of the variables themselves, and the context
// as a whole, count as everything.
func (l *look) at(p *ast.Policy) {
	for _, c := range p.Conditions {
		ast.Inspect(ast.NewNode(c.Body), func(n ast.IsNode) bool {
			switch n := n.(type) {
			case ast.NodeTypeAccess:
				return !l.attr(n.Arg, n.Value)
			case ast.NodeTypeHas:
				return !l.attr(n.Arg, n.Value)
			case ast.NodeTypeVariable:
				l.all = l.all || n.Name == "context"
			}
			return true
		})
	}
}

func (l *look) attr(of ast.IsNode, name types.String) (ok bool) {
	v, ok := of.(ast.NodeTypeVariable)
	if !ok {
		l.all = true
		return false
	}
	l.seen[v.Name] = append(l.seen[v.Name], name)
	return true
}

// attrs are those that were looked at.
func (l *look) attrs() attrs {
	pick := func(variable types.String, from []attr) []attr {
		return slices.DeleteFunc(from, func(a attr) bool { return !l.all && !slices.Contains(l.seen[variable], a.name) })
	}
	return attrs{pick("principal", principalAttrs()), pick("resource", objectAttrs()), pick("context", contextAttrs())}
}
