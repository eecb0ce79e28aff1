package graph

import (
	"flag"
	"os"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/aielon/edge/node/api"
	"github.com/aielon/edge/node/api/nodev1"
	"github.com/aielon/edge/node/api/schemas"
	"github.com/aielon/edge/node/gateway/method"
)

var update = flag.Bool("update", false, "write testdata/schema.graphql anew")

// served are the schemas whose graph is kept in testdata, so that a review sees what a change of a schema does to
// the clients of GraphQL.
func served(t testing.TB) *method.Table {
	t.Helper()
	methods, err := method.New(schemas.All()...)
	if err != nil {
		t.Fatal(err)
	}
	return methods
}

func TestSchemaIsTheOneWeKnow(t *testing.T) {
	s, err := newSchema(served(t), api.Schema)
	if err != nil {
		t.Fatal(err)
	}
	const file = "testdata/schema.graphql"
	if *update {
		if err := os.WriteFile(file, []byte(s.sdl), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != s.sdl {
		t.Fatalf("the schema is another than that in %s; look at the difference, then run: go test ./node/gateway/graph -update", file)
	}
	for _, part := range []string{
		"  setting(\n    key: String!\n  ): Setting\n", "  \"\"\"Shows one device.\"\"\"\n  device(\n    id: String!\n  ): Device\n", "  setSetting(\n",
		"  watchStatus: Status\n", "  ifVersion: String\n", "  publish: TopicsInput\n", "  started: DateTime\n", "  number: Float\n", "  data: String\n", "  ok: Boolean!\n",
	} {
		if !strings.Contains(s.sdl, part) {
			t.Errorf("the schema lacks %q", part)
		}
	}
	if strings.Contains(s.sdl, "downloadBackup") || strings.Contains(s.sdl, "HttpBody") {
		t.Error("the bytes of a file are in the schema")
	}
}

// protoFile makes a file of the schemas' kind out of messages and methods.
func protoFile(t *testing.T, change func(*descriptorpb.FileDescriptorProto)) protoreflect.FileDescriptor {
	t.Helper()
	fd := protodesc.ToFileDescriptorProto(nodev1.File_node_api_nodev1_node_proto)
	change(fd)
	f, err := protodesc.NewFile(fd, protoregistry.GlobalFiles)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestTwoMethodsOfOneField(t *testing.T) {
	f := protoFile(t, func(fd *descriptorpb.FileDescriptorProto) {
		fd.Service[1].Method[0].Name = new("GetSettings") // beside ListSettings of before
		m := proto.Clone(fd.Service[1].Method[0]).(*descriptorpb.MethodDescriptorProto)
		m.Name = new("ListSettings")
		fd.Service[1].Method = append(fd.Service[1].Method, m)
	})
	methods, err := method.New(f)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newSchema(methods, nil); err == nil || !strings.Contains(err.Error(), "would both be the field settings") {
		t.Fatalf("%v", err)
	}
}
