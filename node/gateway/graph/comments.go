package graph

import (
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/aielon/edge/node/edge"
)

// comments are what the authors of the schemas wrote beside them. The descriptors that are linked into a program
// have lost them, so they come from a descriptor set of their own.
type comments struct{ files *protoregistry.Files }

// newComments reads a serialized google.protobuf.FileDescriptorSet; an empty one has no comments.
func newComments(set []byte) (comments, error) {
	var fds descriptorpb.FileDescriptorSet
	if err := proto.Unmarshal(set, &fds); err != nil {
		return comments{}, edge.E(edge.Internal, "the schemas' comments cannot be read: %w", err)
	}
	files, err := (protodesc.FileOptions{AllowUnresolvable: true}).NewFiles(&fds)
	if err != nil {
		return comments{}, edge.E(edge.Internal, "the schemas' comments cannot be read: %w", err)
	}
	return comments{files}, nil
}

// of returns the comment before d, empty where there is none.
func (c comments) of(d protoreflect.Descriptor) string {
	known, err := c.files.FindDescriptorByName(d.FullName())
	if err != nil {
		return ""
	}
	at := known.ParentFile().SourceLocations().ByDescriptor(known)
	lines := strings.Split(strings.TrimSpace(at.LeadingComments), "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return strings.Join(lines, "\n")
}
