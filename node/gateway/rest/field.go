package rest

import (
	"encoding/base64"
	"math"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/aielon/edge/node/edge"
)

// maxValues bounds how often one name may stand behind the question mark.
const maxValues = 100

// set puts text into the field that a dotted path names, by its schema name or its JSON name.
func set(m protoreflect.Message, path string, values []string) error {
	name, rest, deeper := strings.Cut(path, ".")
	f := m.Descriptor().Fields().ByName(protoreflect.Name(name))
	if f == nil {
		f = m.Descriptor().Fields().ByJSONName(name)
	}
	switch {
	case f == nil || f.IsMap():
		return edge.E(edge.Invalid, "there is nothing called %s to ask for", clip(path))
	case deeper && f.Message() != nil && !f.IsList():
		return set(m.Mutable(f).Message(), rest, values)
	case deeper:
		return edge.E(edge.Invalid, "there is nothing called %s to ask for", clip(path))
	case len(values) > maxValues || len(values) > 1 && !f.IsList():
		return edge.E(edge.Invalid, "%s is given %d times", clip(path), len(values))
	}
	for _, text := range values {
		v, err := parse(m, f, text)
		if err != nil {
			return edge.E(edge.Invalid, "%s: %q is not %s", clip(path), clip(text), kindName(f))
		}
		if f.IsList() {
			m.Mutable(f).List().Append(v)
		} else {
			m.Set(f, v)
		}
	}
	return nil
}

// schemaName is a dotted path by the names of the schema, whichever it was written by.
func schemaName(d protoreflect.MessageDescriptor, path string) string {
	parts := strings.Split(path, ".")
	for i, name := range parts {
		if d == nil {
			break
		}
		f := d.Fields().ByJSONName(name)
		if f == nil {
			if f = d.Fields().ByName(protoreflect.Name(name)); f == nil {
				break
			}
		}
		parts[i], d = string(f.Name()), f.Message()
	}
	return strings.Join(parts, ".")
}

// parse reads the text of one value.
func parse(m protoreflect.Message, f protoreflect.FieldDescriptor, s string) (v protoreflect.Value, err error) {
	switch f.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(s), nil
	case protoreflect.BoolKind:
		if s != "true" && s != "false" {
			return v, strconv.ErrSyntax
		}
		return protoreflect.ValueOfBool(s == "true"), nil
	case protoreflect.BytesKind:
		b, err := base64.URLEncoding.DecodeString(s)
		return protoreflect.ValueOfBytes(b), err
	case protoreflect.EnumKind:
		e := f.Enum().Values().ByName(protoreflect.Name(s))
		if e == nil {
			return v, strconv.ErrSyntax
		}
		return protoreflect.ValueOfEnum(e.Number()), nil
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return parseMessage(m, f, s)
	}
	return parseNumber(f, s)
}

// parseMessage reads those messages that are written as one text: times, durations, wrappers.
func parseMessage(m protoreflect.Message, f protoreflect.FieldDescriptor, s string) (protoreflect.Value, error) {
	if f.Message().ParentFile().Package() != "google.protobuf" {
		return protoreflect.Value{}, strconv.ErrSyntax
	}
	v := m.NewField(f)
	if f.IsList() {
		v = v.List().NewElement()
	}
	return v, protojson.Unmarshal([]byte(strconv.Quote(s)), v.Message().Interface())
}

func parseNumber(f protoreflect.FieldDescriptor, s string) (v protoreflect.Value, err error) {
	switch f.Kind() {
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		n, err := strconv.ParseInt(s, 10, 32)
		return protoreflect.ValueOfInt32(int32(n)), err
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		n, err := strconv.ParseInt(s, 10, 64)
		return protoreflect.ValueOfInt64(n), err
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		n, err := strconv.ParseUint(s, 10, 32)
		return protoreflect.ValueOfUint32(uint32(n)), err
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		n, err := strconv.ParseUint(s, 10, 64)
		return protoreflect.ValueOfUint64(n), err
	}
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsInf(n, 0) || math.IsNaN(n) {
		return v, strconv.ErrSyntax
	}
	if f.Kind() == protoreflect.FloatKind {
		return protoreflect.ValueOfFloat32(float32(n)), nil
	}
	return protoreflect.ValueOfFloat64(n), nil
}

func kindName(f protoreflect.FieldDescriptor) string {
	switch f.Kind() {
	case protoreflect.BoolKind:
		return "true or false"
	case protoreflect.EnumKind:
		return "one of its values"
	case protoreflect.MessageKind:
		return "a " + strings.ToLower(string(f.Message().Name()))
	case protoreflect.BytesKind:
		return "base64url"
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return "a number"
	}
	return "a whole number in range"
}
