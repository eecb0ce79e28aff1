package graph

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql/introspection"

	"github.com/aielon/edge/node/api"
)

// TestEveryMemberIsThere asks for each field of each introspection type, as gqlgen's own schema lists them.
func TestEveryMemberIsThere(t *testing.T) {
	s, err := newSchema(served(t), api.Schema)
	if err != nil {
		t.Fatal(err)
	}
	wrapped := introspection.WrapSchema(s.ast)
	for name, of := range map[string]any{
		"__Schema": wrapped, "__Type": wrapped.QueryType(), "__Field": &wrapped.QueryType().Fields(true)[0],
		"__InputValue": &introspection.InputValue{}, "__EnumValue": &introspection.EnumValue{}, "__Directive": &wrapped.Directives()[0],
	} {
		for _, f := range s.ast.Types[name].Fields {
			if _, ok := member(of, f.Name, true); !ok {
				t.Errorf("%s.%s is not answered", name, f.Name)
			}
		}
	}
}

// theQuery is what GraphiQL and code generators ask first.
const theQuery = `query IntrospectionQuery { __schema { description queryType { name } mutationType { name } subscriptionType { name } types { ...FullType }
 directives { name description isRepeatable locations args(includeDeprecated: true) { ...InputValue } } } }
fragment FullType on __Type { __typename kind name description specifiedByURL isOneOf fields(includeDeprecated: true) { name description args(includeDeprecated: true) { ...InputValue } type { ...TypeRef } isDeprecated deprecationReason }
 inputFields(includeDeprecated: true) { ...InputValue } interfaces { ...TypeRef } enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason } possibleTypes { ...TypeRef } }
fragment InputValue on __InputValue { name description type { ...TypeRef } defaultValue isDeprecated deprecationReason }
fragment TypeRef on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }`

func asked(t *testing.T, query string) string {
	t.Helper()
	d := emptyDoor(t, served(t), func(context.Context) error { return nil })
	q, err := json.Marshal(map[string]string{"query": query})
	if err != nil {
		t.Fatal(err)
	}
	r, w := httptest.NewRequest("POST", "/graphql", strings.NewReader(string(q))), httptest.NewRecorder()
	r.Header.Set("Content-Type", typeJSON)
	d.ServeHTTP(w, r)
	return w.Body.String()
}

func TestIntrospection(t *testing.T) {
	whole := asked(t, theQuery)
	if !json.Valid([]byte(whole)) || strings.Contains(whole, `"errors"`) || !strings.Contains(whole, `"queryType":{"name":"Query"}`) {
		t.Fatalf("%.300s", whole)
	}
	for query, want := range map[string]string{
		`{ __type(name: "Nobody") { name } }`: `{"data":{"__type":null}}`,
		`{ __type(name: "TopicsInput") { __typename a: kind inputFields { name type { kind name ofType { name } } } } }`: `{"data":{"__type":{"__typename":"__Type","a":"INPUT_OBJECT","inputFields":[{"name":"filters","type":{"kind":"LIST","name":null,"ofType":{"name":null}}}]}}}`,
		`{ __type(name: "Setting") { inputFields { name } enumValues { name } isOneOf specifiedByURL } }`:                `{"data":{"__type":{"inputFields":[],"enumValues":[],"isOneOf":false,"specifiedByURL":null}}}`,
	} {
		if got := asked(t, query); got != want {
			t.Errorf("%s: %s", query, got)
		}
	}
}
