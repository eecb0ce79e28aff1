package graph

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/validator/core"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"github.com/aielon/edge/node/edge"
)

// Bounds of one operation, looked at before anything of it is done.
const (
	maxTokens     = 2000 // of its text
	maxDepth      = 12   // fields within fields
	maxFields     = 1000 // with every use of a fragment counted
	maxCalls      = 20   // fields of the root, each of which is a call
	maxComplexity = 1000 // its fields, and the cost of its calls (api.Rule.cost)
	maxVariables  = 100

	// Introspection goes deeper than anything else: graphql-js asks for types wrapped nine times.
	maxIntrospectionDepth = 20
)

// limits refuses what would cost too much, and introspection to whom it is not open.
type limits struct {
	schema     *schema
	introspect func(context.Context) bool
	knock      func(context.Context) error
}

var _ interface {
	graphql.HandlerExtension
	graphql.OperationContextMutator
	graphql.OperationParameterMutator
} = limits{}

// ExtensionName implements graphql.HandlerExtension.
func (limits) ExtensionName() string { return "limits" }

// Validate implements graphql.HandlerExtension.
func (limits) Validate(graphql.ExecutableSchema) error { return nil }

// MutateOperationParameters implements graphql.OperationParameterMutator.
func (l limits) MutateOperationParameters(ctx context.Context, p *graphql.RawParams) *gqlerror.Error {
	if err := l.knock(ctx); err != nil {
		return gqlError(err, nil)
	}
	switch {
	case p.Query == "" && p.Extensions["persistedQuery"] != nil:
		e := invalid("PersistedQueryNotSupported") // the words that clients look for
		e.Extensions["code"] = "PERSISTED_QUERY_NOT_SUPPORTED"
		return e
	case p.Query == "":
		return invalid("the request has no query")
	case len(p.Variables) > maxVariables:
		return gqlError(edge.E(edge.Exhausted, "the request has %d variables, it may have %d", len(p.Variables), maxVariables), nil)
	}
	return nil
}

// MutateOperationContext implements graphql.OperationContextMutator.
func (l limits) MutateOperationContext(ctx context.Context, op *graphql.OperationContext) *gqlerror.Error {
	m := measure{l.schema, op.Operation.Operation, map[string]size{}}
	s := m.set(op.Operation.SelectionSet, true)
	if s.introspects && !l.introspect(ctx) {
		return gqlError(edge.E(edge.Denied, "the schema is shown to those who are signed in and may see how the node is"), nil)
	}
	what, is, most := "", 0, 0
	switch {
	case s.calls > maxCalls:
		what, is, most = "calls", s.calls, maxCalls
	case s.depth > maxDepth:
		what, is, most = "levels", s.depth, maxDepth
	case s.introspection > maxIntrospectionDepth:
		what, is, most = "levels", s.introspection, maxIntrospectionDepth
	case s.fields > maxFields:
		what, is, most = "fields", s.fields, maxFields
	case s.fields+s.cost > maxComplexity:
		what, is, most = "points of cost", s.fields+s.cost, maxComplexity
	default:
		return nil
	}
	return gqlError(edge.E(edge.Exhausted, "the operation has %d %s, it may have %d", is, what, most).WithHint("ask in several operations"), nil)
}

// size is what a selection amounts to.
type size struct {
	fields, calls, cost  int
	depth, introspection int // levels of fields, of ours and of introspection
	introspects          bool
}

// beyond is more than any limit: sums stop there, and two of them fit an int of 32 bits.
const beyond = 1 << 20

const _ int32 = 2 * beyond

func (s size) and(o size) size {
	return size{min(s.fields+o.fields, beyond), min(s.calls+o.calls, beyond), min(s.cost+o.cost, beyond),
		max(s.depth, o.depth), max(s.introspection, o.introspection), s.introspects || o.introspects}
}

// measure counts what a selection amounts to. A fragment is counted once and then known, so that fragments which
// use each other twice do not take twice as long with each.
type measure struct {
	schema *schema
	kind   ast.Operation
	known  map[string]size
}

func (m measure) set(selected ast.SelectionSet, top bool) (s size) {
	for _, sel := range selected {
		switch sel := sel.(type) {
		case *ast.Field:
			s = s.and(m.field(sel, top))
		case *ast.InlineFragment:
			s = s.and(m.set(sel.SelectionSet, top))
		case *ast.FragmentSpread:
			s = s.and(m.fragment(sel, top))
		}
	}
	return s
}

func (m measure) fragment(f *ast.FragmentSpread, top bool) size {
	s, ok := m.known[f.Name]
	if !ok && f.Definition != nil { // a fragment is of one type, so it is always at the top or never
		s = m.set(f.Definition.SelectionSet, top)
		m.known[f.Name] = s
	}
	return s
}

func (m measure) field(f *ast.Field, top bool) size {
	s := m.set(f.SelectionSet, false)
	s.fields = min(s.fields+1, beyond)
	if top && (f.Name == "__schema" || f.Name == "__type") {
		s.introspects, s.introspection, s.depth = true, max(s.introspection, s.depth+1), 0
		return s
	}
	s.depth++
	if r, ok := m.schema.roots[m.kind][f.Name]; top && ok {
		s.calls++
		s.cost = min(s.cost+int(min(max(r.method.Rule.GetCost(), 1), beyond)), beyond)
	}
	return s
}

// silentRules are the rules of validation, without those that answer a wrong name with the right ones.
func silentRules() *rules.Rules {
	r := rules.NewDefaultRules()
	for _, s := range []struct{ telling, silent core.Rule }{
		{rules.KnownArgumentNamesRule, rules.KnownArgumentNamesRuleWithoutSuggestions},
		{rules.KnownTypeNamesRule, rules.KnownTypeNamesRuleWithoutSuggestions},
		{rules.ValuesOfCorrectTypeRule, rules.ValuesOfCorrectTypeRuleWithoutSuggestions},
	} {
		r.RemoveRule(s.telling.Name)
		r.AddRule(s.silent.Name, s.silent.RuleFunc)
	}
	return r
}
