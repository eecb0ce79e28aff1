package graph

import (
	"encoding/json"
	"reflect"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/introspection"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/aielon/edge/node/edge"
)

// introspect answers __schema and __type (GraphQL October 2021, section 4).
func (x *execution) introspect(f graphql.CollectedField) ([]byte, error) {
	s := introspection.WrapSchema(x.e.ast)
	if f.Name == "__schema" {
		return x.reflect(nil, f.Selections, reflect.ValueOf(s))
	}
	name, _ := f.ArgumentMap(x.op.Variables)["name"].(string)
	return x.reflect(nil, f.Selections, reflect.ValueOf(introspection.WrapTypeFromDef(x.e.ast, x.e.ast.Types[name])))
}

// seen are fields whose Go names are not their own: what can be seen of them depends on includeDeprecated.
func seen(name string) string {
	switch name {
	case "inputFields":
		return "VisibleInputFields"
	case "args":
		return "VisibleArgs"
	}
	return strings.ToUpper(name[:1]) + name[1:]
}

// reflect appends a value of gqlgen's introspection package: the fields of GraphQL's introspection types are
// methods or fields of its Go types.
func (x *execution) reflect(dst []byte, selected ast.SelectionSet, v reflect.Value) (_ []byte, err error) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return append(dst, "null"...), nil
		}
		if v.Elem().Kind() != reflect.Struct {
			return x.reflect(dst, selected, v.Elem())
		}
		return x.introspected(dst, selected, v)
	case reflect.Struct:
		p := reflect.New(v.Type())
		p.Elem().Set(v)
		return x.introspected(dst, selected, p)
	case reflect.Slice:
		dst = append(dst, '[')
		for i := range v.Len() {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, err = x.reflect(dst, selected, v.Index(i)); err != nil {
				return nil, err
			}
		}
		return append(dst, ']'), nil
	}
	b, err := json.Marshal(v.Interface())
	return append(dst, b...), err
}

func (x *execution) introspected(dst []byte, selected ast.SelectionSet, p reflect.Value) (_ []byte, err error) {
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
		v, ok := x.member(p, f)
		if !ok {
			return nil, edge.E(edge.Internal, "introspection has no %s.%s", p.Type(), f.Name)
		}
		if dst, err = x.reflect(dst, f.Selections, v); err != nil {
			return nil, err
		}
		if len(dst) > maxAnswer {
			return nil, edge.E(edge.Exhausted, "the answer is longer than %d bytes", maxAnswer).WithHint("ask for fewer fields")
		}
	}
	return append(dst, '}'), nil
}

// member is the value of one field of p.
func (x *execution) member(p reflect.Value, f graphql.CollectedField) (reflect.Value, bool) {
	name := seen(f.Name)
	if m := p.MethodByName(name); m.IsValid() {
		if m.Type().NumIn() == 0 {
			return m.Call(nil)[0], true
		}
		deprecated, _ := f.ArgumentMap(x.op.Variables)["includeDeprecated"].(bool)
		return m.Call([]reflect.Value{reflect.ValueOf(deprecated)})[0], true
	}
	v := p.Elem().FieldByName(name)
	return v, v.IsValid()
}
