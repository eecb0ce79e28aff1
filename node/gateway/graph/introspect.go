package graph

import (
	"encoding/json"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/introspection"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/aielon/edge/node/edge"
)

// introspect answers __schema and __type (GraphQL October 2021, section 4).
func (x *execution) introspect(f graphql.CollectedField) ([]byte, error) {
	if f.Name == "__schema" {
		return x.introspected(nil, f.Selections, introspection.WrapSchema(x.e.ast))
	}
	name, _ := f.ArgumentMap(x.op.Variables)["name"].(string)
	return x.introspected(nil, f.Selections, introspection.WrapTypeFromDef(x.e.ast, x.e.ast.Types[name]))
}

// introspected appends a value of gqlgen's introspection package.
func (x *execution) introspected(dst []byte, selected ast.SelectionSet, v any) ([]byte, error) {
	switch v := v.(type) {
	case *introspection.Type:
		if v == nil {
			return append(dst, "null"...), nil
		}
		return x.members(dst, selected, v)
	case []introspection.Type:
		return introspectedList(x, dst, selected, v)
	case []introspection.Field:
		return introspectedList(x, dst, selected, v)
	case []introspection.InputValue:
		return introspectedList(x, dst, selected, v)
	case []introspection.EnumValue:
		return introspectedList(x, dst, selected, v)
	case []introspection.Directive:
		return introspectedList(x, dst, selected, v)
	case string, *string, []string, bool:
		b, err := json.Marshal(v)
		return append(dst, b...), err
	}
	return x.members(dst, selected, v)
}

func introspectedList[T any](x *execution, dst []byte, selected ast.SelectionSet, list []T) (_ []byte, err error) {
	dst = append(dst, '[')
	for i := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = x.introspected(dst, selected, &list[i]); err != nil {
			return nil, err
		}
	}
	return append(dst, ']'), nil
}

// members appends what is asked for of one value.
func (x *execution) members(dst []byte, selected ast.SelectionSet, of any) (_ []byte, err error) {
	dst = append(dst, '{')
	for i, f := range graphql.CollectFields(x.op, selected, nil) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(append(dst, '"'), f.Alias...), `":`...)
		if f.Name == "__typename" {
			dst = append(append(append(dst, '"'), f.ObjectDefinition.Name...), '"')
			continue
		}
		deprecated, _ := f.ArgumentMap(x.op.Variables)["includeDeprecated"].(bool)
		v, ok := member(of, f.Name, deprecated)
		if !ok {
			return nil, edge.E(edge.Internal, "introspection has no %T.%s", of, f.Name)
		}
		if dst, err = x.introspected(dst, f.Selections, v); err != nil {
			return nil, err
		}
		if len(dst) > maxAnswer {
			return nil, edge.E(edge.Exhausted, "the answer is longer than %d bytes", maxAnswer).WithHint("ask for fewer fields")
		}
	}
	return append(dst, '}'), nil
}
