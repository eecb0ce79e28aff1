package openapi

import (
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/aielon/edge/node/edge"
)

// comments are what the schemas' authors wrote; descriptors that are linked into a program have lost them.
type comments struct{ files *protoregistry.Files }

func readComments(set []byte) (comments, error) {
	var all descriptorpb.FileDescriptorSet
	if err := proto.Unmarshal(set, &all); err != nil {
		return comments{}, edge.E(edge.Internal, "the schemas' comments cannot be read: %w", err)
	}
	files, err := protodesc.FileOptions{AllowUnresolvable: true}.NewFiles(&all) // of foreign files there is nothing to say
	if err != nil {
		return comments{}, edge.E(edge.Internal, "the schemas' comments cannot be read: %w", err)
	}
	return comments{files}, nil
}

// of is what is written above a declaration, as one line for each paragraph.
func (c comments) of(d protoreflect.Descriptor) string {
	found, err := c.files.FindDescriptorByName(d.FullName())
	if err != nil {
		return ""
	}
	text := found.ParentFile().SourceLocations().ByDescriptor(found).LeadingComments
	var paragraphs []string
	for p := range strings.SplitSeq(text, "\n\n") {
		if p = strings.Join(strings.Fields(p), " "); p != "" {
			paragraphs = append(paragraphs, p)
		}
	}
	return strings.Join(paragraphs, "\n\n")
}

// summary is the first sentence of a comment, without its full stop.
func summary(text string) string {
	first, _, _ := strings.Cut(text, "\n")
	if i := strings.Index(first, ". "); i > 0 {
		first = first[:i]
	}
	return strings.TrimSuffix(first, ".")
}
