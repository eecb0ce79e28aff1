// Package gatewaytest has a schema for tests of the doors: it uses what the schemas of the services may use.
package gatewaytest

import (
	"context"
	_ "embed"
	"strings"
	"sync"
	"testing"

	"github.com/bufbuild/protocompile"
	_ "google.golang.org/genproto/googleapis/api/annotations" // google/api/*.proto, by their descriptors
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/aielon/edge/node/api"
)

//go:embed testdata/sample.proto
var source string

const name = "sample.proto"

type compiled struct {
	file protoreflect.FileDescriptor
	set  []byte
	err  error
}

// once compiles the schema and makes its types known to the program, which can be done once.
var once = sync.OnceValue(compile)

// Ledger is the schema.
func Ledger(t testing.TB) protoreflect.FileDescriptor {
	t.Helper()
	c := once()
	if c.err != nil {
		t.Fatal(c.err)
	}
	return c.file
}

// Set is a serialized google.protobuf.FileDescriptorSet of the schema and what it imports, with comments.
func Set(t testing.TB) []byte {
	t.Helper()
	Ledger(t)
	return once().set
}

func compile() (c compiled) {
	texts := &protocompile.SourceResolver{Accessor: protocompile.SourceAccessorFromMap(map[string]string{name: source})}
	compiler := protocompile.Compiler{SourceInfoMode: protocompile.SourceInfoStandard,
		Resolver: protocompile.WithStandardImports(protocompile.CompositeResolver{texts, protocompile.ResolverFunc(linked)})}
	files, err := compiler.Compile(context.Background(), name)
	if err != nil {
		c.err = err
		return c
	}
	// Once through bytes, so that options become the ones this program knows.
	set := &descriptorpb.FileDescriptorSet{}
	collect(files[0], set, map[string]bool{})
	if c.set, c.err = proto.Marshal(set); c.err != nil {
		return c
	}
	known := &descriptorpb.FileDescriptorSet{}
	if c.err = proto.Unmarshal(c.set, known); c.err != nil {
		return c
	}
	if c.file, c.err = protodesc.NewFile(known.File[len(known.File)-1], protoregistry.GlobalFiles); c.err == nil {
		c.err = register(c.file)
	}
	return c
}

func collect(f protoreflect.FileDescriptor, set *descriptorpb.FileDescriptorSet, seen map[string]bool) {
	if seen[f.Path()] {
		return
	}
	seen[f.Path()] = true
	for i := range f.Imports().Len() {
		collect(f.Imports().Get(i).FileDescriptor, set, seen)
	}
	set.File = append(set.File, protodesc.ToFileDescriptorProto(f))
}

func linked(path string) (protocompile.SearchResult, error) {
	f, err := protoregistry.GlobalFiles.FindFileByPath(path)
	return protocompile.SearchResult{Desc: f}, err
}

func register(f protoreflect.FileDescriptor) error {
	if err := protoregistry.GlobalFiles.RegisterFile(f); err != nil {
		return err
	}
	for i := range f.Messages().Len() {
		if err := protoregistry.GlobalTypes.RegisterMessage(dynamicpb.NewMessageType(f.Messages().Get(i))); err != nil {
			return err
		}
	}
	return nil
}

// New is a message of the schema, by the name of its type.
func New(t testing.TB, name string) *dynamicpb.Message {
	t.Helper()
	d := Ledger(t).Messages().ByName(protoreflect.Name(name))
	if d == nil {
		t.Fatalf("the schema has no %s", name)
	}
	return dynamicpb.NewMessage(d)
}

// Text is the text in a field of a message, by a dotted path of single fields.
func Text(m proto.Message, path string) string {
	in := m.ProtoReflect()
	parts := strings.Split(path, ".")
	for _, p := range parts[:len(parts)-1] {
		in = in.Get(in.Descriptor().Fields().ByName(protoreflect.Name(p))).Message()
	}
	return in.Get(in.Descriptor().Fields().ByName(protoreflect.Name(parts[len(parts)-1]))).String()
}

// Altered is the schema with another rule for one method.
func Altered(t testing.TB, method string, change func(*api.Rule)) protoreflect.FileDescriptor {
	t.Helper()
	d := protodesc.ToFileDescriptorProto(Ledger(t))
	for _, m := range d.GetService()[0].GetMethod() {
		if m.GetName() != method {
			continue
		}
		m.Options = proto.CloneOf(m.GetOptions())
		rule := proto.CloneOf(proto.GetExtension(m.GetOptions(), api.E_Rule).(*api.Rule))
		change(rule)
		proto.SetExtension(m.GetOptions(), api.E_Rule, rule)
		f, err := protodesc.NewFile(d, protoregistry.GlobalFiles)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	t.Fatalf("the schema has no %s", method)
	return nil
}
