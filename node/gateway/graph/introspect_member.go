package graph

import "github.com/99designs/gqlgen/graphql/introspection"

// member is one field of a value of GraphQL's introspection types, written out: looking methods up by their names would
// keep every exported method of the whole program in the binary. What has arguments or values that are deprecated
// leaves them out unless they are asked for.
func member(of any, name string, deprecated bool) (any, bool) {
	switch of := of.(type) {
	case *introspection.Schema:
		return memberOfSchema(of, name)
	case *introspection.Type:
		return memberOfType(of, name, deprecated)
	case *introspection.Field:
		return memberOfField(of, name, deprecated)
	case *introspection.InputValue:
		return memberOfInput(of, name)
	case *introspection.EnumValue:
		return memberOfEnumValue(of, name)
	case *introspection.Directive:
		return memberOfDirective(of, name, deprecated)
	}
	return nil, false
}

func memberOfSchema(s *introspection.Schema, name string) (any, bool) {
	switch name {
	case "description":
		return s.Description(), true
	case "types":
		return s.Types(), true
	case "queryType":
		return s.QueryType(), true
	case "mutationType":
		return s.MutationType(), true
	case "subscriptionType":
		return s.SubscriptionType(), true
	case "directives":
		return s.Directives(), true
	}
	return nil, false
}

func memberOfType(t *introspection.Type, name string, deprecated bool) (any, bool) {
	switch name {
	case "kind":
		return t.Kind(), true
	case "name":
		return t.Name(), true
	case "description":
		return t.Description(), true
	case "specifiedByURL":
		return t.SpecifiedByURL(), true
	case "fields":
		return t.Fields(deprecated), true
	case "interfaces":
		return t.Interfaces(), true
	case "possibleTypes":
		return t.PossibleTypes(), true
	case "enumValues":
		return t.EnumValues(deprecated), true
	case "inputFields":
		return t.VisibleInputFields(deprecated), true
	case "ofType":
		return t.OfType(), true
	case "isOneOf":
		return t.IsOneOf(), true
	}
	return nil, false
}

func memberOfField(f *introspection.Field, name string, deprecated bool) (any, bool) {
	switch name {
	case "name":
		return f.Name, true
	case "description":
		return f.Description(), true
	case "args":
		return f.VisibleArgs(deprecated), true
	case "type":
		return f.Type, true
	case "isDeprecated":
		return f.IsDeprecated(), true
	case "deprecationReason":
		return f.DeprecationReason(), true
	}
	return nil, false
}

func memberOfInput(v *introspection.InputValue, name string) (any, bool) {
	switch name {
	case "name":
		return v.Name, true
	case "description":
		return v.Description(), true
	case "type":
		return v.Type, true
	case "defaultValue":
		return v.DefaultValue, true
	case "isDeprecated":
		return v.IsDeprecated(), true
	case "deprecationReason":
		return v.DeprecationReason(), true
	}
	return nil, false
}

func memberOfEnumValue(v *introspection.EnumValue, name string) (any, bool) {
	switch name {
	case "name":
		return v.Name, true
	case "description":
		return v.Description(), true
	case "isDeprecated":
		return v.IsDeprecated(), true
	case "deprecationReason":
		return v.DeprecationReason(), true
	}
	return nil, false
}

func memberOfDirective(d *introspection.Directive, name string, deprecated bool) (any, bool) {
	switch name {
	case "name":
		return d.Name, true
	case "description":
		return d.Description(), true
	case "locations":
		return d.Locations, true
	case "args":
		return d.VisibleArgs(deprecated), true
	case "isRepeatable":
		return d.IsRepeatable, true
	}
	return nil, false
}
