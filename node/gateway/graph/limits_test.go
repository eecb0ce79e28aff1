package graph

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/aielon/edge/node/gateway/method"
)

// TestLimits measures operations on a schema that goes round in circles, as ours does not yet.
func TestLimits(t *testing.T) {
	s := &schema{ast: gqlparser.MustLoadSchema(&ast.Source{Input: "type Query { a: A } type A { a: A n: Int }"}),
		roots: map[ast.Operation]map[string]root{ast.Query: {"a": {method: &method.Method{}}}}}
	for _, tc := range []struct{ name, query, want string }{
		{"small", "{ a { n } }", ""},
		{"as deep as may be", "{ a " + strings.Repeat("{ a ", 10) + "{ n }" + strings.Repeat(" }", 11), ""},
		{"too deep", "{ a " + strings.Repeat("{ a ", 11) + "{ n }" + strings.Repeat(" }", 12), "the operation has 13 levels, it may have 12 (ask in several operations)"},
		{"too deep by a fragment", "{ a { ...F } } fragment F on A { " + strings.Repeat("a { ", 11) + "n " + strings.Repeat("} ", 11) + "}", "the operation has 13 levels, it may have 12"},
		{"calls by a fragment", "{ ...F } fragment F on Query { " + aliases(21, "a { n }") + "}", "the operation has 21 calls"},
		{"fields that double", doubling(60), "the operation has"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			doc, err := gqlparser.LoadQueryWithRules(s.ast, tc.query, silentRules())
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if e := (limits{schema: s}).MutateOperationContext(context.Background(), &graphql.OperationContext{Doc: doc, Operation: doc.Operations[0]}); e != nil {
				got = e.Err.Error()
			}
			if (tc.want == "") != (got == "") || !strings.HasPrefix(got, tc.want) {
				t.Fatalf("%q", got)
			}
		})
	}
}

func aliases(n int, field string) string {
	var s strings.Builder
	for i := range n {
		fmt.Fprintf(&s, "x%d: %s ", i, field)
	}
	return s.String()
}

// doubling is a query whose fields double with every fragment.
func doubling(n int) string {
	var s strings.Builder
	s.WriteString("{ a { ...F0 } } ")
	for i := range n {
		fmt.Fprintf(&s, "fragment F%d on A { ...F%d ... { ...F%d } } ", i, i+1, i+1)
	}
	fmt.Fprintf(&s, "fragment F%d on A { n }", n)
	return s.String()
}
