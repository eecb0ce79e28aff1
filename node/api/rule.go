package api

import (
	_ "embed"
	"strings"
	"unicode"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// Schema is a serialized google.protobuf.FileDescriptorSet of every schema of this project, with comments.
//
//go:embed schema.binpb
var Schema []byte

// RuleOf returns what a method's schema says of it; an empty Rule where it says nothing.
func RuleOf(m protoreflect.MethodDescriptor) *Rule {
	if r, ok := proto.GetExtension(m.Options(), E_Rule).(*Rule); ok && r != nil {
		return r
	}
	return &Rule{}
}

// LimitOf returns what a field may hold; an empty Limit where its schema says nothing.
func LimitOf(f protoreflect.FieldDescriptor) *Limit {
	if l, ok := proto.GetExtension(f.Options(), E_Limit).(*Limit); ok && l != nil {
		return l
	}
	return &Limit{}
}

// Query reports whether a method changes nothing.
func Query(m protoreflect.MethodDescriptor) bool {
	o, ok := m.Options().(*descriptorpb.MethodOptions)
	return ok && o.GetIdempotencyLevel() == descriptorpb.MethodOptions_NO_SIDE_EFFECTS
}

// OpName is what a method is called in commands, audit records and permissions: RegisterDevice of package
// aielon.devices.v1 is "devices.register_device".
func OpName(m protoreflect.MethodDescriptor) string {
	parts := strings.Split(string(m.ParentFile().Package()), ".")
	return parts[max(len(parts)-2, 0)] + "." + snake(string(m.Name()))
}

func snake(s string) string {
	var b strings.Builder
	for i, r := range s {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// MethodOf finds the method that takes a message as its request. Every method has a request type of its own,
// in its own file.
func MethodOf(request protoreflect.MessageDescriptor) (protoreflect.MethodDescriptor, bool) {
	services := request.ParentFile().Services()
	for i := range services.Len() {
		methods := services.Get(i).Methods()
		for j := range methods.Len() {
			if methods.Get(j).Input().FullName() == request.FullName() {
				return methods.Get(j), true
			}
		}
	}
	return nil, false
}

// FieldText is the singular scalar field that a dotted path leads to, in words; empty where it leads nowhere.
func FieldText(m proto.Message, path string) string {
	in := m.ProtoReflect()
	for name, rest, more := strings.Cut(path, "."); ; name, rest, more = strings.Cut(rest, ".") {
		f := in.Descriptor().Fields().ByName(protoreflect.Name(name))
		if f == nil || f.IsList() || f.IsMap() || more != (f.Message() != nil) {
			return ""
		}
		if !more {
			return in.Get(f).String()
		}
		in = in.Get(f).Message()
	}
}
